"""An issuer's name that a document prints more than once: which of its readings is the name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import nlargest
from itertools import pairwise

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.candidate import Candidate
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import has_cjk

_MOST = 200
"""Names that others are held against, the surest: thousands of firms on a page are a list, and no letterhead."""
_SHORT_NAME = 3
_NEAR_ROWS = 3
_DOUBTFUL = 0.8
"""A character of less is doubtful. Those that the better reading of a name put right in the generator's documents were
at 0.46 and 0.66; of two firms that differ in a character (東都設備, 西都設備) both are read well."""
_THIRDS = 3


@value
class _Name:
    """A candidate's name for comparing, and how sure the recogniser was of all of it."""

    candidate: Candidate
    text: str
    core: str
    """Without its legal form."""
    confidence: float


def compared(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates beside each other: names that are one name, printed twice, do not compete.

    Of two that differ in a character or two, the one in which these are doubtful gets the value and evidence of the
    other, of which the recogniser was surer; a logo's word gets those of the whole name that it begins.
    """
    own = {
        index: _Name(
            candidate=candidate,
            text=text,
            core=names.without_form(str(candidate.value)),
            confidence=candidate.reading_confidence(),
        )
        for index, candidate in enumerate(candidates)
        if not candidate.features["implausible"] and len(text := names.comparable(str(candidate.value))) > _SHORT_NAME
    }
    kept = [own[index] for index in sorted(nlargest(_MOST, own, key=lambda index: own[index].confidence))]
    alike: dict[tuple[int, int, str], list[_Name]] = defaultdict(list)
    in_row: dict[int, list[_Name]] = defaultdict(list)
    for name in kept:
        in_row[_row(name)].append(name)
        for third in _thirds(name.text):
            alike[third].append(name)
    by_core: dict[str, list[_Name]] = defaultdict(list)
    for name in kept:
        by_core[name.core].append(name)
    found: list[Candidate] = []
    for index, candidate in enumerate(candidates):
        mine = own.get(index)
        better = (
            None
            if mine is None
            else _fuller(mine, in_row) or _clearer(mine, alike) or _with_form(mine, by_core.get(mine.core, []))
        )
        found.append(
            candidate
            if better is None
            else replace(candidate, value=better.candidate.value, evidence=better.candidate.evidence)
        )
    return found


def _row(name: _Name) -> int:
    return name.candidate.evidence[0].row.number


def _thirds(text: str) -> list[tuple[int, int, str]]:
    """A text's thirds with its length: of two texts that differ in two places at most, one third is the same."""
    length = len(text)
    cuts = [length * part // _THIRDS for part in range(_THIRDS + 1)]
    return [(length, part, text[start:end]) for part, (start, end) in enumerate(pairwise(cuts))]


def _fuller(mine: _Name, in_row: dict[int, list[_Name]]) -> _Name | None:
    """The whole name near one word of Latin letters that begins it: azure, Azure Interior."""
    if has_cjk(mine.text) or " " in str(mine.candidate.value):
        return None
    begun = (mine.text, f"the{mine.text}")
    own = _row(mine)
    near = (name for row in range(own - _NEAR_ROWS, own + _NEAR_ROWS + 1) for name in in_row.get(row, ()))
    whole = [
        name
        for name in near
        if len(name.text) > len(mine.text)
        and name.text.startswith(begun)
        and name.candidate.page == mine.candidate.page
    ]
    return whole[-1] if whole else None


def _with_form(mine: _Name, same: list[_Name]) -> _Name | None:
    """The name as it is printed in full, with its legal form and outside the account: 株式会社魚政 of a logo's 魚政."""
    best = max(same, key=_fullness, default=None)
    if best is None or best is mine or _fullness(best) <= _fullness(mine):
        return None
    return None if best.text == mine.text and str(best.candidate.value) == str(mine.candidate.value) else best


def _fullness(name: _Name) -> tuple[float, ...]:
    features = name.candidate.features
    value = str(name.candidate.value)
    has_whole_form = 2.0 if "会社" in value or "法人" in value else float(features["company_form"] == 1.0)
    return (-float(bool(features["in_account"] or features["sentence"])), has_whole_form, float(len(value)))


def _clearer(mine: _Name, alike: dict[tuple[int, int, str], list[_Name]]) -> _Name | None:
    """The surest of the readings that differ from this one only where it is doubtful."""
    others = {
        id(name): name
        for third in _thirds(mine.text)
        for name in alike.get(third, ())
        if name.confidence > mine.confidence
        and name.text != mine.text
        and names.are_readings_of_one(mine.text, name.text)
    }
    if not others:
        return None
    sure = list(_characters(mine.candidate))
    if len(sure) != len(mine.text):
        return None  # mended: which character is which is not known
    clear = [
        name
        for name in others.values()
        if all(sure[at] < _DOUBTFUL for at, (a, b) in enumerate(zip(mine.text, name.text, strict=True)) if a != b)
    ]
    return max(clear, key=lambda name: name.confidence, default=None)


def _characters(candidate: Candidate) -> Iterator[float]:
    """How sure the recogniser was of each character that ``names.comparable`` leaves of a name."""
    for part in candidate.evidence:
        for index in range(part.start, part.end):
            confidence = part.row.confidence(index, index + 1)
            for _ in names.comparable(part.row.text[index]):
                yield confidence
