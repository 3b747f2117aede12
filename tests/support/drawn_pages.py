"""Pages drawn in characters, read by the text side: ``evaluation.mockups.drawing`` says what the marks mean."""

from __future__ import annotations

import json
import textwrap

from evaluation.mockups.drawing import parse_drawing
from evaluation.mockups.reading import charset_of, reading_of
from ocr_core.contracts.ports import StructureOptions
from postprocess_svc import formats
from postprocess_svc.ctc import Charsets
from postprocess_svc.pipeline import TextPipeline


def answers(page: str, *names: str) -> tuple[object, ...]:
    """Values of fields as a caller is answered them at the default threshold; None where there is none."""
    text = textwrap.dedent(page).strip("\n") + "\n"
    charset = charset_of([text])
    options = StructureOptions()
    reading = reading_of("drawn.pdf", [parse_drawing(text)], charset)
    result = TextPipeline(charsets=Charsets([charset])).structure(reading, options=options, request_id="drawn")
    fields = json.loads(formats.render(result, options.output_format).body)["fields"]
    return tuple(None if fields[name] is None else fields[name]["value"] for name in names)


def amounts(page: str) -> tuple[object, ...]:
    """Total, subtotal and tax."""
    return answers(page, "total_amount", "subtotal", "tax_amount")


def dates(page: str) -> tuple[object, ...]:
    """The document's date and the day by which to pay."""
    return answers(page, "document_date", "due_date")


def value_of(name: str, page: str) -> str | None:
    """One field's value as text."""
    (value,) = answers(page, name)
    return None if value is None else str(value)
