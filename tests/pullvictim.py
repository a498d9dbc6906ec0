"""Handles one pull request, or offers one job file, as a worker would; whoever watches its writes may kill it.

What it is to do is one JSON object on standard input.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from pullworld import Sketches, services
from pydantic import SecretStr

from bot.events import Remake, Repo
from bot.handlers import onboarding, pulls
from scheduler.settings import Settings
from scheduler.store import RepositoryRow


def main() -> None:
    asked = json.load(sys.stdin)
    plain = Settings(
        github_app_id=asked["app"],
        github_private_key=SecretStr(asked["key"]),
        github_webhook_secrets=SecretStr(asked["secret"]),
        github_api_url=asked["api"],
    )
    made = services(plain, Path(asked["data"]), Sketches())
    now = datetime.now(UTC)
    if asked["what"] == "pull":
        event = Remake(asked["installation"], Repo(asked["repository"], "acme/shop", "main"), asked["number"], "asked")
        pulls.remake(event, made, now)
    else:
        onboarding.offer(made, RepositoryRow(asked["repository"], asked["installation"], "acme/shop", "main"), now)


if __name__ == "__main__":
    main()
