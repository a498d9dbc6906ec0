"""Git behind its door: what is read at a commit, and what a hostile repository cannot do."""

from __future__ import annotations

from pathlib import Path

import places
import pytest
from places import git

from bot import checkout
from bot.checkout import LOCAL, Mirror, calling
from scheduler.errors import UserError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return empty(tmp_path / "repository")


def empty(folder: Path) -> Path:
    folder.mkdir()
    git("init", "--quiet", "--initial-branch=main", at=folder)
    return folder


@pytest.fixture
def mirror(repository: Path, tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirrors", str(repository), LOCAL)


def commit(repository: Path, files: dict[str, str]) -> str:
    return places.commit(repository, {"README": "there is always something", **files})


def fetched(mirror: Mirror) -> str:
    head = mirror.head("main")
    assert head is not None
    mirror.fetch("main")
    return head


def test_every_job_file_of_a_commit_is_read_also_when_the_branch_has_moved_on(repository: Path, mirror: Mirror) -> None:
    first = commit(repository, {"meshbot.yaml": "one", "a b/ü/meshbot.yaml": "two", "other.yaml": "no"})
    assert fetched(mirror) == first
    second = commit(repository, {"meshbot.yaml": "three"})
    assert fetched(mirror) == second
    assert {entry.path: entry.text for entry in mirror.job_files(first)} == {
        "meshbot.yaml": "one",
        "a b/ü/meshbot.yaml": "two",
    }
    assert [entry.folder for entry in mirror.job_files(second)] == ["a b/ü", "."]


def test_hundreds_of_projects_cost_no_more_calls_of_git_than_one(
    repository: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, {f"p{n}/{name}": f"{n}" for n in range(100) for name in ("meshbot.yaml", "config.yaml")})
    sha, started = fetched(mirror), []
    begin = calling.Git._started
    monkeypatch.setattr(calling.Git, "_started", lambda *given: (started.append(given[1]), begin(*given))[1])
    assert {entry.folder: entry.text for entry in mirror.job_files(sha)} == {f"p{n}": f"{n}" for n in range(100)}
    assert mirror.projects(sha) == []
    assert [words[0] for words in started] == ["ls-tree", "cat-file", "cat-file"]


def test_a_branch_that_is_not_there_is_no_error(repository: Path, mirror: Mirror) -> None:
    assert mirror.head("main") is None
    commit(repository, {})
    assert mirror.head("elsewhere") is None


def test_a_branch_whose_history_was_rewritten_is_followed(repository: Path, mirror: Mirror) -> None:
    commit(repository, {"meshbot.yaml": "one"})
    old = fetched(mirror)
    git("commit", "--quiet", "--amend", "-m", "another", at=repository)
    new = fetched(mirror)
    assert new != old
    assert mirror.has(new)


def test_a_broken_mirror_is_made_anew(repository: Path, mirror: Mirror) -> None:
    commit(repository, {"meshbot.yaml": "one"})
    fetched(mirror)
    (mirror.path / "HEAD").write_text("rubbish")
    assert mirror.job_files(fetched(mirror))[0].text == "one"


def test_links_large_files_and_rubbish_are_refused_and_never_followed(
    repository: Path, mirror: Mirror, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_text("secret")
    for folder in ("linked", "large", "binary"):
        (repository / folder).mkdir()
    (repository / "linked/meshbot.yaml").symlink_to(tmp_path / "outside")
    (repository / "large/meshbot.yaml").write_text("#" * (checkout.LARGEST_JOB_FILE + 1))
    (repository / "binary/meshbot.yaml").write_bytes(b"\xff\xfe")
    commit(repository, {})
    entries = {entry.folder: entry for entry in mirror.job_files(fetched(mirror))}
    assert [entry.text for entry in entries.values()] == ["", "", ""]
    assert "links are not followed" in str(entries["linked"].fault)
    assert "a job file has at most" in str(entries["large"].fault)
    assert "not UTF-8" in str(entries["binary"].fault)


def test_nothing_of_a_repository_is_executed(
    repository: Path, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = tmp_path / "executed"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch '{proof}'\ncat\n")
    script.chmod(0o755)
    hooks = mirror.path / "hooks"
    commit(repository, {"meshbot.yaml": "one", ".gitattributes": "* filter=evil diff=evil\n"})
    head = fetched(mirror)
    hooks.mkdir(exist_ok=True)
    for hook in ("reference-transaction", "post-checkout", "pre-auto-gc"):
        (hooks / hook).write_text(script.read_text())
        (hooks / hook).chmod(0o755)
    for key in ("filter.evil.smudge", "diff.evil.textconv", "core.fsmonitor", "uploadpack.packObjectsHook"):
        git("config", key, str(script), at=repository)
        git("--git-dir", str(mirror.path), "config", key, str(script), at=repository)
    commit(repository, {"meshbot.yaml": "two"})
    proof.unlink(missing_ok=True)  # the commit itself ran what its own configuration says
    monkeypatch.chdir(repository)
    assert mirror.job_files(fetched(mirror))[0].text == "two"
    assert mirror.has(head)
    assert not proof.exists()


def test_submodules_are_not_entered(repository: Path, mirror: Mirror, tmp_path: Path) -> None:
    other = empty(tmp_path / "other")
    commit(other, {"meshbot.yaml": "theirs"})
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "inner", at=repository)
    commit(repository, {"meshbot.yaml": "ours"})
    assert [entry.text for entry in mirror.job_files(fetched(mirror))] == ["ours"]


@pytest.mark.parametrize(
    "source",
    [
        "--upload-pack=touch /tmp/x",
        "ext::sh -c touch% /tmp/x",
        "file:///etc",
        "http://example.org/a/b",
        "git@example.org:a/b",
        "ssh://example.org/a/b",
        "https:///a/b",
        "/etc",
        "relative/path",
        "https://user:secret@example.org/a/b",
        "https://token@example.org/a/b",
    ],
)
def test_only_allowed_addresses_are_fetched_and_a_password_is_never_repeated(source: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        Mirror(tmp_path, source)
    assert "secret" not in str(caught.value)
    assert "token@" not in str(caught.value)


def test_a_local_path_needs_the_explicit_leave(tmp_path: Path) -> None:
    assert Mirror(tmp_path, "https://example.org/a/b").source == "https://example.org/a/b"
    assert Mirror(tmp_path, str(tmp_path), LOCAL).source == str(tmp_path)
    with pytest.raises(UserError):
        Mirror(tmp_path, "relative", LOCAL)


@pytest.mark.parametrize(
    "name",
    [
        "-x",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a\nb",
        "a~1",
        "a^",
        "a:b",
        "x.lock",
        "/a",
        "a/",
        "@",
        "a@{1}",
        "refs/heads/a",
        "",
    ],
)
def test_what_could_be_an_option_or_a_range_is_no_branch(name: str) -> None:
    with pytest.raises(UserError):
        checkout.checked_branch(name)


@pytest.mark.parametrize("name", ["main", "feature/x-1", "größe", "v1.2", "user@work"])
def test_ordinary_branches_are_taken(name: str) -> None:
    assert checkout.checked_branch(name) == name


@pytest.mark.parametrize("sha", ["HEAD", "-x", "abc", "g" * 40, "a" * 39])
def test_only_full_commit_ids_are_taken(sha: str, mirror: Mirror) -> None:
    with pytest.raises(UserError):
        mirror.job_files(sha)


def test_the_branch_that_is_checked_out_is_found_from_below(repository: Path) -> None:
    commit(repository, {"deep/down/file": ""})
    found = checkout.repository_at(repository / "deep/down")
    assert found == repository
    assert checkout.current_branch(found) == "main"


def test_without_a_repository_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="git init"):
        checkout.repository_at(tmp_path)


def test_without_git_it_says_what_to_do(mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="git is not installed"):
        mirror.head("main")


def test_without_a_branch_checked_out_it_asks_for_one(repository: Path) -> None:
    sha = commit(repository, {})
    git("checkout", "--quiet", sha, at=repository)
    with pytest.raises(UserError, match="name one with --branch"):
        checkout.current_branch(repository)


def test_a_glance_changes_whenever_the_branch_moves(repository: Path, tmp_path: Path) -> None:
    seen = [checkout.glance(repository, "main")]

    def moved() -> bool:
        seen.append(checkout.glance(repository, "main"))
        return seen[-1] != seen[-2]

    commit(repository, {"a": "1"})
    assert moved()
    commit(repository, {"a": "2"})
    assert moved()
    git("pack-refs", "--all", at=repository)
    assert moved()
    commit(repository, {"a": "3"})
    assert moved()
    git("reset", "--quiet", "--hard", "HEAD~1", at=repository)
    assert moved()
    assert not moved()
    git("worktree", "add", "--quiet", str(tmp_path / "beside"), "-b", "beside", at=repository)
    assert checkout.glance(tmp_path / "beside", "beside") is None, "git must be asked there"
    assert checkout.repository_at(tmp_path / "beside") == tmp_path / "beside"
    assert checkout.current_branch(tmp_path / "beside") == "beside"
