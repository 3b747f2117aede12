"""The opener's function as Lambda runs it: awslambdaric, boto3's Invoke, presigned URLs; AWS alone is a double."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from local_stack.aws import AwsServer
from ocr_core.adapters.file_opener import LocalFileOpener
from ocr_core.adapters.lambda_opener import LambdaFileOpener, LambdaOpenerSettings
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    InvalidRequest,
    NotReady,
    OcrError,
    Overloaded,
    PasswordRequired,
    UnreadableDocument,
    UnsupportedMediaType,
)
from ocr_core.contracts.page import PageError, PageImage
from ocr_core.contracts.ports import FileOpener
from tests.support.aws import storage_settings
from tests.support.lambda_openers import exchange_bucket, lambda_service, opener_over
from tests.support.lambda_runtime import CANARY, DeceivingFunction, LambdaService
from tests.support.locked_pdf import locked_pdf
from tests.support.open_samples import pdf, saved
from tests.support.openers import read
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES_PER_CALL = 3

CRASHES_ON_PAGE_2 = """
import os, sys
from lambda_file_open import child, pool

honest = child.decode_pages

def decode_pages(opened, request, allocate):
    for number, page in honest(opened, request, allocate):
        if number == 2:
            os.abort()
        yield number, page

child.decode_pages = decode_pages
sys.exit(pool.main())
"""

NEVER_READY = """
import sys, time
from lambda_file_open import child, pool

def decode_pages(opened, request, allocate):
    while True:
        time.sleep(0.01)

child.decode_pages = decode_pages
sys.exit(pool.main())
"""


@dataclass(frozen=True, kw_only=True)
class House:
    """The opener under test, and what stands around it."""

    opener: LambdaFileOpener
    local: LocalFileOpener
    service: LambdaService
    store: S3ObjectStore
    server: AwsServer

    async def objects(self) -> list[str]:
        return [info.key async for info in self.store.scan("")]

    async def tidied(self) -> None:
        """Wait until nothing is left of any document."""
        give_up_s = time.monotonic() + 10
        while (keys := await self.objects()) or self.service.busy:
            assert time.monotonic() < give_up_s, f"left behind: {keys}"
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(aws_server: AwsServer) -> AsyncIterator[House]:
    with lambda_service(concurrency=2) as service:
        async with (
            exchange_bucket(aws_server) as store,
            opener_over(
                aws_server, store, service.url, pages_per_call=PAGES_PER_CALL, max_documents=2, max_waiting=3
            ) as opener,
        ):
            local = LocalFileOpener()
            await local.start()
            yield House(opener=opener, local=local, service=service, store=store, server=aws_server)
            await local.close()


def noise(seed: int, side: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def png(seed: int = 0) -> bytes:
    return saved(noise(seed), "PNG")


def tiff(page_count: int) -> bytes:
    frames = [noise(seed) for seed in range(page_count)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def text_pdf(page_count: int) -> bytes:
    return pdf(
        [
            ("/MediaBox[0 0 300 100]", f"BT /F1 24 Tf 20 50 Td (Total {number}) Tj ET")
            for number in range(1, page_count + 1)
        ]
    )


def broken_pdf(page_count: int, broken: set[int]) -> bytes:
    """Its broken pages are objects that are not there."""
    document = text_pdf(page_count)
    for number in broken:
        document = document.replace(b"%d 0 R" % (10 + 2 * (number - 1)), b"99 0 R", 1)
    return document


def assert_same(ours: list[PageImage | PageError], theirs: list[PageImage | PageError]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(one, PageError) or isinstance(other, PageError):
            assert one == other
            continue
        assert one.pixels.tobytes() == other.pixels.tobytes()
        assert one.pixels.shape == other.pixels.shape
        assert not one.pixels.flags.writeable
        assert (one.number, one.dpi, one.text_layer, one.warnings) == (
            other.number,
            other.dpi,
            other.text_layer,
            other.warnings,
        )


@pytest.mark.parametrize(
    ("document", "pages", "text_layer"),
    [
        pytest.param(png(), None, False, id="an image"),
        pytest.param(tiff(PAGES_PER_CALL), None, False, id="as many pages as a call takes"),
        pytest.param(tiff(2 * PAGES_PER_CALL + 2), None, False, id="three calls"),
        pytest.param(tiff(11), "2-5,7,10-11", False, id="a selection over three calls"),
        pytest.param(text_pdf(7), None, True, id="words"),
        pytest.param(text_pdf(7), "7", True, id="the last page alone"),
        pytest.param(pdf([("/MediaBox[0 0 9000 9000]", "")] * 2), None, False, id="rendered smaller"),
        pytest.param(broken_pdf(7, {2}), None, False, id="a broken page"),
        pytest.param(broken_pdf(8, {4, 5, 6}), None, False, id="a call of broken pages in the middle"),
        pytest.param(broken_pdf(8, {7, 8}), None, False, id="a call of broken pages at the end"),
    ],
)
async def test_pages_are_those_of_the_local_opener_byte_for_byte(
    house: House, document: bytes, pages: str | None, text_layer: bool
) -> None:
    ours = await read(house.opener, document, pages=pages, text_layer=text_layer)
    assert_same(ours, await read(house.local, document, pages=pages, text_layer=text_layer))


async def test_a_document_says_what_it_is_and_hands_out_its_pages(house: House) -> None:
    async with house.opener.open(
        tiff(5),
        selection=PageSelection.parse("2-3,5"),
        limits=OpenLimits(),
        deadline=Deadline.after(30),
        text_layer=False,
    ) as opened:
        assert (opened.media_type, opened.page_count, opened.warnings) == (MediaType.TIFF, 5, ())
        pages = [page async for page in opened.pages()]
    # Still there: a page lives as long as somebody looks at it.
    for page, seed in zip(pages, (1, 2, 4), strict=True):
        assert isinstance(page, PageImage)
        np.testing.assert_array_equal(page.pixels, np.asarray(noise(seed)))


@pytest.mark.parametrize(
    ("document", "pages", "limits", "error"),
    [
        (b"", None, OpenLimits(), UnsupportedMediaType),
        (b"plain text", None, OpenLimits(), UnsupportedMediaType),
        (b"%PDF-1.7\nnothing", None, OpenLimits(), UnreadableDocument),
        (broken_pdf(2, {1, 2}), None, OpenLimits(), UnreadableDocument),
        (locked_pdf("secret"), None, OpenLimits(), PasswordRequired),
        (b"x" * 11, None, OpenLimits(max_body_bytes=10), DocumentTooLarge),
        (tiff(3), None, OpenLimits(max_pages=2), DocumentTooLarge),
        (tiff(3), "1,9", OpenLimits(), InvalidRequest),
        (png(), None, OpenLimits(max_image_pixels=4095), DocumentTooLarge),
        (tiff(8), None, OpenLimits(max_image_pixels=4095), DocumentTooLarge),
        (broken_pdf(8, set(range(1, 9))), None, OpenLimits(), UnreadableDocument),
        (tiff(9), None, OpenLimits(max_document_pixels=4096 * 8), DocumentTooLarge),
        (saved(Image.new("RGB", (4000, 4000)), "PNG"), None, OpenLimits(max_memory_bytes=20_000_000), DocumentTooLarge),
    ],
)
async def test_what_cannot_be_opened_says_what_the_local_opener_says(
    house: House, document: bytes, pages: str | None, limits: OpenLimits, error: type[OcrError]
) -> None:
    with pytest.raises(error) as ours:
        await read(house.opener, document, pages=pages, limits=limits)
    with pytest.raises(error) as theirs:
        await read(house.local, document, pages=pages, limits=limits)
    assert ours.value.detail == theirs.value.detail
    await house.tidied()


async def test_nothing_of_a_document_stays_in_the_bucket(house: House) -> None:
    async with house.opener.open(
        tiff(8), selection=PageSelection(), limits=OpenLimits(), deadline=Deadline.after(30), text_layer=False
    ) as opened:
        assert isinstance(await anext(opened.pages()), PageImage)
        keys = await house.objects()
        assert len(keys) > PAGES_PER_CALL
        # Under a name that nobody can guess, in the opener's own corner.
        assert all(key.startswith("openings/") and len(key.split("/")[1]) == 32 for key in keys)
    await house.tidied()


async def test_leaving_early_frees_the_place(house: House) -> None:
    for _ in range(6):
        async with house.opener.open(
            tiff(20), selection=PageSelection(), limits=OpenLimits(), deadline=Deadline.after(30), text_layer=False
        ) as opened:
            assert isinstance(await anext(opened.pages()), PageImage)
    assert len(await read(house.opener, tiff(8))) == 8
    await house.tidied()


async def test_a_cancelled_caller_leaves_nothing(house: House) -> None:
    for pause_s in (0.0, 0.005, 0.02, 0.05, 0.1, 0.2):
        reading = asyncio.ensure_future(read(house.opener, tiff(8)))
        await asyncio.sleep(pause_s)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
    await house.tidied()
    assert len(await read(house.opener, tiff(3))) == 3


async def test_places_are_bounded_and_so_is_the_wait_for_them(house: House) -> None:
    await house.tidied()

    def opened() -> contextlib.AbstractAsyncContextManager[object]:
        return house.opener.open(
            tiff(4), selection=PageSelection(), limits=OpenLimits(), deadline=Deadline.after(30), text_layer=False
        )

    async with opened(), opened():
        waiting = [asyncio.ensure_future(read(house.opener, png(), timeout_s=0.4)) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await read(house.opener, png())
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [DeadlineExceeded] * 3
    assert len(await read(house.opener, png())) == 1


async def test_a_deadline_that_has_passed(house: House) -> None:
    with pytest.raises(DeadlineExceeded):
        await read(house.opener, png(), timeout_s=0.0)


async def test_neither_children_nor_descriptors_grow_with_calls(house: House) -> None:
    documents = [png(), tiff(4), b"no document", b"%PDF-1.7 broken", text_pdf(2)]

    async def many(count: int) -> None:
        for index in range(count):
            with contextlib.suppress(OcrError):
                await read(house.opener, documents[index % len(documents)])
        await house.tidied()
        await asyncio.sleep(0.3)  # until the next child waits

    await many(10)
    before = {pid: processes_of(pid) for pid in house.service.pids}
    calls = house.service.call_count
    await many(50)
    assert house.service.call_count >= calls + 50
    after = {pid: processes_of(pid) for pid in house.service.pids}
    assert before.keys() <= after.keys()
    for pid, (children_before, open_before) in before.items():
        children_after, open_after = after[pid]
        # The pool, and a child that waits.
        assert children_after <= max(2, children_before)
        assert open_after <= open_before + 2


async def test_the_functions_credentials_reach_neither_pool_nor_child(house: House) -> None:
    await read(house.opener, png())
    (function_pid, *_) = house.service.pids
    assert CANARY in environment_of(function_pid)
    below = descendants(function_pid)
    assert below
    for pid in below:
        assert CANARY not in environment_of(pid)


async def test_a_pool_that_died_is_started_again(house: House) -> None:
    await read(house.opener, png())
    await house.tidied()
    for function_pid in house.service.pids:
        for pid in children_of(function_pid):
            os.kill(pid, signal.SIGKILL)
    # It may not have been noticed yet.
    with contextlib.suppress(NotReady):
        await read(house.opener, tiff(4))
    assert len(await read(house.opener, tiff(4))) == 4


async def test_a_function_that_is_killed_is_not_ready_and_then_is(house: House) -> None:
    reading = asyncio.ensure_future(read(house.opener, tiff(30)))
    await asyncio.to_thread(wait_until, lambda: house.service.busy > 0, "a call")
    for pid in house.service.pids:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(NotReady) as caught:
        await reading
    assert caught.value.retryable
    await house.tidied()
    assert len(await read(house.opener, tiff(4))) == 4


async def test_more_documents_than_the_function_takes_wait_for_each_other(house: House) -> None:
    with lambda_service(concurrency=1) as service:
        async with opener_over(house.server, house.store, service.url, max_documents=3) as opener:
            assert len(await read(opener, png())) == 1
            answers = await asyncio.gather(*(read(opener, png(seed)) for seed in range(3)))
    for seed, (page,) in enumerate(answers):
        assert isinstance(page, PageImage)
        np.testing.assert_array_equal(page.pixels, np.asarray(noise(seed)))


@contextlib.asynccontextmanager
async def over_pool(house: House, program: str, **settings: int | float) -> AsyncIterator[LambdaFileOpener]:
    with lambda_service(pool_command=(sys.executable, "-I", "-c", program), concurrency=1) as service:
        async with opener_over(house.server, house.store, service.url, **settings) as opener:
            yield opener


@pytest.mark.parametrize("pages_per_call", [1, 2, 4])
async def test_a_page_that_kills_its_child_costs_that_page_only(house: House, pages_per_call: int) -> None:
    async with over_pool(house, CRASHES_ON_PAGE_2, pages_per_call=pages_per_call) as opener:
        pages = await read(opener, tiff(6))
    assert [page.number for page in pages] == list(range(1, 7))
    assert [page.number for page in pages if isinstance(page, PageError)] == [2]
    for page in pages:
        if isinstance(page, PageImage):
            np.testing.assert_array_equal(page.pixels, np.asarray(noise(page.number - 1)))


async def test_the_deadline_ends_waiting_and_the_child(house: House) -> None:
    async with over_pool(house, NEVER_READY, max_documents=1) as opener:
        started_s = time.monotonic()
        for _ in range(2):
            # The second waits for the only place: it must have become free again.
            with pytest.raises(DeadlineExceeded):
                await read(opener, tiff(2), timeout_s=2.0)
        assert time.monotonic() - started_s < 10
    await house.tidied()


async def test_a_document_that_takes_too_long_is_over_a_limit(house: House) -> None:
    async with over_pool(house, NEVER_READY) as opener:
        await read_nothing(opener)
        with pytest.raises(DocumentTooLarge, match="max_wall_s"):
            await read(opener, tiff(2), limits=OpenLimits(max_wall_s=1.0))


async def read_nothing(opener: FileOpener) -> None:
    """Have the function started, which takes longer than some limits."""
    with pytest.raises(UnsupportedMediaType):
        await read(opener, b"nothing")


async def test_a_pool_that_cannot_start_is_not_ready(house: House) -> None:
    async with over_pool(house, "raise SystemExit(3)") as opener:
        with pytest.raises(NotReady):
            await read(opener, png())
    await house.tidied()


async def test_an_opener_that_is_closed_or_has_no_store_is_not_ready(house: House) -> None:
    settings = LambdaOpenerSettings(function="opener", bucket="there-is-none", endpoint_url=house.service.url)
    opener = LambdaFileOpener(settings, storage_settings(house.server))
    await opener.start()
    with pytest.raises(NotReady):
        await read(opener, png())
    await opener.close()
    with pytest.raises(NotReady):
        await read(opener, png())


async def test_an_opener_starts_once_its_function_may_be_called(house: House) -> None:
    with DeceivingFunction() as function:
        denied = (403, b"{}", {"x-amzn-ErrorType": "AccessDeniedException"})
        function.dry_answer = denied
        opener = LambdaFileOpener(
            LambdaOpenerSettings(function="opener", bucket="any", endpoint_url=function.url),
            storage_settings(house.server),
        )
        for _ in range(2):
            with pytest.raises(NotReady, match="AccessDenied"):
                await opener.start()
        function.dry_answer = (204, b"", {})
        await opener.start()
        # It is not asked again.
        function.dry_answer = denied
        await opener.start()
        await opener.close()
        with pytest.raises(NotReady):
            await opener.start()


@pytest.mark.parametrize(
    "make",
    [
        lambda: LambdaOpenerSettings(function="f", bucket="b", pages_per_call=0),
        lambda: LambdaOpenerSettings(function="f", bucket="b", pages_per_call=65),
        lambda: LambdaOpenerSettings(function="f", bucket="b", max_documents=0),
    ],
)
async def test_settings_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        make()


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def descendants(pid: int) -> list[int]:
    found = children_of(pid)
    return found + [below for child in found for below in descendants(child)]


def processes_of(pid: int) -> tuple[int, int]:
    """How many processes of a function's live below it, and how many descriptors it and its pool have open."""
    return len(descendants(pid)), sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in [pid, *children_of(pid)])
