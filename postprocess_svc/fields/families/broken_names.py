"""Names that were set over two lines: where the legal form, or what is left of the name, stands below."""

from __future__ import annotations

from dataclasses import dataclass

from postprocess_svc.fields.candidate import Span, span
from postprocess_svc.fields.cells import Cell, column_below, find_cells
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import has_cjk

_HALF = "会社"
_DOT = "・"
_NEXT_ROWS = 3
_NEXT_LINE = 0.9
_SAME_SIZE = 1.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """The second line of a name."""

    cell: Cell
    piece: Span
    joint: str
    """What stands between the two lines in the name's value."""


def rest_of_name(context: DocumentContext, cell: Cell, name: str) -> Rest | None:
    """The line below a cell, where the name that the cell ends with goes on there.

    That is so where one of the two is nothing but a legal form (``株式会社`` over ``エコライフ``, ``X GmbH &`` over
    ``Co. KG``), half of one (``…株式`` over ``会社``), or trade words and a form (``Summit Office`` over ``Solutions
    Limited``). Any other two lines may be two names.
    """
    starts_here = names.is_japanese_form_alone(name)
    if not starts_here and not cell.text.endswith(_DOT) and not _may_go_on(context, cell):
        return None
    below = column_below(context, cell, limit=1, max_gap=_NEXT_LINE)
    if not below and cell.text.endswith(_DOT):
        below = _indented(context, cell)
    if below and _is_alike(cell, below[0]) and _breaks_off(cell.text, below[0].text):
        return Rest(cell=below[0], piece=span(below[0].facts, below[0].start, below[0].end), joint=_DOT)
    if not below or not _is_alike(cell, below[0]):
        return None
    other = below[0]
    if starts_here:
        goes_on = names.has_letters(other.text) and not names.has_japanese_form(other.text)
    else:
        goes_on = _goes_on(name, _without_honorific(other.text))
    if not goes_on:
        return None
    piece = span(other.facts, other.start, other.start + len(_without_honorific(other.text)))
    return Rest(cell=other, piece=piece, joint="" if has_cjk(other.text) else " ")


def _indented(context: DocumentContext, cell: Cell) -> list[Cell]:
    """The line below that begins further right, under the cell."""
    rows = context.shared(find_cells)
    number, extent = cell.facts.row.number + 1, cell.extent
    return [
        other
        for other in (rows[number] if number < len(rows) else ())
        if other.facts.row.page == cell.facts.row.page
        and extent.left < other.extent.left < extent.right
        and other.extent.top - extent.bottom < _NEXT_LINE * extent.height
    ]


def _breaks_off(text: str, below: str) -> bool:
    """アーススケール・ over データセンター株式会社."""
    return text.endswith(_DOT) and names.has_japanese_form(f"{text}{below}") and names.HONORIFIC.search(below) is None


def _goes_on(name: str, below: str) -> bool:
    if below.startswith(_HALF):
        return below == _HALF and names.ends_in_half_a_form(name)
    if names.has_japanese_form(name):
        return False
    if names.is_japanese_form_alone(below):
        return True
    if has_cjk(name):
        return False
    if name.endswith("&") or below.startswith("&"):
        return names.is_form_alone(below)
    return not names.has_latin_form(name) and (names.is_form_alone(below) or names.is_trade_with_form(below))


def _may_go_on(context: DocumentContext, cell: Cell) -> bool:
    """One of the next rows has a cell that may be the rest of a name: the cheap question, and few have."""
    rows = context.shared(find_cells)
    own = cell.facts.row.number
    return any(
        names.may_be_rest(_without_honorific(other.text))
        for row in rows[own + 1 : own + 1 + _NEXT_ROWS]
        for other in row
    )


def _without_honorific(text: str) -> str:
    match = None if text.isascii() else names.HONORIFIC.search(text)
    return text if match is None else text[: match.start()]


def _is_alike(cell: Cell, other: Cell) -> bool:
    """Set in type of about one size."""
    high, low = max(cell.extent.height, other.extent.height), min(cell.extent.height, other.extent.height)
    return high < _SAME_SIZE * max(1.0, low)
