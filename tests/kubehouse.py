"""A real cluster for tests: that of `MESHBOT_TEST_KUBECONFIG`; with `MESHBOT_TEST_CLUSTER=1` one is started here.

It is never faked. Where neither is there, the tests that need it are skipped, and say why. Everything runs on this
machine, so that pods share folders with the test (`host_path`) as no production cluster would let them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2] / "shared" / "kubernetes"
CACHE = Path(os.environ.get("CACHE", "/var/cache/kube120"))
RUN = Path(os.environ.get("RUN", "/var/tmp/kube-run"))  # noqa: S108 - where the scripts keep it
KUBECONFIG = "MESHBOT_TEST_KUBECONFIG"
ASKED = "MESHBOT_TEST_CLUSTER"
IMAGE = "localhost/meshbot-test:1"
SKIPPED = r"(/__pycache__($|/)|\.pyc$|\.a$|/lib/python3[.0-9]*/test/|/idlelib/|/ensurepip/|/site-packages/|/config-3)"
GIT = ("git-upload-pack", "git-remote-http", "git-remote-https")


@dataclass(frozen=True)
class House:
    """A running cluster, and kubectl for it."""

    kubeconfig: Path
    scripts: Path | None = None

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        found = shutil.which("kubectl", path=f"{CACHE / 'bin'}{os.pathsep}{os.environ['PATH']}")
        command = [found or "kubectl", "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout

    def get(self, *arguments: str) -> Any:  # noqa: ANN401 - any object
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, manifest: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", text=json.dumps(manifest))

    def pid(self, name: str) -> int:
        """Return the process id of a part of the cluster that was started here."""
        return int((RUN / "pids" / name).read_text())

    def script(self, name: str, *arguments: str) -> None:
        assert self.scripts, "the cluster is somebody else's"
        with (RUN / "scripts.log").open("ab") as log:
            subprocess.run([self.scripts / name, *arguments], check=True, stdout=log, stderr=log, timeout=240)


def why_none() -> str | None:
    """Say why there is no cluster; None when there is one, or can be."""
    if os.environ.get(KUBECONFIG):
        return None
    if not (SCRIPTS / "up.sh").exists():
        return f"no cluster: {KUBECONFIG} names no kubeconfig file"
    if not os.environ.get(ASKED):
        return f"no cluster: {ASKED}=1 asks for one to be started"
    if not (CACHE / "done-all").exists():
        return "no cluster: its programs are not built; kube120.sh builds them, once"
    return None


@contextmanager
def house() -> Iterator[House]:
    """Open the cluster; one that was started here is stopped in the end. One session at a time."""
    if given := os.environ.get(KUBECONFIG):
        ours = SCRIPTS if Path(given) == RUN / "kubeconfig" else None
        yield House(Path(given), ours)
        return
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "session.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make_images()
        made = House(RUN / "kubeconfig", SCRIPTS)
        try:
            made.script("up.sh", "--fresh")
            made.script("up-node.sh")
            yield made
        finally:
            made.script("down.sh")


def _make_images() -> None:
    """Make what pods are made of out of this machine's own files: Python, git, a shell."""
    images = CACHE / "images"
    if not (images / "python.tar").exists():
        subprocess.run([SCRIPTS / "images.sh"], check=True, capture_output=True)
    if (images / "meshbot.tar").exists():
        return
    prefix, version = Path(sys.base_prefix), "python{}.{}".format(*sys.version_info[:2])
    core = Path("/usr/lib/git-core")
    (images / "git").mkdir(exist_ok=True)
    for name in GIT:
        link = images / "git" / name
        link.unlink(missing_ok=True)
        link.symlink_to(core / "git-remote-http" if "remote" in name else "/usr/bin/git")
    command = [
        sys.executable, str(SCRIPTS / "images" / "mkimage.py"), str(images / "meshbot.tar.new"), IMAGE,
        "--add", f"{images / 'bb'}:/bin",
        "--bin", f"{prefix / 'bin' / version}:/usr/local/bin/{version}",
        "--bin", "/usr/bin/git", "--bin", str(core / "git-remote-http"),
        "--add", f"{images / 'links'}:/usr/local/bin", "--add", f"{images / 'git'}:/usr/local/bin",
        "--add", f"{prefix}/lib/lib{version}.so.1.0:/usr/local/lib/lib{version}.so.1.0",
        "--add", f"{prefix / 'lib' / version}:/usr/local/lib/{version}",
        "--skip", SKIPPED, "--add", "/etc/ssl/certs/ca-certificates.crt",
        "--env", "LD_LIBRARY_PATH=/usr/local/lib", "--cmd", version,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    (images / "meshbot.tar.new").rename(images / "meshbot.tar")


def label(name: str) -> str:
    """Make a name for the cluster out of a test's name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
