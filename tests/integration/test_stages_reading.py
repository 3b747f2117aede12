"""A document that is declined between its opening and its first page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ocr_core.adapters.file_opener import LocalFileOpener
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection, Priority
from ocr_core.contracts.errors import UnreadableDocument
from ocr_core.contracts.ports import OpenedDocument
from ocr_core.contracts.reading import Reading
from preprocess_svc.pipeline import ReadingDeclined, read_document
from tests.support.stage_house import DigitModels, pages_pdf


@pytest.fixture
async def opener() -> AsyncIterator[LocalFileOpener]:
    started = LocalFileOpener()
    await started.start()
    yield started
    await started.close()


class Look:
    """Remembers what was opened, and declines it where it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.seen: list[tuple[MediaType, int]] = []
        self._error = error

    def __call__(self, opened: OpenedDocument) -> None:
        self.seen.append((opened.media_type, opened.page_count))
        if self._error is not None:
            raise self._error


async def read(opener: LocalFileOpener, models: DigitModels, look: Look) -> Reading:
    with ThreadPoolExecutor(1) as workers:
        return await read_document(
            pages_pdf(["one", "two", "three"]),
            file_name=None,
            selection=PageSelection(ranges=((1, 1),)),
            limits=OpenLimits(),
            text_layer=False,
            priority=Priority.BULK,
            deadline=Deadline.after(60),
            opener=opener,
            models=models,
            workers=workers,
            on_opened=look,
        )


async def test_it_is_told_the_whole_documents_page_count(opener: LocalFileOpener) -> None:
    look = Look()
    reading = await read(opener, DigitModels(), look)
    assert look.seen == [(MediaType.PDF, 3)]
    assert [page.number for page in reading.pages] == [1]


@pytest.mark.parametrize("error", [ReadingDeclined("too long"), UnreadableDocument("another one")])
async def test_what_it_raises_comes_out_and_no_model_was_asked(opener: LocalFileOpener, error: Exception) -> None:
    models = DigitModels()
    with pytest.raises(type(error)) as caught:
        await read(opener, models, Look(error))
    assert caught.value is error
    assert models.detections == 0
