"""Bank accounts to pay into: Japanese ones with bank, branch, type, number and holder; ゆうちょ; IBAN."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.candidate import BankDetails, Candidate, Chosen, FieldName, Span, span
from postprocess_svc.fields.cells import Cell, find_cells
from postprocess_svc.fields.context import DocumentContext, Language, RowFacts
from postprocess_svc.fields.values.folding import has_digits, is_cjk, read_digits
from postprocess_svc.fields.values.identifiers import find_ibans
from postprocess_svc.fields.vocabulary import Role

_BANK = re.compile(
    r"([^\s\t:()\[\]/、,。・|]{1,14}?(?:銀行|信用金庫|信用組合|信用農業協同組合連合会|農業協同組合|漁業協同組合|労働金庫|信金|信組|労金|農協))(?!名|口座|振込|振替|コード|等|お|ご|を|に|の|へ|は|が|引|側|員)"
    r"|(ゆうちょ(?:銀行)?|JA[^\s\t:()/、]{1,10}?(?=[\s\t(])|郵便局)"
)
_LEADING_LABEL = re.compile(
    r"^(?:お?振込み?先|お?支払い?先|取引銀行|金融機関名?|銀行名|振込口座|口座|[■●○◆・※▼【\[]|\d[.)])+[:\s]*"
)
_BRANCH = re.compile(
    r"([^\s\t:()\[\]/、,。|]{1,12}?(?:支店|営業部|出張所|支所|営業所|店(?!営業部)))(?!名|番|コード|舗|長|頭)"
)
_TYPE = re.compile(r"普通(?:預金)?|当座(?:預金)?|貯蓄(?:預金)?|[(\[](?:普|当|貯)[)\]]")
_TYPES = {"普": AccountType.ORDINARY, "当": AccountType.CHECKING, "貯": AccountType.SAVINGS}
_NUMBER = re.compile(r"(?<![\d-])(\d[\d ]{4,7}\d|\d{3}-\d{4})(?![\d-])")
_CODE_BEFORE = re.compile(
    r"(?:店番|支店コード|支店番号|銀行コード|金融機関コード|コード|TEL|電話|FAX|〒|登録番号|T)[^\d]{0,4}$",
    re.IGNORECASE,
)
_POST_SYMBOL = re.compile(r"記号[^\d]{0,6}(\d{5}|\d{4,6}(?:-\d)?)")
_POST_NUMBER = re.compile(r"(?<!記号)番号[^\d]{0,6}(\d{1,8})")
_POST_PAIR = re.compile(r"(?<!\d)(0\d{4}|1\d{4})\s?-\s?(?:(\d)\s?-\s?)?(\d{1,8})(?!\d)")
_HOLDER_LABEL = re.compile(
    r"(?:口座)?名義(?:人)?(?:名)?(?:\(?(?:カナ|カタカナ|フリガナ)\)?)?|受取人(?:口座)?名?|口座名称?(?!義)|加入者名|フリガナ|\((?:カナ|名義)\)"
)
_KANA_HOLDER = re.compile(r"(?<![ァ-ヶー])((?:[(]?[カユドシザイフタナ][)])?\s?[ァ-ヶー･・ｦ-ﾟ．.()\- 　]{4,40})")
_MAX_ROWS = 7
_MAX_MENTIONS = 40
_USUAL_DIGITS = 7


@dataclass(slots=True)
class _Draft:
    """An account being put together while its rows are read."""

    facts: RowFacts
    bank: str | None = None
    branch: str | None = None
    type: AccountType | None = None
    number: str | None = None
    holder: str | None = None
    labelled_number: bool = False
    post: bool = False
    spans: list[Span] = field(default_factory=list)


class BankFamily:
    """Proposes every account whose number is printed."""

    name = "bank_accounts"
    fields: tuple[FieldName, ...] = (FieldName.BANK_ACCOUNTS,)

    def propose(self, field: FieldName, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Japanese accounts in reading order, then IBANs; each number once."""
        unique: dict[str, Candidate] = {}
        for candidate in (*_japanese(context), *_ibans(context), *_labelled_accounts(context)):
            if isinstance(candidate.value, BankDetails):
                unique.setdefault(candidate.value.number, candidate)
        return list(unique.values())


def _japanese(context: DocumentContext) -> Iterator[Candidate]:
    """Each mention of a bank opens an account; the cells after it, to the right and below, complete it."""
    anchors = _anchors(context)
    for position, (cell, match) in enumerate(anchors):
        following = anchors[position + 1] if position + 1 < len(anchors) else None
        draft = _Draft(facts=cell.facts)
        bank = match[1] or match[2]
        start = cell.start + match.start()
        stripped = _LEADING_LABEL.sub("", bank)
        draft.bank = stripped or bank
        start += len(bank) - len(draft.bank)
        draft.post = draft.bank.startswith(("ゆうちょ", "郵便"))
        draft.spans.append(span(cell.facts, start, cell.start + match.end()))
        for other, text_start in _scope(context, cell, cell.start + match.end(), following):
            _read(draft, other, text_start)
        if draft.number is not None:
            yield _candidate(draft)


def _anchors(context: DocumentContext) -> list[tuple[Cell, re.Match[str]]]:
    found = []
    for row in context.shared(find_cells):
        for cell in row:
            if not is_cjk_text(cell.text):
                continue
            for match in _BANK.finditer(cell.text):
                # 銀行振込でお支払いください: no bank's name stands before the word.
                name = _LEADING_LABEL.sub("", match[1] or match[2])
                if name not in {
                    "銀行",
                    "信用金庫",
                    "農協",
                    "労金",
                    "信金",
                    "各銀行",
                    "取引銀行",
                    "お取引銀行",
                    "振込銀行",
                    "指定銀行",
                    "当銀行",
                    "他銀行",
                    "払込銀行",
                }:
                    found.append((cell, match))
    return found[:_MAX_MENTIONS]


def is_cjk_text(text: str) -> bool:
    """At least one character of Japanese writing."""
    return any(map(is_cjk, text))


def _scope(
    context: DocumentContext, anchor: Cell, start: int, following: tuple[Cell, re.Match[str]] | None
) -> Iterator[tuple[Cell, int]]:
    """Cells that may belong to the account: the rest of the row, then rows below until another bank is named."""
    rows = context.shared(find_cells)
    yield anchor, start
    stop_cell = following[0] if following is not None else None
    if stop_cell is anchor:
        return
    number = anchor.facts.row.number
    left = anchor.extent.left - 8 * anchor.extent.height
    bottom = anchor.extent.bottom
    for other in rows[number]:
        if other.start > anchor.start:
            if other is stop_cell:
                return
            yield other, other.start
    for below in range(number + 1, min(number + 1 + _MAX_ROWS, len(rows))):
        if rows[below][0].facts.row.page != anchor.facts.row.page:
            return
        if rows[below][0].extent.top - bottom > 3.0 * anchor.extent.height:
            return
        for other in rows[below]:
            if other is stop_cell:
                return
            if other.extent.right > left:
                yield other, other.start
        bottom = max(other.extent.bottom for other in rows[below])


def _read(draft: _Draft, cell: Cell, start: int) -> None:
    """Take from a cell what the account still lacks."""
    text = cell.facts.row.text[: cell.end]
    if draft.post and draft.number is None and _read_post(draft, cell, start):
        return
    at = start
    if draft.branch is None and (match := _BRANCH.search(text, at)) is not None and draft.number is None:
        draft.branch = re.sub(r"^(?:支店名?|店名|本支店名?)\s*", "", match[1]) or match[1]
        at = _take(draft, cell, match.start(1), match.end(1))
    if draft.type is None and (match := _TYPE.search(text, start)) is not None:
        draft.type = _TYPES[match[0].strip("([")[0]]
        at = max(at, _take(draft, cell, match.start(), match.end()))
    if draft.number is None:
        at = max(at, _read_number(draft, cell, at))
    if draft.number is not None and draft.holder is None:
        _read_holder(draft, cell, at)


def _read_number(draft: _Draft, cell: Cell, start: int) -> int:
    text = read_digits(cell.facts.row.text[: cell.end])
    labelled = any(
        label.roles & {Role.ACCOUNT_NUMBER, Role.POST_NUMBER} and label.end <= cell.end for label in cell.facts.labels
    )
    for match in _NUMBER.finditer(text, start):
        digits = re.sub(r"\D", "", match[1])
        if not 6 <= len(digits) <= 8 or _CODE_BEFORE.search(text[: match.start()]):
            continue
        if text[match.end() : match.end() + 1] in {",", ".", "円", "-", "年"} or text[: match.start()].endswith(
            ("¥", ",", ".")
        ):
            continue
        if draft.type is None and draft.branch is None and not labelled:
            continue
        draft.number = digits
        draft.labelled_number = labelled
        return _take(draft, cell, match.start(), match.end())
    return start


def _read_post(draft: _Draft, cell: Cell, start: int) -> bool:
    """ゆうちょ accounts are named by 記号 and 番号; both together stand in ``number``, as the form prints them."""
    text = read_digits(cell.facts.row.text[: cell.end])
    row = read_digits(cell.facts.row.text)
    symbol = _POST_SYMBOL.search(row, start)
    number = _POST_NUMBER.search(row, symbol.end()) if symbol is not None else None
    if symbol is not None and number is not None:
        draft.number = f"{symbol[1]}-{number[1]}"
        _take(draft, cell, symbol.start(1), number.end(1))
    elif (pair := _POST_PAIR.search(text, start)) is not None:
        draft.number = "-".join(part for part in pair.groups() if part)
        _take(draft, cell, pair.start(), pair.end())
    else:
        return False
    draft.type = draft.type or (AccountType.ORDINARY if draft.number.startswith("1") else AccountType.CHECKING)
    draft.labelled_number = True
    _read_holder(draft, cell, draft.spans[-1].end)
    return True


def _read_holder(draft: _Draft, cell: Cell, start: int) -> None:
    row = cell.facts.row
    text = row.text
    label = _HOLDER_LABEL.search(text, start)
    if label is not None:
        begin = label.end()
        while begin < len(text) and text[begin] in " :\t)・/=]、":
            begin += 1
        end = text.find("\t", begin)
        end = len(text) if end < 0 else end
        second = _HOLDER_LABEL.search(text, begin, end)
        end = second.start() if second is not None else end
        if any(character.isalpha() for character in text[begin:end]):
            _take_holder(draft, cell, begin, end)
        return
    rest = text[start : cell.end]
    match = _KANA_HOLDER.search(rest)
    if match is not None and sum("ァ" <= character <= "ヶ" for character in match[1]) >= 3:
        _take_holder(draft, cell, start + match.start(1), start + match.end(1))
    elif start > cell.start and re.match(r"\s*[/、(]?\s*(?:株式会社|有限会社|合同会社|一般社団)", rest):
        _take_holder(draft, cell, start, cell.end)


def _take_holder(draft: _Draft, cell: Cell, start: int, end: int) -> None:
    piece = span(cell.facts, start, end)
    printed = piece.row.printed(piece.start, piece.end).strip(" ・:、/\u3000")
    if printed.startswith(("(", "（")) and printed.endswith((")", "）")):
        printed = printed[1:-1]
    if not printed:
        return
    draft.holder = printed
    draft.spans.append(piece)


def _take(draft: _Draft, cell: Cell, start: int, end: int) -> int:
    draft.spans.append(span(cell.facts, start, end))
    return end


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


_BIC = re.compile(r"(?<![A-Z0-9])[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Z0-9])")
_LATIN_BANK = re.compile(
    r"(?<![A-Za-z])(?:Bank|Banque|Kreditinstitut|Banca|Banco)(?: ?name)?\s*[:\t]\s*([^\t:,;|]{3,40})", re.IGNORECASE
)
_BANK_WORD = re.compile(
    r"(?<![A-Za-z])(?:[A-ZÄÖÜ][\w.&-]*\s){0,3}(?:[A-Z]\w*bank|[A-Z]?\w*[Ss]parkasse|Bank|Banque|BANK)"
    r"(?:\s(?:of |de |du )?[A-ZÄÖÜ][\w.&-]*){0,3}"
)


def _ibans(context: DocumentContext) -> Iterator[Candidate]:
    for facts in context.facts:
        text = facts.row.text
        if not has_digits(text, 7):
            continue
        label = next((label for label in facts.labels if Role.IBAN in label.roles), None)
        labelled_from = label.end if label is not None else (0 if _labelled_above(context, facts) else None)
        for iban in find_ibans(text, labelled_from=labelled_from):
            details = BankDetails(
                bank=_bank_near(context, facts),
                branch=None,
                type=AccountType.IBAN,
                number=iban.value,
                holder=_holder_near(context, facts),
            )
            features = {"iban_valid": float(iban.valid), "iban_labelled": float(not iban.valid)}
            yield Candidate(value=details, evidence=(span(facts, iban.start, iban.end),), features=features)


def _labelled_above(context: DocumentContext, facts: RowFacts) -> bool:
    above = next(context.rows_above(facts), None)
    return above is not None and any(Role.IBAN in label.roles for label in above.labels)


def _surroundings(context: DocumentContext, facts: RowFacts) -> list[RowFacts]:
    """The IBAN's row, then the rows around it, nearest first."""
    rows = context.facts
    own = facts.row.number
    around = [own, own - 1, own + 1, own - 2, own + 2, own - 3, own + 3]
    return [rows[number] for number in around if 0 <= number < len(rows) and rows[number].row.page == facts.row.page]


def _bank_near(context: DocumentContext, facts: RowFacts) -> str | None:
    """The bank's name as printed near the IBAN; its BIC where no name is."""
    around = _surroundings(context, facts)
    for other in around:
        match = _LATIN_BANK.search(other.row.text)
        if match is not None and not any(character.isdigit() for character in match[1]):
            return match[1].strip(" -.")
    for other in around:
        match = _BANK_WORD.search(other.row.text)
        if match is not None and len(match[0]) > 6 and ":" not in other.row.text[match.end() : match.end() + 2]:
            return match[0].strip(" -.")
    for other in around:
        label = next((label for label in other.labels if Role.BIC in label.roles), None)
        bic = _BIC.search(other.row.text, label.end) if label is not None else None
        if bic is not None:
            return bic[0]
    return None


def _holder_near(context: DocumentContext, facts: RowFacts) -> str | None:
    for other in _surroundings(context, facts):
        for label in other.labels:
            if Role.HOLDER not in label.roles:
                continue
            rest = other.row.text[label.end :].lstrip(" :\t")
            holder = re.split(r"[\t,;|]|\s{2,}", rest)[0].strip()
            if sum(map(str.isalpha, holder)) >= 3:
                return holder
    return None


_ACCOUNT = re.compile(r"[A-Z]{0,2}\d(?:[ -]?\d){5,19}(?!\d)")


def _labelled_accounts(context: DocumentContext) -> Iterator[Candidate]:
    """Accounts of countries without IBAN, where a label says what the number is."""
    if context.language is Language.JAPANESE:
        return
    for facts in context.facts:
        label = next((label for label in facts.labels if Role.ACCOUNT_NUMBER in label.roles), None)
        if label is None:
            continue
        match = _ACCOUNT.search(facts.row.text, label.end)
        if match is None or match.start() - label.end > 4 or find_ibans(match[0]):
            continue
        details = BankDetails(
            bank=_bank_near(context, facts),
            branch=None,
            type=None,
            number=re.sub(r"[ -]", "", match[0]),
            holder=_holder_near(context, facts),
        )
        features = {"labelled_number": 1.0, "bank": float(details.bank is not None), "account_word": 1.0}
        yield Candidate(value=details, evidence=(span(facts, match.start(), match.end()),), features=features)
