"""Japanese accounts: from where a bank is named to the end of its block, in a line, in lines or in a table.

A block is read cell by cell. A cell may begin with a key (支店名, 口座番号, 名義 …) that says what follows it, in the
same cell, in the next, or in the cell below; what has no key is told by its form.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.candidate import BankDetails, Candidate, Span, span
from postprocess_svc.fields.cells import Cell, find_cells, is_aligned
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.labels import Label
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import has_cjk, is_cjk, read_digits
from postprocess_svc.fields.vocabulary import Role, wordings

_BANK = re.compile(
    r"([^\s\t:()\[\]/、,。・|]{1,14}?(?:銀行|信用金庫|信用組合|信用農業協同組合連合会|農業協同組合|漁業協同組合|労働金庫|信金|信組|労金|農協))(?!名|口座|振込|振替|コード|等|お|ご|を|に|の|へ|は|が|引|側|員)"
    r"|(ゆうち[ょよ](?:銀行)?|JA[^\s\t:()/、]{1,10}?(?=[\s\t(])|郵便局)"
)
_BANK_WORD = re.compile(r"銀行|信[用金組]|協同組合|労[働金]|農協|ゆうち|JA|郵便局")
"""The cheap question before the dear one."""
_LEADING_LABEL = re.compile(
    r"^(?:[おご]?(?:振込み?|支払い?|送金|入金|払込)先(?:銀行名?|口座)?|[おご]?取引(?:銀行|金融機関)?名?|お?取扱(?:銀行)?名?"
    r"|銀行名?|金融機関名?|振込(?:指定)?口座|指定口座|口座|名|[■●○◆・※▼【\[]|\d[.)])+[:\s]*"
)
_BRANCH_LABEL = re.compile(r"^(?:お?取[引扱])?(?:本?支店名?|店舗名?|店名?)(?=.{2})")
_NO_BANK = frozenset(
    {"", "銀行", "信用金庫", "農協", "労金", "信金", "各銀行", "指定銀行", "当銀行", "他銀行", "払込銀行"}
)
_BRANCH = re.compile(
    r"([^\s\t:()\[\]/、,。|]{1,12}?(?:支店|営業部|出張所|支所|営業所|店(?!営業部))|(?<=[\s(\[])営業部)"
    r"(?!名|番|コード|舗|長|頭)"
)
_TYPE = re.compile(
    r"普通(?:預金)?|当座(?:預金)?|貯蓄(?:預金)?|[(\[](?:普|当|貯)[)\]]|(?<![^\s\t:/])(?:普|当|貯)(?![^\s\t:/\d])"
)
_TYPES = {"普": AccountType.ORDINARY, "当": AccountType.CHECKING, "貯": AccountType.SAVINGS}
_NUMBER = re.compile(r"(?<![\d-])(\d(?: ?\d){5,7}|\d{3}-\d{4})(?![\d-])")
_BOXED_DIGITS = re.compile(r"(?<=\d)\|(?=\d)")
"""Digits in boxes of their own are read with the rules between them."""
_CODE_BEFORE = re.compile(
    r"(?:店番|支店コード|支店番号|銀行コード|金融機関コード|コード|TEL|電話|FAX|〒|登録番号|T)[^\d]{0,4}$",
    re.IGNORECASE,
)
_POST_SYMBOL = re.compile(r"記号[^\d]{0,6}(\d{5}|\d{4,6}(?:-\d)?)")
_POST_NUMBER = re.compile(r"(?<!記号)番号[^\d]{0,6}(\d{1,8})")
_POST_PAIR = re.compile(r"(?<!\d)(0\d{4}|1\d{4})\s?-\s?(?:(\d)\s?-\s?)?(\d{1,8})(?!\d)")
_TRANSFER_ACCOUNT = re.compile(r"(?<![\d-])0\d{4}\s?-\s?\d\s?-\s?\d{1,7}(?![\d-])")
"""振替口座: its form alone says what it is, also where no bank is named."""
_KANA = re.compile(r"[ァ-ヶヽヾー･・ｦ-ﾟ]")
_KANA_FORM = re.compile(
    r"^[(]?(?:[カユドシザイフタナメホソ]|イシ|ガク|シヤ|ジム)[)]|[(](?:[カユドシザイフタナメ]|イシ|ガク)[)]?$"
)
_NO_HOLDER = re.compile(r"[\d¥%:@]|手数料|負担|振込|お願い|下さい|ください|ます|です|番号|登録|合計|備考|摘要|期限|欄$")
_KANA_IN_BRACKETS = re.compile(r"^\s*[(\[](?:カナ|カタカナ|フリガナ|半角カナ|名義)[)\]]\s*")
_PERSON = re.compile(r"^[\u4e00-\u9fff々]{1,4} ?[\u4e00-\u9fff々ぁ-んァ-ヶ]{1,5}$")
_KEYS = (
    Role.HOLDER,
    Role.ACCOUNT_TYPE,
    Role.ACCOUNT_NUMBER,
    Role.BRANCH,
    Role.POST_SYMBOL,
    Role.POST_NUMBER,
    Role.BANK,
)
_MONEY = frozenset({Role.TOTAL, Role.TOTAL_DUE, Role.SUBTOTAL, Role.TAX, Role.TAX_BASE, Role.AMOUNT, Role.WITHHOLDING})
_MAX_ROWS = 8
_MAX_MENTIONS = 40
_USUAL_DIGITS = 7
_MISREAD_PREFIX = 3
_LEAST_MISREAD_KEY = 3
_HEAD = re.compile(r"[^\s:()\[\]/・]{3,10}(?=$|[\s:()\[\]/・])")
_BETWEEN = " :\t()[]・/=、,■●◆【】|"


@dataclass(slots=True)
class _Draft:
    """An account being put together while its cells are read."""

    facts: RowFacts
    bank: str | None = None
    branch: str | None = None
    type: AccountType | None = None
    number: str | None = None
    holder: str | None = None
    labelled_number: bool = False
    post: bool = False
    spans: list[Span] = field(default_factory=list)
    number_cell: Cell | None = None


def japanese_accounts(context: DocumentContext) -> Iterator[Candidate]:
    """Each mention of a bank opens an account; the cells after it, to the right and below, complete it."""
    anchors = _anchors(context)
    for position, (cell, start, end) in enumerate(anchors):
        following = anchors[position + 1][0] if position + 1 < len(anchors) else None
        draft = _Draft(facts=cell.facts)
        if end > start:
            draft.bank = cell.facts.row.printed(start, end)
            draft.post = cell.facts.row.text[start:end].startswith(("ゆうち", "郵便"))
            draft.spans.append(span(cell.facts, start, end))
        else:
            draft.post = True
        _fill(draft, context, _scope(context, cell, end, following))
        if draft.number is not None:
            yield _candidate(draft)


def _anchors(context: DocumentContext) -> list[tuple[Cell, int, int]]:
    """Where accounts begin: the span of a bank's name, or an empty one before a transfer account without a bank."""
    found: list[tuple[Cell, int, int]] = []
    for row in context.shared(find_cells):
        for cell in row:
            japanese = has_cjk(cell.text)
            mentions = list(_bank_mentions(cell)) if japanese and _BANK_WORD.search(cell.text) else []
            found += [(cell, start, end) for start, end in mentions]
            transfer = _TRANSFER_ACCOUNT.search(cell.text)
            if transfer is not None and not mentions and not _post_bank_near(context, cell):
                at = cell.start + transfer.start()
                found.append((cell, at, at))
    return found[:_MAX_MENTIONS]


def split_bank(text: str) -> tuple[str | None, str | None]:
    """Bank and branch of a text that names both, or one; None for what it does not name."""
    bank = _BANK.search(text)
    name = None if bank is None else (bank[2] or _LEADING_LABEL.sub("", bank[1]) or None)
    branch = _BRANCH.search(text, 0 if bank is None else bank.end())
    return name, None if branch is None else branch[1]


def _bank_mentions(cell: Cell) -> Iterator[tuple[int, int]]:
    for match in _BANK.finditer(cell.text):
        name = match[1] or match[2]
        # 銀行振込でお支払いください, 取引銀行: no bank's name stands before the word.
        stripped = name if match[2] else _LEADING_LABEL.sub("", name)
        if stripped in _NO_BANK:
            continue
        end = cell.start + match.end()
        yield end - len(stripped), end


def _post_bank_near(context: DocumentContext, cell: Cell) -> bool:
    """The post bank is named shortly before, so that the number is that mention's."""
    rows = context.shared(find_cells)
    number = cell.facts.row.number
    before = [other.text for row in rows[max(0, number - 3) : number + 1] for other in row]
    return any("ゆうち" in text or "郵便局" in text for text in before)


def _scope(context: DocumentContext, anchor: Cell, start: int, stop_cell: Cell | None) -> Iterator[tuple[Cell, int]]:
    """Cells that may belong to the account: the rest of the row, then rows below until another bank is named."""
    rows = context.shared(find_cells)
    yield anchor, start
    if stop_cell is anchor:
        return
    number = anchor.facts.row.number
    left = anchor.extent.left - 8 * anchor.extent.height
    bottom = anchor.extent.bottom
    for other in rows[number]:
        if other.start > anchor.start:
            if other is stop_cell or _is_money(other):
                break
            yield other, other.start
    for below in range(number + 1, min(number + 1 + _MAX_ROWS, len(rows))):
        if rows[below][0].facts.row.page != anchor.facts.row.page:
            return
        if rows[below][0].extent.top - bottom > 3.0 * anchor.extent.height:
            return
        for other in rows[below]:
            if other is stop_cell:
                return
            if other.extent.right <= left:
                continue  # a column of its own, whatever it holds
            if _is_money(other):
                break
            yield other, other.start
        bottom = max(other.extent.bottom for other in rows[below])


def _is_money(cell: Cell) -> bool:
    """A label of an amount: what stands from here on in the row is a table of sums beside the account."""
    return any(label.roles & _MONEY and cell.start <= label.start < cell.end for label in cell.facts.labels)


def _fill(draft: _Draft, context: DocumentContext, cells: Iterator[tuple[Cell, int]]) -> None:
    pending: Role | None = None
    for cell, start in cells:
        first = True
        for key, begin, end in _segments(cell, start):
            known = key
            if key is None and first:
                known = pending or (_key_above(context, cell) if begin == cell.start else None)
            first = False
            if not cell.facts.row.text[begin:end].strip(_BETWEEN):
                pending = key if key is not None else pending
                continue
            pending = None
            _take(draft, cell, begin, end, known)


def _segments(cell: Cell, start: int) -> Iterator[tuple[Role | None, int, int]]:
    """The parts of a cell: each key with what follows it up to the next, and what stands before the first."""
    keys = [(label.start, label.end, role) for label in cell.facts.labels if (role := _key(cell, start, label))]
    if not keys and (misread := _misread_key(cell, start)) is not None:
        keys = [misread]
    at, key = start, None
    for label_start, label_end, role in keys:
        if label_start > at or key is not None:
            yield key, at, label_start
        at, key = label_end, role
    yield key, at, cell.end


def _key(cell: Cell, start: int, label: Label) -> Role | None:
    """The account's part that a label names, if it stands as a key does: after nothing, or after a mark or space."""
    if label.start < start or label.end > cell.end:
        return None
    key = next((role for role in _KEYS if role in label.roles), None)
    text = cell.facts.row.text
    if text[label.start - 1 : label.start] not in _BETWEEN and label.start > cell.start:
        # What stands before it may be a part of it that was misread (ロ座名義); 支店 and 銀行 end names as well.
        near = label.start - cell.start <= _MISREAD_PREFIX
        if not near or key in {Role.BRANCH, Role.BANK}:
            return None
    after = text[label.end : label.end + 1]
    if label.end < cell.end and is_cjk(after) and not _KANA.match(after) and after not in "普当貯":
        return None
    return key


def _misread_key(cell: Cell, start: int) -> tuple[int, int, Role] | None:
    """A key at a cell's beginning one of whose characters was misread (取报店, 口座名羲)."""
    head = _HEAD.match(cell.facts.row.text, start, cell.end)
    if head is None:
        return None
    for wording, role in _keys_by_length().get(len(head[0]), ()):
        if sum(map(operator.ne, wording, head[0])) == 1:
            return start, head.end(), role
    return None


@cache
def _keys_by_length() -> dict[int, list[tuple[str, Role]]]:
    """Keys long enough to be known by all characters but one; those that names of branches and banks end in are not."""
    by_length: dict[int, list[tuple[str, Role]]] = {}
    for role in _KEYS:
        for wording in wordings()[role]:
            if len(wording) >= _LEAST_MISREAD_KEY and wording[0] > "\u2fff" and not wording.endswith(("支店", "銀行")):
                by_length.setdefault(len(wording), []).append((wording, role))
    return by_length


def _key_above(context: DocumentContext, cell: Cell) -> Role | None:
    """The header that stands over a cell of a table whose header row names the parts."""
    rows = context.shared(find_cells)
    number = cell.facts.row.number
    for other in rows[number - 1] if number else ():
        near = cell.extent.top - other.extent.bottom < 2.5 * cell.extent.height
        if not near or other.facts.row.page != cell.facts.row.page or not is_aligned(other.extent, cell.extent):
            continue
        segments = list(_segments(other, other.start))
        key = segments[0][0]
        if key is not None and len(segments) == 1 and not other.text[segments[0][1] - other.start :].strip(_BETWEEN):
            return key
    return None


def _take(draft: _Draft, cell: Cell, start: int, end: int, key: Role | None) -> None:
    """Take from a part of a cell what the account still lacks."""
    text = cell.facts.row.text
    match key:
        case Role.HOLDER:
            _take_holder(draft, cell, start, end)
            return
        case Role.BRANCH if draft.branch is None:
            printed = re.split(r"[\s(\[:]", text[start:end].strip(_BETWEEN), maxsplit=1)[0]
            if printed and not printed.isdigit():
                at = text.index(printed, start)
                draft.branch = _mark(draft, cell, at, at + len(printed))
                start = at + len(printed)
        case Role.ACCOUNT_NUMBER | Role.POST_NUMBER:
            draft.labelled_number = draft.labelled_number or draft.number is None
        case _:
            pass
    if draft.post and draft.number is None and _take_post(draft, cell, start):
        return
    if draft.number is None:
        _take_by_form(draft, cell, start, end)
    elif draft.holder is None and _may_be_holder(draft, cell, start, end):
        _take_holder(draft, cell, start, end)


def _take_by_form(draft: _Draft, cell: Cell, start: int, end: int) -> None:
    """Branch, type, number and what follows the number, told by their form."""
    text = cell.facts.row.text[:end]
    if draft.branch is None and (match := _BRANCH.search(text, start)) is not None:
        label = _BRANCH_LABEL.match(match[1])
        draft.branch = _mark(draft, cell, match.start(1) + (label.end() if label is not None else 0), match.end(1))
        start = match.end(1)
    if draft.type is None and (match := _TYPE.search(text, start)) is not None:
        draft.type = _TYPES[match[0].strip("([")[0]]
        _mark(draft, cell, match.start(), match.end())
        start = match.end()
    digits = read_digits(_BOXED_DIGITS.sub(" ", text))
    for match in _NUMBER.finditer(digits, start):
        number = re.sub(r"\D", "", match[1])
        if not 6 <= len(number) <= 8 or _CODE_BEFORE.search(digits[: match.start()]):
            continue
        if digits[match.end() : match.end() + 1] in {",", ".", "円", "-", "年"} or digits[: match.start()].endswith(
            ("¥", ",", ".")
        ):
            continue
        if draft.type is None and draft.branch is None and not draft.labelled_number:
            continue
        draft.number = number
        draft.number_cell = cell
        _mark(draft, cell, match.start(), match.end())
        if _may_be_holder(draft, cell, match.end(), end):
            _take_holder(draft, cell, match.end(), end)
        return


def _take_post(draft: _Draft, cell: Cell, start: int) -> bool:
    """ゆうちょ accounts are named by 記号 and 番号; both together stand in ``number``, as the form prints them."""
    row = read_digits(cell.facts.row.text)
    text = row[: cell.end]
    symbol = _POST_SYMBOL.search(row, max(0, start - 3))
    number = _POST_NUMBER.search(row, symbol.end()) if symbol is not None else None
    if symbol is not None and number is not None:
        draft.number = f"{symbol[1]}-{number[1]}"
        end = number.end(1)
        _mark(draft, cell, symbol.start(1), end)
    elif (pair := _POST_PAIR.search(text, start)) is not None:
        draft.number = "-".join(part for part in pair.groups() if part)
        end = pair.end()
        _mark(draft, cell, pair.start(), end)
    else:
        return False
    draft.type = draft.type or (AccountType.ORDINARY if draft.number.startswith("1") else AccountType.CHECKING)
    draft.labelled_number = True
    draft.number_cell = cell
    if end < cell.end and _may_be_holder(draft, cell, end, cell.end):
        _take_holder(draft, cell, end, cell.end)
    return True


def _may_be_holder(draft: _Draft, cell: Cell, start: int, end: int) -> bool:
    """What follows an account's number without a key may be its holder: kana, a firm, or a person right after it."""
    text = cell.facts.row.text[start:end].strip(_BETWEEN.replace("(", "").replace(")", ""))
    if sum(map(str.isalpha, text)) < 2 or len(text) > 40 or _NO_HOLDER.search(text):
        return False
    kana = len(_KANA.findall(text))
    letters = sum(map(str.isalpha, text))
    if kana >= 3 and (kana >= 0.7 * letters or _KANA_FORM.search(text)):
        return True
    if names.has_japanese_form(text):
        return True
    below = draft.number_cell
    beside = below is not None and below.facts.row.number == cell.facts.row.number
    under = below is not None and cell.facts.row.number == below.facts.row.number + 1
    return (beside and _PERSON.match(text) is not None) or (
        under and _PERSON.match(text) is not None and is_aligned(below.extent, cell.extent)  # type: ignore[union-attr]
    )


def _take_holder(draft: _Draft, cell: Cell, start: int, end: int) -> None:
    if draft.holder is not None:
        return
    text = cell.facts.row.text
    bracket = _KANA_IN_BRACKETS.match(text[start:end])
    start += bracket.end() if bracket is not None else 0
    while start < end and text[start] in " :\t・/=、,])":
        start += 1
    piece = span(cell.facts, start, end)
    printed = piece.row.printed(piece.start, piece.end).strip(" ・:、/\u3000")
    for opening, closing in ("()", "（）"):
        if printed.startswith(opening) and printed.endswith(closing) and printed.count(opening) == 1:
            printed = printed[1:-1]
        elif printed.endswith(closing) and opening not in printed and not _KANA_FORM.search(text[start:end].strip()):
            printed = printed[:-1]
    if sum(map(str.isalpha, printed)) < 2:
        return
    draft.holder = printed
    draft.spans.append(piece)


def _mark(draft: _Draft, cell: Cell, start: int, end: int) -> str:
    """Keep a span as evidence; its folded text."""
    draft.spans.append(span(cell.facts, start, end))
    return cell.facts.row.text[start:end]


def _candidate(draft: _Draft) -> Candidate:
    digits = re.sub(r"\D", "", draft.number or "")
    features = {
        "bank": float(draft.bank is not None),
        "branch": float(draft.branch is not None),
        "type": float(draft.type is not None),
        "labelled_number": float(draft.labelled_number),
        "usual_length": float(len(digits) == _USUAL_DIGITS),
        "holder": float(draft.holder is not None),
        "post_symbol": float(draft.post and "-" in (draft.number or "")),
    }
    details = BankDetails(
        bank=draft.bank, branch=draft.branch, type=draft.type, number=draft.number or "", holder=draft.holder
    )
    ordered = sorted(draft.spans, key=lambda piece: (piece.row.number, piece.start))
    return Candidate(value=details, evidence=tuple(ordered), features=features)
