"""Projects of a dozen shapes, small enough to read: what golden files show proposals of."""

from __future__ import annotations

from collections.abc import Callable

from scheduler import dag
from scheduler.dag import Flag, Graph, LoadFault, Model, StandaloneAudit

EXTERNAL = frozenset({Flag.EXTERNAL, Flag.SYMBOLIC})
SEED = frozenset({Flag.SEED})
EMBEDDED = frozenset({Flag.EMBEDDED, Flag.SYMBOLIC})


def m(name: str, cron: str | None = "@daily", *parents: str, tags: str = "", kind: str = "FULL") -> Model:
    path = f"models/{name.replace('.', '/')}.sql"
    return Model(name, kind, cron, depends_on=parents, tags=tuple(tags.split()), engine="postgres", path=path, line=1)


def coffee_shop() -> Graph:
    """The demo: three cadences, one web of dependencies."""
    return dag.graph(
        [
            Model("raw.plans", "SEED", flags=SEED),
            Model("raw.products", "SEED", flags=SEED),
            m("raw.orders", "*/5 * * * *"),
            m("raw.page_views", "*/5 * * * *"),
            m("raw.subscriptions", "@hourly", "raw.plans"),
            m("raw.payments", "@hourly", "raw.orders"),
            m("shop.orders", "*/5 * * * *", "raw.orders", "raw.products", kind="VIEW"),
            m("shop.sessions", "*/5 * * * *", "raw.page_views"),
            m("shop.payments", "@hourly", "raw.payments"),
            m("shop.subscription_history", "@hourly", "raw.subscriptions"),
            m("live.pulse", "*/5 * * * *", "shop.orders", tags="live"),
            m("live.conversion", "*/5 * * * *", "shop.sessions", "shop.orders", tags="live"),
            m("finance.revenue_hourly", "@hourly", "shop.payments", tags="finance"),
            m("finance.revenue_daily", "@daily", "finance.revenue_hourly", tags="finance"),
            m("finance.mrr", "@daily", "shop.subscription_history", "raw.plans", tags="finance"),
            m("growth.retention", "@daily", "shop.subscription_history", "shop.orders"),
            m("growth.forecast", "@daily", "finance.revenue_daily"),
        ]
    )


def one_model() -> Graph:
    """The smallest project."""
    return dag.graph([m("shop.orders", "@hourly")])


def nothing() -> Graph:
    """A project without a model that runs."""
    return dag.graph([Model("raw.plans", "SEED", flags=SEED), Model("lake.events", "EXTERNAL", None, flags=EXTERNAL)])


def domains() -> Graph:
    """Independent domains, each in a schema of its own."""
    models = []
    for schema, cron in (("finance", "@daily"), ("growth", "@hourly"), ("logistics", "@daily"), ("people", "@weekly")):
        models.append(m(f"{schema}.source", cron))
        models += [m(f"{schema}.step_{step}", cron, f"{schema}.source") for step in range(4)]
        models.append(m(f"{schema}.report", cron, *(f"{schema}.step_{step}" for step in range(4))))
    return dag.graph(models)


def tagged() -> Graph:
    """Domains that cross the schemas and are told apart by tags."""
    models = []
    for domain in ("orders", "visits"):
        models.append(m(f"staging.{domain}", "@hourly", tags=domain))
        models += [
            m(f"core.{domain}_{part}", "@hourly", f"staging.{domain}", tags=domain) for part in ("day", "week", "all")
        ]
        models.append(m(f"mart.{domain}", "@hourly", f"core.{domain}_all", tags=domain))
    return dag.graph(models)


def unconnected() -> Graph:
    """Three thousand models without ties."""
    words = ("account", "basket", "claim", "device", "event", "fee", "gift", "house", "invoice", "journal")
    return dag.graph(m(f"raw.{word}_{number:03}") for word in words for number in range(300))


def giant() -> Graph:
    """One component of 2,000 models, wide and daily: as in a large dbt project."""
    models = [m(f"staging.source_{at:03}") for at in range(400)]
    models += [
        m(f"core.entity_{at:04}", "@daily", *(f"staging.source_{(at * step) % 400:03}" for step in (1, 3, 7)))
        for at in range(1, 1200)
    ]
    models += [
        m(f"mart.report_{at:03}", "@daily", f"core.entity_{at * 3 + 1:04}", f"core.entity_{at * 2 + 2:04}")
        for at in range(398)
    ]
    models += [m("mart.all", "@daily", *(f"mart.report_{at:03}" for at in range(398)))]
    return dag.graph(models)


def fast_core() -> Graph:
    """A core every 15 minutes that daily reports depend on."""
    core = [m("core.events", "*/15 * * * *"), m("core.sessions", "*/15 * * * *", "core.events")]
    core += [m("core.users", "*/15 * * * *", "core.sessions")]
    reports = [m(f"report.{name}", "@daily", "core.users") for name in ("churn", "cohorts", "funnel", "reach", "value")]
    return dag.graph([*core, *reports])


def impatient_child() -> Graph:
    """A child every 5 minutes below daily parents."""
    names = ("a", "b", "c", "d")
    return dag.graph(
        [*(m(f"dim.{name}") for name in names), m("live.board", "*/5 * * * *", *(f"dim.{name}" for name in names))]
    )


def duckdb_file() -> Graph:
    """Four domains in one DuckDB file."""
    graph = domains()
    return dag.graph(
        (Model(one.name, one.kind, one.cron, depends_on=one.depends_on, engine="duckdb") for one in graph.models),
        state_engine="duckdb",
    )


def odd_crons() -> Graph:
    """Crons that need a word: too fast, unreadable, none, working hours, another zone."""
    return dag.graph(
        [
            m("ops.every_minute", "* * * * *"),
            m("ops.sevens", "*/7 * * * *", "ops.every_minute"),
            m("ops.unreadable", "0 0 L * *"),
            m("ops.silent", None),
            m("office.orders", "0 8-18 * * 1-5"),
            m("office.report", "0 18 * * 1-5", "office.orders"),
            Model("berlin.close", "FULL", "30 6 * * *", cron_tz="Europe/Berlin", depends_on=("office.report",)),
        ]
    )


def hidden_and_foreign() -> Graph:
    """Sources, seeds, embedded models, a standalone audit, names that nobody should have to escape."""
    return dag.graph(
        [
            Model("lake.events", "EXTERNAL", None, flags=EXTERNAL, audits=("not_null",)),
            Model("lake.unknown", "EXTERNAL", None, flags=EXTERNAL | {Flag.UNDECLARED}),
            Model("raw.countries", "SEED", flags=SEED),
            Model("macro.clean", "EMBEDDED", None, flags=EMBEDDED, depends_on=("lake.events", "raw.countries")),
            m("shop.visits", "@hourly", "macro.clean"),
            m("shop.people", "@hourly", "macro.clean", "lake.unknown"),
            m("shop.by_country", "@daily", "shop.visits", "shop.people"),
            Model("core.accounts", flags=frozenset({Flag.FOREIGN}), project="core"),
            Model("shop.checked", depends_on=("core.accounts",), hidden_reads=("shop.visits", "shop.people")),
            m("odd.<script>alert(1)</script>|`@everyone`", "@daily"),
            m('"Sp ace"."x&y"', "@daily"),
            m("plain.one", "@daily"),
        ],
        audits=[StandaloneAudit("no_holes", depends_on=("shop.visits",))],
        faults=[LoadFault("config.yaml", "the driver of gateway `lake` is missing.", "It was replaced by DuckDB.")],
    )


def many_small() -> Graph:
    """Sixty small components: more than there may be jobs."""
    names = [f"{schema}.thing_{at:02}" for schema in ("alpha", "beta", "gamma") for at in range(20)]
    return dag.graph(
        one
        for name in names
        for one in (m(f"{name}_raw"), m(f"{name}_mid", "@daily", f"{name}_raw"), m(name, "@daily", f"{name}_mid"))
    )


SHAPES: dict[str, Callable[[], Graph]] = {
    "coffee-shop": coffee_shop,
    "one-model": one_model,
    "nothing": nothing,
    "domains": domains,
    "tagged": tagged,
    "unconnected": unconnected,
    "giant": giant,
    "fast-core": fast_core,
    "impatient-child": impatient_child,
    "duckdb-file": duckdb_file,
    "odd-crons": odd_crons,
    "hidden-and-foreign": hidden_and_foreign,
    "many-small": many_small,
}
