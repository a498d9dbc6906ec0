"""What every test may ask for: real services, each test with a database of its own."""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import kubehouse
import psycopg
import pytest
from fakegithub.github import GitHub
from githubhouse import House, built, conforming_github
from psycopg import sql

from scheduler import embedded


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        # xdist writes a test's group behind its name, where pytest 9.2 does not look: no group would stay together.
        if (grouped := getattr(item, "_nodeid", item.nodeid)) != item.nodeid:
            item._id = type(item._id).parse(grouped)
    if "bench" not in (config.option.markexpr or ""):
        skip = pytest.mark.skip(reason="a measurement: `make bench` runs it")
        for item in items:
            if "bench" in item.keywords:
                item.add_marker(skip)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with `tests/golden/<name>`; `--update-golden` writes it instead."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == path.read_text(), f"{name} differs; if that is meant: pytest --update-golden"

    return compare


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    # Not below pytest's folder: as root, Postgres runs as another user, and each session of pytest that begins closes
    # that folder to others, also to the servers of sessions that are still going.
    with tempfile.TemporaryDirectory(prefix="meshbot-test-") as folder, embedded.postgres(Path(folder) / "pg") as url:
        _do_without_the_disk(url)
        yield url


def _do_without_the_disk(url: str) -> None:
    """Tests kill clients, never the machine: without fsync the server stops in one second instead of twenty."""
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def postgres_url(postgres_server: str) -> Callable[[], str]:
    """Make an empty database and return its `postgresql://` URL; each call makes another."""

    def fresh() -> str:
        name = f"test_{next(_numbers)}"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return postgres_server.replace("/postgres?", f"/{name}?")

    return fresh


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded.valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """An empty database of the session's Valkey."""
    import redis

    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """A fake GitHub that is nothing but HTTP; what passed and does not fit GitHub's description fails the test."""
    with conforming_github(tmp_path / "github") as fake:
        yield fake


@pytest.fixture(scope="session")
def the_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with built(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def house(the_house: House) -> Iterator[House]:
    """A fake GitHub and Meshbot's processes; in the end all that passed fits, and no secret was logged."""
    began = {name: len(the_house.log(name)) for name in the_house.processes}
    yield the_house
    the_house.calm()
    for name, length in began.items():
        sys.stdout.write(f"--- {name}\n{the_house.log(name)[length:]}\n")  # pytest shows it when the test has failed
    unfit = the_house.github.unfit()
    the_house.github.faults.clear()
    the_house.github.courier.faults.clear()
    assert unfit == []
    logged = "".join(the_house.log(name) for name in the_house.processes)
    assert [secret for secret in the_house.secrets() if secret in logged] == []


@pytest.fixture(scope="session")
def cluster() -> Iterator[kubehouse.House]:
    """A real cluster; the test is skipped where there is none."""
    if why := kubehouse.why_none():
        pytest.skip(why)
    with kubehouse.house() as started:
        yield started


_numbers = itertools.count()
