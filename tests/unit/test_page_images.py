"""Page images on their way into a PDF: held in memory, or in a file, and bounded either way."""

from __future__ import annotations

import io
import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.errors import DocumentTooLarge, InternalError, Overloaded
from ocr_core.contracts.placed_text import DocumentTitle, PlacedLine, PlacedPage
from preprocess_svc.searchable_pdf import EncodedPage, PixelCoding, SearchablePdf
from preprocess_svc.searchable_pdf.held_images import HeldImages, ImageBudget
from preprocess_svc.searchable_pdf.image_pack import ImagePack, ImagePackWriter


def image(number: int, data: bytes = b"pixels") -> EncodedPage:
    return EncodedPage(number=number, width_px=30, height_px=40, dpi=200, coding=PixelCoding.JPEG_GREY, data=data)


class TestInMemory:
    def test_what_is_held_can_be_taken_once(self) -> None:
        with HeldImages(ImageBudget(max_document_bytes=100, max_held_bytes=100)) as images:
            images.add(image(2))
            assert images.take(2) == image(2)
            assert images.take(2) is None
            assert images.take(1) is None

    def test_a_document_over_its_limit_is_too_large(self) -> None:
        budget = ImageBudget(max_document_bytes=10, max_held_bytes=100)
        with HeldImages(budget) as images:
            images.add(image(1))
            with pytest.raises(DocumentTooLarge, match=r"10 bytes \(max_document_bytes\)"):
                images.add(image(2))
            # What has gone into the PDF is still in memory.
            images.take(1)
            with pytest.raises(DocumentTooLarge):
                images.add(image(2))
            assert budget.held_bytes == 6

    def test_documents_together_over_the_limit_are_too_many(self) -> None:
        budget = ImageBudget(max_document_bytes=10, max_held_bytes=15)
        with HeldImages(budget) as first, HeldImages(budget) as second:
            first.add(image(1, bytes(10)))
            with pytest.raises(Overloaded):
                second.add(image(1, bytes(10)))
            second.add(image(1, bytes(5)))
        assert budget.held_bytes == 0
        with HeldImages(budget) as third:
            third.add(image(1, bytes(10)))

    def test_a_page_that_comes_when_its_document_was_given_up_is_not_held(self) -> None:
        budget = ImageBudget(max_document_bytes=10, max_held_bytes=10)
        images = HeldImages(budget)
        images.add(image(1))
        images.release()
        images.add(image(2))
        images.release()
        assert (budget.held_bytes, images.take(2)) == (0, None)

    def test_threads_lose_nothing(self) -> None:
        budget = ImageBudget(max_document_bytes=10_000, max_held_bytes=10_000)
        with HeldImages(budget) as images, ThreadPoolExecutor(8) as threads:
            list(threads.map(images.add, [image(number, bytes(10)) for number in range(1, 501)]))
            assert budget.held_bytes == 5_000
            assert all(images.take(number) for number in range(1, 501))


class TestInAFile:
    @given(
        st.lists(
            st.builds(
                EncodedPage,
                number=st.integers(1, 3_000),
                width_px=st.integers(1, 1_000_000),
                height_px=st.integers(1, 1_000_000),
                dpi=st.integers(0, 1_000_000),
                coding=st.sampled_from(PixelCoding),
                data=st.binary(max_size=50),
            ),
            max_size=6,
            unique_by=lambda page: page.number,
        )
    )
    def test_pages_come_back_in_any_order(self, pages: list[EncodedPage]) -> None:
        file = io.BytesIO()
        writer = ImagePackWriter(file, max_bytes=10_000)
        for page in pages:
            writer.add(page)
        assert writer.size_bytes == len(file.getvalue())
        pack = ImagePack(file, size_bytes=writer.size_bytes)
        for page in sorted(pages, key=lambda page: page.number):
            assert pack.image(page.number) == page
        assert pack.image(4_000) is None

    def test_a_pack_is_bounded(self) -> None:
        writer = ImagePackWriter(io.BytesIO(), max_bytes=50)
        writer.add(image(1))
        with pytest.raises(DocumentTooLarge, match=r"50 bytes \(max_bulk_document_bytes\)"):
            writer.add(image(2))

    @pytest.mark.parametrize(
        "damage",
        [
            lambda content: content[:0],
            lambda content: b"X" + content[1:],
            lambda content: content[:-1],
            lambda content: content + b"\0",
            lambda content: content[:21] + b"\x09" + content[22:],  # a coding that there is not
        ],
    )
    def test_a_damaged_pack_is_told(self, damage: object) -> None:
        file = io.BytesIO()
        writer = ImagePackWriter(file, max_bytes=1_000)
        writer.add(image(1))
        content = damage(file.getvalue())  # type: ignore[operator]
        with pytest.raises(InternalError, match="damaged"):
            ImagePack(io.BytesIO(content), size_bytes=len(content))

    def test_memory_does_not_grow_with_the_document(self) -> None:
        page_bytes, page_count = 1_000_000, 60
        text = "請求書の本文" * 20
        count = len(text)
        line = PlacedLine(
            text=text,
            quad=((0, 0), (30, 0), (30, 4), (0, 4)),
            extents=tuple((at / count, (at + 1) / count) for at in range(count)),
        )
        with tempfile.TemporaryFile() as pack_file, tempfile.TemporaryFile() as pdf_file:
            tracemalloc.start()
            writer = ImagePackWriter(pack_file, max_bytes=page_bytes * page_count * 2)
            for number in range(1, page_count + 1):
                writer.add(image(number, bytes(page_bytes)))
            pack = ImagePack(pack_file, size_bytes=writer.size_bytes)
            title = DocumentTitle(title="long", file_name=None, sha256="0" * 64, language=None)
            pdf = SearchablePdf(pdf_file, title)
            for number in range(1, page_count + 1):
                page = PlacedPage(number=number, width_px=30, height_px=40, lines=(line,) * 5)
                pdf.add(page, pack.image(number))
            pdf.finish()
            _, peak_bytes = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert pdf.size_bytes > page_bytes * page_count
        assert peak_bytes < 5 * page_bytes
