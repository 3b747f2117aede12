"""Japanese accounts in tables: under a row of keys (銀行名, 支店名, 種別 …), or beside a column of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise

from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.candidate import BankDetails, LinesCandidate
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.families.japanese_accounts import split_bank
from postprocess_svc.fields.labels import squash
from postprocess_svc.fields.values.folding import fold, read_digits
from postprocess_svc.fields.vocabulary import Role, wordings
from postprocess_svc.tables.table import TextCell, TextTable

_KEYS = (Role.BANK, Role.BRANCH, Role.ACCOUNT_TYPE, Role.ACCOUNT_NUMBER, Role.HOLDER)
_MIN_KEYS = 3
_TYPES = {"普": AccountType.ORDINARY, "当": AccountType.CHECKING, "貯": AccountType.SAVINGS}
_TYPE = re.compile(r"[普当貯]")
_CODE = re.compile(r"\s*[(（]\d+[)）]\s*|\s*\d{3,4}\s*$")
_POST = re.compile(r"記号\D{0,6}(\d{5})\D{0,12}?番号\D{0,6}(\d{1,8})")
_ENDS_OF_KEYS = re.compile(r"(?:欄|名)?(?:\((?:カナ|力ナ|カタカナ|フリガナ)\))?[::]?$")

_BANKS = ("銀行", "銀行名", "金融機関", "金融機関名", "取引銀行", "振込先銀行")
_BRANCHES = ("支店", "支店名", "店名", "本支店", "本支店名")

Record = Mapping[Role, TextCell]


def table_accounts(context: DocumentContext) -> Iterator[LinesCandidate]:
    """Every account that a table of the document holds."""
    for table in context.tables:
        for record in (*_under_keys(table), *_beside_keys(table)):
            candidate = _candidate(record, table.page)
            if candidate is not None:
                yield candidate


def _under_keys(table: TextTable) -> Iterator[Record]:
    columns: dict[int, Role] = {}
    for row in table.rows:
        keys = {cell.column: role for cell in row if (role := _key(cell.text)) is not None}
        if len(set(keys.values())) >= _MIN_KEYS:
            columns = keys
        elif columns:
            yield {columns[cell.column]: cell for cell in row if cell.column in columns and cell.lines}


def _beside_keys(table: TextTable) -> Iterator[Record]:
    """Keys with their values to the right; an account is complete when its first key comes again."""
    record: dict[Role, TextCell] = {}
    for row in table.rows:
        for cell, value in pairwise(row):
            role = _key(cell.text)
            if role is None or not value.lines or _key(value.text) is not None:
                continue
            if role in record:
                if len(record) >= _MIN_KEYS:
                    yield record
                record = {}
            record[role] = value
    if len(record) >= _MIN_KEYS:
        yield record


def _key(text: str) -> Role | None:
    """The part of an account that a cell names, if that is all it says."""
    return _roles().get(_ENDS_OF_KEYS.sub("", squash(text)))


@cache
def _roles() -> dict[str, Role]:
    found: dict[str, Role] = {}
    for role in _KEYS:
        for wording in wordings()[role]:
            found.setdefault(_ENDS_OF_KEYS.sub("", squash(wording)), role)
    # Words that say nothing elsewhere head a column here; two headings in one are the bank's.
    lone = {"銀行": Role.BANK, "口座": Role.ACCOUNT_NUMBER, "番号": Role.ACCOUNT_NUMBER, "店": Role.BRANCH}
    both = {f"{bank}{mark}{branch}": Role.BANK for bank in _BANKS for branch in _BRANCHES for mark in ("・", "/", "")}
    return found | lone | both


def _candidate(record: Record, page: int) -> LinesCandidate | None:
    text = {role: fold(cell.text) for role, cell in record.items()}
    whole = " ".join(text.values())
    post = _POST.search(read_digits(whole))
    digits = re.sub(r"\D", "", read_digits(text.get(Role.ACCOUNT_NUMBER, "")))
    if post is not None:
        number = f"{post[1]}-{post[2]}"
    elif 6 <= len(digits) <= 8:
        number = digits
    else:
        return None
    bank, branch = _name(text.get(Role.BANK)), _name(text.get(Role.BRANCH))
    if branch is None and Role.BANK in text:
        # One column for both: みほん銀行 渋谷支店.
        named, branch = split_bank(text[Role.BANK])
        bank = named or bank
    kind = _TYPE.search(text.get(Role.ACCOUNT_TYPE, "") or text.get(Role.ACCOUNT_NUMBER, ""))
    holder = record[Role.HOLDER].text.strip() if Role.HOLDER in record else None
    details = BankDetails(
        bank=bank,
        branch=None if post is not None else branch,
        type=AccountType.ORDINARY if post is not None else (_TYPES[kind[0]] if kind is not None else None),
        number=number,
        holder=holder or None,
    )
    lines = tuple(line for cell in record.values() for line in cell.lines)
    return LinesCandidate(value=details, evidence=(), features=_features(details), lines=lines, on_page=page)


def _features(details: BankDetails) -> dict[str, float]:
    parts: Sequence[tuple[str, object]] = (
        ("bank", details.bank),
        ("branch", details.branch),
        ("type", details.type),
        ("holder", details.holder),
    )
    return {
        **{name: float(part is not None) for name, part in parts},
        "labelled_number": 1.0,
        "tabular": 1.0,
        "usual_length": float(len(details.number) == 7),
        "post_symbol": float("-" in details.number),
    }


def _name(text: str | None) -> str | None:
    """A bank's or branch's name without its code; a cell may have broken it in two."""
    return None if text is None else _CODE.sub("", text).replace(" ", "") or None
