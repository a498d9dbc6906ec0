"""Workers in processes of their own, to be killed: settings as one JSON object on stdin, then a line for each worker.

It loads once and forks a worker for each line (how many seconds its clock is ahead), so that a kill costs little. It
answers with the worker's process id, and in the end with its exit code.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pullworld import Sketches
from pydantic import SecretStr

from bot.gh import App
from bot.intake.inboxes import Clerk
from bot.services import Services
from scheduler.settings import Settings

FORK = multiprocessing.get_context("fork")


def work(settings: Settings, seconds: float) -> None:
    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=seconds)

    services = Services(settings)
    services.__dict__["graphs"] = Sketches()
    services.__dict__["github"] = App(settings, now)
    clerk = Clerk(services, "the victim", now=now)
    while inboxes := services.store.inboxes(now(), 100):
        for inbox in inboxes:
            clerk.work(inbox)
    services.close()


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    settings = Settings(
        data_dir=Path(asked["data"]),
        database_url=SecretStr(asked["database"]),
        github_app_id=asked["app"],
        github_private_key=SecretStr(asked["key"]),
        github_webhook_secrets=SecretStr(asked["secret"]),
        github_api_url=asked["api"],
    )
    for module in ("bot.handlers.talk", "bot.handlers.pulls", "scheduler.store"):
        __import__(module)
    for line in sys.stdin:
        process = FORK.Process(target=work, args=(settings, float(line)))
        process.start()
        print(process.pid, flush=True)  # noqa: T201
        process.join()
        print(process.exitcode, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
