"""Which label speaks for a value: one before it in its row, one above it, or one that ends the row before."""

from __future__ import annotations

import re
from enum import StrEnum

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.labels import Phrase
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.vocabulary import Role


class Relation(StrEnum):
    """Where a value stands, seen from its label."""

    ROW = "row"
    """After the label in the same row."""
    BELOW = "below"
    """Under the label, horizontally aligned with it."""
    NEXT = "next"
    """First in the row that follows the label's."""


@value
class Governor:
    """A label phrase that may speak for a value."""

    phrase: Phrase
    relation: Relation
    distance: float
    """Empty space between them, in line heights of the value."""
    row: int
    """Number of the row that the label stands in."""
    skipped: int
    """Values of the same kind that stand between them."""


_MAX_ROWS_ABOVE = 6
_MAX_HEIGHTS_ABOVE = 4.0
_LEAST_HEIGHTS_ABOVE = -0.5
_RIGHT_UNDER = 1.5
_OTHER_WORDS = 4
_ALIGNED_HEIGHTS = 1.5
_MIN_OVERLAP = 0.3
# A label in a sentence (納期限までに納入してください) speaks for nothing that stands below it.
_TOLD_OF = re.compile(r"(?:の|より|から)(?!\d{1,4} ?[年月/.-])|以降|後\d")
_GOES_ON = re.compile(r"[のにはがをへ]|まで|より|から")


def governors(
    context: DocumentContext,
    facts: RowFacts,
    *,
    start: int,
    end: int,
    roles: frozenset[Role],
    values: list[tuple[int, int]],
) -> list[Governor]:
    """The labels that may speak for the value at ``[start, end)`` of a row, the surest relation first.

    Args:
        context: The document.
        facts: The value's row.
        start: The value's span in the row's text.
        end: Its end.
        roles: Only labels with one of these roles are looked at; a label with others is passed over.
        values: Spans of all values of the same kind in the row.
    """
    found: list[Governor] = []
    in_row = _before(facts, start, end, roles, values)
    if in_row is not None:
        found.append(in_row)
        if "\t" in facts.row.text[in_row.phrase.end : start] and _has_own_below(context, facts, in_row.phrase):
            found, in_row = [], None
    extent = facts.row.extent(start, end)
    above = _above(context, facts, extent, roles) or _stacked(context, facts, start, extent, roles)
    if above is not None:
        if in_row is not None and _is_under(above) and _is_elsewhere(facts, in_row, start):
            found = []
        found.append(above)
    if in_row is None and above is None and not any(other_end <= start for _, other_end in values):
        following = _row_before(context, facts, extent, roles)
        if following is not None:
            found.append(following)
    return found


_STACKED_GAP = 1.5
_MAX_STEP_ASIDE = 4.0
_ONLY_A_SUM = re.compile(r"[¥\\]? ?-?[\d,]+ ?円?(?=\t|$)")


def _stacked(
    context: DocumentContext, facts: RowFacts, start: int, extent: Extent, roles: frozenset[Role]
) -> Governor | None:
    """A box at the left edge with the label above and the value below it, set to either side; items stand beside."""
    first = facts.row.pieces[0]
    above = next(context.rows_above(facts), None)
    if start != first.start or above is None or not above.phrases:
        return None
    phrase, head = above.phrases[0], above.row.pieces[0]
    if phrase.start != head.start or phrase.end < head.end - 1 or roles.isdisjoint(phrase.roles):
        return None
    gap = (extent.top - head.extent.bottom) / max(1.0, extent.height)
    aside = -head.extent.overlap_x(extent) / max(1.0, extent.height)
    if not _LEAST_HEIGHTS_ABOVE <= gap <= _STACKED_GAP or aside > _MAX_STEP_ASIDE:
        return None
    return Governor(phrase=phrase, row=above.row.number, relation=Relation.BELOW, distance=max(0.0, gap), skipped=0)


def _has_own_below(context: DocumentContext, facts: RowFacts, phrase: Phrase) -> bool:
    """The label heads a box at the left edge, with its value in the row below: what stands beside is of a table."""
    head, number = facts.row.pieces[0], facts.row.number + 1
    if phrase.start != head.start or phrase.end < head.end - 1 or number >= len(context.facts):
        return False
    below = context.facts[number].row
    match = _ONLY_A_SUM.match(below.text)
    if below.page != facts.row.page or match is None:
        return False
    value = below.extent(*match.span())
    return (
        value.top - head.extent.bottom <= _STACKED_GAP * value.height
        and -head.extent.overlap_x(value) <= _MAX_STEP_ASIDE * value.height
    )


def _is_under(above: Governor) -> bool:
    """The value stands right under its label."""
    return above.skipped == 0 and above.distance <= _RIGHT_UNDER


def _is_elsewhere(facts: RowFacts, governor: Governor, start: int) -> bool:
    """A label of another column: it has its own value or other words, and a column's gap lies between."""
    between = facts.row.text[governor.phrase.end : start]
    return "\t" in between and (governor.skipped > 0 or sum(map(str.isalpha, between)) >= _OTHER_WORDS)


def _before(
    facts: RowFacts, start: int, end: int, roles: frozenset[Role], values: list[tuple[int, int]]
) -> Governor | None:
    text = facts.row.text
    for phrase in reversed(facts.phrases):
        if phrase.end > start or roles.isdisjoint(phrase.roles):
            continue
        if _TOLD_OF.match(text, phrase.end) is not None:
            # 請求書発行日の翌月末日(…): another day is counted from it.
            continue
        closed = text.find(")", phrase.end, start) if phrase.bracket >= 0 else -1
        if closed >= 0 and _explains(facts, phrase, roles):
            # 小計(立替金を除く): what stands in the bracket says something of the label before it.
            continue
        if closed >= 0 and any(phrase.end <= other < closed for other, _ in values):
            # (内消費税 80) says nothing of what follows the bracket.
            continue
        # A value may have its label's last word in its own span (No:T123).
        skipped = sum([phrase.end < other_end <= start for _, other_end in values])
        left, right = facts.row.extent(phrase.start, phrase.end), facts.row.extent(start, end)
        gap = max(0.0, right.left - left.right) / max(1.0, right.height)
        return Governor(phrase=phrase, row=facts.row.number, relation=Relation.ROW, distance=gap, skipped=skipped)
    return None


def _explains(facts: RowFacts, phrase: Phrase, roles: frozenset[Role]) -> bool:
    """The bracket that a phrase stands in follows another label at once."""
    before = next((other for other in reversed(facts.phrases) if other.end <= phrase.bracket), None)
    return (
        before is not None
        and not roles.isdisjoint(before.roles)
        and not facts.row.text[before.end : phrase.bracket].strip(" :")
    )


def _above(context: DocumentContext, facts: RowFacts, extent: Extent, roles: frozenset[Role]) -> Governor | None:
    skipped = 0
    own_height = extent.height
    top, page = extent.top, facts.row.page
    number = facts.row.number
    for other in reversed(context.facts[max(0, number - _MAX_ROWS_ABOVE) : number]):
        row = other.row
        height = max(1.0, min(own_height, row.bottom - row.top))
        if row.page != page or top - row.bottom > _MAX_HEIGHTS_ABOVE * height:
            return None
        for phrase in other.phrases:
            if roles.isdisjoint(phrase.roles) or _GOES_ON.match(row.text, phrase.end) is not None:
                continue
            # By the label's own place: beside it its row may hold what stands lower, in another column.
            label = row.extent(phrase.start, phrase.end)
            distance = (top - label.bottom) / height
            if distance >= _LEAST_HEIGHTS_ABOVE and _aligned(label, extent):
                return Governor(
                    phrase=phrase,
                    row=row.number,
                    relation=Relation.BELOW,
                    distance=max(0.0, distance),
                    skipped=skipped,
                )
        if (top - row.bottom) / height >= _LEAST_HEIGHTS_ABOVE and row.covers_x_of(extent):
            skipped += 1
    return None


def _aligned(label: Extent, value: Extent) -> bool:
    if label.overlap_x(value) >= _MIN_OVERLAP * min(label.width, value.width):
        return True
    near = _ALIGNED_HEIGHTS * value.height
    return abs(label.left - value.left) < near or abs(label.right - value.right) < near


def _row_before(context: DocumentContext, facts: RowFacts, extent: Extent, roles: frozenset[Role]) -> Governor | None:
    """A label that ends the row before and has no value of its own, as narrow receipts break them."""
    other = next(context.rows_above(facts), None)
    if other is None or not other.phrases:
        return None
    distance = (extent.top - other.row.bottom) / max(1.0, extent.height)
    phrase = other.phrases[-1]
    rest = other.row.text[phrase.end :].strip(" :\t()-.*")
    if _GOES_ON.match(other.row.text, phrase.end) is not None:
        return None
    if distance > 1.5 or any(character.isdigit() for character in rest) or not phrase.roles & roles:
        return None
    return Governor(phrase=phrase, row=other.row.number, relation=Relation.NEXT, distance=max(0.0, distance), skipped=0)
