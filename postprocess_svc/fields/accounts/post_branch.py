"""The post bank's accounts as other banks pay to them: a branch whose code is spelt in kanji, and seven digits.

The same account has a symbol and a number of its own for those who pay from the post's bank: 記号 10180 番号 12345671
is 店名 〇一八 口座番号 1234567 (the branch is the symbol's second and third digit and 8, the number loses its last 1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.accounts.draft import TYPES, Draft
from postprocess_svc.fields.cells import Cell
from postprocess_svc.fields.values.folding import read_digits

_KANJI = "〇一二三四五六七八九"
_READ_AS = str.maketrans(
    dict.fromkeys("-ー―—‐−_", "一") | dict.fromkeys("○◯0OoC零", "〇") | dict.fromkeys("ハ入", "八")
)
_SIGN = r"[〇○◯0OoC零一二三四五六七八九ー―—‐−_-]"
_BRANCH = re.compile(
    rf"(?<![^\s:()\[\]】・、店名行|])({_SIGN}{{2}}[八九ハ入])(支店|店)?(?=[\s(\[・、,|]|店番|普|当|貯|支店|$)"
)
_CODE = re.compile(r"(?:店番|支店コード|番号)?\D{0,3}(\d{3})(?!\d)")
_TYPE = re.compile(r"[普当貯]")
_NUMBER = re.compile(r"(?<!\d)\d{6,7}(?!\d)")
_NEAR_CELLS = 4


def take_post_branch(draft: Draft, cells: Sequence[tuple[Cell, int]]) -> tuple[Cell, int] | None:
    """Branch, type and number, where the account is given so; where the number ends."""
    for place, (cell, start) in enumerate(cells):
        match = _BRANCH.search(cell.facts.row.text[: cell.end], start)
        if match is None:
            continue
        name = match[1].translate(_READ_AS)
        if any(sign not in _KANJI for sign in match[1]) and not _is_sure(cell, match, name):
            continue
        end = _take_number(draft, cells[place : place + _NEAR_CELLS], match.end())
        if end is not None:
            draft.branch = name + (match[2] or "")
            draft.mark(cell, match.start(1), match.end())
            return end
    return None


def _is_sure(cell: Cell, match: re.Match[str], name: str) -> bool:
    """A name with characters that had to be guessed: its code is printed behind it, or it is said to be a branch."""
    code = _CODE.search(cell.facts.row.text[match.end() : match.end() + 12])
    if code is not None:
        return code[1] == "".join(str(_KANJI.index(sign)) for sign in name)
    return match[2] is not None and sum(sign in _KANJI for sign in match[1]) > 1


def _take_number(draft: Draft, cells: Sequence[tuple[Cell, int]], after: int) -> tuple[Cell, int] | None:
    """The first number of six or seven digits behind a branch, in its cell or the next ones."""
    for place, (cell, start) in enumerate(cells):
        text = read_digits(cell.facts.row.text[: cell.end])
        begin = after if place == 0 else start
        kind = _TYPE.search(text, begin)
        if kind is not None and draft.type is None:
            draft.type = TYPES[kind[0]]
        number = _NUMBER.search(text, begin)
        if number is None:
            continue
        if "記号" in text[begin : number.start()]:
            return None
        draft.labelled_number = True
        draft.type = draft.type or AccountType.ORDINARY
        return cell, draft.take_number(number[0], cell, number.start(), number.end())
    return None


def is_same_post_account(by_branch: Draft, by_symbol: Draft) -> bool:
    """One account of the post's bank, by its branch and by its symbol."""
    symbol, _, number = (by_symbol.number or "").partition("-")
    branch = (by_branch.branch or "").removesuffix("支店").removesuffix("店")
    if len(symbol) != 5 or not number.endswith("1") or len(branch) != 3:
        return False
    code = "".join(str(_KANJI.find(sign)) for sign in branch)
    return code[:2] == symbol[1:3] and number[:-1].zfill(7) == (by_branch.number or "").zfill(7)
