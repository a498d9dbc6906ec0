"""The pod of a run as YAML, and what a project may not have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from scheduler.errors import UserError
from scheduler.launchers import Order, Source, allowance, pod, tenancy

EXAMPLE = (Path(__file__).parents[2] / "config" / "kubernetes" / "operator.yaml").read_text()
TENANCY = tenancy.parse(EXAMPLE)
SHA = "1f0c2b7a9d3e4f5061728394a5b6c7d8e9f00112"
ORDER = Order(
    run_id="shop-hourly-20260105t0600",
    project="shop",
    job="hourly",
    source=Source("https://github.example.com/example/shop.git", SHA, "warehouse"),
    arguments=("run", ".", "prod", "--select=tag:hourly", "--job=hourly"),
    timeout=timedelta(hours=1),
    tick=datetime(2026, 1, 5, 6, tzinfo=UTC),
)
EVERYTHING = replace(
    ORDER,
    run_id="analytics-nightly-20260105t0200",
    project="analytics",
    job="nightly",
    arguments=("run", ".", "prod", "--select=cost$(HOME)", "--job=nightly"),
    parallelism=3,
    env={"REGION": "eu", "PRICE": "5$(x)"},
    secrets=("WAREHOUSE_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS"),
    image="registry.example.com/data/own:7",
    resources={"memory": "4Gi", "nvidia.com/gpu": "1"},
)


def manifest(order: Order, *, token: bool = False) -> dict[str, object]:
    return pod.job(order, TENANCY.of(order.project), "meshbot-code-0123456789abcdef", token=token)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("plain", lambda: manifest(ORDER)),
        ("everything", lambda: manifest(EVERYTHING, token=True)),
        ("tombstone", lambda: pod.tombstone("shop-hourly-20260105t0600", "meshbot-runs")),
    ],
)
def test_the_manifest(golden: Callable[[str, str], None], name: str, made: Callable[[], object]) -> None:
    golden(f"pods/{name}.yaml", yaml.safe_dump(made(), sort_keys=False, width=120))


def test_the_token_is_seen_by_the_container_that_fetches_alone() -> None:
    made = manifest(EVERYTHING, token=True)["spec"]["template"]["spec"]  # type: ignore[index]
    (fetcher,), (runner,) = made["initContainers"], made["containers"]
    assert "token" in [one["name"] for one in fetcher["volumeMounts"]]
    assert "token" not in yaml.safe_dump(runner)
    assert "secret" not in yaml.safe_dump(fetcher)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "registry.example.com/private/x:1"}, "may not use the image registry.example.com/private/x:1"),
        ({"resources": {"memory": "64Gi"}}, "64Gi of memory is more than project shop may ask for; write at most 32Gi"),
        ({"resources": {"cpu": "8500m"}}, "8500m of cpu is more than project shop may ask for; write at most 8"),
        ({"secrets": ("WAREHOUSE_PASSWORD",)}, "the secret WAREHOUSE_PASSWORD is not granted to project shop"),
    ],
)
def test_what_the_operator_has_not_granted_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        allowance.check(replace(ORDER, **changes), TENANCY.of("shop"), "kubernetes.yaml")  # type: ignore[arg-type]


def test_what_is_within_the_limits_is_taken() -> None:
    for changes in ({"resources": {"memory": "32Gi", "cpu": "8"}}, {"image": "registry.example.com/data/sqlmesh:1"}):
        allowance.check(replace(ORDER, **changes), TENANCY.of("shop"), "kubernetes.yaml")  # type: ignore[arg-type]


def test_without_any_image_it_is_said_who_can_name_one() -> None:
    bare = tenancy.parse("version: 1")
    with pytest.raises(UserError, match="there is no image; name one in the job, or the operator does in kubernetes"):
        allowance.check(ORDER, bare.of("shop"), "kubernetes.yaml")
