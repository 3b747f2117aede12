"""``text_layer=prefer`` through the running API: a sound layer spells better, a lying one never wins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.support.documents import pdf_with_hidden_text

PREFER = {"timeout_s": "30", "text_layer": "prefer"}

PRINTED = ("Alpha Trading Ltd.", "Invoice No. 20481", "Total amount 385,000", "Due date 2026-12-31")
LIES = ("Omega Trading Ltd.", "Invoice No. 20487", "Total amount 985,000", "Due date 2031-12-31")


def read(api: httpx.Client, document: bytes, **params: str) -> tuple[list[str], list[str]]:
    """The lines' texts and the warnings' codes."""
    answer = api.post("/v1/ocr", params=PREFER | params, content=document)
    assert answer.status_code == 200
    result = answer.json()
    lines = [line["text"] for page in result["pages"] for line in page["lines"]]
    return lines, [warning["code"] for warning in result["warnings"]]


def without_spaces(lines: Sequence[str]) -> list[str]:
    return ["".join(line.split()) for line in lines]


def test_a_sound_layer_spells_as_the_document_does(api: httpx.Client, samples: Path) -> None:
    invoice = (samples / "invoice_ja.pdf").read_bytes()
    preferred, warnings = read(api, invoice)
    # Full-width brackets, and a small kana and a middle dot that recognisers take for others that look like them.
    assert {"口座名義：カ）サクラミホンセイサクショ", "スタッキングチェア", "搬入・組立作業費"} <= set(preferred)
    assert warnings == []
    ignored, _ = read(api, invoice, text_layer="ignore")
    assert len(preferred) == len(ignored)


def test_a_lying_layer_never_wins_and_is_told_of(api: httpx.Client) -> None:
    lines, warnings = read(api, pdf_with_hidden_text(PRINTED, hidden=LIES))
    assert without_spaces(lines) == without_spaces(PRINTED)
    assert warnings == ["text_layer_distrusted"]


def test_hidden_text_where_nothing_is_printed_stays_hidden(api: httpx.Client) -> None:
    lines, warnings = read(api, pdf_with_hidden_text(PRINTED[:2], hidden=(*PRINTED[:2], *LIES[2:])))
    assert without_spaces(lines) == without_spaces(PRINTED[:2])
    assert warnings == []


def test_a_layer_is_not_looked_at_unless_it_is_asked_for(api: httpx.Client) -> None:
    lines, warnings = read(api, pdf_with_hidden_text(PRINTED, hidden=LIES), text_layer="ignore")
    assert without_spaces(lines) == without_spaces(PRINTED)
    assert warnings == []
