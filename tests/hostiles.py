"""Projects that mean harm, for the sandbox: name -> path -> text, as in `describables`.

The rule: what a project tries is tried for real, past every courtesy of Python (no audit hook, raw system calls), and
`PROBE` is also run outside as a control, where it must succeed.
"""

from __future__ import annotations

import json

from describables import DUCKDB, model

PROBE = r'''
import ctypes, json, os, signal, socket, sys
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)


def environment(secret):
    return secret in repr(dict(os.environ))


def environments_of_others(secret):
    for entry in os.listdir("/proc"):
        if entry.isdigit() and entry != str(os.getpid()):
            for name in ("environ", "cmdline"):
                try:
                    if secret.encode() in Path("/proc", entry, name).read_bytes():
                        return True
                except OSError:
                    pass
    return False


def first_process(secret):
    return secret.encode() in Path("/proc/1/environ").read_bytes()


def file(path):
    return bool(Path(path).read_bytes())


def folder(path):
    return bool(os.listdir(path))


def write(path):
    Path(path, "was-here").write_text("x")
    return True


def tcp(port):
    """Past the audit hook: a plain system call."""
    descriptor = libc.socket(2, 1, 0)
    address = (2).to_bytes(2, sys.byteorder) + int(port).to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
    return libc.connect(descriptor, address, 16) == 0


def unix(name):
    descriptor = libc.socket(1, 1, 0)
    address = (1).to_bytes(2, sys.byteorder) + name.encode().replace(b"@", b"\0", 1)
    return libc.connect(descriptor, address + (b"" if name.startswith("@") else b"\0"), len(address)) == 0


def names(host):
    return bool(socket.getaddrinfo(host, 80))


def root(_):
    try:
        os.setuid(0)
    except OSError:
        pass
    return libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0


def link(path):
    os.symlink(path, "way-out")
    return bool(os.listdir("way-out"))


def hard_link(path):
    os.link(path, "mine")
    return bool(Path("mine").read_bytes())


def other_processes(pid):
    os.kill(int(pid), 0)
    return True


def memory_of_the_guard(_):
    for pid in (os.getppid(), 1):
        with open(f"/proc/{pid}/mem", "rb"):
            return pid != 0
    return False


def device(path):
    return bool(open(path, "rb").read(512))


def keyring(_):
    return libc.syscall({"x86_64": 250, "aarch64": 219}[os.uname().machine], 0, -3, 0) != -1


def another_family(number):
    return libc.socket(int(number), 1, 0) != -1


def tried(attempts):
    got = []
    for name, value in attempts:
        try:
            if globals()[name](value):
                got.append(f"{name}:{value[-30:]}")
        except BaseException:
            pass
    return got
'''


def burglar(attempts: list[tuple[str, str]]) -> dict[str, str]:
    """Try all this while macros are loaded, and say what worked as the reason of a fault."""
    end = f"\nraise RuntimeError(f'tried {len(attempts)}, got {{tried({json.dumps(attempts)})}}')\n"
    return hostile(PROBE + end)


def hostile(code: str) -> dict[str, str]:
    """Write a project that does this when its macros are loaded."""
    return {"config.yaml": DUCKDB, "models/a.sql": model("x.a"), "macros/__init__.py": code}


WRITES = hostile(
    "import os\n\nfor number in range(10_000):\n    with open(f'{os.environ[\"TMPDIR\"]}/{number}', 'wb') as file:\n"
    "        file.write(bytes(1024 * 1024))\n"
)
WRITES_ONE_FILE = hostile(
    "import os\n\nfile = open('large', 'wb')\nwhile True:\n    file.write(bytes(1024 * 1024))\n    file.flush()\n"
)
SHARED_MEMORY = hostile(
    "file = open('/dev/shm/large', 'wb')\nfor number in range(300):\n    file.write(bytes(1024 * 1024))\n"
)
NEVER_ENDS = hostile(
    "import signal\n\nfor number in range(1, 65):\n    try:\n"
    "        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\n"
    "while True:\n    signal.pause()\n"
)
KILLS = hostile(
    "import os\nimport signal\n\nfor pid in (os.getppid(), 1, -1):\n    try:\n        os.kill(pid, signal.SIGKILL)\n"
    "    except OSError:\n        pass\nwhile True:\n    pass\n"
)
STAYS = hostile(
    "import os\nimport signal\n\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        signal.pause()\n"
    "    os._exit(0)\n"
)
FORGED = {
    "meshbot_graph": 1,
    "models": [{"name": "forged.model", "kind": "FULL", "cron": "@daily", "cron_tz": "UTC"}],
    "audits": [],
    "faults": [],
}
PRINTS = hostile(
    f"import sys\n\ntext = {json.dumps(json.dumps(FORGED))} + '\\n'\nprint(text, flush=True)\n"
    "sys.stderr.write(text)\nsys.stderr.flush()\nopen('/dev/stdout', 'w').write(text)\n"
)
NO_GRAPH = hostile(
    "import os\n\nfor number in range(3, 64):\n    try:\n"
    '        os.write(number, b\'{"meshbot_graph": 1, "models": \'\n'
    '                 b\'[{"name": "a", "run": "rm -rf /"}]}\\n\')\n    except OSError:\n        pass\nos._exit(0)\n'
)
