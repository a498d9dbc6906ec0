"""What somebody may do in a repository.

The rule: it fails closed. Only what GitHub plainly says is believed, and it is asked each time, because what somebody
might do yesterday is nothing to go by.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bot.gh.asking import READ_MEMBERS, Asking, quoted
from bot.gh.faults import Gone
from bot.gh.reading import maybe
from bot.gh.shapes import Permission

# Also enterprise accounts (`_`) and apps (`[bot]`).
LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?")
ROLES: Final[Mapping[str, Permission]] = {
    "admin": "admin",
    "maintain": "maintain",
    "write": "write",
    "triage": "triage",
    "read": "read",
}
COARSE: Final[Mapping[str, Permission]] = {"admin": "admin", "write": "write", "read": "read"}


class People(Asking):
    """The people of a repository."""

    def permission(self, login: str) -> Permission:
        """Return what somebody may do here: `none` for everything that GitHub does not plainly say."""
        if not LOGIN.fullmatch(login):
            return "none"
        doing = f"reading what {login} may do"
        try:
            data = self._ask(doing, "Metadata: read", "GET", f"/collaborators/{quoted(login)}/permission").data
        except Gone:
            return "none"
        return granted(login, data)

    def in_team(self, organisation: str, team: str, login: str) -> bool:
        """Whether somebody is an active member of a team. It takes `Members: read`."""
        if not LOGIN.fullmatch(login):
            return False
        path = f"/orgs/{quoted(organisation)}/teams/{quoted(team)}/memberships/{quoted(login)}"
        asked = self._asked(f"reading whether {login} is in {organisation}/{team}", READ_MEMBERS)
        try:
            data = self._teams().ask(asked, "GET", path).data
        except Gone:
            return False
        return maybe(data, "state", str) == "active"


def granted(login: str, data: object) -> Permission:
    """Read GitHub's answer. A role that an organisation has made itself counts as what it is based on."""
    named = maybe(maybe(data, "user", dict), "login", str)
    if named is None or named.lower() != login.lower():
        return "none"
    coarse = COARSE.get(maybe(data, "permission", str) or "", "none")
    role = ROLES.get(maybe(data, "role_name", str) or "")
    return coarse if role is None or coarse == "none" else role
