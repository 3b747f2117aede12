"""The function by itself, with a real pool and a store that answers by a script."""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from lambda_file_open.lambda_handler import open_document
from lambda_file_open.lambda_memory import pack_page
from lambda_file_open.lambda_pool import FunctionPool, PoolUnavailable
from lambda_file_open.lambda_transfer import TransferFailed
from lambda_file_open.shared_page import SharedPage
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.lambda_wire import Answer, Call, Ending, max_object_bytes
from ocr_core.contracts.opening_wire import (
    ForgedMessage,
    OpenRequest,
    PageNotice,
    PageReady,
    decode_message,
)
from ocr_core.contracts.page_memory import page_memory_bytes
from tests.support.open_samples import pdf, saved
from tests.support.scripted_server import Scripted, ScriptedServer, scripted_server

PNG = saved(Image.fromarray(np.full((30, 40, 3), 7, dtype=np.uint8)), "PNG")
PAGES = pdf([("/MediaBox[0 0 20 20]", "")] * 5)
TAKEN = Scripted()
BUSY = Scripted(status=503)

SLOW_FROM_PAGE_3 = """
import sys, time
from lambda_file_open import child, pool

honest = child.decode_pages

def decode_pages(opened, request, allocate):
    for number, page in honest(opened, request, allocate):
        if number >= {first}:
            time.sleep(60)
        yield number, page

child.decode_pages = decode_pages
sys.exit(pool.main())
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[FunctionPool]:
    with running() as pool:
        yield pool


@contextmanager
def running(program: str | None = None) -> Iterator[FunctionPool]:
    pool = FunctionPool() if program is None else FunctionPool((sys.executable, "-I", "-c", program))
    try:
        pool.start()
        yield pool
    finally:
        pool.close()


def call(
    pool: FunctionPool,
    store: ScriptedServer,
    *,
    pages: int = 4,
    limits: OpenLimits | None = None,
    remaining_s: float = 20.0,
    path: str = "/document",
) -> Answer:
    request = OpenRequest(
        selection=PageSelection(), limits=limits or OpenLimits(), text_layer=False, timeout_s=remaining_s
    )
    urls = tuple(f"{store.url}/page-{index}?signature={index}" for index in range(pages))
    return open_document(Call(request=request, document_url=store.url + path, page_urls=urls), pool, remaining_s + 1.0)


def test_a_document_is_fetched_and_its_pages_stored(pool: FunctionPool) -> None:
    with scripted_server(Scripted(body=PNG), TAKEN) as store:
        answer = call(pool, store)
    assert answer.ending is Ending.COMPLETE
    _, page, _ = map(decode_message, answer.messages)
    assert isinstance(page, PageReady)
    assert [(seen.method, seen.path) for seen in store.seen] == [("GET", "/document"), ("PUT", "/page-0")]
    assert store.seen[1].query == {"signature": ["0"]}
    assert zlib.decompress(store.seen[1].body) == bytes([7]) * (40 * 30 * 3)


def test_no_more_pages_are_made_than_there_are_places_for(pool: FunctionPool) -> None:
    for pages in (1, 2, 3):
        with scripted_server(Scripted(body=PAGES), TAKEN) as store:
            answer = call(pool, store, pages=pages)
        assert (answer.ending, len(answer.messages)) == (Ending.MORE, pages + 1)
        assert len(store.seen) == pages + 1


def test_a_store_that_is_busy_is_asked_again(pool: FunctionPool) -> None:
    with scripted_server(BUSY, Scripted(body=PNG, breaks=True), Scripted(body=PNG), BUSY, BUSY, TAKEN) as store:
        assert call(pool, store).ending is Ending.COMPLETE
    assert [seen.method for seen in store.seen] == ["GET"] * 3 + ["PUT"] * 3


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([Scripted(status=403)], id="document refused"),
        pytest.param([Scripted(status=404)], id="no document"),
        pytest.param([Scripted(status=302, headers={"Location": "/elsewhere"})], id="document elsewhere"),
        pytest.param([Scripted(body=PNG + bytes(30_000_000))], id="document too large"),
        pytest.param([BUSY], id="always busy"),
        pytest.param([Scripted(body=PNG), Scripted(status=403)], id="page refused"),
        pytest.param([Scripted(body=PNG), Scripted(status=307, headers={"Location": "/x"})], id="page elsewhere"),
        pytest.param([Scripted(body=PNG), BUSY], id="page not taken"),
    ],
)
def test_what_the_store_does_wrong_is_no_answer_but_an_error(pool: FunctionPool, script: list[Scripted]) -> None:
    with scripted_server(*script) as store:
        with pytest.raises(TransferFailed) as caught:
            call(pool, store)
        assert len(store.seen) <= 4
        # Whoever has a URL may use it: none is told.
        assert "127.0.0.1" not in str(caught.value)
    with scripted_server(Scripted(body=PNG), TAKEN) as store:
        assert call(pool, store).ending is Ending.COMPLETE


def test_only_http_is_spoken(pool: FunctionPool) -> None:
    with scripted_server(TAKEN) as store:
        for url in ("file:///etc/passwd", "ftp://127.0.0.1/", "nothing", ""):
            request = OpenRequest(selection=PageSelection(), limits=OpenLimits(), text_layer=False, timeout_s=5.0)
            with pytest.raises(TransferFailed):
                open_document(Call(request=request, document_url=url, page_urls=(store.url,)), pool, 10.0)
    assert store.seen == []


def test_a_store_that_falls_silent_costs_the_calls_time_only(pool: FunctionPool) -> None:
    started_s = time.monotonic()
    with scripted_server(Scripted(body=PNG[:20], holds=True)) as store, pytest.raises(TransferFailed):
        call(pool, store, remaining_s=0.5)
    with scripted_server(Scripted(body=PNG), Scripted(holds=True)) as store:
        assert call(pool, store, remaining_s=0.5).ending is Ending.OVERDUE
    assert time.monotonic() - started_s < 5


def test_what_there_was_time_for_is_answered() -> None:
    with (
        running(SLOW_FROM_PAGE_3.format(first=3)) as pool,
        scripted_server(Scripted(body=PAGES), TAKEN) as store,
    ):
        answer = call(pool, store, remaining_s=1.0)
    assert (answer.ending, len(answer.messages)) == (Ending.MORE, 3)
    with (
        running(SLOW_FROM_PAGE_3.format(first=1)) as pool,
        scripted_server(Scripted(body=PAGES), TAKEN) as store,
    ):
        answer = call(pool, store, remaining_s=1.0)
    assert (answer.ending, len(answer.messages)) == (Ending.OVERDUE, 1)


def test_a_pool_that_cannot_start_is_an_error() -> None:
    pool = FunctionPool((sys.executable, "-c", "raise SystemExit(3)"))
    with scripted_server(Scripted(body=PNG)) as store, pytest.raises(PoolUnavailable):
        call(pool, store)
    with pytest.raises(PoolUnavailable):
        FunctionPool(("/nowhere/python",)).start()


def test_what_does_not_shrink_is_stored_as_it_is() -> None:
    noise = np.random.default_rng(1).bytes(600 * 800 * 3)
    blank = bytes([255]) * (600 * 800 * 3)
    for content, least, most in ((noise, len(noise), max_object_bytes(len(noise))), (blank, 0, len(blank) // 100)):
        page, message = shared(content, width_px=800, height_px=600)
        packed = pack_page(page.fd, message, OpenLimits())
        page.close()
        assert zlib.decompress(packed) == content
        assert least <= len(packed) <= most


def test_memory_that_can_still_be_changed_is_no_page() -> None:
    page, message = shared(bytes(40 * 30 * 3), width_px=40, height_px=30)
    page.allocate(30, 40)  # mapped, so that a write could follow
    with pytest.raises(ForgedMessage, match="sealed"):
        pack_page(page.fd, message, OpenLimits())
    page.close()


def shared(content: bytes, *, width_px: int, height_px: int) -> tuple[SharedPage, PageReady]:
    """A page as a child hands it over."""
    page = SharedPage.reserve(0)
    page.fix(page_memory_bytes(OpenLimits()))
    page.allocate(height_px, width_px)[:] = np.frombuffer(content, dtype=np.uint8).reshape(height_px, width_px, 3)
    page.finish(width_px=width_px, height_px=height_px, words=())
    message = PageReady(
        number=1,
        width_px=width_px,
        height_px=height_px,
        stride_bytes=width_px * 3,
        dpi=0,
        word_count=0,
        code_point_count=0,
        memory=0,
        notices=PageNotice.NONE,
    )
    return page, message
