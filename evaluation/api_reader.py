"""Documents through the running API, as values that can be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ocr_client import ApiError, OcrClient, OcrClientError, OcrResult

from evaluation.field_metrics import Value
from evaluation.ordering import PlacedText

# What the API allows at most: accuracy is measured here, and the machine may be busy with the peer.
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRead:
    """What an engine made of one document; ``error`` says why it is empty."""

    lines: tuple[PlacedText, ...] = ()
    """In the engine's own order."""
    fields: Mapping[str, Value] = field(default_factory=dict)
    document_type: str | None = None
    error: str | None = None

    @property
    def text(self) -> str:
        """The lines in the engine's own order."""
        return "\n".join(line.text for line in self.lines)


def read_document(client: OcrClient, path: Path, *, schema: str = "auto") -> DocumentRead:
    """Send one document; one that does not fit into the longest deadline is sent again page by page, without fields."""
    try:
        return as_read(client.read(path, schema=schema, timeout_s=TIMEOUT_S))
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
    return DocumentRead(lines=lines, fields=plain_fields(result), document_type=result["document_type"])


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
