"""Git over HTTP: clone, fetch and push of the real repositories, through git's own `http-backend`.

The rule: who may, as GitHub says it. A token comes as the password of basic authentication; without one a private
repository asks for it (401), and what a token may not see is not there (404).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
from dataclasses import dataclass

from fakegithub.bare import QUIET
from fakegithub.github import GitHub
from fakegithub.world import Account, Repository

PATH = re.compile(r"/(?P<name>[^/]+/[^/]+?)(\.git)?/(?P<rest>info/refs|git-upload-pack|git-receive-pack)")


@dataclass
class GitAsked:
    """One request of git."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class GitAnswer:
    status: int
    headers: dict[str, str]
    body: bytes


def answer(github: GitHub, asked: GitAsked) -> GitAnswer | None:
    """Answer a request of git; None when it is none."""
    found = PATH.fullmatch(asked.path)
    if found is None:
        return None
    writing = "git-receive-pack" in (asked.path + asked.query)
    with github.lock:
        repo = github.find(found["name"])
        if repo is None:
            return _moved(github, found["name"], found["rest"], asked.query)
        refusal, who = _who(github, repo, asked.headers.get("authorization", ""), writing=writing)
    if refusal is not None:
        return refusal
    made = _backend(repo, asked, found["rest"], who)
    if found["rest"] == "git-receive-pack":
        github.notice(repo, who)
    return made


def _moved(github: GitHub, name: str, rest: str, query: str) -> GitAnswer:
    moved = github.repositories.get(github.moved.get(name.lower(), 0))
    if moved is None or moved.deleted:
        return _say(404, "Repository not found.")
    return _say(301, "", {"Location": f"{github.url}/{moved.full_name}.git/{rest}" + (f"?{query}" if query else "")})


def _who(github: GitHub, repo: Repository, authorization: str, *, writing: bool) -> tuple[GitAnswer | None, Account]:
    """Who asks; and the refusal, when they may not."""
    secret = _password(authorization)
    nobody = github.account("ghost")
    if secret is None:
        if repo.private or writing:
            return _say(401, "Repository not found.", {"WWW-Authenticate": 'Basic realm="GitHub"'}), nobody
        return None, nobody
    if secret in github.people:
        account = github.people[secret]
        role = repo.role(account.login)
        if role == "none":
            return _say(404, "Repository not found."), account
        if writing and (repo.archived or role not in {"write", "maintain", "admin"}):
            return _say(403, f"Permission to {repo.full_name}.git denied to {account.login}."), account
        return None, account
    return _app(github, repo, secret, writing=writing), github.app.bot


def _app(github: GitHub, repo: Repository, secret: str, *, writing: bool) -> GitAnswer | None:
    token = github.tokens.get(secret)
    if token is None or token.revoked or token.expires_at <= github.now() or token.installation.removed:
        return _say(401, "Invalid username or token.", {"WWW-Authenticate": 'Basic realm="GitHub"'})
    if token.installation.suspended_at:
        return _say(403, "This installation has been suspended")
    if repo.id not in token.repositories and repo.private:
        return _say(404, "Repository not found.")
    level = token.permissions.get("contents")
    if writing and (level != "write" or repo.archived or repo.id not in token.repositories):
        return _say(403, "Write access to repository not granted.")
    return _say(403, "Resource not accessible by integration") if level is None and repo.private else None


def _password(authorization: str) -> str | None:
    kind, _, text = authorization.partition(" ")
    if kind.lower() != "basic":
        return text or None
    try:
        return base64.b64decode(text).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _backend(repo: Repository, asked: GitAsked, rest: str, who: Account) -> GitAnswer:
    environ = {
        "PATH": os.environ["PATH"],
        **QUIET,
        "GIT_PROJECT_ROOT": str(repo.bare.folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": asked.method,
        "PATH_INFO": f"/{rest}",
        "QUERY_STRING": asked.query,
        "CONTENT_TYPE": asked.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(asked.body)),
        "HTTP_CONTENT_ENCODING": asked.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": asked.headers.get("git-protocol", ""),
        "REMOTE_USER": who.login,
        "REMOTE_ADDR": "127.0.0.1",
    }
    ended = subprocess.run(["git", "http-backend"], input=asked.body, capture_output=True, check=False, env=environ)
    head, _, body = ended.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split(" ")[0]) if head else 500
    return GitAnswer(status, headers, body)


def _say(status: int, text: str, headers: dict[str, str] | None = None) -> GitAnswer:
    return GitAnswer(status, {"Content-Type": "text/plain", **(headers or {})}, text.encode())
