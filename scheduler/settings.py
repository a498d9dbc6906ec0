"""The operator's settings, read once from `MESHBOT_*` environment variables.

An unknown `MESHBOT_` variable is an error (it is a typo), and all faults are reported together. Secret values are
`SecretStr`, so that printing the settings shows none.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from scheduler.errors import UserError

PREFIX = "MESHBOT_"


class Settings(BaseSettings):
    """What the operator decides. Durations are seconds, or ISO 8601 durations such as `PT30S`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(Path(".meshbot"), description="Folder of the embedded services, work trees and local logs.")
    database_url: SecretStr | None = Field(
        None, description="Meshbot's own database (SQLAlchemy URL). Default: SQLite in the data folder."
    )
    redis_url: SecretStr | None = Field(
        None, description="Valkey or Redis for the queue. Default: the embedded Valkey of `meshbot up`."
    )
    logs_url: str | None = Field(None, description="Where logs are kept (fsspec URL). Default: the data folder.")
    secrets_dir: Path | None = Field(
        None,
        description="Granted secrets, one file each: `<project>/<NAME>`. Default: `secrets` in the data folder.",
    )
    slack_webhook_url: SecretStr | None = Field(None, description="Slack incoming webhook for alerts.")
    slack_bot_token: SecretStr | None = Field(
        None,
        description="Slack bot token (`chat:write`): needed for channels chosen per job, and for threads.",
    )
    slack_channel: str | None = Field(None, description="The channel of alerts that name none.")
    slack_api_url: str = Field("https://slack.com/api/", description="Slack's API, for a proxy or a test.")
    local_runs: int | None = Field(
        None,
        ge=1,
        description="How many runs may work on one machine at once. Default: twice its processors, and at least 8.",
    )
    keep_days: int = Field(
        90,
        ge=0,
        le=36500,
        description="How many days ended runs, their results and their logs are kept; 0 keeps them for ever. "
        "The newest run of each job is always kept.",
    )
    watch_interval: timedelta = Field(timedelta(seconds=1), description="How often runs are observed.")

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of Meshbot's own database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'meshbot.db').resolve()}"

    @property
    def logs(self) -> str:
        """The fsspec URL of the folder in which logs are kept."""
        return self.logs_url or (self.data_dir / "logs").resolve().as_uri()

    @property
    def keep(self) -> timedelta | None:
        """How long what has ended is kept; None for ever."""
        return timedelta(days=self.keep_days) if self.keep_days else None

    @property
    def secrets(self) -> Path:
        """The folder of granted secrets."""
        return (self.secrets_dir or self.data_dir / "secrets").resolve()


def load() -> Settings:
    """Read the settings from the environment.

    Raises `UserError` that lists every fault: unknown variables, and values that do not fit.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    faults = [f"{name}: no such setting; known are {', '.join(sorted(known))}" for name in unknown]
    settings = None
    try:
        settings = Settings()
    except ValidationError as error:
        faults += [f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False)]
    if faults or settings is None:
        raise UserError("reading the settings from the environment:\n  " + "\n  ".join(faults))
    return settings
