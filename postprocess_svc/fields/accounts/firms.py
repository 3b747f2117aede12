"""Firms that a document names, and which of them an account's holder is.

A holder is printed small and narrow; the same firm's name stands large in the letterhead. Where the two agree in what
cannot be chance, the letterhead says which legal form the holder's abbreviation stands for, and which kana were read
amiss. Where they do not agree, the holder stays as read.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from postprocess_svc.fields.accounts import zengin
from postprocess_svc.fields.cells import find_cells
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import squash_character

_ABBREVIATED = {"(株)": "株式会社", "(有)": "有限会社", "(同)": "合同会社", "(資)": "合資会社", "(名)": "合名会社"}
_FORM = re.compile(
    "|".join(sorted(map(re.escape, {*_ABBREVIATED, *zengin.MARKS}), key=len, reverse=True)),
)
_RUN = re.compile(r"[ァ-ヺー]{3,}")
_MAX_NAME = 30
_MAX_FIRMS = 60
"""A list of business partners, page after page, is not held against every account."""
_LEAST_CORE = 2
_LEAST_CORE_MISREAD = 4
_TO_KATAKANA = 0x60
_SIGN_READ_AS = {"(株)": "株皖晥榊欄林妹味殊珠抹秣栋椛柿様", "(有)": "有侑宥囿育肴"}
"""What ㈱ and ㈲ are read as."""
_BRACKET_SEEN = re.compile(r"[\s(|/\\:;.,、'\"^]+(?=[ァ-ヶぁ-ん])")
"""What a closing bracket is read as, or the room that it took."""
_LEAST_BEGINNING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """A firm's name as a document prints it, taken apart."""

    core: str
    """Without its legal form, folded, no spaces."""
    form: str
    """The legal form in full."""
    leads: bool
    """The form stands before the name."""
    row: int

    @property
    def mark(self) -> str:
        """What banks abbreviate the form to."""
        return zengin.MARKS[self.form]


class Agreement(Enum):
    """How far a holder is a firm that the document names elsewhere."""

    NONE = auto()
    PART = auto()
    """A word of its name."""
    WHOLE = auto()
    """All of its name: read twice, it is certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """A holder, and whether a firm of the document is it."""

    holder: str
    agreement: Agreement


def find_firms(context: DocumentContext) -> list[Firm]:
    """Firms by their legal forms, those that are addressed (御中, 様) left out; the first of a list of them."""
    found: list[Firm] = []
    for row in context.shared(find_cells):
        for cell in row:
            text = names.mended(cell.text.replace(" ", ""))
            if len(text) > _MAX_NAME or not names.has_japanese_form(text) or names.HONORIFIC.search(text):
                continue
            match = _FORM.search(text)
            if match is None or match.start() > 0 < len(text) - match.end():
                continue
            core = (text[: match.start()] or text[match.end() :]).strip("・:()")
            if len(core) >= _LEAST_CORE and not any(map(str.isdigit, core)):
                form = _ABBREVIATED.get(match[0], match[0])
                found.append(Firm(core=core, form=form, leads=match.start() == 0, row=cell.facts.row.number))
        if len(found) >= _MAX_FIRMS:
            break
    return found


def agreed(holder: str, firms: Sequence[Firm], confidence: zengin.Doubt, *, row: int, has_gap: bool = False) -> Agreed:
    """Bring a holder and the firms of its document together.

    Args:
        holder: In folded form, mended by itself.
        firms: Of the document.
        confidence: The recogniser's, in the holder's characters. Only doubtful ones are changed, and marks of voice.
        row: The row that the holder stands in: a firm found there is the holder itself.
        has_gap: Behind the first character there is more room than behind others, as a bracket takes.
    """
    others = [firm for firm in firms if firm.row != row]
    for firm in others:
        whole = _as_written(holder, firm, confidence)
        if whole is not None:
            return Agreed(holder=whole, agreement=Agreement.WHOLE)
    if not zengin.mostly_katakana(holder) and not zengin.is_kana_name(holder):
        return Agreed(holder=holder, agreement=Agreement.NONE)
    for firm in others:
        run = _run_within(holder, firm, confidence)
        if run is not None:
            start, end, kana = run
            name = _with_mark(holder[:start] + kana + holder[end:], firm, has_gap=has_gap)
            is_whole = _flat(zengin.without_marks(name)) == _flat(firm.core)
            return Agreed(holder=name, agreement=Agreement.WHOLE if is_whole else Agreement.PART)
    forms = {(firm.mark, firm.leads) for firm in others}
    if len({firm.core for firm in others}) == 1 == len(forms):
        return Agreed(holder=_with_mark(holder, others[0], has_gap=has_gap), agreement=Agreement.NONE)
    return Agreed(holder=holder, agreement=Agreement.NONE)


def _as_written(holder: str, firm: Firm, confidence: zengin.Doubt) -> str | None:
    """The holder written as the firm is, its form's sign misread (株, 皖 for ㈱), or one character."""
    short = next((short for short, form in _ABBREVIATED.items() if form == firm.form), None)
    places = [index for index, character in enumerate(holder) if character != " "]
    text = "".join([holder[index] for index in places])

    def doubt(index: int) -> float:
        return confidence(places[index])

    forms = [firm.form] if short is None else [firm.form, short]
    for form in forms:
        for whole in (form + firm.core, firm.core + form):
            if text == whole:
                return holder
            if len(text) == len(whole) and len(firm.core) >= _LEAST_CORE_MISREAD and _is_slip(text, whole, doubt):
                return whole
    if short is None or not text or len(firm.core) < _LEAST_CORE:
        return None
    # ㈱ is one character: what was doubtfully read in its place, and looks like it, is it.
    for before, after in (("", firm.core), (firm.core, "")):
        sign = text.removeprefix(before).removesuffix(after)
        kanji = sign.strip("()")
        if text != before + sign + after or len(kanji) != 1 or kanji not in _SIGN_READ_AS.get(short, ""):
            continue
        # A person's name may end in 有, but is no longer than this.
        is_bare = kanji == short[1] and len(firm.core) >= _LEAST_CORE_MISREAD
        if is_bare or doubt(text.index(kanji, len(before))) < zengin.SURE:
            return before + short + after
    return None


def _is_slip(text: str, whole: str, confidence: zengin.Doubt) -> bool:
    """They differ in one character, and what was read is no letter that such a name has there."""
    places = [index for index, pair in enumerate(zip(text, whole, strict=True)) if operator.ne(*pair)]
    if len(places) != 1:
        return False
    read, meant = text[places[0]], whole[places[0]]
    if squash_character(read) == squash_character(meant):
        return True
    return read.isascii() and not meant.isascii() and confidence(places[0]) < zengin.SURE


def _run_within(holder: str, firm: Firm, confidence: zengin.Doubt) -> tuple[int, int, str] | None:
    """A run of katakana of the firm's name that the holder has too, but for a doubtful slip in four characters."""
    flat = _flat(holder)
    is_large = zengin.large(holder) == holder
    for match in _RUN.finditer(firm.core):
        run = match[0]
        sought = _flat(run)
        length = len(sought)
        slips, at = min(
            (
                (sum(map(operator.ne, flat[start : start + length], sought)), start)
                for start in range(len(flat) - length + 1)
            ),
            default=(length, 0),
        )
        found = flat[at : at + length]
        if slips <= length // 4 and all(
            own == other or confidence(index) < zengin.SURE
            for index, (own, other) in enumerate(zip(found, sought, strict=True), at)
        ):
            meant = zengin.large(run) if is_large else run
            return at, at + length, "".join(map(_in_own_size, holder[at : at + length], meant))
    return None


def _in_own_size(read: str, meant: str) -> str:
    """The kana that was meant; what was read where the two differ in size alone."""
    return read if zengin.large(read) == zengin.large(meant) else meant


def _flat(text: str) -> str:
    """Large katakana without voiced marks, one character for one."""
    return "".join(squash_character(chr(ord(c) + _TO_KATAKANA) if "ぁ" <= c <= "ゖ" else c) for c in zengin.large(text))


def _with_mark(holder: str, firm: Firm, *, has_gap: bool) -> str:
    """The holder with the brackets of its form's abbreviation, where the form stands there and only they were lost."""
    if zengin.is_marked(holder):
        return holder
    return _with_opening(holder, firm, has_gap=has_gap) if firm.leads else _with_closing(holder, firm)


def _with_opening(holder: str, firm: Firm, *, has_gap: bool) -> str:
    mark = firm.mark
    if mark == "ユ" and re.match(r"[1Iコ]\)", holder):
        return f"ユ){holder[2:]}"
    if not holder.startswith(mark):
        return holder
    rest = holder.removeprefix(mark)
    if (bracket := _BRACKET_SEEN.match(rest)) is not None:
        return f"{mark}){rest[bracket.end() :]}"
    is_begun = not _flat(firm.core).startswith(_flat(mark)) and _begins(rest, firm)
    return f"{mark}){rest}" if is_begun or (has_gap and _may_lack_bracket(mark, rest)) else holder


def _may_lack_bracket(mark: str, rest: str) -> bool:
    """Whether room behind a bare mark is a bracket's: voiced kana take more in narrow print, persons have spaces."""
    return len(mark) == 1 and " " not in rest and rest[:1] == unicodedata.normalize("NFD", rest[:1])


def _with_closing(holder: str, firm: Firm) -> str:
    mark = firm.mark
    if mark == "ユ" and holder.endswith(("(1", "(I", "(コ")):
        return f"{holder[:-2]}(ユ"
    last = _RUN.search(firm.core[-4:])
    if last is None or not firm.core.endswith(last[0]) or not holder.endswith(mark):
        return holder
    before = _flat(holder[: -len(mark)])
    ending = re.search(rf"{re.escape(_flat(last[0])[-3:])}.?$", before)
    return holder if ending is None else f"{holder[: ending.start() + min(3, len(last[0]))]}({mark}"


def _begins(rest: str, firm: Firm) -> bool:
    """Whether what follows a bare mark is the firm's beginning in kana; how kanji are read nobody knows."""
    beginning = firm.core[:_LEAST_BEGINNING]
    return zengin.is_kana_name(beginning) and _flat(rest[: len(beginning)]) == _flat(beginning)
