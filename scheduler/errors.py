"""The errors of the scheduler.

Each message says what was being done, what is wrong and what to do instead. Only `Retryable` is tried again; only
`UserError` is shown to people as it stands.
"""


class MeshbotError(Exception):
    """The root of every error that Meshbot raises on purpose."""


class UserError(MeshbotError):
    """Something that a person can mend: the message says where and how."""


class Retryable(MeshbotError):
    """Something that may well work in a moment: a lost connection, a busy service."""
