"""Disjoint sets of numbers, as cells and rulings are joined."""

from __future__ import annotations


class Sets:
    """Union-find with path halving."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def root(self, item: int) -> int:
        """The number that stands for the item's set."""
        parents = self._parents
        while parents[item] != item:
            parents[item] = item = parents[parents[item]]
        return item

    def join(self, first: int, second: int) -> None:
        """Make the sets of two numbers one."""
        self._parents[self.root(second)] = self.root(first)
