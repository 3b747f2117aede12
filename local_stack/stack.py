"""The whole stack as processes on this machine: Triton, the text side, the pixel side, and the bulk road.

``LocalStack`` is what ``make up``, the demo, the benchmarks and the tests start::

    with LocalStack(bulk=True, data_dir=folder) as stack:
        httpx.post(f"{stack.api_url}/v1/ocr", content=document)
        httpx.post(f"{stack.bulk_url}/v1/jobs", files=[("file", document), …])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack import aws, triton
from local_stack.plan import REPOSITORY_ROOT, BulkPlan, StackPlan, announce_inbox, service_specs
from local_stack.ports import LOOPBACK, Ports
from local_stack.service import LogSink, Service
from local_stack.watcher import Watcher

DEFAULT_DATA_DIR = REPOSITORY_ROOT / ".run"
STARTUP_TIMEOUT_S = 300.0
_POLL_S = 0.1
_LINES_SHOWN_ON_FAILURE = 30
_SERVE_OTHERS = ("triton", "aws", "postprocess")
"""Stopped last: the others may need them to end what they have in hand."""

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
        service_environment: Mapping[str, Mapping[str, str]] | None = None,
        bulk: BulkPlan | bool = False,
        data_dir: Path = DEFAULT_DATA_DIR,
        sink: LogSink = _say_nothing,
        progress: Progress = _say_nothing,
        startup_timeout_s: float = STARTUP_TIMEOUT_S,
    ) -> None:
        """Store what to start.

        Args:
            ports: Where to listen; free ports by default.
            environment: Settings for the services, over those of this process.
            service_environment: Settings for single services, by name, over those for all.
            bulk: Whether the bulk road is started as well, or how: with one worker of each kind by default.
            data_dir: Where the bulk road keeps its files, if ``bulk`` does not say.
            sink: Takes every line that a service writes.
            progress: Told what is being waited for.
            startup_timeout_s: How long to wait for readiness.
        """
        bulk_plan = BulkPlan(data_dir=data_dir) if bulk is True else bulk or None
        if ports is None:
            ports = Ports.free(bulk_vitals=bulk_plan.vitals if bulk_plan is not None else 0)
        self.plan = StackPlan(
            ports=ports,
            environment=dict(environment or {}),
            service_environment=dict(service_environment or {}),
            bulk=bulk_plan,
        )
        self._progress = progress
        self._startup_timeout_s = startup_timeout_s
        self._watcher = Watcher()
        self._sink = sink
        self.services: dict[str, Service] = {}
        """By name, in the order in which they are started."""

    @property
    def ports(self) -> Ports:
        """Where everything listens."""
        return self.plan.ports

    @property
    def api_url(self) -> str:
        """Where the public sync API is."""
        return self.plan.api_url

    @property
    def bulk_url(self) -> str:
        """Where the public bulk API is, if it was started."""
        return self.plan.bulk_url

    @property
    def structure_url(self) -> str:
        """Where the text side is."""
        return self.plan.structure_url

    @property
    def triton_grpc_url(self) -> str:
        """Triton's gRPC endpoint, as ``host:port``."""
        return self.plan.triton_grpc_url

    @property
    def triton_metrics_url(self) -> str:
        """Where Triton's Prometheus metrics are."""
        return self.plan.triton_metrics_url

    @property
    def stop_timeout_s(self) -> float:
        """The longest that ``stop`` may take."""
        graces_s = {name: service.spec.stop_grace_s for name, service in self.services.items()}
        serving_s = sum(grace_s for name, grace_s in graces_s.items() if name in _SERVE_OTHERS)
        return max(graces_s.values(), default=0.0) + serving_s + 30.0

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
        if taken := self.ports.taken(bulk=self.plan.bulk is not None):
            raise StackError(f"port {', '.join(map(str, taken))} on {LOOPBACK} is taken: is a stack running already?")
        try:
            specs = service_specs(self.plan)
        except (triton.TritonUnavailable, aws.AwsUnavailable) as error:
            raise StackError(str(error)) from None
        self.services = {spec.name: Service(spec=spec, watcher=self._watcher, sink=self._sink) for spec in specs}
        self._watcher.start()
        try:
            for service in self.services.values():
                service.start()
            self.wait_ready()
            self._announce_inbox()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything: first, side by side, who takes requests and work; last who serves them."""
        self._progress("stopping")
        takers = [service for name, service in self.services.items() if name not in _SERVE_OTHERS]
        for service in takers:
            service.ask_to_stop()
        for service in [*reversed(takers), *reversed(self.services.values())]:
            if service.pid is not None:
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
                raise StackError(f"{name} was not ready after {elapsed_s:.0f} s{last_lines(service)}")
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
                raise StackError(f"{name} ended with status {status}{last_lines(service)}")

    def _announce_inbox(self) -> None:
        try:
            announce_inbox(self.plan)
        except aws.AwsUnavailable as error:
            raise StackError(str(error)) from None


def last_lines(service: Service) -> str:
    """The end of its output, to be shown with what went wrong."""
    lines = list(service.lines)[-_LINES_SHOWN_ON_FAILURE:]
    return "".join(f"\n    {line}" for line in lines)
