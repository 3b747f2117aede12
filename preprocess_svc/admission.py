"""Who is let in, who waits, who is read: decided by whether each can still be answered in time.

::

    headers ──► door ──► body ──► waiting room ──► reading place ──► answer
                 429      429      earliest due      page by page
                                   first; 429 if
                                   it got hopeless

**The pace** is how many seconds the house takes for a page: the time in which anybody was being read, by the pages
read in it. Whatever is behind it (cores, a GPU, other replicas, bulk work, a noisy neighbour), the pace has seen it.
**The work** in the house is the pages of its documents that are not read yet. A newcomer whose own pages and all that
go before them would take longer at the present pace than its caller waits is refused at once: 429 now is kinder than
504 later, and what was spent on a 504 is lost to everybody. So is one that would make another late who waits already. A
house with no work in it lets in anybody, else a pace that was once mistaken could never be learned anew.

How many pages a document has is known when it has been opened. Until then it counts as many as documents mostly have
(``page_guess.py`` knows more of some), and nothing while its body is still arriving: a slow sender holds a place in the
house, but nobody's time. docs/adr/0015 tells what else was tried.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import Overloaded
from preprocess_svc.admission_metrics import AdmissionMetrics, Outcome
from preprocess_svc.pace import MEMORY, Pace, finishes_s

OnStart = Callable[[Overloaded | None], None]
"""Told once: a reading place is yours (null), or why there will be none."""


class _Standing(Enum):
    ARRIVING = auto()
    WAITING = auto()
    READING = auto()
    READ = auto()
    GONE = auto()


class Permit:
    """The right of one document to be in the house; its holder tells what becomes of it."""

    def __init__(self, admission: Admission, *, deadline_s: float, due_s: float, number: int) -> None:
        self.deadline_s = deadline_s
        """When its caller stops waiting, on the admission's clock."""
        self.due_s = due_s
        """When it is to be answered: before that, so that an estimate may be wrong by a little."""
        self.number = number
        self.pages_left = 0.0
        """Whole pages once they are known."""
        self.standing = _Standing.ARRIVING
        self.on_start: OnStart = _nobody_waits
        self._admission = admission

    def expect(self, pages: int | None) -> None:
        """So many pages of it are to be read (null: nobody knows): its body has come, or it has been opened.

        Raises:
            Overloaded: that is more than can be read in time.
        """
        self._admission.expect(self, pages)

    @asynccontextmanager
    async def reading_place(self) -> AsyncIterator[None]:
        """Wait for a place among those that are read now; whoever is due first gets the next one.

        Raises:
            Overloaded: while it waited the house became so slow that it could not be read in time any more.
        """
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def start(error: Overloaded | None) -> None:
            if not place.done():
                place.set_result(None) if error is None else place.set_exception(error)

        self.wait_for_place(start)
        try:
            await place
            yield
        finally:
            self.leave_place()

    def wait_for_place(self, on_start: OnStart) -> None:
        """Queue up; ``on_start`` may be called at once."""
        self._admission.queue(self, on_start)

    def page_done(self) -> None:
        """One of its pages has been read, or could not be."""
        self._admission.page_done(self)

    def leave_place(self) -> None:
        """Its reading, or its waiting, has ended; a second call does nothing."""
        self._admission.leave_place(self)

    def release(self) -> None:
        """Leave the house; a second call does nothing."""
        self._admission.leave(self)


class Admission:
    """The door, the waiting room and the reading places. Used from one event loop only.

    Args:
        max_documents: In the house at once, whatever the estimates say: each may hold a body in memory.
        max_reading: Of those, documents that are read at the same time.
        deadline_share: Of the time until its deadline, in which a document is to be answered by the estimate.
        metrics: What is told of it all.
        now_s: The clock of the deadlines.
    """

    def __init__(
        self,
        *,
        max_documents: int,
        max_reading: int,
        deadline_share: float,
        metrics: AdmissionMetrics,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_documents = max_documents
        self._max_reading = max_reading
        self._deadline_share = deadline_share
        self._metrics = metrics
        self._now_s = now_s
        self._house: dict[int, Permit] = {}
        self._entered = 0
        self._reading = 0
        self._pace = Pace()
        self._typical_pages = 1.0
        self._looked_s = now_s()

    @property
    def in_flight(self) -> int:
        """Documents in the house."""
        return len(self._house)

    def wait_s(self) -> float:
        """Seconds that the work in the house takes from now, by the estimate."""
        self._look()
        return sum(permit.pages_left for permit in self._house.values()) * self._pace.page_s

    def enter(self, deadline: Deadline) -> Permit:
        """Take a permit, or be turned away at once.

        Raises:
            Overloaded: the house is full, or so busy that not even a page could be read in time.
        """
        now_s = self._look()
        due_s = now_s + self._deadline_share * max(0.0, deadline.at_s - now_s)
        self._entered += 1
        permit = Permit(self, deadline_s=deadline.at_s, due_s=due_s, number=self._entered)
        if len(self._house) >= self._max_documents:
            raise self._refusal(
                Outcome.HOUSE_FULL,
                f"{self._max_documents} documents are in the house already, the most that are admitted at once",
                retry_after_s=self._pace.page_s,
            )
        self._check(permit, 1.0)  # it may be longer, as its body will show
        self._house[permit.number] = permit
        self._metrics.count(Outcome.ADMITTED)
        self._show()
        return permit

    def expect(self, permit: Permit, pages: int | None) -> None:
        """See ``Permit.expect``."""
        self._look()
        if pages is not None:
            self._typical_pages += (pages - self._typical_pages) / MEMORY
        expected = self._typical_pages if pages is None else float(pages)
        if expected > permit.pages_left:
            self._check(permit, expected)
        permit.pages_left = expected
        self._show()

    def queue(self, permit: Permit, on_start: OnStart) -> None:
        """See ``Permit.wait_for_place``."""
        permit.on_start = on_start
        permit.standing = _Standing.WAITING
        self._fill_places()

    def page_done(self, permit: Permit) -> None:
        """See ``Permit.page_done``."""
        self._look()
        self._pace.page_done()
        permit.pages_left = max(0.0, permit.pages_left - 1)
        self._show()

    def leave_place(self, permit: Permit) -> None:
        """See ``Permit.leave_place``."""
        if permit.standing in {_Standing.WAITING, _Standing.READING}:
            self._look()
            self._end_reading(permit)
            self._fill_places()

    def leave(self, permit: Permit) -> None:
        """See ``Permit.release``."""
        self.leave_place(permit)
        permit.standing = _Standing.GONE
        self._house.pop(permit.number, None)
        self._show()

    def _look(self) -> float:
        """Tell the pace how long the house was busy since the last look; the time now."""
        now_s = self._now_s()
        if self._reading:
            self._pace.busy(now_s - self._looked_s)
        self._looked_s = now_s
        return now_s

    def _check(self, newcomer: Permit, pages: float) -> None:
        """Whether ``newcomer`` would be answered by when it is due if it had so many pages to read.

        And those who wait for their turn already; who will be late anyway is no reason to refuse others.
        """
        page_s, now_s = self._pace.page_s, self._looked_s
        works_s = {permit: page_s * permit.pages_left for permit in self._house.values() if permit.pages_left}
        works_s.pop(newcomer, None)
        if not works_s:
            return
        before_s, own_s = sum(works_s.values()), page_s * pages
        without_s, with_s = self._finishes_s(works_s), self._finishes_s({**works_s, newcomer: own_s})
        heard = [newcomer] + [
            permit
            for permit in works_s
            if permit.standing is _Standing.WAITING and now_s + without_s[permit] <= permit.due_s
        ]
        excess_s = max(now_s + with_s[permit] - permit.due_s for permit in heard)
        if excess_s > 0:
            raise self._refusal(
                Outcome.TOO_LATE,
                f"the documents in the house take about {before_s:.1f} s and this one {own_s:.1f} s: too long for its "
                f"deadline in {max(0.0, newcomer.deadline_s - now_s):.1f} s, or for theirs",
                retry_after_s=min(excess_s, before_s),
            )

    def _finishes_s(self, works_s: dict[Permit, float]) -> dict[Permit, float]:
        turns = sorted(works_s, key=_order)
        return dict(zip(turns, finishes_s([works_s[each] for each in turns], places=self._max_reading), strict=True))

    def _fill_places(self) -> None:
        """Give free places to those who are due first; who would be read for nobody is refused instead."""
        self._look()
        while self._reading < self._max_reading:
            waiting = [permit for permit in self._house.values() if permit.standing is _Standing.WAITING]
            if not waiting:
                break
            permit = min(waiting, key=_order)
            if self._reading and self._is_hopeless(permit):
                self._end_reading(permit)
                permit.on_start(
                    self._refusal(
                        Outcome.BECAME_LATE,
                        "while the document waited, reading became too slow for its deadline",
                        retry_after_s=self.wait_s(),
                    )
                )
            else:
                permit.standing = _Standing.READING
                self._reading += 1
                permit.on_start(None)
        self._show()

    def _is_hopeless(self, permit: Permit) -> bool:
        """Whether it would be read for nobody, even if it were read by itself from now on."""
        return self._looked_s + permit.pages_left * self._pace.page_s > permit.deadline_s

    def _end_reading(self, permit: Permit) -> None:
        self._reading -= permit.standing is _Standing.READING
        permit.standing = _Standing.READ
        permit.pages_left = 0.0

    def _refusal(self, outcome: Outcome, detail: str, *, retry_after_s: float) -> Overloaded:
        self._metrics.count(outcome)
        return Overloaded(detail, retry_after_s=retry_after_s)

    def _show(self) -> None:
        self._metrics.show(
            in_house=len(self._house), reading=self._reading, wait_s=self.wait_s(), page_s=self._pace.page_s
        )


def _nobody_waits(_: Overloaded | None) -> None:
    pass


def _order(permit: Permit) -> tuple[bool, float, int]:
    """Who is read already, then who is due first."""
    return (permit.standing is not _Standing.READING, permit.due_s, permit.number)
