"""What is told to people, decided from values: `decide` when a run ends, `overdue` while it runs, `missed` for ticks.

Pure: no clock is read and nothing is sent. `scheduler.notify` sends what is decided here.
"""

from scheduler.alerts.blockkit import escape
from scheduler.alerts.decisions import Alert, Decision, ThreadRef, backoff, decide, missed, overdue
from scheduler.alerts.outbreaks import Kind, Outbreak, Trouble

__all__ = [
    "Alert",
    "Decision",
    "Kind",
    "Outbreak",
    "ThreadRef",
    "Trouble",
    "backoff",
    "decide",
    "escape",
    "missed",
    "overdue",
]
