"""The limit: the two models alone, on exactly the tensors that the pipeline sends for a page.

A page is read once by the real pixel pipeline over a recorder; the recorded calls are then replayed in process, with
the same engine settings, without opening, cropping or decoding anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evaluation.datasets import RENDER_DPI
from evaluation.inprocess_models import InProcessModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection, Priority
from ocr_core.contracts.page import Notice, PageImage
from ocr_core.contracts.ports import ModelsInUse, Recognition
from preprocess_svc.pipeline import read_document

DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelCalls:
    """What a page's reading sent to the models."""

    detections: list[NDArray[np.uint8]] = field(default_factory=list)
    """(H, W, 3) each, in order: a later one may depend on an earlier one's answer."""
    recognitions: list[NDArray[np.uint8]] = field(default_factory=list)
    """(N, 48, W, 3) each."""

    def __str__(self) -> str:
        canvases = ", ".join(f"{image.shape[0]}×{image.shape[1]}" for image in self.detections)
        rows = sum(len(crops) for crops in self.recognitions)
        pixels = sum(crops.shape[0] * crops.shape[2] for crops in self.recognitions)
        return f"detector {canvases}; recogniser {rows} lines, {pixels} px wide in all"


class RecordingModels:
    """``ports.TextModels`` that remembers what it was asked."""

    def __init__(self, models: InProcessModels) -> None:
        self._models = models
        self.calls = ModelCalls()

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        """See ``ports.TextModels.detect``."""
        self.calls.detections.append(image.copy())
        return await self._models.detect(image, priority=priority, deadline=deadline)

    async def recognise(self, crops: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> Recognition:
        """See ``ports.TextModels.recognise``."""
        self.calls.recognitions.append(crops.copy())
        return await self._models.recognise(crops, priority=priority, deadline=deadline)

    async def in_use(self) -> ModelsInUse:
        """See ``ports.TextModels.in_use``."""
        return await self._models.in_use()

    async def charset_sha256(self) -> str:
        """Digest of the charset."""
        return await self._models.charset_sha256()


def record_calls(page: NDArray[np.uint8], models: InProcessModels) -> ModelCalls:
    """Read one page, (H, W, 3) uint8 RGB, with the pixel pipeline, and return what it sent to the models."""
    recorder = RecordingModels(models)
    with ThreadPoolExecutor(2) as workers:
        asyncio.run(
            read_document(
                b"",
                file_name=None,
                selection=PageSelection(),
                limits=OpenLimits(),
                text_layer=False,
                priority=Priority.SYNC,
                deadline=Deadline.after(DEADLINE_S),
                opener=_OnePageOpener(page),
                models=recorder,
                workers=workers,
            )
        )
    return recorder.calls


def replay_one_by_one(calls: ModelCalls, models: InProcessModels) -> None:
    """Every call after the one before, each crop in the calling thread."""
    for image in calls.detections:
        models.detect_now(image)
    for crops in calls.recognitions:
        for crop in crops:
            models.recognise_row_now(crop)


def replay_at_once(calls: ModelCalls, models: InProcessModels) -> None:
    """Detections in order, then every recognition at once, as the pipeline does."""

    async def replay() -> None:
        deadline = Deadline.after(DEADLINE_S)
        for image in calls.detections:
            await models.detect(image, priority=Priority.SYNC, deadline=deadline)
        batches = (models.recognise(c, priority=Priority.SYNC, deadline=deadline) for c in calls.recognitions)
        await asyncio.gather(*batches)

    asyncio.run(replay())


class _OneOpenedPage:
    """``ports.OpenedDocument`` of one page that is in memory already."""

    media_type = MediaType.PNG
    page_count = 1
    warnings: tuple[Notice, ...] = ()

    def __init__(self, page: NDArray[np.uint8]) -> None:
        self._page = page

    async def pages(self) -> AsyncIterator[PageImage]:
        """The page."""
        yield PageImage(number=1, pixels=self._page, dpi=RENDER_DPI)


class _OnePageOpener:
    """``ports.FileOpener`` that opens nothing."""

    def __init__(self, page: NDArray[np.uint8]) -> None:
        self._page = page

    @asynccontextmanager
    async def open(
        self,
        untrusted_bytes: bytes,
        *,
        selection: PageSelection,
        limits: OpenLimits,
        deadline: Deadline,
        text_layer: bool,
    ) -> AsyncIterator[_OneOpenedPage]:
        """See ``ports.FileOpener.open``."""
        del untrusted_bytes, selection, limits, deadline, text_layer
        yield _OneOpenedPage(self._page)
