"""Japanese accounts in tables: under a row of keys (銀行名, 支店名, 種別 …), or beside a column of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from ocr_core.contracts.geometry import bounds
from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.accounts.debits import is_debited
from postprocess_svc.fields.accounts.draft import TYPES, WITHOUT_ITS_HOLDER, Draft, TableAccountCandidate, features_of
from postprocess_svc.fields.accounts.firms import Agreement
from postprocess_svc.fields.accounts.holder_text import SAME_AS_BEFORE, name_within
from postprocess_svc.fields.accounts.holders import SettledName, carried, is_half_width, settled_name, take_holder
from postprocess_svc.fields.accounts.names import is_bank, mended_name, split_bank
from postprocess_svc.fields.accounts.parts import BOXED_DIGITS
from postprocess_svc.fields.accounts.real_banks import real_bank, real_branch
from postprocess_svc.fields.accounts.records import Record, find_records
from postprocess_svc.fields.accounts.romanised import type_of
from postprocess_svc.fields.accounts.shared_holders import holder_beside
from postprocess_svc.fields.accounts.zengin import Doubt
from postprocess_svc.fields.candidate import BankDetails
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.values.folding import fold, has_cjk, read_digits
from postprocess_svc.fields.vocabulary import Role
from postprocess_svc.lines import TextLine
from postprocess_svc.tables.table import TextCell

_HOLDERS = frozenset({Role.HOLDER, Role.HOLDER_READING})
_LEAST_DIGITS, _MOST_DIGITS = 4, 8
_TYPE = re.compile(r"[普当貯]")
_CODE = re.compile(r"\s*[(（]\d+[)）]\s*|\s*\d{3,4}\s*$")
_POST = re.compile(r"(?:記号\D{0,6}|(?<!\d))([01]\d{4})\D{0,12}?番号\D{0,6}(\d{1,8})")
_TRANSFER = re.compile(r"(?<!\d)(0\d{4})-(\d)-(\d{1,7})(?!\d)")


def table_accounts(context: DocumentContext) -> Iterator[TableAccountCandidate]:
    """Every account that a table of the document holds."""
    for table in context.tables:
        records = find_records(table)
        shared = None if any(map(_HOLDERS.intersection, records)) else _shared_holder(context, records)
        for number, record in enumerate(records):
            if number and _is_as_before(record):
                records[number] = {**record, Role.HOLDER: records[number - 1].get(Role.HOLDER, ())}
            candidate = _candidate(context, records[number], table.page, shared)
            if candidate is not None:
                yield candidate


def _is_as_before(record: Record) -> bool:
    """Its holder is printed as 同上."""
    return SAME_AS_BEFORE.fullmatch(fold(_joined([cell.text for cell in record.get(Role.HOLDER, ())]))) is not None


def _shared_holder(context: DocumentContext, records: Sequence[Record]) -> SettledName | None:
    """The holder of all a table's accounts, printed with its key below or above the table."""
    lines = [line for record in records for cells in record.values() for cell in cells for line in cell.lines]
    numbers = sorted({_row_of(context, line) for line in lines} - {-1})
    part = holder_beside(context, numbers[0], numbers[-1]) if numbers else None
    if part is None:
        return None
    draft = Draft(facts=part[0].facts)
    take_holder(draft, context, *part)
    agreement = Agreement.PART if draft.holder_agrees else Agreement.NONE
    return SettledName(name=draft.holder, agreement=agreement) if draft.holder is not None else None


def _candidate(
    context: DocumentContext, record: Record, page: int, shared: SettledName | None
) -> TableAccountCandidate | None:
    printed = {role: _joined([cell.text for cell in cells]) for role, cells in record.items()}
    text = {role: fold(part) for role, part in printed.items()}
    digits_text = read_digits(BOXED_DIGITS.sub("", text.get(Role.ACCOUNT_NUMBER, "")))
    post = _POST.search(read_digits(" ".join(text.values())))
    transfer = _TRANSFER.search(digits_text.replace(" ", ""))
    digits = re.sub(r"\D", "", digits_text)
    if post is not None:
        number = f"{post[1]}-{post[2]}"
    elif transfer is not None:
        number = transfer[0]
    elif _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS and "*" not in digits_text:
        number = digits
    else:
        return None
    is_postal = post is not None or transfer is not None
    bank, branch = _bank_and_branch(text)
    if bank is not None:
        bank = real_bank(bank, _doubt(bank, record.get(Role.BANK, ())))
    if branch is not None:
        branch = real_branch(bank, branch, _doubt(branch, record.get(Role.BRANCH, ())))
    lines = tuple(line for cells in record.values() for cell in cells for line in cell.lines)
    of_holder = Role.HOLDER if Role.HOLDER in record else Role.HOLDER_READING
    holder = _holder(context, printed.get(of_holder), record.get(of_holder, ())) or shared
    agreement = Agreement.NONE if holder is None else holder.agreement
    details = BankDetails(
        bank=bank,
        branch=None if is_postal else branch,
        type=_type(text, number),
        number=number,
        holder=None if holder is None else holder.name,
    )
    return TableAccountCandidate(
        value=details,
        evidence=(),
        features={
            **features_of(
                details,
                agrees=agreement is not Agreement.NONE,
                is_debited=is_debited(context, {_row_of(context, line) for line in lines} - {-1}),
            ),
            "labelled_number": 1.0,
            "tabular": 1.0,
            "post_symbol": float(is_postal),
        },
        lines=lines,
        on_page=page,
        certainty=WITHOUT_ITS_HOLDER if holder is not None and holder.name is None else 1.0,
        reading=min(_open_confidences(record, is_holder_settled=agreement is Agreement.WHOLE)),
    )


def _doubt(name: str, cells: Sequence[TextCell]) -> Doubt:
    """The recogniser's confidence in the characters of a name; sure where the line that has all of it is not found."""
    for cell in cells:
        for line in cell.lines:
            at = fold(line.text).find(name)
            if at >= 0 and len(fold(line.text)) == len(line.text):
                return partial(_confidence_at, line, at)
    return lambda _: 1.0


def _confidence_at(line: TextLine, at: int, index: int) -> float:
    return line.span_confidence(at + index, at + index + 1)


def _joined(parts: Sequence[str]) -> str:
    """The lines of a part as one text: Japanese is cut anywhere."""
    return "".join(part.strip() for part in parts)


def _bank_and_branch(text: Mapping[Role, str]) -> tuple[str | None, str | None]:
    bank, branch = _name(text.get(Role.BANK)), _name(text.get(Role.BRANCH))
    if bank is None and branch is not None and is_bank(branch):
        bank, branch = branch, None  # the columns of a table that lost its first rule
    if branch is None and Role.BANK in text:
        # One column for both: みほん銀行 渋谷支店.
        named, branch = split_bank(text[Role.BANK])
        bank = named or bank
    return None if bank is None else mended_name(bank), branch


def _type(text: Mapping[Role, str], number: str) -> AccountType | None:
    if "-" in number:
        return AccountType.CHECKING if number.startswith("0") else AccountType.ORDINARY
    kind = _TYPE.search(text.get(Role.ACCOUNT_TYPE, "") or text.get(Role.ACCOUNT_NUMBER, ""))
    return TYPES[kind[0]] if kind is not None else type_of(text.get(Role.ACCOUNT_TYPE, ""))


def _holder(context: DocumentContext, printed: str | None, cells: Sequence[TextCell]) -> SettledName | None:
    if printed is None or sum(map(str.isalpha, printed)) < 2:
        return None
    start, end = name_within(fold(printed)) if len(fold(printed)) == len(printed) else (0, len(printed))
    printed = printed[start:end]
    lines = [line for cell in cells for line in cell.lines]
    row, box = _row_of(context, lines[0]), bounds(lines[0].quad)
    is_narrow = is_half_width(lines[0].text, box.right - box.left, box.bottom - box.top)
    read = [c for line in lines for c in line.character_confidences or [line.confidence] * len(line.text)]
    confidences = carried(read, "".join(line.text for line in lines), printed.strip())
    return settled_name(context, printed.strip(), confidences, row=row, half_width=is_narrow)


def _row_of(context: DocumentContext, line: TextLine) -> int:
    """The row of the document's index that a line stands in; -1 where it is in none."""
    rows = context.shared(_rows_by_line)
    return rows.get(id(line), -1)


def _rows_by_line(context: DocumentContext) -> dict[int, int]:
    return {id(piece.line): facts.row.number for facts in context.facts for piece in facts.row.pieces}


def _open_confidences(record: Record, *, is_holder_settled: bool) -> Iterator[float]:
    """The confidences of the lines that might read anything: no type is among them, and no firm that was read twice."""
    for role, cells in record.items():
        if role is Role.HOLDER and is_holder_settled:
            continue
        for cell in cells:
            for line in cell.lines:
                if role is not Role.ACCOUNT_TYPE or _TYPE.search(line.text) is None:
                    yield line.confidence


def _name(text: str | None) -> str | None:
    """A bank's or branch's name without its code; a cell may have broken it in two."""
    if text is None:
        return None
    name = _CODE.sub("", text)
    return (name.replace(" ", "") if has_cjk(name) else name.strip()) or None
