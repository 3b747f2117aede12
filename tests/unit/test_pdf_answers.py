"""The sync road's PDF: pages kept while they are read, put to the text side's answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, DocumentTooLarge, InternalError
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.placed_text import DocumentTitle, PlacedDocument, PlacedLine, PlacedPage
from ocr_core.contracts.placed_text_codec import CONTENT_TYPE, encode_placed_text
from ocr_core.contracts.ports import RenderedResult
from ocr_core.settings import PdfSettings, SettingsError, load
from preprocess_svc.file_names import pdf_file_name
from preprocess_svc.pdf_answers import PdfAnswers
from tests.support.pdf_reading import check_sound, labels, texts

WIDTH_PX, HEIGHT_PX = 300, 200


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def pdfs(workers: ThreadPoolExecutor) -> PdfAnswers:
    return PdfAnswers(settings=PdfSettings(), workers=workers)


def page(number: int) -> PageImage:
    return PageImage(number=number, pixels=np.full((HEIGHT_PX, WIDTH_PX, 3), 200, np.uint8), dpi=72)


def placed(*numbers: int, warning_codes: tuple[str, ...] = ()) -> RenderedResult:
    pages = tuple(
        PlacedPage(
            number=number,
            width_px=WIDTH_PX,
            height_px=HEIGHT_PX,
            lines=(PlacedLine(text="行", quad=((10, 10), (60, 10), (60, 60), (10, 60)), extents=((0.0, 1.0),)),),
        )
        for number in numbers
    )
    title = DocumentTitle(title="a.tiff", file_name="a.tiff", sha256="0" * 64, language="ja")
    return RenderedResult(
        content_type=CONTENT_TYPE,
        body=encode_placed_text(PlacedDocument(title=title, pages=pages)),
        warning_codes=warning_codes,
    )


async def test_pages_may_come_in_any_order(pdfs: PdfAnswers) -> None:
    with pdfs.answer(Deadline.after(30)) as answer:
        for number in (5, 2):
            answer.keep(page(number), 0)
        result = await answer.write(placed(2, 5, warning_codes=("page_rendered_smaller",)))
    check_sound(result.body)
    assert (labels(result.body), texts(result.body)) == (["2", "5"], ["行", "行"])
    assert (result.content_type, result.file_name) == ("application/pdf", "a.pdf")
    assert result.warning_codes == ("page_rendered_smaller",)


async def test_nothing_is_held_afterwards_whatever_happens(pdfs: PdfAnswers) -> None:
    with pdfs.answer(Deadline.after(30)) as answer:
        answer.keep(page(1), 0)
        assert pdfs.budget.held_bytes > 0
        await answer.write(placed(1))
    assert pdfs.budget.held_bytes == 0
    with pdfs.answer(Deadline.after(30)) as answer:
        answer.keep(page(1), 0)
        with pytest.raises(InternalError, match="no longer there"):
            await answer.write(placed(1, 2))
    assert pdfs.budget.held_bytes == 0


async def test_an_answer_that_is_none_is_a_fault_of_ours(pdfs: PdfAnswers) -> None:
    damaged = RenderedResult(content_type=CONTENT_TYPE, body=b"?")
    with pdfs.answer(Deadline.after(30)) as answer, pytest.raises(InternalError, match="damaged"):
        await answer.write(damaged)


async def test_the_deadline_holds_between_pages(pdfs: PdfAnswers) -> None:
    with pdfs.answer(Deadline.after(0)) as answer:
        answer.keep(page(1), 0)
        with pytest.raises(DeadlineExceeded):
            await answer.write(placed(1))


def test_a_document_of_large_pages_is_too_large(workers: ThreadPoolExecutor) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    pdfs = PdfAnswers(settings=PdfSettings(max_document_bytes=20_000), workers=workers)
    with pdfs.answer(Deadline.after(30)) as answer, pytest.raises(DocumentTooLarge, match="max_document_bytes"):
        answer.keep(PageImage(number=1, pixels=noise, dpi=72), 0)


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [(None, "document.pdf"), ("a.png", "a.pdf"), ("請求書.2026.tiff", "請求書.2026.pdf"), ("scan", "scan.pdf")],
)
def test_it_is_called_as_the_document_was(file_name: str | None, expected: str) -> None:
    assert pdf_file_name(file_name) == expected


def test_limits_that_no_document_could_meet_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_PDF_MAX_HELD_BYTES", "1000")
    with pytest.raises(SettingsError, match="max_held_bytes is below max_document_bytes"):
        load(PdfSettings)
