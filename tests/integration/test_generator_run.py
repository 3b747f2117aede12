"""One print run with every layout: what the labels say is printed is printed there, before and after the damage."""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
import pytest
from numpy.typing import NDArray

from evaluation.datasets import load_generated, page_images
from evaluation.generator.__main__ import main
from evaluation.generator.compose import ComposedDocument, compose
from evaluation.generator.damage import CLEAN
from evaluation.generator.evidence import SCALE, PlacedMark, PrintedDocument
from evaluation.generator.labels import FIELDS, label_row
from evaluation.generator.layouts import layouts
from evaluation.generator.run import LABELS, Plan, generate, page_pixels, print_documents
from evaluation.generator.splits import Split
from tests.support.generator import generator_fonts  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("generator_fonts")
SEED = 41
NEVER_PRINTED_IN_RECEIPTS = {"due_date", "bank_accounts"}
MOST_SHARED = 0.4
"""Of the smaller box. Boxes of neighbouring lines overlap, since some fonts are taller than the lines are apart (Noto
CJK 1.45 em, lines 1.3); of two values printed on each other one would cover the other by more than half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A printed document with what the tests look at, kept while its PDF is open."""

    document: ComposedDocument
    printed: PrintedDocument
    texts: dict[int, str]
    """What the text layer has at each mark, without white space, by the mark's number."""
    pages: list[NDArray[np.uint8]]

    @property
    def values(self) -> list[PlacedMark]:
        """The marks that are values."""
        return [mark for mark in self.printed.marks if self.document.printout.marks[mark.number].text]


@pytest.fixture(scope="module")
def sheets() -> list[Sheet]:
    """Every layout of every split, printed in one run."""
    every = [(split, layout) for split in Split for layout in layouts(split)]
    composed = [
        compose(index=index, seed=SEED, split=split, layout=layout) for index, (split, layout) in enumerate(every)
    ]
    return [
        Sheet(document=document, printed=printed, texts=_texts(pdf, printed), pages=page_pixels(pdf, printed))
        for document, printed, pdf in print_documents(composed, seed=SEED)
    ]


def test_every_layout_is_printed_on_as_many_sheets_as_it_means_to(sheets: list[Sheet]) -> None:
    names = {sheet.document.layout.name for sheet in sheets}
    assert names == {layout.name for split in Split for layout in layouts(split)}
    assert any(sheet.document.printout.sheet_count > 1 for sheet in sheets)


def test_the_text_layer_has_each_value_where_its_label_says(sheets: list[Sheet]) -> None:
    for sheet in sheets:
        for number in {mark.number for mark in sheet.values}:
            wanted = _folded(sheet.document.printout.marks[number].text)
            assert wanted in sheet.texts[number], sheet.document.layout.name


def test_there_is_ink_wherever_a_value_is(sheets: list[Sheet]) -> None:
    for sheet in sheets:
        for mark in sheet.values:
            left, top, right, bottom = (round(side) for side in mark.box)
            patch = sheet.pages[mark.page - 1][max(top, 0) : bottom, max(left, 0) : right]
            assert patch.size, sheet.document.layout.name
            assert int(patch.max()) - int(patch.min()) > 60, (sheet.document.layout.name, mark)


def test_no_value_stands_on_another(sheets: list[Sheet]) -> None:
    for sheet in sheets:
        for one, other in _pairs(sheet.values):
            shared = _area(_intersection(one, other))
            smaller = min(_area(one.box), _area(other.box))
            assert shared <= MOST_SHARED * smaller, (sheet.document.layout.name, one, other)


def test_every_field_is_printed_somewhere_and_missing_somewhere(sheets: list[Sheet]) -> None:
    seen: dict[str, set[bool]] = defaultdict(set)
    for sheet in sheets:
        identity = [np.eye(3)] * len(sheet.pages)
        row = label_row(
            sheet.document,
            sheet.printed,
            file="a.png",
            pdf=None,
            damage=CLEAN,
            homographies=identity,
            sizes_px=sheet.printed.sizes_px,
        )
        fields = row["fields"]
        assert isinstance(fields, dict)
        for name, value in fields.items():
            seen[name].add(value is not None)
        if row["document_type"] == "receipt":
            assert all(fields.get(name) is None for name in NEVER_PRINTED_IN_RECEIPTS)
    assert {name: seen[name] for name in FIELDS} == {name: {True, False} for name in FIELDS}


def test_two_runs_of_one_seed_write_the_same_labels_and_pages(tmp_path: Path) -> None:
    plan = Plan(split=Split.DEVELOP, count=4, seed=SEED, damages=("clean", "heavy"), with_pdf=True)
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        list(generate(plan, folder))
    assert (folders[0] / LABELS).read_bytes() == (folders[1] / LABELS).read_bytes()
    for row in _rows(folders[0]):
        pages = [list(page_images(folder / row["file"])) for folder in folders]
        assert all(np.array_equal(one, other) for one, other in zip(*pages, strict=True))


def test_the_command_writes_documents_that_load_with_evidence_on_the_damaged_glyphs(tmp_path: Path) -> None:
    levels = ["clean", "scan", "fax", "photo", "heavy"]
    arguments = ["--out", str(tmp_path), "--split", "train", "--count", "5", "--seed", str(SEED), "--damage", *levels]
    assert main(arguments) == 0
    documents = load_generated(tmp_path)
    assert [document.damage for document in documents] == levels
    for document in documents:
        pages = [cv2.cvtColor(page, cv2.COLOR_RGB2GRAY) for page in page_images(document.path)]
        assert len(document.evidence) >= 3
        for places in document.evidence.values():
            for place in places:
                patch = _inside(pages[place.page - 1], place.quad)
                assert np.ptp(patch) > 35, (document.path.name, place.text)


def test_a_vector_pdf_is_kept_without_links_and_with_its_text(tmp_path: Path) -> None:
    plan = Plan(split=Split.TEST, count=2, seed=SEED, damages=(CLEAN,), with_pdf=True)
    list(generate(plan, tmp_path))
    for row in _rows(tmp_path):
        with pdfium.PdfDocument(tmp_path / row["pdf"]) as pdf:
            text = _folded("".join(page.get_textpage().get_text_range() for page in pdf))
            assert len(pdf) == len(row["page_sizes_px"])
            assert [pdfium_c.FPDFPage_GetAnnotCount(page) for page in pdf] == [0] * len(pdf)
        for places in row["evidence"].values():
            assert all(_folded(place["text"]) in text for place in places if len(place["text"]) < 12)


def _rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(row) for row in (folder / LABELS).read_text(encoding="utf-8").splitlines()]


def _texts(pdf: pdfium.PdfDocument, printed: PrintedDocument) -> dict[int, str]:
    """The text layer's text at each mark, a broken value's pieces from top to bottom."""
    texts: dict[int, str] = defaultdict(str)
    for mark in sorted(printed.marks, key=lambda mark: (mark.number, mark.page, mark.box[1])):
        page = pdf[printed.pdf_pages[mark.page - 1]]
        left, _, _, top = page.get_mediabox()
        box = [side / SCALE for side in mark.box]
        text = page.get_textpage().get_text_bounded(
            left + box[0] - 1, top - box[3] - 1, left + box[2] + 1, top - box[1] + 1
        )
        texts[mark.number] += _folded(text)
    return texts


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _pairs(marks: list[PlacedMark]) -> Iterator[tuple[PlacedMark, PlacedMark]]:
    for place, one in enumerate(marks):
        yield from (
            (one, other) for other in marks[place + 1 :] if one.page == other.page and one.number != other.number
        )


def _intersection(one: PlacedMark, other: PlacedMark) -> tuple[float, float, float, float]:
    return (
        max(one.box[0], other.box[0]),
        max(one.box[1], other.box[1]),
        min(one.box[2], other.box[2]),
        min(one.box[3], other.box[3]),
    )


def _area(box: tuple[float, float, float, float]) -> float:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def _inside(page: NDArray[np.uint8], quad: object) -> NDArray[np.uint8]:
    corners = np.round(np.asarray(quad, np.float64)).astype(np.int32)
    mask = cv2.fillPoly(np.zeros(page.shape, np.uint8), [corners], 1)
    return page[mask > 0]
