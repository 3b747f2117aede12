"""Several callers who each send the next page as soon as they have the answer to the last: a closed loop.

How many pages a second that makes is counted between two moments at which everybody is busy: a page that began before
the end of the window and ended after it counts with the share that lies inside. Callers go on, uncounted, until the
last page that counts has ended: among fewer others it would be read faster at its end than at its beginning, and too
much of it would seem to lie inside.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When one page was under way, in seconds of one clock."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a window showed."""

    pages_per_s: float
    pages: int
    """All that were read, those at the window's edges included: what was spent was spent on these."""
    failed: int


class _Feed(Generic[P]):
    """Pages for several threads: until a moment and until what began before it has ended, or until none are left."""

    def __init__(self, pages: Sequence[P], until_s: float) -> None:
        self._pages = iter(pages)
        self._lock = threading.Lock()
        self._counted_under_way = 0
        self.until_s = until_s

    def next(self) -> tuple[P, bool] | None:
        """The next page, and whether it counts: it begins within the window."""
        with self._lock:
            now_s = time.perf_counter()
            counts = now_s < self.until_s
            if not counts and self._counted_under_way == 0:
                return None
            page = next(self._pages, None)
            if page is None:
                # From here on somebody is idle.
                self.until_s = min(self.until_s, now_s)
                return None
            self._counted_under_way += counts
            return page, counts

    def ended(self) -> None:
        """A page that counts is no longer under way."""
        with self._lock:
            self._counted_under_way -= 1


def closed_loop(read: Callable[[int, P], bool], pages: Sequence[P], *, callers: int, window_s: float) -> Pace:
    """Keep so many callers busy for so long, or until there are no pages left.

    Args:
        read: Takes the caller's number, from 0, and a page; says whether it was read. It is not called twice at once
            with the same number.
        pages: More than can be read in that time, so that the window is not cut short.
        callers: Threads.
        window_s: How long.
    """
    start_s = time.perf_counter()
    feed = _Feed(pages, start_s + window_s)

    def call(number: int) -> list[tuple[Span, bool]]:
        done = []
        while (given := feed.next()) is not None:
            page, counts = given
            began_s = time.perf_counter()
            try:
                was_read = read(number, page)
            finally:
                if counts:
                    feed.ended()
            done.append((Span(start_s=began_s, end_s=time.perf_counter()), was_read))
        return done

    with ThreadPoolExecutor(callers, thread_name_prefix="caller") as threads:
        done = [each for caller in threads.map(call, range(callers)) for each in caller]
    read_spans = [span for span, was_read in done if was_read]
    return Pace(
        pages_per_s=pages_within(read_spans, start_s, feed.until_s) / max(feed.until_s - start_s, 1e-9),
        pages=len(read_spans),
        failed=len(done) - len(read_spans),
    )


def pages_within(spans: Sequence[Span], start_s: float, end_s: float) -> float:
    """Pages, each with the share of its time that lies inside of the window."""
    return sum(_share(span, start_s, end_s) for span in spans)


def _share(span: Span, start_s: float, end_s: float) -> float:
    inside_s = min(span.end_s, end_s) - max(span.start_s, start_s)
    whole_s = span.end_s - span.start_s
    if whole_s <= 0:
        return float(start_s <= span.start_s <= end_s)
    return max(0.0, inside_s) / whole_s
