"""Whom a line with 御中, 様, 殿 or 先生 addresses: the lines above it and the cell beside it that say more."""

from __future__ import annotations

import re
from dataclasses import replace

from postprocess_svc.fields.cells import Cell, column_above, find_cells
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.families.broken_names import rest_of_name
from postprocess_svc.fields.families.name_parts import is_person
from postprocess_svc.fields.families.name_spans import has_form
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.addresses import is_address

_HOUSE = re.compile(r"(様|樣)(?:邸|宅)[ 、]?.{0,30}$")
_NO_HONORIFIC = re.compile(r"(?:仕|模|同|多|異|左|右|有|王|各|外|神)様$")
"""Words that end in 様: 工種・仕様."""
_BESIDE = 4.0
_INDENT, _INDENT_GAP, _LONE = 20.0, 0.9, 2


def beside_department(row: list[Cell], position: int) -> Cell | None:
    """The firm left of its department, set apart by a wide gap: 見本酒造協同組合    広報委員会 御中."""
    cell = row[position]
    match = honorific(cell.text) if position else None
    if match is None or not names.is_department(cell.text[: match.start()]):
        return None
    before = row[position - 1]
    is_near = cell.extent.left - before.extent.right < _BESIDE * cell.extent.height
    return before if is_near and (has_form(before.text) or names.has_trade_word(before.text)) else None


def is_persons_trade(above: Cell, cell: Cell, end: int) -> bool:
    """The line above says what a person trades as: ふじた青果 over 藤田 功 殿."""
    if not names.has_trade_word(above.text) or is_address(above.text) or any(map(str.isdigit, above.text)):
        return False
    return is_person(replace(cell, end=cell.start + end, text=cell.text[:end].rstrip()))


def first_line(context: DocumentContext, cell: Cell) -> Cell:
    """The line that a name begins on which a line ends: 公益社団法人 見本教育・ over 環境協議会."""
    above = line_above(context, cell)
    if above is None or not above.text.endswith("・"):
        return cell
    rest = rest_of_name(context, above, above.text.rstrip("・"))
    return above if rest is not None and rest.cell is cell else cell


def honorific(text: str) -> re.Match[str] | None:
    """御中, 様 or 殿 at the end of a line, or of whose house it tells: 様邸 外壁塗替工事."""
    if text.isascii():
        return None
    match = names.HONORIFIC.search(text) or _HOUSE.search(text)
    return None if match is None or _NO_HONORIFIC.search(text, 0, match.end()) is not None else match


def line_above(context: DocumentContext, cell: Cell) -> Cell | None:
    """The line right above: aligned, or one that this line is indented under; of a lone 様 far right, the line left."""
    aligned = column_above(context, cell, limit=1, max_gap=1.2)
    if aligned:
        return aligned[0]
    rows = context.shared(find_cells)
    own, extent = cell.facts.row.number, cell.extent
    row = rows[own - 1] if own else []
    near = [
        other
        for other in row
        if other.facts.row.page == cell.facts.row.page
        and -extent.height < extent.top - other.extent.bottom < _INDENT_GAP * extent.height
        and 0 < extent.left - other.extent.left < _INDENT * extent.height
        and (other.extent.right > extent.left or len(cell.text) <= _LONE)
    ]
    return near[-1] if near else None
