"""The manifests and our own settings: every name is known, every value taken, every port and queue the same one."""

from __future__ import annotations

import re

import pytest

from ocr_core.contracts.queues import QueueName
from ocr_core.settings import (
    GROUPS,
    BulkSettings,
    FileOpenerSettings,
    Group,
    LimitSettings,
    OpenerLauncher,
    PdfSettings,
    PostprocessSettings,
    PreprocessSettings,
    QueueSettings,
    TritonSettings,
    load,
    variable_name,
)
from tests.support.kubernetes import (
    EVERYTHING,
    IN_LAMBDA,
    KUBERNETES,
    ROOT,
    Cluster,
    Manifest,
    as_bytes,
    containers,
    main_container,
    rendered,
)

KNOWN = {variable_name(group, field) for group in GROUPS for field in group.model_fields}
SECRETS = {
    "yomitori-database": {"OCR_BULK_DATABASE_URL"},
    "yomitori-migrations": {"OCR_BULK_DATABASE_URL"},
    "yomitori-storage": {
        "OCR_STORAGE_ENDPOINT_URL",
        "OCR_STORAGE_ACCESS_KEY_ID",
        "OCR_STORAGE_SECRET_ACCESS_KEY",
        "OCR_QUEUE_ENDPOINT_URL",
        "OCR_QUEUE_ACCESS_KEY_ID",
        "OCR_QUEUE_SECRET_ACCESS_KEY",
        "OCR_OBJECTS_PUBLIC_ENDPOINT_URL",
    },
    "yomitori-webhooks": {"OCR_WEBHOOK_SECRET"},
}
"""What docs/deploy.md has put into each."""
OPENING = ("preprocess", "bulk-read")
MIB = 1 << 20


@pytest.fixture(params=EVERYTHING)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    return rendered(request.param)


def settings_of(cluster: Cluster, service: str) -> dict[str, str]:
    """What a service's own code would read, with two cores where the machine says how many."""
    given = cluster.environment(main_container(cluster.pods()[service]))
    return {name: "2" if value is None else value for name, value in given.items()}


def group_of(group: type[Group], cluster: Cluster, service: str, monkeypatch: pytest.MonkeyPatch) -> Group:
    """A group as the service would load it there."""
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    for name, value in settings_of(cluster, service).items():
        monkeypatch.setenv(name, value)
    return load(group)


def test_every_name_of_a_setting_is_known(cluster: Cluster) -> None:
    for name, pod in cluster.pods().items():
        for container in containers(pod).values():
            given = {variable for variable in cluster.environment(container) if variable.startswith("OCR_")}
            # Triton's models have one of their own (model_repository/README.md).
            assert given - {"OCR_MODEL_THREADS"} <= KNOWN, f"{name}: {container['name']}"


def test_every_value_of_a_setting_is_taken(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in cluster.pods():
        for group in GROUPS:
            group_of(group, cluster, service, monkeypatch)


def test_what_is_set_differs_from_the_default_or_is_the_clusters_own(cluster: Cluster) -> None:
    """A list of defaults would have to follow them: only these are said although they are so anyway."""
    said_anyway = re.compile(
        r"OCR_(LOG_\w+|\w+_PORT|\w+_REGION|QUEUE_NAME_PREFIX|\w+_CREATE\w*|OBJECTS_BUCKET|\w+_PATH)"
    )
    defaults = {
        variable_name(group, name): field.default for group in GROUPS for name, field in group.model_fields.items()
    }
    for config in cluster.of("ConfigMap").values():
        for name, value in config["data"].items():
            if not said_anyway.fullmatch(name) and value:
                assert str(defaults[name]).lower() != value.lower() or cluster is rendered(IN_LAMBDA), name


def test_secrets_are_told_of_and_held_by_those_who_need_them(cluster: Cluster) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    holders: dict[str, set[str]] = {name: set() for name in SECRETS}
    for pod in cluster.pods().values():
        for container in containers(pod).values():
            for source in container.get("envFrom", []):
                if "secretRef" in source:
                    holders[source["secretRef"]["name"]].add(container["name"])
    bulk = {"bulk-api", "bulk-dispatcher", "bulk-intake", "bulk-webhooks", "bulk-read", "bulk-structure"}
    assert holders == {
        "yomitori-database": {*bulk, "preprocess"},
        "yomitori-migrations": {"migrate"},
        "yomitori-storage": {*bulk, "preprocess"},
        "yomitori-webhooks": {"bulk-api", "bulk-webhooks"},
    }
    for name, variables in SECRETS.items():
        assert name in page
        assert variables <= KNOWN
    for variable in set().union(*SECRETS.values()):
        assert variable in page


def test_no_secret_lies_in_the_repository(cluster: Cluster) -> None:
    assert not cluster.of("Secret")
    for config in cluster.of("ConfigMap").values():
        assert not set().union(*SECRETS.values()) & config["data"].keys()


def test_the_file_opener_and_the_model_copies_have_no_setting_and_no_secret(cluster: Cluster) -> None:
    for pod in cluster.pods().values():
        for name in ("file-opener", "charset", "models"):
            assert not {"env", "envFrom"} & containers(pod).get(name, {}).keys()


def test_services_listen_where_they_are_looked_for(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    listening: dict[str, tuple[str, int | None]] = {}
    for service in cluster.pods():
        if service == "preprocess":
            sync = group_of(PreprocessSettings, cluster, service, monkeypatch)
            listening[service] = (sync.host, sync.port)
        elif service == "postprocess":
            text = group_of(PostprocessSettings, cluster, service, monkeypatch)
            listening[service] = (text.host, text.port)
        elif service != "triton":
            bulk = group_of(BulkSettings, cluster, service, monkeypatch)
            listening[service] = (bulk.host, bulk.port if service == "bulk-api" else bulk.vitals_port)
    for service, (host, port) in listening.items():
        assert host == "0.0.0.0"  # noqa: S104 - in a pod, behind its network policies
        assert main_container(cluster.pods()[service])["ports"] == [{"name": "http", "containerPort": port}]
        annotations = cluster.of("Deployment")[service]["spec"]["template"]["metadata"]["annotations"]
        assert annotations["prometheus.io/port"] == str(port)


def test_addresses_between_services_name_services_that_are_there(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = {name: {port["port"] for port in item["spec"]["ports"]} for name, item in cluster.of("Service").items()}
    for service in OPENING:
        triton = group_of(TritonSettings, cluster, service, monkeypatch)
        host, _, port = triton.grpc_url.partition(":")
        assert int(port) in ports[host]
        # Another pod has another /dev/shm.
        assert triton.shared_memory is False
    preprocess = group_of(PreprocessSettings, cluster, "preprocess", monkeypatch)
    host, _, port = preprocess.structure_url.removeprefix("http://").partition(":")
    assert int(port) in ports[host]


def test_processes_take_as_many_threads_as_their_container_has_cores(cluster: Cluster) -> None:
    """Left alone they count the machine's."""
    by_cores = {
        "preprocess": "OCR_PREPROCESS_CPU_THREADS",
        "bulk-read": "OCR_PREPROCESS_CPU_THREADS",
        "postprocess": "OCR_POSTPROCESS_CPU_THREADS",
    }
    for service, variable in by_cores.items():
        entries = {item["name"]: item for item in main_container(cluster.pods()[service])["env"]}
        assert entries[variable]["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}
    (reading,) = [
        int(value)
        for name, value in settings_of(cluster, "preprocess").items()
        if name == "OCR_PREPROCESS_MAX_DOCUMENTS_READING"
    ]
    assert reading == max(3, 1.5 * int(main_container(cluster.pods()["preprocess"])["resources"]["limits"]["cpu"]))


def test_triton_on_cpus_takes_the_cores_that_it_has() -> None:
    (threads,) = [
        item for item in main_container(rendered("cpu").pods()["triton"])["env"] if item["name"] == "OCR_MODEL_THREADS"
    ]
    assert threads["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}


@pytest.mark.parametrize("name", ["cpu", "gpu", "aws"])
def test_the_file_opener_fits_into_its_memory_with_all_its_children(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the kernel ends the container whole, and not the child that asked for too much."""
    for service in OPENING:
        pod = rendered(name).pods()[service]
        opener = group_of(FileOpenerSettings, rendered(name), service, monkeypatch)
        limits = group_of(LimitSettings, rendered(name), service, monkeypatch)
        assert opener.launcher is OpenerLauncher.SOCKET
        memory = as_bytes(containers(pod)["file-opener"]["resources"]["limits"]["memory"])
        assert memory >= opener.max_children * (limits.max_memory_bytes + 120 * MIB) + 256 * MIB


@pytest.mark.parametrize("name", ["cpu", "gpu", "aws"])
def test_the_services_that_open_files_share_its_socket(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dockerfile = (ROOT / "lambda_file_open" / "Dockerfile").read_text()
    for service in OPENING:
        pod = rendered(name).pods()[service]
        opener = group_of(FileOpenerSettings, rendered(name), service, monkeypatch)
        assert f'"--socket", "{opener.socket_path}"]' in dockerfile
        sidecar, folder = containers(pod)["file-opener"], str(opener.socket_path.parent)
        assert str(opener.socket_path) in sidecar["startupProbe"]["exec"]["command"]
        for container in (sidecar, main_container(pod)):
            assert {"name": "file-opener", "mountPath": folder} in container["volumeMounts"]
        # A native sidecar: there before the service, and until after it.
        assert sidecar["restartPolicy"] == "Always"
        assert pod["initContainers"][-1] is sidecar
        # Nothing else of the pod can be written from there, and no role of AWS's is handed to it.
        writable = {mount["mountPath"] for mount in sidecar["volumeMounts"] if not mount.get("readOnly")}
        assert writable == {folder}
        assert {"name": "no-shared-memory", "mountPath": "/dev/shm", "readOnly": True} in sidecar["volumeMounts"]  # noqa: S108
        annotations = rendered(name).of("Deployment")[service]["spec"]["template"]["metadata"]["annotations"]
        assert annotations["eks.amazonaws.com/skip-containers"] == "file-opener"


def test_in_lambda_nothing_of_the_sidecar_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in OPENING:
        pod = rendered(IN_LAMBDA).pods()[service]
        assert "file-opener" not in containers(pod)
        assert not {"file-opener", "no-shared-memory"} & {volume["name"] for volume in pod["volumes"]}
        assert not any(mount["name"] == "file-opener" for mount in main_container(pod)["volumeMounts"])
        opener = group_of(FileOpenerSettings, rendered(IN_LAMBDA), service, monkeypatch)
        assert opener.launcher is OpenerLauncher.LAMBDA


def test_migrations_are_one_containers_and_everybody_else_waits(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = [
        (name, container)
        for name, pod in cluster.pods().items()
        for container in containers(pod).values()
        if container.get("command") == ["python", "-m", "async_worker.migrate"]
    ]
    assert [(name, container["name"]) for name, container in running] == [("bulk-dispatcher", "migrate")]
    for service in (name for name in cluster.pods() if name.startswith("bulk-")):
        bulk = group_of(BulkSettings, cluster, service, monkeypatch)
        queue = group_of(QueueSettings, cluster, service, monkeypatch)
        assert (bulk.migrate, queue.create) == (False, False)


def test_temporary_files_have_the_room_that_the_settings_promise(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("bulk-api", "bulk-read", "bulk-structure"):
        pod = cluster.pods()[service]
        bulk = group_of(BulkSettings, cluster, service, monkeypatch)
        pdf = group_of(PdfSettings, cluster, service, monkeypatch)
        needed = {
            "bulk-api": bulk.max_spool_bytes,
            "bulk-read": bulk.read_documents * pdf.max_bulk_document_bytes,
            "bulk-structure": bulk.structure_documents * pdf.max_bulk_document_bytes,
        }
        (room,) = [item["emptyDir"]["sizeLimit"] for item in pod["volumes"] if item["name"] == "spool"]
        assert as_bytes(room) > needed[service]
        (mount,) = [item["mountPath"] for item in main_container(pod)["volumeMounts"] if item["name"] == "spool"]
        assert settings_of(cluster, service)["TMPDIR"] == mount


def test_the_text_side_finds_the_charset_where_it_is_copied(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in ("postprocess", "bulk-structure"):
        pod = cluster.pods()[service]
        text = group_of(PostprocessSettings, cluster, service, monkeypatch)
        (file,) = text.charset_files
        (folder,) = [item["mountPath"] for item in main_container(pod)["volumeMounts"] if item["name"] == "charset"]
        assert str(file.parent) == folder
        assert containers(pod)["charset"]["command"][1].endswith(f"/{file.name}")


def test_queues_are_scaled_by_the_names_that_the_settings_make(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = group_of(QueueSettings, rendered("aws"), "bulk-dispatcher", monkeypatch)
    found = {
        (scaled["spec"]["scaleTargetRef"]["name"], trigger["metadata"]["queueURL"], trigger["metadata"]["awsRegion"])
        for scaled in rendered("aws").of("ScaledObject").values()
        for trigger in scaled["spec"]["triggers"]
        if trigger["type"] == "aws-sqs-queue"
    }
    assert found == {(f"bulk-{name}", f"{queue.name_prefix}{name}", queue.region) for name in QueueName}


def test_the_overlays_examples_name_one_account_and_one_region() -> None:
    aws: Manifest = dict(
        line.split("=", 1)
        for line in (KUBERNETES / "overlays" / "aws" / "aws.env").read_text().splitlines()
        if "=" in line
    )
    told = (KUBERNETES / "overlays" / "aws" / "storage.env").read_text()
    told += (KUBERNETES / "overlays" / "aws" / "bulk.env").read_text()
    assert set(re.findall(r"[0-9]{12}", told)) == {aws["ACCOUNT_ID"]}
    assert set(re.findall(r"\b[a-z]{2}-[a-z]+-[0-9]\b", told)) == {aws["REGION"]}
    roles = {
        item["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn", "")
        for item in rendered("aws").of("ServiceAccount").values()
    } - {""}
    assert {role.split(":")[4] for role in roles} == {aws["ACCOUNT_ID"]}
