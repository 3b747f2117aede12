"""The whole stack as processes on this machine: Triton, the text side, the pixel side.

``LocalStack`` is what ``make up``, the demo, the benchmarks and the tests start::

    with LocalStack(ports=Ports.free()) as stack:
        httpx.post(f"{stack.api_url}/v1/ocr", content=document)
"""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack import triton
from local_stack.ports import LOOPBACK, Ports
from local_stack.service import LogSink, Service, ServiceSpec
from local_stack.watcher import Watcher

REPOSITORY_ROOT = Path(__file__).resolve().parent.parent
STARTUP_TIMEOUT_S = 300.0
_POLL_S = 0.1
_LINES_SHOWN_ON_FAILURE = 30

Progress = Callable[[str], None]
"""Takes a short sentence on what is waited for; called a few times a second."""


class StackError(Exception):
    """The stack did not start or did not stay; the message says which service, with the end of its output."""


def _say_nothing(*_: str) -> None:
    pass


class LocalStack:
    """Starts the services side by side, waits until all are ready, and leaves nothing behind.

    Every process is in a group of its own; a watcher ends the groups should this process die without cleaning up.
    """

    def __init__(
        self,
        *,
        ports: Ports | None = None,
        environment: Mapping[str, str] | None = None,
        sink: LogSink = _say_nothing,
        progress: Progress = _say_nothing,
        startup_timeout_s: float = STARTUP_TIMEOUT_S,
    ) -> None:
        """Store what to start.

        Args:
            ports: Where to listen; free ports by default.
            environment: Settings for the services, over those of this process.
            sink: Takes every line that a service writes.
            progress: Told what is being waited for.
            startup_timeout_s: How long to wait for readiness.
        """
        self.ports = ports or Ports.free()
        self._environment = dict(environment or {})
        self._progress = progress
        self._startup_timeout_s = startup_timeout_s
        self._watcher = Watcher()
        self._sink = sink
        self.services: dict[str, Service] = {}
        """By name, in the order in which they are started."""

    @property
    def api_url(self) -> str:
        """Where the public API is."""
        return f"http://{LOOPBACK}:{self.ports.preprocess}"

    @property
    def structure_url(self) -> str:
        """Where the text side is."""
        return f"http://{LOOPBACK}:{self.ports.postprocess}"

    @property
    def triton_grpc_url(self) -> str:
        """Triton's gRPC endpoint, as ``host:port``."""
        return f"{LOOPBACK}:{self.ports.triton_grpc}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until it is ready.

        Raises:
            StackError: a port is taken, a service ended, or readiness took too long. Nothing is left running.
        """
        if taken := self.ports.taken():
            raise StackError(f"port {', '.join(map(str, taken))} on {LOOPBACK} is taken: is a stack running already?")
        try:
            specs = (self._triton(), self._postprocess(), self._preprocess())
        except triton.TritonUnavailable as error:
            raise StackError(str(error)) from None
        self.services = {spec.name: Service(spec=spec, watcher=self._watcher, sink=self._sink) for spec in specs}
        self._watcher.start()
        try:
            for service in self.services.values():
                service.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything: first who takes requests, last who serves them."""
        for service in reversed(self.services.values()):
            self._progress(f"stopping {service.spec.name}")
            service.stop()
        self._watcher.close()

    def wait_ready(self) -> None:
        """Wait until every service says that it is ready.

        Raises:
            StackError: one ended, or it took too long.
        """
        started_s = time.monotonic()
        waiting = dict(self.services)
        while waiting:
            self.check_alive()
            waiting = {name: service for name, service in waiting.items() if not service.spec.is_ready()}
            elapsed_s = time.monotonic() - started_s
            if waiting and elapsed_s > self._startup_timeout_s:
                name, service = next(iter(waiting.items()))
                raise StackError(f"{name} was not ready after {elapsed_s:.0f} s{_last_lines(service)}")
            if waiting:
                self._progress(f"waiting for {', '.join(waiting)} ({elapsed_s:.0f} s)")
                time.sleep(_POLL_S)

    def check_alive(self) -> None:
        """Return if every service that was started still runs.

        Raises:
            StackError: naming the first one that does not.
        """
        for name, service in self.services.items():
            if (status := service.exit_status) is not None:
                raise StackError(f"{name} ended with status {status}{_last_lines(service)}")

    def _triton(self) -> ServiceSpec:
        config = triton.TritonConfig(
            grpc_port=self.ports.triton_grpc, http_port=self.ports.triton_http, metrics_port=self.ports.triton_metrics
        )
        return triton.service_spec(config)

    def _postprocess(self) -> ServiceSpec:
        settings = {"OCR_POSTPROCESS_HOST": LOOPBACK, "OCR_POSTPROCESS_PORT": str(self.ports.postprocess)}
        return self._python_service("postprocess", "postprocess_svc", settings, self.structure_url)

    def _preprocess(self) -> ServiceSpec:
        settings = {
            "OCR_PREPROCESS_HOST": LOOPBACK,
            "OCR_PREPROCESS_PORT": str(self.ports.preprocess),
            "OCR_PREPROCESS_STRUCTURE_URL": self.structure_url,
            "OCR_TRITON_GRPC_URL": self.triton_grpc_url,
        }
        return self._python_service("preprocess", "preprocess_svc", settings, self.api_url)

    def _python_service(self, name: str, module: str, settings: Mapping[str, str], url: str) -> ServiceSpec:
        return ServiceSpec(
            name=name,
            command=(sys.executable, "-m", module),
            environment={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment, **settings},
            working_directory=REPOSITORY_ROOT,
            is_ready=lambda: _answers(f"{url}/readyz"),
        )


def _answers(url: str) -> bool:
    try:
        # A proxy for the outside world must not see requests to loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=2.0) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _last_lines(service: Service) -> str:
    lines = list(service.lines)[-_LINES_SHOWN_ON_FAILURE:]
    return "".join(f"\n    {line}" for line in lines)
