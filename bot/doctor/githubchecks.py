"""What `doctor` and `setup-github` look at on GitHub: the App, what it may, where it is, what reaches it.

The rule: each check says one thing, names what is missing as GitHub's pages name it, and changes nothing. When the App
itself does not answer, nothing else is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot import shapes
from bot.doctor.checkup import BROKEN, OK, WARNING, check, looked
from bot.setup import manifest as appmanifest
from scheduler.errors import MeshbotError

if TYPE_CHECKING:
    from bot.gh import App, HookConfig, HookDelivery, InstallationInfo, Repository
    from bot.services import Services
    from scheduler.settings import Settings

SINCE = timedelta(hours=1)
SHOWN = 5


def examine(services: Services, now: datetime) -> Iterator[shapes.Check]:
    """Look at everything about GitHub, when an App is set."""
    chosen = services.settings
    if chosen.github_app_id is None:
        return
    if (unset := secrets(chosen)) is not None:
        yield unset
    found = looked("github", lambda: app(services.github))
    yield found
    if found["state"] != BROKEN:
        yield from of_app(services, now)


def of_app(services: Services, now: datetime) -> Iterator[shapes.Check]:
    """Look at what an App that answers may do, where it is installed, and what reaches it."""
    door, teams = services.github, needs_teams(services.settings)
    yield looked("permissions", lambda: permissions(door.permissions(), teams=teams))
    yield looked("events", lambda: events(door.events()))
    yield looked("installations", lambda: installations(door.installations(), _page(services), teams=teams))
    yield looked("clone", lambda: clone(services, door.installations()))
    yield looked("webhook", lambda: webhook(door.hook()))
    yield looked("deliveries", lambda: deliveries(door.failed_deliveries(now - SINCE)))


def secrets(chosen: Settings) -> shapes.Check | None:
    """Check that webhooks can be verified; None when they can."""
    try:
        held = chosen.webhook_secrets
    except MeshbotError as error:
        return check("webhook secret", BROKEN, str(error), "mend that; `web` does not start without a secret")
    if held:
        return None
    remedy = "set MESHBOT_GITHUB_WEBHOOK_SECRETS_FILE or MESHBOT_GITHUB_WEBHOOK_SECRETS to that of the App"
    return check("webhook secret", BROKEN, "none is set, and `web` does not start without", remedy)


def app(door: App) -> shapes.Check:
    """Check that GitHub knows the App and its key."""
    return check("github", OK, f"{door.login}, App {door.id}")


def permissions(has: Mapping[str, str], *, teams: bool) -> shapes.Check:
    """Check that the App asks for everything that it needs."""
    if lacking := appmanifest.lacking(has, teams=teams):
        named = ", ".join(f"`{one.written}`" for one in lacking)
        remedy = f"grant {named} in the App's settings under Permissions & events, and accept it where it is installed"
        return check("permissions", BROKEN, f"the App lacks {named}", remedy)
    return check("permissions", OK, ", ".join(f"{name}: {level}" for name, level in sorted(has.items())))


def events(heard: frozenset[str]) -> shapes.Check:
    """Check that GitHub tells the App what it acts upon."""
    if missing := appmanifest.unheard(heard):
        named = ", ".join(f"`{name}`" for name in missing)
        remedy = "subscribe to them in the App's settings under Permissions & events"
        return check("events", BROKEN, f"the App is not told of {named}", remedy)
    return check("events", OK, f"all {len(appmanifest.EVENTS)} that are acted upon")


def installations(places: Sequence[InstallationInfo], page: str, *, teams: bool) -> shapes.Check:
    """Check that the App is installed, and that its permissions were accepted there."""
    if not places:
        return check("installations", WARNING, "the App is installed nowhere", f"install it: {page}")
    behind = [(one.account, appmanifest.lacking(dict(one.permissions), teams=teams)) for one in places]
    for account, lacking in behind:
        if lacking:
            named = ", ".join(f"`{one.written}`" for one in lacking)
            remedy = f"an owner of {account} accepts them where the App is installed"
            return check("installations", BROKEN, f"{account} has not accepted {named}", remedy)
    words = [f"{one.account}{' (suspended)' if one.suspended else ''}" for one in places]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    found = ", ".join(words[:SHOWN]) + more
    if all(one.suspended for one in places):
        return check("installations", WARNING, found, "unsuspend it in the settings of the account")
    return check("installations", OK, found)


def webhook(hook: HookConfig) -> shapes.Check:
    """Check that GitHub sends events, signed, to somewhere that it verifies."""
    if not hook.url:
        return check("webhook", BROKEN, "the App has no webhook URL", "set it in the App's settings, ending in /github")
    if not hook.signed:
        return check("webhook", BROKEN, "GitHub does not sign what it sends", "set the secret in the App's settings")
    if not hook.url.endswith(appmanifest.HOOK_PATH):
        words = f"it goes to {hook.url}, and `web` listens at {appmanifest.HOOK_PATH}"
        return check("webhook", WARNING, words, "see that a proxy leads it there, or change it in the App's settings")
    if not hook.verified_tls:
        remedy = "enable SSL verification in the App's settings"
        return check("webhook", WARNING, f"GitHub does not verify the certificate of {hook.url}", remedy)
    return check("webhook", OK, f"signed, to {hook.url}")


def deliveries(failed: Sequence[HookDelivery]) -> shapes.Check:
    """Check that what GitHub sends arrives."""
    if failed:
        last = failed[0]
        ended = f"ended with {last.status_code}" if last.status_code else "was not answered"
        words = f"{len(failed)} of the last hour did not arrive; the newest, `{last.event}`, {ended}"
        remedy = "see that `meshbot web` runs and can be reached from GitHub; `bot` then asks for them again"
        return check("deliveries", WARNING, words, remedy)
    return check("deliveries", OK, "none of the last hour failed")


def clone(services: Services, places: Sequence[InstallationInfo]) -> shapes.Check:
    """Check that git can fetch a repository with a token."""
    for place in places:
        if place.suspended:
            continue
        for info in services.github.repositories(place.id)[:1]:
            door = services.github.repository(place.id, info.id)
            _asked_for(services, door)
            return check("clone", OK, f"git reads {info.full_name} with a token")
    return check("clone", WARNING, "there is no repository to try it with", "let the App see a repository")


def needs_teams(chosen: Settings) -> bool:
    """Whether a setting names a team, which takes a permission more."""
    return any("/" in one for one in chosen.protected_people)


def _asked_for(services: Services, door: Repository) -> None:
    branch = door.info().default_branch
    services.mirrors.of(door.clone_url, door.git_token).head(branch)


def _page(services: Services) -> str:
    from bot.gh import site

    return f"{site(services.settings.github_api)}/apps/{services.github.slug}/installations/new"
