"""One repository of one installation: everything that Meshbot reads and writes there.

The rule: every write looks first for what it would write, by hidden marker and our own login, by name and external id,
by trailer, or by branch. So whoever was told `Retryable`, also after GitHub did it, simply asks again.
"""

from __future__ import annotations

from bot.gh.changes import Changes
from bot.gh.checkruns import CheckRuns
from bot.gh.conversation import Conversation
from bot.gh.people import People
from bot.gh.required import RequiredChecks


class Repository(Conversation, CheckRuns, Changes, RequiredChecks, People):
    """A repository as an installation lets us see it. For one delivery: its name is read once."""
