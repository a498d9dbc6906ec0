"""Mirrors of repositories over HTTP: where the token is seen, what a fetch survives, and what is read."""

from __future__ import annotations

import base64
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import githttp
import pytest
from githttp import Source
from places import commit, git, make_repository
from pydantic import SecretStr
from waiting import until

from bot.checkout import LOCAL, Mirror, Mirrors, filelock
from scheduler.errors import Retryable, UserError

TOKEN = "ghs_" + "s3cr3t" * 20
BASIC = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
HTTP = frozenset({"http"})


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    make_repository(tmp_path / "repository", {"shop/config.yaml": "gateways: {}\n", "shop/meshbot.yaml": "one"})
    return tmp_path / "repository"


@pytest.fixture
def source(repository: Path) -> Iterator[Source]:
    with githttp.serving(repository) as found:
        yield found


@pytest.fixture
def mirror(source: Source, tmp_path: Path) -> Mirror:
    return Mirrors(tmp_path / "data", HTTP).of(f"{source.url}/o/n.git", lambda: SecretStr(TOKEN))


@pytest.fixture
def local(repository: Path, tmp_path: Path) -> Mirror:
    return Mirrors(tmp_path / "data", LOCAL).of(str(repository))


def head(repository: Path) -> str:
    return git("rev-parse", "HEAD", at=repository)


def test_the_token_is_sent_to_the_source_and_seen_nowhere_else(
    source: Source, mirror: Mirror, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHBOT_GITHUB_PRIVATE_KEY", "the-key-of-the-house")
    monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "data" / "trace"))
    source.wanted = f"Basic {BASIC}"
    mirror.fetch("main")
    assert mirror.resolve("main") == head(repository)
    assert set(source.headers) == {f"Basic {BASIC}"}
    ours = [(words, environ) for words, environ in source.processes if str(mirror.path).encode() in words]
    assert ours, "git was seen at work"
    assert not [words for words, _ in source.processes if TOKEN.encode() in words or BASIC.encode() in words]
    assert not [words for words, environ in ours if b"the-key-of-the-house" in environ]
    written = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [path for path in written if TOKEN.encode() in path.read_bytes() or BASIC.encode() in path.read_bytes()]


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_no_failure_repeats_the_token(source: Source, mirror: Mirror, status: int) -> None:
    source.wanted, source.status = (None, status) if status != 401 else ("Basic other", None)
    with pytest.raises((UserError, Retryable)) as caught:
        mirror.fetch("main")
    assert (TOKEN in repr(caught.getrepr()), BASIC in repr(caught.getrepr())) == (False, False)
    assert isinstance(caught.value, Retryable) == (status in {401, 500})


def test_a_token_that_cannot_be_had_is_asked_for_once_and_costs_nothing_of_the_mirror(
    repository: Path, tmp_path: Path, local: Mirror
) -> None:
    local.fetch("main")
    asked = []

    def none() -> SecretStr:
        asked.append(1)
        raise UserError("the installation is gone")

    with pytest.raises(UserError, match="the installation is gone"):
        Mirrors(tmp_path / "data", LOCAL).of(local.source, none).fetch("main")
    assert len(asked) == 1
    assert local.has(head(repository))


def test_a_redirect_is_not_followed_and_the_token_not_carried_on(
    source: Source, mirror: Mirror, repository: Path
) -> None:
    with githttp.serving(repository) as elsewhere:
        source.redirect = elsewhere.url
        with pytest.raises(UserError, match="has moved"):
            mirror.fetch("main")
        assert elsewhere.headers == []


def test_heads_of_pull_requests_are_fetched_and_what_is_gone_is_forgotten(repository: Path, local: Mirror) -> None:
    first = head(repository)
    git("update-ref", "refs/pull/7/head", first, at=repository)
    git("branch", "a", at=repository)
    local.fetch("refs/heads/a", "refs/pull/7/head")
    assert [local.resolve(ref) for ref in ("a", "refs/pull/7/head")] == [first, first]
    git("branch", "-D", "a", at=repository)
    git("branch", "a/b", at=repository)
    second = commit(repository, {"more": "1"})
    local.fetch("a", "a/b", "main")
    assert [local.resolve(ref) for ref in ("a", "a/b", "main")] == [None, first, second]
    git("commit", "--quiet", "--amend", "-m", "forced", at=repository)
    local.fetch("main")
    assert local.resolve("main") == head(repository) != second
    assert local.has(second), "a run may still want it"


@pytest.mark.parametrize(
    "ref", ["--upload-pack=x", "refs/heads/-x", "refs/pull/1/merge", "refs/tags/a", "refs/pull/0/head", "a:b", "*"]
)
def test_what_is_no_branch_and_no_pull_request_is_refused(local: Mirror, ref: str) -> None:
    with pytest.raises(UserError, match="reading a branch name"):
        local.fetch(ref)
    with pytest.raises(UserError, match="reading a branch name"):
        local.resolve(ref)


def test_a_source_that_is_gone_costs_nothing_of_the_mirror(repository: Path, local: Mirror) -> None:
    local.fetch("main")
    sha = head(repository)
    repository.rename(repository.with_name("elsewhere"))
    with pytest.raises(UserError):
        local.fetch("main")
    assert local.job_files(sha)[0].text == "one"


def rubbish_head(mirror: Path) -> None:
    (mirror / "HEAD").write_text("rubbish")


def rubbish_config(mirror: Path) -> None:
    (mirror / "config").write_text("[[[")


def half_made(mirror: Path) -> None:
    shutil.rmtree(mirror)
    (mirror / "objects").mkdir(parents=True)


def no_objects(mirror: Path) -> None:
    for path in [*mirror.glob("objects/??"), *mirror.glob("objects/pack/*")]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def empty_objects(mirror: Path) -> None:
    for path in mirror.glob("objects/??/*"):
        path.chmod(0o600)
        path.write_bytes(b"")


def empty_ref(mirror: Path) -> None:
    """What a machine that lost its power leaves."""
    for path in (mirror / "refs" / "kept").iterdir():
        path.write_bytes(b"")


def left_over_locks(mirror: Path) -> None:
    ref = next((mirror / "refs" / "kept").iterdir())
    for path in (ref.with_name(f"{ref.name}.lock"), mirror / "packed-refs.lock", mirror / "HEAD.lock"):
        path.touch()
    (mirror / "objects" / "pack" / "tmp_pack_x").write_bytes(bytes(100))
    mirror.with_suffix(".new").mkdir()
    mirror.with_suffix(".half").mkdir()


@pytest.mark.parametrize(
    "harm", [rubbish_head, rubbish_config, half_made, no_objects, empty_objects, empty_ref, left_over_locks]
)
def test_a_broken_mirror_is_made_anew(repository: Path, local: Mirror, harm: object) -> None:
    local.fetch("main")
    assert callable(harm)
    harm(local.path)
    sha = commit(repository, {"shop/meshbot.yaml": "two"})
    local.fetch("main")
    assert [entry.text for entry in local.job_files(sha)] == ["two"]
    beside = {path.name for path in local.path.parent.iterdir()}
    assert beside == {local.path.name, local.path.with_suffix(".lock").name}
    assert not list(local.path.rglob("*.lock")) + list(local.path.rglob("tmp_*"))


def test_damage_that_only_a_reader_sees_is_mended_by_the_next_fetch(
    repository: Path, local: Mirror, tmp_path: Path
) -> None:
    local.fetch("main")
    sha = head(repository)
    blob = git("rev-parse", f"{sha}:shop/meshbot.yaml", at=repository)
    (local.path / "objects" / blob[:2] / blob[2:]).unlink()
    config = git("rev-parse", f"{sha}:shop/config.yaml", at=repository)
    (local.path / "objects" / config[:2] / config[2:]).unlink()
    for read in (
        lambda: local.job_files(sha),
        lambda: local.export(sha, tmp_path / "into"),
        lambda: local.projects(sha),
        lambda: local.read(sha, "shop/config.yaml"),
    ):
        with pytest.raises(Retryable, match="the next fetch makes it anew"):
            read()
    local.fetch("main")
    assert local.job_files(sha)[0].text == "one"


def test_a_commit_that_was_never_fetched_is_no_damage(repository: Path, local: Mirror) -> None:
    local.fetch("main")
    with pytest.raises(UserError, match="fetch it"):
        local.job_files("0" * 40)
    assert local.resolve("main") == head(repository)


def test_one_fetch_at_a_time_and_several_repositories_at_once(repository: Path, tmp_path: Path) -> None:
    make_repository(tmp_path / "another")
    mirrors = [Mirrors(tmp_path / "data", LOCAL).of(str(place)) for place in (repository, tmp_path / "another")]
    with filelock.held(mirrors[0].path.with_suffix(".lock"), "a test"):
        mirrors[1].fetch("main")
        with (
            pytest.raises(Retryable, match="for too long"),
            filelock.held(mirrors[0].path.with_suffix(".lock"), "fetching", patience=0.2),
        ):
            pass
    with multiprocessing.get_context("spawn").Pool(2) as pool, ThreadPoolExecutor(2) as threads:
        jobs = [pool.apply_async(fetch, (str(tmp_path / "data"), str(repository))) for _ in range(4)]
        list(threads.map(lambda _: mirrors[0].fetch("main"), range(4)))
        assert [job.get(60) for job in jobs] == [head(repository)] * 4


def fetch(data: str, repository: str) -> str | None:
    mirror = Mirrors(Path(data), LOCAL).of(repository)
    mirror.fetch("main")
    return mirror.resolve("main")


def test_git_goes_on_alone_when_we_are_killed_and_nobody_else_writes_meanwhile(
    source: Source, mirror: Mirror, repository: Path, tmp_path: Path
) -> None:
    source.go.clear()
    script = (
        "from pathlib import Path; from pydantic import SecretStr; from bot.checkout import Mirrors; "
        f"Mirrors(Path({str(tmp_path / 'data')!r}), frozenset({{'http'}})).of({mirror.source!r}).fetch('main')"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as victim:
        assert source.asked.wait(60)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    with pytest.raises(Retryable), filelock.held(mirror.path.with_suffix(".lock"), "a test", patience=0.3):
        pass
    source.go.set()
    mirror.fetch("main")
    assert mirror.job_files(head(repository))[0].text == "one"


def test_a_fetch_that_is_killed_with_all_its_processes_is_begun_anew(
    source: Source, mirror: Mirror, repository: Path, tmp_path: Path
) -> None:
    source.go.clear()
    mirror.path.mkdir(parents=True)  # and the mirror is half made
    script = (
        "import os; from pathlib import Path; from bot.checkout import calling, Mirrors; "
        "real = calling.gitpython.Git.execute; "
        "calling.gitpython.Git.execute = lambda *a, **k: real(*a, **{**k, 'start_new_session': False}); "
        f"Mirrors(Path({str(tmp_path / 'data')!r}), frozenset({{'http'}})).of({mirror.source!r}).fetch('main')"
    )
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as victim:
        assert source.asked.wait(60)
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
    source.go.set()
    until(lambda: not_held(mirror.path.with_suffix(".lock")))
    mirror.fetch("main")
    assert mirror.job_files(head(repository))[0].text == "one"


def not_held(lock: Path) -> bool:
    try:
        with filelock.held(lock, "a test", patience=0):
            return True
    except Retryable:
        return False


def test_what_is_read_of_a_commit(repository: Path, local: Mirror) -> None:
    first = head(repository)
    second = commit(
        repository, {"shop/models/a.sql": "SELECT 1", "app/config.py": "DEBUG = True\n", "dbt/dbt_project.yml": ""}
    )
    third = commit(repository, {"README": "more", "py/config.py": "from sqlmesh.core.config import Config\n"})
    local.fetch("main")
    assert local.projects(third) == ["dbt", "py", "shop"]
    assert (local.tree(second, "shop"), local.tree(first, "shop")) == (
        local.tree(third, "shop/"),
        local.tree(first, "./shop"),
    )
    assert local.tree(first, "shop") != local.tree(second, "shop")
    assert (local.tree(third, "nowhere"), local.tree(third, "README")) == (None, None)
    assert local.tree(third) == git("rev-parse", f"{third}^{{tree}}", at=repository)
    assert (local.read(third, "README"), local.read(third, "shop"), local.read(third, "no")) == ("more", None, None)
    assert [local.last_commit(third, path) for path in ("shop", "README", ".", "no")] == [second, third, third, None]
    assert local.last_commit(second, "shop/meshbot.yaml") == first
    for path in ("../x", "/etc/passwd", "a\nb", "", "a/../../b"):
        with pytest.raises(UserError, match="reading a path"):
            local.read(third, path)
    assert local.read(third, ":(glob)*") is None, "a path is no pattern"


def test_many_fetches_are_packed_together_and_nothing_is_lost(
    repository: Path, local: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.checkout.upkeep.LOOSE", -1)
    local.fetch("main")
    first = head(repository)
    git("commit", "--quiet", "--amend", "-m", "forced", at=repository)
    local.fetch("main")
    assert not list(local.path.glob("objects/??"))
    assert len(list(local.path.glob("objects/pack/*.pack"))) == 1
    assert (local.has(first), local.has(head(repository))) == (True, True)
