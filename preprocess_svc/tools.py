"""What the reading of one document works with: the models, the threads, its priority and its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.ports import Recognition, TextModels

P = ParamSpec("P")
T = TypeVar("T")

# A document's steps run in threads of ours already, and the models want every core: OpenCV's own threads would only
# wait for each other, busily.
cv2.setNumThreads(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Passed down the steps of one document's reading."""

    models: TextModels
    workers: Executor
    """The process's one bounded pool for work on pixels outside of the models."""
    priority: Priority
    deadline: Deadline
    detection_slots: asyncio.Semaphore
    """How many images of this document may wait for the detector at once."""
    recognition_slots: asyncio.Semaphore
    """How many batches of this document may wait for the recogniser at once."""
    second_look: bool = True
    """Whether doubtful narrow print is read a second time (``second_look.py``)."""

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work on pixels away from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.workers, partial(work, *args, **kwargs))

    async def detect(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``ports.TextModels.detect`` in this document's name."""
        async with self.detection_slots:
            return await self.models.detect(image, priority=self.priority, deadline=self.deadline)

    async def recognise(self, crops: NDArray[np.uint8]) -> Recognition:
        """``ports.TextModels.recognise`` in this document's name."""
        async with self.recognition_slots:
            return await self.models.recognise(crops, priority=self.priority, deadline=self.deadline)
