"""The operator's file for a cluster: what it means, and every fault of it at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.errors import UserError
from scheduler.launchers import tenancy

EXAMPLE = Path(__file__).parents[2] / "config" / "kubernetes" / "operator.yaml"


def test_the_example_is_read() -> None:
    read = tenancy.parse(EXAMPLE.read_text())
    assert read.cluster == "production"
    assert read.namespaces == ("analytics-runs", "meshbot-runs")


def test_a_projects_keys_replace_those_of_the_defaults_one_by_one() -> None:
    analytics = tenancy.parse(EXAMPLE.read_text()).of("analytics")
    assert analytics.namespace == "analytics-runs"
    assert analytics.image == "registry.example.com/data/sqlmesh:0.236.4"
    assert analytics.start_within == timedelta(minutes=10)
    assert set(analytics.secrets) == {"WAREHOUSE_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS"}


def test_a_project_that_is_not_named_gets_the_defaults_and_no_secret() -> None:
    read = tenancy.parse(EXAMPLE.read_text())
    for name in ("shop", "unheard-of"):
        assert read.of(name).namespace == "meshbot-runs"
        assert (read.of(name).secrets, read.of(name).env_from) == ({}, ())


@pytest.mark.parametrize(
    ("image", "is_allowed"),
    [
        ("registry.example.com/data/sqlmesh:0.236.4", True),
        ("registry.example.com/data/other:1", True),
        ("registry.example.com/private/other:1", False),
        ("other.example.com/registry.example.com/data/x:1", False),
    ],
)
def test_a_job_may_name_only_images_that_the_operator_allows(image: str, is_allowed: bool) -> None:  # noqa: FBT001
    assert tenancy.parse(EXAMPLE.read_text()).of("shop").allows(image) is is_allowed


def test_every_fault_is_told_at_once_and_with_its_place() -> None:
    text = """version: 1
cluser: production
defaults:
  namespace: Upper
  secrets: {A: {secret: s, key: k}}
  start_within: 5
  resources: {memory: lots}
projects:
  shop:
    secrets:
      PASSWORD: {secret: warehouse}
      "not a name": {secret: warehouse, key: x}
    mounts: {/certificates: {config_map: a, secret: b}}
"""
    with pytest.raises(UserError) as caught:
        tenancy.parse(text, "kubernetes.yaml")
    said = str(caught.value)
    for words in (
        "kubernetes.yaml:2:1 cluser: unknown key 'cluser'; did you mean cluster?",
        "kubernetes.yaml:4:3 defaults.namespace: ",
        "kubernetes.yaml:5:3 defaults.secrets: unknown key 'secrets'",
        "kubernetes.yaml:6:3 defaults.start_within: the duration 5 has no unit; write 5s, 5m or 5h",
        "kubernetes.yaml:7:15 defaults.resources.memory: 'lots' is no amount of memory",
        "kubernetes.yaml:11:7 projects.shop.secrets.PASSWORD.key: `key` is missing",
        "kubernetes.yaml:13:14 projects.shop.mounts./certificates: it names no kind of volume, or several",
    ):
        assert words in said
    assert "8 faults" in said


def test_a_value_in_the_wrong_place_is_not_repeated() -> None:
    text = "version: 1\nprojects: {shop: {secrets: {PASSWORD: hunter22-of-the-warehouse}}}\n"
    with pytest.raises(UserError) as caught:
        tenancy.parse(text)
    assert "hunter22" not in str(caught.value)
