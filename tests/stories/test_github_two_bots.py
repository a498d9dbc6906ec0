"""On Postgres, with two bots at once and everything delivered twice and backwards, all is done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import psycopg
import pytest
from githubhouse import FILE, LATE, LIVE, House, built
from psycopg import sql

T = TypeVar("T")


@pytest.fixture(scope="module")
def two_bots(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[House]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE two_bots"))
    url = postgres_server.replace("/postgres?", "/two_bots?")
    with built(tmp_path_factory.mktemp("two-bots"), url) as house:
        house.begin("bot-2")
        yield house
        house.calm()
        assert house.github.unfit() == []


def test_a_pull_request_goes_live_once(two_bots: House) -> None:
    house, shop = two_bots, two_bots.live_warehouse()
    courier = house.github.courier
    courier.doubles = lambda _: True
    shop.ada.pushes(shop.repo, "work", {FILE: shop.job_file().replace("30 6", "45 7"), **LATE})
    pull = backwards(house, lambda: shop.ada.opens_pull(shop.repo, "work"))
    backwards(house, lambda: [shop.ada.comments(pull, f"/meshbot {order}") for order in ("accept", "status", "diff")])
    assert len(shop.replies(pull)) == 3
    assert shop.topology(pull)
    assert len(shop.checks(pull.head_sha)) == 1
    backwards(house, lambda: shop.cyd.reviews(pull, "APPROVED"))
    shop.says(pull, "/meshbot merge")
    assert pull.merged
    assert {name: cron for name, cron in shop.jobs().items() if name in LIVE} == LIVE | {"daily": "45 7 * * *"}
    assert len(shop.checks(shop.repo.heads["main"])) == 1


def backwards(house: House, step: Callable[[], T]) -> T:
    """Do something, and let GitHub tell of it in the wrong order."""
    house.github.courier.hold()
    made = step()
    house.github.courier.release(lambda waiting: waiting[::-1])
    house.rests()
    return made
