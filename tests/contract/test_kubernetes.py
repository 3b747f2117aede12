"""The manifests for Kubernetes: rendered by kubectl itself, valid for the versions that are named, and locked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from async_worker.main import EXIT_MARGIN_S, parse_roles
from async_worker.roles import RoleName
from model_tools.choice import CHOICE_FILE
from ocr_core.settings import BulkSettings, PostprocessSettings, PreprocessSettings
from tests.support.kubernetes import (
    EVERYTHING,
    IN_LAMBDA,
    KUBERNETES,
    OVERLAYS,
    ROOT,
    Cluster,
    Manifest,
    containers,
    main_container,
    rendered,
)

VERSIONS = ("1.31", "1.37")
"""The oldest that is meant, and the newest that there is: native sidecars and pauses before SIGTERM are in all."""
KEDA = json.loads((Path(__file__).parent / "schemas" / "keda.json").read_text())
OURS = "yomitori/"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SPLIT = {"bulk-dispatcher": {"bulk-dispatcher", "bulk-intake", "bulk-webhooks"}, "first-key": set[str]()}
"""One container there, a deployment for each role here; and one that runs once, which is a command here."""


@pytest.fixture(params=EVERYTHING)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    return rendered(request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object_and_knows_every_field(version: str) -> None:
    # Most are the same in all overlays; each costs its schema's reading.
    different = {json.dumps(item, sort_keys=True) for name in EVERYTHING for item in rendered(name).objects}
    for item in map(json.loads, sorted(different)):
        if not item["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(item, version, strict=True)


def test_the_versions_are_those_that_the_page_names() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert f"Kubernetes {VERSIONS[0]} or newer" in page
    assert f"{VERSIONS[0]} and {VERSIONS[1]}" in page


def test_keda_takes_its_objects(cluster: Cluster) -> None:
    found = [item for item in cluster.objects if item["apiVersion"].startswith("keda.sh/")]
    assert found
    for item in found:
        schema = {"$defs": KEDA["$defs"], "$ref": f"#/$defs/{item['kind']}"}
        jsonschema.Draft202012Validator(schema).validate(item)


@pytest.mark.parametrize("spoiled", ["threshhold", "activationQueueLength"])
def test_a_misspelt_or_foreign_name_in_a_trigger_is_found(spoiled: str) -> None:
    item = json.loads(json.dumps(rendered("cpu").of("ScaledObject")["bulk-read"]))
    item["spec"]["triggers"][0]["metadata"][spoiled] = "1"
    schema = {"$defs": KEDA["$defs"], "$ref": "#/$defs/ScaledObject"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(item)


def test_every_service_of_ours_in_docker_compose_is_deployed(cluster: Cluster) -> None:
    wanted: set[str] = set()
    for name, service in COMPOSE.items():
        if "local" in service.get("profiles", []) or not service["image"].startswith((OURS, "nvcr.io/nvidia/triton")):
            continue  # what stands in for a cloud there, and what others make
        wanted |= SPLIT.get(name, {re.sub(r"-[cg]pu$", "", name)})
    sidecars = {sidecar for pod in cluster.pods().values() for sidecar in containers(pod)} & {"file-opener"}
    assert set(cluster.pods()) | {"file-opener"} == wanted
    assert sidecars == ({"file-opener"} if cluster is not rendered(IN_LAMBDA) else set())


def test_every_role_of_the_bulk_road_is_deployed_once(cluster: Cluster) -> None:
    roles = [
        role
        for pod in cluster.pods().values()
        if main_container(pod)["image"].startswith("yomitori/bulk:")
        for role in parse_roles(main_container(pod)["args"])
    ]
    assert sorted(roles) == sorted(RoleName)


@pytest.mark.parametrize("name", OVERLAYS)
def test_images_of_ours_have_the_projects_version_and_a_dockerfile(name: str) -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert version is not None
    images = {item["image"] for pod in rendered(name).pods().values() for item in containers(pod).values()}
    told = "\n".join(file.read_text() for file in [ROOT / "docker-compose.yml", ROOT / "docs" / "deploy.md"])
    for image in images:
        repository, _, tag = image.rpartition(":")
        if repository.startswith(OURS):
            assert tag == version[1]
            assert repository in told, f"nothing says how {repository} is built"
        else:
            assert image in told, f"docker-compose.yml has another version of {repository}"


def test_every_container_is_locked(cluster: Cluster) -> None:
    for name, pod in cluster.pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10_001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for container in containers(pod).values():
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, f"{name}: {container['name']}"
        # Nothing of the machine: what is written to is the pod's own, and bounded.
        for volume in pod.get("volumes", []):
            assert set(volume) == {"name", "emptyDir"}
            assert "sizeLimit" in volume["emptyDir"]
    assert (
        cluster.of("Namespace")["yomitori"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    )


def test_every_container_says_what_it_takes(cluster: Cluster) -> None:
    for pod in cluster.pods().values():
        for container in containers(pod).values():
            for amounts in (container["resources"]["requests"], container["resources"]["limits"]):
                assert {"cpu", "memory"} <= amounts.keys()


def test_every_pod_is_probed_where_its_service_answers(cluster: Cluster) -> None:
    for name, pod in cluster.pods().items():
        container = main_container(pod)
        paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
        ours = {"startup": "/healthz", "readiness": "/readyz", "liveness": "/healthz"}
        triton = {"startup": "/v2/health/ready", "readiness": "/v2/health/ready", "liveness": "/v2/health/live"}
        assert paths == (triton if name == "triton" else ours)
        ports = {port["name"] for port in container["ports"]}
        assert {container[f"{probe}Probe"]["httpGet"]["port"] for probe in paths} <= ports
        # Dependencies are asked within 2 s; the answer must have the time to say which one is missing.
        if name != "triton":
            assert container["readinessProbe"]["timeoutSeconds"] > 2


def test_an_outage_of_half_a_minute_is_answered_by_the_services_themselves(cluster: Cluster) -> None:
    for name in ("preprocess", "bulk-api"):
        probe = main_container(cluster.pods()[name])["readinessProbe"]
        assert probe["periodSeconds"] * (probe["failureThreshold"] - 1) >= 30


def test_a_pod_has_longer_to_stop_than_its_service_gives_its_work(cluster: Cluster) -> None:
    defaults = {
        "preprocess": PreprocessSettings.model_fields["shutdown_grace_s"].default,
        "postprocess": PostprocessSettings.model_fields["shutdown_grace_s"].default,
        "triton": 30.0,  # its --exit-timeout-secs
    }
    for name, pod in cluster.pods().items():
        container = main_container(pod)
        pause_s = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        grace_s = float(
            cluster.environment(container).get("OCR_BULK_SHUTDOWN_GRACE_S")
            or defaults.get(name, BulkSettings.model_fields["shutdown_grace_s"].default)
        )
        assert pod["terminationGracePeriodSeconds"] > pause_s + grace_s + EXIT_MARGIN_S
        # Whoever is reached through a service stays until everybody knows that he goes.
        assert (pause_s > 0) == (name in cluster.of("Service"))


def test_each_pod_may_be_moved_alone_and_no_two_at_once(cluster: Cluster) -> None:
    budgets = cluster.of("PodDisruptionBudget")
    assert set(budgets) == set(cluster.pods())
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"]["matchLabels"].items() <= cluster.labels(name).items()


def test_pods_are_spread_over_zones_and_machines(cluster: Cluster) -> None:
    for name, pod in cluster.pods().items():
        spread = pod["topologySpreadConstraints"]
        assert {item["topologyKey"] for item in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        for item in spread:
            assert item["labelSelector"]["matchLabels"].items() <= cluster.labels(name).items()


def test_sync_outranks_bulk(cluster: Cluster) -> None:
    classes = cluster.of("PriorityClass")
    rank = {name: classes[pod["priorityClassName"]]["value"] for name, pod in cluster.pods().items()}
    sync = {"preprocess", "postprocess", "triton"}
    work = {"bulk-read", "bulk-structure"}
    others = rank.keys() - sync - work
    assert min(rank[name] for name in sync) > max(rank[name] for name in others)
    assert min(rank[name] for name in others) > max(rank[name] for name in work)
    # Only the sync road takes places that others have.
    assert {name for name, item in classes.items() if item.get("preemptionPolicy") != "Never"} == {"yomitori-sync"}


def test_services_and_selectors_find_their_pods(cluster: Cluster) -> None:
    for name, deployment in cluster.of("Deployment").items():
        assert deployment["spec"]["selector"]["matchLabels"].items() <= cluster.labels(name).items()
    for name, service in cluster.of("Service").items():
        assert service["spec"]["selector"].items() <= cluster.labels(name).items()
        ports = {port["name"]: port["containerPort"] for port in main_container(cluster.pods()[name])["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    # gRPC goes round the pods by itself, which it can only where the name stands for all of them.
    assert cluster.of("Service")["triton"]["spec"]["clusterIP"] == "None"
    for pod in cluster.pods().values():
        assert pod["serviceAccountName"] in cluster.of("ServiceAccount")


def _triton(name: str) -> tuple[Manifest, Manifest]:
    pod = rendered(name).pods()["triton"]
    return pod, main_container(pod)


@pytest.mark.parametrize(("overlay", "service"), [("cpu", "triton-cpu"), ("gpu", "triton-gpu")])
def test_triton_is_started_as_in_docker_compose(overlay: str, service: str) -> None:
    _, container = _triton(overlay)
    elsewhere = [argument for argument in COMPOSE[service]["command"] if "shm-region-prefix-name" not in argument]
    assert set(elsewhere) <= set(container["args"])
    # Names in /dev/shm that the guard may sweep: the pod has one of its own.
    assert any("shm-region-prefix-name=yomitori-triton-" in argument for argument in container["args"]) == (
        overlay == "cpu"
    )
    # Or clients would never look for pods that were added.
    assert any(argument.startswith("--grpc-max-connection-age=") for argument in container["args"])


def test_triton_is_where_its_models_can_run() -> None:
    pod, container = _triton("gpu")
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert any(item["key"] == "nvidia.com/gpu" for item in pod["tolerations"])
    pod, container = _triton("cpu")
    assert "nvidia.com/gpu" not in container["resources"]["limits"]
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "nvidia.com/gpu.present", "operator": "NotIn", "values": ["true"]}]


def test_the_model_image_has_what_it_is_copied_from() -> None:
    dockerfile = (ROOT / "model_repository" / "Dockerfile.models").read_text()
    copied = dict(re.findall(r"^COPY (\S+) (\S+)$", dockerfile, flags=re.MULTILINE))
    for pod in rendered("cpu").pods().values():
        for container in containers(pod).values():
            if container["image"].startswith("yomitori/models:"):
                source = next(word for word in container["command"] if word.startswith("/models"))
                assert source == "/models/." or any(source.startswith(target) for target in copied.values())
    models = {path.parent.name for path in (ROOT / "model_repository").glob("*/configs")}
    # The choice of a configuration lies where the entrypoint looks for it: in the repository's root.
    assert set(copied) == {*models, CHOICE_FILE}
    assert copied[CHOICE_FILE] == "/models/"


def test_what_lies_beside_is_used() -> None:
    told = "\n".join(file.read_text() for file in KUBERNETES.rglob("kustomization.yaml"))
    for file in KUBERNETES.rglob("*"):
        if file.suffix in {".yaml", ".env"} and file.name != "kustomization.yaml":
            assert file.name in told, f"{file} is in no kustomization"
