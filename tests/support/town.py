"""Both roads as processes over one Triton, with keys on and a real PostgreSQL: each part can be stopped, or cut off.

::

    test ──HTTP──► preprocess ──► postprocess
      │              │  └──► file opener (a server of its own)
      │              ├──► Triton's double ◄── read ─┐
      │              └──► TCP proxy ─► PostgreSQL ◄─┴─ api, dispatcher, intake, webhooks, structure
      └──HTTP──► api                                └──► proxies ─► MiniStack (queues, objects)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from lambda_file_open.server import check as opener_answers
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.contracts.access import Scope
from tests.support.access import add_key, add_tenant, bearer
from tests.support.aws import free_port
from tests.support.bulk_house import BulkHouse
from tests.support.databases import ready_postgres
from tests.support.faults_process import FaultyProcess
from tests.support.faults_proxy import Faults
from tests.support.openers import SERVER_COMMAND
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

TENANT = "town"
ROLES = ("api", "dispatcher", "intake", "webhooks", "read", "structure")
DETECTION_S = 0.02
PATIENCE_S = 90.0

Act = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """How one service goes away, and how it comes back."""

    begin: Act
    end: Act


@dataclass(slots=True, kw_only=True)
class Town:
    """Start it as a context manager; nothing of it is left afterwards."""

    folder: Path
    postgres_url: str
    """A server's maintenance database."""
    house: BulkHouse = field(init=False)
    database: TcpProxy = field(init=False)
    sync: dict[str, FaultyProcess] = field(init=False, default_factory=dict)
    """The processes of the sync road."""
    url: str = field(init=False)
    """Of the sync API."""
    http: httpx.Client = field(init=False)
    headers: Mapping[str, str] = field(init=False)
    """With a key for both APIs."""
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for process in (*self.sync.values(), *self.house.running.values()):
                print(process.last_lines())  # noqa: T201 - pytest shows it where the test fails
        self._stack.close()

    def _open(self, stack: ExitStack) -> None:
        direct_url = stack.enter_context(ready_postgres(self.postgres_url, "town"))
        server = httpx.URL(direct_url)
        self.database = stack.enter_context(TcpProxy(server.port or 5432))
        url = str(server.copy_with(port=self.database.port))
        accounts = stack.enter_context(SqlAccessStore(direct_url))
        add_tenant(accounts, TENANT, source_prefixes=("documents",))
        self.headers = bearer(add_key(accounts, TENANT, Scope.SYNC, Scope.BULK))
        settings = {"OCR_ACCESS_KEYS": "true", "OCR_BULK_DATABASE_URL": url}
        self.house = stack.enter_context(
            BulkHouse(
                folder=self.folder,
                database_url=direct_url,
                settings=settings,
                processes={name: (name,) for name in ROLES},
                detection_s=DETECTION_S,
            )
        )
        self.house.http.headers.update(self.headers)
        text_port, port = free_port(), free_port()
        socket = self.folder / "opener" / "socket"
        socket.parent.mkdir()
        self._start(stack, "file opener", [*SERVER_COMMAND, "--socket", str(socket)], {})
        wait_until(lambda: opener_answers(socket), "the file opener")
        structure = {"OCR_POSTPROCESS_PORT": str(text_port), "OCR_POSTPROCESS_CHARSET_FILES": str(self.house.charset)}
        self._start(stack, "postprocess", [sys.executable, "-m", "postprocess_svc"], structure)
        pixels = {
            **settings,
            "OCR_PREPROCESS_PORT": str(port),
            "OCR_PREPROCESS_STRUCTURE_URL": f"http://127.0.0.1:{text_port}",
            "OCR_TRITON_GRPC_URL": self.house.triton.grpc_url,
            "OCR_TRITON_SHARED_MEMORY": "false",
            "OCR_OPENER_LAUNCHER": "socket",
            "OCR_OPENER_SOCKET_PATH": str(socket),
        }
        self._start(stack, "preprocess", [sys.executable, "-m", "preprocess_svc"], pixels)
        self.url = f"http://127.0.0.1:{port}"
        self.http = stack.enter_context(httpx.Client(base_url=self.url, timeout=10.0, trust_env=False))
        wait_until(self.is_ready, "the sync road", patience_s=PATIENCE_S)

    def _start(self, stack: ExitStack, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        log = self.folder / f"{name.replace(' ', '-')}.log"
        process = FaultyProcess(name=name, command=command, environment=environment, log=log)
        self.sync[name] = stack.enter_context(process)

    def is_ready(self) -> bool:
        """Whether the sync API says that everything it needs answers."""
        try:
            return self.http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def outages(self) -> dict[tuple[str, str], Outage]:
        """By service and way: ``stopped`` hangs, ``killed`` is gone, ``cut`` cannot be reached."""
        found: dict[tuple[str, str], Outage] = {}
        for name, process in {"Triton": self.house.double, **self.sync, **self._bulk()}.items():
            found[name, "stopped"] = Outage(begin=process.pause, end=process.resume)
            found[name, "killed"] = Outage(begin=process.kill, end=process.start)
        found["database", "stopped"] = Outage(begin=self.database.silence, end=self.database.mend)
        found["database", "cut"] = Outage(begin=self.database.cut, end=self.database.mend)
        queues, objects = self.house.queue_proxy, self.house.object_proxy
        lost, well = Faults(lose_request=1.0), Faults()
        for name, proxy in (("queues", queues), ("object storage", objects)):
            found[name, "cut"] = Outage(
                begin=lambda proxy=proxy: setattr(proxy, "faults", lost),  # type: ignore[misc]
                end=lambda proxy=proxy: setattr(proxy, "faults", well),  # type: ignore[misc]
            )
        found["queues and object storage", "killed"] = Outage(begin=self.house.aws.kill, end=self._start_aws)
        return found

    def _start_aws(self) -> None:
        self.house.aws.start()
        self.house.aws.wait_ready()

    def _bulk(self) -> dict[str, FaultyProcess]:
        return {f"bulk {name}": process for name, process in self.house.running.items()}
