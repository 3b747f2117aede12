"""The accuracy command from documents to report: real models, the text side in process, one bundled sample."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evaluation.accuracy.command import main, report
from evaluation.accuracy.judged import JudgedDocument, judge
from evaluation.accuracy.report.pictures import ANSWER_COLOUR, TRUTH_COLOUR
from evaluation.accuracy.through import ReadingsReader
from evaluation.datasets import load_samples
from evaluation.readings import Readings

NAME = "receipt_ja"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ReadingsReader:
    return ReadingsReader(Readings(tmp_path_factory.mktemp("readings")))


@pytest.fixture(scope="module")
def documents(reader: ReadingsReader) -> list[JudgedDocument]:
    labelled = [document for document in load_samples() if document.path.stem == NAME]
    reads = reader.read([document.path for document in labelled], description="samples")
    return [judge(document, read) for document, read in zip(labelled, reads, strict=True)]


def write(
    documents: list[JudgedDocument], reader: ReadingsReader, folder: Path, *, older: dict[str, Any] | None = None
) -> dict[str, Any]:
    report(
        documents,
        reader,
        argparse.Namespace(through="readings", peer="none", output=folder, pictures=True),
        older=older,
    )
    record: dict[str, Any] = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    return record


def test_samples_are_read_rightly_and_reported(
    documents: list[JudgedDocument], reader: ReadingsReader, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = write(documents, reader, tmp_path)
    (group,) = record["groups"]
    assert group["documents"] == 1
    assert group["micro"]["f1"] == 1.0
    assert group["five"] == {"right": 1, "of": 1}
    assert "| samples | 1 |" in capsys.readouterr().out
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Keep this folder on this machine" in page
    assert "<article>" not in page


def test_a_wrong_field_has_a_card_with_both_places_and_the_candidates(
    documents: list[JudgedDocument], reader: ReadingsReader, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write(documents, reader, tmp_path / "first")
    (receipt,) = documents
    # As if the sum without tax were what is to be paid: it is printed, and another amount is answered.
    claimed = {**receipt.document.fields, "total_amount": receipt.document.fields["subtotal"]}
    wrong = judge(replace(receipt.document, fields=claimed), receipt.read)

    record = write([wrong], reader, tmp_path / "second", older=first)

    (document,) = record["documents"]
    assert [name for name, field in document["fields"].items() if not field["right"]] == ["total_amount"]
    assert document["fields"]["total_amount"]["kind"] == "wrong candidate"
    page = unescape((tmp_path / "second" / "index.html").read_text(encoding="utf-8"))
    assert page.count("<article>") == 1
    assert "30000 JPY" in page
    assert "33000 JPY" in page
    assert "candidates (" in page
    assert 'class="for"' in page
    assert "http" not in page.replace('http-equiv="', "")
    pictures = sorted((tmp_path / "second" / "pictures").iterdir())
    assert pictures
    assert all(f'src="pictures/{picture.name}"' in page for picture in pictures)
    framed = [_near(picture, colour) for picture in pictures for colour in (TRUTH_COLOUR, ANSWER_COLOUR)]
    assert sum(framed) >= 2
    assert "WORSE samples: total_amount of receipt_ja.pdf (now wrong candidate)" in capsys.readouterr().out


def test_a_set_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OCR_SHARED_DATA", str(tmp_path))
    assert main(["--through", "readings", "--sets", "sroie"]) == 2
    assert "sroie" in capsys.readouterr().err


def _near(picture: Path, colour: tuple[int, int, int]) -> bool:
    """Whether a picture has a colour, give or take what JPEG makes of it."""
    with Image.open(picture) as image:
        counted = image.convert("RGB").getcolors(maxcolors=1 << 24) or []
    pixels = sum(count for count, seen in counted if sum(abs(a - b) for a, b in zip(seen, colour, strict=True)) < 60)
    return pixels > 100
