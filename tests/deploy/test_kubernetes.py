"""deploy/kubernetes: valid objects that fit together, with the compose file's own commands."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from pipeline.settings.file import database_url, load, load_for_celery
from tasks.engine.stopping import FINISH_WITHIN_S
from tasks.jobs.search_and_sweep import JOBS
from tasks.workflow import WORKFLOW
from tests.deploy import compose, kustomize
from tests.deploy.keda_schema import SCHEMAS
from tests.deploy.test_compose import filled_in

FOLDER = compose.PROJECT / "deploy" / "kubernetes"
EXAMPLE = FOLDER / "example"
VERSIONS = ("1.33.0", "1.37.0")
QUEUES = sorted({*(queue for _, queue in WORKFLOW.values()), JOBS})
WORKERS = [f"worker-{queue}" for queue in QUEUES]
LASTING = [*WORKERS, "beat", "console", "flower"]
Documents = list[kustomize.Document]

_APPLICATION = {
    ("orderbridge-database", "url"),
    ("orderbridge-broker", "url"),
    ("orderbridge-master-key", "key"),
    ("orderbridge-remotes", ""),
}
SECRETS = {
    "migrate": {("orderbridge-database-owner", "url")},
    **dict.fromkeys(WORKERS, _APPLICATION),
    "console": _APPLICATION
    | {("orderbridge-console", "user"), ("orderbridge-console", "password")}
    | {("orderbridge-metrics", "token")},
    "beat": {("orderbridge-broker", "url")},
    "flower": {("orderbridge-broker", "url"), ("orderbridge-flower", "login")},
}


@pytest.fixture(scope="module")
def documents() -> Documents:
    return kustomize.build(EXAMPLE)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found = compose.read(filled_in())["services"]
    assert isinstance(found, dict)
    return found


def of_kind(documents: Documents, *kinds: str) -> Documents:
    return [document for document in documents if document["kind"] in kinds]


def workload(documents: Documents, name: str) -> kustomize.Document:
    (found,) = [
        document
        for document in of_kind(documents, "Deployment", "Job")
        if document["metadata"]["name"] == f"orderbridge-{name}"
    ]
    return found


def spec(documents: Documents, name: str) -> dict[str, Any]:
    found = kustomize.pod(workload(documents, name))["spec"]
    assert isinstance(found, dict)
    return found


def container(documents: Documents, name: str) -> dict[str, Any]:
    (found,) = spec(documents, name)["containers"]
    assert isinstance(found, dict)
    return found


def in_compose(name: str) -> str:
    return "worker" if name in WORKERS else name


def test_every_file_is_named_and_every_name_is_a_file() -> None:
    named = {path.resolve() for path in kustomize.files(EXAMPLE)}
    there = {path for path in FOLDER.rglob("*") if path.is_file()}
    assert named == there - {FOLDER / "keda" / "scaler.sql"}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_has_its_schema(documents: Documents, version: str) -> None:
    for document in documents:
        if document["kind"] in SCHEMAS:
            jsonschema.validate(document, SCHEMAS[document["kind"]])
        else:
            kubernetes_validate.validate(document, version, strict=True)


def test_no_two_objects_have_a_name(documents: Documents) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [*LASTING, "migrate"])
def test_each_runs_the_command_of_the_compose_file(
    documents: Documents, services: dict[str, Any], name: str
) -> None:
    expected = " ".join(services[in_compose(name)]["command"])
    if name in WORKERS:
        expected = expected.replace("amazon,magento,jobs", name.removeprefix("worker-"))
    assert " ".join(container(documents, name)["command"]) == expected


def test_each_queue_has_its_worker(documents: Documents, services: dict[str, Any]) -> None:
    words = services["worker"]["command"]
    assert sorted(words[words.index("--queues") + 1].split(",")) == QUEUES
    deployments = {one["metadata"]["name"] for one in of_kind(documents, "Deployment")}
    assert deployments == {f"orderbridge-{name}" for name in LASTING}


@pytest.mark.parametrize("name", LASTING)
def test_each_has_the_time_to_end_and_the_check_of_the_compose_file(
    documents: Documents, services: dict[str, Any], name: str
) -> None:
    service, own = services[in_compose(name)], spec(documents, name)
    assert f"{own['terminationGracePeriodSeconds']}s" == service["stop_grace_period"]
    check, probe = service["healthcheck"]["test"], container(documents, name)["livenessProbe"]
    if check[0] == "CMD-SHELL":
        assert probe["exec"]["command"] == ["/bin/sh", "-c", check[1]]
    else:
        answers = container(documents, name)["readinessProbe"]["httpGet"]
        port = container(documents, name)["ports"][0]
        assert answers["port"] == port["name"]
        assert f":{port['containerPort']}{answers['path']}'" in check[-1]
    if name in WORKERS:
        assert own["terminationGracePeriodSeconds"] >= 2 * FINISH_WITHIN_S


@pytest.mark.parametrize("name", LASTING)
def test_a_server_that_is_away_ends_nothing_at_once(documents: Documents, name: str) -> None:
    """The check of a worker goes through Redis, and the console's /healthz through the database."""
    probe = container(documents, name)["livenessProbe"]
    if name in WORKERS:
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 600
    if name == "console":
        assert "tcpSocket" in probe


def secrets_of(documents: Documents, name: str) -> set[tuple[str, str]]:
    own = spec(documents, name)
    found = set()
    for one in (*own.get("initContainers", ()), *own["containers"]):
        for variable in one.get("env", ()):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                found.add((reference["name"], reference["key"]))
        found |= {(source["secretRef"]["name"], "") for source in one.get("envFrom", ())}
    assert not [volume for volume in own.get("volumes", ()) if "secret" in volume]
    return found


@pytest.mark.parametrize("name", SECRETS)
def test_each_pod_gets_the_secrets_that_it_needs_and_no_other(
    documents: Documents, name: str
) -> None:
    assert secrets_of(documents, name) == SECRETS[name]


@pytest.mark.parametrize("name", [*LASTING, "migrate"])
def test_its_settings_can_be_read_with_them(
    documents: Documents, services: dict[str, Any], name: str, tmp_path: Any
) -> None:
    remotes = {
        key: value for key, value in filled_in().items() if re.search("_(SHOP|ACCOUNT)_", key)
    }
    values = {**services["worker"]["environment"], **filled_in()}
    # As the manual has it: both servers are on the network, so they are reached by TLS.
    values["ORDERBRIDGE_DATABASE_URL"] += "?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    values["ORDERBRIDGE_REDIS_URL"] = values["ORDERBRIDGE_REDIS_URL"].replace(
        "redis:", "rediss:", 1
    )
    environment = dict(remotes) if ("orderbridge-remotes", "") in SECRETS[name] else {}
    for variable in container(documents, name)["env"]:
        given = values.get(variable["name"]) or variable.get("value", "x" * 20)
        environment[variable["name"]] = given
    (config,) = of_kind(documents, "ConfigMap")
    for file, content in config["data"].items():
        (tmp_path / file).write_text(content, encoding="utf-8")
    environment["ORDERBRIDGE_CONFIG"] = str(tmp_path / "orderbridge.toml")
    reads = {"migrate": database_url, "beat": load_for_celery, "flower": load_for_celery}
    assert reads.get(name, load)(environment)


def test_the_documentation_lists_the_secrets(documents: Documents) -> None:
    page = (compose.PROJECT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"(?m)^\| `(orderbridge-[\w-]+)` \| ", page))
    used = {name for name, _ in set().union(*SECRETS.values())}
    for document in of_kind(documents, "TriggerAuthentication"):
        used |= {one["name"] for one in document["spec"]["secretTargetRef"]}
    assert listed == used


def test_what_is_named_is_there(documents: Documents) -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in documents}
    for document in of_kind(documents, "Deployment", "Job"):
        own = kustomize.pod(document)["spec"]
        assert ("ServiceAccount", own["serviceAccountName"]) in there
        volumes = {volume["name"]: volume for volume in own["volumes"]}
        for volume in volumes.values():
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there
        for one in own["containers"]:
            assert {mount["name"] for mount in one["volumeMounts"]} == set(volumes)
    for document in of_kind(documents, "ScaledObject"):
        assert ("Deployment", document["spec"]["scaleTargetRef"]["name"]) in there
        for trigger in document["spec"]["triggers"]:
            assert ("TriggerAuthentication", trigger["authenticationRef"]["name"]) in there


def selected(documents: Documents, selector: dict[str, Any]) -> list[str]:
    """The workloads whose pods a selector means."""
    wanted = {key: [value] for key, value in selector.get("matchLabels", {}).items()}
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In"
        wanted[expression["key"]] = expression["values"]
    assert wanted
    found = []
    for document in of_kind(documents, "Deployment", "Job"):
        labels = kustomize.pod(document)["metadata"]["labels"]
        if all(labels.get(key) in values for key, values in wanted.items()):
            found.append(document["metadata"]["name"].removeprefix("orderbridge-"))
    return sorted(found)


def test_selectors_mean_the_pods_that_they_should(documents: Documents) -> None:
    for document in of_kind(documents, "Deployment", "PodDisruptionBudget"):
        name = document["metadata"]["name"].removeprefix("orderbridge-")
        assert selected(documents, document["spec"]["selector"]) == [name]
    for document in of_kind(documents, "Service"):
        selector = {"matchLabels": document["spec"]["selector"]}
        (name,) = selected(documents, selector)
        ports = {port["name"] for port in container(documents, name)["ports"]}
        assert {port["targetPort"] for port in document["spec"]["ports"]} == ports
    policies = {
        document["metadata"]["name"].removeprefix("orderbridge-"): selected(
            documents, document["spec"]["podSelector"]
        )
        for document in of_kind(documents, "NetworkPolicy")
    }
    assert policies == {
        "names": sorted([*LASTING, "migrate"]),
        "database": sorted([*WORKERS, "console", "migrate"]),
        "broker": sorted(LASTING),
        "remotes": sorted([*WORKERS, "console"]),
        "pages": ["console"],
    }


def test_what_may_be_evicted_is_evicted_one_by_one(documents: Documents) -> None:
    budgets = of_kind(documents, "PodDisruptionBudget")
    assert sorted(one["metadata"]["name"] for one in budgets) == sorted(
        f"orderbridge-{name}" for name in (*WORKERS, "console")
    )
    # With minAvailable a single worker could not leave its node.
    assert all(one["spec"].keys() == {"selector", "maxUnavailable"} for one in budgets)


@pytest.mark.parametrize("name", [*LASTING, "migrate"])
def test_no_pod_has_privileges(documents: Documents, name: str) -> None:
    own = spec(documents, name)
    assert own["automountServiceAccountToken"] is own["enableServiceLinks"] is False
    assert own["securityContext"]["runAsNonRoot"] is True
    assert own["securityContext"]["runAsUser"] == 10001
    assert own["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for one in (*own.get("initContainers", ()), *own["containers"]):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert one["image"].startswith("registry.example.com/orderbridge:")
        assert one["resources"].keys() == {"requests", "limits"}
        assert all(one["resources"][kind].keys() == {"cpu", "memory"} for kind in one["resources"])


def test_there_is_one_beat_that_ends_before_the_next_starts(documents: Documents) -> None:
    beat = workload(documents, "beat")["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})


def test_the_number_of_workers_is_left_to_keda(documents: Documents) -> None:
    assert all("replicas" not in workload(documents, name)["spec"] for name in WORKERS)


def test_what_uses_the_tables_waits_for_their_version(documents: Documents) -> None:
    waiting = {
        document["metadata"]["name"].removeprefix("orderbridge-")
        for document in of_kind(documents, "Deployment", "Job")
        for one in kustomize.pod(document)["spec"].get("initContainers", ())
        if one["command"][:3] == ["orderbridge", "migrate", "--check"]
    }
    assert waiting == {*WORKERS, "console"}


def test_each_worker_is_scaled_by_its_own_queue_and_steps(documents: Documents) -> None:
    scaled = {}
    for document in of_kind(documents, "ScaledObject"):
        queue = document["spec"]["scaleTargetRef"]["name"].removeprefix("orderbridge-worker-")
        triggers = {one["name"]: one["metadata"] for one in document["spec"]["triggers"]}
        assert triggers["queue"]["listName"] == f"orderbridge:{queue}"
        query = triggers.get("due", {}).get("query", "")
        scaled[queue] = set(re.findall(r"'(\w+)'", query.partition("step IN")[2])) - {"backfill"}
    expected: dict[str, set[str]] = {queue: set() for queue in QUEUES}
    for step, (_, queue) in WORKFLOW.items():
        expected[queue].add(step)
    assert scaled == expected
