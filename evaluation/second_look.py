"""What the second look at doubtful lines gains and costs, line by line.

``python -m evaluation.second_look SET ... [--documents N]``: a set is a folder that ``evaluation.generator`` made, or
the name of a shared one whose labels have places. Every page is detected and recognised as the pixel side does it, with
the models in this process; then ``second_look.look_again`` has its turn, and the lines before and after are compared
with what is printed in their boxes. Compared is what the text side would make of them: NFKC, Japanese forms, no white
space.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import time
import unicodedata
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.datasets import LabelledDocument, load_generated, load_set, page_images
from evaluation.inprocess_models import InProcessModels
from evaluation.metrics import character_errors
from evaluation.ordering import PlacedText
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.reading import LineReading
from postprocess_svc.ctc import Charset, decode_lines
from postprocess_svc.japanese_forms import in_japanese_forms
from postprocess_svc.lines import text_line
from preprocess_svc.crops import crop_widths_px
from preprocess_svc.detection import detect_text
from preprocess_svc.orientation import looks_sideways
from preprocess_svc.recognition import recognise_lines
from preprocess_svc.second_look import STRETCH, doubtful_lines, look_again
from preprocess_svc.stamp_ink import without_stamps
from preprocess_svc.stamps import find_stamps
from preprocess_svc.tools import Tools

SEED = 5
DPI = 200
TIMEOUT_S = 300.0

ROW = 0.3
"""A label belongs to a box whose middle line passes its middle within this share of the box's height."""
INSIDE, OUTSIDE = 0.6, 0.1
"""... and that holds this share of its length; a box that holds a share in between says nothing certain of its text."""

HALF_WIDTH_KANA = re.compile("[\uff66-\uff9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One line whose text is known."""

    truth: str
    before: str
    after: str
    errors_before: int
    errors_after: int

    @property
    def has_half_width_kana(self) -> bool:
        """Whether some is printed in it."""
        return HALF_WIDTH_KANA.search(self.truth) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was recognised, in pixels of crops' width, to which the models' time is proportional; and their time."""

    pages: int = 0
    pages_looked_at_again: int = 0
    lines: int = 0
    lines_again: int = 0
    width_px: int = 0
    width_again_px: int = 0
    first_s: float = 0.0
    again_s: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        names = self.__dataclass_fields__
        return Cost(**{name: getattr(self, name) + getattr(other, name) for name in names})


def text_in_box(quad: NDArray[np.float64], labels: Iterable[PlacedText]) -> str | None:
    """What the labels say is printed in a box.

    Args:
        quad: (4, 2) in the labels' pixels, clockwise from the text's own top-left.
        labels: Of the box's page.

    Returns:
        Their texts along the box, put together; null where it holds a piece of one only, and where it holds none.
    """
    along, across = quad[1] - quad[0], quad[3] - quad[0]
    length, height = max(float(np.hypot(*along)), 1.0), max(float(np.hypot(*across)), 1.0)
    found: list[tuple[float, str]] = []
    for label in labels:
        corners = np.asarray(label.quad, np.float64) - quad[0]
        steps, depths = corners @ along / length, corners @ across / height
        start, end = float(steps.min()), float(steps.max())
        if abs((depths.min() + depths.max()) / 2 - height / 2) > ROW * height:
            continue
        share = (min(end, length) - max(start, 0.0)) / max(end - start, 1.0)
        if share >= INSIDE:
            found.append(((start + end) / 2, label.text))
        elif share > OUTSIDE:
            return None
    return "".join(text for _, text in sorted(found)) or None


def compared(text: str) -> str:
    """A text as it is compared."""
    return "".join(unicodedata.normalize("NFKC", text).split())


async def measure(
    documents: Sequence[LabelledDocument], models: InProcessModels, workers: ThreadPoolExecutor
) -> tuple[list[Comparison], Cost]:
    """Read the documents' pages and look again. Pages on their side are left out: labels do not lie where boxes do."""
    comparisons: list[Comparison] = []
    cost = Cost()
    for document in documents:
        for number, pixels in enumerate(page_images(document.path), start=1):
            labels = [label for label in document.lines or () if label.page == number]
            found, price = await _measure_page(pixels, labels, models, workers, in_capitals=document.is_upper_case)
            comparisons += found
            cost += price
    return comparisons, cost


async def _measure_page(
    pixels: NDArray[np.uint8],
    labels: Sequence[PlacedText],
    models: InProcessModels,
    workers: ThreadPoolExecutor,
    *,
    in_capitals: bool,
) -> tuple[list[Comparison], Cost]:
    tools = Tools(
        models=models,
        workers=workers,
        priority=Priority.BULK,
        deadline=Deadline.after(TIMEOUT_S),
        detection_slots=asyncio.Semaphore(1),
        recognition_slots=asyncio.Semaphore(8),
    )
    stamps = find_stamps(pixels, DPI)
    printed = without_stamps(pixels, stamps) if stamps else pixels
    boxes = await detect_text(printed, tools)
    if len(boxes) == 0 or looks_sideways(boxes):
        return [], Cost()
    started_s = time.perf_counter()
    before = await recognise_lines(printed, boxes, tools)
    read_s = time.perf_counter()
    doubtful = doubtful_lines(boxes, before)
    after = await look_again(printed, boxes, before, tools)
    cost = Cost(
        pages=1,
        pages_looked_at_again=int(len(doubtful) > 0),
        lines=len(boxes),
        lines_again=len(doubtful),
        width_px=int(crop_widths_px(boxes.quads).sum()),
        width_again_px=int(crop_widths_px(boxes.quads[doubtful], stretch=STRETCH).sum()),
        first_s=read_s - started_s,
        again_s=time.perf_counter() - read_s,
    )
    charset = Charset(sha256="", characters=("", *models.charset))
    comparisons: list[Comparison] = []
    for quad, old, new in zip(boxes.quads, _texts(before, charset), _texts(after, charset), strict=True):
        truth = text_in_box(quad.astype(np.float64), labels)
        if truth is not None:
            comparisons.append(_compare(truth, old, new, in_capitals=in_capitals))
    return comparisons, cost


def _texts(lines: Sequence[LineReading], charset: Charset) -> list[str]:
    """What the text side makes of a page's lines."""
    decoded = decode_lines([line.class_ids for line in lines], [line.probabilities for line in lines], charset)
    return [
        line.text
        for line in in_japanese_forms([text_line(line, text) for line, text in zip(lines, decoded, strict=True)])
    ]


def _compare(truth: str, old: str, new: str, *, in_capitals: bool) -> Comparison:
    wanted, before, after = (
        text.upper() if in_capitals else text for text in (compared(truth), compared(old), compared(new))
    )
    return Comparison(
        truth=truth,
        before=old,
        after=new,
        errors_before=character_errors(wanted, before).edits,
        errors_after=character_errors(wanted, after).edits,
    )


def _print_set(name: str, comparisons: Sequence[Comparison], cost: Cost) -> None:
    print(
        f"{name}: {cost.pages} pages, {cost.lines} lines; a second look at {cost.lines_again} lines of "
        f"{cost.pages_looked_at_again} pages, {100 * cost.width_again_px / max(cost.width_px, 1):.1f} % of the width, "
        f"{100 * cost.again_s / max(cost.first_s, 1e-9):.1f} % of the time"
    )
    kana = [line for line in comparisons if line.has_half_width_kana]
    other = [line for line in comparisons if not line.has_half_width_kana]
    for kind, lines in (("half-width kana", kana), ("all others", other)):
        characters = max(sum(len(compared(line.truth)) for line in lines), 1)
        before, after = sum(line.errors_before for line in lines), sum(line.errors_after for line in lines)
        print(
            f"  {kind}: {len(lines)} lines, CER {before / characters:.4f} → {after / characters:.4f}, right "
            f"{sum(line.errors_before == 0 for line in lines)} → {sum(line.errors_after == 0 for line in lines)}, "
            f"better {sum(line.errors_after < line.errors_before for line in lines)}, "
            f"worse {sum(line.errors_after > line.errors_before for line in lines)}"
        )
    for line in comparisons:
        if line.before != line.after:
            mark = "=+-"[(line.errors_after < line.errors_before) + 2 * (line.errors_after > line.errors_before)]
            print(f"    {mark} {line.truth} | {line.before} | {line.after}")


def _documents(name: str, count: int | None, *, half_width_only: bool) -> list[LabelledDocument]:
    folder = Path(name)
    documents = load_generated(folder) if (folder / "labels.jsonl").exists() else load_set(name)
    documents = [document for document in documents if document.lines]
    if half_width_only:
        documents = [
            document
            for document in documents
            if any(HALF_WIDTH_KANA.search(line.text) for line in document.lines or ())
        ]
    return documents if count is None else random.Random(SEED).sample(documents, min(count, len(documents)))  # noqa: S311


def main() -> None:
    """Measure the sets that are named."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.second_look", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("sets", nargs="+", metavar="SET", help="a generator's folder, or the name of a shared set")
    parser.add_argument("--documents", type=int, help="so many of each set, drawn by chance; all without it")
    parser.add_argument("--half-width-only", action="store_true", help="only documents that print half-width kana")
    options = parser.parse_args()
    with InProcessModels() as models, ThreadPoolExecutor(2) as workers:
        for name in options.sets:
            documents = _documents(name, options.documents, half_width_only=options.half_width_only)
            comparisons, cost = asyncio.run(measure(documents, models, workers))
            _print_set(name, comparisons, cost)


if __name__ == "__main__":
    main()
