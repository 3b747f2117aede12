"""Records of accounts in tables: cells under a row of keys (銀行名, 支店名, 種別 …), or beside a column of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

from ocr_core.contracts.geometry import bounds
from postprocess_svc.fields.accounts.keys import nearly_key
from postprocess_svc.fields.values.folding import fold, squash
from postprocess_svc.fields.vocabulary import Role, wordings
from postprocess_svc.lines import TextLine
from postprocess_svc.tables.table import TextCell, TextTable, joined_text

_KEYS = (
    Role.BANK,
    Role.BRANCH,
    Role.ACCOUNT_TYPE,
    Role.ACCOUNT_NUMBER,
    Role.HOLDER,
    Role.HOLDER_READING,
)
_MIN_KEYS = 3
_ENDS_OF_KEYS = re.compile(r"(?:欄|名)?(?:\((?:カナ|力ナ|カタカナ|フリガナ)\))?[::]?$")
_HOLDER_ENDING = re.compile(r"^.{0,4}名義人?$")
"""力十名義 and what else is made of カナ名義."""
_MAX_LINE_GAP = 0.9
"""Line heights between two lines of one cell that stand in rows of their own."""
_LEAST_NEARLY = 4

_BANKS = ("銀行", "銀行名", "金融機関", "金融機関名", "取引銀行", "振込先銀行")
_BRANCHES = ("支店", "支店名", "店名", "本支店", "本支店名")

Row = Sequence[TextCell]
Record = Mapping[Role, Sequence[TextCell]]
"""The cells of each part: more than one where a part goes on in the next row."""


def find_records(table: TextTable) -> list[Record]:
    """The accounts of a table; none where its cells are no keys."""
    # Each text is looked at once, though a key may stand over its values or beside them.
    texts = {cell.text for row in table.rows for cell in row}
    keys = {text: _key(text) for text in texts}
    rows = [part for row in table.rows for part in _printed_rows(row, keys)]
    if not any(keys.values()):
        return []
    beside = list(_columns_beside_keys(rows, keys)) or list(_beside_keys(rows, keys))
    return [*_under_keys(rows, keys), *beside]


def _printed_rows(row: Row, key_of: dict[str, Role | None]) -> list[Row]:
    """A row whose first cell holds a key a line, without rules between, as a row a line."""
    if not row or len(row) < 2 or len(row[0].lines) < 2 or key_of[row[0].text] is not None:
        return [row]
    keys = [_key(line.text) for line in row[0].lines]
    if None in keys:
        return [row]
    rows: list[list[TextCell]] = [[] for _ in keys]
    for cell in row:
        for at, key_line in enumerate(row[0].lines):
            level = tuple(line for line in cell.lines if _is_level(line, key_line))
            rows[at].append(replace(cell, lines=level, text=joined_text(level) if level else ""))
    for part in rows:
        for cell in part:
            if cell.text not in key_of:
                key_of[cell.text] = _key(cell.text)
    return [tuple(part) for part in rows]


def _is_level(line: TextLine, other: TextLine) -> bool:
    one, two = bounds(line.quad), bounds(other.quad)
    return abs(one.top + one.bottom - two.top - two.bottom) < one.bottom - one.top


def _under_keys(rows: Sequence[Row], key_of: Mapping[str, Role | None]) -> Iterator[Record]:
    columns: dict[int, Role] = {}
    record: dict[Role, list[TextCell]] = {}
    for row in rows:
        keys = {cell.column: role for cell in row if (role := key_of[cell.text]) is not None}
        if len(set(keys.values())) >= _MIN_KEYS:
            if record:
                yield record
            columns, record = keys, {}
        elif columns:
            found = _by_column(row, columns)
            if record and _goes_on(record, found):
                for role, cell in found.items():
                    record.setdefault(role, []).append(cell)
                continue
            if record:
                yield record
            record = {role: [cell] for role, cell in found.items()}
    if record:
        yield record


def _by_column(row: Sequence[TextCell], columns: Mapping[int, Role]) -> dict[Role, TextCell]:
    """A row's cells by the keys over them."""
    return {columns[cell.column]: cell for cell in row if cell.column in columns and cell.lines}


def _goes_on(record: Mapping[Role, Sequence[TextCell]], found: Mapping[Role, TextCell]) -> bool:
    """Whether a row holds nothing but the second lines of the row above: close under it, and without a number."""
    if not found or Role.ACCOUNT_NUMBER not in record or Role.ACCOUNT_NUMBER in found:
        return False
    if any(re.search(r"\d{4}", fold(cell.text)) for cell in found.values()):
        return False
    for role, cell in found.items():
        if role in record and cell.lines and record[role][-1].lines:
            upper = bounds(*(line.quad for line in record[role][-1].lines))
            lower = bounds(*(line.quad for line in cell.lines))
            height = bounds(cell.lines[0].quad)
            return lower.top - upper.bottom < _MAX_LINE_GAP * (height.bottom - height.top)
    return False


def _beside_keys(rows: Sequence[Row], key_of: Mapping[str, Role | None]) -> Iterator[Record]:
    """Keys with their values to the right; an account is complete when its first key comes again."""
    record: dict[Role, list[TextCell]] = {}
    for row in rows:
        for cell, value in pairwise(row):
            role = key_of[cell.text]
            if role is None or not value.lines or key_of[value.text] is not None:
                continue
            if role in record:
                if len(record) >= _MIN_KEYS:
                    yield record
                record = {}
            record[role] = [value]
    if len(record) >= _MIN_KEYS:
        yield record


def _columns_beside_keys(rows: Sequence[Row], key_of: Mapping[str, Role | None]) -> Iterator[Record]:
    """Accounts side by side in columns, right of a column of their keys."""
    columns: defaultdict[int, dict[Role, list[TextCell]]] = defaultdict(dict)
    for row in rows:
        role = key_of[row[0].text] if row else None
        if role is None or any(key_of[cell.text] is not None for cell in row[1:]):
            continue
        for cell in row[1:]:
            if cell.lines:
                columns[cell.column].setdefault(role, [cell])
    records = [record for record in columns.values() if len(record) >= _MIN_KEYS]
    if len(records) > 1:
        yield from records


def _key(text: str) -> Role | None:
    """The part of an account that a cell names, if that is all it says; one of its characters may be misread."""
    if not text:
        return None
    squashed = squash(text)
    known = _roles().get(_ENDS_OF_KEYS.sub("", squashed))
    if known is not None or len(squashed) < _LEAST_NEARLY:
        return known
    if _HOLDER_ENDING.search(squashed) is not None:
        return Role.HOLDER
    nearly = nearly_key(squashed)
    return nearly if nearly in _KEYS else None


@cache
def _roles() -> dict[str, Role]:
    found: dict[str, Role] = {}
    for role in _KEYS:
        for wording in wordings()[role]:
            found.setdefault(_ENDS_OF_KEYS.sub("", squash(wording)), role)
    # Words that say nothing elsewhere head a column here; two headings in one are the bank's.
    lone = {"銀行": Role.BANK, "口座": Role.ACCOUNT_NUMBER, "番号": Role.ACCOUNT_NUMBER, "店": Role.BRANCH}
    lone |= {"type": Role.ACCOUNT_TYPE, "account": Role.ACCOUNT_NUMBER, "name": Role.HOLDER}
    both = {f"{bank}{mark}{branch}": Role.BANK for bank in _BANKS for branch in _BRANCHES for mark in ("・", "/", "")}
    return found | lone | both
