from __future__ import annotations

from pathlib import Path

import pytest

from bot.proposing import project_name
from meshrun.graph import content, engines, remedies


@pytest.mark.parametrize(
    ("connection", "catalog"),
    [
        ({"type": "duckdb"}, "memory"),
        ({"type": "duckdb", "database": "data/shop.duckdb"}, "shop"),
        ({"type": "duckdb", "catalogs": {"main": "a.db", "other": "b.db"}}, "main"),
        ({"type": "duckdb", "database": "md:sales?token=x"}, "sales"),
        ({"type": "motherduck"}, "my_db"),
        ({"type": "postgres", "database": "shop"}, "shop"),
        ({"type": "snowflake", "database": "ANALYTICS"}, "ANALYTICS"),
        ({"type": "bigquery", "project": "a-project"}, "a-project"),
        ({"type": "bigquery"}, None),
        ({"type": "databricks", "catalog": "main"}, "main"),
        ({"type": "athena"}, "awsdatacatalog"),
        ({"type": "mysql", "database": "shop"}, None),
        ({"type": "db2", "database": "shop"}, "SHOP"),
        ({"type": "somebodys_plugin", "database": "own"}, "own"),
    ],
)
def test_a_catalog_is_read_where_sqlmesh_would_ask(connection: dict[str, object], catalog: str | None) -> None:
    assert engines.engine(connection).catalog == catalog


def test_a_gateway_without_a_connection_has_at_most_a_state() -> None:
    assert engines.engine(None, {"type": "Postgres"}) == engines.Engine(state="postgres")


def test_the_key_is_about_content_alone(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    model = project / "models" / "a.sql"
    model.write_text("SELECT 1")
    first = content.key([project])
    model.unlink()
    model.write_text("SELECT 1")
    (project / "meshbot.yaml").write_text("version: 1")
    (project / ".cache").mkdir()
    (project / ".cache" / "x").write_text("x")
    (tmp_path / "README.md").write_text("words")
    assert content.key([project]) == first
    assert content.key([project], "sqlmesh 2") != first
    for path, text in ((tmp_path / "shared.py", "A = 1"), (model, "SELECT 2"), (project / "models" / "b.sql", "")):
        before = content.key([project])
        path.write_text(text)
        assert content.key([project]) != before, f"{path.name} counts"


def test_the_same_tree_elsewhere_has_the_same_key(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text("project: x")
    assert content.key([tmp_path / "one"]) == content.key([tmp_path / "two"])


def test_an_error_is_told_by_what_it_began_with() -> None:
    began, led = ValueError("no number"), RuntimeError("loading")
    led.__cause__ = began
    assert remedies.words(led) == "ValueError: no number"
    led.__cause__, led.__context__, led.__suppress_context__ = None, began, True
    assert remedies.words(led) == "RuntimeError: loading"


@pytest.mark.parametrize(
    ("written", "name"), [("My Shop", "my-shop"), ("a_b.c", "a-b-c"), ("--", "project"), ("x" * 60, "x" * 40)]
)
def test_a_project_has_a_name_that_a_job_file_takes(written: str, name: str) -> None:
    assert project_name(written) == name
