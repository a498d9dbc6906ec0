"""Projects of pull requests in every state that a comment and a check speak of, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from modelgraphs import generated
from modelshapes import coffee_shop, domains, m

from bot import linting, proposing
from bot.durations import NOTHING
from bot.words.pullviews import Branches, Committed, View
from scheduler import dag, jobfile
from scheduler.dag import Graph, LoadFault, Model

NOW = datetime(2026, 12, 1, 12, 2, tzinfo=UTC)
HEAD = "1a2b3c4d" * 5
BRANCHES = Branches(7, HEAD, "main", "main")
URL = "https://github.com/acme/shop/blob/1a2b3c4d/meshbot.yaml"
SHOP = """\
version: 1
project: kettle
environment: prod
jobs:
  live:
    schedule: "*/5 * * * *"
    select: ["+live.conversion", "+live.pulse"]
  hourly:
    schedule: "0 * * * *"
    select:
      - finance.revenue_hourly
      - shop.payments
      - shop.subscription_history
  daily:
    schedule: "0 0 * * *"
    select: [finance.mrr, finance.revenue_daily, "growth.*"]
  cleanup: {type: janitor, schedule: "37 3 * * *"}
"""
FAULTY = (
    SHOP.replace("*/5 * * * *", "*/4 * * * *")
    .replace("environment: prod", "environment: prod\ntimezone: Europe/Berln")
    .replace('schedule: "0 0 * * *"', 'shedule: "0 0 * * *"')
)
HOSTILE = (
    "a.`b`|c",
    "x.@everyone",
    "y.<!-- meshbot:topology . -->",
    "z.</details><script>",
    "e.\x1b[31mred\x1b[0m",
    "w.[click](http://evil)",
    "v.```\n# h",
    "u.#12 @octo/team",
)


def committed(text: str | None) -> Committed | None:
    """A job file at a commit."""
    if text is None:
        return None
    try:
        return Committed(text, jobfile.parse(text))
    except jobfile.JobFileError as error:
        return Committed(text, faults=error.faults)


def view(graph: Graph, base: str | None, head: str | None, **more: object) -> View:
    """A project whose models could be read."""
    before, after = committed(base), committed(head)
    text = after.text if after else ""
    made = None if after and after.faults else proposing.propose_for(graph, text, "meshbot.yaml", called="shop")
    found = linting.judged(after.text, after.file, graph, NOTHING, NOW) if after and after.file else ()
    plain = View(
        BRANCHES,
        ".",
        "meshbot.yaml",
        before,
        after,
        edited=base != head,
        findings=found,
        url=URL if head else "",
        parted=base or "",
    )
    return replace(plain, graph=graph, made=made, **more)  # type: ignore[arg-type]


def grown() -> Graph:
    """The shop, with two models more than its jobs know."""
    shop = coffee_shop()
    more = [m("finance.vat", "@hourly", "shop.payments"), m("people.pay", "@daily")]
    return dag.graph([*shop.models, *more])


def hostile() -> Graph:
    """Models whose names try everything."""
    fault = LoadFault("config.yaml`@all", "broken | <b> @everyone\n<!-- meshbot:topology . -->", "mend *it*")
    models = [Model(name, cron="@hourly" if at % 2 else "@daily") for at, name in enumerate(HOSTILE)]
    return dag.graph(models, faults=[fault])


def huge() -> Graph:
    """Ten thousand models."""
    return generated("islands", 10_000, seed=4)


def selecting_each(graph: Graph) -> str:
    """A file that names each model, so that no fold could hold it."""
    names = "".join(f"      - {model.name}\n" for model in graph.schedulable[:3_500])
    return f'version: 1\nproject: huge\nenvironment: prod\njobs:\n  all:\n    schedule: "@daily"\n    select:\n{names}'


def _gone(**more: object) -> View:
    plain = View(BRANCHES, "old", "old/meshbot.yaml", committed(SHOP), None, edited=True, here=False)
    return replace(plain, **more)  # type: ignore[arg-type]


def _waiting(base: str | None, head: str | None) -> View:
    plain = View(BRANCHES, ".", "meshbot.yaml", committed(base), committed(head), edited=base != head, url=URL)
    return replace(plain, waits=True, branches=replace(BRANCHES, can_be_pushed=False))


RETIMED = SHOP.replace('"0 * * * *"', '"0 */2 * * *"').replace("cleanup", "janitor")
SETTINGS = SHOP.replace('"0 0 * * *"', '"0 0 * * *"\n    timeout: 2h\n    env: {REGION: eu}').replace("kettle", "pot")
ENTERED = SHOP.replace("  daily:", "  people:\n    schedule: 0 6 * * 1\n    select: [finance.mrr]\n  daily:")
STATES: dict[str, Callable[[], View]] = {
    "nothing-changes": lambda: view(coffee_shop(), SHOP, SHOP),
    "first": lambda: view(coffee_shop(), None, None),
    "first-committed": lambda: view(coffee_shop(), None, SHOP),
    "new-models": lambda: view(grown(), SHOP, SHOP),
    "retimed": lambda: view(coffee_shop(), SHOP, RETIMED),
    "job-added": lambda: view(coffee_shop(), SHOP, ENTERED),
    "settings": lambda: view(coffee_shop(), SHOP, SETTINGS),
    "other-branch": lambda: view(coffee_shop(), SHOP, RETIMED, branches=Branches(7, HEAD, "next", "main")),
    "both-conflict": lambda: view(coffee_shop(), ENTERED, RETIMED, conflicts=True),
    "both-have-a-fault": lambda: view(coffee_shop(), ENTERED, RETIMED, merged=committed(FAULTY)),
    "base-moved-on": lambda: view(coffee_shop(), RETIMED, SHOP, edited=False),
    "file-removed": lambda: view(coffee_shop(), SHOP, None),
    "faulty": lambda: view(coffee_shop(), SHOP, FAULTY),
    "faulty-first": lambda: view(domains(), None, FAULTY),
    "gone": _gone,
    "moved": lambda: _gone(elsewhere="new/meshbot.yaml"),
    "untrusted": lambda: _waiting(SHOP, RETIMED),
    "untrusted-first": lambda: _waiting(None, None),
    "refused": lambda: replace(
        view(coffee_shop(), SHOP, SHOP),
        graph=None,
        made=None,
        findings=(),
        refused="loading .: no module named `foo`;\n\x1b[31minstall it\x1b[0m ``` @team",
    ),
    "file-alone": lambda: replace(view(coffee_shop(), SHOP, RETIMED), graph=None, made=None, findings=()),
    "fork": lambda: view(grown(), SHOP, SHOP, branches=replace(BRANCHES, can_be_pushed=False)),
    "hostile": lambda: view(hostile(), None, None),
    "hostile-faults": lambda: view(
        hostile(), None, 'version: 1\n"<!-- meshbot:topology . -->": 1\n"@all|`x`": 2\njobs: {}\n'
    ),
}
