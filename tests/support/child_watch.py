"""An opener that remembers how its children ended and what it logged, for each document by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocr_core.adapters.file_opener import LocalFileOpener
from ocr_core.contracts.pool_wire import PoolMessage

_PATIENCE_S = 10.0
_LOOK_S = 0.02

WATCHED_ACTIONS = {"opener_violation", "opener_forged", "opener_stuck", "opener_ended"}
"""What an honest decoder never gives the adapter a reason to log, whatever the file."""


@dataclass(slots=True)
class Watch:
    """What became of one document's children."""

    children: list[asyncio.Future[PoolMessage | None]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

    async def crashes(self) -> list[str]:
        """How children ended that neither finished their work nor were ended by the host."""
        return [crash for exited in await self._exits() if (crash := _crash_of(exited.wait_status)) is not None]

    async def told(self) -> list[str]:
        """What was logged of them; it is written beside the answer, soon after their end."""
        violations = sum(os.WTERMSIG(exited.wait_status) == signal.SIGSYS for exited in await self._exits())
        for _ in range(round(_PATIENCE_S / _LOOK_S)):
            if self.actions.count("opener_violation") >= violations:
                break
            await asyncio.sleep(_LOOK_S)
        return self.actions

    async def cpu_ms(self) -> int:
        """Processor time of all of them."""
        return sum(exited.cpu_ms for exited in await self._exits())

    async def _exits(self) -> list[PoolMessage]:
        if self.children:
            await asyncio.wait(self.children, timeout=_PATIENCE_S)
        exits = [child.result() for child in self.children if child.done()]
        return [exited for exited in exits if exited is not None]


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    """Watch the documents that this task opens inside."""
    watch = Watch()
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


class WatchedOpener(LocalFileOpener):
    """The real opener; it only tells ``watching`` of each child that it starts."""

    async def _converse(self, *arguments: Any, **named: Any) -> Any:
        conversation = await super()._converse(*arguments, **named)
        watch = _watch.get()
        if watch is not None:
            watch.children.append(conversation.exited)
        return conversation


class WatchingHandler(logging.Handler):
    """Tells ``watching`` of the adapter's log records; to be added to its logger."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the action."""
        watch, action = _watch.get(), getattr(record, "action", None)
        if watch is not None and action in WATCHED_ACTIONS:
            watch.actions.append(action)


def end_child_at_work(pool_pid: int | None, strike: signal.Signals) -> None:
    """Send a signal to the oldest child: the one with the document, where one is open; a younger one only waits."""
    oldest, *_ = Path(f"/proc/{pool_pid}/task/{pool_pid}/children").read_text().split()
    os.kill(int(oldest), strike)


def _crash_of(wait_status: int) -> str | None:
    if os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        # The host ends a child with SIGKILL as soon as it has all pages.
        return None if number == signal.SIGKILL else signal.Signals(number).name
    status = os.WEXITSTATUS(wait_status) if os.WIFEXITED(wait_status) else 0
    return f"exit {status}" if status else None
