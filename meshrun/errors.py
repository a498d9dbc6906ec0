"""What is said about an error: its root cause in the project's words, with the audits that failed."""

from __future__ import annotations

from .report import redacted


class ProjectError(Exception):
    """The command, the project or the environment is wrong; the message says what to change."""


def root_cause(error: BaseException) -> str:
    """Describe the innermost cause of an error, one line per failed audit, without passwords."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    audits = getattr(cause, "errors", None)
    lines = [str(cause).strip() or type(cause).__name__]
    if isinstance(audits, list):
        lines += [str(each) for each in audits]
    return redacted("\n".join(lines)) or ""
