"""Searchable PDFs on the sync road: the pages' images are kept while they are read, and put to the text at the end."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import InternalError, InvalidRequest
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.placed_text_codec import decode_placed_text
from ocr_core.contracts.ports import RenderedResult
from ocr_core.settings import PdfSettings
from preprocess_svc.file_names import pdf_file_name
from preprocess_svc.searchable_pdf import EncodedPage, SearchablePdf, encode_page
from preprocess_svc.searchable_pdf.document import CONTENT_TYPE
from preprocess_svc.searchable_pdf.held_images import HeldImages, ImageBudget


def image_budget(settings: PdfSettings) -> ImageBudget:
    """What page images may take, whatever answer they are for."""
    return ImageBudget(max_document_bytes=settings.max_document_bytes, max_held_bytes=settings.max_held_bytes)


class PdfAnswers:
    """What all such answers of a process share."""

    def __init__(self, *, settings: PdfSettings, workers: Executor, budget: ImageBudget | None = None) -> None:
        """Store what they need.

        Args:
            settings: Of PDFs.
            workers: The process's pool for work on pixels.
            budget: Shared with other answers that hold page images; one of its own where none is given.
        """
        self._jpeg_quality = settings.jpeg_quality
        self._workers = workers
        self.budget = budget or image_budget(settings)

    @contextmanager
    def answer(self, deadline: Deadline) -> Iterator[PdfAnswer]:
        """One document's; whatever it holds goes at the end."""
        with HeldImages[EncodedPage](self.budget) as images:
            yield PdfAnswer(images, jpeg_quality=self._jpeg_quality, workers=self._workers, deadline=deadline)


class PdfAnswer:
    """One document's PDF in the making."""

    def __init__(
        self, images: HeldImages[EncodedPage], *, jpeg_quality: int, workers: Executor, deadline: Deadline
    ) -> None:
        self._images = images
        self._jpeg_quality = jpeg_quality
        self._workers = workers
        self._deadline = deadline

    def keep(self, page: PageImage, rotation_deg: int) -> None:
        """``pipeline.KeepPage``.

        Raises:
            DocumentTooLarge, Overloaded: see ``HeldImages.add``.
        """
        self._images.add(
            encode_page(
                page.pixels,
                number=page.number,
                dpi=page.dpi,
                rotation_deg=rotation_deg,
                jpeg_quality=self._jpeg_quality,
            )
        )

    async def write(self, placed: RenderedResult) -> RenderedResult:
        """The PDF, of the images and of what the text side answered.

        Raises:
            DeadlineExceeded: between two pages.
            InternalError: the text side's answer does not fit.
        """
        return await asyncio.get_running_loop().run_in_executor(self._workers, self._write, placed)

    def _write(self, placed: RenderedResult) -> RenderedResult:
        try:
            document = decode_placed_text(placed.body)
        except InvalidRequest as error:  # it was the text side's, not the caller's
            raise InternalError(f"the text service's answer is damaged: {error.detail}") from error
        sink = io.BytesIO()
        pdf = SearchablePdf(sink, document.title)
        for page in document.pages:
            self._deadline.check("write")
            pdf.add(page, self._images.take(page.number))
        pdf.finish()
        return replace(
            placed, content_type=CONTENT_TYPE, body=sink.getvalue(), file_name=pdf_file_name(document.title.file_name)
        )
