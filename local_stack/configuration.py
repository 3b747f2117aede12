"""What ``make up`` takes from ``.env`` and the environment: the services' settings, and with them its own ports."""

from __future__ import annotations

from pathlib import Path

from dotenv import load_dotenv

from local_stack.ports import LOOPBACK, Ports
from ocr_core.settings import PostprocessSettings, PreprocessSettings, SettingsError, TritonSettings, load

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
        ("OCR_TRITON_GRPC_URL", triton_host),
    ):
        if host not in _OWN_HOSTS:
            raise SettingsError(
                f"{name} names {host}, but this command runs everything on {LOOPBACK}; unset it, or start that "
                "service by itself (`python -m preprocess_svc`, `python -m postprocess_svc`, docker-compose)"
            )


def ports_from_settings() -> Ports:
    """The ports that the settings name; Triton's HTTP and metrics ports lie beside its gRPC port.

    Raises:
        SettingsError: they contradict each other.
    """
    preprocess, postprocess = load(PreprocessSettings), load(PostprocessSettings)
    grpc = int(load(TritonSettings).grpc_url.rpartition(":")[2])
    ports = Ports(
        preprocess=preprocess.port,
        postprocess=postprocess.port,
        triton_http=grpc - 1,
        triton_grpc=grpc,
        triton_metrics=grpc + 1,
    )
    numbers = ports.numbers()
    if len(set(numbers)) != len(numbers) or not all(1 <= number <= 65_535 for number in numbers):
        raise SettingsError(
            f"OCR_PREPROCESS_PORT, OCR_POSTPROCESS_PORT and OCR_TRITON_GRPC_URL (with the ports beside it, for HTTP "
            f"and metrics) give the ports {', '.join(map(str, numbers))}: each must be a port of its own"
        )
    given = "structure_url" in preprocess.model_fields_set
    if given and preprocess.structure_url.rstrip("/") not in _own_urls(ports.postprocess):
        raise SettingsError(
            f"OCR_PREPROCESS_STRUCTURE_URL is not the text side that this command starts "
            f"(http://{LOOPBACK}:{ports.postprocess}, by OCR_POSTPROCESS_PORT): unset it"
        )
    return ports


def _own_urls(port: int) -> set[str]:
    return {f"http://{host}:{port}" for host in _OWN_HOSTS}
