"""Cells and rows of text, before they are a table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Cell:
    """Lines of a row that stand together."""

    left: float
    right: float
    members: list[int]
    is_value: bool = False
    """Its text is a number and little more."""


@dataclass(slots=True)
class Row:
    """A row, its cells from left to right."""

    cells: list[Cell]
    top: float
    bottom: float

    @property
    def y(self) -> float:
        """Its middle."""
        return (self.top + self.bottom) / 2

    @property
    def left(self) -> float:
        """Where its first cell begins."""
        return self.cells[0].left

    @property
    def right(self) -> float:
        """Where its last cell ends."""
        return self.cells[-1].right

    @property
    def has_value(self) -> bool:
        """Whether a cell is a number and little more."""
        return any([cell.is_value for cell in self.cells])  # noqa: C419 - a generator costs more than short lists do

    def covers(self, x: float) -> bool:
        """Whether a cell stands there."""
        return any([cell.left < x < cell.right for cell in self.cells])  # noqa: C419 - as above


def left_of(cell: Cell) -> float:
    """Where a cell begins, to sort by."""
    return cell.left
