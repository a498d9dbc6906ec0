"""Random model graphs of many shapes, for properties and benchmarks."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import strategies as st

from scheduler import dag
from scheduler.dag import Flag, Graph, Model

CRONS = ("@daily", "@hourly", "*/15 * * * *", "*/30 * * * *", "*/5 * * * *", "@weekly", "@monthly", "30 6 * * *")
ODD_CRONS = (None, "*/7 * * * *", "* * * * *", "0 6 * * 1-5", "0 8-18 * * *", "@yearly", "0 18 1,15 * *", "not a cron")
SCHEMAS = ("raw", "staging", "shop", "finance", "growth", "ops")
SHAPES = ("chain", "fan out", "fan in", "layers", "islands", "singletons", "giant", "random", "ladder")
TAGS = ("finance", "core", "nightly", "pii")


def parents_of(shape: str, size: int, rng: random.Random) -> Iterator[list[int]]:
    """Yield for each model the places of its parents, all before it."""
    for at in range(size):
        match shape:
            case "chain":
                yield [at - 1] if at else []
            case "fan out":
                yield [0] if at else []
            case "fan in":
                yield list(range(at)) if at == size - 1 else []
            case "layers":
                yield sorted(rng.sample(range(at), min(at, rng.randint(0, 3)))) if at > size // 4 else []
            case "islands":
                yield [at - 1] if at % 5 else []
            case "singletons":
                yield []
            case "giant":
                yield sorted(rng.sample(range(max(0, at - 30), at), min(at, 3)))
            case "ladder":
                yield [one for one in (at - 2, at - 3) if one >= 0]
            case _:
                yield sorted(rng.sample(range(at), min(at, rng.choice((0, 0, 1, 2))))) if at else []


def generated(shape: str, size: int, seed: int = 0, crons: tuple[str | None, ...] = CRONS) -> Graph:
    """Return a graph of a shape; the same for the same arguments."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    names = [f"{rng.choice(SCHEMAS)}.{rng.choice('abcdefgh')}{rng.choice(('', '_'))}{at:05}" for at in range(size)]
    few = crons[: rng.randint(1, len(crons))]
    return dag.graph(
        Model(
            names[at],
            kind=rng.choice(("FULL", "VIEW", "INCREMENTAL_BY_TIME_RANGE")),
            cron=rng.choice(few),
            depends_on=tuple(sorted(names[one] for one in above)),
            tags=tuple(sorted(rng.sample(TAGS, rng.choice((0, 0, 1, 2))))),
            path=f"models/{names[at].split('.')[0]}/{at}.sql",
        )
        for at, above in enumerate(parents_of(shape, size, rng))
    )


@st.composite
def graphs(draw: st.DrawFn, most: int = 40, crons: tuple[str | None, ...] = CRONS + ODD_CRONS) -> Graph:
    """Draw a graph: a shape, or any edges; with seeds, sources, embedded models and time zones among the models."""
    size = draw(st.integers(0, most))
    shape = draw(st.sampled_from(SHAPES))
    rng = random.Random(draw(st.integers(0, 2**16)))  # noqa: S311 - nothing secret
    few = draw(st.lists(st.sampled_from(crons), min_size=1, max_size=4))
    flags = draw(st.sampled_from([0.0, 0.2]))
    zones = draw(st.sampled_from([("UTC",), ("UTC", "Europe/Berlin")]))
    schemas = SCHEMAS[: draw(st.integers(1, len(SCHEMAS)))]
    names = [f"{rng.choice(schemas)}.{rng.choice('abc')}{at}" for at in range(size)]
    kinds = [(Flag.SEED,), (Flag.EMBEDDED, Flag.SYMBOLIC), (Flag.EXTERNAL, Flag.SYMBOLIC)]
    models = []
    for at, above in enumerate(parents_of(shape, size, rng)):
        odd = rng.choice(kinds) if rng.random() < flags else ()
        models.append(
            Model(
                names[at],
                cron=rng.choice(few),
                cron_tz=rng.choice(zones),
                depends_on=tuple(sorted(names[one] for one in above)) if Flag.SEED not in odd else (),
                tags=tuple(sorted(rng.sample(TAGS, rng.choice((0, 0, 1, 2))))),
                flags=frozenset(odd),
                path=f"models/{names[at].split('.')[0]}/{at}.sql",
            )
        )
    return dag.graph(models)
