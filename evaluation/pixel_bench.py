"""What the pixel side costs a page beside the models: ``python -m evaluation.pixel_bench`` (`make bench-pixels`).

CPU time, of every thread and process, of everything that a document costs ``preprocess_svc`` but the models: opening
and rendering, the work on pixels by function, the Triton client, the reading's way to the text side. The models and the
text side are ``evaluation.replay``: a process of its own that gives the answers of before, over gRPC with shared memory
and over HTTP, as the real ones do; what it uses itself is not counted. One page is a PDF, one a JPEG.

Rows are medians over rounds, but for the opener's processes, which are a mean: the kernel counts ended ones in ticks.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import uvloop
from PIL import Image

from evaluation.cpu_accounts import cpu_s_by_tree
from evaluation.datasets import REPOSITORY, SAMPLES_DIR, page_images
from evaluation.inprocess_models import InProcessModels
from evaluation.machine import describe_machine
from evaluation.markdown import number, table
from evaluation.readings import pixel_side_digest, text_pipeline
from evaluation.replay import KeepingModels, KeptAnswers
from lambda_file_open.handler import decode_pages, open_file
from lambda_file_open.warmup import load_decoders
from ocr_core.adapters.file_opener import LocalFileOpener
from ocr_core.adapters.postprocess import HttpStructurer
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection, Priority
from ocr_core.contracts.opening_wire import OpenRequest
from ocr_core.contracts.ports import FileOpener, StructureOptions, TextModels
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.reading_codec import encode_reading
from ocr_core.settings import TritonSettings
from preprocess_svc.pipeline import read_document

P = ParamSpec("P")
T = TypeVar("T")

FOLDER = REPOSITORY / "out" / "cache" / "pixel-bench"
WANTED_MS = 25.0
_JPEG_QUALITY = 90
_PAUSE_S = 0.05
"""Longer than a pool waits before it prepares the next child."""
_WARM_UP = 3
_TIMEOUT_S = 60.0


class CountingThreads(ThreadPoolExecutor):
    """The pool for work on pixels, with the CPU milliseconds of each function that ran in it."""

    def __init__(self) -> None:
        super().__init__(2, thread_name_prefix="pixels")
        self.cpu_ms: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn`` and put down what it took."""
        work = fn.func if isinstance(fn, partial) else fn

        def counted() -> T:
            started_s = time.thread_time()
            try:
                return fn(*args, **kwargs)
            finally:
                with self._lock:
                    self.cpu_ms[work.__qualname__.lstrip("_")] += (time.thread_time() - started_s) * 1000

        return super().submit(counted)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchDocument:
    """A page to read, and the answers for it."""

    name: str
    file_name: str
    content: bytes
    kept: Path


@dataclass(slots=True, kw_only=True)
class Account:
    """What one document took, in CPU milliseconds by row, round by round."""

    lines: int = 0
    rows: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    opener_s: float = 0.0
    opened: int = 0

    def note(self, round_rows: dict[str, float]) -> None:
        """Put a round down."""
        for name, cpu_ms in round_rows.items():
            self.rows[name].append(cpu_ms)

    @property
    def opener_ms(self) -> float:
        """A document's mean of what the opener's processes took."""
        return self.opener_s * 1000 / max(1, self.opened)

    def median(self, name: str) -> float:
        """Of a row; 0 where it never was."""
        return statistics.median(self.rows[name]) if self.rows[name] else 0.0


EVENT_LOOP = "event loop until the reading"
OTHER_THREADS = "other threads (gRPC's, OpenCV's)"
STRUCTURE = "reading to the text side, result back"
SERVICE = "the service's process"
OPENER = "the opener's processes"
ENCODE = "writing the reading down"
DECODERS = "the decoders alone, in one process"
_OWN_ROWS = {EVENT_LOOP, OTHER_THREADS, STRUCTURE, SERVICE, ENCODE, DECODERS}


def bench_documents() -> list[BenchDocument]:
    """The bundled Japanese invoice as it is, and the English one as a photograph's JPEG; answers that lack are made."""
    pdf = SAMPLES_DIR / "invoice_ja.pdf"
    picture = io.BytesIO()
    pixels = next(page_images(SAMPLES_DIR / "invoice_en.pdf"))
    Image.fromarray(pixels).save(picture, "JPEG", quality=_JPEG_QUALITY)
    documents = [
        _bench_document("invoice_ja, PDF", pdf.name, pdf.read_bytes()),
        _bench_document("invoice_en, JPEG", "invoice_en.jpg", picture.getvalue()),
    ]
    missing = [document for document in documents if not document.kept.exists()]
    if missing:
        asyncio.run(_record(missing))
    return documents


def _bench_document(name: str, file_name: str, content: bytes) -> BenchDocument:
    kept = FOLDER / f"{Path(file_name).stem}-{pixel_side_digest()[:16]}.npz"
    return BenchDocument(name=name, file_name=file_name, content=content, kept=kept)


async def _record(documents: Sequence[BenchDocument]) -> None:
    """Read documents with the models themselves, and keep what they answered."""
    texts = text_pipeline()
    async with _started(LocalFileOpener()) as opener:
        with InProcessModels() as models, ThreadPoolExecutor(2) as workers:
            for document in documents:
                kept = KeptAnswers(await models.charset_sha256())
                reading = await _read(document, opener, KeepingModels(models, kept), workers)
                kept.result = texts.answer(encode_reading(reading), StructureOptions(), "req_bench").body
                kept.write(document.kept)


async def _read(
    document: BenchDocument, opener: FileOpener, models: TextModels, workers: ThreadPoolExecutor
) -> Reading:
    return await read_document(
        document.content,
        file_name=document.file_name,
        selection=PageSelection(),
        limits=OpenLimits(),
        text_layer=False,
        priority=Priority.SYNC,
        deadline=Deadline.after(_TIMEOUT_S),
        opener=opener,
        models=models,
        workers=workers,
    )


async def measure(document: BenchDocument, account: Account, *, rounds: int) -> None:
    """Read a document again and again, over one opener, one Triton client and one text client."""
    with _replay(document.kept) as (triton_port, text_port), CountingThreads() as workers:
        triton = TritonModels(TritonSettings(grpc_url=f"127.0.0.1:{triton_port}"))
        structurer = HttpStructurer(f"http://127.0.0.1:{text_port}")
        opener = LocalFileOpener()
        async with _started(triton), _started(structurer), _started(opener):
            for _ in range(_WARM_UP):
                await _round(document, opener, triton, structurer, workers)
                await asyncio.sleep(_PAUSE_S)
            opener_before_s = _tree_s(opener)
            for _ in range(rounds):
                account.lines, rows = await _round(document, opener, triton, structurer, workers)
                account.note(rows)
                await asyncio.sleep(_PAUSE_S)
            account.opener_s += _tree_s(opener) - opener_before_s
            account.opened += rounds
    for _ in range(rounds):
        account.note({DECODERS: _decoders_alone(document.content)})


async def _round(
    document: BenchDocument,
    opener: LocalFileOpener,
    triton: TritonModels,
    structurer: HttpStructurer,
    workers: CountingThreads,
) -> tuple[int, dict[str, float]]:
    """One document: its number of lines, and CPU milliseconds by row."""
    workers.cpu_ms.clear()
    began_s, began_here_s = time.process_time(), time.thread_time()
    reading = await _read(document, opener, triton, workers)
    read_here_s = time.thread_time()
    await structurer.structure(
        reading, options=StructureOptions(), request_id="req_bench", deadline=Deadline.after(_TIMEOUT_S)
    )
    ended_here_s, ended_s = time.thread_time(), time.process_time()
    encode_reading(reading)
    encoded_s = time.thread_time()
    in_threads_ms = sum(workers.cpu_ms.values())
    here_ms, all_ms = (ended_here_s - began_here_s) * 1000, (ended_s - began_s) * 1000
    rows = dict(workers.cpu_ms) | {
        EVENT_LOOP: (read_here_s - began_here_s) * 1000,
        STRUCTURE: (ended_here_s - read_here_s) * 1000,
        ENCODE: (encoded_s - ended_here_s) * 1000,
        OTHER_THREADS: all_ms - here_ms - in_threads_ms,
        SERVICE: all_ms,
    }
    return sum(len(page.lines) for page in reading.pages if isinstance(page, PageReading)), rows


def _tree_s(opener: LocalFileOpener) -> float:
    """CPU seconds of the opener's pool and of all children that have ended."""
    return 0.0 if opener.pool_pid is None else cpu_s_by_tree({"pool": opener.pool_pid})["pool"]


def _decoders_alone(content: bytes) -> float:
    """CPU milliseconds of the decoders in this process: the limit of opening."""
    started_s = time.process_time()
    request = OpenRequest(selection=PageSelection(), limits=OpenLimits(), text_layer=False, timeout_s=_TIMEOUT_S)
    for _ in decode_pages(
        open_file(content, request), request, lambda height, width: np.empty((height, width, 3), np.uint8)
    ):
        pass
    return (time.process_time() - started_s) * 1000


@asynccontextmanager
async def _started(adapter: T) -> AsyncIterator[T]:
    await adapter.start()  # type: ignore[attr-defined]
    try:
        yield adapter
    finally:
        await adapter.close()  # type: ignore[attr-defined]


@contextmanager
def _replay(kept: Path) -> Iterator[tuple[int, int]]:
    """The ports of Triton and of the text side."""
    command = [sys.executable, "-m", "evaluation.replay", str(kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:  # noqa: S603
        try:
            first_line = process.stdout.readline() if process.stdout else ""
            triton_port, text_port = map(int, first_line.split())
            yield triton_port, text_port
        finally:
            process.terminate()


def report(accounts: dict[str, Account]) -> str:
    """The accounts side by side, in Markdown."""
    functions = {name for account in accounts.values() for name in account.rows} - _OWN_ROWS
    by_cost = sorted(functions, key=lambda name: -max(account.median(name) for account in accounts.values()))
    names = [*by_cost, EVENT_LOOP, OTHER_THREADS, STRUCTURE, SERVICE]
    rows = [[name, *_cells(account.median(name) for account in accounts.values())] for name in names]
    rows.append([OPENER, *_cells(account.opener_ms for account in accounts.values())])
    rows.append(["**all**", *_cells(account.median(SERVICE) + account.opener_ms for account in accounts.values())])
    rows.append([f"in it: {ENCODE}", *_cells(account.median(ENCODE) for account in accounts.values())])
    rows.append([f"in it: {DECODERS}", *_cells(account.median(DECODERS) for account in accounts.values())])
    heads = [f"{name} ({account.lines} lines)" for name, account in accounts.items()]
    return f"{table(['CPU ms a page', *heads], rows)}\n\nWanted: at most {WANTED_MS:.0f} for a PDF page."


def _cells(values_ms: Iterable[float]) -> list[str]:
    return [number(value_ms, digits=2) for value_ms in values_ms]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.pixel_bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns that the documents take")
    parser.add_argument("--documents", type=int, default=20, help="readings of each in a turn")
    options = parser.parse_args(arguments)
    documents = bench_documents()
    load_decoders()
    accounts = {document.name: Account() for document in documents}
    for _ in range(options.rounds):
        for document in documents:
            uvloop.run(measure(document, accounts[document.name], rounds=options.documents))
    print(report(accounts))
    machine = describe_machine()
    print(f"{machine['processor']}, load before {machine['load before']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
