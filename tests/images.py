"""Builds Meshbot's images with podman, here and now: `make images` and the tests of the images use it.

The base is `MESHBOT_BASE_IMAGE`. Where none is named, because no registry can be reached, mmdebstrap makes it out of
Debian's packages. What this machine trusts (`SSL_CERT_FILE`) is lent to the build and stays in no image.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubehouse import ASKED, CACHE

ROOT = Path(__file__).resolve().parents[1]
BASE = "localhost/meshbot-base:bookworm"
EPOCH = "1767225600"
"""2026-01-01, the time of every file in an image."""
NAMES = {"server": "localhost/meshbot", "run": "localhost/meshbot-run"}
PACKAGES = "python3,python3-venv,ca-certificates"
PODMAN = ("nice", "-n", "15", "podman", "--runtime", "runc")
LOCKED = (
    *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"),  # what an engine sets may be more than it may
    *("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/tmp", "--volume", "/data"),  # noqa: S108 - of the container
)
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
SUITE = "bookworm"
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
"""Where this machine gets Debian's packages; the base gets them there, too."""


def why_none() -> str | None:
    """Say why no image can be built here; None when it can."""
    if not shutil.which("podman"):
        return "no images: podman is not installed"
    if not shutil.which("runc"):
        return "no images: runc is not installed"
    if (
        not os.environ.get("MESHBOT_BASE_IMAGE")
        and not _has(BASE)
        and not (shutil.which("mmdebstrap") and SOURCES.exists())
    ):
        return "no images: MESHBOT_BASE_IMAGE names no base, and without mmdebstrap on Debian none can be made"
    return None


def why_not_tested() -> str | None:
    """Say why a test builds no image: it takes minutes, so it has to be asked for. None when it does."""
    return why_none() if os.environ.get(ASKED) else f"no images: {ASKED}=1 asks for tests that build them"


def build(target: str, *, version: str = "0.1.0", extras: str = "", fresh: bool = False) -> str:
    """Build an image; return its name."""
    name = f"{NAMES[target]}:{version}{f'-{extras}' if extras else ''}"
    command = ["build", "--target", target, "--tag", name, "--timestamp", EPOCH, "--network", "host"]
    command += ["--build-arg", f"BASE={base()}", "--build-arg", f"EXTRAS={extras}"]
    command += ["--no-cache"] if fresh else []
    if (trusted := Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))).exists():
        command += ["--secret", f"id=ca,src={trusted}"]
    _podman(*command, str(ROOT))
    return name


def base() -> str:
    """Return the name of the base image, which is made when none is named."""
    if named := os.environ.get("MESHBOT_BASE_IMAGE"):
        return named
    if not _has(BASE):
        with tempfile.TemporaryDirectory(prefix="meshbot-base-") as folder:
            tar = Path(folder) / "base.tar"
            options = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
            _run(
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                f"--include={PACKAGES}",
                *options,
                SUITE,
                str(tar),
                str(SOURCES),
            )
            _podman("import", str(tar), BASE)
    return BASE


def carry(name: str, socket: Path) -> None:
    """Bring an image into the containerd that listens there, unless it has it."""
    ctr = shutil.which("ctr", path=f"{CACHE / 'deb' / 'usr' / 'bin'}{os.pathsep}{os.environ['PATH']}") or "ctr"
    there = (ctr, "--address", str(socket), "--namespace", "k8s.io", "images")
    mine = str(inspected(name)["Id"])
    marked = f"meshbot.dev/id={mine}"
    if marked in _run(*there, "list", f"name=={name}"):
        return
    with tempfile.TemporaryDirectory(prefix="meshbot-image-", dir="/var/tmp") as folder:
        tar = Path(folder) / "image.tar"
        _podman("save", "--output", str(tar), name)
        _run("nice", "-n", "15", *there, "import", str(tar))
    _run(*there, "label", name, marked)


def size(name: str) -> int:
    """Return how many bytes an image has."""
    return int(inspected(name)["Size"])


def inspected(name: str) -> dict[str, object]:
    """Return what podman knows about an image."""
    return dict(json.loads(_podman("image", "inspect", name))[0])


def run(
    name: str, *command: str, entrypoint: str | None = None, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command in a container that may do as little as a pod of the manifests, and has no network."""
    chosen = [] if entrypoint is None else ["--entrypoint", entrypoint]
    return _containers("run", "--rm", "--network", "none", *LOCKED, *chosen, *options, name, *command)


@contextmanager
def started(name: str, *command: str, options: tuple[str, ...] = ()) -> Iterator[str]:
    """Start such a container, on this machine's network; yield its name."""
    mine = f"meshbot-test-{uuid.uuid4().hex[:8]}"
    begun = _containers("run", "--detach", "--name", mine, "--network", "host", *LOCKED, *options, name, *command)
    try:
        assert begun.returncode == 0, begun.stderr
        yield mine
    finally:
        _containers("rm", "--force", "--volumes", mine)


def ask(container: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a container that was started, as a probe does."""
    return _containers("exec", container, *command)


def stop(container: str) -> int:
    """Tell a container to end; return its exit code."""
    _podman("stop", "--time", "30", container)
    return int(_podman("inspect", "--format", "{{.State.ExitCode}}", container))


def _containers(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PODMAN, *arguments], capture_output=True, text=True, check=False)


def _has(name: str) -> bool:
    return subprocess.run([*PODMAN, "image", "exists", name], check=False).returncode == 0


def _podman(*arguments: str) -> str:
    return _run(*PODMAN, *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH}
    )
    assert done.returncode == 0, f"{' '.join(command[:8])}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


if __name__ == "__main__":
    if reason := why_none():
        sys.exit(reason)
    for one in sys.argv[1:] or list(NAMES):
        built = build(one)
        print(f"{built}: {size(built) / 1e6:.0f} MB")  # noqa: T201 - for whoever said `make images`
