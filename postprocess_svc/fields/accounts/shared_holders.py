"""Holders printed once for several accounts: with a key below or above them, as 同上, in a line of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postprocess_svc.fields.accounts.draft import Draft
from postprocess_svc.fields.accounts.holders import take_holder
from postprocess_svc.fields.accounts.holders_above import holder_above
from postprocess_svc.fields.accounts.keys import BETWEEN, segments
from postprocess_svc.fields.cells import Cell, find_cells
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.vocabulary import Role

_ROWS_BETWEEN = 2
_ROWS_NEAR = 3
_MAX_GAP = 3.5
"""Line heights between a table and the holder of all its accounts."""


def share_holders(context: DocumentContext, drafts: Sequence[Draft]) -> None:
    """Give accounts without a holder the one that is printed for them too."""
    for group in _together(drafts):
        _take_as_before(context, group)
        _share(context, group)
    lacking = [draft for draft in drafts if _lacks(draft)]
    if len(drafts) == 1 and lacking and (part := _lone_key(context, lacking[0])) is not None:
        take_holder(lacking[0], context, *part)


def holder_beside(context: DocumentContext, first_row: int, last_row: int) -> tuple[Cell, int, int] | None:
    """A holder with its key in the lines right below some rows, or in the one above them.

    Args:
        context: The document.
        first_row: Of the rows, by number.
        last_row: Of the rows.
    """
    rows = context.shared(find_cells)
    for number in (last_row + 1, last_row + 2, first_row - 1):
        if not 0 <= number < len(rows) or not rows[number]:
            continue
        near = rows[last_row if number > last_row else first_row][0]
        for cell in rows[number]:
            apart = max(cell.extent.top - near.extent.bottom, near.extent.top - cell.extent.bottom)
            if cell.facts.row.page != near.facts.row.page or apart > _MAX_GAP * near.extent.height:
                continue
            for key, start, end in segments(cell, cell.start):
                if key is Role.HOLDER and cell.facts.row.text[start:end].strip(BETWEEN):
                    return cell, start, end
    return None


def _together(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    """Accounts that stand one right below the other, or side by side."""
    group: list[Draft] = []
    for draft in drafts:
        if group and not _is_next(group, draft):
            yield group
            group = []
        group.append(draft)
    if group:
        yield group


def _is_next(group: Sequence[Draft], lower: Draft) -> bool:
    last = max(piece.row.number for upper in group for piece in upper.spans)
    return group[0].facts.row.page == lower.facts.row.page and lower.facts.row.number - last <= _ROWS_BETWEEN


def _lacks(draft: Draft) -> bool:
    return draft.holder is None and not draft.holder_is_doubtful


def _take_as_before(context: DocumentContext, group: Sequence[Draft]) -> None:
    """同上 is the holder of the account before."""
    known: Draft | None = None
    for draft in group:
        if not _lacks(draft):
            known = draft
        elif draft.holder_is_as_before and known is not None:
            _copy(context, known, draft)


def _share(context: DocumentContext, group: Sequence[Draft]) -> None:
    """The holder of every account without one: below or behind the last account, or with its key above the first."""
    named = [draft for draft in group if not _lacks(draft)]
    if not named:
        part = holder_above(context, group[0])
        if part is not None:
            for draft in group:
                take_holder(draft, context, *part)
        return
    if len(named) == len(group) or len(named) > 1 or named[0].holder_is_doubtful:
        return
    place = named[0].holder_place
    numbers = [draft.number_cell.facts.row.number for draft in group if draft.number_cell is not None]
    if place is None or place[0].facts.row.number < max(numbers):
        return
    for draft in group:
        if draft is not named[0]:
            _copy(context, named[0], draft)


def _copy(context: DocumentContext, known: Draft, draft: Draft) -> None:
    if known.holder_place is not None:
        take_holder(draft, context, *known.holder_place)
        draft.holder_is_guessed = known.holder_is_guessed


def _lone_key(context: DocumentContext, draft: Draft) -> tuple[Cell, int, int] | None:
    """A holder with its key near the only account, in a column of its own as transfer forms have it."""
    own = draft.facts.row.number
    rows = context.shared(find_cells)[max(0, own - _ROWS_NEAR) : own + _ROWS_NEAR + 1]
    found = [
        (cell, start, end)
        for row in rows
        for cell in row
        if cell.facts.labels and cell.facts.row.page == draft.facts.row.page
        for key, start, end in segments(cell, cell.start)
        if key is Role.HOLDER and cell.facts.row.text[start:end].strip(BETWEEN)
    ]
    return found[0] if len(found) == 1 else None
