"""Lines and rulings on the page turned level, in the layout coordinates of ``layout.py`` for horizontal text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ocr_core.contracts.frozen import value_by_position
from ocr_core.contracts.geometry import Quad
from ocr_core.contracts.reading import Ruling
from postprocess_svc.lines import TextLine

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_RULINGS = 300
"""The longest of a page's rulings: the work grows with their square."""
MAX_TILT = 0.1
"""What is further from level or upright, on the page turned level, is no ruling of a table."""
_STROKES = 0.3
"""Strokes of letters lie within this of the middle of their line, in its heights."""
_THROUGH_TEXT = 0.7
"""A ruling of which text covers so much is none."""
_SAME_LINE_PX = 4.0
"""Segments of one ruling are level to within this, at 200 dpi ..."""
_MAX_BREAK_PX = 30.0
"""... and follow each other at most this far apart."""


@value_by_position
class Box:
    """A line's upright box."""

    index: int
    left: float
    top: float
    right: float
    bottom: float
    x: float
    y: float


@dataclass(slots=True)
class Level:
    """A ruling: at one coordinate, from another to a third."""

    at: float
    start: float
    end: float


class LevelPage:
    """A page's lines and rulings, turned level."""

    def __init__(self, lines: Sequence[TextLine], rulings: Sequence[Ruling], skew_deg: float) -> None:
        self.lines = lines
        self._sine, self._cosine = math.sin(math.radians(skew_deg)), math.cos(math.radians(skew_deg))
        self._edges = self._level(lines)
        self.boxes = [Box(*values) for values in zip(range(len(lines)), *self._edges.tolist(), strict=True)]
        heights = sorted(
            [box.bottom - box.top for box, line in zip(self.boxes, lines, strict=True) if not line.vertical]
        )
        self.em = max(1.0, heights[len(heights) // 2]) if heights else 1.0
        """The usual height of a line, in pixels."""
        horizontal, self.vertical = self._rulings(rulings[:MAX_RULINGS])
        self.horizontal = self._without_strokes(horizontal)

    def _level(self, lines: Sequence[TextLine]) -> NDArray[np.float64]:
        """(6, N) float64: left, top, right, bottom, x and y of each line, as its ``Box`` has them."""
        # Out of a flat list: out of nested tuples it takes three times as long.
        points = chain.from_iterable([line.quad for line in lines])
        quads = np.array(list(chain.from_iterable(points)), np.float64).reshape(-1, 4, 2)
        centres = quads.sum(axis=1) / 4
        x = centres[:, 0] * self._cosine + centres[:, 1] * self._sine
        y = centres[:, 1] * self._cosine - centres[:, 0] * self._sine
        edges = np.abs(quads[:, 1] - quads[:, 0]), np.abs(quads[:, 3] - quads[:, 0])
        along, across = np.hypot(edges[0][:, 0], edges[0][:, 1]) / 2, np.hypot(edges[1][:, 0], edges[1][:, 1]) / 2
        upright = edges[0][:, 1] > edges[0][:, 0]
        half_width, half_height = np.where(upright, across, along), np.where(upright, along, across)
        return np.array((x - half_width, y - half_height, x + half_width, y + half_height, x, y))

    def _rulings(self, rulings: Sequence[Ruling]) -> tuple[list[Level], list[Level]]:
        horizontal: list[Level] = []
        vertical: list[Level] = []
        for ruling in rulings:
            (x0, y0), (x1, y1) = ruling.start, ruling.end
            u0, v0 = x0 * self._cosine + y0 * self._sine, y0 * self._cosine - x0 * self._sine
            u1, v1 = x1 * self._cosine + y1 * self._sine, y1 * self._cosine - x1 * self._sine
            across, down = abs(u1 - u0), abs(v1 - v0)
            if min(across, down) > MAX_TILT * max(across, down):
                continue
            if across >= down:
                horizontal.append(Level((v0 + v1) / 2, min(u0, u1), max(u0, u1)))
            else:
                vertical.append(Level((u0 + u1) / 2, min(v0, v1), max(v0, v1)))
        return _merged(horizontal), _merged(vertical)

    def _without_strokes(self, horizontal: list[Level]) -> list[Level]:
        """The horizontal rulings without those that run through lines of text: strokes of their letters."""
        if not horizontal or not self.boxes:
            return horizontal
        at, start, end = np.array([(h.at, h.start, h.end) for h in horizontal]).T[:, :, None]
        left, top, right, bottom = self._edges[:4]
        inside = np.abs(at - (top + bottom) / 2) < _STROKES * (bottom - top)
        covered = (np.clip(np.minimum(end, right) - np.maximum(start, left), 0, None) * inside).sum(axis=1)
        strokes = (covered > _THROUGH_TEXT * (end - start)[:, 0]).tolist()
        return [h for h, is_stroke in zip(horizontal, strokes, strict=True) if not is_stroke]

    def quad(self, left: float, top: float, right: float, bottom: float) -> Quad:
        """An upright box of layout coordinates, where it lies on the page."""
        return (self._page(left, top), self._page(right, top), self._page(right, bottom), self._page(left, bottom))

    def _page(self, x: float, y: float) -> tuple[float, float]:
        return x * self._cosine - y * self._sine, x * self._sine + y * self._cosine


def _merged(levels: list[Level]) -> list[Level]:
    """The pieces of one ruling as one."""
    levels.sort(key=lambda level: (level.at, level.start))
    merged: list[Level] = []
    for level in levels:
        for other in reversed(merged):
            if level.at - other.at > _SAME_LINE_PX:
                merged.append(level)
                break
            if level.start <= other.end + _MAX_BREAK_PX and other.start <= level.end + _MAX_BREAK_PX:
                other.start, other.end = min(other.start, level.start), max(other.end, level.end)
                break
        else:
            merged.append(level)
    return merged
