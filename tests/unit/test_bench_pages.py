"""The benchmark's pages: another file and other pixels every time, and the same print all the while."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest

from evaluation.bench.pages import (
    LARGEST_SHIFT_PX,
    BenchPage,
    Variants,
    default_pages,
    first_page_pixels,
    page_of_file,
)


@pytest.fixture(scope="module")
def pages() -> list[BenchPage]:
    return default_pages(quick=True)


def test_there_is_a_pdf_and_an_image_with_labels_wherever_the_project_is(pages: list[BenchPage]) -> None:
    assert [page.file(1)[:4] for page in pages] == [b"%PDF", b"\xff\xd8\xff\xe0"]
    assert all(page.truth for page in pages)


def test_no_two_variants_share_bytes_or_pixels(pages: list[BenchPage]) -> None:
    for page in pages:
        files = [page.file(nonce) for nonce in range(6)]
        pixels = [first_page_pixels(file).tobytes() for file in files]
        assert len(set(files)) == len(set(pixels)) == 6


def test_a_variant_prints_the_same_a_pixel_or_two_aside(pages: list[BenchPage]) -> None:
    for page in pages:
        first, second = first_page_pixels(page.file(3)), first_page_pixels(page.file(4))
        assert first.shape == second.shape
        # As much ink, and its middle where it was.
        assert ink(first).sum() == pytest.approx(ink(second).sum(), rel=0.02)
        for axis in (0, 1):
            places = np.arange(first.shape[axis])
            middles = [(ink(pixels).sum(axis=1 - axis) @ places) / ink(pixels).sum() for pixels in (first, second)]
            assert abs(middles[0] - middles[1]) <= 2 * LARGEST_SHIFT_PX


def test_files_and_pixels_of_a_variant_are_the_same_page(pages: list[BenchPage]) -> None:
    with Variants(pages) as variants:
        for page in pages:
            variant = variants.of(page)
            assert np.array_equal(variant.pixels, first_page_pixels(variant.file))
            assert np.array_equal(first_page_pixels(variant.image), variant.pixels)
            path = variant.pixels_path
            variant.forget()
            assert not path.exists()


def test_pages_come_in_turn_and_none_twice(pages: list[BenchPage]) -> None:
    with Variants(pages) as variants:
        taken = variants.take(5)
        assert [each.page.name for each in taken] == [pages[index % 2].name for index in range(5)]
        assert len({each.file for each in [*taken, *variants.take(5)]}) == 10


def test_of_a_longer_pdf_only_the_first_sheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "two sheets.pdf"
    with pdfium.PdfDocument.new() as document:
        document.new_page(200, 300)
        document.new_page(400, 500)
        document.save(path)
    page = page_of_file(path)
    assert page.truth == ()
    with pdfium.PdfDocument(io.BytesIO(page.file(7))) as document:
        assert [tuple(map(round, sheet.get_size())) for sheet in document] == [(200, 300)]


def ink(pixels: np.ndarray) -> np.ndarray:
    """How dark each pixel is, from 0 to 1."""
    return 1 - pixels.mean(axis=2) / 255
