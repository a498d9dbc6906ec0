"""The web process, put together: the webhook's door, and whether all is well.

The rule: it opens nothing before it is asked for something, since a server forks. It logs neither paths nor queries.
"""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from bot.intake.scribe import Scribe
from bot.intake.webhook import LARGEST, Door
from bot.services import Services
from scheduler.errors import MeshbotError, UserError
from scheduler.settings import Settings

_log = logging.getLogger("bot.intake.app")


def create_app(settings: Settings) -> Flask:
    """Make the web application. Raises `UserError` when no webhook secret is set: it would believe anybody."""
    demand(settings)
    app = Flask("meshbot", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    services = Services(settings)
    scribe = Scribe(services)
    door = Door(scribe, tuple(secret.get_secret_value().encode() for secret in settings.webhook_secrets))
    app.register_blueprint(door.blueprint())
    app.add_url_rule("/healthz", "healthz", lambda: _health(door))
    app.add_url_rule("/readyz", "readyz", lambda: _readiness(services))
    app.register_error_handler(HTTPException, _refused)
    app.before_request(_begin)
    app.after_request(_log_answer)
    app.extensions["meshbot"] = lambda: _close(scribe, services)
    return app


def demand(settings: Settings) -> None:
    """See that what the web process needs is set. Raises `UserError`."""
    if not settings.webhook_secrets:
        raise UserError(
            "starting the web process: no webhook secret is set, and without one anybody could pass for GitHub; "
            "set MESHBOT_GITHUB_WEBHOOK_SECRETS to the one of the App"
        )


def _close(scribe: Scribe, services: Services) -> None:
    """Let go of what was opened; for whoever ends the application and not the process."""
    scribe.close()
    services.close()


def _health(door: Door) -> Response:
    """Say that this process lives, and what it has taken in."""
    with door.guard:
        counts = dict(door.counts)
    return jsonify(status="alive", deliveries=counts)


def _readiness(services: Services) -> tuple[Response, int]:
    """Say whether deliveries can be stored. A queue that is out of reach only delays them."""
    parts = {"database": "well", "queue": "well"}
    try:
        services.store.pending_count()
    except MeshbotError:
        parts["database"] = "out of reach, or not migrated"
    try:
        if services.queues is None:
            parts["queue"] = "none is set; deliveries are found by the bot all the same"
        else:
            services.queues.ping()
    except MeshbotError:
        parts["queue"] = "out of reach; deliveries are found by the bot all the same"
    ready = parts["database"] == "well"
    return jsonify(status="ready" if ready else "not ready", **parts), 200 if ready else 503


def _refused(error: HTTPException) -> tuple[Response, int]:
    return jsonify(status="refused", message=error.name), error.code or 500


def _begin() -> None:
    g.began = time.perf_counter()


def _log_answer(response: Response) -> Response:
    """Write a line for each request, with the route instead of the path, which anybody may write."""
    route = request.url_rule.rule if request.url_rule else "elsewhere"
    if route not in {"/healthz", "/readyz"}:
        took = (time.perf_counter() - g.began) * 1000 if "began" in g else 0.0
        _log.info("%s %s: %d in %.1f ms", request.method, route, response.status_code, took)
    return response
