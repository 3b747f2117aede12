"""What the words around a date say of it: by then, in passing, about payment, of the title."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postprocess_svc.fields.cells import find_cells
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.values.dates import PrintedDate
from postprocess_svc.fields.vocabulary import Role

TIME = re.compile(r"^[\s(月火水木金土日曜)]{0,6}\W{0,3}\d{1,2}[:時h]\d{2}", re.IGNORECASE)
RANGE_BEFORE = re.compile(r"(?:~|から|より|\bto\b|\bbis\b|\bau\b| - |-)\s*$", re.IGNORECASE)
RANGE_AFTER = re.compile(
    r"^\s*(?:\(.\))?\s*(?:~|から|より|分|度|\bto\b| - ?\d|-\s*\d|bis\b|au\b|\bthrough\b)", re.IGNORECASE
)
# The day up to which a statement counts: 締切分, 現在.
CLOSING_AFTER = re.compile(r"^\s*(?:\(.\))?\s*(?:締|〆|現在)")
CLOSING_LABEL = re.compile(r"締|〆|検針日$|ｼﾒ|シメ")
ISSUED_AFTER = re.compile(r"^\s*(?:\(.\))?\s*(?:付で)?(?:発行|作成|起票|交付)")
ALL_OF_CELL = re.compile(r"^\s*(?:\(.\))?\s*(?:付|日付)?$")
# Köln, 14.10.2026; Marseille, le 30 octobre 2026.
TOWN_BEFORE = re.compile(r"^[^\W\d_][^\d,:;/]{1,30}, ?(?:(?:le|den|li|el|a|dnia) )?$", re.IGNORECASE)
# What a document is about, and when that was: 件名 …(令和7年10月11日開催).
SUBJECT = re.compile(
    r"^(?:件 ?名|品 ?名|物 ?件|工 ?事 ?名|案 ?件|但し?|摘 ?要|re:|subject|betreff|betr\.|objet|oggetto)", re.IGNORECASE
)
_TERMS = re.compile(
    r"^(?:[お御ご]?支払い?(?:条件|方法|サイト|予定|について)?(?![期日])"
    r"|payment|terms|zahlungsbedingung|zahlung\b|pago|pagamento|betaling)",
    re.IGNORECASE,
)
EARLY = re.compile(
    r"(?<!ohne )(?<!no )(?<!sans )(?<!pas d')(?:skonto|escompte|sconto|early payment|cash discount|早期)", re.IGNORECASE
)
_BY_THEN = re.compile(
    r"^\s*(?:\(.\))?\s*(?:まで|迄|限|期限|に[^済。\t]{0,30}?(?:振替|振り替え|引き?落と?し|引落)(?!済|しまし|いたしまし|致しまし))"
)
# まで may have come to stand on the next line, with what is left of the date.
_BY_THEN_BELOW = re.compile(r"日?(?:\(.\))? ?(?:まで|迄)")
_BY_SURELY_WORDS = (
    r"before|by|than|bis zum|bis|avant le|spätestens am|entro(?: il)?|prima del|antes del?|hasta el|até"
    r"|uiterlijk|vóór|do dnia"
)
_BY_BEFORE = re.compile(rf"\b(?:until|le|spätestens|am|on|il|{_BY_SURELY_WORDS})\s*:?\s*$", re.IGNORECASE)
_BY_SURELY = re.compile(rf"\b(?:{_BY_SURELY_WORDS})\s*:?\s*$", re.IGNORECASE)
_PAYMENT_WORDS = re.compile(
    r"支払|振り?込|払い?込|振替|引き?落|入金|送金|決済|納付|お納め|精算|zahl|überweis|fällig|begleich|ausgleich|abgebucht"
    r"|payment|payable|\bpay\b|to be paid|settle|remit|transfer|échéance|règlement|régler|betal|voldoen|overma"
    r"|pagament|pagar|\bpago\b|bonific|versament|scaden|vencim|ingres|transfier|zapłat|płatn"
    r"|\bbuchen\b|abbuch|lastschrift|einziehen|eingezogen|einzug|debit|collect|prélev|prelev|addebit|incass|afgeschr|domicil",
    re.IGNORECASE,
)
_PAID = re.compile(
    r"(?:(?:[おご]?(?:支払い?|入金|決済|精算|振込)|領収)済み?"
    r"|paid(?: in full)?|bezahlt|beglichen|payée?|acquittée?|pagat[oa]|betaald)[.!]?",
    re.IGNORECASE,
)
WHEN_PAID = re.compile(
    r"(?:決済|支払い?|振替|引落し?|引き落とし)日$|^(?:payment date|date paid|paid on)$", re.IGNORECASE
)
"""Labels of the day of a payment, which is past where the document has been paid; a 期限 stays one."""
# Where a date by which something is asked for stands over an account, it is paid into that.
_ACCOUNT_WORDS = re.compile(r"銀行|信用[金組]|農業協同|口座|普通|当座")
# A sentence with these is about something else than payment: 登録情報の変更は…までにご連絡ください.
_OTHER_MATTERS = re.compile(
    r"連絡|変更|有効|見積|返品|交換|申込|申し込|応募|回答|返信|キャンペーン|クーポン|納品|出荷|発送"
)
# What a date by which to pay an invoice may be told with, besides words of payment: settle this invoice by ….
_INVOICE_WORDS = re.compile(r"invoice|rechnung|facture|\bbill\b|amount|balance|betrag|montant", re.IGNORECASE)
# A date that a sentence tells in passing: 納品書は…に発送済みです, Order placed on ….
_SENTENCE_AFTER = re.compile(
    r"^\s*(?:\(.*?\))?\s*(?:に|の|は|より|から|以降|です|でした|をもって|付|開催|実施|満了|施行|受付|ご?注文|契約"
    r"|ご?入金|納品|完了|引渡|決済)"
)
_SENTENCE_BEFORE = re.compile(
    r"(?:[はがをに、]\s*|[a-zà-ÿ]{2,} [a-zà-ÿ]{3,} (?:on|le|am|since|from|until|by|bis|au)\s+)$", re.IGNORECASE
)
_HAS_KANA = re.compile(r"[ぁ-ん]")
_TITLE_GOES_ON = re.compile(r"(?:vom|du|dated|dtd|date|of|del|van)\s*:?\s*$", re.IGNORECASE)


def is_in_sentence(facts: RowFacts, date: PrintedDate) -> bool:
    """A sentence tells it in passing."""
    text = facts.row.text
    return (
        _SENTENCE_AFTER.match(text[date.end :]) is not None or _SENTENCE_BEFORE.search(text[: date.start]) is not None
    )


def is_about_payment(context: DocumentContext, facts: RowFacts, date: PrintedDate, *, by_then: bool) -> bool:
    """Its cell speaks of payment; where まで follows, also the lines above and below, which the sentence may fill."""
    cell, before = cell_around(facts, date)
    if _PAYMENT_WORDS.search(cell) is not None:
        return True
    if by_then and _OTHER_MATTERS.search(cell) is None and _is_of_key_beside(facts, date, before):
        return True
    if _BY_SURELY.search(before) is not None and _INVOICE_WORDS.search(cell) is not None:
        return True
    if _OTHER_MATTERS.search(cell) is not None or not by_then:
        return False
    return any(
        _PAYMENT_WORDS.search(text) is not None or _ACCOUNT_WORDS.search(text) is not None
        for text in lines_around(context, facts, date)
    )


def _is_of_key_beside(facts: RowFacts, date: PrintedDate, before: str) -> bool:
    """What stands left of it in the row is about payment, or is the sum to pay: お支払い | 11月30日までに下記へ."""
    start = date.start - len(before)
    left = facts.row.text[:start].rstrip("\t").rpartition("\t")[2]
    if _PAYMENT_WORDS.search(left) is not None and not before.strip():
        return True
    return any(Role.TOTAL_DUE in label.roles for label in facts.labels if label.start < start)


def says_paid(context: DocumentContext) -> bool:
    """A cell says that the document has been paid: ステータス | 支払い済み."""
    return any(_PAID.fullmatch(cell.text) is not None for row in context.shared(find_cells) for cell in row)


def is_in_terms(facts: RowFacts, date: PrintedDate) -> bool:
    """The date stands in the cell that 支払条件 or its like begins, or in the one beside it."""
    cell, before = cell_around(facts, date)
    left = facts.row.text[: date.start - len(before)].rstrip("\t").rpartition("\t")[2]
    return _TERMS.match(cell.lstrip(" :")) is not None or _TERMS.match(left) is not None


def cell_around(facts: RowFacts, date: PrintedDate) -> tuple[str, str]:
    """The cell that the date stands in, and its part before the date."""
    text, start = facts.row.text, date.start
    left, right = text.rfind("\t", 0, start) + 1, text.find("\t", date.end)
    return text[left : right if right >= 0 else len(text)], text[left:start]


def lines_around(context: DocumentContext, facts: RowFacts, date: PrintedDate) -> Iterator[str]:
    """Cells right above the date and in the two rows below it."""
    rows = context.shared(find_cells)
    extent = facts.row.extent(date.start, date.end)
    for number in (facts.row.number + 1, facts.row.number + 2, facts.row.number - 1):
        for cell in rows[number] if 0 <= number < len(rows) else ():
            if cell.facts.row.page == facts.row.page and cell.extent.overlap_x(extent) > 0:
                yield cell.text


def is_by_then(context: DocumentContext, facts: RowFacts, date: PrintedDate) -> bool:
    """まで, until or their like belong to it."""
    after = facts.row.text[date.end :]
    if _BY_THEN.match(after):
        return True
    cell, before = cell_around(facts, date)
    # A sentence that breaks off behind the date: まで may have come to stand on the next line.
    if len(cell) - len(before) <= date.end - date.start + 1 and _HAS_KANA.search(before) is not None:
        return any(_BY_THEN_BELOW.match(text) for text in lines_around(context, facts, date))
    if _BY_BEFORE.search(before) is None:
        return False
    if _PAYMENT_WORDS.search(cell) is not None:
        return True
    return _BY_SURELY.search(before) is not None and _INVOICE_WORDS.search(cell) is not None


def is_titled(context: DocumentContext, facts: RowFacts, date: PrintedDate) -> bool:
    """The document's title goes on to name the date: Rechnung Nr. 7 vom 3.4.2018."""
    before = facts.row.text[: date.start]
    if not before.strip():
        above = next(context.rows_above(facts), None)
        if above is None:
            return False
        facts, before = above, above.row.text
    if _TITLE_GOES_ON.search(before) is None:
        return False
    roles = [label.roles for label in facts.labels if label.start < len(before)]
    return any(Role.INVOICE_NUMBER in found for found in roles) and not any(
        Role.OTHER_NUMBER in found for found in roles
    )
