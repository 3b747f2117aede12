"""Accounts that are printed side by side: which cells may be one's, and which are its neighbour's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from postprocess_svc.fields.cells import Cell, find_cells
from postprocess_svc.fields.context import DocumentContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """From where to where across the page an account's cells begin, in pixels."""

    left: float = -math.inf
    right: float = math.inf

    def has(self, cell: Cell) -> bool:
        """A cell begins between them."""
        return self.left <= cell.extent.left < self.right


def own_columns(context: DocumentContext, bank: Cell, banks: Sequence[Cell]) -> Columns:
    """The columns of an account; all of the page where no other bank is named in the same printed line.

    Args:
        context: The document.
        bank: The cell that names its bank.
        banks: Every cell that names one.
    """
    beside = [other for other in banks if other is not bank and _is_beside(bank, other)]
    lefts = [_with_key(context, bank, cell) for cell in beside if cell.extent.left > bank.extent.left]
    rights = [cell.extent.right - cell.extent.height for cell in beside if cell.extent.left < bank.extent.left]
    return Columns(left=max(rights, default=-math.inf), right=min(lefts, default=math.inf))


def _is_beside(one: Cell, other: Cell) -> bool:
    level = abs(one.extent.top - other.extent.top) < one.extent.height
    return one.facts.row.page == other.facts.row.page and level and one.extent.overlap_x(other.extent) < 0


def _with_key(context: DocumentContext, bank: Cell, other: Cell) -> float:
    """Where the account beside begins: at its bank's key, if that has a cell of its own."""
    row = context.shared(find_cells)[other.facts.row.number]
    place = next(at for at, cell in enumerate(row) if cell is other)
    before = row[place - 1] if place else bank
    is_key = before is not bank and before.extent.left > bank.extent.right and before.facts.labels
    return before.extent.left if is_key else other.extent.left - other.extent.height
