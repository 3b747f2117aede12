"""A table as values: rows of cells, each with the lines of text that are printed in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ocr_core.contracts.frozen import value, value_by_position
from ocr_core.contracts.geometry import Quad
from postprocess_svc.lines import TextLine

_LAST_SPACED = "\u2e7f"
"""East Asian writing comes after it, and is set without spaces between words."""


@value
class TextCell:
    """One cell; a cell over several rows or columns stands where it begins, and nothing stands where it goes on."""

    row: int
    column: int
    row_span: int
    column_span: int
    lines: tuple[TextLine, ...]
    """In reading order; none in an empty cell."""
    quad: Quad
    """Around its area, in page pixels."""
    text: str
    """Its lines joined: by a space, or by nothing between Japanese or Chinese lines that follow on each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table of at least two rows and two columns."""

    page: int
    quad: Quad
    rows: tuple[tuple[TextCell, ...], ...]
    """From the top down, each from left to right."""
    column_count: int
    line_indices: frozenset[int]
    """Which of the page's lines are in it."""


def joined_text(lines: Sequence[TextLine]) -> str:
    """The text of lines that make one text."""
    if len(lines) == 1:
        return lines[0].text
    text = ""
    row = None
    for line in lines:
        if not text:
            text = line.text
        elif line.row != row and text[-1] > _LAST_SPACED and line.text[0] > _LAST_SPACED:
            text += line.text
        else:
            text = f"{text} {line.text}"
        row = line.row
    return text


@value_by_position
class Area:
    """A cell of a grid: where it is, and the indices of its lines."""

    row: int
    column: int
    row_span: int
    column_span: int
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """What a table is before it is written down: boundaries in layout coordinates, and the areas between them."""

    xs: Sequence[float]
    """Ascending: one more than there are columns."""
    ys: Sequence[float]
    areas: Sequence[Area]

    def has_rows(self) -> bool:
        """Whether two rows at least have text in two cells: a frame around an address that a stamp crosses has not."""
        filled = [0] * len(self.ys)
        for area in self.areas:
            for row in range(area.row, area.row + area.row_span if area.members else area.row):
                filled[row] += 1
        return sum(count > 1 for count in filled) > 1

    def members(self) -> Iterable[int]:
        """The indices of all its lines."""
        return (index for area in self.areas for index in area.members)


def compacted(grid: Grid) -> Grid | None:
    """The grid without rows and columns in which nothing begins; None where no table is left.

    Forms have rows to be filled in, and double rules make columns too narrow for anything.
    """
    rows = sorted({area.row for area in grid.areas if area.members})
    columns = sorted({area.column for area in grid.areas if area.members})
    if len(rows) < 2 or len(columns) < 2:
        return None
    if len(rows) == len(grid.ys) - 1 and len(columns) == len(grid.xs) - 1:
        return grid
    row_numbers = {row: number for number, row in enumerate(rows)}
    column_numbers = {column: number for number, column in enumerate(columns)}
    areas = []
    for area in grid.areas:
        covered_rows = [row_numbers[row] for row in range(area.row, area.row + area.row_span) if row in row_numbers]
        covered_columns = [
            column_numbers[column]
            for column in range(area.column, area.column + area.column_span)
            if column in column_numbers
        ]
        if covered_rows and covered_columns:
            areas.append(
                Area(covered_rows[0], covered_columns[0], len(covered_rows), len(covered_columns), area.members)
            )
    # What is dropped goes to the row or column before it, at the start to the one after.
    xs = [grid.xs[0], *(grid.xs[column] for column in columns[1:]), grid.xs[-1]]
    ys = [grid.ys[0], *(grid.ys[row] for row in rows[1:]), grid.ys[-1]]
    return Grid(xs, ys, areas)
