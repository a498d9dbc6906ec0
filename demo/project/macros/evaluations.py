"""The ledger of evaluations: a row for each time that a model's data are computed, whoever computes them."""

from __future__ import annotations

from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def note_evaluation(evaluator: MacroEvaluator) -> list[str]:
    """Write one row when data are computed (not when a table is created), and take the time that people asked for."""
    if evaluator.runtime_stage != "evaluating":
        return []
    return [
        f"INSERT INTO ops.evaluations VALUES ('{evaluator.this_model_fqn}', CLOCK_TIMESTAMP())",
        "SELECT PG_SLEEP(COALESCE(MAX(value), 0)) FROM ops.switches WHERE name = 'slow_seconds'",
    ]
