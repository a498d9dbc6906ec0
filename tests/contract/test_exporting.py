"""The files of a commit on the disk: what a hostile tree would like to write, and what is written."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from places import git, make_repository

from bot.checkout import LOCAL, Exported, Mirror, Mirrors, Room
from scheduler.errors import UserError

FILE, PROGRAM, LINK, FOLDER, MODULE = "100644", "100755", "120000", "40000", "160000"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    make_repository(tmp_path / "repository")
    return tmp_path / "repository"


def put(repository: Path, kind: str, content: bytes) -> str:
    """Write an object as it is, also one that git would never make."""
    words = ["git", "hash-object", "-t", kind, "-w", "--literally", "--stdin"]
    return subprocess.run(words, cwd=repository, input=content, capture_output=True, check=True).stdout.decode().strip()


def tree(repository: Path, entries: Iterable[tuple[str, str, str]]) -> str:
    """Write a tree of (mode, name, object), in this very order."""
    rows = [f"{mode} {name}\0".encode(errors="surrogateescape") + bytes.fromhex(sha) for mode, name, sha in entries]
    return put(repository, "tree", b"".join(rows))


def exported(repository: Path, root: str, tmp_path: Path, room: Room | None = None) -> tuple[Exported, Path]:
    sha = git("commit-tree", root, "-m", "x", at=repository)
    git("update-ref", "refs/heads/main", sha, at=repository)
    mirror: Mirror = Mirrors(tmp_path / "data", LOCAL).of(str(repository))
    mirror.fetch("main")
    into = tmp_path / "deep" / "into"
    return mirror.export(sha, into, room=room), into


def here(into: Path) -> set[str]:
    return {str(path.relative_to(into)) for path in into.rglob("*") if path.is_symlink() or path.is_file()}


@pytest.fixture(autouse=True)
def _narrow_mask() -> Iterator[None]:
    """What is exported is read by a stranger, however narrow our own mask is."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_a_plain_tree_is_written_byte_for_byte_and_nothing_can_be_executed(repository: Path, tmp_path: Path) -> None:
    content = put(repository, "blob", b"a\r\nb\xff\n")
    attributes = put(repository, "blob", b"* text=auto eol=lf export-ignore filter=x ident\n")
    inner = tree(repository, [(FILE, "größe.sql", content), (PROGRAM, "run.sh", content)])
    root = tree(repository, [(FILE, ".gitattributes", attributes), (FOLDER, "models", inner)])
    done, into = exported(repository, root, tmp_path)
    assert here(into) == {".gitattributes", "models/größe.sql", "models/run.sh"}
    assert (into / "models/run.sh").read_bytes() == b"a\r\nb\xff\n"
    assert stat.S_IMODE((into / "models/run.sh").stat().st_mode) == 0o644
    assert stat.S_IMODE((into / "models").stat().st_mode) == stat.S_IMODE(into.stat().st_mode) == 0o755
    assert (done.files, done.left_out) == (3, [])


def test_no_name_leads_out_or_means_something(repository: Path, tmp_path: Path) -> None:
    blob = put(repository, "blob", b"x")
    inner = tree(repository, [(FILE, "config", blob)])
    up = tree(repository, [(FOLDER, "..", tree(repository, [(FILE, "escaped", blob)]))])
    names = [".git", ".GIT", ".git ", "git~1", ".g\u200cit"]
    odd = [(FILE, "a\nb", blob), (FILE, "\x1b[31m", blob), (FILE, "\udcff\udcfe", blob), (FILE, "fine", blob)]
    root = tree(repository, [*((FOLDER, name, inner) for name in names), (FOLDER, "up", up), *odd])
    done, into = exported(repository, root, tmp_path)
    assert here(into) == {"fine"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"into"}
    assert len(done.left_out) == len(names) + 4
    assert all(one.path.isprintable() and "rename it" in one.why for one in done.left_out)


def test_links_stay_when_they_stay_inside(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "secret").write_text("secret")

    def link(target: str) -> str:
        return put(repository, "blob", target.encode())

    blob = put(repository, "blob", b"x")
    deep = tree(repository, [(LINK, "top", link("../../..")), (FILE, "file", blob)])
    folders = tree(repository, [(FOLDER, "q", tree(repository, [(FOLDER, "r", deep)]))])
    root = tree(
        repository,
        [
            (LINK, "absolute", link("/etc/passwd")),
            (FILE, "file", blob),
            (LINK, "inside", link("p/q/r/file")),
            (LINK, "itself", link("itself")),
            (LINK, "long", link("a/" * 3000)),
            (LINK, "nowhere", link("missing")),
            (LINK, "out", link("../secret")),
            (LINK, "out-by-another", link("p/q/r/top/../secret")),
            (FOLDER, "p", folders),
        ],
    )
    done, into = exported(repository, root, tmp_path)
    assert {path for path in here(into) if (into / path).is_symlink()} == {"inside", "p/q/r/top"}
    assert (into / "inside").read_bytes() == b"x"
    refused = {"absolute", "itself", "long", "nowhere", "out", "out-by-another"}
    assert {one.path for one in done.left_out} == refused


def test_nothing_is_written_through_a_link(repository: Path, tmp_path: Path) -> None:
    """A tree that has one name twice, first as a link and then as a folder."""
    outside = tmp_path / "deep" / "outside"
    outside.mkdir(parents=True)
    inner = tree(repository, [(FILE, "planted", put(repository, "blob", b"x"))])
    link = put(repository, "blob", str(outside).encode())
    relative = put(repository, "blob", b"../outside")
    entries = [(LINK, "a", link), (FOLDER, "a", inner), (LINK, "b", relative), (FOLDER, "b", inner)]
    done, into = exported(repository, tree(repository, entries), tmp_path)
    assert list(outside.iterdir()) == []
    assert here(into) == {"a/planted", "b/planted"}
    assert {one.path for one in done.left_out} == {"a", "b"}


def test_what_is_not_what_it_seems_is_said(repository: Path, tmp_path: Path) -> None:
    blob = put(repository, "blob", b"x")
    pointer = put(repository, "blob", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    large = put(repository, "blob", bytes(2000))
    entries = [
        (FILE, "a", blob),
        (FILE, "a", blob),
        (FILE, "large", large),
        (MODULE, "module", "1" * 40),
        (FILE, "seed.csv", pointer),
    ]
    done, into = exported(repository, tree(repository, entries), tmp_path, Room(file=1000))
    assert here(into) == {"a", "seed.csv"}
    said = {one.path: one.why for one in done.left_out}
    assert said.keys() == {"a", "large", "module", "seed.csv"}
    assert "same name" in said["a"]
    assert "has at most 1000" in said["large"]
    assert "submodules are not entered" in said["module"]
    assert "LFS pointer" in said["seed.csv"]


@pytest.mark.parametrize("room", [Room(files=5), Room(bytes=50)])
def test_too_much_is_refused_before_anything_is_written(repository: Path, tmp_path: Path, room: Room) -> None:
    blob = put(repository, "blob", bytes(10))
    root = tree(repository, [(FILE, str(number), blob) for number in range(6)])
    with pytest.raises(UserError, match="are too many; at most"):
        exported(repository, root, tmp_path, room)
    assert not (tmp_path / "deep").exists()


def test_a_large_export_is_no_matter_of_memory_or_time(repository: Path, tmp_path: Path) -> None:
    blobs = [put(repository, "blob", os.urandom(100)) for _ in range(3)]
    entries = sorted((FILE, f"f{number}", blobs[number % 3]) for number in range(3000))
    done, into = exported(repository, tree(repository, entries), tmp_path)
    assert (done.files, len(list(into.iterdir())), done.bytes) == (3000, 3000, 300_000)


def test_a_tree_of_a_few_bytes_that_names_billions_of_files_is_refused(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.checkout.calling.MOST_OUTPUT", 1024 * 1024)
    inner = tree(
        repository, [(FILE, f"a-rather-long-name-{number}", put(repository, "blob", b"x")) for number in range(10)]
    )
    for _level in range(9):
        inner = tree(repository, [(FOLDER, f"folder-{number}", inner) for number in range(10)])
    sha = git("commit-tree", inner, "-m", "x", at=repository)
    git("update-ref", "refs/heads/main", sha, at=repository)
    mirror = Mirrors(tmp_path / "data", LOCAL).of(str(repository))
    mirror.fetch("main")
    for read in (
        lambda: mirror.job_files(sha),
        lambda: mirror.projects(sha),
        lambda: mirror.export(sha, tmp_path / "x"),
    ):
        with pytest.raises(UserError, match="more than 1 MB of it; it is not read"):
            read()
    assert mirror.read(sha, "README") is None


def test_more_job_files_than_anybody_has_are_refused(repository: Path, tmp_path: Path) -> None:
    inner = tree(repository, [(FILE, "meshbot.yaml", put(repository, "blob", b"x"))])
    root = tree(repository, sorted((FOLDER, f"f{number}", inner) for number in range(501)))
    sha = git("commit-tree", root, "-m", "x", at=repository)
    git("update-ref", "refs/heads/main", sha, at=repository)
    mirror = Mirrors(tmp_path / "data", LOCAL).of(str(repository))
    mirror.fetch("main")
    with pytest.raises(UserError, match="501 files"):
        mirror.job_files(sha)


def deep(repository: Path, leaf: str, levels: int, name: str = "d") -> str:
    for _ in range(levels):
        leaf = tree(repository, [(FOLDER, name, leaf)])
    return leaf


def test_a_path_that_is_too_long_for_a_file_system_is_left_out(repository: Path, tmp_path: Path) -> None:
    blob = put(repository, "blob", b"x")
    long = deep(repository, tree(repository, [(FILE, "a.sql", blob)]), 30, "d" * 150)
    done, into = exported(repository, tree(repository, [(FILE, "b.sql", blob), (FOLDER, "long", long)]), tmp_path)
    assert here(into) == {"b.sql"}
    [left] = done.left_out
    assert "its path has more than" in left.why


def test_few_files_may_not_fill_the_disk_with_folders(repository: Path, tmp_path: Path) -> None:
    """Folders cost a hostile tree nothing: the same few trees may lie in one another many times."""
    chain = deep(repository, tree(repository, [(FILE, "a.sql", put(repository, "blob", b"x"))]), 50)
    root = tree(repository, [(FOLDER, f"{number:02}", chain) for number in range(10)])
    with pytest.raises(UserError, match="folders"):
        exported(repository, root, tmp_path, Room(files=100))
    assert not (tmp_path / "deep").exists()
