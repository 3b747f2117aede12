"""The opener with its real pool: what a pipeline relies on, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.sandbox_launch import ExecutingLauncher
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    InvalidRequest,
    NotReady,
    OcrError,
    Overloaded,
    UnreadableDocument,
    UnsupportedMediaType,
)
from ocr_core.contracts.page import PageError, PageImage
from tests.support.open_samples import pdf, saved
from tests.support.openers import read

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opener() -> AsyncIterator[LocalFileOpener]:
    opener = LocalFileOpener(OpenerSettings(max_children=2, max_waiting=3))
    await opener.start()
    yield opener
    await opener.close()


def noise(seed: int = 0, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def png(seed: int = 0, side: int = 64) -> bytes:
    return saved(Image.fromarray(noise(seed, side)), "PNG")


def tiff(page_count: int) -> bytes:
    frames = [Image.fromarray(noise(seed)) for seed in range(page_count)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    return file.getvalue()


BLANK = saved(Image.new("RGB", (4000, 4000)), "PNG")


async def test_a_document_says_what_it_is_and_hands_out_its_pages(opener: LocalFileOpener) -> None:
    async with opener.open(
        tiff(5),
        selection=PageSelection.parse("2-3,5"),
        limits=OpenLimits(),
        deadline=Deadline.after(30),
        text_layer=False,
    ) as opened:
        assert (opened.media_type, opened.page_count, opened.warnings) == (MediaType.TIFF, 5, ())
        pages = [page async for page in opened.pages()]
    # Still there: a page lives as long as somebody looks at it.
    assert [page.number for page in pages] == [2, 3, 5]
    for page, seed in zip(pages, (1, 2, 4), strict=True):
        assert isinstance(page, PageImage)
        np.testing.assert_array_equal(page.pixels, noise(seed))
        assert not page.pixels.flags.writeable


async def test_words_and_notices_cross_the_border(opener: LocalFileOpener) -> None:
    document = pdf(
        [("/MediaBox[0 0 300 100]", "BT /F1 24 Tf 20 50 Td (Total 1,980) Tj ET"), ("/MediaBox[0 0 9000 9000]", "")]
    )
    first, second = await read(opener, document, text_layer=True)
    assert isinstance(first, PageImage)
    assert isinstance(second, PageImage)
    assert [word.text for word in first.text_layer] == ["Total", "1,980"]
    assert (first.dpi, first.warnings) == (200, ())
    (notice,) = second.warnings
    assert (notice.code, notice.page) == ("page_rendered_smaller", 2)
    assert f"{second.dpi} dpi" in notice.detail


async def test_a_broken_page_stands_between_its_neighbours(opener: LocalFileOpener) -> None:
    document = pdf([("/MediaBox[0 0 20 20]", "")] * 3).replace(b"12 0 R 14 0 R", b"99 0 R 14 0 R")
    first, second, third = await read(opener, document)
    assert isinstance(first, PageImage)
    assert isinstance(second, PageError)
    assert (second.number, second.code) == (2, "unreadable_page")
    assert isinstance(third, PageImage)


@pytest.mark.parametrize(
    ("document", "limits", "error", "named"),
    [
        (b"", OpenLimits(), UnsupportedMediaType, "empty"),
        (b"plain text", OpenLimits(), UnsupportedMediaType, "none of PDF"),
        (b"%PDF-1.7\nnothing", OpenLimits(), UnreadableDocument, "damaged"),
        (b"x" * 11, OpenLimits(max_body_bytes=10), DocumentTooLarge, "limit is 10 bytes"),
        (tiff(3), OpenLimits(max_pages=2), DocumentTooLarge, "limit is 2 pages"),
        (png(), OpenLimits(max_image_pixels=4095), DocumentTooLarge, "limit of 4095 an image"),
        (tiff(3), OpenLimits(max_document_pixels=9000), DocumentTooLarge, r"limit of 9000 \(max_document_pixels\)"),
        (
            saved(Image.new("RGB", (4000, 4000)), "PNG"),
            OpenLimits(max_memory_bytes=20_000_000),
            DocumentTooLarge,
            "limit of 20000000 bytes",
        ),
    ],
)
async def test_what_cannot_be_opened_says_why(
    opener: LocalFileOpener, document: bytes, limits: OpenLimits, error: type[OcrError], named: str
) -> None:
    with pytest.raises(error, match=named):
        await read(opener, document, limits=limits)


async def test_a_page_over_a_limit_is_told_with_the_limit_and_its_neighbours_are_read(opener: LocalFileOpener) -> None:
    frames = [Image.new("RGB", size) for size in ((10, 10), (200, 200), (20, 20))]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    first, large, last = await read(opener, file.getvalue(), limits=OpenLimits(max_image_pixels=10_000))
    assert isinstance(first, PageImage)
    assert isinstance(last, PageImage)
    assert isinstance(large, PageError)
    assert large.code == "unreadable_page"
    assert "limit of 10000 an image (max_image_pixels)" in large.detail


async def test_a_selection_beyond_the_document_is_the_callers_mistake(opener: LocalFileOpener) -> None:
    with pytest.raises(InvalidRequest, match="more than the document's 3 pages"):
        await read(opener, tiff(3), pages="1,9")
    with pytest.raises(InvalidRequest):
        await read(opener, tiff(3), pages="1-999999")


async def test_a_selection_of_more_ranges_than_pages_is_refused_unopened(opener: LocalFileOpener) -> None:
    selection = ",".join(str(number * 2) for number in range(1, 5000))
    with pytest.raises(DocumentTooLarge, match="limit is 30 pages"):
        await read(opener, tiff(3), pages=selection)


async def test_leaving_early_ends_the_work(opener: LocalFileOpener) -> None:
    for _ in range(6):
        async with opener.open(
            tiff(20),
            selection=PageSelection(),
            limits=OpenLimits(),
            deadline=Deadline.after(30),
            text_layer=False,
        ) as opened:
            pages = opened.pages()
            assert isinstance(await anext(pages), PageImage)
    # More often than there are places: each must have become free again.
    assert len(await read(opener, tiff(20))) == 20


async def test_a_cancelled_caller_ends_the_work(opener: LocalFileOpener) -> None:
    for pause_s in (0.0, 0.001, 0.005, 0.02, 0.05) * 3:
        reading = asyncio.ensure_future(read(opener, tiff(20)))
        await asyncio.sleep(pause_s)
        reading.cancel()
        # It may have been quicker.
        with contextlib.suppress(asyncio.CancelledError):
            await reading
    assert len(await read(opener, tiff(3))) == 3


async def test_a_deadline_that_has_passed(opener: LocalFileOpener) -> None:
    with pytest.raises(DeadlineExceeded):
        await read(opener, png(), timeout_s=0.0)


async def test_places_are_bounded_and_so_is_the_wait_for_them(opener: LocalFileOpener) -> None:
    async with (
        opener.open(
            tiff(20), selection=PageSelection(), limits=OpenLimits(), deadline=Deadline.after(30), text_layer=False
        ),
        opener.open(
            tiff(20), selection=PageSelection(), limits=OpenLimits(), deadline=Deadline.after(30), text_layer=False
        ),
    ):
        waiting = [asyncio.ensure_future(read(opener, png(), timeout_s=0.3)) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await read(opener, png())
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [DeadlineExceeded] * 3
    assert len(await read(opener, png())) == 1


async def test_many_at_once_all_come_out_right() -> None:
    opener = LocalFileOpener(OpenerSettings(max_children=4, max_waiting=100))
    await opener.start()
    try:
        answers = await asyncio.gather(*(read(opener, png(seed)) for seed in range(60)))
    finally:
        await opener.close()
    for seed, (page,) in enumerate(answers):
        assert isinstance(page, PageImage)
        np.testing.assert_array_equal(page.pixels, noise(seed))


async def test_the_first_file_starts_the_pool_and_close_ends_it() -> None:
    opener = LocalFileOpener()
    assert opener.pool_pid is None
    assert len(await read(opener, png())) == 1
    pid = opener.pool_pid
    assert pid is not None
    await opener.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(NotReady):
        await read(opener, png())


async def test_a_pool_that_cannot_start_is_not_ready() -> None:
    opener = LocalFileOpener(OpenerSettings(launcher=ExecutingLauncher((sys.executable, "-c", "raise SystemExit(3)"))))
    with pytest.raises(NotReady):
        await opener.start()
    await opener.close()


async def test_the_pool_heals_again_and_again(opener: LocalFileOpener) -> None:
    for _ in range(3):
        pid = opener.pool_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        try:
            pages = await read(opener, png())
        except NotReady:
            pages = await read(opener, png())
        assert len(pages) == 1
        assert opener.pool_pid != pid


async def test_a_stopped_pool_costs_no_more_than_the_deadline() -> None:
    opener = LocalFileOpener()
    await opener.start()
    pid = opener.pool_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(DeadlineExceeded):
            await read(opener, png(), timeout_s=0.3)
    finally:
        os.kill(pid, signal.SIGCONT)
        await opener.close()


async def test_nothing_leaks_over_hundreds_of_files(opener: LocalFileOpener) -> None:
    await _many_files(opener, 30)
    before = _state(opener)
    await _many_files(opener, 300)
    after = _state(opener)
    assert after["host descriptors"] <= before["host descriptors"]
    assert after["pool descriptors"] <= before["pool descriptors"] + 2
    assert after["children"] <= 1
    # The host's memory maps: a page that was not let go is one more each.
    assert after["host maps"] <= before["host maps"] + 20


async def _many_files(opener: LocalFileOpener, count: int) -> None:
    documents = [png(), tiff(3), b"no document", b"%PDF-1.7 broken", png()[:200]]
    for index in range(count):
        try:
            await read(opener, documents[index % len(documents)])
        except OcrError:
            continue
    # The last child may not be reaped, nor the next prepared.
    await asyncio.sleep(0.3)


def _state(opener: LocalFileOpener) -> dict[str, int]:
    pool = Path(f"/proc/{opener.pool_pid}")
    return {
        "host descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "pool descriptors": len(list((pool / "fd").iterdir())),
        "children": len((pool / "task" / pool.name / "children").read_text().split()),
        "host maps": Path("/proc/self/maps").read_text().count("\n"),
    }
