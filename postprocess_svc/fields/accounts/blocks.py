"""Japanese accounts in running text: from where a bank is named to the end of its block, in a line or in several.

A block is read cell by cell. A cell may begin with a key (支店名, 口座番号, 名義 …) that says what follows it, in the
same cell, in the next, or in the cell below; what has no key is told by its form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from postprocess_svc.fields.accounts.columns import Columns, own_columns
from postprocess_svc.fields.accounts.debits import is_closed, is_debited
from postprocess_svc.fields.accounts.draft import Draft, doubt
from postprocess_svc.fields.accounts.holders import take_holder
from postprocess_svc.fields.accounts.holders_above import name_above
from postprocess_svc.fields.accounts.keys import BETWEEN, Part, key_above, segments
from postprocess_svc.fields.accounts.lines import continuation
from postprocess_svc.fields.accounts.names import (
    BANK_WORD,
    BRANCH,
    bank_mentions,
    bank_over_two_lines,
    bare_bank,
    mended_name,
)
from postprocess_svc.fields.accounts.parts import TRANSFER_ACCOUNT, take_by_form, take_post, take_rest_of_branch
from postprocess_svc.fields.accounts.post_branch import is_same_post_account, take_post_branch
from postprocess_svc.fields.accounts.real_banks import is_real_bank, real_bank
from postprocess_svc.fields.accounts.shared_holders import share_holders
from postprocess_svc.fields.accounts.unnamed_holders import begins_holder, is_guessed, may_be_holder
from postprocess_svc.fields.candidate import Candidate
from postprocess_svc.fields.cells import Cell, find_cells
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.values.folding import has_cjk
from postprocess_svc.fields.vocabulary import Role

_MONEY = frozenset({Role.TOTAL, Role.TOTAL_DUE, Role.SUBTOTAL, Role.TAX, Role.TAX_BASE, Role.AMOUNT, Role.WITHHOLDING})
_SENTENCE = re.compile(r"です|ます|ください|下さい|お願い|お問合|※|でした")
_TYPES = ("普通", "当座", "貯蓄")
_MAX_ROWS = 8
_LEVEL_HEIGHTS = 0.8
_MAX_MENTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anchor:
    """Where an account begins: the span of a bank's name, or an empty one before a transfer account without a bank."""

    cell: Cell
    start: int
    end: int
    below: Cell | None = None
    """The next line, where the name goes on in it."""
    below_end: int = 0


def block_accounts(context: DocumentContext) -> Iterator[Candidate]:
    """Each mention of a bank opens an account; the cells after it, to the right and below, complete it."""
    anchors = _anchors(context)
    drafts: list[Draft] = []
    for position, anchor in enumerate(anchors):
        columns = own_columns(context, anchor.cell, [other.cell for other in anchors])
        following = next((other.cell for other in anchors[position + 1 :] if columns.has(other.cell)), None)
        draft = _begun(anchor)
        begin = (anchor.cell, anchor.end) if anchor.below is None else (anchor.below, anchor.below_end)
        cells = list(_scope(context, *begin, following, columns))
        by_branch = take_post_branch(draft, cells) if draft.post else None
        if by_branch is not None:
            _take_unnamed_holder(draft, context, *by_branch, by_branch[0].end)
        _fill(draft, context, cells)
        if draft.number is not None:
            draft.settle_branch()
            if draft.holder is None and draft.reading_part is not None:
                take_holder(draft, context, *draft.reading_part)
            drafts.append(draft)
    share_holders(context, drafts)
    taken = {piece.row.number for draft in drafts for piece in draft.spans}
    for draft in drafts:
        above = None if draft.holder is not None or draft.holder_is_doubtful else name_above(context, draft)
        if above is not None and above.facts.row.number not in taken:
            take_holder(draft, context, above, above.start, above.end)
    for draft in _each_once(context, drafts):
        draft.is_debited = is_debited(context, {piece.row.number for piece in draft.spans})
        draft.is_closed = is_closed(draft.spans)
        yield draft.candidate()


def _each_once(context: DocumentContext, drafts: Sequence[Draft]) -> Iterator[Draft]:
    """The accounts, of the post's those by a symbol left out that are given by their branch too."""
    for draft in drafts:
        twin = next((other for other in drafts if is_same_post_account(other, draft)), None)
        if twin is not None:
            if draft.holder_place is not None:
                take_holder(twin, context, *draft.holder_place)
            continue
        yield draft


def _begun(anchor: _Anchor) -> Draft:
    row = anchor.cell.facts.row
    draft = Draft(facts=anchor.cell.facts)
    if anchor.end == anchor.start:
        draft.post = True
        return draft
    name = row.text[anchor.start : anchor.end]
    draft.post = row.text[anchor.start : anchor.end].startswith(("ゆうち", "郵便"))
    if anchor.below is None:
        read = mended_name(name)
        draft.bank = real_bank(read, doubt(anchor.cell, anchor.start))
        draft.mark(anchor.cell, anchor.start, anchor.end, is_open=draft.bank != read or not is_real_bank(read))
        return draft
    draft.bank = mended_name(name + anchor.below.facts.row.text[anchor.below.start : anchor.below_end])
    draft.mark(anchor.cell, anchor.start, anchor.end)
    draft.mark(anchor.below, anchor.below.start, anchor.below_end)
    return draft


def _anchors(context: DocumentContext) -> list[_Anchor]:
    found: list[_Anchor] = []
    for row in context.shared(find_cells):
        announced = False
        for cell in row:
            japanese = has_cjk(cell.text)
            mentions = list(bank_mentions(cell)) if japanese and BANK_WORD.search(cell.text) else []
            holders = [label.end for label in cell.facts.labels if _is_holder_key(cell, label.roles, label.start)]
            mentions = [(start, end) for start, end in mentions if not any(key <= start for key in holders)]
            found += [_Anchor(cell=cell, start=start, end=end) for start, end in mentions]
            if not mentions and (announced or cell.facts.labels):
                bare = _bare(cell, is_announced=announced)
                found += [] if bare is None else [bare]
                mentions = [] if bare is None else [(bare.start, bare.end)]
            announced = bool(cell.facts.labels) and any(
                _is_bank_key(cell, label.roles, label.start) and label.end >= cell.end - 1
                for label in cell.facts.labels
            )
            if not mentions and cell.facts.labels and (broken := _broken(context, cell)) is not None:
                found.append(broken)
                continue
            transfer = TRANSFER_ACCOUNT.search(cell.text)
            if transfer is not None and not mentions and not _post_bank_near(context, cell):
                at = cell.start + transfer.start()
                found.append(_Anchor(cell=cell, start=at, end=at))
    return found[:_MAX_MENTIONS]


def _bare(cell: Cell, *, is_announced: bool) -> _Anchor | None:
    """A bank named without the word for it behind a bank's key, in the key's cell or in the next one."""
    keys = [label.end for label in cell.facts.labels if _is_bank_key(cell, label.roles, label.start)]
    begin = cell.start if is_announced else max(keys, default=cell.end)
    found = bare_bank(cell.facts.row.text[begin : cell.end])
    return None if found is None else _Anchor(cell=cell, start=begin + found[0], end=begin + found[1])


def _broken(context: DocumentContext, cell: Cell) -> _Anchor | None:
    """A bank's name that a line's end cuts apart, after a key that says a bank follows."""
    keys = [label.end for label in cell.facts.labels if _is_bank_key(cell, label.roles, label.start)]
    key = max(keys, default=None)
    if key is None or key >= cell.end or (below := continuation(context, cell)) is None:
        return None
    begin = key + len(cell.facts.row.text[key : cell.end]) - len(cell.facts.row.text[key : cell.end].lstrip(BETWEEN))
    cut = bank_over_two_lines(cell.facts.row.text[begin : cell.end], below.text)
    if cut is None:
        return None
    return _Anchor(cell=cell, start=begin + cut[0], end=cell.end, below=below, below_end=below.start + cut[1])


def _is_bank_key(cell: Cell, roles: frozenset[Role], at: int) -> bool:
    return Role.BANK in roles and cell.start <= at < cell.end


def _is_holder_key(cell: Cell, roles: frozenset[Role], at: int) -> bool:
    """What follows names the holder, though it be a co-operative that ends as banks' names do."""
    return Role.HOLDER in roles and cell.start <= at < cell.end


def _post_bank_near(context: DocumentContext, cell: Cell) -> bool:
    """The post bank is named shortly before, so that the number is that mention's."""
    rows = context.shared(find_cells)
    number = cell.facts.row.number
    before = [other.text for row in rows[max(0, number - 3) : number + 1] for other in row]
    return any("ゆうち" in text or "郵便局" in text for text in before)


def _scope(
    context: DocumentContext, anchor: Cell, start: int, stop_cell: Cell | None, columns: Columns
) -> Iterator[tuple[Cell, int]]:
    """Cells that may belong to the account: the rest of the row, then rows below until another bank is named."""
    rows = context.shared(find_cells)
    yield anchor, start
    if stop_cell is anchor:
        return
    number = anchor.facts.row.number
    left = anchor.extent.left - 8 * anchor.extent.height
    bottom = anchor.extent.bottom
    level = [other for other in rows[number - 1] if number and _is_level(anchor, other)]
    yield from ((other, other.start) for other in level)
    for other in rows[number]:
        if other.start > anchor.start:
            if other is stop_cell or _is_money(other) or not columns.has(other):
                break
            if _SENTENCE.search(other.text) is None:
                yield other, other.start
    for below in range(number + 1, min(number + 1 + _MAX_ROWS, len(rows))):
        if rows[below][0].facts.row.page != anchor.facts.row.page:
            return
        if rows[below][0].extent.top - bottom > 3.0 * anchor.extent.height:
            return
        for other in rows[below]:
            if other is stop_cell:
                return
            if other.extent.right <= left or not columns.has(other):
                continue  # a column of its own, whatever it holds
            if _is_money(other):
                break
            yield other, other.start
        bottom = max(other.extent.bottom for other in rows[below])


def _is_level(anchor: Cell, other: Cell) -> bool:
    """In the same printed line, to the right, although the page's slope has put it into the row before."""
    apart = abs((anchor.extent.top + anchor.extent.bottom) - (other.extent.top + other.extent.bottom)) / 2
    return (
        other.facts.row.page == anchor.facts.row.page
        and other.extent.left > anchor.extent.right - anchor.extent.height
        and apart < _LEVEL_HEIGHTS * anchor.extent.height
        and BRANCH.search(other.text) is not None
        and not _is_money(other)
    )


def _is_money(cell: Cell) -> bool:
    """A label of an amount: what stands from here on in the row is a table of sums beside the account."""
    return any(label.roles & _MONEY and cell.start <= label.start < cell.end for label in cell.facts.labels)


def _fill(draft: Draft, context: DocumentContext, cells: Iterable[tuple[Cell, int]]) -> None:
    pending: Role | None = None
    for position, (cell, begin_at) in enumerate(cells):
        start = take_rest_of_branch(draft, context, cell, begin_at)
        first = True
        for key, begin, end in segments(cell, start):
            known = key
            if key is None and first:
                known = pending or (key_above(context, cell) if begin == cell.start else None)
            first = False
            if not cell.facts.row.text[begin:end].strip(BETWEEN):
                pending = key if key is not None else pending
                continue
            pending = None
            _take(draft, context, cell, (known, begin, end))
        if position == 0 and draft.branch is None and draft.number is None and start < cell.end:
            draft.rest = (cell, start)


def _take(draft: Draft, context: DocumentContext, cell: Cell, part: Part) -> None:
    """Take from a part of a cell what the account still lacks."""
    key, start, end = part
    text = cell.facts.row.text
    match key:
        case Role.HOLDER:
            take_holder(draft, context, cell, start, end)
            return
        case Role.HOLDER_READING:
            draft.reading_part = (cell, start, end)
            return
        case Role.BRANCH if draft.branch is None:
            printed = re.split(r"[\s(\[:]", text[start:end].strip(BETWEEN), maxsplit=1)[0]
            if printed and not printed[0].isdigit() and not printed.startswith(_TYPES):
                at = text.index(printed, start)
                draft.branch = draft.mark(cell, at, at + len(printed))
                draft.branch_at = (cell, at)
                start = at + len(printed)
        case Role.ACCOUNT_NUMBER | Role.POST_NUMBER:
            draft.labelled_number = draft.labelled_number or draft.number is None
        case _:
            pass
    if draft.number is None:
        after = take_post(draft, cell, start) if draft.post else None
        if after is None:
            after = take_by_form(draft, cell, start, end, key)
        if after is not None:
            _take_unnamed_holder(draft, context, cell, after, max(after, end))
    elif draft.holder is None and not draft.holder_is_doubtful:
        _take_unnamed_holder(draft, context, cell, start, end)


def _take_unnamed_holder(draft: Draft, context: DocumentContext, cell: Cell, start: int, end: int) -> None:
    """What follows the number without a key: the holder, or the beginning of one."""
    if may_be_holder(context, draft, cell, start, end) or begins_holder(context, cell, start, end):
        take_holder(draft, context, cell, start, end)
        draft.holder_is_guessed = is_guessed(context, cell, start, end)
