"""A committed file holds no secret; what may be one is refused, and never repeated."""

from __future__ import annotations

import pytest

from scheduler.jobfile import JobFileError, parse

HEAD = "version: 1\nproject: shop\nenvironment: prod\njobs:\n  x:\n    schedule: '@daily'\n"
SECRET = "hunter2ABCDEFGHIJKLMNOP"  # noqa: S105 - it is none


def refusal(lines: str) -> str:
    with pytest.raises(JobFileError) as caught:
        parse(f"{HEAD}    {lines}\n")
    error = caught.value
    assert error.__context__ is None or SECRET not in str(error.__context__)
    return str(error)


@pytest.mark.parametrize(
    "lines",
    [
        f"secrets: {{PASSWORD: {SECRET}}}",
        f"secrets:\n      PASSWORD: {SECRET}",
        f"secrets: [PASSWORD={SECRET}]",
        f"secrets: ['PASSWORD: {SECRET}']",
        f"secrets: [PASSWORD: {SECRET}]",
        f"secrets: [{SECRET}-1]",
        f"secrets: {SECRET}",
        f"secrets: {{{SECRET}-1}}",
        f"secrets: [[{SECRET}]]",
        f"secrets: [ghp_{SECRET}]",
    ],
)
def test_a_secret_is_named_and_its_value_never_repeated(lines: str) -> None:
    said = refusal(lines)
    assert SECRET not in said
    assert "the operator grants the values" in said


@pytest.mark.parametrize(
    "value",
    [
        f"postgres://shop:{SECRET}@host/db",
        f"snowflake://u:{SECRET}@acme/db?warehouse=x",
        f"redis://:{SECRET}@host",
        f"ghp_{SECRET}",
        f"github_pat_{SECRET}",
        f"glpat-{SECRET}",
        f"xoxb-{SECRET}",
        f"https://hooks.slack.com/services/T0/B0/{SECRET}",
        "AKIAHUNTER2HUNTER2HUN",
        f"AIza{SECRET}{SECRET}",
        f"sk-{SECRET}",
        f"sk_live_{SECRET}",
        f"eyJ{SECRET}.eyJ{SECRET}.{SECRET}",
        f"Server=x;Password={SECRET};",
        f"-----BEGIN RSA PRIVATE KEY----- {SECRET}",
    ],
)
@pytest.mark.parametrize(
    "line", ["env: {HARMLESS: '%s'}", "description: '%s'", "image: '%s'", "select: ['%s']", "owner: '%s'"]
)
def test_a_value_that_looks_like_a_credential_is_refused_anywhere_and_not_repeated(line: str, value: str) -> None:
    said = refusal(line % value)
    assert "hunter2" not in said.lower()
    assert "take it out of Git" in said


@pytest.mark.parametrize("name", ["PASSWORD", "DB_PASSWORD", "API_TOKEN", "snowflake_api_key", "AWS_SECRET_ACCESS_KEY"])
def test_a_credential_by_its_name_is_refused(name: str) -> None:
    said = refusal(f"env: {{{name}: {SECRET}}}")
    assert SECRET not in said
    assert f"secrets: [{name}]" in said


@pytest.mark.parametrize(
    "entry",
    [
        "REGION: eu-west-1",
        "TOKEN_URL: https://login.example.com/token",
        "GOOGLE_APPLICATION_CREDENTIALS: /secrets/key.json",
        "PRIVATE_KEY: /secrets/key.pem",
        "PASSWORD: ''",
        "GATEWAY: postgres://shop@host/db",
        "MAX_TOKENS: '5'",
        "SQLMESH__DEFAULT_GATEWAY: prod",
        "ENV: prod",
    ],
)
def test_what_gives_nothing_away_is_welcome(entry: str) -> None:
    name = entry.partition(":")[0]
    assert name in parse(f"{HEAD}    env: {{{entry}}}\n").jobs[0].env


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("PATH", "finds its programs"),
        ("Path", "finds its programs"),
        ("HOME", "a home of its own"),
        ("BASH_ENV", "execute it"),
        ("LD_PRELOAD", "which libraries"),
        ("DYLD_INSERT_LIBRARIES", "which libraries"),
        ("PYTHONPATH", "the run's own Python"),
        ("PYTHONSTARTUP", "the run's own Python"),
        ("MESHBOT_DATABASE_URL", "the operator's settings"),
        ("MESHRUN_X", "the run's own settings"),
    ],
)
def test_names_that_change_how_a_run_is_started_are_refused(name: str, why: str) -> None:
    assert why in refusal(f"env: {{{name}: x}}")
    assert why in refusal(f"secrets: [{name}]")


def test_every_fault_of_env_and_secrets_is_found_beside_a_wrong_type() -> None:
    said = refusal(f"env: {{PORT: 1, 1A: x, LD_PRELOAD: y, URL: 'x://u:{SECRET}@h'}}\n    secrets: [PATH, 5, A, A=b]")
    assert [path in said for path in ("env.PORT", "env.1A", "env.LD_PRELOAD", "env.URL")] == [True] * 4
    assert [f"secrets[{n}]" in said for n in range(4)] == [True, True, False, True]


def test_a_name_stands_once_and_in_one_place() -> None:
    assert "A is in env too" in refusal("env: {A: x}\n    secrets: [A]")
    assert "named twice" in refusal("secrets: [A, A]")


@pytest.mark.parametrize(
    "text",
    [
        f"secrets:\n  PASSWORD: *{SECRET}\n",
        f"secrets:\n  PASSWORD: !{SECRET} x\n",
        f"secrets:\n  PASSWORD: @{SECRET}\n",
        f"secrets:\n  PASSWORD: '{SECRET}\n",
        f"secrets:\n  PASSWORD: [{SECRET}\n",
        f"secrets:\n\tPASSWORD: {SECRET}\n",
        f"secrets:\n  PASSWORD: {SECRET}: x\n",
        f'secrets:\n  PASSWORD: "\\q{SECRET}"\n',
        f"secrets:\n  PASSWORD: &{SECRET}\n",
        f"ghp_{SECRET}: x\n",
        f"secrets: {{ghp_{SECRET}: }}\n",
    ],
)
def test_not_even_broken_yaml_brings_a_secret_into_a_message(text: str) -> None:
    with pytest.raises(JobFileError) as caught:
        parse(text)
    assert SECRET not in str(caught.value)
