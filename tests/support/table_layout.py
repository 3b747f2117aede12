"""Tables drawn by hand: texts at places and rulings, as the pixel side finds them, and what tables come of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ocr_core.contracts.geometry import Point, Quad
from ocr_core.contracts.reading import Ruling
from postprocess_svc.lines import PageLines, TextLine
from postprocess_svc.reading_order import in_reading_order
from postprocess_svc.tables import TextTable, find_tables, split_at_rulings
from tests.support.fields_layout import HEIGHT, WIDTH, Placed, line, width_px

CELL_PX = 44.0
PADDING_PX = 12.0


def rules(
    *, across: Iterable[float] = (), down: Iterable[float] = (), box: tuple[float, float, float, float]
) -> list[Ruling]:
    """Horizontal rulings at some y and vertical ones at some x, from side to side of a box."""
    left, top, right, bottom = box
    return [Ruling(start=(left, y), end=(right, y)) for y in across] + [
        Ruling(start=(x, top), end=(x, bottom)) for x in down
    ]


def grid(
    rows: Sequence[Sequence[str]], *, xs: Sequence[float], top: float = 400.0, height: float = CELL_PX
) -> tuple[list[TextLine], list[Ruling]]:
    """A ruled table: a text a cell, numbers set to the right; a text of several lines makes its row higher."""
    lines: list[TextLine] = []
    ys = [top]
    for row in rows:
        for x0, x1, cell in zip(xs, xs[1:], row, strict=False):
            for number, text in enumerate(cell.split("\n")):
                if text:
                    left = x1 - PADDING_PX - width_px(text, 28) if text[0] in "0123456789¥-" else x0 + PADDING_PX
                    lines.append(line(left, ys[-1] + 8 + 34 * number, text, 28))
        ys.append(ys[-1] + height + 34 * max(cell.count("\n") for cell in row))
    return lines, rules(across=ys, down=xs, box=(xs[0], ys[0], xs[-1], ys[-1]))


def page_of(
    lines: Iterable[TextLine], rulings: Sequence[Ruling] = (), *, skew_deg: float = 0.0, number: int = 1
) -> PageLines:
    """A page as the text pipeline makes it: split, ordered, with its tables."""
    if skew_deg:
        lines = [replace(each, quad=_turned_quad(each.quad, skew_deg)) for each in lines]
        rulings = [Ruling(start=turned(r.start, skew_deg), end=turned(r.end, skew_deg)) for r in rulings]
    ordered = in_reading_order(split_at_rulings(list(lines), rulings), skew_deg=skew_deg)
    page = PageLines(number=number, width_px=WIDTH, height_px=HEIGHT, lines=ordered, skew_deg=skew_deg)
    return replace(page, tables=find_tables(page, rulings))


def tables_of(
    lines: Iterable[TextLine | Placed], rulings: Sequence[Ruling] = (), *, skew_deg: float = 0.0
) -> tuple[TextTable, ...]:
    """The tables of a page."""
    placed = [each if isinstance(each, TextLine) else line(*each) for each in lines]
    return page_of(placed, rulings, skew_deg=skew_deg).tables


def texts(table: TextTable) -> list[list[str]]:
    """The texts of a table's cells, row by row."""
    return [[cell.text for cell in row] for row in table.rows]


def spans(table: TextTable) -> dict[str, tuple[int, int]]:
    """Rows and columns of the cells that have more than one of either."""
    return {
        cell.text: (cell.row_span, cell.column_span)
        for row in table.rows
        for cell in row
        if cell.row_span * cell.column_span > 1
    }


def turned(point: Point, angle_deg: float) -> Point:
    """A point turned about the page's middle."""
    x, y = point[0] - WIDTH / 2, point[1] - HEIGHT / 2
    sine, cosine = math.sin(math.radians(angle_deg)), math.cos(math.radians(angle_deg))
    return (x * cosine - y * sine + WIDTH / 2, x * sine + y * cosine + HEIGHT / 2)


def _turned_quad(quad: Quad, angle_deg: float) -> Quad:
    a, b, c, d = (turned(point, angle_deg) for point in quad)
    return (a, b, c, d)
