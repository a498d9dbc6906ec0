"""GitHub, as Meshbot sees it: the only door to PyGithub and to requests.

The rule: frozen shapes go out, our faults go out, nothing of PyGithub does. A write first looks for what it would
write, so that repeating it is harmless, and nothing here ever waits: a limit is `RateLimited`, for the inbox to obey.
"""

from __future__ import annotations

from bot.gh.app import App
from bot.gh.asking import site
from bot.gh.creation import NewApp, convert
from bot.gh.faults import Gone, KeyRefused, MissingPermission, Moved, RateLimited, Rejected
from bot.gh.repository import Repository
from bot.gh.shapes import (
    Annotation,
    Button,
    Check,
    Conclusion,
    HookConfig,
    HookDelivery,
    InstallationInfo,
    Level,
    Permission,
    PostedCheck,
    PostedComment,
    Pull,
    Reaction,
    RepoInfo,
    Review,
    ReviewComment,
    Suggestion,
    Talk,
)

__all__ = [
    "Annotation",
    "App",
    "Button",
    "Check",
    "Conclusion",
    "Gone",
    "HookConfig",
    "HookDelivery",
    "InstallationInfo",
    "KeyRefused",
    "Level",
    "MissingPermission",
    "Moved",
    "NewApp",
    "Permission",
    "PostedCheck",
    "PostedComment",
    "Pull",
    "RateLimited",
    "Reaction",
    "Rejected",
    "RepoInfo",
    "Repository",
    "Review",
    "ReviewComment",
    "Suggestion",
    "Talk",
    "convert",
    "site",
]
