"""What a stack consists of: which processes, with which settings, on which ports.

``StackPlan`` says what is wanted; ``service_specs`` makes of it the processes, in the order in which they are started.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_stack import aws, triton
from local_stack.ports import LOOPBACK, Ports
from local_stack.service import ServiceSpec
from ocr_core.settings import (
    BulkSettings,
    ObjectStoreSettings,
    PageSettings,
    PostprocessSettings,
    PreprocessSettings,
    QueueSettings,
    SettingsGroup,
    StorageSettings,
    TracingSettings,
    variable_name,
)

REPOSITORY_ROOT = Path(__file__).resolve().parent.parent
INBOX = "inbox/"
"""Objects that are put below this prefix of our bucket tell the intake queue."""

_BULK_DISPATCHER_ROLES = ("dispatcher", "intake", "webhooks")
_GRACE_BEYOND_S = 5.0
"""A service gives its work so and so long to end; then it has this long to close its connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPlan:
    """The bulk half of a stack."""

    data_dir: Path
    """Where the local SQS and S3 server and SQLite keep their files."""
    read_workers: int = 1
    structure_workers: int = 1
    embedded_queue: bool = True
    embedded_storage: bool = True
    """Whether SQS and S3 are the local server, or what the environment's own settings name."""

    @property
    def vitals(self) -> int:
        """Bulk processes that serve no API."""
        return 1 + self.read_workers + self.structure_workers

    @property
    def has_server(self) -> bool:
        """Whether the local server is started at all."""
        return self.embedded_queue or self.embedded_storage

    @property
    def has_inbox(self) -> bool:
        """Whether documents that are put into object storage are read: where the stack has both ends of it in hand."""
        return self.embedded_queue and self.embedded_storage


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """Everything that decides what is started."""

    ports: Ports
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings for all services, over those of this process."""
    service_environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Settings for single services, by name, over those for all."""
    bulk: BulkPlan | None = None

    @property
    def api_url(self) -> str:
        """Where the public sync API is."""
        return f"http://{LOOPBACK}:{self.ports.preprocess}"

    @property
    def bulk_url(self) -> str:
        """Where the public bulk API is."""
        return f"http://{LOOPBACK}:{self.ports.bulk_api}"

    @property
    def structure_url(self) -> str:
        """Where the text side is."""
        return f"http://{LOOPBACK}:{self.ports.postprocess}"

    @property
    def triton_grpc_url(self) -> str:
        """Triton's gRPC endpoint, as ``host:port``."""
        return f"{LOOPBACK}:{self.ports.triton_grpc}"

    @property
    def triton_metrics_url(self) -> str:
        """Where Triton's Prometheus metrics are."""
        return f"http://{LOOPBACK}:{self.ports.triton_metrics}/metrics"

    def aws_config(self, bulk: BulkPlan) -> aws.AwsConfig:
        """How the local SQS and S3 server is started."""
        return aws.AwsConfig(port=self.ports.aws, data_dir=bulk.data_dir.resolve() / "aws")

    def environment_of(self, name: str, fixed: Mapping[str, str]) -> dict[str, str]:
        """What the service ``name`` is started with; ``fixed`` is what the stack itself decides."""
        own = self.service_environment.get(name, {})
        return {**os.environ, "PYTHONUNBUFFERED": "1", **self._aws_settings(), **self.environment, **own, **fixed}

    def _aws_settings(self) -> dict[str, str]:
        if self.bulk is None:
            return {}
        queue = ("OCR_QUEUE_",) if self.bulk.embedded_queue else ()
        storage = ("OCR_STORAGE_", "OCR_OBJECTS_") if self.bulk.embedded_storage else ()
        settings = aws.client_settings(self.aws_config(self.bulk))
        return {name: value for name, value in settings.items() if name.startswith((*queue, *storage))}


def setting(environment: Mapping[str, str], group: type[SettingsGroup], name: str) -> str:
    """What a service started with ``environment`` takes for one of its settings."""
    return environment.get(variable_name(group, name)) or str(group.model_fields[name].default)


def service_specs(plan: StackPlan) -> list[ServiceSpec]:
    """The processes, in the order in which they are started.

    Raises:
        TritonUnavailable, AwsUnavailable: what they need is not installed.
    """
    specs = [_triton(plan)]
    if plan.bulk is not None and plan.bulk.has_server:
        specs.append(aws.service_spec(plan.aws_config(plan.bulk)))
    specs += [_postprocess(plan), _preprocess(plan)]
    if plan.bulk is not None:
        specs += _bulk(plan, plan.bulk)
    return specs


def _triton(plan: StackPlan) -> ServiceSpec:
    ports, environment = plan.ports, plan.environment_of("triton", {})
    return triton.service_spec(
        triton.TritonConfig(
            grpc_port=ports.triton_grpc,
            http_port=ports.triton_http,
            metrics_port=ports.triton_metrics,
            # Where the others send theirs.
            trace_endpoint=environment.get(variable_name(TracingSettings, "endpoint"))
            or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
            or None,
        )
    )


def _postprocess(plan: StackPlan) -> ServiceSpec:
    fixed = {"OCR_POSTPROCESS_HOST": LOOPBACK, "OCR_POSTPROCESS_PORT": str(plan.ports.postprocess)}
    environment = plan.environment_of("postprocess", fixed)
    return _python_service("postprocess", ["postprocess_svc"], environment, plan.structure_url, PostprocessSettings)


def _preprocess(plan: StackPlan) -> ServiceSpec:
    fixed = {
        "OCR_PREPROCESS_HOST": LOOPBACK,
        "OCR_PREPROCESS_PORT": str(plan.ports.preprocess),
        "OCR_PREPROCESS_STRUCTURE_URL": plan.structure_url,
        "OCR_TRITON_GRPC_URL": plan.triton_grpc_url,
    }
    environment = plan.environment_of("preprocess", fixed)
    bulk_url = variable_name(PageSettings, "bulk_url")
    environment[bulk_url] = environment.get(bulk_url) or plan.bulk_url
    if plan.bulk is not None:
        _set_database(plan, plan.bulk, "preprocess", environment)  # it holds the API keys, where they are on
    return _python_service("preprocess", ["preprocess_svc"], environment, plan.api_url, PreprocessSettings)


def _bulk(plan: StackPlan, bulk: BulkPlan) -> list[ServiceSpec]:
    workers = {
        "bulk-dispatcher": _BULK_DISPATCHER_ROLES,
        **dict.fromkeys(_numbered("bulk-read", bulk.read_workers), ("read",)),
        **dict.fromkeys(_numbered("bulk-structure", bulk.structure_workers), ("structure",)),
    }
    specs = [_bulk_process(plan, bulk, "bulk-api", ("api",), plan.ports.bulk_api)]
    for port, (name, roles) in zip(plan.ports.bulk_vitals, workers.items(), strict=True):
        specs.append(_bulk_process(plan, bulk, name, roles, port))
    return specs


def _numbered(name: str, count: int) -> list[str]:
    return [name, *(f"{name}-{number}" for number in range(2, count + 1))]


def _bulk_process(plan: StackPlan, bulk: BulkPlan, name: str, roles: Sequence[str], port: int) -> ServiceSpec:
    fixed = {
        "OCR_BULK_HOST": LOOPBACK,
        "OCR_BULK_PORT" if "api" in roles else "OCR_BULK_VITALS_PORT": str(port),
        "OCR_TRITON_GRPC_URL": plan.triton_grpc_url,
    }
    environment = plan.environment_of(name, fixed)
    origins = variable_name(BulkSettings, "cors_origins")
    environment[origins] = ",".join(filter(None, (environment.get(origins), *_page_origins(plan))))
    _set_database(plan, bulk, name, environment)
    if bulk.has_inbox:
        allowed = variable_name(StorageSettings, "allow")
        environment[allowed] = ",".join(filter(None, (environment.get(allowed), "/".join(inbox(environment)))))
    return _python_service(name, ["async_worker", *roles], environment, f"http://{LOOPBACK}:{port}", BulkSettings)


def _page_origins(plan: StackPlan) -> list[str]:
    """Where the page that calls the bulk API may have been opened: both names of this machine."""
    return [f"http://{name}:{plan.ports.preprocess}" for name in (LOOPBACK, "localhost")]


def _set_database(plan: StackPlan, bulk: BulkPlan, name: str, environment: dict[str, str]) -> None:
    """The stack's own database, unless the user names another."""
    database = variable_name(BulkSettings, "database_url")
    if database not in {**plan.environment, **plan.service_environment.get(name, {})}:
        environment[database] = f"sqlite:///{bulk.data_dir.resolve() / 'bulk' / 'jobs.sqlite3'}"


def inbox(environment: Mapping[str, str]) -> tuple[str, str]:
    """The bucket and the prefix of keys whose new objects are documents to be read."""
    return (
        setting(environment, ObjectStoreSettings, "bucket"),
        f"{setting(environment, ObjectStoreSettings, 'prefix')}{INBOX}",
    )


def announce_inbox(plan: StackPlan) -> None:
    """Let the local server tell the intake queue of documents in the inbox; it forgets it when it ends.

    Raises:
        AwsUnavailable: the server does not answer, or the bucket is not there yet.
    """
    if plan.bulk is not None and plan.bulk.has_inbox:
        environment = plan.environment_of("bulk-dispatcher", {})
        bucket, prefix = inbox(environment)
        queue_name = f"{setting(environment, QueueSettings, 'name_prefix')}intake"
        aws.notify_queue(plan.aws_config(plan.bulk), bucket=bucket, prefix=prefix, queue_name=queue_name)


def _python_service(
    name: str,
    module: Sequence[str],
    environment: Mapping[str, str],
    url: str,
    group: type[SettingsGroup],
) -> ServiceSpec:
    return ServiceSpec(
        name=name,
        command=(sys.executable, "-m", *module),
        environment=environment,
        working_directory=REPOSITORY_ROOT,
        is_ready=lambda: _answers(f"{url}/readyz"),
        stop_grace_s=_grace_s(environment, group),
    )


def _grace_s(environment: Mapping[str, str], group: type[SettingsGroup]) -> float:
    try:
        return float(setting(environment, group, "shutdown_grace_s")) + _GRACE_BEYOND_S
    except ValueError:  # the service itself will refuse to start, and say why
        return _GRACE_BEYOND_S


def _answers(url: str) -> bool:
    try:
        # A proxy for the outside world must not see requests to loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=2.0) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
