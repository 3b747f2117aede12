"""Tesseract's command line as a contender: a process a page, pixels in as an uncompressed image, words out as TSV."""

from __future__ import annotations

import csv
import io
import os
import resource
import shutil
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cached_property

from PIL import Image

from evaluation.bench.contender import CORES, Cpu, Load, PageRead
from evaluation.bench.load import closed_loop
from evaluation.bench.pages import Variant
from evaluation.ordering import PlacedText

LANGUAGE = "jpn"
RENDERED_DPI = 200
THREADS_VARIABLE = "OMP_THREAD_LIMIT"
_WORD_LEVEL = "5"
TIMEOUT_S = 300.0


def unavailable() -> str | None:
    """Why it cannot take part; null where it can."""
    if shutil.which("tesseract") is None:
        return "tesseract is not installed (Debian and Ubuntu: sudo apt-get install tesseract-ocr tesseract-ocr-jpn)"
    listed = _run("--list-langs").stdout.decode().split()
    if LANGUAGE not in listed:
        return f"tesseract has no language {LANGUAGE!r} (Debian and Ubuntu: sudo apt-get install tesseract-ocr-jpn)"
    return None


class Tesseract:
    """``contender.Contender``; kept busy by a process a core on one thread each."""

    name = "Tesseract"
    is_latency_measured = True
    levels = (CORES,)

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._lock = threading.Lock()

    @cached_property
    def settings(self) -> str:
        """See ``Contender.settings``."""
        version = _run("--version").stdout.decode().splitlines()[0]
        return f"{version}, language {LANGUAGE}, a process a page; kept busy on one thread each"

    def make_ready(self, page: Variant) -> None:
        """See ``Contender.make_ready``."""
        _ = page.pixels_path

    def warm_up(self, pages: Sequence[Variant]) -> None:
        """See ``Contender.warm_up``: nothing stays warm but the system's cache of its files."""
        self._read(pages[0], threads=CORES)

    def read(self, page: Variant) -> PageRead:
        """See ``Contender.read``."""
        image = _uncompressed(page)
        start_s = time.perf_counter()
        lines = self._read(page, threads=CORES, image=image)
        return PageRead(seconds=time.perf_counter() - start_s, lines=lines)

    def saturate(self, pages: Sequence[Variant], *, callers: int, window_s: float) -> Load:
        """See ``Contender.saturate``."""

        def read(_: int, page: Variant) -> bool:
            self._read(page, threads=1)
            return True

        return Load(pace=closed_loop(read, pages, callers=callers, window_s=window_s))

    def cpu(self) -> Cpu:
        """See ``Contender.cpu``: of all children of this process that have ended, of which meanwhile none others do."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Cpu(other_s={"tesseract": usage.ru_utime + usage.ru_stime})

    def roots(self) -> Collection[int]:
        """See ``Contender.roots``."""
        with self._lock:
            return tuple(self._running)

    def _read(self, page: Variant, *, threads: int, image: bytes | None = None) -> list[PlacedText]:
        environment = {**os.environ, THREADS_VARIABLE: str(threads)}
        command = ["tesseract", "stdin", "stdout", "-l", LANGUAGE, "--dpi", str(RENDERED_DPI), "tsv"]
        with subprocess.Popen(  # noqa: S603 - our own arguments
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        ) as process:
            with self._lock:
                self._running.add(process.pid)
            try:
                output, _ = process.communicate(image or _uncompressed(page), timeout=TIMEOUT_S)
            finally:
                process.kill()
                with self._lock:
                    self._running.discard(process.pid)
        if process.returncode != 0:
            raise RuntimeError(f"tesseract ended with status {process.returncode} on {page.page.name}")
        return lines_of_tsv(output.decode())


def lines_of_tsv(tsv: str) -> list[PlacedText]:
    """The lines of Tesseract's table, in its order, each with its words and the box around them.

    See https://github.com/tesseract-ocr/tessdoc/blob/main/Command-Line-Usage.md#tsv-output-currently-available-in-305-dev-in-master-branch-on-github.
    """
    words: defaultdict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(tsv), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["level"] == _WORD_LEVEL and row["text"].strip():
            words[row["page_num"], row["block_num"], row["par_num"], row["line_num"]].append(row)
    return [_line(each) for each in words.values()]


def _line(words: Sequence[dict[str, str]]) -> PlacedText:
    left, top = min(int(word["left"]) for word in words), min(int(word["top"]) for word in words)
    right = max(int(word["left"]) + int(word["width"]) for word in words)
    bottom = max(int(word["top"]) + int(word["height"]) for word in words)
    quad = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return PlacedText(text=" ".join(word["text"] for word in words), quad=quad)


def _uncompressed(page: Variant) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(page.pixels).save(buffer, "PPM")
    return buffer.getvalue()


def _run(option: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["tesseract", option], capture_output=True, timeout=30, check=False)  # noqa: S603, S607
