"""Blocks of an address or an account that stand beside sums, level with their rows and no column of theirs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from postprocess_svc.tables.cells import Cell, Row
from postprocess_svc.tables.level import LevelPage

_OF_A_BLOCK = re.compile(
    r"〒|\d{3}-\d{4}|銀行|信用?金庫?|農協|支店|普通|当座|口座|振込|振替|名義|株式会社|有限会社|㈱|㈲|電話|登録番号|T\d{13}"
    r"|[都道府県市区郡町村].{0,12}\d|(?:TEL|FAX|Tel|Fax|IBAN|BIC|SWIFT|Bank|Account)\b|@[\w.]+\.|https?:|www\."
)
"""What addresses and accounts are made of."""
_NAMES_SUM = re.compile(r"[計税額費残]|請求|支払|total|tax|vat|due|amount|betrag|summe|mwst|ust|totaal", re.IGNORECASE)
"""What sums are called; rents that are listed by address have other names."""
_MIN_SHARE = 0.5
"""Of the texts beside sums, so many are of that kind at least."""
_APART = 1.0
"""White between such a block and the sums, in line heights."""


def without_strangers(rows: list[Row], start: int, end: int, page: LevelPage) -> bool:
    """Take blocks beside the sums out of the last rows of a table; whether there were any.

    Args:
        rows: Of the page; those that hold nothing but a part of such a block are taken out.
        start: The table's first row.
        end: Behind its last one.
        page: The page.
    """
    taken = _take_out(rows, start, end, page, left=True)
    return taken or _take_out(rows, start, end, page, left=False)


def _take_out(rows: list[Row], start: int, end: int, page: LevelPage, *, left: bool) -> bool:
    """The block at one side: of the last rows that are a sum's name and its value, and something beside them."""
    apart = _APART * page.em
    beside: list[tuple[Row, Cell]] = []
    sums = 0
    lone: list[Row] = []
    edge: float | None = None
    for row in reversed(rows[start:end]):
        found = _split(row.cells, apart, left=left)
        if found is not None:
            stranger, near = found
            beside.append((row, stranger))
            sums += any(_NAMES_SUM.search(_text(cell, page)) for cell in row.cells if cell is not stranger)
            edge = near if edge is None else (min(edge, near) if left else max(edge, near))
        elif len(row.cells) == 1:
            lone.append(row)
        elif not _is_sum(row.cells):
            break
    if edge is None or sums < _MIN_SHARE * len(beside):
        return False
    lone = [row for row in lone if (row.right < edge if left else row.left > edge)]
    texts = [_text(cell, page) for _, cell in beside] + [_text(row.cells[0], page) for row in lone]
    if sum(_OF_A_BLOCK.search(text) is not None for text in texts) < _MIN_SHARE * len(texts):
        return False
    for row, cell in beside:
        row.cells.remove(cell)
    gone = {id(row) for row in lone}
    rows[:] = [row for row in rows if id(row) not in gone]
    return True


def _split(cells: Sequence[Cell], apart: float, *, left: bool) -> tuple[Cell, float] | None:
    """What stands beside a sum's name and value, and where these begin or end; None where the row is no such."""
    if len(cells) != 3:
        return None
    stranger, rest = (cells[0], cells[1:]) if left else (cells[2], cells[:2])
    if stranger.is_value or not _is_sum(rest):
        return None
    near = rest[0].left if left else rest[-1].right
    white = near - stranger.right if left else stranger.left - near
    return (stranger, near) if white > apart else None


def _is_sum(cells: Sequence[Cell]) -> bool:
    return len(cells) == 2 and not cells[0].is_value and cells[1].is_value


def _text(cell: Cell, page: LevelPage) -> str:
    return " ".join([page.lines[index].text for index in cell.members])
