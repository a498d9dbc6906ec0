"""The App's key and secrets, from the settings or from files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from scheduler.errors import UserError
from scheduler.settings import Settings


def test_key_and_secrets_may_be_in_files(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("the key\n")
    (tmp_path / "secrets").write_text("newest\nolder\n")
    chosen = Settings(
        github_app_id=7,
        github_private_key_file=tmp_path / "key.pem",
        github_webhook_secrets_file=tmp_path / "secrets",
    )
    assert chosen.has_github
    assert chosen.private_key.get_secret_value() == "the key\n"
    assert [one.get_secret_value() for one in chosen.webhook_secrets] == ["newest", "older"]


def test_a_secret_of_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    chosen = Settings(github_webhook_secrets=SecretStr("given"), github_webhook_secrets_file=tmp_path / "absent")
    assert [one.get_secret_value() for one in chosen.webhook_secrets] == ["given"]


def test_a_file_that_is_not_there_is_said_with_its_setting(tmp_path: Path) -> None:
    chosen = Settings(github_private_key_file=tmp_path / "a", github_webhook_secrets_file=tmp_path / "b")
    with pytest.raises(UserError, match=r"MESHBOT_GITHUB_PRIVATE_KEY_FILE: .*No such file"):
        _ = chosen.private_key
    with pytest.raises(UserError, match=r"MESHBOT_GITHUB_WEBHOOK_SECRETS_FILE: .*No such file"):
        _ = chosen.webhook_secrets
