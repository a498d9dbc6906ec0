"""A new App: what GitHub hands over once for the code that it gave to the browser.

The rule: the code is good once and for an hour; what it is exchanged for are secrets, which leave this as such.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from bot.gh.asking import quoted
from bot.gh.reading import field, maybe
from bot.gh.refusals import Asked
from bot.gh.wire import Wire


@dataclass(frozen=True)
class NewApp:
    """An App that was just created. `url` is its page, from which it is installed."""

    id: int
    slug: str
    url: str
    owner: str
    private_key: SecretStr
    webhook_secret: SecretStr


def convert(api_url: str, code: str) -> NewApp:
    """Exchange the code for the App. Raises `Gone` for a code that GitHub does not know, or not any more."""
    wire = Wire(api_url)
    asked = Asked("exchanging GitHub's code for the new App")
    try:
        data = wire.send(asked, "", "POST", f"/app-manifests/{quoted(code)}/conversions", {}).data
    finally:
        wire.close()
    return NewApp(
        id=field(data, "id", int),
        slug=field(data, "slug", str),
        url=field(data, "html_url", str),
        owner=maybe(maybe(data, "owner", dict), "login", str) or "",
        private_key=SecretStr(field(data, "pem", str)),
        webhook_secret=SecretStr(maybe(data, "webhook_secret", str) or ""),
    )
