"""What opening a file costs, under each launcher that runs on this machine, beside the decoders alone.

    make bench-opener

Rounds of all launchers take turns, so that a busy moment of the machine meets all of them. «Alone» is the same decoder
in this very process, without a sandbox: the limit. The first file is a picture of 8 x 8 pixels, which is as good as no
work; the second an A4 page. «At once» opens the next file when the one before is closed, so that no child waits for it.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from evaluation.machine import describe_machine
from evaluation.markdown import number, table
from lambda_file_open.handler import decode_pages, open_file
from lambda_file_open.server import check
from lambda_file_open.warmup import load_decoders
from local_stack.plan import REPOSITORY_ROOT
from ocr_core.adapters.openers import ManagedOpener, make_file_opener
from ocr_core.adapters.sandbox_launch import bwrap_works
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.opening_wire import OpenRequest
from ocr_core.settings import BwrapUse, FileOpenerSettings, OpenerLauncher, StorageSettings

OUTPUT = REPOSITORY_ROOT / "out" / "opener-bench.md"
_PAUSE_S = 0.04
"""Longer than a pool waits before it prepares the next child."""
_SERVER_START_S = 30.0


@dataclass(slots=True, kw_only=True)
class Samples:
    """Milliseconds of one launcher with one file."""

    paused: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)


def documents() -> dict[str, bytes]:
    """The files by name."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 255, 255)).save(file, "PNG")
    invoice = REPOSITORY_ROOT / "evaluation" / "samples" / "invoice_ja.pdf"
    return {"no work": file.getvalue(), "A4 invoice, PDF": invoice.read_bytes()}


def open_alone(document: bytes) -> float:
    """The decoders in this process; milliseconds."""
    started_s = time.perf_counter()
    request = OpenRequest(selection=PageSelection(), limits=OpenLimits(), text_layer=False, timeout_s=60.0)
    for _ in decode_pages(
        open_file(document, request), request, lambda height, width: np.empty((height, width, 3), np.uint8)
    ):
        pass
    return (time.perf_counter() - started_s) * 1000


async def open_once(opener: ManagedOpener, document: bytes) -> float:
    """Open a document and take its pages; milliseconds."""
    started_s = time.perf_counter()
    async with opener.open(
        document,
        selection=PageSelection(),
        limits=OpenLimits(),
        deadline=Deadline.after(30),
        text_layer=False,
    ) as opened:
        async for _ in opened.pages():
            pass
    return (time.perf_counter() - started_s) * 1000


async def measure(rounds: int, files: int) -> dict[tuple[str, str], Samples]:
    """Samples by launcher and file."""
    samples: dict[tuple[str, str], Samples] = {}
    async with AsyncExitStack() as stack:
        openers = await _openers(stack)
        for _ in range(rounds):
            for name, document in documents().items():
                for launcher, opener in openers.items():
                    taken = samples.setdefault((launcher, name), Samples())
                    for _ in range(files):
                        await asyncio.sleep(_PAUSE_S)
                        taken.paused.append(await open_once(opener, document))
                    for _ in range(files):
                        taken.at_once.append(await open_once(opener, document))
                alone = samples.setdefault(("alone", name), Samples())
                for _ in range(files):
                    alone.at_once.append(open_alone(document))
    return samples


async def _openers(stack: AsyncExitStack) -> dict[str, ManagedOpener]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    socket_path = folder / "socket"
    settings = {"process": FileOpenerSettings(bwrap=BwrapUse.NEVER)}
    if bwrap_works():
        settings["process in bwrap"] = FileOpenerSettings(bwrap=BwrapUse.ALWAYS)
    server = _start_server(socket_path)
    stack.callback(server.wait)
    stack.callback(server.terminate)
    deadline_s = time.monotonic() + _SERVER_START_S
    while not await asyncio.to_thread(check, socket_path):
        if server.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError("the server does not start")
        await asyncio.sleep(0.05)
    settings["server, over its socket"] = FileOpenerSettings(launcher=OpenerLauncher.SOCKET, socket_path=socket_path)
    openers: dict[str, ManagedOpener] = {}
    for name, setting in settings.items():
        openers[name] = opener = make_file_opener(setting, StorageSettings())
        await opener.start()
        stack.push_async_callback(opener.close)
    return openers


def _start_server(socket_path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", "-m", "lambda_file_open.server", "--socket", str(socket_path)])  # noqa: S603


def report(samples: dict[tuple[str, str], Samples]) -> str:
    """What was measured, in Markdown."""
    headings = ["file, launcher", "child waiting: p50 ms", "p95", "at once: p50 ms", "p95", "p50 beside alone, ms"]
    rows: list[list[str]] = []
    for name in documents():
        alone_ms = statistics.median(samples["alone", name].at_once)
        for (launcher, of), taken in samples.items():
            if of == name:
                first = taken.paused or taken.at_once
                beside = number(statistics.median(first) - alone_ms, digits=1, sign=True)
                paused = _quantiles(taken.paused) if taken.paused else ["–", "–"]
                rows.append([f"{name}, {launcher}", *paused, *_quantiles(taken.at_once), beside])
    machine = "\n".join(f"- {name}: {value}" for name, value in describe_machine().items())
    return f"{machine}\n\n{table(headings, rows)}\n"


def _quantiles(taken_ms: Sequence[float]) -> list[str]:
    return [number(statistics.median(taken_ms), digits=2), number(statistics.quantiles(taken_ms, n=20)[-1], digits=2)]


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=40, help="of each kind and launcher in a round")
    arguments = parser.parse_args()
    load_decoders()
    text = report(asyncio.run(measure(arguments.rounds, arguments.files)))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
