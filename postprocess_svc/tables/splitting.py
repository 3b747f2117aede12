"""Lines that the detector joined across a vertical ruling, cut apart there."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ocr_core.contracts.frozen import value_by_position
from ocr_core.contracts.reading import Ruling
from postprocess_svc.lines import TextLine
from postprocess_svc.tables.level import MAX_RULINGS

# Lengths in line heights.
_MIN_REACH = 0.25
"""A ruling that parts two cells reaches beyond the text on either side ..."""
_MIN_INSIDE = 0.6
"""... and leaves room for a character on either side of it."""
_MIN_FREE = 0.25
"""White between the two characters at the ruling; a stroke taken for one touches its neighbours."""
_MIN_COLUMN = 1.5
"""Boxes for single digits are narrower than this, and their number is one text."""
_MAX_TILT = 0.15
"""Of a vertical ruling, across over down: the page may be skewed."""
_OWN_STROKES = 0.45
_MIN_ACROSS_PX = 24.0
_REACH_PX = 16.0
"""How far a horizontal ruling goes on to either side of a vertical one, and how nearly they meet, at 200 dpi."""
_LAST_NARROW = "\u2e7f"


@value_by_position
class _Wall:
    top: float
    bottom: float
    x: float
    """At its middle."""
    tilt: float
    """Pixels to the right for each down."""

    def at(self, y: float) -> float:
        return self.x + self.tilt * (y - (self.top + self.bottom) / 2)


@value_by_position
class _Floor:
    left: float
    right: float
    y: float
    """At its middle."""
    tilt: float
    """Pixels down for each to the right."""

    def at(self, x: float) -> float:
        return self.y + self.tilt * (x - (self.left + self.right) / 2)


def split_at_rulings(lines: Sequence[TextLine], rulings: Sequence[Ruling]) -> list[TextLine]:
    """The lines in the same order, those that cross a ruling in parts. No character is lost but white space."""
    walls, floors = _walls_and_floors(rulings[:MAX_RULINGS])
    if not walls or not floors:
        return list(lines)
    walls.sort(key=lambda wall: wall.x)
    xs = [wall.x for wall in walls]
    reach = max(abs(wall.tilt) * (wall.bottom - wall.top) for wall in walls) / 2
    found: list[TextLine] = []
    for line in lines:
        (x0, _), (x1, _) = line.quad[0], line.quad[1]
        first, last = bisect_left(xs, x0 - reach), bisect_right(xs, x1 + reach)
        if first == last or line.vertical:
            found.append(line)
        else:
            found += _parts(line, walls[first:last], floors)
    return found


def _walls_and_floors(rulings: Sequence[Ruling]) -> tuple[list[_Wall], list[_Floor]]:
    walls: list[_Wall] = []
    floors: list[_Floor] = []
    for ruling in rulings:
        (x0, y0), (x1, y1) = ruling.start, ruling.end
        if y1 > y0 and abs(x1 - x0) <= _MAX_TILT * (y1 - y0):
            walls.append(_Wall(y0, y1, (x0 + x1) / 2, (x1 - x0) / (y1 - y0)))
        elif x1 > x0 and abs(y1 - y0) <= _MAX_TILT * (x1 - x0):
            floors.append(_Floor(x0, x1, (y0 + y1) / 2, (y1 - y0) / (x1 - x0)))
    return walls, floors


def _parts_cells(wall: _Wall, floors: Sequence[_Floor], line_y: float, height: float) -> bool:
    """Whether a horizontal ruling runs across a vertical one, as between two cells; a stamp's edges have none.

    What lies within the line itself is its own strokes.
    """
    for floor in floors:
        if floor.left + _MIN_ACROSS_PX <= wall.x <= floor.right - _MIN_ACROSS_PX:
            y = floor.at(wall.x)
            if wall.top - _REACH_PX <= y <= wall.bottom + _REACH_PX and abs(y - line_y) > _OWN_STROKES * height:
                return True
    return False


def _parts(line: TextLine, walls: Sequence[_Wall], floors: Sequence[_Floor]) -> list[TextLine]:
    p0, p1, _, p3 = line.quad
    height, length = math.dist(p0, p3), math.dist(p0, p1)
    if length < 2 * _MIN_INSIDE * height or p1[0] <= p0[0]:
        return [line]
    y = (p0[1] + p1[1] + line.quad[2][1] + p3[1]) / 4
    fractions: list[float] = []
    for wall in walls:
        if wall.top > y - (0.5 + _MIN_REACH) * height or wall.bottom < y + (0.5 + _MIN_REACH) * height:
            continue
        fraction = (wall.at(y) - p0[0]) / (p1[0] - p0[0])
        inside = min(fraction, 1 - fraction) * length >= _MIN_INSIDE * height
        if inside and _parts_cells(wall, floors, y, height):
            fractions.append(fraction)
    if not fractions:
        return [line]
    fractions = _apart(sorted(fractions), _MIN_COLUMN * height / length)
    at = [cut for fraction in fractions if (cut := _cut(line, fraction, height / length)) is not None]
    if not at:
        return [line]
    edges = [(0, 0.0), *at, (len(line.text), 1.0)]
    parts = [
        _part(line, start, end, left, right)
        for (start, left), (end, right) in pairwise(edges)
        if line.text[start:end].strip()
    ]
    return parts if len(parts) > 1 else [line]


def _apart(fractions: list[float], least: float) -> list[float]:
    """Those that have no neighbour nearer than ``least``: columns as narrow as that hold single digits."""
    return [
        fraction
        for index, fraction in enumerate(fractions)
        if (index == 0 or fraction - fractions[index - 1] >= least)
        and (index + 1 == len(fractions) or fractions[index + 1] - fraction >= least)
    ]


def _cut(line: TextLine, fraction: float, em: float) -> tuple[int, float] | None:
    """(index of the first character behind the ruling, ``fraction``); None where the ruling leaves no white there."""
    text, positions = line.text, line.positions
    if len(positions) != len(text):
        # Evenly spaced is a guess: only a space near the ruling makes it a good one.
        guess = fraction * len(text)
        spaces = [index for index, character in enumerate(text) if character.isspace() and abs(index + 0.5 - guess) < 2]
        return (min(spaces, key=lambda index: abs(index + 0.5 - guess)) + 1, fraction) if spaces else None
    index = bisect_right(positions, fraction)
    if not 0 < index < len(text):
        return None
    before, after = text[index - 1], text[index]
    if before.isspace() or after.isspace():
        return index, fraction
    free = positions[index] - positions[index - 1] - (_half_width(before) + _half_width(after)) * em
    return (index, fraction) if free >= _MIN_FREE * em else None


def _half_width(character: str) -> float:
    """Half of what a character takes, in line heights."""
    return 0.42 if character > _LAST_NARROW else 0.25


def _part(line: TextLine, start: int, end: int, left: float, right: float) -> TextLine:
    """``text[start:end]`` as a line of its own, from one fraction of the quad to another."""
    while line.text[start].isspace():
        start += 1
    while line.text[end - 1].isspace():
        end -= 1
    p0, p1, p2, p3 = line.quad

    def between(a: tuple[float, float], b: tuple[float, float], fraction: float) -> tuple[float, float]:
        return a[0] + (b[0] - a[0]) * fraction, a[1] + (b[1] - a[1]) * fraction

    known = len(line.positions) == len(line.text)
    return replace(
        line,
        text=line.text[start:end],
        confidence=line.span_confidence(start, end),
        quad=(between(p0, p1, left), between(p0, p1, right), between(p3, p2, right), between(p3, p2, left)),
        positions=tuple([(at - left) / (right - left) for at in line.positions[start:end]]) if known else (),
        character_confidences=line.character_confidences[start:end],
    )
