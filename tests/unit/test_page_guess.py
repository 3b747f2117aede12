"""How many pages a document seems to have, before anybody has opened it."""

from __future__ import annotations

import pytest

from ocr_core.contracts.document import PageSelection
from preprocess_svc.page_guess import guess_pages
from tests.support.open_samples import pdf

PAGE = ("/MediaBox[0 0 100 100]", "")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
TIFF = b"II*\x00" + bytes(64)


def guess(content: bytes, pages: str = "all", at_most: int = 30) -> int | None:
    return guess_pages(content, PageSelection.parse(pages), at_most=at_most)


@pytest.mark.parametrize("count", [1, 7])
def test_a_pdfs_page_objects_are_counted(count: int) -> None:
    assert guess(pdf([PAGE] * count)) == count


def test_the_tree_of_pages_is_no_page() -> None:
    assert guess(b"%PDF-1.7\n<< /Type /Pages /Count 3 >> << /Type/Page >> << /Type /PageLabel >>") == 1


def test_a_pdf_that_hides_them_says_nothing() -> None:
    assert guess(b"%PDF-1.7\n1 0 obj << /Type /ObjStm >>") is None


def test_a_forged_count_goes_no_further_than_what_would_be_read() -> None:
    assert guess(b"%PDF-1.7\n" + b"/Type/Page " * 100_000, at_most=30) == 30


def test_a_picture_is_one_page_and_a_tiff_may_be_many() -> None:
    assert guess(PNG) == 1
    assert guess(TIFF) is None


def test_no_more_pages_than_are_wanted_count() -> None:
    assert guess(pdf([PAGE] * 7), "2-3,3,5") == 3
    assert guess(pdf([PAGE] * 2), "1-9") == 2
    assert guess(TIFF, "1") == 1
