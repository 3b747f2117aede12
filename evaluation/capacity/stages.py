"""What a document does on a cell: opening, detecting, cutting out, recognising, structuring; and who waits for whom."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import simpy
from simpy.events import AllOf, Event

from evaluation.capacity.cell import Setting
from evaluation.capacity.cores import SharedCores, Task
from evaluation.capacity.stations import ModelStation, Request
from evaluation.capacity.workload import Document, Page
from ocr_core.contracts.tensors import TEXT_DETECTION, TEXT_RECOGNITION

GPU_RECOGNITION_DELAY_S = 500e-6
"""``max_queue_delay_microseconds`` of the recogniser in ``configs/gpu.pbtxt``."""
GPU_RECOGNITION_INSTANCES = 2
GPU_DETECTION_INSTANCES = 1

Steps = Generator[Event, None, None]


def _go_on() -> None:
    pass


@dataclass(slots=True, eq=False)
class Work:
    """One document under way."""

    document: Document
    urgent: bool
    arrived_s: float
    pace: float
    """By how much its work differs from what the profile says: this machine at this moment."""
    tasks: set[Task] = field(default_factory=set)
    requests: set[Request] = field(default_factory=set)
    abandoned: bool = False
    on_page: Callable[[], None] = _go_on
    """Told of each page that has been read."""


class Window:
    """So many questions in flight; the others are asked as answers come.

    Without a process for each, which would be half of the simulation's time.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: deque[tuple[Callable[[], Event], Callable[[Event], None]]] = deque()

    def start(self, ask: Callable[[], Event], then: Callable[[Event], None]) -> None:
        """Ask now or later; ``then`` is called with the answer."""
        if not self._free:
            self._waiting.append((ask, then))
            return
        self._free -= 1
        answer = ask()
        answer.callbacks.append(then)
        answer.callbacks.append(self._next)

    def _next(self, _: Event) -> None:
        self._free += 1
        if self._waiting:
            self.start(*self._waiting.popleft())


class Stages:
    """A cell's resources, and a document's walk among them."""

    def __init__(self, env: simpy.Environment, setting: Setting, random: np.random.Generator) -> None:
        cell, models = setting.cell, setting.profile.models
        self._env = env
        self._setting = setting
        self._random = random
        self.cores = SharedCores(env, cell.cores * setting.profile.reachable_share, patient_weight=cell.bulk_weight)
        self.gpus = SharedCores(env, max(1, cell.gpus))
        if cell.gpu is None:
            detectors, recognisers = models.instances(cell.cores)
            self.detection = ModelStation(env, self._detect_on_cores, instances=detectors)
            self.recognition = ModelStation(env, self._recognise_on_cores, instances=recognisers)
        else:
            self.detection = ModelStation(
                env,
                self._detect_on_gpu,
                instances=GPU_DETECTION_INSTANCES * cell.gpus,
                max_rows=TEXT_DETECTION.max_batch_size,
            )
            self.recognition = ModelStation(
                env,
                self._recognise_on_gpu,
                instances=GPU_RECOGNITION_INSTANCES * cell.gpus,
                max_rows=TEXT_RECOGNITION.max_batch_size,
                delay_s=GPU_RECOGNITION_DELAY_S,
            )

    def arrival(self, document: Document, *, urgent: bool) -> Work:
        """A document has come."""
        variation = self._setting.profile.variation
        # Log-normal with mean 1: times are positive and lean to the right.
        sigma = float(np.sqrt(np.log1p(variation**2)))
        pace = float(self._random.lognormal(-(sigma**2) / 2, sigma)) if sigma else 1.0
        return Work(document=document, urgent=urgent, arrived_s=self._env.now, pace=pace)

    def abandon(self, work: Work) -> None:
        """End everything that was started for a document that nobody waits for."""
        work.abandoned = True
        for task in work.tasks:
            self.cores.cancel(task)
        for request in work.requests:
            request.cancelled = True
        work.tasks.clear()
        work.requests.clear()

    def read(self, work: Work) -> Steps:
        """The pixel side: pages are opened one after another, few are in flight, and all are waited for."""
        profile, env = self._setting.profile, self._env
        places = simpy.Resource(env, self._setting.cell.pages_in_flight)
        window = Window(self._setting.cell.recognitions_in_flight)
        pages: list[Event] = []
        for page in work.document.pages:
            place = places.request()
            yield place
            yield from self.work_on_cores(work, profile.opening_s[work.document.format])
            pages.append(env.process(self._page(work, page, places, place, window)))
        yield AllOf(env, pages)

    def structure(self, work: Work) -> Steps:
        """The text side, and what the road itself costs."""
        profile = self._setting.profile
        text_s = sum(profile.text_page_s + profile.text_line_s * page.lines for page in work.document.pages)
        road_s = profile.document_s if work.urgent else profile.bulk_document_s
        yield from self.work_on_cores(work, text_s + road_s)

    def work_on_cores(self, work: Work, core_s: float) -> Steps:
        """One thread's work."""
        task = self.cores.run(core_s * work.pace, urgent=work.urgent)
        work.tasks.add(task)
        yield task.done
        work.tasks.discard(task)

    def _page(
        self,
        work: Work,
        page: Page,
        places: simpy.Resource,
        place: simpy.resources.resource.Request,
        window: Window,
    ) -> Steps:
        profile = self._setting.profile
        sending_s = self._sending_s(page)
        # Half of what a page costs by itself lies before the detector (canvas), half behind it (boxes, rulings).
        yield from self.work_on_cores(work, profile.pixels_page_s / 2)
        for look_px in page.looks_px:
            yield self._submit(work, self.detection, 1, look_px).done
        after_s = profile.pixels_page_s / 2 + profile.pixels_line_s * page.lines + sending_s
        yield from self.work_on_cores(work, after_s)
        yield self._recognised(work, page, window)
        work.on_page()
        places.release(place)

    def _recognised(self, work: Work, page: Page, window: Window) -> Event:
        """Ask for all of a page's lines; the event of the last answer."""
        last, left = self._env.event(), len(page.requests)

        def ask(rows: int, width: int) -> Event:
            return self._submit(work, self.recognition, rows, width).done

        def count(_: Event) -> None:
            nonlocal left
            left -= 1
            if not left:
                last.succeed()

        for rows, width in page.requests:
            window.start(partial(ask, rows, width), count)
        if not left:
            last.succeed()
        return last

    def _submit(self, work: Work, station: ModelStation, rows: int, shape: int) -> Request:
        request = station.submit(rows, shape, urgent=work.urgent)
        work.requests.add(request)
        request.done.callbacks.append(lambda _: work.requests.discard(request))
        return request

    def _sending_s(self, page: Page) -> float:
        """Core-seconds of sending a page's pixels to a GPU, on average over pages read beside it and elsewhere."""
        if self._setting.cell.gpu is None:
            return 0.0
        return self._setting.profile.socket_s_a_megabyte * page.megabytes * self._setting.cell.remote_share

    # Model processes have one weight whoever asks: who goes first is decided in their queue.

    def _detect_on_cores(self, rows: int, shape: int, urgent: bool) -> Event:
        del urgent
        models = self._setting.profile.models
        core_s = rows * models.detection.seconds(shape) / models.detection_threads
        return AllOf(self._env, [self.cores.run(core_s).done for _ in range(models.detection_threads)])

    def _recognise_on_cores(self, rows: int, shape: int, urgent: bool) -> Event:
        del urgent
        return self.cores.run(rows * self._setting.profile.models.recognition.seconds(shape)).done

    def _detect_on_gpu(self, rows: int, shape: int, urgent: bool) -> Event:
        del urgent
        gpu = self._setting.cell.gpu
        assert gpu is not None  # noqa: S101 - for the type checker: the constructor chose this method
        return self.gpus.run(rows * gpu.detection.seconds(shape)).done

    def _recognise_on_gpu(self, rows: int, shape: int, urgent: bool) -> Event:
        del urgent
        gpu = self._setting.cell.gpu
        assert gpu is not None  # noqa: S101
        return self.gpus.run(gpu.recognition.seconds(rows * shape)).done
