"""Rows that the reading order took for columns of their own, joined with those that they go on with.

White space between a description and its numbers may be so wide that the reading order takes its sides for columns to
be read one after the other. They are level row for row.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from postprocess_svc.tables.cells import Row, left_of

_MAX_LEVEL = 8
"""How many rows beside a row are looked at."""
_MIN_VALUES = 2
"""A header and what stands below it go on with rows beside them where so many numbers stand below it at least."""


def joined_beside(rows: list[Row], blocks: Sequence[int], *, near: float) -> list[Row]:
    """The rows with those of another block that stand level with them, where these are further columns of them.

    Args:
        rows: In reading order.
        blocks: The block that each of them stands in.
        near: How far the middles of level rows may be apart.
    """
    by_block: dict[int, list[int]] = {}
    for at, block in enumerate(blocks):
        by_block.setdefault(block, []).append(at)
    beside = _Beside(rows, blocks, near)
    partners: dict[int, list[int]] = {}
    for members in by_block.values():
        found = {at: there for at in members if (there := beside.of(at))}
        if _is_column(members, found, rows, blocks, by_block):
            partners |= {at: there[:1] for at, there in found.items()}
        elif len(found) > 1:
            for run in _runs(members, found):
                partners |= _columns_under_header(run, found, rows, blocks)
    joined: dict[int, int] = {}
    for at, there in partners.items():
        into = there[0]
        while into in joined:
            into = joined[into]
        row = rows[into]
        for other in [*there[1:], at]:
            if other in joined or other == into:
                continue
            row.cells += rows[other].cells
            row.top, row.bottom = min(row.top, rows[other].top), max(row.bottom, rows[other].bottom)
            joined[other] = into
        row.cells.sort(key=left_of)
    return [row for at, row in enumerate(rows) if at not in joined]


def _is_column(
    members: Sequence[int],
    found: dict[int, list[int]],
    rows: Sequence[Row],
    blocks: Sequence[int],
    by_block: dict[int, list[int]],
) -> bool:
    """Whether a whole block is a further column of another: amounts, or as many rows."""
    if len(found) < len(members) or len({blocks[there[0]] for there in found.values()}) > 1:
        return False
    return len(by_block[blocks[found[members[0]][0]]]) == len(members) or all(
        cell.is_value for at in members for cell in rows[at].cells
    )


def _runs(members: Sequence[int], found: dict[int, list[int]]) -> Iterator[list[int]]:
    """Rows of a block that follow each other and have others beside them, two at least."""
    run: list[int] = []
    for at in members:
        if at in found:
            run.append(at)
            continue
        if len(run) > 1:
            yield run
        run = []
    if len(run) > 1:
        yield run


def _columns_under_header(
    run: list[int], found: dict[int, list[int]], rows: Sequence[Row], blocks: Sequence[int]
) -> dict[int, list[int]]:
    """The rows beside those of a run that begins with a header, rows of numbers below it; none where it does not.

    What stands beside the numbers is of one block; a header's words may each be a block of their own.
    """
    first = next((number for number, at in enumerate(run) if rows[at].has_value), len(run))
    numbers: list[int] = []
    for at in run[first:]:
        if not rows[at].has_value or (numbers and blocks[found[at][0]] != blocks[found[numbers[0]][0]]):
            break
        numbers.append(at)
    if not first or not numbers or len(rows[run[first - 1]].cells) < _MIN_VALUES:
        return {}
    if sum(cell.is_value for at in numbers for cell in rows[at].cells) < _MIN_VALUES:
        return {}
    block = blocks[found[numbers[0]][0]]
    if any(rows[found[at][0]].has_value and len(rows[found[at][0]].cells) == 1 for at in numbers):
        return {}
    header = sorted(found[run[first - 1]], key=lambda at: (blocks[at] != block, at))
    if blocks[header[0]] != block:
        return {}
    return {run[first - 1]: header, **{at: found[at][:1] for at in numbers}}


class _Beside:
    """Finds rows that stand beside each other."""

    def __init__(self, rows: Sequence[Row], blocks: Sequence[int], near: float) -> None:
        self._rows, self._blocks, self._near = rows, blocks, near
        self._order = sorted(range(len(rows)), key=lambda at: rows[at].y)
        self._ys = [rows[at].y for at in self._order]

    def of(self, at: int) -> list[int]:
        """The rows of earlier blocks that are level with a row and end left of it."""
        row = self._rows[at]
        first, last = bisect_left(self._ys, row.y - self._near), bisect_right(self._ys, row.y + self._near)
        return [
            other
            for other in self._order[first : min(last, first + _MAX_LEVEL)]
            if self._blocks[other] < self._blocks[at] and self._rows[other].right < row.left
        ]
