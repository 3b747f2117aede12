"""Whose account it is: after a key, or after the number by its form, over a line's end too."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from statistics import median

from postprocess_svc.fields.accounts import zengin
from postprocess_svc.fields.accounts.draft import Draft
from postprocess_svc.fields.accounts.firms import Agreement, agreed, find_firms
from postprocess_svc.fields.accounts.holder_text import OTHER_COLUMN, SAME_AS_BEFORE, name_within
from postprocess_svc.fields.accounts.lines import continuation, hanging
from postprocess_svc.fields.candidate import Span, span
from postprocess_svc.fields.cells import Cell, column_below
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.fields.vocabulary import Role

_KANA_IN_BRACKETS = re.compile(r"^\s*[(\[](?:カナ|カタカナ|フリガナ|半角カナ|名義)[)\]]\s*")
_CONTINUED = re.compile(r"[ァ-ヶーぁ-ん ・()]+")
_MIXED = re.compile(
    r"[ァ-ヶー][A-Za-z0-9](?=[ァ-ヶー])|[ぁ-んァ-ヶー\u4e00-\u9fff][A-Za-z0-9][ァ-ヶー\u4e00-\u9fff]|[\"'`^°゜~\]}{|\[]"
)
_STRANGE_IN_KANA = re.compile(r"[A-Za-z0-9\u4e00-\u9fff\"'`^°゜~\]}{|\[]")
"""Odd where they are doubtful: a holder may have digits, Latin letters (Zengin has both) and kanji."""
_NEVER = frozenset("^°゜~}{|")
"""Signs that no holder has, however surely they were read."""
_HALF_WIDTH_PITCH = 0.6
"""Of a character over its line's height; full-width characters stand about 0.8 apart, narrow ones 0.4."""
_LEAST_STEPS = 4
_GAP = 1.49
"""Of the usual step from character to character. Of 119 words in katakana of the generator's train documents, nearly
all in full width, none has more than 1.33 there; of two that lost a bracket one has 2.0, the other 1.33 too."""


def take_holder(draft: Draft, context: DocumentContext, cell: Cell, start: int, end: int) -> None:
    """The holder from a part of a cell, and from the line below where it goes on there."""
    if draft.holder is not None:
        return
    text = cell.facts.row.text
    bracket = _KANA_IN_BRACKETS.match(text[start:end])
    start += bracket.end() if bracket is not None else 0
    while start < end and text[start] in " :\t・/=、,])|「『":
        start += 1
    if SAME_AS_BEFORE.fullmatch(text[start:end].strip(" :()[]。")) is not None:
        draft.holder_is_as_before = True
        return
    cut = OTHER_COLUMN.search(text[start:end])
    ends_here = cut is not None or not text[end : cell.end].strip()
    end = start + cut.start() if cut is not None else end
    name_start, name_end = name_within(text[start:end])
    start, end = start + name_start, start + name_end
    piece = span(cell.facts, start, end)
    following = _continued(context, cell, text[piece.start : piece.end]) if ends_here else None
    pieces = [piece] if following is None else [piece, span(following.facts, following.start, following.end)]
    if following is None and (kana := _banks_form_below(context, cell, text[start:end])) is not None:
        pieces = [span(kana.facts, kana.start, kana.end)]
    settle_holder(draft, context, pieces)
    if draft.holder is not None or draft.holder_is_doubtful:
        draft.holder_place = (cell, start, end)


def _continued(context: DocumentContext, cell: Cell, holder: str) -> Cell | None:
    """The cell below that a holder goes on in: kana to the closing abbreviation, or the rest of a firm's name."""
    if not holder or zengin.CLOSING.search(holder):
        return None
    below = continuation(context, cell) or (hanging(context, cell) if zengin.is_kana_name(holder) else None)
    if below is None or (
        below.facts.labels and any(below.start <= label.start < below.end for label in below.facts.labels)
    ):
        return None
    whole = zengin.mended(holder + below.text)
    if zengin.OPENING.search(below.text) is None and _CONTINUED.fullmatch(below.text):
        if zengin.CLOSING.search(below.text) and zengin.is_kana_name(whole):
            return below
        if zengin.OPENING.search(holder) and zengin.is_kana_name(whole):
            return below
    firms = context.shared(find_firms)
    return below if any(whole.replace(" ", "") in {f.form + f.core, f.core + f.form} for f in firms) else None


def _banks_form_below(context: DocumentContext, cell: Cell, name: str) -> Cell | None:
    """The same firm in the next line as banks write it, which is what a payer fills in."""
    if zengin.is_marked(name) or not names.has_japanese_form(name):
        return None
    below = next(iter(column_below(context, cell, limit=1)), None)
    if below is None or not zengin.is_marked(below.text) or not zengin.is_kana_name(below.text):
        return None
    has_key = any(label.roles & {Role.HOLDER, Role.HOLDER_READING} for label in below.facts.labels)
    return None if has_key else below


def settle_holder(draft: Draft, context: DocumentContext, pieces: list[Span]) -> None:
    """Put a holder down as printed, or as it certainly was meant."""
    printed = "".join(piece.row.printed(piece.start, piece.end) for piece in pieces).strip(" ・:、/\u3000")
    printed = _without_brackets(printed)
    if sum(map(str.isalpha, printed)) < 2:
        return
    first = pieces[0]
    extent = first.row.extent(first.start, first.end)
    is_narrow = is_half_width(first.row.printed(first.start, first.end), extent.width, extent.height)
    characters, confidences = "", list[float]()
    for piece in pieces:
        text, confidence = piece.row.characters(piece.start, piece.end)
        characters, confidences = characters + text, confidences + confidence
    read = carried(confidences, characters, printed)
    has_gap = _has_gap(first.row.steps(first.start, first.end))
    settled = settled_name(context, printed, read, row=first.row.number, half_width=is_narrow, has_gap=has_gap)
    draft.holder = settled.name
    draft.holder_is_doubtful = settled.name is None
    if settled.name is None:
        return
    draft.holder_agrees = settled.agreement is not Agreement.NONE
    draft.spans += pieces
    if settled.agreement is not Agreement.WHOLE:
        draft.open_spans += pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledName:
    """A holder with what is certain put right."""

    name: str | None
    """As printed where nothing was changed; None where it looks misread still."""
    agreement: Agreement


def settled_name(
    context: DocumentContext,
    printed: str,
    confidences: Sequence[float],
    *,
    row: int,
    half_width: bool,
    has_gap: bool = False,
) -> SettledName:
    """Mend a holder by itself and by the firms that the document names.

    Args:
        context: The document.
        printed: The holder as it was read.
        confidences: The recogniser's, in its characters.
        row: The row that it stands in.
        half_width: It is printed in narrow characters.
        has_gap: Behind its first character there is room for a bracket.
    """
    read: Sequence[float]
    folded, read = _folded(printed, confidences)
    text = names.mended(folded) if not zengin.mostly_katakana(folded) else zengin.mended(folded)
    if not zengin.mostly_katakana(text):
        text = zengin.mended(text)
    read = carried(read, folded, text)
    text = zengin.in_one_size(text, read.__getitem__, half_width=half_width)
    outcome = agreed(text, context.shared(find_firms), read.__getitem__, row=row, has_gap=has_gap)
    if _is_odd(outcome.holder, carried(read, text, outcome.holder)):
        return SettledName(name=None, agreement=Agreement.NONE)
    name = printed if outcome.holder == folded else outcome.holder
    return SettledName(name=name, agreement=outcome.agreement)


def _has_gap(steps: Sequence[float]) -> bool:
    """The second character stands further from the first than characters here do: a bracket between was not read."""
    return len(steps) >= _LEAST_STEPS and steps[0] >= _GAP * median(steps[1:])


def _folded(printed: str, confidences: Sequence[float]) -> tuple[str, list[float]]:
    """The holder in folded form with the confidence in each character; a kana is as sure as its voicing mark."""
    text, read = "", list[float]()
    for character, confidence in zip(printed, confidences, strict=True):
        folded = unicodedata.normalize("NFC", text[-1:] + fold(character))
        if text and len(folded) == 1:
            text, read[-1] = text[:-1] + folded, min(read[-1], confidence)
        else:
            text += folded[len(text[-1:]) :]
            read += [confidence] * (len(text) - len(read))
    return text, read


def carried(confidences: Sequence[float], read: str, mended: str) -> Sequence[float]:
    """The confidences in a text's characters for those of a mended form of it.

    What was put into a character's place is as sure as that was; what was put between two characters is certain.
    """
    if len(read) == len(mended):
        return confidences
    found: list[float] = []
    for _, start, end, new_start, new_end in SequenceMatcher(None, read, mended, autojunk=False).get_opcodes():
        if end - start == new_end - new_start:
            found += confidences[start:end]
        else:
            found += [min(confidences[start:end], default=1.0)] * (new_end - new_start)
    return found


def _is_odd(holder: str, confidences: Sequence[float]) -> bool:
    """A doubtful character in it is none that stands in such a name: it was misread, and what it was nobody knows."""
    is_marked = zengin.is_marked(holder)
    pattern = _STRANGE_IN_KANA if is_marked else _MIXED
    places = [index for match in pattern.finditer(holder) for index in range(*match.span())]
    doubtful = [index for index in places if is_marked or holder[index].isascii()]
    return any(holder[i] in _NEVER for i in places) or any(confidences[i] < zengin.SURE for i in doubtful)


def is_half_width(text: str, width: float, height: float) -> bool:
    """Whether a text is printed in narrow characters, by how much room each has; a voiced kana takes two there."""
    return width < _HALF_WIDTH_PITCH * height * max(1, len(unicodedata.normalize("NFD", text)))


def _without_brackets(printed: str) -> str:
    """The holder without brackets around all of it, and without one that closes what began before it."""
    for opening, closing in ("()", "（）"):
        if printed.startswith(opening) and printed.endswith(closing) and printed.count(opening) == 1:
            return printed[1:-1]
        if printed.startswith(opening) and closing not in printed:
            return printed[1:]
        is_alone = printed.endswith(closing) and opening not in printed
        if is_alone and not zengin.is_marked(fold(printed)) and re.search(r"[株有]$", printed[:-1]) is None:
            return printed[:-1]
    return printed
