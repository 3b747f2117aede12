"""The result as Markdown: the fields as a table, then the pages: paragraphs, and the pages' tables where they stand.

Line items that stand in none of the pages' tables have a table of their own, below the fields.

Markdown has no spans: what spans several cells stands in the first of them, and the others are empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from ocr_core.contracts.geometry import Quad, bounds
from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.result import (
    BankAccount,
    FieldAnswer,
    FieldValue,
    Line,
    LineItem,
    MoneyValue,
    OcrResult,
    PageResult,
    Table,
    UnreadPage,
)

CONTENT_TYPE = "text/markdown; charset=utf-8"

_ITEM_COLUMNS = ("Description", "Quantity", "Unit", "Unit price", "Amount", "Tax rate")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|&])")
_SPECIAL_AT_START = re.compile(r"^(\d*)([#+\-=~.)])")


def render(result: OcrResult) -> RenderedResult:
    """The whole result, UTF-8."""
    parts = [f"# {_escaped(result.document.file_name or result.id)}"]
    if result.document_type is not None:
        parts.append(f"Document type: {result.document_type.value}")
    if result.fields is not None:
        parts += [
            "## Fields",
            _fields_table(result.fields),
            *_items_table("## Line items", result.fields, result.pages),
        ]
    for schema, fields in (result.schemas or {}).items():
        parts += [f"## Fields: {schema}", _fields_table(fields)]
        parts += _items_table(f"## Line items: {schema}", fields, result.pages)
    for page in result.pages:
        parts += _page(page)
    if result.warnings:
        parts.append("## Warnings")
        parts.append(
            "\n".join(
                f"- {'' if notice.page is None else f'page {notice.page}: '}{_escaped(notice.detail)}"
                for notice in result.warnings
            )
        )
    return RenderedResult(content_type=CONTENT_TYPE, body=("\n\n".join(parts) + "\n").encode())


def _fields_table(fields: dict[str, FieldAnswer]) -> str:
    rows: list[tuple[str, ...]] = [("Field", "Value", "As printed", "Confidence", "Page")]
    for name, answer in fields.items():
        match answer:
            case None:
                continue
            case tuple():
                rows += [
                    _field_row(name, _item(entry) if isinstance(entry, LineItem) else _account(entry), entry)
                    for entry in answer
                ]
            case MoneyValue():
                rows.append(_field_row(name, f"{answer.value} {answer.currency}", answer))
            case _:
                rows.append(_field_row(name, str(answer.value), answer))
    if len(rows) == 1:
        return "None found."
    return _table(rows)


def _field_row(name: str, value: str, answer: FieldValue | MoneyValue | BankAccount | LineItem) -> tuple[str, ...]:
    return (name, value, answer.text, f"{answer.confidence:.2f}", str(answer.page))


def _account(account: BankAccount) -> str:
    kind = None if account.type is None else account.type.value
    return " / ".join(part for part in (account.bank, account.branch, kind, account.number, account.holder) if part)


def _item(item: LineItem) -> str:
    return " / ".join(str(part) for part in _parts_of(item) if part is not None)


def _parts_of(item: LineItem) -> tuple[int | str | None, ...]:
    """In the order of ``_ITEM_COLUMNS``."""
    rate = None if item.tax_rate_percent is None else f"{item.tax_rate_percent}%"
    return (item.description, item.quantity, item.unit, item.unit_price, item.amount, rate)


def _items_table(
    heading: str, fields: dict[str, FieldAnswer], pages: Sequence[PageResult | UnreadPage]
) -> Sequence[str]:
    """The line items, where the tables of their pages do not show them all; only columns that something stands in."""
    answers = [entry for answer in fields.values() if isinstance(answer, tuple) for entry in answer]
    items = [entry for entry in answers if isinstance(entry, LineItem)]
    tables = {page.number: page.tables for page in pages if isinstance(page, PageResult)}
    if all(any(_holds(table.quad, item.quad) for table in tables.get(item.page, ())) for item in items):
        return ()
    cells = [tuple("" if value is None else str(value) for value in _parts_of(item)) for item in items]
    filled = [at for at in range(len(_ITEM_COLUMNS)) if any(row[at] for row in cells)]
    rows = [_ITEM_COLUMNS, *cells]
    return heading, _table([tuple(row[at] for at in filled) for row in rows])


def _holds(table: Quad, item: Quad) -> bool:
    """Whether an item stands in a table: its middle does."""
    around, own = bounds(table), bounds(item)
    x, y = (own.left + own.right) / 2, (own.top + own.bottom) / 2
    return around.left <= x <= around.right and around.top <= y <= around.bottom


def _page(page: PageResult | UnreadPage) -> list[str]:
    parts = [f"## Page {page.number}"]
    if isinstance(page, UnreadPage):
        return [*parts, f"Could not be read: {_escaped(page.error.detail)}"]
    table_of = {index: number for number, table in enumerate(page.tables) for index in table.line_indices}
    written: set[int] = set()
    numbered = enumerate(page.lines)
    for (_, number), part in groupby(numbered, key=lambda item: (item[1].block, table_of.get(item[0]))):
        if number is None:
            parts += _paragraphs([line for _, line in part])
        elif number not in written:  # its other lines may come later, after text that stands beside it
            parts.append(_table(_cells(page.tables[number])))
            written.add(number)
    return parts


def _paragraphs(lines: Sequence[Line]) -> list[str]:
    """Lines outside of tables: a row of several texts stands alone, others follow each other."""
    parts: list[str] = []
    paragraph: list[str] = []
    for _, members in groupby(lines, key=lambda line: line.row):
        row = list(members)
        if len(row) > 1 and paragraph:
            parts.append(_paragraph(paragraph))
            paragraph = []
        paragraph.append("  ".join(_escaped(line.text) for line in row))
        if len(row) > 1:
            parts.append(_paragraph(paragraph))
            paragraph = []
    return [*parts, _paragraph(paragraph)] if paragraph else parts


def _paragraph(texts: Sequence[str]) -> str:
    # A backslash at a line's end keeps the line break.
    return "\\\n".join(_SPECIAL_AT_START.sub(r"\1\\\2", text) for text in texts)


def _cells(table: Table) -> list[tuple[str, ...]]:
    """The texts of a table with a place for every row and column."""
    texts: dict[tuple[int, int], str] = {}
    for number, row in enumerate(table.rows):
        column = 0
        for cell in row:
            while (number, column) in texts:  # a cell from above goes on here
                column += 1
            for below in range(cell.row_span):
                for beside in range(cell.column_span):
                    texts[number + below, column + beside] = ""
            texts[number, column] = cell.text
            column += cell.column_span
    columns = 1 + max(column for _, column in texts)
    return [tuple(texts.get((number, column), "") for column in range(columns)) for number in range(len(table.rows))]


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    head, *body = rows
    return "\n".join([_table_row(head), "|" + " --- |" * len(head), *(_table_row(row) for row in body)])


def _table_row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """The text with what Markdown would take for markup escaped: a document writes no HTML."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
