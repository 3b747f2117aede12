"""Tables with vertical rulings: the rulings that touch make a grid, and what no ruling divides is one cell."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from postprocess_svc.tables.joining import Sets
from postprocess_svc.tables.level import Box, Level, LevelPage
from postprocess_svc.tables.table import Area, Grid
from postprocess_svc.tables.values import is_value

# Lengths in line heights.
_TOUCH = 0.5
"""Rulings that end so near to another reach it."""
_SAME_EDGE = 0.35
"""Rulings so near to each other are one boundary (double rules, the two sides of a thin bar)."""
_COVERED = 0.5
"""A ruling divides two cells if it covers this share of the edge between them."""
_SAME_ROW = 0.5
_ROW_STEP = 0.8
"""Words further from the row above them than this share of the least distance of two rows are a row of their own."""
_HEADING = re.compile(r"[【＜<《〈［\[].*[】＞>》〉］\]]$|[■◆●▼□◇]")
_HEADER_REACH = 1.3
"""How far above a grid the middles of a header's lines stand."""
_APART = 1.0
"""Texts with so much white between them are not one text."""
_MAX_FRAMES = 60
_MAX_CELLS = 4_000
"""Of a grid; a page ruled as squared paper has more."""


def ruled_grids(page: LevelPage, free: Collection[int]) -> Iterator[Grid]:
    """The grids of a page's rulings with the free lines inside them, the smallest first.

    ``free`` may lose lines while the grids are taken.
    """
    for horizontal, vertical in _frames(page):
        grid = _Boundaries(page, horizontal, vertical)
        if grid.cell_count <= _MAX_CELLS:
            inside = [page.boxes[index] for index in free if grid.holds(page.boxes[index])]
            if len(inside) > 1:
                header = grid.header_above([page.boxes[index] for index in free])
                yield grid.with_lines([*inside, *header])


def _frames(page: LevelPage) -> list[tuple[list[Level], list[Level]]]:
    """Rulings that touch each other: (horizontal, vertical), two of each at least, the smallest frame first."""
    horizontal, vertical, near = page.horizontal, page.vertical, _TOUCH * page.em
    sets = Sets(len(horizontal) + len(vertical))
    for i, h in enumerate(horizontal):
        at, start, end = h.at, h.start - near, h.end + near
        for j, v in enumerate(vertical, len(horizontal)):
            if start <= v.at <= end and v.start - near <= at <= v.end + near:
                sets.join(i, j)
    frames: dict[int, tuple[list[Level], list[Level]]] = {}
    for i, h in enumerate(horizontal):
        frames.setdefault(sets.root(i), ([], []))[0].append(h)
    for j, v in enumerate(vertical, len(horizontal)):
        frames.setdefault(sets.root(j), ([], []))[1].append(v)
    found = [frame for frame in frames.values() if len(frame[0]) > 1 and frame[1]]
    found.sort(key=lambda frame: max(h.at for h in frame[0]) - min(h.at for h in frame[0]))
    return found[:_MAX_FRAMES]


class _Boundaries:
    """Where a frame's rulings divide its area."""

    def __init__(self, page: LevelPage, horizontal: list[Level], vertical: list[Level]) -> None:
        self._page = page
        self._horizontal, self._vertical = horizontal, vertical
        self._xs = _with_ends(
            _clusters([v.at for v in vertical], _SAME_EDGE * page.em),
            min([h.start for h in horizontal]),
            max([h.end for h in horizontal]),
            page.em,
        )
        self._ys = _with_ends(
            _clusters([h.at for h in horizontal], _SAME_EDGE * page.em),
            min([v.start for v in vertical]),
            max([v.end for v in vertical]),
            page.em,
        )

    @property
    def cell_count(self) -> int:
        """How many cells there are if every ruling goes through."""
        return (len(self._xs) - 1) * (len(self._ys) - 1)

    def holds(self, box: Box) -> bool:
        """Whether a line stands inside, by its centre."""
        return self._xs[0] < box.x < self._xs[-1] and self._ys[0] < box.y < self._ys[-1]

    def header_above(self, free: Sequence[Box]) -> list[Box]:
        """Headers that stand on the grid's upper edge, one to a column; the grid is made to hold them.

        A header set in white on a bar has no rulings of its own.
        """
        top, em = self._ys[0], self._page.em
        row = [box for box in free if top - _HEADER_REACH * em < box.y < top and self._xs[0] < box.x < self._xs[-1]]
        if len(row) < 2 or max(box.y for box in row) - min(box.y for box in row) > _SAME_ROW * em:
            return []
        columns = {bisect_right(self._xs, box.x) for box in row}
        crossing = any(box.left + em < x < box.right - em for box in row for x in self._xs)
        if len(columns) < len(row) or crossing or any(is_value(self._page.lines[box.index].text) for box in row):
            return []
        above = min(box.top for box in row)
        self._ys.insert(0, above)
        self._vertical += [Level(x, above, top) for x in self._xs]
        self._horizontal = [*self._horizontal, Level(top, self._xs[0], self._xs[-1])]
        return row

    def with_lines(self, inside: Sequence[Box]) -> Grid:
        """The grid with its lines in their cells."""
        cuts = self._cuts_between_rows(inside)
        ys = sorted([*self._ys, *cuts])
        walls, floors = self._walls(ys), self._floors(ys, cuts)
        columns, rows = len(self._xs) - 1, len(ys) - 1
        sets = Sets(columns * rows)
        for row in range(rows):
            for column in range(columns):
                here = row * columns + column
                if column + 1 < columns and (column + 1, row) not in walls:
                    sets.join(here, here + 1)
                if row + 1 < rows and (column, row + 1) not in floors:
                    sets.join(here, here + columns)
        members: dict[int, list[int]] = {}
        for box in inside:
            here = (bisect_right(ys, box.y) - 1) * columns + bisect_right(self._xs, box.x) - 1
            members.setdefault(here, []).append(box.index)
        areas = _areas(sets, columns, rows, members)
        return Grid(self._xs, ys, [part for area in areas for part in self._by_columns(area)])

    def _by_columns(self, area: Area) -> Iterator[Area]:
        """A cell over several columns in parts, where texts far apart on one line each keep to columns of their own.

        Headers set in white on a bar, and a sum beside its name, often have no rulings between them.
        """
        boxes = sorted([self._page.boxes[index] for index in area.members], key=lambda box: box.left)
        em = self._page.em
        apart = all(right.left - left.right > _APART * em for left, right in pairwise(boxes))
        if area.column_span < 2 or area.row_span > 1 or len(boxes) < 2 or not apart:
            yield area
            return
        columns = [bisect_right(self._xs, box.x) - 1 for box in boxes]
        level = max(box.y for box in boxes) - min(box.y for box in boxes) < _SAME_ROW * em
        crossing = any(box.left + em < x < box.right - em for box in boxes for x in self._xs)
        if len(set(columns)) < len(columns) or not level or crossing:
            yield area
            return
        ends = [*columns[1:], area.column + area.column_span]
        for number, (box, column, end) in enumerate(zip(boxes, columns, ends, strict=True)):
            first = area.column if number == 0 else column
            yield Area(area.row, first, 1, end - first, (box.index,))

    def _walls(self, ys: Sequence[float]) -> set[tuple[int, int]]:
        """(boundary between columns, row) wherever a vertical ruling stands."""
        walls = set()
        for v in self._vertical:
            boundary = _nearest(self._xs, v.at)
            for row in range(len(ys) - 1):
                covered = min(v.end, ys[row + 1]) - max(v.start, ys[row])
                if covered >= _COVERED * (ys[row + 1] - ys[row]):
                    walls.add((boundary, row))
        return walls

    def _floors(self, ys: Sequence[float], cuts: Sequence[float]) -> set[tuple[int, int]]:
        """(column, boundary between rows) wherever a horizontal ruling lies, or rows are cut apart."""
        floors = {(column, ys.index(cut)) for cut in cuts for column in range(len(self._xs) - 1)}
        for h in self._horizontal:
            boundary = _nearest(ys, _nearest_value(self._ys, h.at))
            for column in range(len(self._xs) - 1):
                left, right = self._xs[column], self._xs[column + 1]
                if min(h.end, right) - max(h.start, left) >= _COVERED * (right - left):
                    floors.add((column, boundary))
        return floors

    def _cuts_between_rows(self, inside: Sequence[Box]) -> list[float]:
        """Where rows must be cut apart that no ruling divides: between values that stand below each other."""
        cuts: list[float] = []
        by_band: dict[int, list[Box]] = {}
        for box in inside:
            by_band.setdefault(bisect_right(self._ys, box.y), []).append(box)
        for band in by_band.values():
            if len(band) >= 4:
                cuts += self._cuts_in_band(band)
        return cuts

    def _cuts_in_band(self, band: list[Box]) -> list[float]:
        """Between the rows of one band: rows are those of at least two cells, with values in a column they share.

        So is a row of words at the left and values elsewhere: taxed and untaxed amounts have a column each. Words
        alone go on with the row above them where they stand nearer to it than rows do to each other.
        """
        band.sort(key=lambda box: box.y)
        rows: list[list[Box]] = []
        for box in band:
            if rows and box.y - rows[-1][0].y < _SAME_ROW * self._page.em:
                rows[-1].append(box)
            else:
                rows.append([box])
        begins = self._rows_that_begin(rows)
        if len(begins) < 2:
            return []
        steps = [rows[below][0].y - rows[above][0].y for above, below in pairwise(begins)]
        far = _ROW_STEP * min(steps)
        cuts: list[float] = []
        for number in range(1, len(rows)):
            above, row = rows[number - 1], rows[number]
            begins_here = number in begins and number != begins[0]
            if begins_here or row[0].y - above[0].y >= far or self._is_heading(row) or self._is_heading(above):
                cuts.append((max(box.bottom for box in above) + min(box.top for box in row)) / 2)
        return cuts

    def _rows_that_begin(self, rows: Sequence[Sequence[Box]]) -> list[int]:
        """Which rows of text begin a row of the table."""
        texts = self._page.lines
        valued: list[set[int]] = []
        named: list[bool] = []
        first = min(bisect_right(self._xs, box.x) for row in rows for box in row)
        for row in rows:
            columns = {bisect_right(self._xs, box.x): box.index for box in row}
            values = {column for column, index in columns.items() if is_value(texts[index].text)}
            whole = {column for column in values if not texts[columns[column]].text.startswith(("(", "（"))}
            valued.append(values if len(columns) > 1 else set())
            named.append(first in columns and first not in values and bool(whole) and len(columns) > 1)
        main = max(
            {column for values in valued for column in values},
            key=lambda column: sum(column in values for values in valued),
            default=None,
        )
        return [
            number for number, values in enumerate(valued) if main is not None and (main in values or named[number])
        ]

    def _is_heading(self, row: Sequence[Box]) -> bool:
        """Whether a row of text is the heading of a section, by its brackets or its mark."""
        return len(row) == 1 and _HEADING.match(self._page.lines[row[0].index].text) is not None


def _areas(sets: Sets, columns: int, rows: int, members: dict[int, list[int]]) -> Iterator[Area]:
    """The rectangles of joined cells; what is joined to another shape falls back into its cells."""
    regions: dict[int, list[int]] = {}
    for cell in range(columns * rows):
        regions.setdefault(sets.root(cell), []).append(cell)
    for cells in regions.values():
        first_row, last_row = cells[0] // columns, cells[-1] // columns
        across = [cell % columns for cell in cells]
        left, right = min(across), max(across)
        if (last_row - first_row + 1) * (right - left + 1) == len(cells):
            inside = sorted([index for cell in cells for index in members.get(cell, ())])
            yield Area(first_row, left, last_row - first_row + 1, right - left + 1, tuple(inside))
        else:
            for cell in cells:
                yield Area(cell // columns, cell % columns, 1, 1, tuple(sorted(members.get(cell, ()))))


def _clusters(values: list[float], near: float) -> list[float]:
    """Ascending values, those that are near each other as one."""
    values.sort()
    groups: list[list[float]] = []
    for value in values:
        if groups and value - groups[-1][0] <= near:
            groups[-1].append(value)
        else:
            groups.append([value])
    return [sum(group) / len(group) for group in groups]


def _with_ends(boundaries: list[float], start: float, end: float, near: float) -> list[float]:
    """The boundaries and where the rulings across them end: many tables are open at their sides."""
    before = [start] if start < boundaries[0] - near else []
    after = [end] if end > boundaries[-1] + near else []
    return [*before, *boundaries, *after]


def _nearest(values: Sequence[float], wanted: float) -> int:
    return min(range(len(values)), key=lambda index: abs(values[index] - wanted))


def _nearest_value(values: Sequence[float], wanted: float) -> float:
    return values[_nearest(values, wanted)]
