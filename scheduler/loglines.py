"""The log of a process: one line for each thing that happens, on standard error.

The rule: what other libraries say is a warning at least; times are UTC.
"""

from __future__ import annotations

import logging
import time


def to_stderr(ours: str) -> None:
    """Let this process, and those that it forks, write their log; of what is `ours`, also what is no warning."""
    line = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    line.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(line)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger(ours).setLevel(logging.INFO)
