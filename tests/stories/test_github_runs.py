"""`/meshbot run` is answered at once, and the answer follows the run; a failure finds who changed the model last."""

from __future__ import annotations

from pathlib import Path

import pytest
from githubhouse import FILE, JOBS, House, Warehouse
from projects import Project, fresh_database, model, write_project
from waiting import until

pytestmark = pytest.mark.slow
PROCESSES = ("worker", "watch")


@pytest.fixture
def project(tmp_path: Path, postgres_server: str) -> Project:
    """A real warehouse; its model divides by a switch, so that it can be made to fail."""
    models = {"orders.sql": model("shop.orders", "FULL", "SELECT 1 / works AS id FROM log.switch")}
    made = write_project(tmp_path / "project", fresh_database(postgres_server), models)
    made.plan("dev")
    made.owe()
    return made


def shop_of(house: House, project: Project) -> Warehouse:
    files = {f"mesh/{path.relative_to(project.folder)}": path.read_text() for path in source(project)}
    only = JOBS.partition("  daily:")[0]
    shop = house.warehouse({**files, FILE: only})
    assert shop.jobs() == {"hourly": "0 * * * *"}
    return shop


def source(project: Project) -> list[Path]:
    return [project.folder / "config.yaml", *(project.folder / "models").iterdir()]


def test_a_run_reports_back_in_its_reply(house: House, project: Project) -> None:
    shop = shop_of(house, project)
    pull = shop.opens({"docs/a.md": "a"})
    house.begin(*PROCESSES)
    try:
        shop.says(pull, "/meshbot run hourly")
        [reply] = [one for one in shop.told(pull) if "meshbot:reply" in one.body]
        until(lambda: "succeeded" in reply.body, 120)
        house.rests()
    finally:
        house.end(*PROCESSES)
    assert "shop.orders" in reply.body
    assert len([one for one in shop.told(pull) if "meshbot:reply" in one.body]) == 1


def test_a_failure_is_told_where_the_model_was_changed_last(house: House, project: Project) -> None:
    shop = shop_of(house, project)
    orders = "mesh/models/orders.sql"
    text = (shop.repo.bare.read("main", orders) or b"").decode()
    guilty = shop.opens({orders: f"{text}-- faster\n"}, "faster")
    shop.cyd.reviews(guilty, "APPROVED")
    shop.ada.merges(guilty)
    pull = shop.opens({"docs/a.md": "a"})
    project.execute("UPDATE log.switch SET works = 0")
    house.begin(*PROCESSES)
    try:
        shop.says(pull, "/meshbot run hourly")
        until(lambda: any("failed" in one.body for one in shop.told(pull)), 120)
        until(lambda: any("meshbot:failure" in one.body for one in shop.told(guilty)), 60)
        house.rests()
    finally:
        house.end(*PROCESSES)
    assert len([one for one in shop.told(guilty) if "meshbot:failure" in one.body]) == 1
