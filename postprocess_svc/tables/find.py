"""The tables of a page: those that are drawn first, the smallest before what encloses it, then those of white space."""

from __future__ import annotations

from collections.abc import Sequence

from ocr_core.contracts.reading import Ruling
from postprocess_svc.lines import PageLines
from postprocess_svc.tables.level import LevelPage
from postprocess_svc.tables.ruled import ruled_grids
from postprocess_svc.tables.table import Grid, TextCell, TextTable, compacted, joined_text
from postprocess_svc.tables.unruled import unruled_grids


def find_tables(page: PageLines, rulings: Sequence[Ruling] = ()) -> tuple[TextTable, ...]:
    """The tables of a page, from the top down.

    Args:
        page: Its lines in reading order.
        rulings: Its ruling lines, the longest first.

    Returns:
        Tables that share no line; every line within a table's area is in one of its cells, but for those of stamps.
    """
    if len(page.lines) < 2:
        return ()
    level = LevelPage(page.lines, rulings, page.skew_deg)
    free = dict.fromkeys([index for index, line in enumerate(page.lines) if line.stamp is None])
    grids: list[Grid] = []
    for grid in ruled_grids(level, free):
        found = compacted(grid)
        if found is not None and found.has_rows():
            grids.append(found)
            for index in found.members():
                free.pop(index, None)
    grids += [found for grid in unruled_grids(level, free) if (found := compacted(grid)) is not None]
    grids.sort(key=lambda grid: grid.ys[0])
    return tuple(_table(page, level, grid) for grid in grids)


def _table(page: PageLines, level: LevelPage, grid: Grid) -> TextTable:
    row_count, column_count = len(grid.ys) - 1, len(grid.xs) - 1
    rows: list[list[TextCell]] = [[] for _ in range(row_count)]
    for area in sorted(grid.areas, key=lambda area: area.column):
        lines = tuple([page.lines[index] for index in area.members])
        rows[area.row].append(
            TextCell(
                row=area.row,
                column=area.column,
                row_span=area.row_span,
                column_span=area.column_span,
                lines=lines,
                text=joined_text(lines),
                quad=level.quad(
                    grid.xs[area.column],
                    grid.ys[area.row],
                    grid.xs[area.column + area.column_span],
                    grid.ys[area.row + area.row_span],
                ),
            )
        )
    return TextTable(
        page=page.number,
        quad=level.quad(grid.xs[0], grid.ys[0], grid.xs[-1], grid.ys[-1]),
        rows=tuple([tuple(row) for row in rows]),
        column_count=column_count,
        line_indices=frozenset(grid.members()),
    )
