"""An account while it is put together, and the candidate that it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ocr_core.contracts.frozen import value
from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.accounts.real_banks import real_branch
from postprocess_svc.fields.accounts.zengin import Doubt
from postprocess_svc.fields.candidate import BankDetails, Candidate, LinesCandidate, Span, span
from postprocess_svc.fields.cells import Cell
from postprocess_svc.fields.context import RowFacts

TYPES = {
    **dict.fromkeys("普フ", AccountType.ORDINARY),
    **dict.fromkeys("当ト", AccountType.CHECKING),
    **dict.fromkeys("貯チ", AccountType.SAVINGS),
}
"""By the first character of the word; in kana too, as matrix printers have them (ﾌﾂｳ)."""
USUAL_DIGITS = 7
WITHOUT_ITS_HOLDER = 0.6
"""Certainty of an account whose holder is printed and could not be read: worth showing, and to be looked at."""


@value
class AccountCandidate(Candidate):
    """An account, with how surely its open parts were read.

    A type is one of three words: which one was printed is sure where one of them was read, however faint its brackets.
    """

    reading: float

    def reading_confidence(self) -> float:
        """Of the least certain part that might be anything: names and numbers."""
        return self.reading


@value
class TableAccountCandidate(LinesCandidate):
    """The same out of a table's cells."""

    reading: float

    def reading_confidence(self) -> float:
        """Of the least certain cell that might hold anything."""
        return self.reading


@dataclass(slots=True)
class Draft:
    """An account being put together while its cells are read."""

    facts: RowFacts
    bank: str | None = None
    branch: str | None = None
    type: AccountType | None = None
    number: str | None = None
    holder: str | None = None
    symbol: str | None = None
    """The post bank's, while its number is still to come."""
    labelled_number: bool = False
    post: bool = False
    holder_agrees: bool = False
    holder_place: tuple[Cell, int, int] | None = None
    """Where the holder stands."""
    is_debited: bool = False
    is_closed: bool = False
    holder_is_as_before: bool = False
    """Printed as 同上: the one of the account before it."""
    holder_is_guessed: bool = False
    """Its place alone speaks for it."""
    reading_part: tuple[Cell, int, int] | None = None
    """Where a key says that the holder's reading stands (フリガナ)."""
    holder_is_doubtful: bool = False
    """One is printed, and was read so badly that the account is answered without it."""
    spans: list[Span] = field(default_factory=list)
    open_spans: list[Span] = field(default_factory=list)
    """Those whose reading might be anything."""
    number_cell: Cell | None = None
    number_end: int = 0
    """Where the number ends in its cell's row."""
    branch_is_guessed: bool = False
    """It stands where one does, and no word or list says that it is one."""
    branch_at: tuple[Cell, int] | None = None
    """Where the branch begins, unless a line's end cuts it apart."""
    rest: tuple[Cell, int] | None = None
    """What was left over at the end of the bank's cell: the beginning of a branch that the next line goes on with."""

    def mark(self, cell: Cell, start: int, end: int, *, is_open: bool = True) -> str:
        """Keep a span as evidence; its folded text."""
        piece = span(cell.facts, start, end)
        self.spans.append(piece)
        if is_open:
            self.open_spans.append(piece)
        return cell.facts.row.text[start:end]

    def take_number(self, number: str, cell: Cell, start: int, end: int, *, is_open: bool = True) -> int:
        """Put the number down with its place; where it ends."""
        self.number, self.number_cell, self.number_end = number, cell, end
        self.mark(cell, start, end, is_open=is_open)
        return end

    def settle_branch(self) -> None:
        """The branch as the bank's own list has it, where what was read is doubtful."""
        if self.branch is not None and self.branch_at is not None:
            self.branch = real_branch(self.bank, self.branch, doubt(*self.branch_at))

    def candidate(self) -> AccountCandidate:
        """The account as it stands."""
        details = BankDetails(
            bank=self.bank, branch=self.branch, type=self.type, number=self.number or "", holder=self.holder
        )
        reading = min((piece.row.confidence(piece.start, piece.end) for piece in self.open_spans), default=0.0)
        ordered = sorted(self.spans, key=lambda piece: (piece.row.number, piece.start))
        features = {
            **features_of(details, agrees=self.holder_agrees, is_debited=self.is_debited),
            "branch_guessed": float(self.branch_is_guessed),
            "closed": float(self.is_closed),
            "holder_guessed": float(self.holder is not None and self.holder_is_guessed and not self.holder_agrees),
            "labelled_number": float(self.labelled_number),
            "post_symbol": float(self.post and "-" in details.number),
        }
        return AccountCandidate(
            value=details,
            evidence=tuple(ordered),
            features=features,
            certainty=WITHOUT_ITS_HOLDER if self.holder_is_doubtful else 1.0,
            reading=reading,
        )


def doubt(cell: Cell, start: int) -> Doubt:
    """The recogniser's confidence in the characters of a row's text from a place on."""
    return lambda index: cell.facts.row.confidence(start + index, start + index + 1)


def features_of(details: BankDetails, *, agrees: bool, is_debited: bool) -> dict[str, float]:
    """What an account's parts say for it."""
    return {
        "bank": float(details.bank is not None),
        "branch": float(details.branch is not None),
        "type": float(details.type is not None),
        "holder": float(details.holder is not None),
        "holder_agrees": float(agrees),
        "debited": float(is_debited),
        "usual_length": float(len(re.sub(r"\D", "", details.number)) == USUAL_DIGITS),
    }
