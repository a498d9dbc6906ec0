"""Graph to jobs at 100, 1,000 and 10,000 models: seconds and memory, alone in a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.conftest import Results, Row

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

# The least of three rounds: what else runs on the machine only ever adds.
PROPOSE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from modelgraphs import generated
from scheduler import dagjson
from scheduler.topology import outlook, propose

text = dagjson.dump(generated(sys.argv[2], int(sys.argv[3]), seed=1))
best = {"parse": 9e9, "propose": 9e9, "processor": 9e9, "outlook": 9e9}
for _ in range(3):
    start = time.perf_counter()
    graph = dagjson.parse(text)
    parsed, used = time.perf_counter(), time.process_time()
    proposal = propose(graph)
    proposed, using = time.perf_counter(), time.process_time()
    outlook(graph, proposal)
    done = time.perf_counter()
    now = {"parse": parsed - start, "propose": proposed - parsed, "processor": using - used, "outlook": done - proposed}
    best = {key: min(best[key], now[key]) for key in best}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
edges = sum(len(model.depends_on) for model in graph.models)
print(json.dumps(best | {"peak": peak, "edges": edges, "jobs": len(proposal.jobs)}))
"""


def measured(shape: str, size: int) -> dict[str, float]:
    command = [sys.executable, "-c", PROPOSE, str(Path(__file__).parents[1]), shape, str(size)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


@pytest.mark.parametrize("shape", ["giant", "singletons"])
def test_graph_to_jobs(shape: str, results: Results, again: str) -> None:
    curve = {size: measured(shape, size) for size in (100, 1_000, 10_000)}
    for size, found in curve.items():
        results.add(
            Row(
                f"{shape}: {size:,} models, {found['edges']:,} edges to {found['jobs']} jobs",
                f"{found['propose']:.3f} s ({found['processor']:.3f} s of processor), {found['peak']:.0f} MB",
                f"reading the graph {found['parse']:.3f} s, forecast {found['outlook']:.3f} s",
                None,
                "under 1 s and 200 MB for 10,000",
                again,
            )
        )
    assert curve[10_000]["processor"] < 1
    assert curve[10_000]["peak"] < 200
