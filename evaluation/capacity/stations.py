"""Model instances behind one queue of two priorities, as Triton's dynamic batcher keeps it.

Who is urgent goes first, and nobody who has begun is interrupted. A free instance takes the request at the head and, up
to ``max_rows`` together, those right behind it of the same shape: Triton ends a batch at the first request of another
shape. It may wait ``delay_s`` for such company. A CPU's models are configured to take one request at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import simpy
from simpy.events import Event

_TINY_S = 1e-9
"""Less is rounding."""


@dataclass(slots=True, eq=False)
class Request:
    """Rows of one shape; ``done`` happens when they have been through the model, or never if cancelled before."""

    rows: int
    shape: int
    """Whatever tells shapes apart: a width, an area."""
    urgent: bool
    done: Event
    arrived_s: float
    cancelled: bool = False


@dataclass(slots=True)
class Batching:
    """What a station counts."""

    executions: int = 0
    rows: int = 0
    waits_s: list[float] = field(default_factory=list)

    @property
    def mean_rows(self) -> float:
        """Of an execution."""
        return self.rows / self.executions if self.executions else 0.0


class ModelStation:
    """One model.

    Args:
        env: The simulation.
        execute: Starts one execution, given rows, shape and urgency; returns the event of its end.
        instances: How many executions may run at once.
        max_rows: Of one execution, requests together.
        delay_s: How long a request that does not fill a batch may be kept for company.
    """

    def __init__(
        self,
        env: simpy.Environment,
        execute: Callable[[int, int, bool], Event],
        *,
        instances: int,
        max_rows: int = 1,
        delay_s: float = 0.0,
    ) -> None:
        self.counts = Batching()
        self._env = env
        self._execute = execute
        self._free = instances
        self._max_rows = max_rows
        self._delay_s = delay_s
        self._urgent: deque[Request] = deque()
        self._patient: deque[Request] = deque()

    def submit(self, rows: int, shape: int, *, urgent: bool = True) -> Request:
        """Join the queue."""
        request = Request(rows=rows, shape=shape, urgent=urgent, done=self._env.event(), arrived_s=self._env.now)
        (self._urgent if urgent else self._patient).append(request)
        self._dispatch()
        return request

    def _dispatch(self) -> None:
        while self._free:
            queue = self._first_queue()
            if queue is None:
                return
            taken, rows = self._head(queue)
            left_s = taken[0].arrived_s + self._delay_s - self._env.now
            if rows < self._max_rows and left_s > _TINY_S:
                self._env.timeout(left_s).callbacks.append(lambda _: self._dispatch())
                return
            for _ in taken:
                queue.popleft()
            self._start(taken, rows)

    def _first_queue(self) -> deque[Request] | None:
        for queue in (self._urgent, self._patient):
            while queue and queue[0].cancelled:
                queue.popleft()
            if queue:
                return queue
        return None

    def _head(self, queue: deque[Request]) -> tuple[list[Request], int]:
        """The requests at the head that run together, and their rows."""
        taken, rows = [queue[0]], queue[0].rows
        for index in range(1, len(queue)):
            follower = queue[index]
            if follower.cancelled or follower.shape != taken[0].shape or rows + follower.rows > self._max_rows:
                break
            taken.append(follower)
            rows += follower.rows
        return taken, rows

    def _start(self, taken: list[Request], rows: int) -> None:
        self._free -= 1
        self.counts.executions += 1
        self.counts.rows += rows
        self.counts.waits_s.extend(self._env.now - request.arrived_s for request in taken)
        end = self._execute(rows, taken[0].shape, taken[0].urgent)
        end.callbacks.append(lambda _: self._end(taken))

    def _end(self, taken: list[Request]) -> None:
        self._free += 1
        for request in taken:
            if not request.cancelled:
                request.done.succeed()
        self._dispatch()
