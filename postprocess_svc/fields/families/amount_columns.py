"""Amounts under the headers of a table, however far down: whose column they stand in, and which are sums.

The last row of a table of rates (合計 76,700 6,458 83,158) says with its label that it is a sum, and with its columns
of what: 対象額, 消費税, 計. What the columns do not say, arithmetic does: net and tax give the gross beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.families.amount_labels import MONEY, amount_category, headers_of
from postprocess_svc.fields.labels import Phrase
from postprocess_svc.fields.neighbourhood import Governor, Relation
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.values.amounts import PrintedAmount
from postprocess_svc.fields.values.folding import has_cjk
from postprocess_svc.fields.vocabulary import Role

Place = tuple[int, int]
"""An amount's row and its start there."""

_MIN_COLUMNS = 2
_MAX_COLUMNS = 16
_NEAR_HEIGHTS = 3.0
_MAX_HEIGHTS_TO_HEAD = 4.0
_OF_SUMS = MONEY - {Role.COUNT, Role.UNIT_PRICE, Role.POINTS}
_SUM_WORDS = frozenset({Role.TOTAL, Role.TOTAL_DUE, Role.SUBTOTAL})
_NET = frozenset({"subtotal", "tax_base", "amount", "other"})
_SAID_BY_THE_ROW = frozenset({"amount", "inclusive", "other"})
"""Headers of which the row's own label (合計) says more."""


@value
class Columns:
    """What the tables' columns say of the amounts in them, by their places."""

    sums: frozenset[Place]
    """The sum of those above under the same header."""
    parts: frozenset[Place]
    """One of those."""
    crossings: dict[Place, tuple[Governor, str]]
    """In a row of sums: the header above, and the category that it gives."""
    heads: dict[Place, Governor]
    """Right under the header: the header's nearest cell, which need not be set where the amount is."""


@dataclass(slots=True)
class _Column:
    phrase: Phrase
    extent: Extent
    category: str | None
    members: list[tuple[Place, Decimal]] = field(default_factory=list)


@dataclass(slots=True)
class _Table:
    facts: RowFacts
    columns: list[_Column]
    rows: list[tuple[RowFacts, list[tuple[_Column, PrintedAmount]]]] = field(default_factory=list)


def read_columns(context: DocumentContext) -> Columns:
    """Of all tables whose headers name at least two columns."""
    sums: set[Place] = set()
    parts: set[Place] = set()
    crossings: dict[Place, tuple[Governor, str]] = {}
    heads: dict[Place, Governor] = {}
    for table in _tables(context):
        heads.update(_heads(table))
        for facts, members in table.rows:
            for column, amount in members:
                column.members.append(((facts.row.number, amount.start), amount.value))
        for column in table.columns:
            _add_up(column, sums, parts)
        if any(column.category == "tax" for column in table.columns):
            for facts, members in table.rows:
                crossings.update(_crossings(table, facts, members, sums))
    return Columns(sums=frozenset(sums), parts=frozenset(parts), crossings=crossings, heads=heads)


def _heads(table: _Table) -> Iterator[tuple[Place, Governor]]:
    """Of the first row of amounts, where it has one for most of the columns."""
    for facts, members in table.rows[:1]:
        near = facts.row.top - table.facts.row.bottom <= _MAX_HEIGHTS_TO_HEAD * facts.row.height
        if near and 2 * len(members) >= len(table.columns):
            for column, amount in members:
                if column.phrase.roles:
                    yield (facts.row.number, amount.start), _under(table, column)


def _under(table: _Table, column: _Column) -> Governor:
    return Governor(phrase=column.phrase, relation=Relation.BELOW, distance=0.0, row=table.facts.row.number, skipped=0)


def _tables(context: DocumentContext) -> Iterator[_Table]:
    table: _Table | None = None
    for facts in context.facts:
        if table is not None and facts.row.page != table.facts.row.page:
            yield table
            table = None
        columns = _header(facts)
        if columns:
            if table is not None:
                yield table
            table = _Table(facts, columns)
        elif table is not None and facts.amounts:
            members = list(_placed(table, facts))
            if len(members) > 1 or (members and not any(phrase.roles & MONEY for phrase in facts.phrases)):
                table.rows.append((facts, members))
    if table is not None:
        yield table


def _header(facts: RowFacts) -> list[_Column]:
    """The columns that a row is the header of; none where it is none."""
    if len(facts.labels) < _MIN_COLUMNS or "\t" not in facts.row.text:
        return []
    if any(amount.grouped or amount.currency or amount.decimals for amount in facts.amounts):
        return []
    named = list(_named(facts))
    if len(named) < _MIN_COLUMNS or not any(phrase.roles & _OF_SUMS for phrase in named):
        return []
    columns: list[_Column] = []
    text, start = facts.row.text, 0
    for cell in text.split("\t"):
        end = start + len(cell)
        within = [phrase for phrase in named if start <= phrase.start and phrase.end <= end]
        nameless = [Phrase(start=start, end=end, roles=frozenset())] if cell.strip() else []
        columns.extend(_column(facts, phrase) for phrase in within or nameless)
        start = end + 1
    return columns if len(columns) <= _MAX_COLUMNS else []


def _column(facts: RowFacts, phrase: Phrase) -> _Column:
    return _Column(
        phrase=phrase,
        extent=facts.row.extent(phrase.start, phrase.end),
        category=amount_category(phrase, facts) if phrase.roles else None,
    )


def _named(facts: RowFacts) -> Iterator[Phrase]:
    """Headers of money, a Latin one a cell (VAT amt); Japanese ones may share a line."""
    for header in headers_of(facts, [label for label in facts.labels if label.roles & MONEY]):
        text = facts.row.text
        if has_cjk(text[header.start : header.end]):
            yield header
            continue
        start, end = text.rfind("\t", 0, header.start) + 1, text.find("\t", header.end)
        parts = [p for p in facts.phrases if start <= p.start and (end < 0 or p.end <= end) and p.roles & MONEY]
        if not parts or header.start <= parts[0].start:
            roles = frozenset().union(header.roles, *(part.roles for part in parts))
            last = max([header.end, *(part.end for part in parts)])
            yield Phrase(start=header.start, end=last, roles=roles, rate_percent=header.rate_percent)


def _placed(table: _Table, facts: RowFacts) -> Iterator[tuple[_Column, PrintedAmount]]:
    """The amounts of a row that stand under a header, each header's own."""
    taken: set[int] = set()
    for amount in facts.amounts:
        if amount.measure:
            continue
        extent = facts.row.extent(amount.start, amount.end)
        column = max(table.columns, key=lambda column: _nearness(column.extent, extent))
        if _nearness(column.extent, extent) > -_NEAR_HEIGHTS * extent.height and id(column) not in taken:
            taken.add(id(column))
            yield column, amount


def _nearness(header: Extent, amount: Extent) -> float:
    """Pixels that both cover, or less the distance of their nearer edges."""
    overlap = header.overlap_x(amount)
    if overlap > 0:
        return overlap
    return -min(abs(header.left - amount.left), abs(header.right - amount.right), -overlap)


def _add_up(column: _Column, sums: set[Place], parts: set[Place]) -> None:
    """Mark the sums of a column: of all above, or of those since the last one."""
    whole, group = Decimal(0), Decimal(0)
    before: list[Place] = []
    count = since = 0
    for place, amount in column.members:
        if amount and ((count > 1 and amount == whole) or (since > 1 and amount == group)):
            if amount == whole:
                sums.add(place)
                parts.update(before)
            else:
                before.append(place)
            group, since = Decimal(0), 0
            continue
        whole, group = whole + amount, group + amount
        count, since = count + 1, since + 1
        before.append(place)
    parts.difference_update(sums)


def _crossings(
    table: _Table, facts: RowFacts, members: Sequence[tuple[_Column, PrintedAmount]], sums: set[Place]
) -> Iterator[tuple[Place, tuple[Governor, str]]]:
    """The amounts of a row of sums by their columns, where one of these is the tax."""
    taxes = [amount for column, amount in members if column.category == "tax"]
    if not taxes or len(members) < _MIN_COLUMNS or not _is_row_of_sums(facts, members, sums):
        return
    tax = taxes[-1].value
    values = [amount.value for _, amount in members]
    for column, amount in members:
        category = column.category
        if category != "tax" and len(taxes) == 1:
            category = _by_arithmetic(amount.value, tax, values, category)
        if category is None or category in _SAID_BY_THE_ROW:
            continue
        yield (facts.row.number, amount.start), (_under(table, column), category)


def _is_row_of_sums(facts: RowFacts, members: Sequence[tuple[_Column, PrintedAmount]], sums: set[Place]) -> bool:
    first = members[0][1].start
    if any(phrase.end <= first and phrase.roles & _SUM_WORDS for phrase in facts.phrases):
        return True
    return sum((facts.row.number, amount.start) in sums for _, amount in members) >= _MIN_COLUMNS


def _by_arithmetic(amount: Decimal, tax: Decimal, values: Sequence[Decimal], category: str | None) -> str | None:
    """Net and gross of a row with its tax; a third amount may be added to both (立替金)."""
    if amount == tax or not tax:
        return category
    others = [Decimal(0), *(other for other in values if other not in {amount, tax})]
    if category in _NET | {None} and any(amount + tax + other in values for other in others if other != amount + tax):
        return "subtotal"
    if category in _NET | {None} and any(amount - tax - other in values for other in others if other != amount - tax):
        return "total"
    return category
