"""Holders that stand over the bank's name: with their key, or as the account's first line."""

from __future__ import annotations

import re
from itertools import zip_longest

from postprocess_svc.fields.accounts.draft import Draft
from postprocess_svc.fields.accounts.keys import BETWEEN, segments
from postprocess_svc.fields.accounts.unnamed_holders import is_banks_form
from postprocess_svc.fields.cells import Cell, column_above, find_cells
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.values.names import has_japanese_form
from postprocess_svc.fields.vocabulary import Role

_HEADING = re.compile(r"振込|口座|送金|入金|支払先")
_MAX_GAP_TO_HOLDER = 1.5


def holder_above(context: DocumentContext, first: Draft) -> tuple[Cell, int, int] | None:
    """A holder with its key in the line over an account."""
    rows = context.shared(find_cells)
    number = first.facts.row.number
    above = rows[number - 1] if number else []
    for cell, beside in zip_longest(above, above[1:]):
        gap = first.facts.row.top - cell.extent.bottom
        if cell.facts.row.page != first.facts.row.page or gap > _MAX_GAP_TO_HOLDER * cell.extent.height:
            continue
        for key, start, end in segments(cell, cell.start):
            if key is not Role.HOLDER:
                continue
            if cell.facts.row.text[start:end].strip(BETWEEN):
                return cell, start, end
            if beside is not None:
                return beside, beside.start, beside.end
    return None


def name_above(context: DocumentContext, draft: Draft) -> Cell | None:
    """A name right over the bank's, from the same edge: as banks write it, or a firm's under the account's heading."""
    rows = context.shared(find_cells)
    number = draft.facts.row.number
    start = min(piece.start for piece in draft.spans if piece.row.number == number)
    anchor = next(cell for cell in rows[number] if cell.start <= start < cell.end)
    above = column_above(context, anchor, limit=2, max_gap=_MAX_GAP_TO_HOLDER)
    if not above or abs(above[0].extent.left - anchor.extent.left) > anchor.extent.height or _is_labelled(above[0]):
        return None
    if is_banks_form(above[0].text):
        return above[0]
    is_under_heading = len(above) > 1 and _HEADING.search(above[1].text) is not None
    return above[0] if is_under_heading and has_japanese_form(above[0].text) else None


def _is_labelled(cell: Cell) -> bool:
    return any(cell.start <= label.start < cell.end for label in cell.facts.labels)
