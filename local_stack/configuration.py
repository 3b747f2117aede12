"""What ``make up`` takes from ``.env`` and the environment: the services' settings, and with them its own ports."""

from __future__ import annotations

from pathlib import Path

from dotenv import load_dotenv

from local_stack.plan import BulkPlan
from local_stack.ports import LOOPBACK, Ports
from ocr_core.settings import (
    BulkSettings,
    PostprocessSettings,
    PreprocessSettings,
    QueueSettings,
    SettingsError,
    StorageSettings,
    TritonSettings,
    load,
    variable_name,
)

_OWN_HOSTS = (LOOPBACK, "localhost")


def read_dot_env(file: Path) -> None:
    """Add the file's variables to this process's environment; what is exported there already wins."""
    load_dotenv(file, override=False)


def check_addresses() -> None:
    """Refuse addresses that the stack on this machine would not honour.

    Raises:
        SettingsError: naming the variable and the way round.
    """
    triton_host = load(TritonSettings).grpc_url.rpartition(":")[0]
    for name, host in (
        ("OCR_PREPROCESS_HOST", load(PreprocessSettings).host),
        ("OCR_POSTPROCESS_HOST", load(PostprocessSettings).host),
        ("OCR_BULK_HOST", load(BulkSettings).host),
        ("OCR_TRITON_GRPC_URL", triton_host),
    ):
        if host not in _OWN_HOSTS:
            raise SettingsError(
                f"{name} names {host}, but this command runs everything on {LOOPBACK}; unset it, or start that "
                "service by itself (`python -m preprocess_svc`, `… postprocess_svc`, `… async_worker`, docker-compose)"
            )


def ports_from_settings(*, bulk_vitals: int = 3) -> Ports:
    """The ports that the settings name.

    Triton's HTTP and metrics ports lie beside its gRPC port; the bulk processes that serve no API have theirs one
    after the other from ``OCR_BULK_VITALS_PORT`` on.

    Raises:
        SettingsError: they contradict each other.
    """
    preprocess, postprocess, bulk = load(PreprocessSettings), load(PostprocessSettings), load(BulkSettings)
    grpc = int(load(TritonSettings).grpc_url.rpartition(":")[2])
    first = bulk.vitals_port if bulk.vitals_port is not None else Ports().bulk_vitals[0]
    ports = Ports(
        preprocess=preprocess.port,
        bulk_api=bulk.port,
        postprocess=postprocess.port,
        triton_http=grpc - 1,
        triton_grpc=grpc,
        triton_metrics=grpc + 1,
        bulk_vitals=tuple(range(first, first + bulk_vitals)),
    )
    numbers = ports.numbers()
    if len(set(numbers)) != len(numbers) or not all(1 <= number <= 65_535 for number in numbers):
        raise SettingsError(
            f"OCR_PREPROCESS_PORT, OCR_POSTPROCESS_PORT, OCR_BULK_PORT, OCR_TRITON_GRPC_URL (with the ports beside it, "
            f"for HTTP and metrics), OCR_BULK_VITALS_PORT (with the ports after it) and the local SQS and S3 server "
            f"give the ports {', '.join(map(str, numbers))}: each must be a port of its own"
        )
    given = "structure_url" in preprocess.model_fields_set
    if given and preprocess.structure_url.rstrip("/") not in _own_urls(ports.postprocess):
        raise SettingsError(
            f"OCR_PREPROCESS_STRUCTURE_URL is not the text side that this command starts "
            f"(http://{LOOPBACK}:{ports.postprocess}, by OCR_POSTPROCESS_PORT): unset it"
        )
    return ports


def bulk_plan_from_settings(data_dir: Path, *, read_workers: int, structure_workers: int) -> BulkPlan:
    """The bulk half: with the local SQS and S3 server, except for what the settings name themselves.

    Whoever sets an endpoint or keys means his own queues or store; these settings then hold for the services as they
    are. AWS itself is meant by its endpoint, such as ``https://sqs.eu-central-1.amazonaws.com``.
    """
    return BulkPlan(
        data_dir=data_dir,
        read_workers=read_workers,
        structure_workers=structure_workers,
        embedded_queue=not own_endpoint(load(QueueSettings)),
        embedded_storage=not own_endpoint(load(StorageSettings)),
    )


def own_endpoint(settings: QueueSettings | StorageSettings) -> bool:
    """Whether the user has said where SQS or S3 is, or with which keys."""
    return any(
        value is not None for value in (settings.endpoint_url, settings.access_key_id, settings.secret_access_key)
    )


def database_from_settings() -> dict[str, str]:
    """The user's own job database, as a variable for the services; nothing where there is none."""
    url = load(BulkSettings).database_url
    if url == BulkSettings.model_fields["database_url"].default:
        return {}
    return {variable_name(BulkSettings, "database_url"): url.get_secret_value()}


def _own_urls(port: int) -> set[str]:
    return {f"http://{host}:{port}" for host in _OWN_HOSTS}
