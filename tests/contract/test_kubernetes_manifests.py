"""The manifests on a real cluster: it takes every object of them."""

from __future__ import annotations

import json
import uuid

import pytest
from kubehouse import House
from manifests import Manifest, objects, rendered, why_not_rendered

pytestmark = pytest.mark.xdist_group("cluster")


def served(house: House) -> tuple[int, int]:
    found = json.loads(house.kubectl("version", "-o", "json"))["serverVersion"]
    return int(found["major"]), int(found["minor"].rstrip("+"))


def as_served(one: Manifest, version: tuple[int, int]) -> Manifest:
    """Write an object as an older cluster takes it. This is the whole difference down to 1.20."""
    if one["kind"] == "PodDisruptionBudget" and version < (1, 21):
        return one | {"apiVersion": "policy/v1beta1"}
    return one


def test_a_cluster_takes_every_object(cluster: House) -> None:
    if why := why_not_rendered():
        pytest.skip(why)
    version, mark = served(cluster), uuid.uuid4().hex[:6]
    text = rendered().replace("namespace: meshbot", f"namespace: t-{mark}")
    found = [as_served(one, version) for one in objects(text) if one["kind"] != "Namespace"]
    names = {one["metadata"]["namespace"] for one in found}
    assert names == {f"t-{mark}", f"t-{mark}-runs"}
    for name in names:
        cluster.kubectl("create", "namespace", name)
    try:
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
        said = cluster.kubectl("apply", "--dry-run=server", "--validate=true", "-f", "-", text=everything)
    finally:
        for name in names:
            cluster.kubectl("delete", "namespace", name, "--wait=false")
    assert len(said.splitlines()) == len(found)
    assert all(line.endswith("created (server dry run)") for line in said.splitlines())
