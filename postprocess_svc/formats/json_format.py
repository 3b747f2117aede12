"""The result as JSON, exactly as api.md has it."""

from __future__ import annotations

from pydantic_core import to_json

from ocr_core.contracts.document import DocumentInfo
from ocr_core.contracts.geometry import Quad
from ocr_core.contracts.page import Notice
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
    PartnerOfName,
    Table,
    TableCell,
    Timing,
    UnreadPage,
)

CONTENT_TYPE = "application/json"

_CONFIDENCE_DIGITS = 4
_PARTS_OF_A_PIXEL = 10  # detection itself is no finer
_MILLISECOND_DIGITS = 1

# Written out by hand rather than by reflection over the dataclasses: the interface is api.md, which must not change
# when a value inside gets one more attribute; and numbers are rounded to what they are worth, which nearly halves the
# body (7 against 13 kB for 50 lines, 0.2 against 0.06 ms).
Json = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


def render(result: OcrResult) -> RenderedResult:
    """The whole result, UTF-8."""
    return RenderedResult(content_type=CONTENT_TYPE, body=to_json(to_json_value(result)))


def to_json_value(result: OcrResult) -> dict[str, Json]:
    """The result as plain values."""
    return {
        "id": result.id,
        "request_id": result.request_id,
        "document": _document(result.document),
        "document_type": None if result.document_type is None else result.document_type.value,
        "pages": [_page(page) for page in result.pages],
        "text": result.text,
        "fields": None if result.fields is None else _fields(result.fields),
        "schemas": None
        if result.schemas is None
        else {schema: _fields(fields) for schema, fields in result.schemas.items()},
        "models": dict(result.models),
        "warnings": [_notice(notice) for notice in result.warnings],
        "timing_ms": _timing(result.timing_ms),
    }


def _document(document: DocumentInfo) -> Json:
    return {
        "file_name": document.file_name,
        "media_type": document.media_type.value,
        "page_count": document.page_count,
        "sha256": document.sha256,
    }


def _page(page: PageResult | UnreadPage) -> Json:
    if isinstance(page, UnreadPage):
        return {"number": page.number, "error": {"code": page.error.code, "detail": page.error.detail}}
    return {
        "number": page.number,
        "width_px": page.width_px,
        "height_px": page.height_px,
        "dpi": page.dpi,
        "rotation_deg": page.rotation_deg,
        "lines": [_line(line) for line in page.lines],
        "tables": [_table(table) for table in page.tables],
    }


def _line(line: Line) -> Json:
    return {"text": line.text, "confidence": _confidence(line.confidence), "quad": _quad(line.quad)}


def _table(table: Table) -> Json:
    return {"quad": _quad(table.quad), "rows": [[_cell(cell) for cell in row] for row in table.rows]}


def _cell(cell: TableCell) -> Json:
    return {
        "text": cell.text,
        "quad": _quad(cell.quad),
        "row_span": cell.row_span,
        "column_span": cell.column_span,
    }


def _fields(fields: dict[str, FieldAnswer]) -> Json:
    return {name: _answer(answer) for name, answer in fields.items()}


def _answer(answer: FieldAnswer) -> Json:
    match answer:
        case None:
            return None
        case MoneyValue():
            return {"value": answer.value, "currency": answer.currency, **_evidence(answer)}
        case FieldValue():
            partner = {} if answer.partner is None else {"partner": _partner(answer.partner)}
            return {"value": answer.value, **_evidence(answer), **partner}
        case _:
            return [_item(entry) if isinstance(entry, LineItem) else _account(entry) for entry in answer]


def _partner(partner: PartnerOfName) -> Json:
    return {
        "name": partner.name,
        "code": partner.code,
        "registration_number": partner.registration_number,
        "matched_by": partner.matched_by.value,
        "confidence": _confidence(partner.confidence),
    }


def _account(account: BankAccount) -> Json:
    return {
        "bank": account.bank,
        "branch": account.branch,
        "type": None if account.type is None else account.type.value,
        "number": account.number,
        "holder": account.holder,
        **_evidence(account),
    }


def _item(item: LineItem) -> Json:
    return {
        "description": item.description,
        "quantity": item.quantity,
        "unit": item.unit,
        "unit_price": item.unit_price,
        "amount": item.amount,
        "tax_rate_percent": item.tax_rate_percent,
        **_evidence(item),
    }


def _evidence(answer: FieldValue | MoneyValue | BankAccount | LineItem) -> dict[str, Json]:
    return {
        "text": answer.text,
        "confidence": _confidence(answer.confidence),
        "page": answer.page,
        "quad": _quad(answer.quad),
    }


def _notice(notice: Notice) -> Json:
    return {"code": notice.code, "detail": notice.detail, "page": notice.page}


def _timing(timing: Timing) -> Json:
    return {
        "open": round(timing.open, _MILLISECOND_DIGITS),
        "detect": round(timing.detect, _MILLISECOND_DIGITS),
        "recognise": round(timing.recognise, _MILLISECOND_DIGITS),
        "structure": round(timing.structure, _MILLISECOND_DIGITS),
        "total": round(timing.total, _MILLISECOND_DIGITS),
    }


def _confidence(confidence: float) -> float:
    return round(confidence, _CONFIDENCE_DIGITS)


def _quad(quad: Quad) -> Json:
    # ``round`` to a digit goes through decimal digits and costs three times as much, for eight numbers a line.
    return [
        [round(x * _PARTS_OF_A_PIXEL) / _PARTS_OF_A_PIXEL, round(y * _PARTS_OF_A_PIXEL) / _PARTS_OF_A_PIXEL]
        for x, y in quad
    ]
