"""The revenue of the coming week, by exponential smoothing: good enough for a shopping list."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlmesh import ExecutionContext, model
from sqlmesh.core.model.kind import ModelKindName

WEIGHT_OF_THE_LATEST_DAY = 0.4


@model(
    "growth.forecast",
    kind={"name": ModelKindName.FULL},
    cron="@daily",
    columns={"day": "date", "expected_revenue": "double precision"},
    grains=["day"],
    owner="growth",
    description="The revenue that each of the next seven days is expected to bring.",
    audits=[("not_null", {"columns": ["day", "expected_revenue"]})],
    depends_on=["finance.revenue_daily"],
)
def forecast(
    context: ExecutionContext,
    start: datetime,
    end: datetime,
    execution_time: datetime,
    **_: object,
) -> pd.DataFrame:
    """Smooth the known days and carry the result one week on."""
    del start, end
    table = context.resolve_table("finance.revenue_daily")
    known = context.fetchdf(f"SELECT day, revenue FROM {table} ORDER BY day")
    level = known["revenue"].astype(float).ewm(alpha=WEIGHT_OF_THE_LATEST_DAY).mean().iloc[-1]
    days = [execution_time.date() + timedelta(days=ahead) for ahead in range(7)]
    return pd.DataFrame({"day": days, "expected_revenue": [round(level, 2)] * len(days)})
