"""The result as Markdown: the fields as a table, then the pages, with tables where rows line up.

Which rows make a table is read off the layout alone: several rows of a block, one after the other, each of at least
two cells, whose cells can be put into common columns without any of them spanning two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from ocr_core.contracts.geometry import angle_deg
from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.result import (
    BankAccount,
    FieldAnswer,
    FieldValue,
    Line,
    MoneyValue,
    OcrResult,
    PageResult,
    UnreadPage,
)
from postprocess_svc.layout import place

CONTENT_TYPE = "text/markdown; charset=utf-8"

_MIN_TABLE_ROWS = 2
_MIN_TABLE_COLUMNS = 2
_MAX_SKEW_DEG = 10.0
_SPECIAL = re.compile(r"([\\`*_\[\]<>|&])")
_SPECIAL_AT_START = re.compile(r"^(\d*)([#+\-=~.)])")

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A line of text with its extent in reading direction, on the page turned level."""

    text: str
    extent: Interval


Row = list[_Cell]


def render(result: OcrResult) -> RenderedResult:
    """The whole result, UTF-8."""
    parts = [f"# {_escaped(result.document.file_name or result.id)}"]
    if result.document_type is not None:
        parts.append(f"Document type: {result.document_type.value}")
    if result.fields is not None:
        parts += ["## Fields", _fields_table(result.fields)]
    for schema, fields in (result.schemas or {}).items():
        parts += [f"## Fields: {schema}", _fields_table(fields)]
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
                rows += [_field_row(name, _account(account), account) for account in answer]
            case MoneyValue():
                rows.append(_field_row(name, f"{answer.value} {answer.currency}", answer))
            case _:
                rows.append(_field_row(name, str(answer.value), answer))
    if len(rows) == 1:
        return "None found."
    return _table(rows)


def _field_row(name: str, value: str, answer: FieldValue | MoneyValue | BankAccount) -> tuple[str, ...]:
    return (name, value, answer.text, f"{answer.confidence:.2f}", str(answer.page))


def _account(account: BankAccount) -> str:
    kind = None if account.type is None else account.type.value
    return " / ".join(part for part in (account.bank, account.branch, kind, account.number, account.holder) if part)


def _page(page: PageResult | UnreadPage) -> list[str]:
    parts = [f"## Page {page.number}"]
    if isinstance(page, UnreadPage):
        return [*parts, f"Could not be read: {_escaped(page.error.detail)}"]
    skew_deg = _skew_deg(page.lines)
    for _, block in groupby(page.lines, key=lambda line: line.block):
        rows = [[_cell(line, skew_deg) for line in row] for _, row in groupby(block, key=lambda line: line.row)]
        parts += _block(rows)
    return parts


def _skew_deg(lines: Sequence[Line]) -> float:
    level = [angle for line in lines if abs(angle := angle_deg(line.quad)) < _MAX_SKEW_DEG]
    return median(level) if level else 0.0


def _cell(line: Line, skew_deg: float) -> _Cell:
    box = place(0, line.quad, skew_deg=skew_deg, vertical=False)
    return _Cell(text=line.text, extent=(box.left, box.right))


def _block(rows: Sequence[Row]) -> list[str]:
    """A block as paragraphs and tables."""
    parts: list[str] = []
    at = 0
    while at < len(rows):
        end, columns = _table_end(rows, at)
        if end - at >= _MIN_TABLE_ROWS:
            parts.append(_table([_cells(row, columns) for row in rows[at:end]]))
            at = end
            continue
        paragraph: list[str] = []
        while at < len(rows) and (not paragraph or len(rows[at]) == 1):
            paragraph.append("  ".join(_escaped(cell.text) for cell in rows[at]))
            at += 1
        # A backslash at a line's end keeps the line break.
        parts.append("\\\n".join(_SPECIAL_AT_START.sub(r"\1\\\2", text) for text in paragraph))
    return parts


def _table_end(rows: Sequence[Row], start: int) -> tuple[int, list[Interval]]:
    """How far a table that starts at a row reaches, and its columns as x intervals."""
    columns: list[Interval] = []
    at = start
    while at < len(rows):
        cells = _merged(cell.extent for cell in rows[at])
        if len(cells) < _MIN_TABLE_COLUMNS:
            break
        merged = _merged([*columns, *cells])
        # A cell that bridges two columns, or two cells in one column: this row belongs to another table. (Lines of a
        # row that stand on top of each other are one cell, wrapped.)
        if any(len({_column_of(part, merged) for part in parts}) < len(parts) for parts in (columns, cells)):
            break
        columns = merged
        at += 1
    return at, columns


def _cells(row: Row, columns: list[Interval]) -> tuple[str, ...]:
    cells = [""] * len(columns)
    for cell in row:
        column = _column_of(cell.extent, columns)
        cells[column] = f"{cells[column]} {cell.text}".strip()
    return tuple(cells)


def _column_of(cell: Interval, columns: list[Interval]) -> int:
    return max(range(len(columns)), key=lambda at: min(cell[1], columns[at][1]) - max(cell[0], columns[at][0]))


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for left, right in sorted(intervals):
        if merged and left < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(right, merged[-1][1]))
        else:
            merged.append((left, right))
    return merged


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    head, *body = rows
    return "\n".join([_table_row(head), "|" + " --- |" * len(head), *(_table_row(row) for row in body)])


def _table_row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """The text with what Markdown would take for markup escaped: a document writes no HTML."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
