"""The pixel pipeline with the real models in process: what it reads, what it holds in memory, how it ends."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.inprocess_models import InProcessModels, weights_folder
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection, Priority
from ocr_core.contracts.errors import DeadlineExceeded, NotReady, OcrError, Overloaded, UnreadableDocument
from ocr_core.contracts.page import Notice, PageError, PageImage, TextLayerWord
from ocr_core.contracts.ports import ModelsInUse, OpenedDocument, Recognition, TextModels
from ocr_core.contracts.reading import LineReading, PageReading, Reading
from preprocess_svc.pipeline import read_document
from preprocess_svc.recognition import CropReading
from tests.support.documents import text_image

LINES = ("Invoice No. 2026-1121", "Sample Trading Ltd.", "Total amount 385,000", "Due date 2026-12-31")
WAIT_S = 30.0


@pytest.fixture(scope="module")
def models() -> Iterator[InProcessModels]:
    if weights_folder() is None:
        pytest.skip("no weights: the extra 'evaluation' (rapidocr) is not installed")
    with InProcessModels() as started:
        yield started


@pytest.fixture(scope="module")
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def page_of(number: int, *lines: str) -> PageImage:
    return PageImage(number=number, pixels=np.array(text_image(lines)), dpi=200)


@pytest.fixture(scope="module", autouse=True)
def small_heap() -> Iterator[None]:
    """What the tests before have left is not looked through at each page: late in a whole run that takes seconds."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class PreparedDocument:
    """An opened document whose pages are made when they are asked for."""

    media_type = MediaType.PDF

    def __init__(self, makers: Sequence[object], warnings: tuple[Notice, ...]) -> None:
        self._makers = makers
        self.page_count = len(makers)
        self.warnings = warnings
        self._handed_out: list[weakref.ref[NDArray[np.uint8]]] = []
        self.most_alive = 0

    async def pages(self) -> AsyncIterator[PageImage | PageError]:
        for maker in self._makers:
            await asyncio.sleep(0)
            if isinstance(maker, Exception):
                raise maker
            page = maker() if callable(maker) else maker
            if isinstance(page, PageImage):
                gc.collect()
                self._handed_out.append(weakref.ref(page.pixels))
                self.most_alive = max(self.most_alive, sum(pixels() is not None for pixels in self._handed_out))
            assert isinstance(page, PageImage | PageError)
            yield page
            del page


class PreparedOpener:
    """``FileOpener`` over prepared pages; says whether the document was closed."""

    def __init__(self, *makers: object, warnings: tuple[Notice, ...] = ()) -> None:
        self.document = PreparedDocument(makers, warnings)
        self.closed = False

    @asynccontextmanager
    async def open(
        self,
        untrusted_bytes: bytes,
        *,
        selection: PageSelection,
        limits: OpenLimits,
        deadline: Deadline,
        text_layer: bool,
    ) -> AsyncIterator[OpenedDocument]:
        del untrusted_bytes, selection, limits, deadline, text_layer
        try:
            yield self.document
        finally:
            self.closed = True


class BlindModels:
    """``TextModels`` that see nothing, or fail, or never answer."""

    def __init__(self, *, error: OcrError | None = None, answers: bool = True) -> None:
        self._error = error
        self._answers = answers
        self.asked = asyncio.Event()

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        del priority, deadline
        self.asked.set()
        if self._error is not None:
            raise self._error
        if not self._answers:
            await asyncio.Event().wait()
        await asyncio.sleep(0.002)
        return np.zeros(image.shape[:2], np.uint8)

    async def recognise(self, crops: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> Recognition:
        del crops, priority, deadline
        raise AssertionError("there is nothing to recognise")

    async def in_use(self) -> ModelsInUse:
        versions = {"text_detection": "1", "text_recognition": "1"}
        return ModelsInUse(versions=versions, charset_sha256=await self.charset_sha256(), sha256="1" * 64)

    async def charset_sha256(self) -> str:
        return "0" * 64


async def read(
    opener: PreparedOpener, models: TextModels, workers: ThreadPoolExecutor, *, timeout_s: float = WAIT_S
) -> Reading:
    return await read_document(
        b"the file",
        file_name="file.pdf",
        selection=PageSelection(),
        limits=OpenLimits(),
        text_layer=False,
        priority=Priority.SYNC,
        deadline=Deadline.after(timeout_s),
        opener=opener,
        models=models,
        workers=workers,
    )


def spell(line: LineReading, charset: tuple[str, ...]) -> str:
    spelt = CropReading(class_ids=line.class_ids, probabilities=line.probabilities).spelt
    return "".join(charset[int(class_id) - 1] for class_id in line.class_ids[spelt])


def texts(page: PageReading | PageError, models: InProcessModels) -> list[str]:
    assert isinstance(page, PageReading)
    return [spell(line, models.charset) for line in sorted(page.lines, key=lambda line: line.quad[0][1])]


async def test_a_page_is_read_right(models: InProcessModels, workers: ThreadPoolExecutor) -> None:
    notice = Notice(code="rendered_smaller", detail="made up", page=1)
    reading = await read(PreparedOpener(page_of(1, *LINES), warnings=(notice,)), models, workers)
    assert reading.document.sha256 == hashlib.sha256(b"the file").hexdigest()
    assert (reading.document.file_name, reading.document.page_count) == ("file.pdf", 1)
    assert reading.charset_sha256 == await models.charset_sha256()
    assert reading.warnings == (notice,)
    assert reading.timing.detect_ms > 0
    assert reading.timing.recognise_ms > 0
    assert reading.timing.elapsed_ms >= reading.timing.open_ms + reading.timing.detect_ms  # of one page, in turn
    (page,) = reading.pages
    assert texts(page, models) == list(LINES)
    assert isinstance(page, PageReading)
    assert page.rotation_deg == 0
    assert page.skew_deg == pytest.approx(0, abs=0.5)
    for line in page.lines:
        (left, _), (right, _) = line.quad[0], line.quad[1]
        assert line.timestep_px * len(line.class_ids) == pytest.approx(right - left, rel=0.05, abs=line.timestep_px)


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
async def test_a_turned_page_is_read_upright_and_its_words_turn_along(
    models: InProcessModels, workers: ThreadPoolExecutor, rotation_deg: int
) -> None:
    upright = page_of(1, *LINES)
    # Turned the other way, so that it takes this rotation to set it upright.
    pixels = np.ascontiguousarray(np.rot90(upright.pixels, k=rotation_deg // 90))
    word = TextLayerWord(text="corner", quad=((0.0, 0.0), (9.0, 0.0), (9.0, 5.0), (0.0, 5.0)))
    turned = PageImage(number=1, pixels=pixels, dpi=200, text_layer=(word,))
    (page,) = (await read(PreparedOpener(turned), models, workers)).pages
    assert isinstance(page, PageReading)
    assert page.rotation_deg == rotation_deg
    assert (page.width_px, page.height_px) == (upright.pixels.shape[1], upright.pixels.shape[0])
    assert texts(page, models) == list(LINES)
    corner = {90: (page.width_px, 0.0), 180: (page.width_px, page.height_px), 270: (0.0, page.height_px)}
    assert page.text_layer[0].quad[0] == corner[rotation_deg]


async def test_pages_keep_their_order_and_failed_ones_their_place(
    models: InProcessModels, workers: ThreadPoolExecutor
) -> None:
    broken = PageError(number=2, code="unreadable_page", detail="broken")
    opener = PreparedOpener(page_of(1, *LINES[:3]), broken, page_of(3, LINES[3]), page_of(4))
    reading = await read(opener, models, workers)
    assert [page.number for page in reading.pages] == [1, 2, 3, 4]
    assert reading.pages[1] is broken
    assert texts(reading.pages[0], models) == list(LINES[:3])
    assert texts(reading.pages[2], models) == [LINES[3]]
    assert texts(reading.pages[3], models) == []


async def test_documents_at_once_do_not_disturb_each_other(
    models: InProcessModels, workers: ThreadPoolExecutor
) -> None:
    documents = [[f"Document number {100 + index}", LINES[index % 4]] for index in range(6)]
    readings = await asyncio.gather(*(read(PreparedOpener(page_of(1, *lines)), models, workers) for lines in documents))
    assert [texts(reading.pages[0], models) for reading in readings] == documents


async def test_no_readable_page_fails_the_document(workers: ThreadPoolExecutor) -> None:
    broken = [PageError(number=number, code="unreadable_page", detail="broken") for number in (1, 2)]
    with pytest.raises(UnreadableDocument, match="broken"):
        await read(PreparedOpener(*broken), BlindModels(), workers)
    with pytest.raises(UnreadableDocument):
        await read(PreparedOpener(), BlindModels(), workers)


@pytest.mark.parametrize("after_asks", [0, 1])
async def test_class_ids_never_travel_under_another_recognisers_charset(
    workers: ThreadPoolExecutor, after_asks: int
) -> None:
    """Triton started anew in the middle of a document, with other weights under the same version."""

    class Replaced(BlindModels):
        asks = 0

        async def charset_sha256(self) -> str:
            self.asks += 1
            return ("b" if self.asks > after_asks else "a") * 64

    reading = read(PreparedOpener(page_of(1)), Replaced(), workers)
    if after_asks == 0:
        assert (await reading).charset_sha256 == "b" * 64
    else:
        with pytest.raises(NotReady):
            await reading


async def test_memory_is_bounded_however_many_pages(workers: ThreadPoolExecutor) -> None:
    count = 30

    def blank(number: int) -> PageImage:
        return PageImage(number=number, pixels=np.zeros((300, 200, 3), np.uint8), dpi=0)

    opener = PreparedOpener(*(partial(blank, number) for number in range(1, count + 1)))
    reading = await read(opener, BlindModels(), workers)
    assert len(reading.pages) == count
    # Three in flight, and the one that the opener itself has just made.
    assert opener.document.most_alive <= 4


async def no_task_is_left() -> bool:
    """Tasks that were cancelled get a few turns of the loop to end in."""
    for _ in range(20):
        await asyncio.sleep(0)
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_deadline_ends_everything(workers: ThreadPoolExecutor) -> None:
    opener = PreparedOpener(page_of(1, *LINES), page_of(2, *LINES))
    with pytest.raises(DeadlineExceeded):
        await read(opener, BlindModels(answers=False), workers, timeout_s=0.2)
    assert opener.closed
    assert await no_task_is_left()


async def test_a_disconnect_ends_everything(workers: ThreadPoolExecutor) -> None:
    opener = PreparedOpener(page_of(1, *LINES), page_of(2, *LINES))
    blind = BlindModels(answers=False)
    reading = asyncio.create_task(read(opener, blind, workers))
    await blind.asked.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert opener.closed
    assert await no_task_is_left()


async def test_errors_of_models_and_opener_come_out_plain(workers: ThreadPoolExecutor) -> None:
    with pytest.raises(Overloaded):
        await read(PreparedOpener(page_of(1, *LINES)), BlindModels(error=Overloaded("full")), workers)
    opener = PreparedOpener(page_of(1, *LINES), UnreadableDocument("cut off"))
    with pytest.raises(UnreadableDocument, match="cut off"):
        await read(opener, BlindModels(answers=False), workers)
    assert opener.closed
    assert await no_task_is_left()


async def test_a_page_with_more_text_than_is_read_says_so(
    workers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("preprocess_svc.recognition.MAX_CROPS_WIDTH_PX", 100)

    class FullOfText(BlindModels):
        async def detect(
            self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline
        ) -> NDArray[np.uint8]:
            probability = await super().detect(image, priority=priority, deadline=deadline)
            probability[100:130, 100:400] = 255
            return probability

    with pytest.raises(UnreadableDocument, match="limit of 100 px"):
        await read(PreparedOpener(page_of(1, "text")), FullOfText(), workers)
