"""The parts of a Japanese account that their form tells: branch, type, number; 記号 and 番号 of the post bank."""

from __future__ import annotations

import re

from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.accounts.draft import TYPES, Draft
from postprocess_svc.fields.accounts.lines import continuation
from postprocess_svc.fields.accounts.names import BRANCH, branch_over_two_lines, branch_start
from postprocess_svc.fields.accounts.real_banks import is_real_branch
from postprocess_svc.fields.cells import Cell
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.values.folding import read_digits
from postprocess_svc.fields.vocabulary import Role

_TYPE = re.compile(
    r"(?:普通|当座|貯蓄)(?:預金|貯金|口座)?|フツウ|トウザ|チョチク|チヨチク|[(\[]?(?:普|当|貯)[)\]]"
    r"|(?<![^\s\t:/)\]店部所])(?:普|当|貯)(?![^\s\t:/\d|])|(?:普|当|貯)(?=\s?\d{7}(?!\d))"
)
_CIRCLED = re.compile(r"([普当貯])[^\s()]{0,3}に[○◯〇丸]|[①②③◯〇○●◎☑☒✓✔■レ]\s?([普当貯])")
"""Which of several types that a form names is meant: 普通・当座 (普通に○), ①普通 2当座."""
_SHORT_NUMBER = re.compile(r"[\s:・/)\]]*(?:口座|番号|N[Oo0o]\.?|№|:|\s)*(?P<number>\d{4,5})(?![\d,.*/年月日円時-])")
"""Some banks' numbers are given without the noughts before them; right behind the type alone is that believed."""
_PLACED_BRANCH = re.compile(
    r"[\s:・/、()\[\]|]*(?:\(\d{1,5}\)\s*)?(?P<name>[\u4e00-\u9fff々ァ-ヶーぁ-ん]{1,8})[\s:・/、]*(?:[(\[]\d{1,4}[)\]])?[\s:・/、]*"
)
_TYPE_AFTER_KEY = re.compile(r"[\s:(\[]*([普当貯])")
_TYPE_IN_KEY = re.compile(
    r"(普通|当座|貯蓄)(?:預金)?\s*(?:口座)?(?:番号|NO\.?|ナンバー|Nr\.?)\W*(?:\(七桁\))?\W*$", re.IGNORECASE
)
_NO = re.compile(r"N[o0]\.$", re.IGNORECASE)
_TYPE_BEFORE_NO = re.compile(r"(?:普通|当座|貯蓄)(?:預金)?(?:口座)?\s*(?:No|NO|no|№)$")
"""普通預金 No.1234567: of this account, not of the document."""
_NUMBER = re.compile(
    r"(?<![\d*-])(\d{7}(?= \d\D)|\d{7}(?=\d[ァ-ヶぁ-ん])|\d(?: ?\d){5,7}|\d{3}-\d{4})(?![\d-](?![ァ-ヶぁ-ん]))"
)
"""Seven digits as a rule. An eighth with kana behind it is the holder's first letter, misread: 89532821ウエノ(1."""
BOXED_DIGITS = re.compile(r"(?<=\d)\|(?=\d)")
"""Digits in boxes of their own are read with the rules between them."""
_CODE_BEFORE = re.compile(
    r"(?:店番|支店コード|支店番号|銀行コード|金融機関コード|コード|TEL|電話|FAX|〒|登録番号|T)[^\d]{0,4}$",
    re.IGNORECASE,
)
_TOWN = re.compile(r"\s*[\u4e00-\u9fff]{1,8}[都道府県市区町村郡]")
_KEY_ALONE = "支店"
"""What is no name but the key before one, where no blank was read between: 支店 第四営業支店."""
_OTHER_NUMBERS = frozenset(
    {Role.INVOICE_NUMBER, Role.OTHER_NUMBER, Role.REGISTRATION, Role.TAX_NUMBER, Role.PHONE, Role.FAX}
)
_OF_ACCOUNTS = frozenset({Role.ACCOUNT_NUMBER, Role.ACCOUNT_TYPE, Role.POST_NUMBER, Role.POST_SYMBOL})
_POST_SYMBOL = re.compile(
    r"記号[^\d]{0,6}(\d{5}|\d{4,6}(?:-\d)?)|(?<!\d)(1\d{4})(?=\D{0,3}[番揺播]号)"  # 配号 13740 番号 …
)
_POST_NUMBER = re.compile(r"(?<!記号)[番揺播]号[^\d]{0,6}(\d{1,8})")
_POST_PAIR = re.compile(r"(?<!\d)(0\d{4}|1\d{4})\s?-\s?(?:(\d)\s?-\s?)?(\d{1,8})(?!\d)")
TRANSFER_ACCOUNT = re.compile(r"(?<![\d-])0\d{4}\s?-\s?\d\s?-\s?\d{1,7}(?![\d-])")
"""振替口座: its form alone says what it is, also where no bank is named."""


def take_by_form(draft: Draft, cell: Cell, start: int, end: int, key: Role | None) -> int | None:
    """Branch, type and number; where the number ends, None where there is none."""
    text = cell.facts.row.text[:end]
    if draft.branch is None:
        start = _take_branch(draft, cell, start, end)
    begin = start
    if draft.type is None:
        start = _take_type(draft, cell, start, end, key)
    digits = read_digits(BOXED_DIGITS.sub(" ", text))
    short = _SHORT_NUMBER.match(digits, start) if draft.type is not None and start > begin else None
    if short is not None:
        return draft.take_number(short["number"], cell, short.start("number"), short.end("number"))
    for match in _NUMBER.finditer(digits, start):
        number = re.sub(r"\D", "", match[1])
        if not 6 <= len(number) <= 8 or _CODE_BEFORE.search(digits[: match.start()]):
            continue
        if _is_other_number(cell, match.start()) or _is_postcode(cell, match):
            continue
        before = digits[: match.start()]
        if digits[match.end() : match.end() + 1] in {",", ".", "円", "-", "年"} or (
            before.endswith(("¥", ",", ".")) and _NO.search(before) is None
        ):
            continue
        if draft.type is None and draft.branch is None and not draft.labelled_number:
            continue
        is_open = "|" not in text[match.start() : match.end()]
        return draft.take_number(number, cell, match.start(), match.end(), is_open=is_open)
    return None


def _is_other_number(cell: Cell, start: int) -> bool:
    """A label right before it says that it is the number of something else (お問合せ番号 8812345)."""
    text = cell.facts.row.text
    return any(
        label.end <= start and label.roles & _OTHER_NUMBERS and not label.roles & _OF_ACCOUNTS
        for label in cell.facts.labels
        if not text[label.end : start].strip(" \t:.#()[]") and not _TYPE_BEFORE_NO.search(text[: label.end])
    )


def _is_postcode(cell: Cell, match: re.Match[str]) -> bool:
    """029-4102 before a town: a co-operative's own address under its name and branch."""
    return match[1][3:4] == "-" and _TOWN.match(cell.facts.row.text, match.end(), cell.end) is not None


def take_rest_of_branch(draft: Draft, context: DocumentContext, cell: Cell, start: int) -> int:
    """The branch whose name began at the end of the bank's line and ends in this cell; where what follows it begins."""
    if draft.rest is None or draft.branch is not None or start != cell.start:
        return start
    upper, at = draft.rest
    cut = branch_over_two_lines(upper.facts.row.text[at : upper.end], cell.text)
    if cut is None or continuation(context, upper) is not cell:
        return start
    draft.branch = draft.mark(upper, at + cut[0], upper.end) + draft.mark(cell, start, start + cut[1])
    return start + cut[1]


def _take_branch(draft: Draft, cell: Cell, start: int, end: int) -> int:
    """The branch's name; where what follows it begins."""
    text = cell.facts.row.text[:end]
    match = BRANCH.search(text, start)
    if match is not None and match[1] == _KEY_ALONE:
        match = BRANCH.search(text, match.end(1))
    if match is None:
        return _take_placed_branch(draft, cell, start, end)
    begin = branch_start(text, match.start(1), match.end(1), cell_start=cell.start)
    draft.branch = draft.mark(cell, begin, match.end(1))
    draft.branch_at = (cell, begin)
    return match.end(1)


def _take_placed_branch(draft: Draft, cell: Cell, start: int, end: int) -> int:
    """A name without a word for what it is, between bank and type, or in the next cell where the list has it."""
    text = cell.facts.row.text
    kind = _TYPE.search(text, start, end)
    is_behind_bank = start > cell.start and kind is not None
    match = _PLACED_BRANCH.fullmatch(text, start, kind.start() if is_behind_bank and kind is not None else end)
    if match is None or draft.number is not None:
        return start
    is_real = is_real_branch(draft.bank, match["name"])
    if not is_real and not is_behind_bank:
        return start
    draft.branch = draft.mark(cell, match.start("name"), match.end("name"))
    draft.branch_is_guessed = not is_real
    return match.end("name")


def _take_type(draft: Draft, cell: Cell, start: int, end: int, key: Role | None) -> int:
    """The type, also out of the number's key (普通口座番号); where what follows it begins."""
    text = cell.facts.row.text[:end]
    if key is Role.ACCOUNT_TYPE and (match := _TYPE_AFTER_KEY.match(text, start)) is not None:
        draft.type = TYPES[match[1]]
    elif (match := _TYPE.search(text, start)) is not None:
        draft.type = _meant_type(cell, match, end)
    elif key is Role.ACCOUNT_NUMBER and (within := _TYPE_IN_KEY.search(text[:start])) is not None:
        draft.type = TYPES[within[1][0]]
        return start
    if match is None:
        return start
    draft.mark(cell, match.start(), match.end(), is_open=False)
    return match.end()


def _meant_type(cell: Cell, match: re.Match[str], end: int) -> AccountType | None:
    """The type; of several that a form offers the one that is marked, None where none is."""
    text = cell.facts.row.text[:end]
    number = re.search(r"\d{4}", text[match.end() :])
    until = end if number is None else match.end() + number.start()
    kinds = [other[0].strip("([")[0] for other in _TYPE.finditer(text, match.start()) if other.start() < until]
    found = {TYPES[kind] for kind in kinds}
    if len(found) == 1:
        return TYPES[match[0].strip("([")[0]]
    circled = _CIRCLED.search(cell.facts.row.printed(max(cell.start, match.start() - 2), end))
    return None if circled is None else TYPES[circled[1] or circled[2]]


def take_post(draft: Draft, cell: Cell, start: int) -> int | None:
    """ゆうちょ accounts are named by 記号 and 番号; both together stand in ``number``, as the form prints them.

    The symbol may stand in one line or cell, its number in the next.

    Returns:
        Where the number ends; None where there is none.
    """
    row = read_digits(cell.facts.row.text)
    symbol = _POST_SYMBOL.search(row, max(0, start - 3))
    number = _POST_NUMBER.search(row, start if symbol is None else symbol.end())
    if symbol is not None and number is not None:
        printed = f"{symbol[1] or symbol[2]}-{number[1]}"
        begin, end = symbol.start(1) if symbol[1] else symbol.start(2), number.end(1)
    elif symbol is not None and symbol.end() <= cell.end:
        draft.symbol = symbol[1] or symbol[2]
        draft.mark(cell, symbol.start(), symbol.end())
        return None
    elif number is not None and draft.symbol is not None and number.end() <= cell.end:
        printed, begin, end = f"{draft.symbol}-{number[1]}", number.start(1), number.end(1)
    elif (pair := _POST_PAIR.search(row[: cell.end], start)) is not None:
        printed, begin, end = "-".join(part for part in pair.groups() if part), pair.start(), pair.end()
    else:
        return None
    draft.type = draft.type or (AccountType.ORDINARY if printed.startswith("1") else AccountType.CHECKING)
    draft.labelled_number = True
    return draft.take_number(printed, cell, begin, end)
