"""The rows of a page that are in no ruled table, as cells from left to right."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass

from postprocess_svc.tables.level import LevelPage
from postprocess_svc.tables.values import is_value

_LEVEL = 0.3
"""Middles of cells of one row differ by less than this, in line heights."""
_MAX_LEVEL = 8
"""How many rows beside a row are looked at."""
_MIN_CELL_GAP = 0.5
"""White space between two cells of a row, in line heights; a space between words is a third."""


@dataclass(slots=True)
class Cell:
    """Lines of a row that stand together."""

    left: float
    right: float
    members: list[int]
    is_value: bool = False
    """Its text is a number and little more."""


@dataclass(slots=True)
class Row:
    """A row, its cells from left to right."""

    cells: list[Cell]
    top: float
    bottom: float

    @property
    def y(self) -> float:
        """Its middle."""
        return (self.top + self.bottom) / 2

    @property
    def left(self) -> float:
        """Where its first cell begins."""
        return self.cells[0].left

    @property
    def right(self) -> float:
        """Where its last cell ends."""
        return self.cells[-1].right

    @property
    def has_value(self) -> bool:
        """Whether a cell is a number and little more."""
        return any([cell.is_value for cell in self.cells])  # noqa: C419 - a generator costs more than short lists do

    def covers(self, x: float) -> bool:
        """Whether a cell stands there."""
        return any([cell.left < x < cell.right for cell in self.cells])  # noqa: C419 - as above


def rows_of_lines(page: LevelPage, free: Collection[int]) -> list[Row]:
    """The free lines row by row, in reading order."""
    rows: list[Row] = []
    blocks: list[int] = []
    number = None
    near = _MIN_CELL_GAP * page.em
    for index in free:
        line, box = page.lines[index], page.boxes[index]
        cell = Cell(box.left, box.right, [index])
        if line.row != number:
            rows.append(Row([cell], box.top, box.bottom))
            blocks.append(line.block)
            number = line.row
            continue
        row = rows[-1]
        last = row.cells[-1]
        if box.left - last.right < near and last.left - box.right < near:
            last.left, last.right = min(last.left, box.left), max(last.right, box.right)
            last.members.append(index)
        else:
            row.cells.append(cell)
        row.top, row.bottom = min(row.top, box.top), max(row.bottom, box.bottom)
    lines = page.lines
    for row in rows:
        if len(row.cells) > 1:
            row.cells.sort(key=_left)
        for cell in row.cells:
            members = cell.members
            text = lines[members[0]].text if len(members) == 1 else " ".join([lines[index].text for index in members])
            cell.is_value = is_value(text)
    return _joined_beside(rows, blocks, _LEVEL * page.em) if blocks and blocks[0] != blocks[-1] else rows


def _joined_beside(rows: list[Row], blocks: list[int], near: float) -> list[Row]:
    """The rows with those of another block that stand level with them, where these are a further column of them.

    White space so wide that the reading order takes its sides for columns to be read one after the other: amounts far
    right of their descriptions. They are level row for row, and are amounts, or as many.
    """
    by_block: dict[int, list[int]] = {}
    for at, block in enumerate(blocks):
        by_block.setdefault(block, []).append(at)
    beside = _Beside(rows, blocks, near)
    partners: dict[int, int] = {}
    for members in by_block.values():
        found = [partner for at in members if (partner := beside.of(at)) is not None]
        if len(found) < len(members) or len({blocks[partner] for partner in found}) > 1:
            continue
        if len(by_block[blocks[found[0]]]) == len(members) or all(
            cell.is_value for at in members for cell in rows[at].cells
        ):
            partners.update(zip(members, found, strict=True))
    joined = {at: partner for at, partner in partners.items() if partner not in partners}
    for at, partner in joined.items():
        row, other = rows[at], rows[partner]
        other.cells = sorted([*other.cells, *row.cells], key=_left)
        other.top, other.bottom = min(other.top, row.top), max(other.bottom, row.bottom)
    return [row for at, row in enumerate(rows) if at not in joined]


class _Beside:
    """Finds rows that stand beside each other."""

    def __init__(self, rows: list[Row], blocks: list[int], near: float) -> None:
        self._rows, self._blocks, self._near = rows, blocks, near
        self._order = sorted(range(len(rows)), key=lambda at: rows[at].y)
        self._ys = [rows[at].y for at in self._order]

    def of(self, at: int) -> int | None:
        """A row of an earlier block that is level with a row and ends left of it."""
        row = self._rows[at]
        first, last = bisect_left(self._ys, row.y - self._near), bisect_right(self._ys, row.y + self._near)
        for other in self._order[first : min(last, first + _MAX_LEVEL)]:
            if self._blocks[other] < self._blocks[at] and self._rows[other].right < row.left:
                return other
        return None


def _left(cell: Cell) -> float:
    return cell.left
