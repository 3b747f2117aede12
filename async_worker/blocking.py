"""The job store blocks; the roles are tasks on an event loop. This is the one way between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from ocr_core.tracing import with_context

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


class Blocking:
    """Runs blocking calls on a bounded number of threads of its own.

    ::

        with Blocking(threads=4) as blocking:
            lease = await blocking.run(store.claim, message)
    """

    def __init__(self, *, threads: int, name: str = "job-store") -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def run(
        self, call: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Answer:
        """Call it on a thread, in this task's context.

        Who is cancelled meanwhile no longer hears the answer; the call itself goes on.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, with_context(call, *args, **kwargs))

    def close(self) -> None:
        """Wait for the calls that run; those that have not begun are dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)
