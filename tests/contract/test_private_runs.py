"""Runs of a private repository on the bot's machine: their commit comes from its mirror, and they see no token."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import githttp
import pytest
from githttp import Source as Server
from places import Place, commit, make_place
from pydantic import SecretStr

from bot.checkout import Mirror, Mirrors
from scheduler.launchers import Source

TOKEN = "ghs_" + "s3cr3t" * 20
BASIC = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def server(place: Place) -> Iterator[Server]:
    """A source that is private: it answers nobody who has not the token."""
    with githttp.serving(place.repository) as found:
        found.wanted = f"Basic {BASIC}"
        yield found


@pytest.fixture
def mirror(place: Place, server: Server) -> Mirror:
    return Mirrors(place.root, frozenset({"http"})).of(f"{server.url}/o/n.git", lambda: SecretStr(TOKEN))


def test_the_commit_comes_from_the_mirror_and_the_run_sees_no_token(
    place: Place, server: Server, mirror: Mirror
) -> None:
    mirror.fetch("main")
    later = commit(place.repository, {"project/marker.txt": "second"})
    mirror.fetch("main")
    server.headers.clear()
    for sha, text in ((place.sha, "first"), (later, "second")):
        place.launch(f"run-{text}", "read=marker.txt", "env=", source=Source(mirror.source, sha, "project"))
        assert place.ended(f"run-{text}").code == 0
        assert text in place.log(f"run-{text}")
        assert "PATH" in place.log(f"run-{text}"), "it printed its whole environment"
    assert server.headers == []
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert not [path for path in files if any(word.encode() in path.read_bytes() for word in (TOKEN, BASIC))]


def test_what_the_mirror_does_not_have_is_asked_of_the_source_without_a_token(
    place: Place, server: Server, mirror: Mirror
) -> None:
    mirror.fetch("main")
    later = commit(place.repository, {"project/marker.txt": "second"})
    server.headers.clear()
    place.launch("run-a", source=Source(mirror.source, later, "project"))
    assert "git fetch failed" in (place.ended("run-a").detail or "")
    assert set(server.headers) == {None}


@pytest.mark.parametrize("harm", ["objects", "HEAD", "."])
def test_a_public_repository_runs_whatever_became_of_its_mirror(
    place: Place, server: Server, mirror: Mirror, harm: str
) -> None:
    mirror.fetch("main")
    server.wanted = None
    target = mirror.path / harm
    shutil.rmtree(target) if target.is_dir() else target.write_text("rubbish")
    place.launch("run-a", "read=marker.txt", source=Source(mirror.source, place.sha, "project"))
    assert place.ended("run-a").code == 0
    assert place.log("run-a") == "first\n"
