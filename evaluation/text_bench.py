"""What the text side costs: ``python -m evaluation.text_bench`` (`make bench-text`).

CPU time of everything between an encoded ``Reading`` and the finished JSON (decoding, lines, reading order, tables, all
fields, writing down) for pages of the bundled samples and, where it is there, of ../shared/data, in one process on one
thread. Pages differ in length; what is wanted is the cost of a page of 50 lines, so look at those of 40 to 60, and at
the straight line through all.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.datasets import SETS, load_samples, load_set, shared_data_dir
from evaluation.machine import describe_machine
from evaluation.markdown import table
from evaluation.readings import Readings, readable, text_pipeline
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.reading_codec import encode_reading
from postprocess_svc.pipeline import TextPipeline

WANTED_LINES = 50
NEAR = 10
WANTED_MS = 10.0
WARM_UP = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.text_bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=15, help="times that each page is structured")
    parser.add_argument("--allow-older", action="store_true", help="readings of older code of the pixel side will do")
    options = parser.parse_args(arguments)
    paths = [document.path for document in load_samples()]
    paths += [d.path for name in SETS if (shared_data_dir() / name).is_dir() for d in load_set(name)]
    pages = list(_pages(Readings(allow_older=options.allow_older), paths))
    pipeline = text_pipeline()
    for _, page in pages[:WARM_UP]:
        _cpu_ms(pipeline, page)
    measured = [(lines, [_cpu_ms(pipeline, page) for _ in range(options.rounds)]) for lines, page in pages]
    print(_report(measured))
    machine = describe_machine()
    print(f"{machine['processor']}, load before {machine['load before']}", file=sys.stderr)
    return 0


def _pages(readings: Readings, paths: Sequence[Path]) -> Iterator[tuple[int, bytes]]:
    """Each page that has lines, as a document of its own: how many lines, and the encoded reading."""
    for _, reading in readable(readings.of(paths)):
        for page in reading.pages:
            if isinstance(page, PageReading) and page.lines:
                yield len(page.lines), encode_reading(_alone(reading, page))


def _alone(reading: Reading, page: PageReading) -> Reading:
    return replace(reading, pages=(page,), warnings=())


def _cpu_ms(pipeline: TextPipeline, page: bytes) -> float:
    started_s = time.process_time()
    pipeline.answer(page, StructureOptions(), "req_bench")
    return (time.process_time() - started_s) * 1000


def _report(measured: Sequence[tuple[int, Sequence[float]]]) -> str:
    rows = []
    for low, high in ((1, 20), (20, 40), (WANTED_LINES - NEAR, WANTED_LINES + NEAR), (60, 100), (100, 10_000)):
        of_size = [(lines, times) for lines, times in measured if low <= lines < high]
        if not of_size:
            continue
        medians = [statistics.median(times) for _, times in of_size]
        rows.append(
            [
                f"{low} to {high}" if high < 10_000 else f"{low} and more",
                str(len(of_size)),
                f"{statistics.mean(lines for lines, _ in of_size):.0f}",
                f"{statistics.median(medians):.1f}",
                f"{max(medians):.1f}",
            ]
        )
    slope, intercept = statistics.linear_regression(
        [lines for lines, _ in measured], [statistics.median(times) for _, times in measured]
    )
    head = ["lines of the page", "pages", "mean lines", "CPU ms, median page", "CPU ms, dearest page"]
    line = f"By a straight line through all pages, {WANTED_LINES} lines cost {intercept + slope * WANTED_LINES:.1f} ms"
    return f"{table(head, rows)}\n\n{line} (wanted: {WANTED_MS:.0f})."


if __name__ == "__main__":
    raise SystemExit(main())
