"""What a job may be given: environment names and values, secret names, images, resources.

The rule: a committed file holds no secret. A value that looks like a credential is refused, and is never repeated.
Names that would change how the run itself is started are refused too, because the run could then not be trusted to
start, to report or to end.
"""

from __future__ import annotations

import re

NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
IMAGE = (
    r"^(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)
CPU = r"^([1-9][0-9]{0,4}m|[0-9]{1,3}(\.[0-9]{1,3})?)$"
MEMORY = r"^[1-9][0-9]{0,6}(Ki|Mi|Gi|Ti|k|M|G|T)$"
DEVICE = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"
MOST_CPU = 256

TAKEN_NAMES = {
    "PATH": "the run finds its programs through it",
    "HOME": "every run gets a home of its own",
    "IFS": "it changes how shells read words",
    "BASH_ENV": "shells would execute it",
}
TAKEN_PREFIXES = {
    "LD_": "it changes which libraries the run's own process loads",
    "DYLD_": "it changes which libraries the run's own process loads",
    "PYTHON": "it changes how the run's own Python starts",
    "MESHBOT_": "these are the operator's settings",
    "MESHRUN_": "these are the run's own settings",
}
CREDENTIAL_VALUES = (
    (re.compile(r"://[^/\s:@]*:[^/\s@]+@"), "has a password in a URL"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), "is a private key"),
    (re.compile(r"\b(gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{10,}"), "is a Git host's token"),
    (re.compile(r"\b(xox[abeoprs]-|xapp-)[A-Za-z0-9-]{5,}|hooks\.slack\.com/services/"), "is a Slack credential"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}"), "is an AWS access key"),
    (re.compile(r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.|\"private_key\""), "is a Google credential"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."), "is a signed token (JWT)"),
    (re.compile(r"\b(sk|rk)_(live|test)_[A-Za-z0-9]{8,}|\bsk-[A-Za-z0-9_-]{16,}|\bdapi[0-9a-f]{16,}"), "is an API key"),
    (re.compile(r"(?i)\b(password|passwd|pwd|secret|token|api_?key)\s*=\s*[^\s;&]+"), "has a password in it"),
)  # fmt: skip
CREDENTIAL_NAME = re.compile(
    r"(?i)(^|_)(PASSWORD|PASSWD|PWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY)$"
)


def why_taken(name: str) -> str | None:
    """Return why this variable cannot be set from a file, or None when it can."""
    upper = name.upper()
    if TAKEN_NAMES.get(upper):
        return TAKEN_NAMES[upper]
    return next((why for prefix, why in TAKEN_PREFIXES.items() if upper.startswith(prefix)), None)


def why_credential(name: str, value: str) -> str | None:
    """Return why the value of a variable must be a secret, without repeating it; None when it need not be."""
    found = next((why for pattern, why in CREDENTIAL_VALUES if pattern.search(value)), None)
    if found:
        return found
    # A path to a mounted file, and an empty value, give nothing away.
    if CREDENTIAL_NAME.search(name) and value and not value.startswith("/"):
        return "is a credential by its name"
    return None


def why_no_image(image: str) -> tuple[str, str] | None:
    """Return problem and remedy of an image reference, or None for a good one."""
    if re.fullmatch(IMAGE, image):
        return None
    if why_credential("", image):
        return "the image has a credential in it", "give the cluster a pull secret; write registry/name:tag"
    if "://" in image:
        return f"the image {image!r} is a URL", "leave out the scheme: registry.example.com/team/image:1.2.3"
    if image != image.lower() and re.fullmatch(IMAGE, image.lower()):
        return f"the image {image!r} has capital letters in its name", f"write {image.lower()}"
    return f"{image[:80]!r} is no image reference", "write name:tag or registry.example.com/team/name:1.2.3"


def why_no_quantity(resource: str, quantity: str) -> tuple[str, str] | None:
    """Return problem and remedy of a resource quantity, or None for a good one."""
    if resource == "cpu":
        return _why_no_cpu(quantity)
    if resource in {"memory", "ephemeral-storage"}:
        return _why_no_memory(quantity)
    if not re.fullmatch(DEVICE, resource):
        return f"{resource[:60]!r} is no resource", "write cpu, memory, ephemeral-storage, or a device: nvidia.com/gpu"
    if not re.fullmatch(r"[1-9][0-9]{0,2}", quantity):
        return f"{quantity[:40]!r} is no number of devices", "write a whole number such as 1"
    return None


def _why_no_cpu(quantity: str) -> tuple[str, str] | None:
    if not re.fullmatch(CPU, quantity) or not float(quantity.rstrip("m")):
        return f"{quantity[:40]!r} is no amount of cpu", "write cores (2, 0.5) or thousandths of a core (500m)"
    if not quantity.endswith("m") and float(quantity) > MOST_CPU:
        return f"{quantity} is more than {MOST_CPU} cores", f"did you mean {quantity}m, thousandths of a core?"
    return None


def _why_no_memory(quantity: str) -> tuple[str, str] | None:
    if re.fullmatch(MEMORY, quantity):
        return None
    if re.fullmatch(r"[0-9]+m", quantity):
        return f"{quantity!r} is thousandths of a byte", f"write {quantity}i".replace("mi", "Mi")
    number = re.match(r"[1-9][0-9]{0,6}", quantity)
    near = f"{number[0]}Mi or {number[0]}Gi" if number else "512Mi or 2Gi"
    return f"{quantity[:40]!r} is no amount of memory", f"write {near}"
