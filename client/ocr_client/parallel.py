"""Some work at a time, its results in the order in which it was named."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

# Items taken up ahead of the one whose turn it is, per worker: a slow one does not stop its neighbours, and the
# results that wait for it stay few.
WINDOW_PER_WORKER = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(items: Iterable[Item], work: Callable[[Item], Result], *, workers: int) -> Iterator[Result]:
    """What ``work`` returns or raises for each item, ``workers`` at a time, the items drawn as they are needed.

    Leaving the iteration early drops what has not begun. The threads are daemons, which no pool of the standard
    library offers: a program that is interrupted ends without waiting for answers that nobody wants any more.
    """
    tasks: SimpleQueue[tuple[Item, Future[Result]] | None] = SimpleQueue()
    left = threading.Event()

    def serve() -> None:
        while (task := tasks.get()) is not None and not left.is_set():
            item, future = task
            try:
                future.set_result(work(item))
            except BaseException as error:
                future.set_exception(error)

    waiting = iter(items)
    window: deque[Future[Result]] = deque()

    def take_up(count: int) -> None:
        for item in islice(waiting, count):
            future: Future[Result] = Future()
            window.append(future)
            tasks.put((item, future))

    for number in range(workers):
        threading.Thread(target=serve, name=f"ocr-{number}", daemon=True).start()
    try:
        take_up(workers * WINDOW_PER_WORKER)
        while window:
            yield window.popleft().result()
            take_up(1)
    finally:
        left.set()
        for _ in range(workers):
            tasks.put(None)
