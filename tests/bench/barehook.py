"""A web process that only answers 202, under the same server as `meshbot web`: `barehook.py HOST:PORT`."""

from __future__ import annotations

import sys

from flask import Flask

from bot.intake.serving import Server
from scheduler.settings import Settings


class Bare(Server):
    def load(self) -> Flask:
        app = Flask("bare")
        app.add_url_rule("/readyz", "readyz", lambda: "ready")
        app.add_url_rule("/github", "github", lambda: ("{}", 202), methods=["POST"])
        return app


if __name__ == "__main__":
    Bare(Settings(web_bind=sys.argv[1])).run()
