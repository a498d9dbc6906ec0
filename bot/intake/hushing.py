"""Text without the secrets in it, for logs and for what is kept of an error.

The rule: whatever we hold is struck out by its value, whatever GitHub gives out by its form; twice is no harm.
"""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.settings import Settings

STRUCK = "[secret]"
SHORTEST = 6
"""A shorter secret would strike out words; GitHub's own are longer."""

_FORMS = re.compile(
    r"gh[a-z]_[A-Za-z0-9_]{10,}|github_pat_\w{10,}|eyJ[\w-]{10,2000}\.[\w-]+\.[\w-]+"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)|(?i:(?<=authorization: )\w+ \S+|(?<=bearer )\S+|(?<=basic )[a-z0-9+/=]{8,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


def hushed(text: str, settings: Settings | None = None) -> str:
    """Strike out every secret of the settings, and what has the form of a token, a password in a URL, or a key."""
    for secret in _secrets(settings):
        text = text.replace(secret, STRUCK)
    return _FORMS.sub(STRUCK, text)


def told(error: BaseException, settings: Settings | None = None) -> str:
    """Say how an error came about, with its traceback."""
    return hushed("".join(traceback.format_exception(error)).rstrip(), settings)


def _secrets(settings: Settings | None) -> list[str]:
    if settings is None:
        return []
    fields = (settings.github_private_key, settings.slack_webhook_url, settings.slack_bot_token)
    held = [field.get_secret_value() for field in fields if field is not None]
    held += [secret.get_secret_value() for secret in settings.webhook_secrets]
    return sorted((secret for secret in held if len(secret) >= SHORTEST), key=len, reverse=True)
