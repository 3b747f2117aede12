"""Which rows of text make one row of a table: a description that goes on below, above, or between two rulings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from postprocess_svc.tables.cells import Row
from postprocess_svc.tables.level import Level, LevelPage
from postprocess_svc.tables.values import is_note

_NEAR = 0.8
"""A row without values nearer to its neighbour than this share of the usual distance goes on with it."""
_NEAR_EM = 1.8
"""Where there is no usual distance, and among headers: nearer than so many line heights, from middle to middle."""
_CLEARLY = 0.7
"""It belongs to the row below it where that is nearer by this."""
_SLACK = 0.3
_RULED_ROWS = 0.6
"""Where a ruling follows this share of the rows at least, rulings alone part them."""


class Rules:
    """The horizontal rulings that lie under a stretch of the page."""

    def __init__(self, horizontal: Sequence[Level], left: float, right: float) -> None:
        half = (right - left) / 2
        self._at = sorted([h.at for h in horizontal if min(h.end, right) - max(h.start, left) >= half])

    def part(self, above: Row, below: Row) -> bool:
        """Whether a ruling lies between two rows."""
        at = bisect_right(self._at, above.y)
        return at < len(self._at) and self._at[at] < below.y

    def between(self, above: Row, below: Row) -> float:
        """Where one row ends and the next begins: at the ruling, or half way."""
        at = bisect_right(self._at, above.y)
        if at < len(self._at) and self._at[at] < below.y:
            return self._at[at]
        return (above.bottom + below.top) / 2


class Wrapping:
    """How the rows of a table wrap: which rows of text carry values, and how far apart those usually are."""

    def __init__(self, rows: Sequence[Row], cuts: Sequence[float], page: LevelPage) -> None:
        self._rows, self._page = rows, page
        self._cuts, self._slack = cuts, _SLACK * page.em
        self.carries = [len(row.cells) > 1 and row.has_value for row in rows]
        if not any(self.carries):
            self.carries = [len(row.cells) > 1 for row in rows]
        steps = [
            rows[at + 1].y - rows[at].y for at in range(len(rows) - 1) if self.carries[at] and self.carries[at + 1]
        ]
        self._first = self.carries.index(True)
        lone = not all(self.carries[self._first :])
        # Sums below the items stand further apart.
        usual = sorted(steps)[len(steps) // 4] if steps else 0.0
        self._near = _NEAR * usual if steps else _NEAR_EM * page.em if lone else 0.0

    def goes_on(self, row: Row, above: Row) -> bool:
        """Whether a row goes on with the row of text above it."""
        if row.y - above.y >= self._near or self._bridges(row) or row.has_value:
            return False
        return not is_note(self._page.lines[row.cells[0].members[0]].text)

    def grouped(self, rules: Rules) -> list[list[Row]]:
        """The rows of the table, each as its rows of text."""
        rows = self._rows
        parted = [rules.part(above, below) for above, below in pairwise(rows)]
        by_rules = sum(parted) >= max(1.0, _RULED_ROWS * (sum(self.carries) - 1))
        groups = [[rows[0]]]
        joins_next = False
        for at in range(1, len(rows)):
            row = rows[at]
            if joins_next or (not parted[at - 1] and self._joins(at, by_rules=by_rules)):
                groups[-1].append(row)
                joins_next = False
                continue
            groups.append([row])
            if not self.carries[at] and at + 1 < len(rows) and not parted[at] and at > self._first:
                down, up = rows[at + 1].y - row.y, row.y - rows[at - 1].y
                joins_next = down < self._near and down < _CLEARLY * up and not self._bridges(row)
        return groups

    def _joins(self, at: int, *, by_rules: bool) -> bool:
        if self.carries[at]:
            return False
        row, above = self._rows[at], self._rows[at - 1]
        if at < self._first:  # a header of several lines
            return row.y - above.y < _NEAR_EM * self._page.em and not self._bridges(row)
        if by_rules:
            return not is_note(self._page.lines[row.cells[0].members[0]].text)
        return self.goes_on(row, above)

    def _bridges(self, row: Row) -> bool:
        return any(cell.left + self._slack < cut < cell.right - self._slack for cell in row.cells for cut in self._cuts)
