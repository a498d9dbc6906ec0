"""What a project may have in a cluster: its images, its amounts, its secrets. All else is refused, with a remedy.

The rule: a job file can name only what the operator granted, and a refusal says who can change that, and where.
"""

from __future__ import annotations

import re

from scheduler.errors import UserError
from scheduler.launchers import Order
from scheduler.launchers.tenancy import Tenant

PROJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
UNITS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def check(order: Order, tenant: Tenant, where: str) -> None:
    """Raise `UserError` for what the project may not have; `where` is the operator's file, for the message."""
    doing = f"starting {order.run_id}"
    if not (order.image or tenant.image):
        raise UserError(f"{doing}: there is no image; name one in the job, or the operator does in {where}: `image`")
    if order.image and not tenant.allows(order.image):
        allowed = ", ".join(tenant.images) or "none but the operator's own"
        raise UserError(
            f"{doing}: project {order.project} may not use the image {order.image}; allowed: {allowed}. "
            f"The operator allows more in {where}: `images`"
        )
    for name, most in tenant.most.items():
        asked = order.resources.get(name)
        if asked is not None and amount(asked) > amount(most):
            raise UserError(
                f"{doing}: {asked} of {name} is more than project {order.project} may ask for; write at most {most}"
            )
    for name in order.secrets:
        _check_secret(order, tenant, name, where)


def _check_secret(order: Order, tenant: Tenant, name: str, where: str) -> None:
    doing = f"starting {order.run_id}"
    if not PROJECT_NAME.fullmatch(order.project) or not SECRET_NAME.fullmatch(name):
        raise UserError(f"{doing}: {order.project!r} or {name!r} is no name of a project and a secret")
    if name not in tenant.secrets:
        raise UserError(
            f"{doing}: the secret {name} is not granted to project {order.project}; the operator writes its value into "
            f"a Secret of namespace {tenant.namespace}, and into {where}: "
            f"`projects: {{{order.project}: {{secrets: {{{name}: {{secret: ..., key: ...}}}}}}}}`"
        )


def amount(quantity: str) -> float:
    """Return what a quantity of the cluster means, as a number."""
    number = quantity.rstrip("".join(UNITS))
    unit = quantity.removeprefix(number)
    return float(number) * UNITS.get(unit, 1)
