"""A SQLMesh project of sleeping models, so that what is measured is the waiting for each other and not the processor.

Each model sleeps while it is evaluated and then leaves the time of its end in `ops.done`. The root, `dag.gate`, ends
when `ops.gate` has a row: so all processes can be up before the clock starts.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from kettle import Warehouse

CHAINS = 8
LENGTH = 3
SECONDS = 1.5
SLEEP = "SELECT PG_SLEEP(MAX(seconds)) FROM ops.sleep"
OPS = """
    CREATE SCHEMA ops;
    CREATE TABLE ops.gate (opened_at TIMESTAMPTZ NOT NULL);
    CREATE TABLE ops.sleep (seconds DOUBLE PRECISION NOT NULL);
    INSERT INTO ops.sleep VALUES (0);
    CREATE TABLE ops.done (model TEXT NOT NULL, done_at TIMESTAMPTZ NOT NULL);
    CREATE FUNCTION ops.pass() RETURNS VOID LANGUAGE plpgsql AS $$
    BEGIN
      WHILE NOT EXISTS (SELECT FROM ops.gate) LOOP PERFORM PG_SLEEP(0.02); END LOOP;
    END $$;
"""


def lay_out(folder: Path, warehouse: Warehouse, models: dict[str, str]) -> Path:
    """Write the project and create its database; return the project's folder."""
    warehouse.create()
    warehouse.query(OPS)
    (folder / "models").mkdir(parents=True)
    (folder / "config.yaml").write_text(
        dedent(f"""\
            gateways:
              warehouse:
                connection:
                  type: postgres
                  host: {warehouse.host}
                  port: 5432
                  user: postgres
                  password: ""
                  database: {warehouse.database}
            default_gateway: warehouse
            model_defaults: {{dialect: postgres, start: 7 days ago}}
            disable_anonymized_analytics: true
            """)
    )
    for name, text in models.items():
        (folder / "models" / f"{name}.sql").write_text(text)
    return folder


def chains() -> dict[str, str]:
    """Return the models of some chains that hang on one gate."""
    models = {"gate": full("gate", "SELECT ops.PASS()", None)}
    for chain in range(CHAINS):
        for step in range(LENGTH):
            parent = f"c{chain}_{step - 1}" if step else "gate"
            models[f"c{chain}_{step}"] = full(f"c{chain}_{step}", SLEEP, parent)
    return models


def full(name: str, before: str, parent: str | None) -> str:
    """Return a daily model that does `before` first."""
    statements = (
        f"MODEL (name dag.{name}, kind FULL, cron '@daily')",
        f"@IF(@runtime_stage = 'evaluating', {before})",
        f"SELECT 1 AS one FROM dag.{parent}" if parent else "SELECT 1 AS one",  # noqa: S608 (the names are ours)
        f"@IF(@runtime_stage = 'evaluating', INSERT INTO ops.done VALUES ('{name}', CLOCK_TIMESTAMP()))",  # noqa: S608
    )
    return ";\n\n".join(statements) + ";\n"


def slices() -> str:
    """Return a model of one row for each five minutes."""
    return dedent("""\
        MODEL (
          name dag.slices,
          kind INCREMENTAL_BY_TIME_RANGE (time_column slice),
          cron '*/5 * * * *'
        );
        SELECT slice, 1 AS one
        FROM GENERATE_SERIES(@start_ts::TIMESTAMP, @end_ts::TIMESTAMP, INTERVAL '5 minutes') AS slices(slice)
        """)
