"""Keeps a stack running: who ends by itself is started again, a little later each time, and not for ever.

A process of the bulk road that ends too often rests for a while and is tried again: the others go on, and so do the
documents in their hands. The queue server, Triton and the sync road's services are what the rest stands on; should one
of these end too often, the stack ends, so that nobody takes it for one that works.

``make up`` calls ``Supervisor.step`` a few times a second, as docker's restart policy and Kubernetes do elsewhere.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from local_stack.aws import AwsUnavailable
from local_stack.plan import announce_inbox
from local_stack.service import Service
from local_stack.stack import LocalStack, StackError, last_lines

_READY_POLL_S = 0.5
_BULK = "bulk-"
"""What the names of the bulk road's processes begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRules:
    """When to start a service again, and when no more."""

    first_delay_s: float = 0.5
    max_delay_s: float = 30.0
    max_ends: int = 5
    """This many within the window, and it is given up."""
    window_s: float = 60.0
    rest_s: float = 300.0
    """Before a process of the bulk road that was given up is tried again."""

    def delay_s(self, recent_ends: int) -> float:
        """The wait after so many ends within the window: twice as long each time."""
        return min(self.max_delay_s, self.first_delay_s * 2.0 ** (recent_ends - 1))


@dataclass(slots=True)
class _Watched:
    """What is known of one service."""

    service: Service
    ends_s: deque[float] = field(default_factory=deque)
    start_at_s: float | None = None
    """When it is to be started again; null while it runs."""
    ready_since_start: bool = True
    started_s: float = 0.0


class Supervisor:
    """Watches over the services of a stack that has been started."""

    def __init__(
        self,
        stack: LocalStack,
        *,
        say: Callable[[str], None],
        rules: RestartRules | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store what to watch.

        Args:
            stack: A started one.
            say: Takes a sentence on what happened.
            rules: Back-off, and when to give up.
            clock: Seconds that never go back.
        """
        self._stack = stack
        self._say = say
        self._rules = rules or RestartRules()
        self._clock = clock
        self._watched = [_Watched(service) for service in stack.services.values()]
        self._next_look_s = 0.0

    def step(self) -> bool:
        """Start again what has ended; whether a service was started.

        Raises:
            StackError: one that the others stand on ended too often in a short time.
        """
        started = [self._step(watched) for watched in self._watched]
        self._look_at_the_new()
        return any(started)

    def _step(self, watched: _Watched) -> bool:
        service, now_s = watched.service, self._clock()
        if watched.start_at_s is None and (status := service.exit_status) is not None:
            self._note_end(watched, status, now_s)
        if watched.start_at_s is None or now_s < watched.start_at_s:
            return False
        watched.start_at_s = None
        watched.ready_since_start = False
        watched.started_s = now_s
        service.start()
        return True

    def _note_end(self, watched: _Watched, status: int, now_s: float) -> None:
        service, rules = watched.service, self._rules
        while watched.ends_s and watched.ends_s[0] < now_s - rules.window_s:
            watched.ends_s.popleft()
        watched.ends_s.append(now_s)
        ends = len(watched.ends_s)
        name = service.spec.name
        if ends >= rules.max_ends:
            too_often = f"{name} ended with status {status}, {ends} times within {rules.window_s:g} s"
            if not name.startswith(_BULK):
                raise StackError(too_often + last_lines(service))
            delay_s = rules.rest_s
            self._say(f"{too_often}; the others go on, it is tried again in {delay_s:g} s{last_lines(service)}")
            watched.ends_s.clear()
        else:
            delay_s = rules.delay_s(ends)
            self._say(f"{name} ended with status {status}; it is started again in {delay_s:g} s")
        service.stop()  # whatever is left of its group, and what it leaves behind
        watched.start_at_s = now_s + delay_s

    def _look_at_the_new(self) -> None:
        now_s = self._clock()
        waiting = [each for each in self._watched if not each.ready_since_start and each.start_at_s is None]
        if not waiting or now_s < self._next_look_s:
            return
        self._next_look_s = now_s + _READY_POLL_S
        for watched in waiting:
            if watched.service.spec.is_ready() and self._greet(watched.service.spec.name):
                watched.ready_since_start = True
                self._say(f"{watched.service.spec.name} is ready again, after {now_s - watched.started_s:.0f} s")

    def _greet(self, name: str) -> bool:
        """Tell a service what it forgot when it ended; false where that has to be tried again."""
        if name != "aws":
            return True
        try:
            announce_inbox(self._stack.plan)
        except AwsUnavailable:
            return False
        return True
