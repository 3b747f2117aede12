"""Tables without vertical rulings: rows that follow each other and keep their columns, by white space alone.

Horizontal rulings, where there are any, say which rows belong together and that a table goes on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from postprocess_svc.tables.cells import Cell, Row
from postprocess_svc.tables.level import Level, LevelPage
from postprocess_svc.tables.rows import rows_of_lines
from postprocess_svc.tables.strangers import without_strangers
from postprocess_svc.tables.table import Area, Grid
from postprocess_svc.tables.wrapping import Rules, Wrapping

# Lengths in line heights.
_MAX_GAP = 2.2
_MAX_RULED_GAP = 5.0
"""Rows of one table follow each other this closely; with a ruling between them they may stand further apart."""
_MAX_HEADING_GAP = 1.2
_MAX_STRANGERS = 3
_MAX_COLUMNS = 40
_MAX_RETRIED = 12
"""Rows that are no table may be one without the first; more rows than this are not asked again from each."""
_MAX_LONE_ROWS = 4
"""Rows of a single cell (a wrapped description, a heading) between two rows of a table."""
_SLACK = 0.3
"""A cell may reach over a boundary by so much: boxes are generous."""
_MIN_HEADERS = 3
_PAIR = 2
_ALIGNED = 0.7
"""Values of a column end, or begin, within this of each other."""
_FILLED = 0.75
"""Columns of words alone make a table where this share of the cells is filled in."""

Gap = tuple[float, float]


class _Run:
    """Rows of a table while they are gathered, with what stays white between their cells."""

    def __init__(self, first: Row, em: float) -> None:
        self._slack = _SLACK * em
        self.rows: list[Row] = []
        self.gaps: list[Gap] = []
        """From left to right: white in every row that has cells on both sides, but for cells over several columns."""
        self.left, self.right = first.left, first.right
        self.take(first)

    def take(self, row: Row) -> bool:
        """Add a row below, unless its cells keep to other columns."""
        gaps = self._fitted(row)
        if gaps is not None:
            self._add(row, gaps, at=len(self.rows))
        return gaps is not None

    def take_heading(self, row: Row) -> None:
        """Add a row above, if its cells keep to the columns or span several of them."""
        gaps = self._fitted(row)
        if gaps is not None and len(gaps) == len(self.gaps):
            self._add(row, gaps, at=0)

    def _add(self, row: Row, gaps: list[Gap], *, at: int) -> None:
        self.gaps = gaps
        self.rows.insert(at, row)
        self.left, self.right = min(self.left, row.left), max(self.right, row.right)

    def _fitted(self, row: Row) -> list[Gap] | None:
        """The gaps as a further row leaves them: narrowed to what is still white; None if it does not fit."""
        gaps = list(self.gaps)
        white = [(before.right, after.left) for before, after in pairwise(row.cells)]
        if len(white) == len(gaps):
            # As many cells as columns: each is its own column's, though a header stands beside its numbers, not above.
            both = [(max(one[0], other[0]), min(one[1], other[1])) for one, other in zip(white, gaps, strict=True)]
            if all([left < right for left, right in both]):  # noqa: C419 - a short list is quicker
                return both
        new = [gap for gap in white if not self._narrow(gaps, gap)]
        # A row that keeps to two columns may cut through more cells than one that brings nothing but new ones.
        crossed = len(self.rows) * (0.5 if len(white) - len(new) > 1 else 1 / 3)
        for start, end in new:
            if sum([other.covers((start + end) / 2) for other in self.rows]) > crossed:
                return None
        gaps += new
        slack = self._slack
        bridging = sum(
            [cell.left + slack < left and right < cell.right - slack for cell in row.cells for left, right in gaps]
        )
        return None if bridging and 2 * bridging > len(row.cells) else sorted(gaps)

    def _narrow(self, gaps: list[Gap], gap: Gap) -> bool:
        """Let the gaps that a white space of a row meets be no wider than it; whether it meets any."""
        start, end = gap
        met = False
        for at, (left, right) in enumerate(gaps):
            if min(right, end) - max(left, start) > -self._slack:
                low, high = max(left, start), min(right, end)
                gaps[at] = (low, high) if low <= high else (high, low)
                met = True
        return met

    def cuts(self) -> list[float]:
        """The boundaries between its columns."""
        return [(left + right) / 2 for left, right in self.gaps]

    def columns_of(self, cell: Cell, cuts: Sequence[float]) -> tuple[int, int]:
        """The first and the last column that a cell stands in."""
        first = bisect_left(cuts, cell.left + self._slack)
        return first, max(first, bisect_left(cuts, cell.right - self._slack))

    def join_headers(self) -> None:
        """Make one column of a header and the values beside it: set left over numbers set right, say."""
        cuts = self.cuts()
        filled: list[set[int]] = [set() for _ in range(len(cuts) + 1)]
        for number, row in enumerate(self.rows):
            for cell in row.cells:
                first, last = self.columns_of(cell, cuts)
                for column in range(first, last + 1):
                    filled[column].add(number)
        self.gaps = [
            gap
            for gap, (left, right) in zip(self.gaps, pairwise(filled), strict=True)
            if left & right or (left != {0} and right != {0})
        ]


def unruled_grids(page: LevelPage, free: Collection[int]) -> Iterator[Grid]:
    """The tables among the free lines."""
    rows = rows_of_lines(page, free)
    at = last = 0
    while at < len(rows):
        if 1 < len(rows[at].cells) <= _MAX_COLUMNS:
            run, end = _grown(rows, at, page)
            if len(run.rows) > 1 and _is_table(run, page):
                if without_strangers(rows, at, end, page):
                    continue  # what is left of the rows is asked anew
                run = _without_first_rows(run, rows, at, end, page)
                _add_heading(run, rows[last:at], page.em)
                at = last = end + _with_trailing(run, rows[end:], page)
                yield _grid(run, page)
                continue
            at += 1 if len(run.rows) <= _MAX_RETRIED else len(run.rows)
        else:
            at += 1


def _grown(rows: Sequence[Row], start: int, page: LevelPage) -> tuple[_Run, int]:
    """The rows that go on from one of several cells, and where the next begin."""
    em = page.em
    run = _Run(rows[start], em)
    last, lone = start, 0
    for at in range(start + 1, len(rows)):
        row, above = rows[at], rows[at - 1]
        gap = row.top - above.bottom
        if gap < -em or row.left > run.right or row.right < run.left:
            break
        if gap > _MAX_GAP * em and (gap > _MAX_RULED_GAP * em or not _ruled(page.horizontal, above, row, run)):
            break
        if len(row.cells) == 1:
            lone += 1
            if lone > _MAX_LONE_ROWS:
                break
            continue
        if len(row.cells) > _MAX_COLUMNS or _begins_anew(run, row, rows[at + 1 : at + 2]) or not run.take(row):
            break
        run.rows[-1:-1] = rows[last + 1 : at]  # the lone rows before it
        last, lone = at, 0
    run.join_headers()
    return run, last + 1


def _begins_anew(run: _Run, row: Row, following: Sequence[Row]) -> bool:
    """Whether a row is the header of a further table: words alone, below rows of numbers and above one of several."""
    if len(row.cells) < _MIN_HEADERS or row.has_value or not following:
        return False
    if sum([cell.is_value for cell in following[0].cells]) < 2:
        return False
    widest = max([len(above.cells) for above in run.rows])
    return len(row.cells) > widest + 1 or any([above.has_value for above in run.rows[1:]])  # noqa: C419 - quicker


def _without_first_rows(run: _Run, rows: Sequence[Row], start: int, end: int, page: LevelPage) -> _Run:
    """The run without first rows that only bring boundaries of their own: a total above the table, a letterhead."""
    for first in range(start + 1, min(start + 1 + _MAX_STRANGERS, end - 1)):
        if len(rows[first - 1].cells) >= len(rows[first].cells):
            break  # a header has as many cells as any row
        if len(rows[first].cells) < 2:
            continue
        rest, its_end = _grown(rows, first, page)
        if its_end == end and len(rest.gaps) < len(run.gaps) and _is_table(rest, page):
            return rest
    return run


def _add_heading(run: _Run, before: Sequence[Row], em: float) -> None:
    """Let the run begin with a row right above it whose cells span several of its columns."""
    if not before or len(before[-1].cells) < 2 or before[-1].has_value:
        return
    if 0 <= run.rows[0].top - before[-1].bottom <= _MAX_HEADING_GAP * em:
        run.take_heading(before[-1])


def _with_trailing(run: _Run, following: Sequence[Row], page: LevelPage) -> int:
    """Let the run end with the rows that its last row goes on with; how many they are."""
    wrapping = Wrapping(run.rows, run.cuts(), page)
    count = 0
    for row in following[:_MAX_LONE_ROWS]:
        if len(row.cells) > 1 or row.top < run.rows[-1].y or not wrapping.goes_on(row, run.rows[-1]):
            break
        if row.left > run.right or row.right < run.left:
            break
        run.rows.append(row)
        count += 1
    return count


def _ruled(horizontal: Sequence[Level], above: Row, below: Row, run: _Run) -> bool:
    """Whether a ruling lies between two rows, under half of the run at least."""
    half = (run.right - run.left) / 2
    return any(above.y < h.at < below.y and min(h.end, run.right) - max(h.start, run.left) >= half for h in horizontal)


def _is_table(run: _Run, page: LevelPage) -> bool:
    """Whether rows make a table of use: columns of values, or several columns of words well filled."""
    cuts = run.cuts()
    columns: list[list[tuple[float, float, bool]]] = [[] for _ in range(len(cuts) + 1)]
    rows = [row for row in run.rows if len(row.cells) > 1]
    for row in rows:
        for cell in row.cells:
            columns[run.columns_of(cell, cuts)[0]].append((cell.left, cell.right, cell.is_value))
    valued = [_holds_values(cells, _ALIGNED * page.em) for cells in columns]
    if len(columns) == 2:
        return valued[1] and len(rows) > 1
    if any(valued[1:]) or _is_header_with_row(rows):
        return True
    filled = sum([len(cells) for cells in columns])
    return len(rows) > 2 and filled >= _FILLED * len(rows) * len(columns)


def _is_header_with_row(rows: Sequence[Row]) -> bool:
    """Whether two rows are a header and the only row of its table: words above several numbers."""
    if len(rows) != _PAIR or rows[0].has_value or min(len(row.cells) for row in rows) < _MIN_HEADERS:
        return False
    return sum([cell.is_value for cell in rows[1].cells]) > 1


def _holds_values(cells: Sequence[tuple[float, float, bool]], near: float) -> bool:
    """Whether most of a column are values, set under each other."""
    values = [(left, right) for left, right, is_number in cells if is_number]
    if len(values) < 2 or 2 * len(values) < len(cells):
        return False
    lefts, rights = sorted([left for left, _ in values]), sorted([right for _, right in values])
    middle = len(values) // 2
    aligned = max(
        sum([abs(right - rights[middle]) < near for right in rights]),
        sum([abs(left - lefts[middle]) < near for left in lefts]),
    )
    return 2 * aligned > len(values)


def _grid(run: _Run, page: LevelPage) -> Grid:
    """The run as rows and columns, lone rows with the row that they go on with."""
    cuts = run.cuts()
    rules = Rules(page.horizontal, run.left, run.right)
    groups = Wrapping(run.rows, cuts, page).grouped(rules)
    areas: list[Area] = []
    for number, group in enumerate(groups):
        members: dict[int, list[int]] = {}
        spans: dict[int, int] = {}
        for row in group:
            for cell in row.cells:
                first, last = run.columns_of(cell, cuts)
                members.setdefault(first, []).extend(cell.members)
                spans[first] = max(spans.get(first, first), last)
        column = 0
        while column <= len(cuts):
            last = spans.get(column, column)
            # A cell spans what stands empty beside it; where two rows of a group differ, the columns win.
            while last > column and any(other in members for other in range(column + 1, last + 1)):
                last -= 1
            areas.append(Area(number, column, 1, last - column + 1, tuple(sorted(members.get(column, ())))))
            column = last + 1
    ys = [groups[0][0].top]
    ys += [rules.between(above[-1], below[0]) for above, below in pairwise(groups)]
    ys.append(max(row.bottom for row in groups[-1]))
    return Grid([run.left, *cuts, run.right], ys, areas)
