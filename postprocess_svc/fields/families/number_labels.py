"""What the labels around a number say whose it is: the document's, one that may be, somebody else's."""

from __future__ import annotations

import re

from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.labels import Phrase
from postprocess_svc.fields.misread_labels import nearly_role
from postprocess_svc.fields.neighbourhood import Governor, Relation, governors
from postprocess_svc.fields.values.folding import is_cjk
from postprocess_svc.fields.values.numbers import PrintedNumber
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES, Role

TITLES = frozenset({Role.TITLE_INVOICE, Role.TITLE_RECEIPT})
SPEAKING = frozenset({Role.INVOICE_NUMBER, Role.SLIP_NUMBER, Role.REFERENCE_NUMBER, Role.NUMBER}) | TITLES
_ROLES = (
    NUMBERS_AND_DATES
    | TITLES
    | {
        Role.DATE,
        Role.TOTAL,
        Role.TOTAL_DUE,
        Role.SUBTOTAL,
        Role.TAX,
        Role.AMOUNT,
        Role.COUNT,
        Role.TENDERED,
        Role.CHANGE,
        Role.PREVIOUS,
        Role.PAID,
    }
)
_ITEM_COLUMNS = frozenset({Role.COLUMN, Role.COUNT, Role.UNIT_PRICE, Role.AMOUNT})
_EXPLICIT = re.compile(r"番号|ナンバー|no\.?|nr\.?|number|nummer|n°|nº|#|num|コード|id", re.IGNORECASE)
_MAX_BETWEEN, _MAX_BEHIND_TITLE = 12, 6
"""Letters between a label and its number."""
_BANK_WORDS = re.compile(r"銀行|支店|信用金庫|信金|農協|ゆうちょ|記号|口座|普通|当座")
_ROWS_OF_POST = 2
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_LEAST_WORD = 2
_RIGHT_UNDER = 1.5
"""Line heights between a title and the number that stands under it: invoice over 0042."""
_REFERENCE = re.compile(r"(?:our|unser)? ?ref", re.IGNORECASE)
_MAY_BE_OURS = re.compile(r"請|求|領|伝票")
"""What is left of the document's own label where a character of it is misread: 請求共番号."""
_TITLE, _OTHER, _UNKNOWN = "title", "other_number", "unknown_number"


def label_features(
    context: DocumentContext, facts: RowFacts, number: PrintedNumber, values: list[tuple[int, int]]
) -> dict[str, float]:
    """What labels say, as features ``relation:whose``, and how far the surest stands; empty where none speaks.

    Args:
        context: The document.
        facts: The number's row.
        number: The number.
        values: Spans of all numbers of the row.
    """
    start, end = number.start, number.end
    found = governors(context, facts, start=start, end=end, roles=_ROLES, values=values)
    # A label whose own value stands between says nothing: in the next column another label may stand above.
    found = [governor for governor in found if governor.relation is not Relation.ROW or not governor.skipped]
    features: dict[str, float] = {}
    for governor in found:
        name = _named_by(context, facts, governor)
        if governor.relation is Relation.ROW:
            if name == Role.NUMBER and _is_of_what_follows(facts, governor.phrase, start):
                name = _UNKNOWN
            letters = sum(map(str.isalpha, facts.row.text[governor.phrase.end : start]))
            if letters > (_MAX_BEHIND_TITLE if governor.phrase.roles & TITLES else _MAX_BETWEEN):
                continue
            features[f"row:{name}"] = 1.0
            features["far"] = min(3.0, max(0.0, governor.distance - 12.0) / 10.0)
            continue
        if governor.phrase.roles & TITLES:
            continue
        if name == _TITLE and governor is found[0] and governor.distance < _RIGHT_UNDER and not governor.skipped:
            features["right_under"] = float(_is_all_of_cell(facts, start, end))
        if governor is found[0]:
            features["in_table"] = float(_is_table_header(context.facts[governor.row]))
        features[f"below:{name}"] = (1.0 if governor.skipped == 0 else 0.3) * (0.2 if governor is not found[0] else 1.0)
    return features


def _named_by(context: DocumentContext, facts: RowFacts, governor: Governor) -> str:
    """Whose number a label says that it is, as the end of a feature's name."""
    phrase, labelled = governor.phrase, context.facts[governor.row]
    wording = labelled.row.text[phrase.start : phrase.end + 4]
    name = next((str(role) for role in (Role.REFERENCE_NUMBER, Role.SLIP_NUMBER) if role in phrase.roles), _OTHER)
    if phrase.roles & TITLES:
        name = _TITLE
    elif name == _OTHER and Role.INVOICE_NUMBER in phrase.roles:
        name = str(Role.INVOICE_NUMBER) if _EXPLICIT.search(wording) else _TITLE
    elif name == _OTHER and Role.NUMBER in phrase.roles:
        name = _of_bare_number(context, facts, governor, wording)
    return name


def _of_bare_number(context: DocumentContext, facts: RowFacts, governor: Governor, wording: str) -> str:
    labelled = context.facts[governor.row]
    longer = _of_longer_word(context, governor)
    is_bankers = _BANK_WORDS.search(facts.row.text) is not None or _is_of_the_post(context, labelled)
    if is_bankers or _is_anothers(labelled, governor.phrase):
        name = _OTHER
    elif _is_of_a_thing(labelled, governor.phrase):
        name = _UNKNOWN
    elif longer is not Role.NUMBER:
        name = _UNKNOWN if longer is None else str(longer) if longer is Role.INVOICE_NUMBER else _OTHER
    elif _is_titled(context, labelled, governor.phrase):
        # Rechnung (380) Nr. 471102: the title before it says whose number it is.
        name = str(Role.INVOICE_NUMBER)
    else:
        name = str(Role.REFERENCE_NUMBER) if _REFERENCE.match(wording) else str(Role.NUMBER)
    return name


def _of_longer_word(context: DocumentContext, governor: Governor) -> Role | None:
    """Whose number a bare 番号 is that ends a longer word, None where nobody knows the word.

    顆客番号 is 顧客番号 misread; of 生徒番号 and 認定証番号 there is no end.
    """
    facts, start = context.facts[governor.row], governor.phrase.start
    if start == 0 or not is_cjk(facts.row.text[start - 1]):
        return Role.NUMBER
    if any(label.end == start and label.roles & SPEAKING for label in facts.labels):
        return Role.NUMBER  # 請求書No
    whole = re.split(r"[\t :]", facts.row.text[: governor.phrase.end])[-1]
    if _MAY_BE_OURS.search(whole) is not None:
        return Role.NUMBER
    return nearly_role(context, facts.row, governor.phrase.end - len(whole), governor.phrase.end)


def _is_anothers(facts: RowFacts, label: Phrase) -> bool:
    """Right before the "No." stands whose it is: 乗務員 No.4417."""
    before = [other for other in facts.labels if other.end <= label.start]
    if not before or before[-1].roles & SPEAKING or Role.OTHER_NUMBER not in before[-1].roles:
        return False
    return not facts.row.text[before[-1].end : label.start].strip(" :")


def _is_of_what_follows(facts: RowFacts, label: Phrase, start: int) -> bool:
    """Japanese words behind the "No." say what it counts: No. 得意先 01194."""
    between = _BRACKETS.sub("", facts.row.text[label.end : start])
    return sum(map(is_cjk, between)) >= _LEAST_WORD


def _is_all_of_cell(facts: RowFacts, start: int, end: int) -> bool:
    text = facts.row.text
    before, after = text[:start].rpartition("\t")[2], text[end:].partition("\t")[0]
    return not before.strip() and not after.strip()


def _is_of_a_thing(facts: RowFacts, label: Phrase) -> bool:
    """Japanese words that are no label stand before the "No." in its cell: 現場 高宮 No.5."""
    text = facts.row.text
    cell = text.rfind("\t", 0, label.start) + 1
    starts = [*(other.start for other in facts.labels), *(date.start for date in facts.dates)]
    if any(cell <= start < label.start for start in starts):
        return False
    before = _BRACKETS.sub("", text[cell : label.start])
    return before[-1:] == " " and sum(map(is_cjk, before)) >= _LEAST_WORD


def _is_of_the_post(context: DocumentContext, facts: RowFacts) -> bool:
    """The 番号 of an account with the post, under its 記号."""
    rows = context.facts[max(0, facts.row.number - _ROWS_OF_POST) : facts.row.number]
    return any(Role.POST_SYMBOL in label.roles for other in rows for label in other.labels)


def _is_table_header(facts: RowFacts) -> bool:
    """The label heads a column of line items."""
    return sum(1 for label in facts.labels if label.roles & _ITEM_COLUMNS) >= 2


def _is_titled(context: DocumentContext, facts: RowFacts, label: Phrase) -> bool:
    """The nearest label before a "No." that says more than that is the document's title; or that stands over it."""
    titles = {Role.INVOICE_NUMBER, *TITLES}
    before = [phrase for phrase in facts.phrases if phrase.start < label.start and not phrase.roles & {Role.NUMBER}]
    if before:
        return bool(before[-1].roles & titles)
    above = next(context.rows_above(facts), None)
    if above is None or len(above.phrases) != 1 or not above.phrases[0].roles & titles:
        return False
    title, own = above.phrases[0], facts.row.extent(label.start, len(facts.row.text))
    over = above.row.extent(title.start, title.end)
    return over.overlap_x(own) > 0 and own.top - over.bottom < 2 * own.height
