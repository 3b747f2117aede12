"""The compose file: accepted by docker-compose, and agreeing with the settings and images that it names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from async_worker.main import parse_roles
from async_worker.roles import RoleName
from local_stack.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from ocr_core.settings import (
    GROUPS,
    AccessSettings,
    BulkSettings,
    DocumentSettings,
    ExposureSettings,
    FileOpenerSettings,
    LimitSettings,
    LogSettings,
    ObjectStoreSettings,
    PageSettings,
    PdfSettings,
    PostprocessSettings,
    PreprocessSettings,
    QueueSettings,
    RememberSettings,
    SettingsGroup,
    StorageSettings,
    TracingSettings,
    TritonSettings,
    WebhookSettings,
    variable_name,
)

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
ALL_SERVICES = (ExposureSettings, LogSettings, TracingSettings)
STORING = (ObjectStoreSettings, StorageSettings, DocumentSettings)
BULK = (*ALL_SERVICES, AccessSettings, BulkSettings, QueueSettings, *STORING)
READS: dict[str, tuple[type[SettingsGroup], ...]] = {
    "preprocess": (
        *ALL_SERVICES,
        AccessSettings,
        LimitSettings,
        TritonSettings,
        FileOpenerSettings,
        *STORING,
        PreprocessSettings,
        PageSettings,
        PdfSettings,
        RememberSettings,
    ),
    "postprocess": (*ALL_SERVICES, PostprocessSettings),
    "bulk-api": (*BULK, WebhookSettings),
    "bulk-dispatcher": (*BULK, WebhookSettings),
    "bulk-read": (*BULK, LimitSettings, TritonSettings, FileOpenerSettings, PdfSettings, RememberSettings),
    "bulk-structure": (*BULK, PdfSettings),
}
"""The groups that each service makes use of."""
READS_BESIDES = {
    "preprocess": {"OCR_BULK_DATABASE_URL", "OCR_BULK_TENANT"},
    "bulk-api": {"OCR_POSTPROCESS_SCHEMAS_DIR"},
    "bulk-dispatcher": {"OCR_REMEMBER_KEEP_S"},
    "bulk-read": {"OCR_PREPROCESS_CPU_THREADS", "OCR_PREPROCESS_SECOND_LOOK"},
    "bulk-structure": {
        "OCR_POSTPROCESS_CHARSET_FILES",
        "OCR_POSTPROCESS_SCHEMAS_DIR",
        "OCR_POSTPROCESS_PARTNERS_FILE",
        "OCR_POSTPROCESS_PARTNERS_LOOK_S",
    },
}
"""What it takes of a group that is not its own."""
PYTHON_SERVICES = (*READS, "first-key", "file-opener", "aws")
WATCHERS = ("prometheus", "grafana", "otel-collector", "jaeger")
PROFILES = ["cpu", "gpu", "local", "observability"]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE_FILE.read_text())["services"])


def _resolved(profile: str, folder: Path, settings: dict[str, str]) -> dict[str, Any]:
    """The services as docker-compose understands them; the machine's own .env and exports are left out."""
    if (command := shutil.which("docker-compose")) is None:
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    (empty := folder / "empty.env").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    answer = subprocess.run(
        [command, "--env-file", str(empty), "--file", str(COMPOSE_FILE), "--profile", profile, "config"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | settings,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return dict(yaml.safe_load(answer.stdout)["services"])


@pytest.mark.parametrize(
    ("profile", "adds"),
    [
        ("cpu", {"triton-cpu"}),
        ("gpu", {"triton-gpu"}),
        ("local", {"aws", "postgres"}),
        ("observability", set(WATCHERS)),
    ],
)
def test_docker_compose_accepts_it(profile: str, adds: set[str], tmp_path: Path) -> None:
    assert _resolved(profile, tmp_path, {}).keys() >= {*READS, *adds}


def test_every_setting_of_the_example_reaches_the_service_that_reads_it(services: dict[str, Any]) -> None:
    example = (ROOT / ".env.example").read_text()
    told = set(re.findall(r"^#?(OCR_[A-Z_]+)=", example, flags=re.MULTILINE))
    read = {
        name: {variable_name(group, field) for group in groups for field in group.model_fields}
        | READS_BESIDES.get(name, set())
        for name, groups in READS.items()
    }
    assert told == set().union(*read.values())
    assert {group for groups in READS.values() for group in groups} == set(GROUPS)
    for name, variables in read.items():
        given = {variable for variable in services[name]["environment"] if variable.startswith("OCR_")}
        assert given == variables


def test_docker_compose_hands_a_setting_through_and_leaves_defaults_alone(tmp_path: Path) -> None:
    services = _resolved("cpu", tmp_path, {"OCR_LIMIT_MAX_PAGES": "7", "OCR_POSTPROCESS_MAX_READINGS": "9"})
    assert services["preprocess"]["environment"]["OCR_LIMIT_MAX_PAGES"] == "7"
    assert services["postprocess"]["environment"]["OCR_POSTPROCESS_MAX_READINGS"] == "9"
    # Unset stays unset in the container: an empty value would stop the start.
    assert services["preprocess"]["environment"].get("OCR_LIMIT_RENDER_DPI") is None


@pytest.mark.parametrize(
    ("given", "page_port", "bulk_port"),
    [
        ({}, "8000", "8001"),
        ({"OCR_PREPROCESS_PORT": "", "OCR_BULK_PORT": ""}, "8000", "8001"),
        ({"OCR_PREPROCESS_PORT": "9100"}, "9100", "8001"),
        ({"OCR_PREPROCESS_PORT": "9100", "OCR_BULK_PORT": "9101"}, "9100", "9101"),
    ],
)
def test_the_page_and_the_bulk_api_find_each_other_on_whichever_ports(
    given: dict[str, str], page_port: str, bulk_port: str, tmp_path: Path
) -> None:
    """Told by variables side by side: docker-compose 1 takes a default that holds a variable for plain text."""
    services = _resolved("cpu", tmp_path, given)
    page, bulk = (services[name]["environment"] for name in ("preprocess", "bulk-api"))
    assert (page.get("OCR_PAGE_BULK_URL"), page["OCR_PAGE_BULK_PORT"]) == (None, bulk_port)
    origins = [f"http://127.0.0.1:{page_port}", f"http://localhost:{page_port}"]
    assert _origins(bulk) == tuple(origins)
    # Inside, the ports stay.
    assert (page["OCR_PREPROCESS_PORT"], bulk["OCR_BULK_PORT"]) == ("8000", "8001")
    said = {"OCR_PAGE_BULK_URL": "https://bulk.example.com", "OCR_BULK_CORS_ORIGINS": "https://page.example.com"}
    services = _resolved("cpu", tmp_path, {**given, **said})
    assert services["preprocess"]["environment"]["OCR_PAGE_BULK_URL"] == said["OCR_PAGE_BULK_URL"]
    assert _origins(services["bulk-api"]["environment"]) == (*origins, said["OCR_BULK_CORS_ORIGINS"])


def _origins(environment: dict[str, str]) -> tuple[str, ...]:
    """As the bulk API reads them."""
    return BulkSettings.model_validate({"cors_origins": environment["OCR_BULK_CORS_ORIGINS"]}).cors_origins


def test_a_copied_example_changes_nothing(tmp_path: Path) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line.startswith("OCR_"))
    for profile in PROFILES:
        as_it_is, copied = _resolved(profile, tmp_path, {}), _resolved(profile, tmp_path, example)
        for name in READS:
            for variable, value in as_it_is[name]["environment"].items():
                assert copied[name]["environment"][variable] == (example.get(variable) if value is None else value)


def test_without_settings_the_bulk_road_uses_the_local_servers(tmp_path: Path) -> None:
    services = _resolved("local", tmp_path, {})
    for name in ("bulk-api", "bulk-dispatcher", "bulk-read", "bulk-structure"):
        environment = services[name]["environment"]
        for group in ("QUEUE", "STORAGE"):
            assert environment[f"OCR_{group}_ENDPOINT_URL"] == "http://aws:8020"
            assert environment[f"OCR_{group}_ACCESS_KEY_ID"] == ACCESS_KEY_ID
            assert environment[f"OCR_{group}_SECRET_ACCESS_KEY"] == SECRET_ACCESS_KEY
        database = services["postgres"]["environment"]
        user, password, file = (database[f"POSTGRES_{part}"] for part in ("USER", "PASSWORD", "DB"))
        assert environment["OCR_BULK_DATABASE_URL"] == f"postgresql+psycopg://{user}:{password}@postgres:5432/{file}"
    # Presigned URLs are checked with the keys that they were signed with, and lead to the published port.
    assert services["aws"]["environment"]["AWS_SECRET_ACCESS_KEY"] == SECRET_ACCESS_KEY
    assert services["bulk-api"]["environment"]["OCR_OBJECTS_PUBLIC_ENDPOINT_URL"] == "http://127.0.0.1:8020"


def test_the_bulk_road_runs_every_role_once(services: dict[str, Any]) -> None:
    roles = [role for name in READS if name.startswith("bulk-") for role in parse_roles(services[name]["command"])]
    assert sorted(roles) == sorted(RoleName)


def test_keys_are_on_and_a_first_one_is_made(tmp_path: Path) -> None:
    services = _resolved("cpu", tmp_path, {})
    for name in READS:
        environment = services[name]["environment"]
        if name == "postprocess":  # it checks none, and stands on this file's network alone
            assert environment["OCR_ALLOW_UNAUTHENTICATED"] == "true"
            assert "ports" not in services[name]
        else:
            assert environment["OCR_ACCESS_KEYS"] == "true"
            assert environment.get("OCR_ALLOW_UNAUTHENTICATED") is None
            assert environment["OCR_BULK_DATABASE_URL"] == services["first-key"]["environment"]["OCR_BULK_DATABASE_URL"]
    assert services["first-key"]["command"] == ["keys", "first"]
    # Until it has made one; then it ends for good.
    assert services["first-key"]["restart"] == "on-failure"


def test_the_python_services_run_without_privileges(services: dict[str, Any]) -> None:
    for name in PYTHON_SERVICES:
        service = services[name]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
        assert re.search(r"^USER 10001", dockerfile, flags=re.MULTILINE)


def test_what_the_docs_say_of_opentelemetrys_own_settings_is_handed_through(services: dict[str, Any]) -> None:
    page = (COMPOSE_FILE.parent / "docs" / "observability.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith("| `OCR_TRACING_ENDPOINT`")]
    handed = services["preprocess"]["environment"]
    for told in {*re.findall(r"OTEL_\w+", row), *(f"OTEL_EXPORTER_OTLP{end}" for end in re.findall(r"…(_\w+)", row))}:
        # The row ends one with dots, for all that begin so. A name for every service at once would be none's own.
        assert told == "OTEL_SERVICE_NAME" or any(name.startswith(told) for name in handed), told


def test_what_looks_on_runs_without_privileges_and_reads_its_configuration_from_the_repository(
    services: dict[str, Any],
) -> None:
    assert {name for name in WATCHERS if "mem_limit" in services[name]} == {"otel-collector", "jaeger"}  # hold traces
    for name in WATCHERS:
        service = services[name]
        assert service["profiles"] == ["observability"]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert "user" not in service  # each image's own, which is not root
        for volume in service.get("volumes", []):
            source, _, options = volume.partition(":")
            if source.startswith("./"):
                assert (ROOT / source).is_dir()
                assert options.endswith(":ro")


def test_what_looks_on_is_asked_for_its_health_where_its_image_can_ask(services: dict[str, Any]) -> None:
    asked = {name: services[name]["healthcheck"]["test"] for name in WATCHERS if "healthcheck" in services[name]}
    assert asked.keys() == set(WATCHERS) - {"otel-collector"}  # whose image holds its program alone
    for name, path in (("prometheus", "/-/healthy"), ("grafana", "/api/health"), ("jaeger", "/")):
        (published,) = services[name]["ports"]
        inside = published.rpartition(":")[2]
        assert asked[name] == ["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{inside}{path}"]


def test_prometheus_reads_metrics_with_the_token_that_the_services_take(tmp_path: Path) -> None:
    for given in ({}, {"OCR_ACCESS_METRICS_TOKEN": "another-token-of-ours"}):
        services = _resolved("observability", tmp_path, given)
        tokens = {
            services[name]["environment"]["OCR_ACCESS_METRICS_TOKEN"]
            for name in ("prometheus", "preprocess", "bulk-api", "bulk-dispatcher", "bulk-read", "bulk-structure")
        }
        assert len(tokens) == 1
        assert given.get("OCR_ACCESS_METRICS_TOKEN") in {None, *tokens}
        assert len(tokens.pop()) >= 16


def test_a_service_has_longer_to_stop_than_it_gives_its_work(services: dict[str, Any]) -> None:
    grace_s = max(
        group.model_fields["shutdown_grace_s"].default
        for group in (PreprocessSettings, PostprocessSettings, BulkSettings)
    )
    for name in READS:
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > grace_s


def test_only_the_public_apis_are_published_and_on_loopback(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {
        "preprocess": ["127.0.0.1:${OCR_PREPROCESS_PORT:-8000}:8000"],
        "bulk-api": ["127.0.0.1:${OCR_BULK_PORT:-8001}:8001"],
        "aws": ["127.0.0.1:8020:8020"],
        "prometheus": ["127.0.0.1:${OCR_PROMETHEUS_PORT:-9090}:9090"],
        "grafana": ["127.0.0.1:${OCR_GRAFANA_PORT:-3000}:3000"],
        "jaeger": ["127.0.0.1:${OCR_JAEGER_PORT:-16686}:16686"],
    }


def test_images_hold_every_room_that_their_service_imports(services: dict[str, Any]) -> None:
    rooms = {
        "bulk-api": {"ocr_core", "preprocess_svc", "postprocess_svc", "lambda_file_open", "async_worker"},
        "preprocess": {"ocr_core", "preprocess_svc", "lambda_file_open", "web_page"},
        "file-opener": {"ocr_core", "lambda_file_open"},
    }
    ignored = (ROOT / ".dockerignore").read_text().split()
    for name, wanted in rooms.items():
        dockerfile = (ROOT / services[name]["build"]["dockerfile"]).read_text()
        assert set(re.findall(r"^COPY (\w+) \1$", dockerfile, flags=re.MULTILINE)) == wanted
        assert {f"!{room}" for room in wanted} <= set(ignored)


def test_the_file_opener_can_reach_nothing(services: dict[str, Any]) -> None:
    opener = services["file-opener"]
    assert opener["network_mode"] == "none"
    assert not {"environment", "env_file", "ports", "devices", "secrets"} & opener.keys()
    assert opener["tmpfs"] == []
    assert opener["volumes"] == ["file-opener:/run/file-opener"]
    assert opener["pids_limit"] > 0
    assert opener["mem_limit"] == opener["memswap_limit"]
    assert opener["security_opt"] == ["no-new-privileges:true"]


def test_the_services_that_open_files_share_its_socket_and_wait_for_it(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / services["file-opener"]["build"]["dockerfile"]).read_text()
    for name in ("preprocess", "bulk-read"):
        service = services[name]
        socket_path = service["environment"]["OCR_OPENER_SOCKET_PATH"]
        assert f'"--socket", "{socket_path}"]' in dockerfile
        assert socket_path in services["file-opener"]["healthcheck"]["test"]
        assert service["environment"]["OCR_OPENER_LAUNCHER"] == "${OCR_OPENER_LAUNCHER:-socket}"
        assert "file-opener:/run/file-opener" in service["volumes"]
        assert service["depends_on"]["file-opener"] == {"condition": "service_healthy"}


def test_triton_on_a_cpu_stands_under_its_guard(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / services["triton-cpu"]["build"]["dockerfile"]).read_text()
    entrypoint = re.search(r'^ENTRYPOINT .*"/opt/yomitori/(\S+)"\]$', dockerfile, flags=re.MULTILINE)
    assert entrypoint is not None
    assert "return Guard(command).run()" in (ROOT / entrypoint[1]).read_text()
    assert services["triton-cpu"]["restart"] == "unless-stopped"
    assert services["triton-cpu"]["command"][0] == "tritonserver"


def test_base_images_are_pinned() -> None:
    dockerfiles = sorted(ROOT.glob("*/Dockerfile*"))
    images = [
        image for file in dockerfiles for image in re.findall(r"^FROM (\S+)", file.read_text(), flags=re.MULTILINE)
    ]
    images += re.findall(r"image: ((?!yomitori/)\S+)", COMPOSE_FILE.read_text())
    assert images
    for image in images:
        assert re.search(r":v?[0-9]+\.[0-9]+", image), f"{image} names no version"
