"""Documents through the running API, as values that can be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ocr_client import ApiError, OcrClient, OcrClientError, OcrResult
from ocr_client.types import Page

from evaluation.field_metrics import Value
from evaluation.ordering import PlacedText, Quad

# What the API allows at most: accuracy is measured here, and the machine may be busy with the peer.
TIMEOUT_S = 30.0

ACCOUNTS = "bank_accounts"
LINE_ITEMS = "line_items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A value that was answered for a field, with its evidence. A list of accounts is an answer an account."""

    value: Value
    """Of an amount with its currency; of an account its parts."""
    text: str
    """As printed."""
    confidence: float
    page: int
    quad: Quad


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRead:
    """What an engine made of one document; ``error`` says why it is empty."""

    lines: tuple[PlacedText, ...] = ()
    """In the engine's own order."""
    fields: Mapping[str, Value] = field(default_factory=dict)
    answers: Mapping[str, tuple[Answer, ...]] = field(default_factory=dict)
    """What ``fields`` rests on; a field without an answer has none."""
    line_items: tuple[Mapping[str, object], ...] | None = None
    """Null where the engine has no such field."""
    pages: tuple[Page, ...] = ()
    """The pages' sizes and turns, which the quads refer to."""
    document_type: str | None = None
    error: str | None = None

    @property
    def text(self) -> str:
        """The lines in the engine's own order."""
        return "\n".join(line.text for line in self.lines)


def read_document(
    client: OcrClient, path: Path, *, schema: str = "auto", min_confidence: float | None = None
) -> DocumentRead:
    """Send one document; one that does not fit into the longest deadline is sent again page by page, without fields."""
    try:
        return as_read(client.read(path, schema=schema, timeout_s=TIMEOUT_S, min_confidence=min_confidence))
    except ApiError as error:
        if error.code != "deadline_exceeded":
            return DocumentRead(error=str(error))
    except OcrClientError as error:
        return DocumentRead(error=str(error))
    return _read_by_page(client, path)


def as_read(result: OcrResult) -> DocumentRead:
    """The parts of an answer that are scored."""
    lines = tuple(
        PlacedText(text=line["text"], quad=line["quad"], page=page["number"])
        for page in result["pages"]
        for line in page.get("lines", [])
    )
    return DocumentRead(
        lines=lines,
        fields=plain_fields(result),
        answers=field_answers(result),
        line_items=_line_items(result),
        pages=tuple(result["pages"]),
        document_type=result["document_type"],
    )


def field_answers(result: OcrResult) -> dict[str, tuple[Answer, ...]]:
    """Every answer with its evidence, by field."""
    answers: dict[str, tuple[Answer, ...]] = {}
    for name, answer in _fields(result).items():
        if name != LINE_ITEMS and answer:
            answers[name] = tuple(_answer(entry) for entry in (answer if isinstance(answer, list) else [answer]))
    return answers


def _answer(entry: Mapping[str, Any]) -> Answer:
    value: Value = entry["value"] if "value" in entry and "currency" not in entry else entry
    return Answer(
        value=value,
        text=entry.get("text") or "",
        confidence=entry["confidence"],
        page=entry["page"],
        quad=entry["quad"],
    )


def _line_items(result: OcrResult) -> tuple[Mapping[str, object], ...] | None:
    fields = _fields(result)
    return tuple(fields[LINE_ITEMS] or ()) if LINE_ITEMS in fields else None


def _fields(result: OcrResult) -> dict[str, Any]:
    return dict(result["fields"] or {})


def plain_fields(result: OcrResult) -> dict[str, Value]:
    """Field values without their evidence; an amount keeps its currency."""
    fields: dict[str, Value] = {}
    for name, answer in (result["fields"] or {}).items():
        if isinstance(answer, dict) and "currency" not in answer:
            fields[name] = answer["value"]
        else:
            fields[name] = cast("Value", answer)
    return fields


def _read_by_page(client: OcrClient, path: Path) -> DocumentRead:
    lines: list[PlacedText] = []
    number = 1
    while True:
        try:
            result = client.read(path, schema="none", pages=str(number), timeout_s=TIMEOUT_S)
        except OcrClientError as error:
            return DocumentRead(lines=tuple(lines), error=f"page {number}: {error}")
        lines += as_read(result).lines
        if number >= result["document"]["page_count"]:
            return DocumentRead(lines=tuple(lines), error="no fields: the whole document took longer than the deadline")
        number += 1
