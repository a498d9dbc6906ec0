from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis


def test_each_call_gives_an_empty_postgres_database(postgres_url: Callable[[], str]) -> None:
    first, second = postgres_url(), postgres_url()
    assert first != second
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE t (x int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_the_valkey_is_a_real_one_and_empty(valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        assert client.info()["server_name"] == "valkey"


def test_the_valkey_does_nothing_for_who_has_no_password(valkey_url: str) -> None:
    stranger = valkey_url.split("@")[1]
    with redis.Redis.from_url(f"redis://{stranger}") as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.lpush("rq:queue:meshbot-starts", "anything")


def test_a_process_whose_postgres_has_ended_leaves_nothing_where_it_was(tmp_path: Path) -> None:
    program = (
        "import pathlib, shutil, sys; from scheduler import embedded\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with embedded.postgres(folder / 'pg'): pass\n"
        "shutil.rmtree(folder); folder.mkdir()\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "data")], check=True, cwd=Path(__file__).parents[2])
    assert list((tmp_path / "data").iterdir()) == []
