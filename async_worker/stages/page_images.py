"""Page images on the bulk road: kept by the attempt that reads, for the one that writes a searchable PDF.

They lie beside the reading, in one object for each piece of work, and go with it. Between object storage and the stages
they pass through temporary files, so that memory does not grow with the document.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import IO

from async_worker.object_keys import page_images_key
from async_worker.stages.work import insist
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, InternalError, NotFound
from ocr_core.contracts.jobs import Lease
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.result import OutputFormat
from ocr_core.settings import PdfSettings
from preprocess_svc.searchable_pdf import encode_page
from preprocess_svc.searchable_pdf.image_pack import CONTENT_TYPE, ImagePack, ImagePackWriter


def needs_page_images(lease: Lease) -> bool:
    """Whether one of the formats that the job asks for shows the pages."""
    return OutputFormat.PDF in lease.formats


class KeptImages:
    """The images of one attempt's pages, in a temporary file."""

    def __init__(self, file: IO[bytes], settings: PdfSettings) -> None:
        self._file = file
        self._jpeg_quality = settings.jpeg_quality
        self._pack = ImagePackWriter(file, max_bytes=settings.max_bulk_document_bytes)

    def keep(self, page: PageImage, rotation_deg: int) -> None:
        """``pipeline.KeepPage``.

        Raises:
            DocumentTooLarge: they are over the limit.
        """
        self._pack.add(
            encode_page(
                page.pixels,
                number=page.number,
                dpi=page.dpi,
                rotation_deg=rotation_deg,
                jpeg_quality=self._jpeg_quality,
            )
        )

    async def store(self, objects: ObjectStore, reading_key: str, deadline: Deadline) -> str:
        """Store them beside the reading; their key."""
        key = page_images_key(reading_key)
        await store_file(
            objects,
            key,
            self._file,
            size_bytes=self._pack.size_bytes,
            content_type=CONTENT_TYPE,
            deadline=deadline,
        )
        return key


@contextmanager
def kept_images(settings: PdfSettings) -> Iterator[KeptImages]:
    """Images for as long as an attempt lasts. The file has no name, so that it is gone with its process."""
    with tempfile.TemporaryFile() as file:
        yield KeptImages(file, settings)


@asynccontextmanager
async def fetched_images(
    objects: ObjectStore, reading_key: str, *, max_bytes: int, deadline: Deadline, workers: Executor
) -> AsyncIterator[ImagePack]:
    """The images that lie beside a reading.

    Raises:
        InternalError: they are no longer there, or damaged.
        NotReady, DeadlineExceeded.
    """
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryFile() as file:
        size_bytes = 0
        try:
            async with (
                asyncio.timeout(deadline.remaining_s()),
                objects.stream(page_images_key(reading_key), max_bytes=max_bytes) as chunks,
            ):
                async for chunk in chunks:
                    size_bytes += await loop.run_in_executor(workers, file.write, chunk)
        except NotFound as error:
            raise InternalError("the document's page images are no longer there") from error
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed while page images were fetched") from error
        yield await loop.run_in_executor(workers, partial(ImagePack, file, size_bytes=size_bytes))


async def store_file(
    objects: ObjectStore, key: str, file: IO[bytes], *, size_bytes: int, content_type: str, deadline: Deadline
) -> None:
    """Store a whole file, also where the store does not answer at once."""

    async def put() -> None:
        file.seek(0)
        await objects.put_file(key, file, content_type=content_type, max_bytes=size_bytes)

    try:
        async with asyncio.timeout(deadline.remaining_s()):
            await insist(put, deadline)
    except TimeoutError as error:
        raise DeadlineExceeded("the deadline passed while a file was stored") from error
