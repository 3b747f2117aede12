"""Names of banks and branches, and where they stand among the words that announce them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postprocess_svc.fields.accounts.blanks import blanks
from postprocess_svc.fields.accounts.real_banks import is_real_bank, real_ending
from postprocess_svc.fields.cells import Cell
from postprocess_svc.fields.vocabulary import Role

BANK = re.compile(
    r"([^\s\t:()\[\]/、,。・|]{1,14}?(?:(?<=[A-Z]) )?(?:銀行|信用金庫|信用組合|信用[農漁]業協同組合連合会|農業協同組合"
    r"|漁業協同組合|労働金庫|信金|信組|労金|農協))"
    r"(?!か[らの](?! ?:)|以外|より|窓口|本支店|カード|印|口座|振込(?!第)|振替|コード|等|お|ご"
    r"|を|に|の|へ|は|が|引|側|員|名(?!古屋|東|西|港|南|北|駅|鉄|取|寄|張|護|瀬|城|神))"
    r"|(ゆうち[ょよ](?:銀行)?|(?<![A-Za-z])JA[^\s\t:()/、,|\d]{1,14}|郵便局(?!か[らの])"
    r"|商工中金|(?:商工組合|信金)中央金庫|農林中金|農林中央金庫)"
)
BANK_WORD = re.compile(r"銀行|信[用金組]|協同組合|労[働金]|農協|ゆうち|JA|郵便局|中央?金")
"""The cheap question before the dear one."""
BRANCH = re.compile(
    r"([^\s\t:()\[\]/、,。|]{1,12}?(?:支店|営業部|出張所|支所|(?<=本)所|営業所|店(?![\u4e00-\u9fff]{0,4}営業部))|(?<=[\s()\[\]/・、,|行庫合])営業部)"
    r"(?!名|番|コード|舗|長|頭)"
)
_LEADING_LABEL = re.compile(
    r"^(?:[おご]?(?:振込み?|支払い?|送金|入金|払込)先?(?:銀行名?|口座)?|[おご]?取引(?:銀行|金融機関)?名?|お?取扱(?:銀行)?名?"
    r"|銀行名?|金融機関名?|振込(?:指定)?口座|指定口座|口座|名(?!古屋|護)"
    r"|[■●○◆・※▼【\[《》〈〉「」『』<>]|\d{1,2}[.)]?|納[入付]場所|または|又は|もしくは|及び|および)+"
    r"[:\s]*"
)
_SENTENCE = re.compile(r"^.*[いみ金先払込座]は")
"""お支払いは, ご入金は: how a sentence comes to a bank's name, which may begin with は itself."""
_ENDS_BEFORE_BANK = re.compile(
    r"(?:[はのがをにへでもたる、,\d)]|場所|場合|際|時|先|口座|銀行|銀行名|金庫|組合|機関|機関名|JA|JAバンク)$"
)
"""How words end that run into a bank's name."""
_FIRST_WORD = re.compile(r"[\s\t:()\[\]/、,・|]*(?P<name>[^\s\t:()\[\]/、,。・|]{2,14})")
_BRANCH_LABEL = re.compile(r"^(?:お?取[引扱])?(?:本?支店名?|店舗名?|店名?)(?=.{2})")
_NO_BANK = frozenset(
    {"", "銀行", "信用金庫", "農協", "労金", "信金", "各銀行", "指定銀行", "当銀行", "他銀行", "他の銀行", "払込銀行"}
)
_PLACE_IN_MEI = re.compile(r"名(?:古屋|東|西|港|南|北|駅|鉄|取|寄|張|護|瀬|城|神)")
"""店舗名古屋支店 is the branch at Nagoya: the 名 is the place's."""
_CODE = re.compile(r"^\s*\(\d{1,5}\)\s*")
_LETTER_O = re.compile(r"(?<=[A-Z])0(?=[^\d]|$)")
_MAX_REST = 10


def split_bank(text: str) -> tuple[str | None, str | None]:
    """Bank and branch of a text that names both, or one; None for what it does not name."""
    bank = BANK.search(text)
    name = None if bank is None else (bank[2] or _LEADING_LABEL.sub("", bank[1]) or None)
    branch = BRANCH.search(text, 0 if bank is None else bank.end())
    return name, None if branch is None else branch[1]


def bare_bank(text: str) -> tuple[int, int] | None:
    """Where a text that a bank's key announces names a real bank without the word for it (三菱UFJ / 渋谷 / 普通)."""
    match = _FIRST_WORD.match(text)
    if match is None or not (is_real_bank(match["name"]) or is_real_bank(match["name"] + "銀行")):
        return None
    return match.start("name"), match.end("name")


def is_bank(text: str) -> bool:
    """All of a text is a bank's name."""
    return BANK.fullmatch(text) is not None


def is_branch(text: str) -> bool:
    """All of a text is a branch's name."""
    return BRANCH.fullmatch(text) is not None


def bank_mentions(cell: Cell) -> Iterator[tuple[int, int]]:
    """Spans of the row's text that name a bank."""
    for match in BANK.finditer(cell.text):
        name = match[1] or match[2]
        end = cell.start + match.end()
        # 銀行振込でお支払いください, 取引銀行: no bank's name stands before the word.
        stripped = name if match[2] else _LEADING_LABEL.sub("", _SENTENCE.sub("", name[_label_end(cell, match) :]))
        if match[2] is not None and match[2].startswith("JA"):
            end = cell.start + match.start() + _cooperative_length(cell, match)
            stripped = cell.facts.row.text[cell.start + match.start() : end]
        else:
            stripped = _without_sentence(name, stripped)
        if stripped in _NO_BANK:
            continue
        yield end - len(stripped), end


def _without_sentence(name: str, stripped: str) -> str:
    """A bank's name without the words that run into it (お振込の場合は, ①, 納入場所): what is left is a real bank's."""
    real = real_ending(name)
    if real is None or real == stripped:
        return stripped
    before = name.removesuffix(real)
    may_end = _ENDS_BEFORE_BANK.search(before) is not None or _LEADING_LABEL.sub("", before) == ""
    return real if len(real) > len(stripped) or may_end else stripped


def _cooperative_length(cell: Cell, match: re.Match[str]) -> int:
    """How long JA's name is: to a blank, to where a real one ends, or to where its branch begins; 0 where none is."""
    name = match[0]
    start = cell.start + match.start()
    gaps = [at - start for at in blanks(cell.facts.row, cell.start, cell.end) if start + 2 < at < start + len(name)]
    if gaps:
        return gaps[0]
    ends = [end for end in range(len(name), 3, -1) if is_real_bank(f"{name[2:end]}農協")]
    if ends:
        return ends[0]
    follows = cell.text[match.end() : match.end() + 1]
    return len(name) if follows and follows in " (" else 0


def _label_end(cell: Cell, match: re.Match[str]) -> int:
    """How much of a match are labels run together with the name (お振込先銀行口座取引銀行名みほん銀行)."""
    start, end = cell.start + match.start(), cell.start + match.end()
    ends = [label.end for label in cell.facts.labels if Role.BANK in label.roles and start < label.end < end - 1]
    return max(ends, default=start) - start


def bank_over_two_lines(upper: str, lower: str) -> tuple[int, int] | None:
    """A bank's name that a line's end cuts apart.

    Returns:
        Where it begins in the upper text and ends in the lower one.
    """
    if BANK_WORD.search(upper[-6:] + lower[:8]) is None or not upper or not lower:
        return None
    for match in BANK.finditer(upper + lower):
        if _LEADING_LABEL.sub("", lower[: match.end() - len(upper)]) in _NO_BANK:
            continue  # what ends the match is the key below
        start = match.end() - len(_LEADING_LABEL.sub("", match[1] or match[2]))
        if start <= len(upper) - 2 and match.end() > len(upper):
            return start, match.end() - len(upper)
    return None


def branch_over_two_lines(upper: str, lower: str) -> tuple[int, int] | None:
    """The same for a branch; ``upper`` is what follows the bank's name, at most a code and a few characters."""
    code = _CODE.match(upper)
    skipped = code.end() if code is not None else len(upper) - len(upper.lstrip())
    rest = upper[skipped:]
    if not 0 < len(rest) <= _MAX_REST or re.search(r"[\s\d:()/、。]", rest):
        return None
    match = BRANCH.match(rest + lower)
    if match is None or match.end(1) <= len(rest):
        return None
    return skipped, match.end(1) - len(rest)


def branch_start(text: str, start: int, end: int, *, cell_start: int) -> int:
    """Where a branch's name begins, a label before it left out; text[start:end] is the branch as found by its form."""
    label = _BRANCH_LABEL.match(text[start:end])
    begin = start + (label.end() if label is not None else 0)
    begin += len(text[begin:end]) - len(text[begin:end].lstrip("・|のに"))
    if begin > cell_start and text[begin - 1] == "名" and _PLACE_IN_MEI.match(text, begin - 1) is not None:
        begin -= 1
    return begin


def mended_name(printed: str) -> str:
    """A bank's name with the digits that only a letter can be (GM0あおぞら), and in one piece (三菱UFJ 銀行)."""
    return _LETTER_O.sub("O", printed).replace(" 銀行", "銀行")
