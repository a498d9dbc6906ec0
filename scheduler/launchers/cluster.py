"""The only door to a Kubernetes cluster: make, read, list, watch, patch and remove what a run consists of.

The rule: whatever comes out is plain data or one of our errors, and what may work in a moment is `Retryable`. "It is
there already" and "it is gone already" are answers, no errors. The surprise: nothing is tried again in here, because a
repeated write may have been done the first time; who calls knows what is safe to repeat.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler.errors import Retryable, UserError

Found = dict[str, Any]

PATHS = {
    "jobs": "/apis/batch/v1/namespaces/{}/jobs",
    "pods": "/api/v1/namespaces/{}/pods",
    "secrets": "/api/v1/namespaces/{}/secrets",
    "configmaps": "/api/v1/namespaces/{}/configmaps",
    "events": "/api/v1/namespaces/{}/events",
}
CONNECT, READ = 5, 30
"""Seconds."""
PAGE = 500
CONNECTIONS = 64
GONE, CONFLICT, MISSING = 410, 409, 404
BUSY = frozenset({401, 408, 425, 429})
"""Answers that another moment changes: credentials are renewed, a rush is over."""


class Gone(Exception):
    """The cluster does not remember so old a version; list again."""


@dataclass(frozen=True)
class Refusal(Exception):
    """What the cluster answered instead of doing it."""

    status: int
    reason: str
    message: str


@dataclass(frozen=True)
class Listed:
    """What there is, and as of which version: a watch goes on from there."""

    items: list[Found]
    version: str


class Cluster:
    """One cluster, spoken to with the rights of a kubeconfig file, or of the pod that this runs in.

    Raises `UserError` when neither is there.
    """

    def __init__(self, kubeconfig: Path | None = None) -> None:
        from kubernetes import client, config

        settings = client.Configuration()
        try:
            if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
                config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
            else:
                path = None if kubeconfig is None else str(kubeconfig)
                config.load_kube_config(config_file=path, client_configuration=settings)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            raise UserError(
                f"opening the cluster: {error}; set KUBECONFIG to a kubeconfig file, or run Meshbot in the cluster"
            ) from error
        settings.retries = False
        settings.connection_pool_maxsize = CONNECTIONS
        self._api = client.ApiClient(settings)

    def create(self, kind: str, manifest: Found) -> Found | None:
        """Make something; None when it is there already. Raises `Retryable`, or `UserError` where it never will be."""
        name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
        doing = f"creating {kind[:-1]} {namespace}/{name}"
        try:
            return self._json("POST", doing, PATHS[kind].format(namespace), body=manifest)
        except Refusal as refusal:
            if refusal.status == CONFLICT and refusal.reason == "AlreadyExists":
                return None
            raise _refused(doing, refusal) from refusal

    def get(self, kind: str, namespace: str, name: str) -> Found | None:
        """Read something; None when it is not there."""
        return self._unless_missing("GET", f"reading {kind[:-1]} {namespace}/{name}", _path(kind, namespace, name))

    def patch(self, kind: str, namespace: str, name: str, changes: Found) -> Found | None:
        """Change fields (None removes one), and return the whole; None when it is not there."""
        doing = f"changing {kind[:-1]} {namespace}/{name}"
        return self._unless_missing("PATCH", doing, _path(kind, namespace, name), body=changes)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Remove something and what it owns, if it is there."""
        doing = f"removing {kind[:-1]} {namespace}/{name}"
        self._unless_missing("DELETE", doing, _path(kind, namespace, name), query={"propagationPolicy": "Background"})

    def list(
        self, kind: str, namespace: str, *, labels: str = "", fields: str = "", trim: Callable[[Found], Found] = dict
    ) -> Listed:
        """List what there is, page by page; `trim` leaves of each what is needed."""
        doing = f"listing {kind} of {namespace}"
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(PAGE)}
        items: list[Found] = []
        while True:
            page = self._or_retry("GET", doing, PATHS[kind].format(namespace), query=query)
            items += map(trim, page["items"])
            rest = page["metadata"].get("continue")
            if not rest:
                return Listed(items, page["metadata"]["resourceVersion"])
            query["continue"] = rest

    def watch(self, kind: str, namespace: str, *, labels: str, version: str, seconds: int) -> Iterator[Found]:
        """Yield what changes after `version`, bookmarks among it, for so many seconds; raises `Gone`, `Retryable`."""
        doing = f"watching {kind} of {namespace}"
        query = {
            "labelSelector": labels,
            "resourceVersion": version,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        with self._opened("GET", doing, PATHS[kind].format(namespace), query=query, read=seconds + READ) as answer:
            rest = b""
            for chunk in answer.stream(None):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event: Found = json.loads(line)
                    if event["type"] == "ERROR":
                        _raise_error(doing, event["object"])
                    yield event

    def log(self, namespace: str, pod: str, container: str) -> Iterator[bytes]:
        """Yield what a container has printed until now; nothing when there is nothing to be read."""
        path = f"{_path('pods', namespace, pod)}/log"
        try:
            with self._opened(
                "GET", f"reading the log of {namespace}/{pod}", path, query={"container": container}
            ) as a:
                yield from a.stream(1 << 16)
        except Refusal as refusal:
            if refusal.status not in {MISSING, 400}:  # gone, or not begun
                raise Retryable(f"reading the log of {namespace}/{pod}: {refusal.message}") from refusal

    def _unless_missing(self, method: str, doing: str, path: str, **rest: Any) -> Found | None:  # noqa: ANN401
        try:
            return self._json(method, doing, path, **rest)
        except Refusal as refusal:
            if refusal.status == MISSING:
                return None
            raise Retryable(f"{doing}: {refusal.status} {refusal.message}") from refusal

    def _or_retry(self, method: str, doing: str, path: str, **rest: Any) -> Found:  # noqa: ANN401
        try:
            return self._json(method, doing, path, **rest)
        except Refusal as refusal:
            raise Retryable(f"{doing}: {refusal.status} {refusal.message}") from refusal

    def _json(self, method: str, doing: str, path: str, **rest: Any) -> Found:  # noqa: ANN401
        with self._opened(method, doing, path, **rest) as answer:
            found: Found = json.loads(answer.read())
            return found

    @contextmanager
    def _opened(
        self,
        method: str,
        doing: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Found | None = None,
        read: float = READ,
    ) -> Iterator[Any]:
        """Send a request; give the answer's body to be read. Raises `Refusal`, `Gone` or `Retryable`."""
        import urllib3

        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        parameters = [(name, value) for name, value in (query or {}).items() if value]
        try:
            sent = self._api.param_serialize(
                method, path, query_params=parameters, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            answer = self._api.call_api(*sent, _request_timeout=(CONNECT, read)).response
            try:
                if answer.status >= 400:  # noqa: PLR2004 - the errors of HTTP
                    _raise_status(answer.status, doing, answer.read())
                yield answer
            finally:
                answer.close()
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Retryable(f"{doing}: {type(error).__name__}: {error}") from error


def _path(kind: str, namespace: str, name: str) -> str:
    return f"{PATHS[kind].format(namespace)}/{name}"


def _raise_error(doing: str, status: Found) -> None:
    _raise_status(int(status.get("code", 500)), doing, json.dumps(status).encode())


def _raise_status(status: int, doing: str, body: bytes) -> None:
    """Raise what an answer means; a busy or a broken cluster is asked again."""
    try:
        said = json.loads(body)
        reason, message = str(said.get("reason", "")), str(said.get("message", ""))
    except (ValueError, AttributeError):
        reason, message = "", body[:500].decode(errors="replace")
    if status == GONE:
        raise Gone
    if status in BUSY or status >= 500:  # noqa: PLR2004 - the server's own
        raise Retryable(f"{doing}: {status} {message}")
    raise Refusal(status, reason, message)


def _refused(doing: str, refusal: Refusal) -> Retryable | UserError:
    """Tell a refusal that time may change, a quota for example, from one that a person has to."""
    waits = ("exceeded quota", "being terminated", "failed quota")
    if refusal.status == CONFLICT or any(word in refusal.message for word in waits):
        return Retryable(f"{doing}: {refusal.status} {refusal.message}")
    return UserError(f"{doing}: {refusal.status} {refusal.message}; change that in the cluster, or the job")
