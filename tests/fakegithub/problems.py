"""How GitHub refuses: a status and a message, raised where the refusal is decided."""

from __future__ import annotations

from typing import Any

DOCS = "https://docs.github.com/rest"


class Problem(Exception):
    """An answer that is a refusal."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> None:  # noqa: ANN401
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = {"message": message, **more, "documentation_url": DOCS, "status": str(status)}


def not_found() -> Problem:
    return Problem(404, "Not Found")


def not_accessible() -> Problem:
    return Problem(403, "Resource not accessible by integration")


def bad_credentials() -> Problem:
    return Problem(401, "Bad credentials")


def invalid(resource: str, name: str, message: str, code: str = "custom") -> Problem:
    """What GitHub says of a field that it does not take."""
    error = {"resource": resource, "code": code, "field": name, "message": message}
    return Problem(422, "Validation Failed", errors=[error])


def plain_invalid(message: str) -> Problem:
    return Problem(422, message)
