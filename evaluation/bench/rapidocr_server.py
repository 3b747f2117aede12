"""RapidOCR behind ``rapidocr_api``, the HTTP server that its authors publish, as a contender.

It takes images only: it is sent each page as a file of its format, or a PDF's page as a PNG, which nobody had to
rasterise on its side. A worker process a core; it has no settings for more than that.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from evaluation.bench.contender import Cpu, Load, PageRead
from evaluation.bench.load import closed_loop
from evaluation.bench.pages import Variant
from evaluation.cpu_accounts import cpu_s_by_tree
from evaluation.ordering import PlacedText
from evaluation.peer import PeerEngine
from local_stack.ports import LOOPBACK

WORKERS_PER_CORE = 1
STARTUP_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 120.0
_POLL_S = 0.2
_APPS = {
    PeerEngine.ONNX_RUNTIME: "rapidocr_api.main:app",
    PeerEngine.OPENVINO: "evaluation.bench.rapidocr_openvino_app:app",
}


def unavailable() -> str | None:
    """Why it cannot take part; null where it can."""
    if importlib.util.find_spec("rapidocr_api") is None:
        return "rapidocr_api is not installed: it comes with the extra 'evaluation' (make environment-dev)"
    return None


class RapidOcrServer:
    """``contender.Contender``; a context manager."""

    is_latency_measured = True

    def __init__(self, name: str, engine: PeerEngine, *, workers: int, log: Path) -> None:
        """Store how it is started.

        Args:
            name: In the tables.
            engine: What its models run on.
            workers: Processes.
            log: Takes what it writes.
        """
        self.name = name
        self.levels = (workers, 2 * workers)
        self._engine = engine
        self._workers = workers
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(timeout=ANSWER_TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        port = _free_port()
        self._http.base_url = httpx.URL(f"http://{LOOPBACK}:{port}")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            # What its own command line runs, which binds every address unless it is told otherwise.
            command = [sys.executable, "-m", "uvicorn", _APPS[self._engine], "--host", LOOPBACK, "--port", str(port)]
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [*command, "--workers", str(self._workers), "--log-level", "warning", "--no-access-log"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def settings(self) -> str:
        """See ``Contender.settings``."""
        version = importlib.metadata.version("rapidocr_api")
        engine = (
            "as it comes (ONNX Runtime)"
            if self._engine is PeerEngine.ONNX_RUNTIME
            else "its engine set to OpenVINO by us"
        )
        return f"rapidocr_api {version}, {engine}; {self._workers} workers"

    def make_ready(self, page: Variant) -> None:
        """See ``Contender.make_ready``."""
        _ = page.image

    def warm_up(self, pages: Sequence[Variant]) -> None:
        """See ``Contender.warm_up``: the kernel chooses the worker, so each page is sent several times."""
        for page in pages:
            closed_loop(self._ask_as, [page] * (2 * self._workers), callers=2 * self._workers, window_s=1e9)

    def read(self, page: Variant) -> PageRead:
        """See ``Contender.read``."""
        body = page.image
        start_s = time.perf_counter()
        lines = self._ask(body)
        return PageRead(seconds=time.perf_counter() - start_s, lines=lines)

    def saturate(self, pages: Sequence[Variant], *, callers: int, window_s: float) -> Load:
        """See ``Contender.saturate``."""
        return Load(pace=closed_loop(self._ask_as, pages, callers=callers, window_s=window_s))

    def cpu(self) -> Cpu:
        """See ``Contender.cpu``: what its models take is not seen from outside."""
        return Cpu(other_s=cpu_s_by_tree({"server": self._pid}))

    def roots(self) -> Collection[int]:
        """See ``Contender.roots``."""
        return (self._pid,)

    @property
    def _pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def _ask_as(self, _: int, page: Variant) -> bool:
        try:
            self._ask(page.image)
        except httpx.HTTPError:
            return False
        return True

    def _ask(self, image: bytes) -> list[PlacedText]:
        answer = self._http.post("/ocr", files={"image_file": ("page", image)}).raise_for_status().json()
        return [PlacedText(text=line["rec_txt"], quad=line["dt_boxes"]) for line in answer.values()]

    def _wait_ready(self) -> None:
        started_s = time.monotonic()
        while True:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"rapidocr_api ended before it was ready; see {self._log}")
            try:
                if self._http.get("/").is_success:
                    return
            except httpx.TransportError:
                if time.monotonic() - started_s > STARTUP_TIMEOUT_S:
                    raise
            time.sleep(_POLL_S)

    def _stop(self) -> None:
        self._http.close()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
