"""The operator's settings, read once from `MESHBOT_*` environment variables.

An unknown `MESHBOT_` variable is an error (it is a typo), and all faults are reported together. Secret values are
`SecretStr`, so that printing the settings shows none.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
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
    launcher: Literal["process", "kubernetes"] = Field(
        "process", description="Where runs run: as processes of the machine of their worker, or as pods of a cluster."
    )
    kubernetes_file: Path | None = Field(
        None,
        description="What each project gets in the cluster, as in `config/kubernetes/operator.yaml`. "
        "The cluster itself is that of `KUBECONFIG`, or the one in which Meshbot runs.",
    )
    keep_days: int = Field(
        90,
        ge=0,
        le=36500,
        description="How many days ended runs, their results and their logs are kept; 0 keeps them for ever. "
        "The newest run of each job is always kept.",
    )
    watch_interval: timedelta = Field(timedelta(seconds=1), description="How often runs are observed.")
    github_app_id: int | None = Field(None, ge=1, description="The id of the GitHub App. `web` and `bot` need it.")
    github_private_key: SecretStr | None = Field(
        None, description="The App's private key, as PEM text; `\\n` may stand for its line breaks."
    )
    github_private_key_file: Path | None = Field(
        None, description="A file that holds the App's private key, instead of the key itself."
    )
    github_webhook_secrets: SecretStr | None = Field(
        None,
        description="The secrets by which GitHub signs its webhooks, separated by commas or spaces: one, or during a "
        "change several, the newest first. `web` needs it.",
    )
    github_webhook_secrets_file: Path | None = Field(
        None, description="A file that holds them, instead of the secrets themselves."
    )
    github_api_url: str = Field(
        "https://api.github.com", description="GitHub's API; on GitHub Enterprise `https://HOST/api/v3`."
    )
    github_protected_environments: str = Field(
        "prod", description="SQLMesh environments, separated by commas, in which `run` and `merge` are protected."
    )
    github_protected_people: str | None = Field(
        None,
        description="Who may `run` and `merge` there: logins and `org/team`, separated by commas. "
        "Default: whoever may write to the repository.",
    )
    github_failure_days: int = Field(
        14, ge=0, le=3650, description="A pull request that was merged longer ago than this is not told of failures."
    )
    web_bind: str = Field("127.0.0.1:8000", description="Where `web` listens: host and port.")
    bot_workers: int = Field(4, ge=1, le=64, description="How many deliveries of GitHub one `bot` handles at once.")
    heal_interval: timedelta = Field(
        timedelta(minutes=5), description="How often the bot looks for what webhooks have not told it."
    )

    @field_validator("github_api_url")
    @classmethod
    def _is_api(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", value):
            raise ValueError("write https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise")
        return value

    @field_validator("web_bind")
    @classmethod
    def _is_place(cls, value: str) -> str:
        if not re.fullmatch(r"([^\s:/]+|\[[0-9a-fA-F:]+\]):\d{1,5}", value):
            raise ValueError("write HOST:PORT, such as 127.0.0.1:8000, or 0.0.0.0:8000 for every address")
        return value

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

    @property
    def has_github(self) -> bool:
        """Whether a GitHub App is set: its id, a key and a secret."""
        key = self.github_private_key or self.github_private_key_file
        secrets = self.github_webhook_secrets_file or self.webhook_secrets
        return self.github_app_id is not None and key is not None and bool(secrets)

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """The secrets by which a webhook may be signed, the newest first. Raises `UserError` for an unreadable file."""
        found = self.github_webhook_secrets
        if found is None and self.github_webhook_secrets_file is not None:
            name = "GITHUB_WEBHOOK_SECRETS_FILE"
            found = _held(self.github_webhook_secrets_file, f"reading the webhook secrets, {PREFIX}{name}")
        return tuple(SecretStr(one) for one in _listed(found))

    @property
    def private_key(self) -> SecretStr:
        """The PEM text of the App's key. Raises `UserError` when none is set, or its file cannot be read."""
        if self.github_private_key is not None:
            return SecretStr(self.github_private_key.get_secret_value().replace("\\n", "\n"))
        if self.github_private_key_file is None:
            raise UserError(
                "reading the App's private key: none is set; "
                "set MESHBOT_GITHUB_PRIVATE_KEY_FILE to the .pem file that GitHub gave you"
            )
        name = "GITHUB_PRIVATE_KEY_FILE"
        return _held(self.github_private_key_file, f"reading the App's private key, {PREFIX}{name}")

    @property
    def github_api(self) -> str:
        """The URL of GitHub's API, without a slash at its end."""
        return self.github_api_url.rstrip("/")

    @property
    def protected_environments(self) -> tuple[str, ...]:
        """The environments in which `run` and `merge` are protected."""
        return _listed(self.github_protected_environments)

    @property
    def protected_people(self) -> tuple[str, ...]:
        """The logins and teams that may `run` and `merge` there; when empty, whoever may write."""
        return _listed(self.github_protected_people)


def _held(file: Path, doing: str) -> SecretStr:
    try:
        return SecretStr(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{doing}: {error}") from error


def _listed(text: str | SecretStr | None) -> tuple[str, ...]:
    plain = text.get_secret_value() if isinstance(text, SecretStr) else text or ""
    return tuple(re.split(r"[\s,]+", plain.strip(", \t\n"))) if plain.strip(", \t\n") else ()


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
