"""Answers about the App, its installations, tokens and deliveries, and about people."""

from __future__ import annotations

import secrets
from typing import Any

from fakegithub.calls import Answer, Call, answers
from fakegithub.courier import Delivery
from fakegithub.problems import Problem, not_found
from fakegithub.shapes import moment
from fakegithub.world import Installation, Repository, Token

JSON = dict[str, Any]
OPAQUE = 516
"""Characters of a token after `ghs_`: they are as long as they like to be."""


@answers("GET /app")
def app(call: Call) -> Answer:
    alive = [one for one in call.github.installations.values() if not one.removed]
    return Answer(200, call.github.shapes.integration() | {"installations_count": len(alive)})


@answers("POST /app-manifests/{code}/conversions")
def convert_manifest(call: Call) -> Answer:
    manifest = call.github.manifests.pop(call.parameters["code"], None)
    if manifest is None:
        raise not_found()
    known = call.github.app
    secret = {"webhook_secret": known.secret, "pem": known.private_key, "client_secret": secrets.token_hex(20)}
    return Answer(201, {**call.github.shapes.integration(), "client_id": known.client_id, **secret})


@answers("GET /app/hook/config")
def hook_config(call: Call) -> Answer:
    url = call.github.app.hook_url or "https://example.com/unset"
    return Answer(200, {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": url})


@answers("PATCH /app/hook/config")
def set_hook_config(call: Call) -> Answer:
    known = call.github.app
    known.secret = call.body.get("secret", known.secret)
    if "url" in call.body:
        call.github.courier.point(call.body["url"])
    return hook_config(call)


@answers("GET /app/hook/deliveries")
def deliveries(call: Call) -> Answer:
    """Newest first, by a cursor instead of a page's number, as GitHub lists them."""
    size = min(int(call.query.get("per_page", 30)), call.github.page)
    newest = sorted(call.github.courier.sent, key=lambda one: one.id, reverse=True)
    if wanted := call.query.get("status"):
        newest = [one for one in newest if (200 <= one.status_code < 400) == (wanted == "success")]
    start = int(call.query["cursor"].removeprefix("v1_")) if "cursor" in call.query else 0
    shown = newest[start : start + size]
    headers = {}
    if start + size < len(newest):
        address = f"{call.github.api_url}{call.path}?per_page={size}&cursor=v1_{start + size}"
        headers["Link"] = f'<{address}>; rel="next"'
    return Answer(200, [_delivery(one) for one in shown], headers)


@answers("GET /app/hook/deliveries/{delivery_id}")
def delivery(call: Call) -> Answer:
    found = _sent(call)
    url = call.github.app.hook_url or ""
    told = {"request": {"headers": {"X-GitHub-Delivery": found.guid}, "payload": found.payload}}
    return Answer(200, {**_delivery(found), **told, "url": url, "response": {"headers": {}, "payload": found.answer}})


@answers("POST /app/hook/deliveries/{delivery_id}/attempts")
def redeliver(call: Call) -> Answer:
    call.github.courier.again(_sent(call))
    return Answer(202, {})


@answers("GET /app/installations")
def installations(call: Call) -> Answer:
    alive = [one for one in call.github.installations.values() if not one.removed]
    return call.listed([call.github.shapes.installation(one) for one in alive])


@answers("GET /app/installations/{installation_id}")
def installation(call: Call) -> Answer:
    return Answer(200, call.github.shapes.installation(_installation(call)))


@answers("POST /app/installations/{installation_id}/access_tokens")
def access_token(call: Call) -> Answer:
    found, asked = _installation(call), call.body or {}
    if found.suspended_at:
        raise Problem(403, "This installation has been suspended")
    repos = _asked_repositories(call, found, asked)
    permissions = asked.get("permissions") or found.permissions
    levels = ["read", "write", "admin"]
    for name, level in permissions.items():
        if name not in found.permissions or levels.index(level) > levels.index(found.permissions[name]):
            raise Problem(422, "The permissions requested are not granted to this installation.")
    made = Token(
        "ghs_" + secrets.token_urlsafe(OPAQUE)[:OPAQUE],
        found,
        {repo.id for repo in repos},
        {**permissions, "metadata": "read"},
        call.github.now() + call.github.token_life,
    )
    call.github.tokens[made.text] = made
    shape = {
        "token": made.text,
        "expires_at": moment(made.expires_at),
        "permissions": made.permissions,
        "repository_selection": "selected",
    }
    if "repositories" in asked or "repository_ids" in asked:
        shape["repositories"] = [call.github.shapes.repository(repo) for repo in repos]
    return Answer(201, shape)


@answers("GET /repos/{owner}/{repo}/installation")
def repository_installation(call: Call) -> Answer:
    repo = call.github.find(f"{call.parameters['owner']}/{call.parameters['repo']}")
    found = repo and call.github.installed_on(repo)
    if not found:
        raise not_found()
    return Answer(200, call.github.shapes.installation(found))


@answers("GET /installation/repositories")
def installation_repositories(call: Call) -> Answer:
    seen = [repo for repo in _repositories(call, call.token.installation) if repo.id in call.token.repositories]
    return call.listed([call.github.shapes.repository(repo) for repo in seen], "repositories")


@answers("DELETE /installation/token")
def revoke(call: Call) -> Answer:
    call.token.revoked = True
    return Answer(204, None)


@answers("GET /rate_limit")
def rate_limit(call: Call) -> Answer:
    one = {"limit": 5000, "remaining": 4999, "reset": int(call.github.now().timestamp()) + 3600, "used": 1}
    return Answer(200, {"resources": {"core": one, "search": one}, "rate": one})


@answers("GET /users/{username}")
def user(call: Call) -> Answer:
    found = call.github.accounts.get(call.parameters["username"].lower())
    if found is None:
        raise not_found()
    return Answer(200, call.github.shapes.public_user(found, call.github.app.created_at))


@answers("GET /orgs/{org}")
def organization(call: Call) -> Answer:
    found = call.github.accounts.get(call.parameters["org"].lower())
    if found is None or found.kind != "Organization":
        raise not_found()
    return Answer(200, call.github.shapes.organization(found, call.github.app.created_at))


@answers("GET /orgs/{org}/teams/{team_slug}")
def team(call: Call) -> Answer:
    wanted = (call.parameters["org"].lower(), call.parameters["team_slug"].lower())
    for found in call.github.teams:
        if (found.org.login.lower(), found.slug.lower()) == wanted:
            return Answer(200, call.github.shapes.team(found, call.github.app.created_at))
    raise not_found()


@answers("GET /orgs/{org}/teams/{team_slug}/memberships/{username}")
def membership(call: Call) -> Answer:
    wanted = (call.parameters["org"].lower(), call.parameters["team_slug"].lower())
    for found in call.github.teams:
        mine = {login.lower(): login for login in found.members}
        login = mine.get(call.parameters["username"].lower())
        if (found.org.login.lower(), found.slug.lower()) == wanted and login:
            return Answer(200, call.github.shapes.membership(found, login))
    raise not_found()


def _installation(call: Call) -> Installation:
    found = call.github.installations.get(int(call.parameters["installation_id"]))
    if found is None or found.removed:
        raise not_found()
    return found


def _repositories(call: Call, found: Installation) -> list[Repository]:
    known = (call.github.repositories[one] for one in sorted(found.repositories))
    return [repo for repo in known if not repo.deleted]


def _asked_repositories(call: Call, found: Installation, asked: JSON) -> list[Repository]:
    mine = _repositories(call, found)
    if not ("repositories" in asked or "repository_ids" in asked):
        return mine
    names, numbers = asked.get("repositories", []), asked.get("repository_ids", [])
    chosen = [repo for repo in mine if repo.name in names or repo.id in numbers]
    if len(chosen) != len(names) + len(numbers):
        raise Problem(
            422, "There is at least one repository that does not exist or is not accessible to the parent installation."
        )
    return chosen


def _sent(call: Call) -> Delivery:
    wanted = int(call.parameters["delivery_id"])
    for found in call.github.courier.sent:
        if found.id == wanted:
            return found
    raise not_found()


def _delivery(found: Delivery) -> JSON:
    return {
        "id": found.id,
        "guid": found.guid,
        "delivered_at": moment(found.delivered_at),
        "redelivery": found.redelivery,
        "duration": found.duration,
        "status": found.status,
        "status_code": found.status_code,
        "event": found.event,
        "action": found.action,
        "installation_id": found.installation,
        "repository_id": found.repository,
        "throttled_at": None,
    }
