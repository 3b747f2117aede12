"""Reading order by layout.

A recursive cut along white space, as in Nagy and Seth's XY-cut ("Hierarchical representation of optically scanned
documents", 1984), with one question added at every gutter: are the two sides columns, each to be read to its end
(the columns of an article, the recipient beside the issuer), or are they cells of the same rows (a table, labels and
their values)? ``columns.py`` answers it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ocr_core.contracts.frozen import value
from postprocess_svc.columns import columns_of, has_prose_columns
from postprocess_svc.layout import (
    Gap,
    Leveller,
    Region,
    Row,
    from_the_top,
    line_height,
    rows_of,
    split_y,
    y_gaps,
)
from postprocess_svc.lines import TextLine

# Lengths in line heights, shares from 0 to 1.
_BLOCK_GAP = 0.7
_TABLE_GAP = 1.2
"""Rows further apart than this belong to different blocks; rows of several cells are set wider."""
_LEVEL = 0.3
"""Centres of boxes of one row differ by less than this."""
_MAX_UNIT_LETTERS = 3
"""A number may bring so many letters along: a unit, a currency, 年月日."""
_WORD = re.compile(rf"[A-Za-zぁ-ゖァ-ヺ一-龥]{{{_MAX_UNIT_LETTERS + 1}}}")
_CUT_WITH = 0.7
"""White bands at least this high, relative to the highest, are cut at the same time as it."""


def in_reading_order(lines: Sequence[TextLine], *, skew_deg: float) -> tuple[TextLine, ...]:
    """The lines of a page as a person would read them, with ``row`` and ``block`` set.

    Args:
        lines: In any order, in pixels of the upright page.
        skew_deg: The text's mean direction, clockwise from level.
    """
    leveller = Leveller(skew_deg)
    placed = [
        leveller.place(at, line.quad, vertical=line.vertical, is_value=_is_value(line.text))
        for at, line in enumerate(lines)
    ]
    ordering = _Ordering()
    if placed:
        ordering.add(from_the_top(placed))
    return tuple(
        lines[box.index].placed(row=number, block=row.block)
        for number, row in enumerate(ordering.rows)
        for box in row.boxes
    )


def followed_by_stamps(lines: Sequence[TextLine], stamped: Iterable[TextLine]) -> tuple[TextLine, ...]:
    """The page's lines in reading order, and after them those of its stamps, a block a stamp.

    A stamp lies across whatever is printed there, so that among the lines around it its own would tear rows apart.
    """
    row = 1 + max((line.row for line in lines), default=-1)
    block = max((line.block for line in lines), default=-1)
    after: list[TextLine] = []
    stamp = None
    for line in stamped:
        block += line.stamp != stamp
        stamp = line.stamp
        after.append(line.placed(row=row + len(after), block=block))
    return (*lines, *after)


@value
class _NumberedRow:
    boxes: Row
    block: int
    bottom: float
    height: float
    """Of a line in it, in pixels."""


class _Ordering:
    """The rows of a page in the order in which they are found."""

    def __init__(self) -> None:
        self.rows: list[_NumberedRow] = []
        self._block = 0

    def add(self, region: Region, *, turned: bool = False) -> None:
        """Order the lines of a region, sorted from the top, and append its rows."""
        if not turned and 2 * sum([box.vertical for box in region]) > len(region):
            turned = True
            region = from_the_top([box.turned() for box in region])
        if row := _single_row(region):
            self._append(row)
            return
        bands = y_gaps(region, 0.0)
        if columns := columns_of(region, bands):
            self._add_columns(columns, turned=turned)
        elif bands:
            for section in _sections(region, bands):
                self.add(section, turned=turned)
        else:
            for row in rows_of(region):
                self._append(row)

    def _add_columns(self, columns: list[Region], *, turned: bool) -> None:
        tall = sum(len(rows_of(column)) > 1 for column in columns)
        if tall == 1 and len(columns) > 2:
            # A table's row, one of whose cells is wrapped.
            self._append([box for column in columns for row in rows_of(column) for box in row])
            return
        for column in columns:
            self._block += tall > 1
            self.add(column, turned=turned)
        self._block += tall > 1

    def _append(self, row: Row) -> None:
        height = line_height(row)
        if self.rows and self.rows[-1].block == self._block:
            above = self.rows[-1]
            gap = min([box.top for box in row]) - above.bottom
            limit = _BLOCK_GAP if len(row) == 1 or len(above.boxes) == 1 else _TABLE_GAP
            if gap > limit * min(height, above.height):
                self._block += 1
        bottom = max([box.bottom for box in row])
        self.rows.append(_NumberedRow(boxes=row, block=self._block, bottom=bottom, height=height))


def _is_value(text: str) -> bool:
    if _WORD.search(text) is not None:  # the cheap question: four letters in a row, which most lines have
        return False
    digits = sum(map(str.isdigit, text))
    return digits > 0 and sum(map(str.isalpha, text)) <= min(_MAX_UNIT_LETTERS, digits - 1)


def _single_row(region: Region) -> Row:
    """The region's boxes from left to right if they are one row; else empty."""
    if len(region) > 1:
        spread = region[-1].middle - region[0].middle
        if spread > _LEVEL * min([box.height for box in region]) or len(rows := rows_of(region)) > 1:
            return []
        return rows[0]
    return region


def _sections(region: Region, bands: list[Gap]) -> list[Region]:
    """The region cut at its highest white bands; columns of prose that a band crosses by chance stay whole."""
    highest = max(end - start for start, end in bands)
    cuts = [(start + end) / 2 for start, end in bands if end - start >= _CUT_WITH * highest]
    parts = split_y(region, cuts)
    joined = parts[:1]
    for part in parts[1:]:
        both = joined[-1] + part
        # Two parts are the whole region, which has been looked at already.
        if len(parts) > 2 and has_prose_columns(both):
            joined[-1] = both
        else:
            joined.append(part)
    return joined
