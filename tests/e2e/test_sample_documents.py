"""The bundled documents through the running API: fields as printed, lines read, quads where the text stands."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from ocr_client import OcrClient

from evaluation.annotate import annotate, page_image
from evaluation.api_reader import as_read, read_document
from evaluation.datasets import LabelledDocument, load_samples
from evaluation.field_metrics import Value, field_matches
from evaluation.metrics import character_errors
from evaluation.ordering import rows_text, text_along
from local_stack.stack import LocalStack

SAMPLES = {document.path.stem: document for document in load_samples()}
# The models confuse a few characters that look alike in print (口 and ロ, ェ and エ, ・ and ·).
MIN_ACCURACY = 0.97


def wrong_fields(document: LabelledDocument, fields: Mapping[str, Value]) -> dict[str, tuple[Value, Value]]:
    """What was printed and what was read, of every field that differs."""
    counts = field_matches(document.fields, fields)
    differing = (name for name, count in counts.items() if not count.right == count.given == count.wanted)
    return {name: (document.fields[name], fields.get(name)) for name in differing}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_field_is_as_printed(running_stack: LocalStack, name: str) -> None:
    document = SAMPLES[name]
    with OcrClient(running_stack.api_url) as client:
        read = read_document(client, document.path)
    assert read.error is None
    assert wrong_fields(document, read.fields) == {}
    printed = document.fields["bank_accounts"] or []
    accounts = read.fields["bank_accounts"] or []
    assert isinstance(printed, list)
    assert isinstance(accounts, list)
    assert len(accounts) == len(printed)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_is_read(running_stack: LocalStack, name: str) -> None:
    document = SAMPLES[name]
    assert document.lines is not None
    with OcrClient(running_stack.api_url) as client:
        read = read_document(client, document.path, schema="none")
    errors = character_errors(rows_text(document.lines), text_along(document.lines, read.lines))
    assert 1 - errors.rate >= MIN_ACCURACY


def test_evidence_and_picture(running_stack: LocalStack) -> None:
    document = SAMPLES["invoice_ja"]
    with OcrClient(running_stack.api_url) as client:
        result = client.read(document.path, timeout_s=30)
    (page,) = result["pages"]
    total = (result["fields"] or {})["total_amount"]
    assert isinstance(total, dict)
    assert total["text"].startswith("¥436,040")
    image = page_image(document.path, page)
    assert image.size == (page["width_px"], page["height_px"])
    picture = annotate(image, page, result)
    assert picture.size == image.size
    # What is drawn lies on the text: inside of every quad there is ink.
    for line in as_read(result).lines:
        xs, ys = [x for x, _ in line.quad], [y for _, y in line.quad]
        darkest, _ = image.convert("L").crop((min(xs), min(ys), max(xs), max(ys))).getextrema()
        assert darkest < 128
