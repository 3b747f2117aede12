"""The real Triton, without a container: ``tritonserver`` out of the wheel ``nvidia-pytriton``, as a child process.

::

    TritonConfig ──► command(), environment() ──► TritonServer.start() ──► wait_ready() ──► stop()

It serves the two models of ``model_repository`` with explicit model control, and only gRPC, HTTP (health) and metrics
on 127.0.0.1. The wheel lives in an environment of its own, as a container would: it pins ``numpy<2``.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

REPOSITORY_ROOT = Path(__file__).resolve().parent.parent
MODEL_NAMES = ("text_detection", "text_recognition")

_POLL_S = 0.05
_SHARED_MEMORY_DIR = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives, not a temporary file

# Runs in the child before the server takes its place: it asks the kernel for SIGTERM when the parent's thread that
# started it ends, and leaves at once if the parent has gone meanwhile. An exec keeps the wish, where a ``preexec_fn``
# would run Python between fork and exec of a process that has threads.
DIES_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


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
    model_config_name: str = "cpu"
    model_names: tuple[str, ...] = MODEL_NAMES
    model_threads: int | None = None
    """Cores that each model may use; all that this process may run on where it is null."""
    model_precision: str = "f16"
    verbose_level: int = 0
    log: IO[bytes] | None = None
    """Where Triton's output goes; the parent's own standard error where it is null. Needs a file descriptor."""
    shared_memory_prefix: str = field(default_factory=lambda: f"yomitori-triton-{uuid.uuid4().hex[:12]}")
    """Of the Python backend's own shared memory, so that several servers on one host stay apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Installation:
    """Where the parts of the wheel lie."""

    server: Path
    backends: Path
    libraries: Path


def command(config: TritonConfig) -> list[str]:
    """The arguments that start ``tritonserver``.

    Raises:
        TritonUnavailable: the environment, the wheel or its Python stub is missing.
    """
    installation = _find(config.environment_dir)
    return [
        str(installation.server),
        f"--model-repository={config.model_repository}",
        f"--model-config-name={config.model_config_name}",
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
    ]


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
        "OPENVINO_TELEMETRY_DISABLE": "1",
    }
    if config.model_threads is not None:
        variables["OCR_MODEL_THREADS"] = str(config.model_threads)
    return variables


class TritonServer:
    """A running Triton. Call ``start`` from a thread that outlives the server: the kernel ends it with that thread."""

    def __init__(self, config: TritonConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start, without waiting for the models."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, whatever happened."""
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process id; null where it does not run."""
        return None if self._process is None else self._process.pid

    @property
    def grpc_address(self) -> str:
        """``host:port`` of the gRPC interface."""
        return f"127.0.0.1:{self.config.grpc_port}"

    def start(self) -> None:
        """Start the process, in a process group of its own.

        Raises:
            TritonUnavailable: as for ``command``; or it runs already.
        """
        if self._process is not None:
            raise TritonUnavailable("this Triton has been started already")
        arguments = [sys.executable, "-I", "-c", DIES_WITH_PARENT, str(os.getpid()), *command(self.config)]
        self._process = subprocess.Popen(
            arguments,
            env=environment(self.config),
            cwd=REPOSITORY_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self.config.log,
            stderr=subprocess.STDOUT if self.config.log is not None else None,
            start_new_session=True,
        )

    def wait_ready(self, timeout_s: float = 120.0, on_progress: Callable[[float], None] | None = None) -> float:
        """Wait until every shape of every model is warm; the seconds that it took.

        Args:
            timeout_s: From now.
            on_progress: Called about once a second with the seconds waited.

        Raises:
            TritonUnavailable: the server ended, or the time passed.
        """
        started_s = time.monotonic()
        told_s = 0.0
        while not self.is_ready():
            waited_s = time.monotonic() - started_s
            if self._process is None or self._process.poll() is not None:
                code = None if self._process is None else self._process.returncode
                raise TritonUnavailable(f"tritonserver ended with status {code} before it was ready: see its log")
            if waited_s > timeout_s:
                raise TritonUnavailable(f"tritonserver was not ready after {timeout_s:g} s: see its log")
            if on_progress is not None and waited_s - told_s >= 1.0:
                told_s = waited_s
                on_progress(waited_s)
            time.sleep(_POLL_S)
        return time.monotonic() - started_s

    def is_ready(self) -> bool:
        """Whether ``/v2/health/ready`` answers 200, which it does when all models are loaded and warm."""
        connection = http.client.HTTPConnection("127.0.0.1", self.config.http_port, timeout=2.0)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the server and its model processes, gently first; leave no process and no shared memory behind."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout_s)
        # The group outlives its leader where model processes hang or the server was killed.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for leftover in _SHARED_MEMORY_DIR.glob(f"{self.config.shared_memory_prefix}*"):
            with contextlib.suppress(FileNotFoundError):
                leftover.unlink()


def _find(environment_dir: Path) -> _Installation:
    site_packages = next(iter(sorted(environment_dir.glob("lib/python3.*/site-packages"))), None)
    if site_packages is None:
        raise TritonUnavailable(f"there is no environment at {environment_dir}: run `make install`")
    triton = site_packages / "pytriton" / "tritonserver"
    server = triton / "bin" / "tritonserver"
    if not server.is_file():
        raise TritonUnavailable(f"nvidia-pytriton is not installed in {environment_dir}: run `make install`")
    version = site_packages.parent.name.removeprefix("python")
    stub = triton / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file() or not re.fullmatch(r"3\.(10|11|12)", version):
        raise TritonUnavailable(
            f"{environment_dir} runs Python {version}; Triton's Python backend is there for 3.10 to 3.12:"
            " make the environment with one of these"
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
