"""The images, really built: who they run as, what answers in them, and what is not in them."""

from __future__ import annotations

import re
from pathlib import Path

import images
import pytest
from waiting import until

from scheduler.launchers import baggage

ROOT = Path(__file__).parents[2]
LARGEST = {"server": 450_000_000, "run": 900_000_000}
"""Bytes, the base included, which is 180 MB of it."""

HEARD = ("python3", "-P", "-m", "scheduler", "heard")
"""As the manifests ask."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000), pytest.mark.xdist_group("images")]


def built(target: str) -> str:
    if why := images.why_not_tested():
        pytest.skip(why)
    return images.build(target)


@pytest.fixture(scope="module")
def server() -> str:
    return built("server")


@pytest.fixture(scope="module")
def run() -> str:
    return built("run")


def said(image: str, *command: str, **options: tuple[str, ...]) -> str:
    """Return what a command in a container prints; it has to succeed."""
    done = images.run(image, *command[1:], entrypoint=command[0], **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("target", ["server", "run"])
def test_an_image_is_nobody_small_and_takes_nothing_of_this_machine_along(
    target: str, request: pytest.FixtureRequest
) -> None:
    image = request.getfixturevalue(target)
    config = images.inspected(image)["Config"]
    assert config["User"] == "10001:10001"  # type: ignore[index] # plain JSON
    assert said(image, "id", "-u") == "10001"
    mine = said(image, "sh", "-c", "find / -xdev -user 10001 2>/dev/null || true")
    assert mine.replace("/data", "").strip() == ""
    names = {one.partition("=")[0] for one in config["Env"]}  # type: ignore[index] # plain JSON
    assert names - {"MESHBOT_DATA_DIR"} == {"PATH", "PYTHONDONTWRITEBYTECODE"}
    left = ("/meshbot/tools", "/meshbot/source", "/meshbot/wheels", "/run/secrets", "/etc/pip.conf")
    assert said(image, "sh", "-c", f"ls -d {' '.join(left)} 2>/dev/null || true") == ""
    assert images.size(image) < LARGEST[target]


@pytest.mark.parametrize(("target", "missing"), [("server", ("gcc", "uv")), ("run", ("git", "gcc", "uv", "meshbot"))])
def test_what_only_builds_or_belongs_elsewhere_is_not_there(
    target: str, missing: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    image = request.getfixturevalue(target)
    for program in missing:
        assert images.run(image, "-c", f"command -v {program}", entrypoint="sh").returncode != 0, program


def test_what_is_installed_is_what_is_locked(server: str, run: str) -> None:
    locked = set(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    ask = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
    for image in (server, run):
        found = dict(line.split() for line in said(image, "python3", "-I", "-c", ask).splitlines())
        ours = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found.items()}
        ours.pop("meshbot", None)
        assert len(ours) > 20
        assert set(ours.items()) - locked == set()


def test_the_server_has_meshbots_processes_and_no_sqlmesh(server: str) -> None:
    assert re.fullmatch(r"meshbot \d+\.\d+\.\d+\S*", said(server, "meshbot", "--version"))
    assert "meshbot doctor" in said(server, "meshbot", "doctor", "--help")
    assert "PROCESS" in said(server, "python3", "-P", "-m", "scheduler", "heard", "--help")
    assert said(server, "git", "--version")
    assert said(server, "bwrap", "--version")
    ask = "import importlib.util as u; print([n for n in ('sqlmesh', 'sqlglot', 'pandas') if u.find_spec(n)])"
    assert said(server, "python3", "-I", "-c", ask) == "[]"
    assert images.run(server, "migrate").returncode == 0


def test_a_process_begins_is_heard_of_and_ends_when_told_in_a_locked_container(
    server: str, valkey_url: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    set_up = {"MESHBOT_DATABASE_URL": "sqlite:////shared/meshbot.db", "MESHBOT_REDIS_URL": valkey_url}
    given = ("--volume", f"{tmp_path}:/shared", *(f"--env={name}={value}" for name, value in set_up.items()))
    assert images.run(server, "clock", options=given).returncode == 1  # not migrated: it says so, and ends
    assert images.run(server, "migrate", options=given).returncode == 0
    with images.started(server, "clock", options=given) as clock:
        until(lambda: images.ask(clock, *HEARD, "clock").returncode == 0, timeout=60)
        assert images.ask(clock, *HEARD, "watch").returncode == 1
        assert images.stop(clock) == 0


def test_a_run_has_sqlmesh_with_its_drivers_and_gets_meshrun_with_its_pod(run: str, tmp_path: Path) -> None:
    assert said(run, "python3", "-I", "-c", "import psycopg2, pymysql, sqlmesh; print(sqlmesh.Context.__name__)")
    tmp_path.chmod(0o755)
    for name, zipapp in baggage.contents().items():
        (tmp_path / name).write_bytes(zipapp)
        (tmp_path / name).chmod(0o444)
    mounted = ("--volume", f"{tmp_path}:/meshbot/code:ro")
    assert "usage: " in said(run, "python3", "-P", "/meshbot/code/meshrun.pyz", "run", "--help", options=mounted)
    assert "usage: " in said(run, "python3", "-I", "-S", "/meshbot/code/keeper.pyz", "keep", "--help", options=mounted)
