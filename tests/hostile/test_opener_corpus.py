"""Every file of the hostile corpus through the real opener: the answer its index expects, no neighbour disturbed."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import DeadlineExceeded, OcrError
from ocr_core.contracts.page import PageImage
from tests.support.hostile_corpus import CASES, Case, each_case, needs_corpus

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Two files of the corpus are sound and have 33 and 98 pages: they must open where so many pages are allowed.
LIMITS = OpenLimits(max_pages=100)
TIMEOUT_S = 30.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opener() -> AsyncIterator[LocalFileOpener]:
    opener = LocalFileOpener(OpenerSettings(max_children=4, max_waiting=1000))
    await opener.start()
    yield opener
    await opener.close()


async def answer(opener: LocalFileOpener, document: bytes, *, text_layer: bool) -> str:
    """``ok``, or the status; ``password_required`` says more than its status."""
    try:
        async with opener.open(
            document,
            selection=PageSelection(),
            limits=LIMITS,
            deadline=Deadline.after(TIMEOUT_S),
            text_layer=text_layer,
        ) as opened:
            pages = [page async for page in opened.pages()]
    except DeadlineExceeded:
        raise
    except OcrError as error:
        return error.code if error.code == "password_required" else str(error.http_status)
    assert pages
    assert any(isinstance(page, PageImage) for page in pages)
    return "ok"


@needs_corpus
@pytest.mark.parametrize("text_layer", [False, True], ids=["pixels", "text_layer"])
@each_case
async def test_a_hostile_file_is_answered_as_expected(opener: LocalFileOpener, case: Case, text_layer: bool) -> None:
    assert await answer(opener, case.path.read_bytes(), text_layer=text_layer) in case.expected


@needs_corpus
async def test_good_documents_among_hostile_ones_come_out_the_same(opener: LocalFileOpener) -> None:
    good = [_picture(seed, kind) for seed, kind in enumerate(["PNG", "PDF", "TIFF", "JPEG"])]
    alone = [await _digest(opener, document) for document in good]
    hostile = [answer(opener, case.path.read_bytes(), text_layer=False) for case in CASES[::2]]
    among = [_digest(opener, document) for document in good * 8]
    answers = await asyncio.gather(*among, *hostile)
    assert answers[: len(among)] == alone * 8


async def _digest(opener: LocalFileOpener, document: bytes) -> str:
    digest = hashlib.sha256()
    async with opener.open(
        document,
        selection=PageSelection(),
        limits=LIMITS,
        deadline=Deadline.after(TIMEOUT_S * 2),
        text_layer=False,
    ) as opened:
        async for page in opened.pages():
            assert isinstance(page, PageImage)
            digest.update(page.pixels.tobytes())
    return digest.hexdigest()


def _picture(seed: int, kind: str) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (400, 300, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()
