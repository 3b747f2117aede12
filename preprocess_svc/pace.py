"""How long the house takes for a page, measured; what admission reckons with."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

MEMORY = 20.0
"""About so many of the last pages make the pace, and of the last documents the typical number of pages."""

FIRST_PACE_S = 1.0
"""Before anything was read: slow, since to refuse too much for a moment costs less than to answer late."""


class Pace:
    """Seconds a page, of the whole house."""

    def __init__(self) -> None:
        self._busy_s = FIRST_PACE_S
        self._pages = 1.0
        self._since_page_s = 0.0
        """Busy time since the last page was done."""

    @property
    def page_s(self) -> float:
        """The mean of late; while no page comes out for longer than that, what it would be if one did now."""
        return max(self._busy_s / self._pages, (self._busy_s + self._since_page_s) / (self._pages + 1))

    def busy(self, passed_s: float) -> None:
        """So much time has passed in which somebody was being read."""
        self._since_page_s += passed_s

    def page_done(self) -> None:
        """A page has been read."""
        keep = 1 - 1 / MEMORY
        self._busy_s = keep * self._busy_s + self._since_page_s
        self._pages = keep * self._pages + 1
        self._since_page_s = 0.0


def finishes_s(works_s: Sequence[float], *, places: int) -> list[float]:
    """When each is done, in seconds from now, if nobody else comes: those in a place share the machine equally.

    Args:
        works_s: In the order of their turns, how long each would take by itself.
        places: How many are in a place at once.
    """
    finishes = [0.0] * len(works_s)
    inside: list[tuple[float, int]] = []
    passed_s = share_s = 0.0
    """Time from now, and what of it each has had who was inside from the start."""
    for turn in range(len(works_s) + places):
        if inside and (turn >= len(works_s) or len(inside) == places):
            end_s, first = heappop(inside)
            passed_s += (end_s - share_s) * (len(inside) + 1)
            share_s = end_s
            finishes[first] = passed_s
        if turn < len(works_s):
            heappush(inside, (share_s + works_s[turn], turn))
    return finishes
