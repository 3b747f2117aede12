"""Line items of receipts: rows without a table, the name at the left and the amount at the right edge.

What one row says may be set over two: the name, then quantity and price (2コX単150), before or behind the amount.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.line_items.counts import Count, bare_count, columns_count, counted_name, find_count
from postprocess_svc.fields.line_items.item import PrintedItem
from postprocess_svc.fields.line_items.summaries import is_discount, is_summary
from postprocess_svc.fields.line_items.table_rows import drop_numbers, without_list_mark
from postprocess_svc.fields.values.amounts import PrintedAmount
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.fields.vocabulary import Role
from postprocess_svc.tables.values import is_value

_END = frozenset({Role.TOTAL_DUE, Role.TOTAL, Role.SUBTOTAL, Role.TENDERED})
_AT_EDGE = 2.0
"""Amounts of items end this near to the right edge of amounts, in line heights."""
_MAX_ROWS = 500
_MIN_COUNTED = 0.6
"""Bare numbers beside names are counts where this share of the items has one."""
_EDGES = " .:-*·・,、"
_BAR_CODE = re.compile(r"^\d{7,14} (?=[^\W\d_])")
_NAME = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uff66-\uff9f]|[^\W\d_]{3}")
"""Two Latin letters are a till's mark for a tax, or a size."""


@dataclass(slots=True)
class _Part:
    """What one row says: a name, an amount, a count with its price, or several of them."""

    facts: RowFacts
    name: str
    amount: PrintedAmount | None
    count: Count | None
    used: bool = False

    @property
    def is_named(self) -> bool:
        """Whether it has a name."""
        return _NAME.search(self.name) is not None


def items_of_rows(context: DocumentContext, *, below_total: bool = False) -> list[PrintedItem]:
    """The items between a receipt's head and its sums, page by page.

    Args:
        context: The document.
        below_total: Of a document that says its total in its head: the items below that.
    """
    found: list[PrintedItem] = []
    for page in context.pages:
        rows = [context.facts[row.number] for row in page.rows][:_MAX_ROWS]
        if below_total:
            rows = rows[next((at + 1 for at, facts in enumerate(rows) if _says_total(facts)), len(rows)) :]
        found += _items(_parts(_zone(rows)), page.number)
    return found


def _says_total(facts: RowFacts) -> bool:
    return bool(facts.amounts) and any(phrase.roles & _END for phrase in facts.phrases)


def _zone(rows: Sequence[RowFacts]) -> list[RowFacts]:
    """The rows that may hold items: behind the head's column titles, up to the first sum."""
    start, end = 0, len(rows)
    for number, facts in enumerate(rows):
        titles = sum(
            bool(label.roles & {Role.COLUMN, Role.UNIT_PRICE, Role.COUNT, Role.AMOUNT}) for label in facts.labels
        )
        if titles > 1 and not facts.amounts and number < len(rows) - 1:
            start = number + 1
        if number > start and _says_total(facts) and _sums_up(facts.row.text[: facts.amounts[-1].start]):
            end = number
            break
    return list(rows[start:end])


def _sums_up(before_amount: str) -> bool:
    """Whether a row says that it sums up: what stands left of the amount does, be it right of something else."""
    beside = before_amount.rstrip().rpartition("\t")[2]
    return is_summary(before_amount) or (beside != before_amount and bool(beside) and is_summary(beside))


def _parts(rows: Sequence[RowFacts]) -> list[_Part]:
    """What each row says, from the first with an amount at the edge (a name may stand above it)."""
    edge = max((facts.row.extent(a.start, a.end).right for facts in rows for a in facts.amounts), default=0.0)
    parts = [_part(facts, edge) for facts in rows if not facts.row.vertical]
    first = next((number for number, part in enumerate(parts) if part.amount is not None), len(parts))
    while first > 0 and _belongs(parts[first - 1], parts[first] if first < len(parts) else None):
        first -= 1
    return parts[first:]


def _belongs(part: _Part, below: _Part | None) -> bool:
    """Whether a row above the first amount is the name or the count of its item."""
    if below is None:
        return False
    if below.is_named:
        return below.count is None and below.amount is not None and _makes(part, below.amount)
    return not part.facts.dates and not part.facts.labels


def _part(facts: RowFacts, edge: float) -> _Part:
    text, row = facts.row.text, facts.row
    count = find_count(text)
    amount = None
    for candidate in reversed(facts.amounts):
        if count is not None and count.start <= candidate.start < count.end:
            continue
        extent = row.extent(candidate.start, candidate.end)
        if edge - extent.right <= _AT_EDGE * extent.height and not candidate.measure:
            amount = candidate
        break
    # Behind the amount stand marks: of the tax, of the till's departments.
    end = len(text) if amount is None else amount.start
    name = text[:end]
    if count is not None and count.start < end:
        without = f"{text[: count.start]} {text[count.end : end]}"
        # (2 X 50 GM) is a part of a name, where no amount follows.
        if amount is not None or _NAME.search(without) is None:
            name = without
    if amount is not None and _NAME.search(name) is None:
        name = f"{name}\t{text[amount.end :]}"
    return _Part(facts, _bare_name(name), amount, count)


def _bare_name(text: str) -> str:
    """A name without the columns beside it that name nothing: numbers and codes before it, a till's marks behind it."""
    columns = without_list_mark(text.strip()).split("\t")
    named = [at for at, column in enumerate(columns) if _NAME.search(column)]
    if named:
        columns = columns[named[0] : named[-1] + 1]
        value = next((at for at, column in enumerate(columns) if at and is_value(column)), len(columns))
        columns = columns[:value]
    return _BAR_CODE.sub("", " ".join(" ".join(columns).split()).strip(_EDGES))


def _items(parts: list[_Part], page: int) -> list[PrintedItem]:
    names_below = _names_stand_below(parts)
    items: list[PrintedItem] = []
    bare: list[tuple[PrintedItem, str, Decimal]] = []
    for at, part in enumerate(parts):
        if part.amount is None or part.used or (part.amount.value == 0 and part.count is None):
            continue
        if is_summary(part.name) or _sums_up(part.facts.row.text[: part.amount.start]):
            continue
        part.used = True
        members = [part]
        beside = _neighbours(parts, at, names_below=names_below)
        name = part.name
        if not part.is_named:
            named = next((other for other in beside if other.is_named), None)
            if named is None or is_summary(named.name):
                continue
            named.used = True
            members.append(named)
            name = named.name
        counted = next((member for member in members if member.count is not None), None)
        if counted is None:
            counted = next((other for other in beside if _counts(other, part.amount)), None)
            if counted is not None:
                counted.used = True
                members.append(counted)
        count = None if counted is None else counted.count
        if count is None and len(members) == 1:
            count = columns_count(part.facts.row.text[: part.amount.start], part.amount.value)
        items.append(_item(name, part.amount, count, members, page))
        if len(members) == 1 and items[-1].quantity is None:
            before = bare_count(part.facts.row.text[: part.amount.start], items[-1].description)
            if before is not None:
                bare.append((items[-1], *before))
    if bare and len(bare) >= _MIN_COUNTED * sum(item.quantity is None for item in items if (item.amount or 0) > 0):
        for item, name, number in bare:
            item.description, item.quantity = name, number
    drop_numbers(items)
    return items


def _item(name: str, amount: PrintedAmount, count: Count | None, members: list[_Part], page: int) -> PrintedItem:
    members.sort(key=lambda member: member.facts.row.number)
    if count is None or count.price is None:
        counted = counted_name(members[0].facts.row.text[: amount.start] if len(members) == 1 else name, amount.value)
        if counted is not None:
            name, count = _bare_name(counted[0]), counted[1]
    name = _as_printed(name, members)
    goes_off = amount.value > 0 and is_discount(name) and (count is None or count.price is None)
    return PrintedItem(
        description=name,
        quantity=None if count is None else count.count,
        unit=None if count is None else count.unit,
        unit_price=None if count is None else count.price,
        amount=-amount.value if goes_off else amount.value,
        sign_is_assumed=goes_off,
        decimals=amount.decimals,
        page=page,
        lines=[piece.line for member in members for piece in member.facts.row.pieces],
    )


def _as_printed(name: str, members: Sequence[_Part]) -> str:
    """A name as a line has it, where one does: its characters unfolded."""
    for member in members:
        for piece in member.facts.row.pieces:
            folded = fold(piece.line.text)
            at = folded.find(name)
            if at >= 0 and len(folded) == len(piece.line.text):
                return piece.line.text[at : at + len(name)].strip()
    return name


def _neighbours(parts: Sequence[_Part], at: int, *, names_below: bool) -> list[_Part]:
    """The rows before and behind, up to the next with an amount, that no item has yet."""
    behind, before = [], []
    for other in parts[at + 1 : at + 3]:
        if other.amount is not None or other.used:
            break
        behind.append(other)
    for other in reversed(parts[max(0, at - 2) : at]):
        if other.amount is not None or other.used:
            break
        before.append(other)
    return [*behind, *before] if names_below else [*before, *behind]


def _names_stand_below(parts: Sequence[_Part]) -> bool:
    """Whether names stand below their amounts: behind the last amount without a name there is one."""
    nameless = [at for at, part in enumerate(parts) if part.amount is not None and not part.is_named]
    if not nameless:
        return True
    last = nameless[-1]
    return last + 1 < len(parts) and parts[last + 1].amount is None and parts[last + 1].is_named


def _counts(part: _Part, amount: PrintedAmount) -> bool:
    """Whether a row is the count and price of an amount beside it, and nothing else."""
    if part.count is None:
        return False
    return _makes(part, amount) if part.count.price is not None else not part.is_named


def _makes(part: _Part, amount: PrintedAmount) -> bool:
    """Whether count and price of a row make an amount, but for the rounding of its last place."""
    if part.count is None or part.count.price is None:
        return False
    return abs(part.count.count * part.count.price - abs(amount.value)) <= Decimal(1).scaleb(-amount.decimals)
