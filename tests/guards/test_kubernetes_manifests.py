"""Rules on the manifests of `config/kubernetes`: no pod is more than it must be, and what names a thing finds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from manifests import FOLDER, SMALL, Manifest, objects, rendered, why_not_rendered

from scheduler.launchers import seclusion, tenancy
from scheduler.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PROCESSES = ("web", "worker", "clock", "watch", "bot")


@pytest.fixture(scope="module")
def small() -> list[Manifest]:
    if why := why_not_rendered():
        pytest.skip(why)
    return objects(rendered())


def named(found: list[Manifest], kind: str, name: str | None = None) -> list[Manifest]:
    return [one for one in found if one["kind"] == kind and name in (None, one["metadata"]["name"])]


def pods(found: list[Manifest]) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one["spec"]["template"] for one in found if one["kind"] in {"Deployment", "Job"}}


def test_there_is_a_pod_for_each_process_and_one_that_migrates(small: list[Manifest]) -> None:
    procfile = dict(line.split(": meshbot ") for line in (ROOT / "Procfile").read_text().splitlines())
    found = {name: one["spec"]["containers"][0]["args"] for name, one in pods(small).items()}
    assert found == {name: [command] for name, command in (procfile | {"migrate": "migrate"}).items()}


def test_every_pod_is_restricted(small: list[Manifest]) -> None:
    for name, template in pods(small).items():
        spec = template["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
        }, name
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert "memory" in container["resources"]["limits"], name
        assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/data", "/tmp"}, name  # noqa: S108
        assert container["image"].startswith("registry.example.com/"), name


def test_no_service_becomes_a_setting(small: list[Manifest]) -> None:
    assert [name for name, one in pods(small).items() if one["spec"]["enableServiceLinks"] is not False] == []


def test_only_who_launches_has_a_token_of_the_cluster(small: list[Manifest]) -> None:
    having = {name for name, one in pods(small).items() if one["spec"]["automountServiceAccountToken"]}
    assert having == {"worker", "watch", "bot"}
    for name, one in pods(small).items():
        assert one["spec"]["serviceAccountName"] == ("meshbot" if name in having else "meshbot-plain")
    accounts = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in named(small, "ServiceAccount")}
    (binding,) = named(small, "RoleBinding")
    assert {(one["namespace"], one["name"]) for one in binding["subjects"]} <= accounts
    assert named(small, "ClusterRole") == named(small, "ClusterRoleBinding") == []


def test_every_setting_is_one(small: list[Manifest]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    (settings,) = [one for one in named(small, "ConfigMap") if "MESHBOT_LAUNCHER" in one["data"]]
    given = {one["name"] for pod in pods(small).values() for one in pod["spec"]["containers"][0]["env"]}
    assert settings["data"].keys() | given <= known
    assert not [name for name in settings["data"] if re.search("KEY|SECRET|TOKEN|URL$", name.replace("LOGS_URL", ""))]


def test_who_gets_which_secret(small: list[Manifest]) -> None:
    found = {
        name: set(re.findall(r"'(meshbot-(?:services|github|slack))'", str(one))) for name, one in pods(small).items()
    }
    services, github = {"meshbot-services"}, {"meshbot-services", "meshbot-github"}
    slack = {"meshbot-services", "meshbot-slack"}
    assert found == {
        "web": github, "bot": github, "watch": slack, "worker": services, "clock": services, "migrate": services,
    }  # fmt: skip
    keys = {name: re.findall(r"'path': '([\w.-]+)'", str(pods(small)[name])) for name in ("web", "bot")}
    assert [one for one in keys["web"] if not one.startswith("/")] == ["webhook-secrets"]
    assert [one for one in keys["bot"] if not one.startswith("/")] == ["private-key.pem"]


def test_whatever_selects_pods_selects_some(small: list[Manifest]) -> None:
    launched = [{"app.kubernetes.io/name": name} for name in ("meshbot-run", seclusion.NAME)]
    labels = [*launched, *(one["metadata"]["labels"] for one in pods(small).values())]
    selecting = [
        (one["kind"], one["metadata"]["name"], _selector(one))
        for one in small
        if one["kind"] in {"Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy"}
    ]
    nobody = [one for one in selecting if not any(one[2].items() <= have.items() for have in labels)]
    assert nobody == []
    budgets = {one["metadata"]["name"]: one["spec"] for one in named(small, "PodDisruptionBudget")}
    assert budgets.keys() == set(PROCESSES)
    assert {one["maxUnavailable"] for one in budgets.values()} == {1}


def _selector(one: Manifest) -> dict[str, str]:
    spec = one["spec"]
    found: dict[str, str] = spec.get("podSelector", spec.get("selector", {}))
    labels = found.get("matchLabels", found)
    return dict(labels)


def test_each_process_says_when_it_works(small: list[Manifest]) -> None:
    for name in PROCESSES:
        container = pods(small)[name]["spec"]["containers"][0]
        if name == "web":
            paths = [
                container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
            ]
            assert paths == ["/healthz", "/healthz", "/readyz"]
        else:
            assert container["startupProbe"]["exec"]["command"][1:] == ["-P", "-m", "scheduler", "heard", name]
            assert "livenessProbe" not in container


def test_a_rollout_leaves_no_gap(small: list[Manifest]) -> None:
    ways = {one["metadata"]["name"]: one["spec"]["strategy"]["rollingUpdate"] for one in named(small, "Deployment")}
    assert ways == {name: {"maxSurge": 1, "maxUnavailable": 0} for name in PROCESSES}


def test_the_operators_files_are_read_and_name_what_is_there(small: list[Manifest]) -> None:
    for path in (FOLDER / "base" / "kubernetes.yaml", SMALL / "meshbot" / "kubernetes.yaml"):
        found = tenancy.parse(path.read_text(), path.name)
        roles = {one["metadata"]["namespace"] for one in named(small, "Role")}
        assert set(found.namespaces) <= roles
        accounts = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in named(small, "ServiceAccount")}
        assert (found.defaults.namespace, found.defaults.service_account) in accounts
    (mounted,) = [one for one in named(small, "ConfigMap") if "kubernetes.yaml" in one["data"]]
    assert mounted["data"]["kubernetes.yaml"] == (SMALL / "meshbot" / "kubernetes.yaml").read_text()


def test_nobody_speaks_to_meshbot_but_through_web(small: list[Manifest]) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in named(small, "NetworkPolicy")}
    assert not policies["meshbot"].get("ingress")
    assert not policies["meshbot-runs"].get("ingress")
    assert policies["meshbot-runs"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "meshbot-run"}}
    assert policies["meshbot-web"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": "http"}]}]
