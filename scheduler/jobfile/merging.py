"""The jobs of a file as trees: shorthands written out, defaults merged in, every value still at its place.

`retries: 3` becomes `{limit: 3}` and `catch_up: all` becomes `{policy: all}` first, so that a default and a job's own
value merge key by key whichever way they are written. Mappings merge, all else replaces. What is wrong only in the file
(and not in the job that comes of it) is found here.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.jobfile.faults import Fault
from scheduler.jobfile.rules import NO_JANITOR
from scheduler.jobfile.yamltree import Mapping, Node, Place, Scalar, Sequence

SHORTHANDS = {"retries": "limit", "catch_up": "policy"}
MERGED = {"retries", "catch_up", "env", "resources", "alerts"}
LIMIT_VARIABLE = "MAX_CONCURRENT_MODELS"
LIMIT = "max_concurrent_models"
NOT_FOR_JANITORS = {"select", LIMIT, "parallelism"}
MOST_MODELS = 256
NOT_IN_DEFAULTS = {
    "name": "remove it",
    "type": "write it in each job",
    "schedule": "write it in each job",
    "paused": "write it in the job that waits",
    "description": "write it in each job",
    "timezone": "write it at the top of the file",
    "environment": "write it at the top of the file",
}


def is_janitor(job: Mapping) -> bool:
    """Whether the job says that it is a janitor."""
    kind = job.entries.get("type")
    return isinstance(kind, Scalar) and kind.value == "janitor"


def complete(job: Mapping, defaults: Mapping, head: dict[str, Node]) -> Mapping:
    """Return the job with all that it takes over. `job` and `defaults` are prepared (see `prepare`)."""
    taken = {key: node for key, node in defaults.entries.items() if not (is_janitor(job) and key in NOT_FOR_JANITORS)}
    entries, keys = {**head, **taken}, {key: node.place for key, node in head.items()} | defaults.keys
    for key, node in job.entries.items():
        below = entries.get(key)
        merged = key in MERGED and isinstance(below, Mapping) and isinstance(node, Mapping)
        entries[key] = _over(below, node) if merged else node  # type: ignore[arg-type] # both are mappings, see above
    return replace(job, entries=entries, keys=keys | job.keys)


def _over(below: Mapping, above: Mapping) -> Mapping:
    return replace(above, entries={**below.entries, **above.entries}, keys={**below.keys, **above.keys})


def prepare(job: Mapping, faults: list[Fault]) -> Mapping:
    """Return a job, or the defaults, with shorthands written out and the variable MAX_CONCURRENT_MODELS as the key."""
    entries = {key: _long(key, node) for key, node in job.entries.items()}
    prepared = replace(job, entries=entries)
    env = entries.get("env")
    if isinstance(env, Mapping) and LIMIT_VARIABLE in env.entries:
        return _limit_from_env(prepared, env, faults)
    return prepared


def _long(key: str, node: Node) -> Node:
    if key in SHORTHANDS and isinstance(node, Scalar) and not node.is_empty:
        inner = SHORTHANDS[key]
        return Mapping(node.place, node.path, {inner: node}, {inner: node.place})
    return node


def _limit_from_env(job: Mapping, env: Mapping, faults: list[Fault]) -> Mapping:
    """Move the variable to the key that means the same; the key is what a run is given."""
    variable, own = env.entries[LIMIT_VARIABLE], job.entries.get(LIMIT)
    rest = {key: node for key, node in env.entries.items() if key != LIMIT_VARIABLE}
    entries = {**job.entries, "env": replace(env, entries=rest)}
    text = variable.text if isinstance(variable, Scalar) else ""
    if not (text.isdecimal() and text.isascii() and 1 <= int(text[:9]) <= MOST_MODELS):
        remedy = f'write "5", or the key `{LIMIT}: 5`'
        faults.append(_fault(variable, f"{LIMIT_VARIABLE} is no whole number from 1 to {MOST_MODELS}", remedy))
    elif isinstance(own, Scalar) and own.value != int(text):
        problem = f"{LIMIT_VARIABLE} and {LIMIT} (line {own.place.line}) differ"
        faults.append(_fault(variable, problem, f"keep {LIMIT} alone"))
    else:
        entries[LIMIT] = Scalar(variable.place, variable.path, text, int(text))
    keys = {**job.keys, LIMIT: job.keys.get(LIMIT, env.keys[LIMIT_VARIABLE])}
    return replace(job, entries=entries, keys=keys if LIMIT in entries else job.keys)


def check_job(job: Mapping, faults: list[Fault]) -> None:
    """Find what is wrong in a job as it is written, before defaults."""
    if "name" in job.entries:
        remedy = "remove it: the name of a job is its key under `jobs`"
        faults.append(_at(job.keys["name"], f"{job.path}.name", "a job has no key `name`", remedy))
    if is_janitor(job) and LIMIT in job.entries:
        problem = f"a janitor evaluates no models, and has no {LIMIT}"
        faults.append(_at(job.keys[LIMIT], job.entries[LIMIT].path, problem, f"remove it; {NO_JANITOR}"))
    select = job.entries.get("select")
    if isinstance(select, Sequence) and not select.items:
        faults.append(_fault(select, "an empty list selects no model", "remove `select`: the job then runs all models"))


def check_defaults(defaults: Mapping, faults: list[Fault]) -> Mapping:
    """Find keys that cannot have a default, and return the defaults without them."""
    for key in defaults.entries.keys() & NOT_IN_DEFAULTS.keys():
        problem = f"{key} cannot have a default"
        faults.append(_at(defaults.keys[key], f"{defaults.path}.{key}", problem, NOT_IN_DEFAULTS[key]))
    rest = {key: node for key, node in defaults.entries.items() if key not in NOT_IN_DEFAULTS}
    return replace(defaults, entries=rest)


def check_complete(job: Mapping, faults: list[Fault]) -> None:
    """Find what contradicts itself once the defaults are in."""
    catch_up = job.entries.get("catch_up")
    if isinstance(catch_up, Mapping) and "limit" in catch_up.entries:
        policy = catch_up.entries.get("policy")
        if not (isinstance(policy, Scalar) and policy.value == "all"):
            limit = catch_up.entries["limit"]
            faults.append(_fault(limit, "a limit is for the policy `all` only", "write `policy: all`, or remove limit"))


def _fault(node: Node, problem: str, remedy: str) -> Fault:
    return _at(node.place, node.path, problem, remedy)


def _at(place: Place, path: str, problem: str, remedy: str) -> Fault:
    return Fault(place.line, place.column, path, problem, remedy)
