"""The real Triton, without a container: ``tritonserver`` out of the wheel ``nvidia-pytriton``, as a child process.

::

    TritonConfig ──► command(), environment(), is_ready() ──► service_spec() ──► local_stack.service.Service

It serves the two models of ``model_repository`` with explicit model control, and only gRPC, HTTP (health) and metrics
on 127.0.0.1. The wheel lives in an environment of its own, as a container would: it pins ``numpy<2``. Between it and us
stands ``model_tools/triton_guard.py``, which ends it when one of its model processes has ended.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.environments import TRITON_PYTHONS
from local_stack.service import ServiceSpec
from model_tools.choice import config_name

REPOSITORY_ROOT = Path(__file__).resolve().parent.parent
MODEL_NAMES = ("text_detection", "text_recognition")

_GUARD = REPOSITORY_ROOT / "model_tools" / "triton_guard.py"
_PREFIX = "yomitori-triton"
_SHARED_MEMORY_DIR = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives, not a temporary file


class TritonUnavailable(Exception):
    """Triton cannot be started, or has ended; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonConfig:
    """How to start one Triton."""

    grpc_port: int
    http_port: int
    metrics_port: int
    environment_dir: Path = REPOSITORY_ROOT / ".venv-triton"
    model_repository: Path = REPOSITORY_ROOT / "model_repository"
    model_config_name: str | None = None
    """Which of each model's configurations; what the precision asks for where it is null."""
    model_names: tuple[str, ...] = MODEL_NAMES
    model_threads: int | None = None
    """Cores that each model may use; all that this process may run on where it is null."""
    model_precision: str = field(default_factory=lambda: os.environ.get("OCR_MODEL_PRECISION") or "auto")
    """``auto``: what was measured to be fastest on this machine (``model_tools.tune``)."""
    verbose_level: int = 0
    trace_endpoint: str | None = None
    """Base URL of what takes OTLP over HTTP. Then Triton tells of every request itself: when it came, and when it was
    computed; as part of the trace that the request says it belongs to."""
    shared_memory_prefix: str = field(default_factory=lambda: f"{_PREFIX}-{os.getpid()}-{uuid.uuid4().hex[:12]}-")
    """Of the Python backend's own shared memory, so that several servers on one host stay apart. It names the process
    that made this configuration: see ``sweep_shared_memory``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Installation:
    """Where the parts of the wheel lie."""

    server: Path
    backends: Path
    libraries: Path


def command(config: TritonConfig) -> list[str]:
    """The arguments that start ``tritonserver`` under its guard.

    Also puts the Python backend's stub in place, and sweeps what killed servers left.

    Raises:
        TritonUnavailable: the environment, the wheel or its Python stub is missing.
    """
    installation = _find(config.environment_dir)
    sweep_shared_memory()
    chosen_config = config.model_config_name or config_name(config.model_repository, config.model_precision)
    return [
        *(sys.executable, "-I", "-S", str(_GUARD)),
        str(installation.server),
        f"--model-repository={config.model_repository}",
        f"--model-config-name={chosen_config}",
        f"--backend-directory={installation.backends}",
        f"--backend-config=python,shm-region-prefix-name={config.shared_memory_prefix}",
        # Requests up to a page's size without growing the region on the way.
        f"--backend-config=python,shm-default-byte-size={16 << 20}",
        # Compiling every shape takes 10 s on two idle cores; on busy ones it outlasts the default of 30 s.
        "--backend-config=python,stub-timeout-seconds=300",
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in config.model_names),
        "--model-load-thread-count=4",
        "--disable-auto-complete-config",
        "--exit-on-error=true",
        "--exit-timeout-secs=5",
        "--allow-grpc=true",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={config.grpc_port}",
        "--allow-http=true",
        "--http-address=127.0.0.1",
        f"--http-port={config.http_port}",
        "--http-thread-count=2",
        "--allow-metrics=true",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={config.metrics_port}",
        "--allow-gpu-metrics=false",
        f"--log-verbose={config.verbose_level}",
        *_trace_arguments(config.trace_endpoint),
    ]


def _trace_arguments(endpoint: str | None) -> tuple[str, ...]:
    # https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/trace.html
    if endpoint is None:
        return ()
    return (
        "--trace-config=mode=opentelemetry",
        "--trace-config=level=TIMESTAMPS",
        "--trace-config=rate=1",
        f"--trace-config=opentelemetry,url={endpoint.rstrip('/')}/v1/traces",
        "--trace-config=opentelemetry,resource=service.name=triton",
    )


def environment(config: TritonConfig) -> dict[str, str]:
    """The variables that ``tritonserver`` and its Python model processes need, on top of a minimum of the parent's.

    Raises:
        TritonUnavailable: as for ``command``.
    """
    installation = _find(config.environment_dir)
    variables = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    variables |= {
        # The model processes embed an isolated interpreter, which heeds no PYTHONPATH: it finds the environment by the
        # first ``python3`` on PATH, and this project in the working directory.
        "PATH": os.pathsep.join([str(config.environment_dir / "bin"), os.environ.get("PATH", os.defpath)]),
        "LD_LIBRARY_PATH": str(installation.libraries),
        "OCR_MODEL_PRECISION": config.model_precision,
    }
    if config.model_threads is not None:
        variables["OCR_MODEL_THREADS"] = str(config.model_threads)
    return variables


def sweep_shared_memory() -> None:
    """Remove what servers left behind that were killed, once the process that started them has ended as well."""
    for path in _SHARED_MEMORY_DIR.glob(f"{_PREFIX}-*"):
        owner = re.match(rf"{_PREFIX}-([0-9]+)-", path.name)
        if owner is not None and not Path("/proc", owner[1]).exists():
            with contextlib.suppress(FileNotFoundError, PermissionError):
                path.unlink()


def is_ready(config: TritonConfig) -> bool:
    """Whether ``/v2/health/ready`` answers 200, which it does when all models are loaded and warm."""
    connection = http.client.HTTPConnection("127.0.0.1", config.http_port, timeout=2.0)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def service_spec(config: TritonConfig) -> ServiceSpec:
    """All that ``local_stack.service`` needs to run it.

    Raises:
        TritonUnavailable: as for ``command``.
    """
    return ServiceSpec(
        name="triton",
        command=command(config),
        environment=environment(config),
        working_directory=REPOSITORY_ROOT,
        is_ready=lambda: is_ready(config),
        clean_up=lambda: _remove_shared_memory(config),
    )


def _remove_shared_memory(config: TritonConfig) -> None:
    """What a server leaves that was killed, or whose model processes were."""
    for leftover in _SHARED_MEMORY_DIR.glob(f"{config.shared_memory_prefix}*"):
        with contextlib.suppress(FileNotFoundError):
            leftover.unlink()


def _find(environment_dir: Path) -> _Installation:
    site_packages = next(iter(sorted(environment_dir.glob("lib/python3.*/site-packages"))), None)
    if site_packages is None:
        raise TritonUnavailable(f"there is no environment at {environment_dir}: run `make models`")
    triton = site_packages / "pytriton" / "tritonserver"
    server = triton / "bin" / "tritonserver"
    if not server.is_file():
        raise TritonUnavailable(f"nvidia-pytriton is not installed in {environment_dir}: run `make models`")
    version = site_packages.parent.name.removeprefix("python")
    stub = triton / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file() or version not in TRITON_PYTHONS:
        raise TritonUnavailable(
            f"{environment_dir} runs Python {version}; Triton's Python backend needs {' or '.join(TRITON_PYTHONS)}:"
            " remove that folder, and run `make models`"
        )
    return _Installation(
        server=server,
        backends=_backends_with_stub(triton, stub),
        libraries=site_packages / "nvidia_pytriton.libs",
    )


def _backends_with_stub(triton: Path, stub: Path) -> Path:
    """The backend directory, with the stub of this Python beside the backend, where Triton looks for it."""
    backends = triton / "backends"
    link = backends / "python" / "triton_python_backend_stub"
    target = os.path.relpath(stub, link.parent)
    if not link.is_symlink() or os.readlink(link) != target:  # noqa: PTH115 - Path.readlink normalises the target
        fresh = link.with_name(f"{link.name}.{os.getpid()}")
        fresh.symlink_to(target)
        fresh.replace(link)
    return backends
