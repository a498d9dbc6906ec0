"""What a check run says: the summary, notes on lines, a conclusion and buttons.

The rule: pure. A fault of a job file and an error of the linter fail the check; a warning is shown and fails nothing.
"""

from __future__ import annotations

from bot.gh.shapes import Button

ACCEPT = Button("Accept", "Commit the proposed jobs to this branch", "accept")
REGENERATE = Button("Regenerate", "Read the models again", "regenerate")
