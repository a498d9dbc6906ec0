"""The only door to git: bare mirrors of repositories, from which files are read and exported at a commit.

The rule: a repository is hostile data. Nothing of it is ever executed or checked out: no hooks, no filters, no
submodules, no LFS, no configuration of the machine, and only the protocols that the caller allows. What looks like an
option is refused. The surprise: what a mirror holds is kept under names of its own (`names.kept`), so that a branch
`a` that becomes `a/b` is no conflict.
"""

from bot.checkout.calling import HARDENED, LOCAL, REMOTE, TokenRefused
from bot.checkout.entries import JOB_FILE, LARGEST_JOB_FILE, Entry, Item
from bot.checkout.exporting import Exported, LeftOut, Room
from bot.checkout.local import current_branch, glance, repository_at
from bot.checkout.mirror import Mirror, Mirrors
from bot.checkout.names import checked_branch, checked_path, checked_ref, checked_sha
from bot.checkout.threeway import merged

__all__ = [
    "HARDENED",
    "JOB_FILE",
    "LARGEST_JOB_FILE",
    "LOCAL",
    "REMOTE",
    "Entry",
    "Exported",
    "Item",
    "LeftOut",
    "Mirror",
    "Mirrors",
    "Room",
    "TokenRefused",
    "checked_branch",
    "checked_path",
    "checked_ref",
    "checked_sha",
    "current_branch",
    "glance",
    "merged",
    "repository_at",
]
