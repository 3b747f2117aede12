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
_BLANKS = " \u3000\u00a0"
_EDGE = r"[^\s\u2500-\u257f]"
_MARKED = re.compile(
    rf"(?:(?<!{_EDGE})|(?<=[、：]))(?P<mark>[#~])\s+(?P<text>[^\s\u2500-\u257f](?:[^\u2500-\u257f]*?{_EDGE})??)"
    rf"\s+(?P=mark)(?!{_EDGE})"
    rf"|(?<!{_EDGE})~(?P<tight>[^\s~\u2500-\u257f](?:[^~\u2500-\u257f]*[^\s~\u2500-\u257f])?)~(?!{_EDGE})"
)
"""``# … #``, also behind a single gap; some clerks leave no blanks inside (``~…~``)."""


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
    at = 0
    for marked in _MARKED.finditer("".join(character for _, character in cells)):
        yield from _plain_runs(cells[at : marked.start()], row, japanese=japanese)
        text = "tight" if marked["text"] is None else "text"
        piece = cells[slice(*marked.span(text))]
        yield _run(piece, row, scale=_MARKS[cells[marked.start()][1]], japanese=japanese)
        at = marked.end()
    yield from _plain_runs(cells[at:], row, japanese=japanese)


def _plain_runs(cells: _Cells, row: int, *, japanese: bool) -> Iterator[Run]:
    piece: list[tuple[int, str]] = []
    blanks = 0
    for column, character in [*cells, (0, "─")]:
        if character in _BLANKS:
            blanks += 1
            continue
        if piece and (blanks > 1 or is_drawing(character)):
            yield _run(piece, row, scale=1.0, japanese=japanese)
            piece = []
        if not is_drawing(character):
            piece += [(column - 1, " ")] * bool(piece and blanks) + [(column, character)]
        blanks = 0


def _run(piece: _Cells, row: int, *, scale: float, japanese: bool) -> Run:
    text = " ".join("".join(character for _, character in piece).split())
    columns = sum(column_count(character, japanese=japanese) for character in text)
    return Run(text=text, row=row, column=piece[0][0], columns=columns, scale=scale)


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
