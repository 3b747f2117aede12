"""A page drawn in characters, as runs of print and rules at columns and rows.

Two blanks end a run, one is a gap inside it; ``# … #`` is large print and ``~ … ~`` small; box-drawing characters are
rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.mockups.columns import arms, column_count, is_drawing, is_japanese

LARGE, SMALL = 1.5, 0.8
_MARKS = {"#": LARGE, "~": SMALL}
_MARKED = re.compile(r"^(?P<mark>[#~])\s+(?P<text>.*?)\s+(?P=mark)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Print without a wide gap: what a text detector takes for one line."""

    text: str
    row: int
    column: int
    columns: int
    """How many it takes, in ordinary size."""
    scale: float = 1.0
    """Of its size to the ordinary one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A straight line from the middle of one cell to that of another; half a cell more at an end where it goes on."""

    start_row: float
    start_column: float
    end_row: float
    end_column: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One page."""

    runs: tuple[Run, ...]
    rules: tuple[Rule, ...]
    rows: int
    columns: int
    japanese: bool


def parse_drawing(text: str) -> Drawing:
    """Read a page."""
    japanese = is_japanese(text)
    rows = [_cells(line, japanese=japanese) for line in text.rstrip("\n").split("\n")]
    runs = [run for number, row in enumerate(rows) for run in _runs(row, number, japanese=japanese)]
    return Drawing(
        runs=tuple(runs),
        rules=(*_level_rules(rows), *_upright_rules(rows)),
        rows=len(rows),
        columns=max((row[-1][0] + 2 for row in rows if row), default=1),
        japanese=japanese,
    )


_Cells = Sequence[tuple[int, str]]
"""Each character that is no blank at the end, with the column that it begins at."""


def _cells(line: str, *, japanese: bool) -> _Cells:
    cells, column = [], 0
    for character in line.rstrip():
        cells.append((column, character))
        column += column_count(character, japanese=japanese)
    return cells


def _runs(cells: _Cells, row: int, *, japanese: bool) -> Iterator[Run]:
    pieces: list[list[tuple[int, str]]] = [[]]
    blanks = 0
    mark = ""
    for column, character in cells:
        if is_drawing(character):
            pieces.append([])
            blanks, mark = 0, ""
        elif character in " \u3000\u00a0":
            blanks += 1
        else:
            if blanks > 1 and not mark:
                pieces.append([])
            elif blanks and character in _MARKS and not mark and _is_closed(cells, column, character):
                pieces.append([])  # print of another size is another line to a text detector
            elif blanks and pieces[-1]:
                pieces[-1].append((column - 1, " "))
            blanks = 0
            pieces[-1].append((column, character))
            if character in _MARKS and (not mark or mark == character):
                mark = (
                    "" if mark else (character if len(pieces[-1]) == 1 and _is_closed(cells, column, character) else "")
                )
    for piece in pieces:
        if piece:
            yield from _marked(piece, row, japanese=japanese)


def _is_closed(cells: _Cells, column: int, mark: str) -> bool:
    """A mark stands before a blank, and its fellow behind one."""
    behind = "".join(character for at, character in cells if at > column)
    return re.search(rf"^[ \u3000].*[ \u3000]{re.escape(mark)}(\s|$|[│┃])", behind) is not None


def _marked(piece: Sequence[tuple[int, str]], row: int, *, japanese: bool) -> Iterator[Run]:
    text = "".join(character for _, character in piece)
    scale = 1.0
    first = piece[0][0]
    if marked := _MARKED.match(text):
        text, scale = marked["text"], _MARKS[marked["mark"]]
        first = next((column for column, character in piece[1:] if character != " "), first)
    if text:
        columns = sum(column_count(character, japanese=japanese) for character in text)
        yield Run(text=text, row=row, column=first, columns=columns, scale=scale)


def _level_rules(rows: Sequence[_Cells]) -> Iterator[Rule]:
    for number, row in enumerate(rows):
        start: int | None = None
        end = -1
        for column, character in [*row, (10_000, " ")]:
            leads = arms(character)
            joined = start is not None and column == end + 1 and "LEFT" in leads
            if not joined:
                if start is not None and end > start:
                    yield Rule(start_row=number, start_column=start, end_row=number, end_column=end)
                start = None
            if "RIGHT" in leads or joined:
                start = column if start is None else start
                end = column


def _upright_rules(rows: Sequence[_Cells]) -> Iterator[Rule]:
    grid = [dict(row) for row in rows]
    for column in sorted({column for row in rows for column, character in row if is_drawing(character)}):
        start: float | None = None
        end = 0.0
        for number, cells in enumerate([*grid, {}]):
            leads = arms(cells.get(column, " "))
            if start is not None and "UP" not in leads:
                yield Rule(start_row=start, start_column=column, end_row=end, end_column=column)
                start = None
            if leads & {"UP", "DOWN"}:
                if start is None:
                    start = number - 0.5 if "UP" in leads else float(number)
                end = number + 0.5 if "DOWN" in leads else float(number)
