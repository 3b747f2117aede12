"""Work that ends early when its deadline passes or when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded

Result = TypeVar("Result")

_logger = logging.getLogger(__name__)
_overtaken: set[asyncio.Task[object]] = set()
"""Cancelled work that still cleans up. The event loop itself keeps only weak references to tasks."""


async def finish_in_time(
    work: Coroutine[object, object, Result],
    *,
    request: Request,
    deadline: Deadline,
    on_end: Callable[[], None] = lambda: None,
) -> Result:
    """Run ``work`` until it ends, its deadline passes or the client leaves, whichever comes first.

    Overtaken work is cancelled but not waited for, so that the answer is prompt however long its cleaning up takes.
    ``on_end`` is called when it has really ended: a permit given back earlier would let more work in than there is
    room for. The request's body must have been read whole.

    Raises:
        DeadlineExceeded: the deadline passed.
        ClientDisconnect: nobody is left to answer.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: on_end())
    watcher = asyncio.create_task(_until_disconnected(request))
    try:
        await asyncio.wait({task, watcher}, timeout=deadline.remaining_s(), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if watcher.done():
            raise ClientDisconnect
        raise DeadlineExceeded("the request's deadline passed; work still running for it is cancelled")
    finally:
        watcher.cancel()
        if not task.done():
            task.cancel()
            _overtaken.add(task)
            task.add_done_callback(_forget)


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _forget(task: asyncio.Task[object]) -> None:
    _overtaken.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _logger.info(
            "Overtaken work ended with an error",
            extra={"action": "work.overtaken", "error_type": type(error).__name__},
        )
