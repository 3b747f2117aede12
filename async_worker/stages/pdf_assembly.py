"""The searchable PDF of a document of a job: page images that lie beside its readings, and its result's text."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import IO

from async_worker.stages.page_images import fetched_images, store_file
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DocumentTooLarge
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.placed_text import PlacedPage, UnreadPlace
from ocr_core.contracts.result import OcrResult
from ocr_core.settings import PdfSettings
from postprocess_svc.formats.placed_format import document_title, placed_pages
from preprocess_svc.searchable_pdf import SearchablePdf
from preprocess_svc.searchable_pdf.document import CONTENT_TYPE
from preprocess_svc.searchable_pdf.image_pack import ImagePack


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPart:
    """One stored reading: the document's, or a range's."""

    reading_key: str
    page_count: int


class PdfAssembly:
    """Writes such PDFs, a page at a time, and stores them."""

    def __init__(self, *, objects: ObjectStore, workers: Executor, settings: PdfSettings) -> None:
        self._objects = objects
        self._workers = workers
        self._max_bytes = settings.max_bulk_document_bytes

    async def store(self, key: str, result: OcrResult, parts: Sequence[ReadPart], deadline: Deadline) -> None:
        """Write the document's PDF and store it.

        Args:
            key: Where.
            result: The whole document's.
            parts: What it was made of, in page order.
            deadline: Looked at between pages.

        Raises:
            InternalError: page images are no longer there.
            DocumentTooLarge: the PDF is over the limit.
            NotReady, DeadlineExceeded.
        """
        loop = asyncio.get_running_loop()
        pages = placed_pages(result)
        with tempfile.TemporaryFile() as file:
            pdf = SearchablePdf(file, document_title(result))
            for part in parts:
                async with fetched_images(
                    self._objects,
                    part.reading_key,
                    max_bytes=self._max_bytes,
                    deadline=deadline,
                    workers=self._workers,
                ) as images:
                    add = partial(self._add, pdf, islice(pages, part.page_count), images, deadline)
                    await loop.run_in_executor(self._workers, add)
            await loop.run_in_executor(self._workers, self._finish, pdf, file)
            await store_file(
                self._objects, key, file, size_bytes=pdf.size_bytes, content_type=CONTENT_TYPE, deadline=deadline
            )

    def _add(
        self, pdf: SearchablePdf, pages: islice[PlacedPage | UnreadPlace], images: ImagePack, deadline: Deadline
    ) -> None:
        for page in pages:
            deadline.check("write")
            pdf.add(page, images.image(page.number))
            self._check_size(pdf)

    def _finish(self, pdf: SearchablePdf, file: IO[bytes]) -> None:
        pdf.finish()
        file.flush()
        self._check_size(pdf)

    def _check_size(self, pdf: SearchablePdf) -> None:
        if pdf.size_bytes > self._max_bytes:
            raise DocumentTooLarge(f"the PDF is over the limit of {self._max_bytes} bytes (max_bulk_document_bytes)")
