"""Numbers that no label speaks for: over, under or beside the document's date at its head, or alone in its first line.

Offices, craftsmen and lawyers head their letters so::

                                        26A-01877        No. 8-1103 without the "No."
                                  2026年10月1日
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.cells import Cell, find_cells, is_aligned
from postprocess_svc.fields.context import DocumentContext, Language, RowFacts
from postprocess_svc.fields.families.date_words import ALL_OF_CELL, TIME, cell_around
from postprocess_svc.fields.values.numbers import is_whole_code
from postprocess_svc.fields.vocabulary import Role

_HEAD = 0.4
"""Of the page: below it stand sums, items and accounts."""
_MAX_GAP = 1.6
"""Line heights between a number and the date that it stands over or under."""
_OF_THE_DOCUMENT = frozenset({Role.ISSUE_DATE, Role.DATE})
_ITEM_COLUMNS = frozenset({Role.COLUMN, Role.COUNT, Role.UNIT_PRICE, Role.AMOUNT})
_TITLES = frozenset({Role.TITLE_INVOICE, Role.TITLE_RECEIPT})
_ELSEWHERE = re.compile(r"\d{3}-\d{4}|\d{5}-\d{4}|0\d{1,4}-\d{1,4}-\d{3,4}|[A-Z]{2}\d{8,}|T\d{13}")
"""Postcodes, telephones, VAT ids and registration numbers stand alone in a cell too."""


@value
class UnlabelledNumber:
    """A cell that is a number and nothing else, with what its place says of it."""

    cell: Cell
    by_date: bool
    """It stands right over, right under or beside the document's date."""


def unlabelled_numbers(context: DocumentContext) -> list[UnlabelledNumber]:
    """Those of the first page's head, from the top down."""
    rows = context.shared(find_cells)
    head = list(_head(context))
    date = next((cell for facts in head for cell in rows[facts.row.number] if _is_date(facts, cell)), None)
    found: list[UnlabelledNumber] = []
    for facts in head:
        for before, cell in zip([None, *rows[facts.row.number]], rows[facts.row.number], strict=False):
            if not _is_number(context, facts, cell) or (before is not None and _may_name(before)):
                continue
            by_date = date is not None and _is_beside(cell, date)
            is_alone = facts.row.number == 0 and len(rows[0]) == 1 and _has_letters_and_groups(cell.text)
            if by_date or is_alone:
                found.append(UnlabelledNumber(cell=cell, by_date=by_date))
    return found


def _head(context: DocumentContext) -> Iterator[RowFacts]:
    """The first page's rows down to its items."""
    for facts in context.facts:
        is_below = facts.page.depth(facts.row.extent(0, len(facts.row.text))) > _HEAD
        if facts.row.page != context.facts[0].row.page or is_below:
            return
        if sum(1 for label in facts.labels if label.roles & _ITEM_COLUMNS) > 1:
            return
        yield facts


def _is_date(facts: RowFacts, cell: Cell) -> bool:
    """A date is all of a cell but for its own label, a weekday or a time."""
    for date in facts.dates:
        if date.compact or date.year is None or not cell.start <= date.start < cell.end:
            continue
        text, before = cell_around(facts, date)
        after = text[len(before) + date.end - date.start :]
        named = [label for label in facts.labels if cell.start <= label.start < date.start]
        is_own = not before.strip() or (bool(named) and all(label.roles & _OF_THE_DOCUMENT for label in named))
        if is_own and (ALL_OF_CELL.match(after) is not None or TIME.match(after) is not None):
            return True
    return False


def _is_number(context: DocumentContext, facts: RowFacts, cell: Cell) -> bool:
    """All of a cell is somebody's number, and neither a date nor a sum; outside Japan it has letters."""
    if not is_whole_code(cell.text) or _ELSEWHERE.fullmatch(cell.text) is not None:
        return False
    is_asian = context.language in {Language.JAPANESE, Language.CHINESE}
    if not is_asian and not any(map(str.isalpha, cell.text)):
        return False
    if any(label.start < cell.end and cell.start < label.end for label in facts.labels):
        return False
    return not any(date.start < cell.end and cell.start < date.end for date in facts.dates)


def _may_name(cell: Cell) -> bool:
    """Words without a digit right before a number may be a label that nobody knows: お得意様コード; titles are none."""
    if not cell.has_letters or any(map(str.isdigit, cell.text)):
        return False
    return not any(label.roles & _TITLES and cell.start <= label.start < cell.end for label in cell.facts.labels)


def _is_beside(cell: Cell, date: Cell) -> bool:
    """In the date's row, or in the line over or under it and aligned with it."""
    if cell.facts is date.facts:
        return cell is not date
    if abs(cell.facts.row.number - date.facts.row.number) != 1 or not is_aligned(cell.extent, date.extent):
        return False
    upper, lower = sorted((cell.extent, date.extent), key=lambda extent: extent.top)
    return lower.top - upper.bottom < _MAX_GAP * min(upper.height, lower.height)


def _has_letters_and_groups(text: str) -> bool:
    return any(map(str.isalpha, text)) and any(mark in text for mark in "-/")
