"""Graphs of commits: when a project is loaded anew, and when what was kept is still true."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import describables
import pytest
from places import commit, make_repository

from bot import graphs, sandbox
from bot.checkout import LOCAL, Mirror, Mirrors
from bot.errors import Refused
from bot.graphs import Graphs
from scheduler import dagjson
from scheduler.dag import Model, graph
from scheduler.errors import UserError
from scheduler.store import Store

PROJECT = {"shop/config.yaml": describables.DUCKDB, "shop/models/a.sql": describables.model("x.a")}


@dataclass
class Loads:
    """Stands for the sandbox: says what it was given, and answers as told."""

    answer: Callable[[], str] = lambda: dagjson.dump(graph([Model("x.a")]))
    given: list[set[str]] = field(default_factory=list)

    def __call__(self, tree: Path, path: str) -> str:
        assert (tree / path).is_dir()
        self.given.append({str(file.relative_to(tree)) for file in tree.rglob("*") if not file.is_dir()})
        return self.answer()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    make_repository(tmp_path / "repository", {**PROJECT, "lib/__init__.py": "", "README.md": "one"})
    return tmp_path / "repository"


@pytest.fixture
def mirror(repository: Path, tmp_path: Path) -> Mirror:
    return Mirrors(tmp_path / "data", LOCAL).of(str(repository))


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def kept(store: Store, tmp_path: Path, loads: Loads) -> Graphs:
    return Graphs(store, tmp_path / "data", loads)


def pushed(repository: Path, mirror: Mirror, files: dict[str, str]) -> str:
    sha = commit(repository, files)
    mirror.fetch("main")
    return sha


def test_a_push_that_cannot_be_read_costs_no_new_load(
    repository: Path, mirror: Mirror, kept: Graphs, loads: Loads, store: Store, tmp_path: Path
) -> None:
    first = pushed(repository, mirror, {"note.md": "x"})
    assert [model.name for model in kept.of(mirror, first, "shop").models] == ["x.a"]
    elsewhere = {"README.md": "two", "shop/meshbot.yaml": "x", "logo.png": "x", "lib/large.csv": "x" * 2_000_000}
    second = pushed(repository, mirror, elsewhere)
    assert kept.of(mirror, second, "shop") == kept.of(mirror, first, "shop")
    assert Graphs(store, tmp_path / "data", loads).of(mirror, second, "shop/") == kept.of(mirror, first, "./shop")
    assert len(loads.given) == 1
    assert not list(tmp_path.glob("data/describing/tree-*"))


@pytest.mark.parametrize(
    "changed",
    [
        {"shop/models/a.sql": describables.model("x.b")},
        {"shop/notes.txt": "a project may read anything of its own"},
        {"lib/__init__.py": "A = 1"},
        {"another/models/b.sql": describables.model("y.b")},
        {"settings.yaml": "a: 1"},
    ],
)
def test_whatever_a_load_may_read_is_a_new_load(
    repository: Path, mirror: Mirror, kept: Graphs, loads: Loads, changed: dict[str, str]
) -> None:
    kept.of(mirror, pushed(repository, mirror, {"note.md": "x"}), "shop")
    kept.of(mirror, pushed(repository, mirror, changed), "shop")
    assert len(loads.given) == 2
    assert changed.keys() <= loads.given[1]


def test_what_is_no_part_of_the_key_cannot_be_read(
    repository: Path, mirror: Mirror, kept: Graphs, loads: Loads
) -> None:
    files = {
        "shop/meshbot.yaml": "x",
        "lib/large.py": "#" * 2_000_000,
        "lib/text.md": "x",
        "shop/large.csv": "x" * 2_000_000,
        "shop/__pycache__/a.py": "x",
    }
    sha = pushed(repository, mirror, files)
    kept.of(mirror, sha, "shop")
    assert loads.given == [{*PROJECT, "lib/__init__.py", "shop/large.csv"}]
    items = graphs.readable(mirror.listing(sha), "shop")
    assert {item.path for item in items} == loads.given[0]


def test_another_project_of_the_same_commit_and_another_meshrun_are_other_loads(
    repository: Path, mirror: Mirror, kept: Graphs, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = pushed(repository, mirror, {"two/config.yaml": describables.DUCKDB})
    kept.of(mirror, sha, "shop")
    kept.of(mirror, sha, "two")
    kept.of(mirror, sha, ".")
    monkeypatch.setattr(graphs, "_installed", lambda: "sqlmesh==1")
    kept.of(mirror, sha, "shop")
    assert len(loads.given) == 4


def fails(error: Exception) -> Callable[[], str]:
    def answer() -> str:
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (Refused("describing shop: x"), 1),
        (sandbox.Broken("describing shop: x"), 2),
        (sandbox.NoSandbox("describing shop: x"), 2),
    ],
)
def test_a_refusal_is_kept_and_what_may_go_well_next_time_is_not(
    repository: Path, mirror: Mirror, kept: Graphs, loads: Loads, error: Exception, times: int
) -> None:
    sha = pushed(repository, mirror, {"note.md": "x"})
    loads.answer = fails(error)
    for _ in range(2):
        with pytest.raises(Refused, match="describing shop: x"):
            kept.of(mirror, sha, "shop")
    assert len(loads.given) == times


@pytest.mark.parametrize("text", ["", "{}", '{"meshbot_graph": 1, "models": [{"name": 5}]}', "[" * 100_000])
def test_what_is_no_graph_is_refused(repository: Path, mirror: Mirror, kept: Graphs, loads: Loads, text: str) -> None:
    loads.answer = lambda: text
    with pytest.raises(Refused, match="what it printed is no graph"):
        kept.of(mirror, pushed(repository, mirror, {"note.md": "x"}), "shop")


def test_what_was_left_out_is_a_fault_of_the_graph(repository: Path, mirror: Mirror, kept: Graphs) -> None:
    (repository / "shop" / "out.sql").symlink_to("/etc/passwd")
    (repository / "out.sql").symlink_to("/etc/passwd")
    sha = pushed(repository, mirror, {"note.md": "x"})
    for _ in range(2):
        faults = kept.of(mirror, sha, "shop").faults
        assert [(fault.where, fault.problem.split(";")[0]) for fault in faults] == [
            ("out.sql", "it is a link out of the repository")
        ]


def test_a_folder_that_is_not_there_is_said(repository: Path, mirror: Mirror, kept: Graphs, loads: Loads) -> None:
    sha = pushed(repository, mirror, {"note.md": "x"})
    for path in ("nowhere", "../shop", "README.md"):
        with pytest.raises(UserError):
            kept.of(mirror, sha, path)
    assert loads.given == []


def test_who_asks_at_the_same_time_waits_for_the_one_load(
    repository: Path, mirror: Mirror, kept: Graphs, loads: Loads
) -> None:
    sha = pushed(repository, mirror, {"note.md": "x"})
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: kept.of(mirror, sha, "shop"), range(4)))
    assert len(loads.given) == 1
    assert found == [found[0]] * 4


def test_what_a_killed_process_left_behind_is_removed(
    repository: Path, mirror: Mirror, kept: Graphs, tmp_path: Path
) -> None:
    old, young = (tmp_path / "data" / "describing" / name for name in ("tree-old", "tree-young"))
    for folder in (old, young):
        (folder / "tree").mkdir(parents=True)
    os.utime(old, (0, 0))
    kept.of(mirror, pushed(repository, mirror, {"note.md": "x"}), "shop")
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.slow
@pytest.mark.skipif(sandbox.ready() is not None, reason=f"no sandbox here: {sandbox.ready()}")
def test_a_real_project_with_a_package_at_the_top_of_its_repository(tmp_path: Path) -> None:
    files = {name: text for name, text in describables.BESIDE.items() if not name.startswith(".git")}
    make_repository(tmp_path / "repository", files)
    mirror = Mirrors(tmp_path / "data", LOCAL).of(str(tmp_path / "repository"))
    mirror.fetch("main")
    store = Store(f"sqlite:///{tmp_path / 'meshbot.db'}")
    store.migrate()
    sha = mirror.resolve("main")
    assert sha is not None
    found = Graphs(store, tmp_path / "data").of(mirror, sha, "warehouse")
    store.close()
    assert found.models
    assert [fault.problem for fault in found.faults if "No module named" in fault.problem] == []
