"""One line order for all: labels and engines list lines differently, and CER would measure that.

The truth is put row by row; what an engine read is laid along it, each line beside the line of truth that it covers
most. The same is done to every engine, so that CER speaks of characters alone. Reading order is judged by the CER of
the text as each engine returns it, which is reported beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Quad = Sequence[Sequence[float]]

# Two lines stand in one row when their centres are closer than this share of the smaller height. RapidOCR's own
# sort uses 10 px, which fits one text size only.
ROW_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedText:
    """A line or cell: its text, where it stands in pixels of its page, and the page's number (1-based)."""

    text: str
    quad: Quad
    page: int = 1


def rows_text(lines: Sequence[PlacedText]) -> str:
    """The lines' text row by row from the top, each row from left to right, page after page."""
    return "\n".join(line.text for line in sorted_in_rows(lines))


def sorted_in_rows(lines: Sequence[PlacedText]) -> list[PlacedText]:
    """Row by row from the top, each row from left to right, page after page."""
    rows: list[list[PlacedText]] = []
    for line in sorted(lines, key=lambda line: (line.page, _centre_y(line))):
        if rows and _is_in_row(line, rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: min(x for x, _ in line.quad))]


def text_along(truth: Sequence[PlacedText], read: Sequence[PlacedText]) -> str:
    """What was read, in the order of ``sorted_in_rows(truth)``; lines that cover no truth come last, in rows."""
    ordered = sorted_in_rows(truth)
    boxes = np.array([_box(line) for line in ordered], np.float64).reshape(-1, 4)
    pages = np.array([line.page for line in ordered])
    rank_by_line: list[tuple[int, int, PlacedText]] = []
    for index, line in enumerate(sorted_in_rows(read)):
        shared = np.where(pages == line.page, _shared_areas(_box(line), boxes), 0.0)
        rank = int(shared.argmax()) if len(ordered) and shared.max() > 0 else len(ordered)
        rank_by_line.append((rank, index, line))
    # Lines beside one line of truth stay in their rows, since the index follows them.
    return "\n".join(line.text for _, _, line in sorted(rank_by_line, key=lambda ranked: ranked[:2]))


def _shared_areas(box: tuple[float, float, float, float], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area that one box shares with each of (N, 4) boxes: left, top, right, bottom."""
    widths = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    heights = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    return np.asarray(widths.clip(min=0) * heights.clip(min=0), np.float64)


def _box(line: PlacedText) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in line.quad], [y for _, y in line.quad]
    return min(xs), min(ys), max(xs), max(ys)


def _is_in_row(line: PlacedText, row: list[PlacedText]) -> bool:
    first = row[0]
    if first.page != line.page:
        return False
    centre_y = sum(_centre_y(member) for member in row) / len(row)
    return abs(_centre_y(line) - centre_y) < ROW_SHARE * min(_height(line), *(_height(member) for member in row))


def _centre_y(line: PlacedText) -> float:
    return sum(y for _, y in line.quad) / len(line.quad)


def _height(line: PlacedText) -> float:
    ys = [y for _, y in line.quad]
    return max(ys) - min(ys)
