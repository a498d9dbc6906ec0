"""Bare mirrors of repositories: one folder for each, from which files are read at a commit.

The rule: whoever writes to a mirror holds its file lock, and git holds it too, so that it is held also where we were
killed and git goes on. So whatever looks locked while we hold it is a leftover and is removed; a mirror that is broken
is made anew aside and renamed into place. Reading takes no lock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from bot.checkout import entries, exporting, filelock, upkeep
from bot.checkout.calling import FETCH_TIMEOUT, REMOTE, Git, Missing, TooMuch
from bot.checkout.entries import JOB_FILE, Entry, Item
from bot.checkout.names import checked_branch, checked_path, checked_ref, checked_sha, checked_source, kept
from scheduler.errors import Retryable, UserError
from scheduler.places import MIRRORS, mirror_name

Token = Callable[[], SecretStr]
ATTEMPTS = 3
FETCH = ("--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
GONE = "couldn't find remote ref"
THEIRS = re.compile(
    r"couldn't find remote ref|does not appear to be a git repository|repository '.*' (not found|does not exist)|"
    r"returned error: [34]\d\d|could not read (Username|Password)|Authentication failed|not allowed|has moved|"
    r"another user owns it|SSL|certificate|git is not installed",
    re.IGNORECASE,
)
"""What git says about the source, and not about the mirror."""
REMEMBERED, MOST_JOB_FILES, MOST_CONFIGURATIONS = 4, 500, 1000


class Damaged(Retryable):
    """The mirror has lost something; the next fetch makes it anew."""


class Mirrors:
    """The mirrors below a data folder. `allow` names the protocols that a fetch may use."""

    def __init__(self, data_dir: Path, allow: frozenset[str] = REMOTE) -> None:
        self._folder, self._allow = data_dir.resolve() / MIRRORS, allow

    def of(self, source: str, token: Token | None = None) -> Mirror:
        """Return the mirror of a repository; `token` is asked for whenever git talks to the source.

        Raises `UserError` for an address that is not allowed.
        """
        return Mirror(self._folder, source, self._allow, token)


class Mirror:
    """A bare mirror of `source` below `folder`."""

    def __init__(self, folder: Path, source: str, allow: frozenset[str] = REMOTE, token: Token | None = None) -> None:
        self.source = checked_source(source, allow)
        self.path = folder / mirror_name(self.source)
        self._allow, self._token = allow, token
        self._listings: dict[str, list[Item]] = {}  # a commit never changes

    def head(self, branch: str) -> str | None:
        """Ask the source which commit the branch points at now; None when there is no such branch.

        Raises `UserError` when the source is no repository or refuses, `Retryable` when it does not answer.
        """
        ref = checked_ref(checked_branch(branch))
        return self._asked([ref], f"asking {self.source} for its branch {branch}", self._secret()).get(ref)

    def fetch(self, *refs: str) -> None:
        """Bring refs (`main`, `refs/heads/main`, `refs/pull/5/head`) up to the source; one that is gone is forgotten.

        A mirror that is broken is made anew. Raises `UserError` when the source refuses, `Retryable` when it does not
        answer, or when other fetches of it take too long.
        """
        wanted = list(dict.fromkeys(checked_ref(ref) for ref in refs))
        doing = f"fetching {self.source}"
        with filelock.held(self.path.with_suffix(".lock"), doing) as lock:
            upkeep.clear(self.path)
            token = self._secret()  # what is wrong with it is no fault of the mirror
            try:
                self._bring(self.path, wanted, lock, token)
            except (UserError, Damaged) as error:
                if isinstance(error, UserError) and (THEIRS.search(str(error)) or not self.path.exists()):
                    raise
                self._make_anew(wanted, lock, token)
            upkeep.tidy(self._git(), self.path, lock)

    def resolve(self, ref: str) -> str | None:
        """Say which commit a ref pointed at when it was last fetched; None when there was no such ref."""
        name = f"{kept(ref)}^{{commit}}"
        with suppress(UserError):
            return self._git().text("rev-parse", "--verify", "--quiet", name, doing=f"looking for {ref}").strip()
        return None

    def has(self, sha: str) -> bool:
        """Say whether the mirror holds the commit."""
        return self._holds(self.path, checked_sha(sha))

    def listing(self, sha: str) -> list[Item]:
        """List everything in the tree of a commit, by path. Nothing is entered or followed."""
        if sha not in self._listings:
            words = ("ls-tree", "-r", "-z", "-l", "--full-tree", sha)
            if len(self._listings) >= REMEMBERED:
                self._listings.clear()
            self._listings[sha] = list(entries.listed(self._read(sha, f"listing {sha[:12]}", *words)))
        return self._listings[sha]

    def job_files(self, sha: str) -> list[Entry]:
        """Read every `meshbot.yaml` of the commit, by path. Submodules are not entered, links are not followed."""
        found = [item for item in self.listing(sha) if item.name == JOB_FILE]
        if len(found) > MOST_JOB_FILES:
            raise TooMuch(
                f"reading {sha[:12]}: it has {len(found)} files {JOB_FILE}; at most {MOST_JOB_FILES} are read"
            )
        return self._entries(sha, found)

    def projects(self, sha: str) -> list[str]:
        """List the folders in which a SQLMesh or dbt project lies, `.` for the top."""
        found = [item for item in self.listing(sha) if entries.may_be_project(item)]
        certain = {item.folder for item in found if entries.is_project(item.path)}
        asked = [item for item in found if item.folder not in certain][:MOST_CONFIGURATIONS]
        texts = self._blobs(sha, (item.object for item in asked))
        told = {item.folder for item, text in zip(asked, texts, strict=True) if entries.is_project(item.path, text)}
        return sorted(certain | told)

    def tree(self, sha: str, path: str = ".") -> str | None:
        """Return the id of the tree of a folder at a commit: the same id is the same content. None: no such folder."""
        if (folder := checked_path(path)) == ".":
            return self._read(sha, f"reading {sha[:12]}", "rev-parse", "--verify", f"{sha}^{{tree}}").decode().strip()
        item = self._item(sha, folder)
        return item.object if item and item.mode == entries.FOLDER else None

    def read(self, sha: str, path: str) -> str | None:
        """Return the text of a file at a commit; None when there is no such plain file.

        Raises `UserError` when it is too large, or is no UTF-8.
        """
        item = self._item(sha, checked_path(path))
        if item is None or not item.is_file or item.mode == entries.FOLDER:
            return None
        (entry,) = self._entries(sha, [item])
        if entry.fault:
            raise UserError(f"reading {path} at {sha[:12]}: {entry.fault}")
        return entry.text

    def export(
        self, sha: str, into: Path, items: Sequence[Item] | None = None, room: exporting.Room | None = None
    ) -> exporting.Exported:
        """Write the files of a commit (all, or these) into a folder. Raises `UserError` when they are too many."""
        chosen = self.listing(sha) if items is None else items
        return exporting.write(chosen, lambda names: self._blobs(sha, names), into, room or exporting.Room())

    def last_commit(self, sha: str, path: str) -> str | None:
        """Return the newest commit up to `sha` that changed the path; None when none did."""
        words = ("--literal-pathspecs", "rev-list", "-1", checked_sha(sha), "--", checked_path(path))
        return self._read(sha, f"looking who changed {path}", *words).decode().strip() or None

    def fork_point(self, one: str, other: str) -> str | None:
        """Return the newest commit that both have grown from; None when they have nothing in common."""
        words = ("merge-base", checked_sha(one), checked_sha(other))
        with suppress(UserError):
            return self._git().text(*words, doing=f"looking where {one[:12]} and {other[:12]} part").strip()
        return None

    def _item(self, sha: str, path: str) -> Item | None:
        words = ("--literal-pathspecs", "ls-tree", "-z", "-l", "--full-tree", checked_sha(sha), "--", path)
        found = entries.listed(self._read(sha, f"reading {path}", *words))
        return next((item for item in found if item.path == path), None)

    def _entries(self, sha: str, items: Sequence[Item]) -> list[Entry]:
        """Read files, however many, with one git."""
        refused = {item.path: why for item in items if (why := entries.refused(item))}
        wanted = [item for item in items if item.path not in refused]
        contents = self._blobs(sha, [item.object for item in wanted]) if wanted else ()
        read = {item.path: entries.entry(item, content) for item, content in zip(wanted, contents, strict=True)}
        return [(refused | read)[item.path] for item in items]

    def _read(self, sha: str, doing: str, *words: str) -> bytes:
        """Read something of a commit; what a whole mirror would have and this one has not is damage."""
        checked_sha(sha)
        try:
            return self._git().run(*words, doing=doing)
        except TooMuch:
            raise
        except UserError as error:
            if self.has(sha):
                raise self._damaged(sha, doing) from error
            raise UserError(f"{doing}: commit {sha[:12]} is not in the mirror of {self.source}; fetch it") from error

    def _blobs(self, sha: str, names: Iterable[str]) -> Iterator[bytes]:
        doing = f"reading files of {sha[:12]}"
        try:
            yield from self._git().blobs(names, doing)
        except Missing as error:
            raise self._damaged(sha, doing) from error

    def _damaged(self, sha: str, doing: str) -> Damaged:
        with suppress(OSError):
            (self.path / upkeep.DAMAGED).touch()
        return Damaged(f"{doing}: the mirror of {self.source} is damaged at {sha[:12]}; the next fetch makes it anew")

    def _secret(self) -> str | None:
        return self._token().get_secret_value() if self._token else None

    def _git(self, folder: Path | None = None, token: str | None = None) -> Git:
        return Git(self._allow, folder or self.path, self.source, token)

    def _asked(self, refs: Sequence[str], doing: str, token: str | None) -> dict[str, str]:
        """Ask the source what refs point at."""
        said = Git(self._allow, None, self.source, token).text("ls-remote", "--", self.source, *refs, doing=doing)
        lines = (line.partition("\t") for line in said.splitlines())
        return {name: sha for sha, _, name in lines if name in refs}

    def _bring(self, folder: Path, refs: Sequence[str], lock: int, token: str | None) -> None:
        """Fetch the refs into a folder, which is made when it is not there."""
        doing = f"fetching {self.source}"
        if not folder.exists():
            upkeep.make(folder, self._allow, doing)
        if (folder / upkeep.DAMAGED).exists():
            raise Damaged(f"{doing}: the mirror is damaged")
        left = list(refs)
        for _attempt in range(ATTEMPTS):
            try:
                if left:
                    pairs = [f"+{ref}:{kept(ref)}" for ref in left]
                    git = self._git(folder, token)
                    words = ("fetch", *FETCH, "--", self.source, *pairs)
                    git.run(*words, doing=doing, hold=(lock,), patience=FETCH_TIMEOUT)
                break
            except UserError as error:
                if GONE not in str(error):
                    raise
                there = self._asked(refs, doing, token)
                left = [ref for ref in refs if ref in there]
        for ref in refs:
            if ref not in left:
                self._git(folder).run("update-ref", "-d", kept(ref), doing=doing, hold=(lock,))
            elif not self._holds(folder, kept(ref)):
                raise Damaged(f"{doing}: the mirror has lost {ref}")

    def _holds(self, folder: Path, name: str) -> bool:
        with suppress(UserError, Retryable):
            self._git(folder).run("cat-file", "-e", f"{name}^{{commit}}", doing=f"looking for {name}")
            return True
        return False

    def _make_anew(self, refs: Sequence[str], lock: int, token: str | None) -> None:
        aside = self.path.with_suffix(".new")
        self._bring(aside, refs, lock, token)
        self.path.rename(self.path.with_suffix(".old"))
        aside.rename(self.path)
        upkeep.clear(self.path)
