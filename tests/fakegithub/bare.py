"""A real bare repository, worked on with git's plumbing: what a person or GitHub itself does to it.

The rule: no work tree. Commits are made from blobs and trees, so that any number of them cost milliseconds.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "HOME": os.devnull}
NOBODY = ("Nobody", "nobody@users.noreply.example.com")


class GitError(Exception):
    """Git said no; the words are its own."""


@dataclass(frozen=True)
class Bare:
    """A bare repository in a folder."""

    folder: Path

    def create(self, branch: str) -> None:
        self.folder.mkdir(parents=True)
        self.git("init", "--bare", "--quiet", f"--initial-branch={branch}")
        for setting in ("uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter", "http.receivepack"):
            self.git("config", setting, "true")
        self.git("config", "receive.hideRefs", "refs/pull")
        self.git("config", "gc.auto", "0")
        self.git("config", "core.logAllRefUpdates", "false")

    def git(self, *arguments: str, text: str | bytes | None = None, environ: Mapping[str, str] | None = None) -> str:
        """Run git here and return what it prints, without the last line's end."""
        return self.raw(*arguments, text=text, environ=environ).decode("utf-8", "replace").rstrip("\n")

    def raw(self, *arguments: str, text: str | bytes | None = None, environ: Mapping[str, str] | None = None) -> bytes:
        ended = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            input=text.encode() if isinstance(text, str) else text,
            capture_output=True,
            check=False,
            env={"PATH": os.environ["PATH"], **QUIET, **(environ or {})},
        )
        if ended.returncode:
            raise GitError(ended.stderr.decode("utf-8", "replace").strip() or f"git {arguments[0]}: {ended.returncode}")
        return ended.stdout

    def heads(self) -> dict[str, str]:
        """Every branch and where it points."""
        listed = self.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        return dict(line.rsplit(" ", 1) for line in listed.splitlines() if line)

    def resolve(self, name: str) -> str | None:
        """The commit that a branch, a ref or a sha names."""
        for candidate in (f"refs/heads/{name}", name):
            try:
                return self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}")
            except GitError:
                continue
        return None

    def kind(self, sha: str) -> str | None:
        try:
            return self.git("cat-file", "-t", sha)
        except GitError:
            return None

    def commit(
        self,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str,
        author: tuple[str, str] = NOBODY,
        parent: str | None = None,
    ) -> str:
        """Commit files (None removes one) on top of a branch, or of another parent, and let the branch point to it."""
        old = self.resolve(f"refs/heads/{branch}")
        onto = parent or old
        tree = self.tree(onto, files)
        sha = self.commit_tree(tree, [onto] if onto else [], message, author)
        self.git("update-ref", f"refs/heads/{branch}", sha, *([old] if old else []))
        return sha

    def tree(self, onto: str | None, files: Mapping[str, str | bytes | None]) -> str:
        """Write a tree: another one with some files changed."""
        lines = []
        for path, content in files.items():
            if content is None:
                lines.append(f"0 {'0' * 40}\t{path}")
            else:
                lines.append(f"100644 {self.blob(content)}\t{path}")
        return self.tree_of(onto, lines)

    def tree_of(self, onto: str | None, lines: list[str]) -> str:
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            if onto:
                self.git("read-tree", onto, environ=index)
            self.git("update-index", "--add", "--index-info", text="\n".join(lines) + "\n", environ=index)
            return self.git("write-tree", environ=index)

    def blob(self, content: str | bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", text=content)

    def commit_tree(
        self,
        tree: str,
        parents: list[str],
        message: str,
        author: tuple[str, str] = NOBODY,
        date: str | None = None,
    ) -> str:
        name, email = author
        environ = {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }
        if date:
            environ |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        onto = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *onto, text=message, environ=environ)

    def merged_tree(self, ours: str, theirs: str) -> str | None:
        """The tree of a merge; None when it has conflicts."""
        try:
            return self.git("merge-tree", "--write-tree", ours, theirs).splitlines()[0]
        except GitError:
            return None

    def is_ancestor(self, old: str, new: str) -> bool:
        try:
            self.git("merge-base", "--is-ancestor", old, new)
        except GitError:
            return False
        return True

    def merge_base(self, one: str, other: str) -> str | None:
        try:
            return self.git("merge-base", one, other)
        except GitError:
            return None

    def log(self, what: str, *, limit: int = 250, path: str | None = None) -> list[str]:
        return self.git("rev-list", f"--max-count={limit}", what, "--", *([path] if path else [])).splitlines()

    def describe(self, sha: str) -> dict[str, Any]:
        """A commit's tree, parents, message, author and committer."""
        keys = ("tree", "parents", "name", "email", "date", "by", "by_email", "by_date", "message")
        text = self.git("log", "-1", "--format=%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B", sha)
        found: dict[str, Any] = dict(zip(keys, text.split("\0"), strict=True))
        found["parents"] = found["parents"].split()
        found["message"] = found["message"].rstrip("\n")
        return found

    def changes(self, old: str, new: str) -> list[dict[str, Any]]:
        """What differs between two commits, file by file, in git's letters."""
        numbers = {}
        for line in self.git("diff", "--numstat", "--no-renames", old, new).splitlines():
            added, removed, path = line.split("\t")
            numbers[path] = (int(added) if added != "-" else 0, int(removed) if removed != "-" else 0)
        found = []
        for line in self.git("diff", "--name-status", "--no-renames", old, new).splitlines():
            letter, path = line.split("\t")
            added, removed = numbers[path]
            found.append({"letter": letter, "path": path, "added": added, "removed": removed})
        return found

    def patch(self, old: str, new: str, path: str) -> str:
        text = self.git("diff", "--no-renames", old, new, "--", path)
        return text[text.index("@@") :] if "@@" in text else ""

    def read(self, sha: str, path: str) -> bytes | None:
        try:
            return self.raw("cat-file", "blob", f"{sha}:{path}")
        except GitError:
            return None

    def entries(self, tree: str, *, recursive: bool = False) -> list[dict[str, Any]]:
        text = self.git("ls-tree", "-l", "-z", *(["-r", "-t"] if recursive else []), tree)
        found = []
        for line in text.split("\0"):
            if not line:
                continue
            head, path = line.split("\t", 1)
            mode, kind, sha, size = head.split()
            found.append({"mode": mode, "type": kind, "sha": sha, "path": path, "size": size})
        return found

    def point(self, ref: str, sha: str | None) -> None:
        """Let a ref point to a commit, or take it away."""
        self.git("update-ref", *(["-d", ref] if sha is None else [ref, sha]))

    def take(self, other: Bare, what: str, ref: str) -> None:
        """Bring a commit of another repository here, under a ref."""
        self.git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(other.folder), f"+{what}:{ref}")
