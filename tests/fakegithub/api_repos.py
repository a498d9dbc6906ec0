"""Answers about repositories: who may do what, branches and their rules, commits, contents, and the Git data."""

from __future__ import annotations

import base64
from typing import Any

from fakegithub.bare import GitError
from fakegithub.calls import Answer, Call, answers
from fakegithub.problems import Problem, not_found, plain_invalid
from fakegithub.world import Repository

JSON = dict[str, Any]
LEGACY = {"maintain": "write", "triage": "read"}
RIGHTS = ("pull", "triage", "push", "maintain", "admin")
ROLES = ("read", "triage", "write", "maintain", "admin")
REPO = "/repos/{owner}/{repo}"


@answers(f"GET {REPO}")
def repository(call: Call) -> Answer:
    permissions = dict.fromkeys(RIGHTS, False) | {"pull": True}
    return Answer(200, call.github.shapes.full_repository(call.repo, permissions))


@answers(f"GET {REPO}/collaborators/{{username}}")
def is_collaborator(call: Call) -> Answer:
    if call.parameters["username"].lower() not in {login.lower() for login in call.repo.roles}:
        raise not_found()
    return Answer(204, None)


@answers(f"GET {REPO}/collaborators/{{username}}/permission")
def permission(call: Call) -> Answer:
    account = call.github.accounts.get(call.parameters["username"].lower())
    if account is None:
        raise Problem(404, f"{call.parameters['username']} is not a user")
    role = call.repo.role(account.login)
    level = ROLES.index(role) if role in ROLES else -1
    rights = {name: level >= number for number, name in enumerate(RIGHTS)}
    user = {**(call.github.shapes.user(account) or {}), "permissions": rights, "role_name": role}
    return Answer(200, {"permission": LEGACY.get(role, role), "role_name": role, "user": user})


@answers(f"GET {REPO}/branches/{{branch}}")
def branch(call: Call) -> Answer:
    repo, name = call.repo, call.parameters["branch"]
    sha = repo.bare.heads().get(name)
    if sha is None:
        raise Problem(404, "Branch not found")
    checks = repo.required_checks.get(name, [])
    url = f"{call.github.shapes.repo_url(repo)}/branches/{name}"
    page = f"{call.github.shapes.repo_page(repo)}/tree/{name}"
    level = "non_admins" if checks else "off"
    required = {
        "enforcement_level": level,
        "contexts": checks,
        "checks": [{"context": c, "app_id": None} for c in checks],
    }
    shape = {
        "name": name,
        "commit": call.github.shapes.commit(repo, sha),
        "_links": {"self": url, "html": page},
        "protected": bool(checks or repo.ruled_checks.get(name)),
        "protection": {"enabled": bool(checks), "required_status_checks": required},
        "protection_url": f"{url}/protection",
    }
    return Answer(200, shape)


@answers(f"GET {REPO}/branches/{{branch}}/protection")
def protection(call: Call) -> Answer:
    shape: JSON = {"url": f"{call.github.api_url}{call.path}"}
    if call.parameters["branch"] not in {*call.repo.required_checks, *call.repo.required_approvals}:
        raise Problem(404, "Branch not protected")
    if call.repo.required_checks.get(call.parameters["branch"]):
        shape["required_status_checks"] = _required(call, f"{shape['url']}/required_status_checks")
    return Answer(200, shape)


@answers(f"GET {REPO}/branches/{{branch}}/protection/required_status_checks")
def required_status_checks(call: Call) -> Answer:
    if not call.repo.required_checks.get(call.parameters["branch"]):
        raise Problem(404, "Required status checks not enabled")
    return Answer(200, _required(call, f"{call.github.api_url}{call.path}"))


@answers(f"GET {REPO}/rules/branches/{{branch}}")
def rules(call: Call) -> Answer:
    name, source = (
        call.parameters["branch"],
        {"ruleset_source_type": "Repository", "ruleset_source": call.repo.full_name},
    )
    found: list[JSON] = []
    if checks := call.repo.ruled_checks.get(name):
        required = [{"context": context} for context in checks]
        rule = {"strict_required_status_checks_policy": False, "required_status_checks": required}
        found.append({"type": "required_status_checks", "parameters": rule, **source, "ruleset_id": 42})
    return call.listed(found)


@answers(f"GET {REPO}/commits")
def commits(call: Call) -> Answer:
    repo = call.repo
    sha = repo.bare.resolve(call.query.get("sha", repo.default_branch))
    if sha is None:
        raise not_found()
    listed = repo.bare.log(sha, path=call.query.get("path"))
    return call.listed([call.github.shapes.commit(repo, one) for one in listed])


@answers(f"GET {REPO}/commits/{{ref}}")
def commit(call: Call) -> Answer:
    repo, sha = call.repo, call.commit("ref")
    return Answer(200, call.github.shapes.commit(repo, sha) | _changes(call, repo, sha))


@answers(f"GET {REPO}/compare/{{basehead}}")
def compare(call: Call) -> Answer:
    repo, names = call.repo, call.parameters["basehead"].split("...")
    ends = [repo.bare.resolve(name) for name in names]
    if len(ends) != 2 or None in ends:
        raise not_found()
    base, head = (str(end) for end in ends)
    fork = repo.bare.merge_base(base, head)
    if fork is None:
        raise not_found()
    ahead, behind = repo.bare.log(f"{base}..{head}"), repo.bare.log(f"{head}..{base}")
    status = "identical" if base == head else "diverged" if ahead and behind else "ahead" if ahead else "behind"
    page = f"{call.github.shapes.repo_page(repo)}/compare/{call.parameters['basehead']}"
    shape = {
        "url": f"{call.github.api_url}{call.path}",
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": call.github.shapes.commit(repo, base),
        "merge_base_commit": call.github.shapes.commit(repo, fork),
        "status": status,
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [call.github.shapes.commit(repo, one) for one in ahead[::-1]],
        "files": files(call, repo, fork, head),
    }
    return Answer(200, shape)


@answers(f"GET {REPO}/contents/{{path}}")
def contents(call: Call) -> Answer:
    repo, path = call.repo, call.parameters["path"]
    name = call.query.get("ref", repo.default_branch)
    sha = repo.bare.resolve(name)
    content = repo.bare.read(sha, path) if sha else None
    if sha is None or content is None:
        raise not_found()
    return Answer(200, _content(call, repo, name, path, content))


@answers(f"PUT {REPO}/contents/{{path}}")
def put_contents(call: Call) -> Answer:
    repo, path, asked = call.repo, call.parameters["path"], call.body
    name = asked.get("branch", repo.default_branch)
    head = repo.bare.heads().get(name)
    if head is None:
        raise not_found()
    old = repo.bare.read(head, path)
    if old is not None and asked.get("sha") != repo.bare.blob(old):
        raise Problem(409, f"{path} does not match {asked.get('sha')}")
    content = base64.b64decode(asked["content"])
    sha = repo.bare.commit(name, {path: content}, asked["message"], (call.me.login, call.me.email))
    call.github.notice(repo, call.me)
    made = call.github.shapes.git_commit(repo, sha)
    return Answer(
        200 if old is not None else 201, {"content": _content(call, repo, name, path, content), "commit": made}
    )


@answers(f"POST {REPO}/git/blobs")
def make_blob(call: Call) -> Answer:
    content = call.body["content"]
    raw = base64.b64decode(content) if call.body.get("encoding") == "base64" else content.encode()
    sha = call.repo.bare.blob(raw)
    return Answer(201, {"sha": sha, "url": f"{call.github.shapes.repo_url(call.repo)}/git/blobs/{sha}"})


@answers(f"GET {REPO}/git/blobs/{{file_sha}}")
def blob(call: Call) -> Answer:
    sha = call.parameters["file_sha"]
    if call.repo.bare.kind(sha) != "blob":
        raise not_found()
    raw = call.repo.bare.raw("cat-file", "blob", sha)
    url = f"{call.github.shapes.repo_url(call.repo)}/git/blobs/{sha}"
    shape = {"sha": sha, "node_id": f"B_{sha}", "size": len(raw), "url": url}
    return Answer(200, {**shape, "content": base64.encodebytes(raw).decode(), "encoding": "base64"})


@answers(f"POST {REPO}/git/trees")
def make_tree(call: Call) -> Answer:
    repo, onto = call.repo, call.body.get("base_tree")
    if onto is not None and repo.bare.kind(onto) not in {"tree", "commit"}:
        raise plain_invalid("base_tree is not a valid tree oid")
    lines = []
    for entry in call.body["tree"]:
        sha = repo.bare.blob(entry["content"]) if "content" in entry else entry["sha"]
        if sha is not None and repo.bare.kind(sha) is None:
            raise plain_invalid(f"tree.sha {sha} is not a valid blob")
        lines.append(f"0 {'0' * 40}\t{entry['path']}" if sha is None else f"{entry['mode']} {sha}\t{entry['path']}")
    return Answer(201, _tree(call, repo, repo.bare.tree_of(onto, lines), recursive=False))


@answers(f"GET {REPO}/git/trees/{{tree_sha}}")
def tree(call: Call) -> Answer:
    repo, name = call.repo, call.parameters["tree_sha"]
    sha = repo.bare.resolve(name) or name
    if repo.bare.kind(sha) not in {"tree", "commit"}:
        raise not_found()
    found = repo.bare.git("rev-parse", f"{sha}^{{tree}}")
    return Answer(200, _tree(call, repo, found, recursive="recursive" in call.query))


@answers(f"POST {REPO}/git/commits")
def make_commit(call: Call) -> Answer:
    repo, asked = call.repo, call.body
    if repo.bare.kind(asked["tree"]) != "tree":
        raise plain_invalid("Tree SHA does not exist")
    for parent in asked.get("parents", []):
        if repo.bare.kind(parent) != "commit":
            raise plain_invalid("Parent SHA does not exist or is not a commit object")
    who = asked.get("author") or {"name": call.me.login, "email": call.me.email}
    author = (who["name"], who["email"])
    sha = repo.bare.commit_tree(asked["tree"], asked.get("parents", []), asked["message"], author, who.get("date"))
    return Answer(201, call.github.shapes.git_commit(repo, sha))


@answers(f"GET {REPO}/git/commits/{{commit_sha}}")
def git_commit(call: Call) -> Answer:
    sha = call.parameters["commit_sha"]
    if call.repo.bare.kind(sha) != "commit":
        raise not_found()
    return Answer(200, call.github.shapes.git_commit(call.repo, sha))


@answers(f"GET {REPO}/git/matching-refs/{{ref}}")
def matching_refs(call: Call) -> Answer:
    repo, wanted = call.repo, f"refs/{call.parameters['ref']}"
    listed = repo.bare.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    found = [line.rsplit(" ", 1) for line in listed if line.startswith(wanted)]
    return call.listed([call.github.shapes.ref(repo, ref, sha) for ref, sha in found])


@answers(f"GET {REPO}/git/ref/{{ref}}")
def git_ref(call: Call) -> Answer:
    ref = f"refs/{call.parameters['ref']}"
    sha = call.repo.bare.resolve(ref)
    if sha is None:
        raise not_found()
    return Answer(200, call.github.shapes.ref(call.repo, ref, sha))


@answers(f"POST {REPO}/git/refs")
def make_ref(call: Call) -> Answer:
    repo, ref, sha = call.repo, call.body["ref"], call.body["sha"]
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise plain_invalid("Reference name is invalid")
    if repo.bare.resolve(ref) is not None:
        raise plain_invalid("Reference already exists")
    if repo.bare.kind(sha) != "commit":
        raise plain_invalid("Object does not exist")
    repo.bare.point(ref, sha)
    call.github.notice(repo, call.me)
    return Answer(201, call.github.shapes.ref(repo, ref, sha))


@answers(f"PATCH {REPO}/git/refs/{{ref}}")
def move_ref(call: Call) -> Answer:
    repo, ref, sha = call.repo, f"refs/{call.parameters['ref']}", call.body["sha"]
    old = repo.bare.resolve(ref)
    if old is None:
        raise plain_invalid("Reference does not exist")
    if repo.bare.kind(sha) != "commit":
        raise plain_invalid("Object does not exist")
    if not call.body.get("force") and not repo.bare.is_ancestor(old, sha):
        raise plain_invalid("Update is not a fast forward")
    repo.bare.point(ref, sha)
    call.github.notice(repo, call.me)
    return Answer(200, call.github.shapes.ref(repo, ref, sha))


@answers(f"DELETE {REPO}/git/refs/{{ref}}")
def delete_ref(call: Call) -> Answer:
    ref = f"refs/{call.parameters['ref']}"
    try:
        call.repo.bare.git("rev-parse", "--verify", "--quiet", ref)
    except GitError as error:
        raise plain_invalid("Reference does not exist") from error
    call.repo.bare.point(ref, None)
    call.github.notice(call.repo, call.me)
    return Answer(204, None)


def files(call: Call, repo: Repository, old: str, new: str) -> list[JSON]:
    changes = repo.bare.changes(old, new)
    return [call.github.shapes.changed_file(repo, new, one, repo.bare.patch(old, new, one["path"])) for one in changes]


def _changes(call: Call, repo: Repository, sha: str) -> JSON:
    parents = repo.bare.describe(sha)["parents"]
    changed = files(call, repo, parents[0], sha) if parents else []
    added, removed = (sum(one[name] for one in changed) for name in ("additions", "deletions"))
    return {"stats": {"additions": added, "deletions": removed, "total": added + removed}, "files": changed}


def _required(call: Call, url: str) -> JSON:
    found = call.repo.required_checks.get(call.parameters["branch"], [])
    checks = [{"context": context, "app_id": None} for context in found]
    return {"url": url, "strict": False, "contexts": found, "contexts_url": f"{url}/contexts", "checks": checks}


def _tree(call: Call, repo: Repository, sha: str, *, recursive: bool) -> JSON:
    url = f"{call.github.shapes.repo_url(repo)}/git"
    entries = []
    for entry in repo.bare.entries(sha, recursive=recursive):
        size = {"size": int(entry["size"])} if entry["type"] == "blob" else {}
        place = {"url": f"{url}/{entry['type']}s/{entry['sha']}"}
        entries.append({key: entry[key] for key in ("path", "mode", "type", "sha")} | size | place)
    return {"sha": sha, "url": f"{url}/trees/{sha}", "tree": entries, "truncated": False}


def _content(call: Call, repo: Repository, ref: str, path: str, content: bytes) -> JSON:
    shapes, sha = call.github.shapes, repo.bare.blob(content)
    url = f"{shapes.repo_url(repo)}/contents/{path}?ref={ref}"
    git_url, page = f"{shapes.repo_url(repo)}/git/blobs/{sha}", f"{shapes.repo_page(repo)}/blob/{ref}/{path}"
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(content),
        "name": path.rpartition("/")[2],
        "path": path,
        "content": base64.encodebytes(content).decode(),
        "sha": sha,
        "url": url,
        "git_url": git_url,
        "html_url": page,
        "download_url": f"{shapes.repo_page(repo)}/raw/{ref}/{path}",
        "_links": {"git": git_url, "self": url, "html": page},
    }
