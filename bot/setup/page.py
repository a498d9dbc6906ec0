"""The pages that `setup-github` serves on this machine: the form that brings the manifest to GitHub, and what follows.

The rule: pure. No script runs in them, and everything that they show is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:42em;margin:3em auto;padding:0 1em}button{font:inherit;padding:.5em 1em}"
)


def form_action(web: str, organization: str | None, state: str) -> str:
    """Return the page of GitHub that takes the manifest: for an organization, or for whoever is signed in."""
    owner = f"/organizations/{quote(organization, safe='')}" if organization else ""
    return f"{web}{owner}/settings/apps/new?{urlencode({'state': state})}"


def start(manifest: Mapping[str, Any], action: str) -> str:
    """Write the page with the button that goes to GitHub."""
    value = escape(json.dumps(manifest), quote=True)
    return _page(
        "Create the GitHub App",
        "<p>GitHub asks you for a name, and creates the App with these permissions:</p>"
        f"<ul>{_permissions(manifest)}</ul>"
        f"<p>Webhooks go to <code>{escape(manifest['hook_attributes']['url'])}</code>.</p>"
        f'<form action="{escape(action, quote=True)}" method="post">'
        f'<input type="hidden" name="manifest" value="{value}"><button>Create it on GitHub</button></form>',
    )


def done() -> str:
    """Write the page after GitHub has created the App."""
    return _page(
        "The App is created", "<p>Go back to the terminal: it says what to do next. You may close this page.</p>"
    )


def refused(why: str) -> str:
    """Write the page for a request that does not belong to this set-up."""
    return _page("That did not work", f"<p>{escape(why)}</p>")


def _permissions(manifest: Mapping[str, Any]) -> str:
    granted = manifest["default_permissions"].items()
    return "".join(f"<li>{escape(name.replace('_', ' '))}: {escape(level)}</li>" for name, level in granted)


def _page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{escape(title)}</h1>{body}</body></html>\n'
