"""In which order contenders take their turns.

A plain rotation lets each always follow the same one, whose traces (caches, the processor's heat and clock) it then
meets alone. Here each follows each of the others equally often: a Latin square balanced for carry-over (E. J. Williams,
"Experimental designs balanced for the estimation of residual effects of treatments", 1949).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import TypeVar

T = TypeVar("T")


def balanced_orders(items: Sequence[T]) -> list[list[T]]:
    """Orders in which every item stands in every place, and after every other one, equally often.

    As many orders as items; twice as many where their number is odd.
    """
    count = len(items)
    # 0, 1, n-1, 2, n-2 ...: neighbours differ by each distance once.
    first = [0, *((step + 1) // 2 if step % 2 else count - step // 2 for step in range(1, count))]
    orders = [[items[(place + shift) % count] for place in first] for shift in range(count)]
    return orders + [order[::-1] for order in orders] if count % 2 else orders


def turns(items: Sequence[T]) -> Iterator[list[T]]:
    """One order after the other, without end."""
    return cycle(balanced_orders(items))
