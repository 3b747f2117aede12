"""The sync road as processes of its own, over Triton's double: a machine whose power the test chooses.

::

    test ──HTTP──► preprocess ──► postprocess
                       │
                 Triton's double: one detection after another, each as long as the test says
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.aws import free_port
from tests.support.faults_process import DoubleProcess, FaultyProcess
from tests.support.triton_double import CHARSET
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To one request."""

    status: int
    code: str | None
    """Of a problem."""
    retry_after_s: int | None
    elapsed_s: float


@dataclass(slots=True, kw_only=True)
class SyncHouse:
    """Start it as a context manager; nothing of it is left afterwards."""

    folder: Path
    page_s: float
    """What the double's detector takes for a page: it serves one over this, a second."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the pixel side."""
    text_settings: Mapping[str, str] = field(default_factory=dict)
    everywhere: Mapping[str, str] = field(default_factory=dict)
    """Settings of both services."""
    command: Sequence[str] = (sys.executable, "-m", "preprocess_svc")
    triton: DoubleProcess = field(init=False)
    text: FaultyProcess = field(init=False)
    pixels: FaultyProcess = field(init=False)
    text_url: str = field(init=False)
    url: str = field(init=False)
    http: httpx.Client = field(init=False)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.triton = stack.enter_context(DoubleProcess(self.folder, detection_s=self.page_s))
            charset = self.folder / "charset.txt"
            charset.write_text(CHARSET, encoding="utf-8")
            text_port = free_port()
            port = int(self.settings.get("OCR_PREPROCESS_PORT") or free_port())
            structure = {
                "OCR_POSTPROCESS_PORT": str(text_port),
                "OCR_POSTPROCESS_CHARSET_FILES": str(charset),
                **self.everywhere,
                **self.text_settings,
            }
            self.text_url = f"http://127.0.0.1:{text_port}"
            self.text = self._start(stack, "postprocess_svc", [sys.executable, "-m", "postprocess_svc"], structure)
            environment = {
                "OCR_PREPROCESS_PORT": str(port),
                "OCR_PREPROCESS_STRUCTURE_URL": f"http://127.0.0.1:{text_port}",
                "OCR_TRITON_GRPC_URL": self.triton.grpc_url,
                "OCR_TRITON_SHARED_MEMORY": "false",
                **self.everywhere,
                **self.settings,
            }
            self.pixels = self._start(stack, "preprocess_svc", self.command, environment)
            self.url = f"http://127.0.0.1:{port}"
            self.http = stack.enter_context(httpx.Client(base_url=self.url, timeout=60.0, trust_env=False))
            wait_until(self._is_ready, "the sync road", patience_s=60.0)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(
        self, stack: ExitStack, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> FaultyProcess:
        log = self.folder / f"{name}.log"
        return stack.enter_context(FaultyProcess(name=name, command=command, environment=environment, log=log))

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def metric(self, name: str) -> float:
        """A sample without labels."""
        for family in text_string_to_metric_families(self.http.get("/metrics").text):
            for sample in family.samples:
                if sample.name == name and not sample.labels:
                    return float(sample.value)
        raise KeyError(name)

    def is_empty(self) -> bool:
        """Whether everything that was taken has been given back."""
        names = ("ocr_documents_in_flight", "ocr_documents_reading", "ocr_admission_wait_seconds")
        return all(self.metric(name) == 0 for name in names)

    def send(self, content: bytes, *, timeout_s: float) -> Answer:
        """One document, and wait for the answer."""
        (answer,) = self.send_over_time([content], every_s=0.0, timeout_s=timeout_s)
        return answer

    def send_over_time(self, documents: Sequence[bytes], *, every_s: float, timeout_s: float) -> list[Answer]:
        """Send them one after another, whether or not those before have been answered; the answers in their order."""
        return asyncio.run(self._send_over_time(documents, every_s, timeout_s))

    async def _send_over_time(self, documents: Sequence[bytes], every_s: float, timeout_s: float) -> list[Answer]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=self.url, timeout=60.0, trust_env=False, limits=limits) as client:
            started_s = time.monotonic()

            async def send(number: int, content: bytes) -> Answer:
                await asyncio.sleep(max(0.0, started_s + number * every_s - time.monotonic()))
                sent_s = time.monotonic()
                response = await client.post("/v1/ocr", params={"timeout_s": timeout_s}, content=content)
                problem = response.json() if response.status_code != httpx.codes.OK else {}
                retry_after = response.headers.get("Retry-After")
                return Answer(
                    status=response.status_code,
                    code=problem.get("code"),
                    retry_after_s=None if retry_after is None else int(retry_after),
                    elapsed_s=time.monotonic() - sent_s,
                )

            return await asyncio.gather(*(send(number, content) for number, content in enumerate(documents)))
