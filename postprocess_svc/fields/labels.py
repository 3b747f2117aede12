"""Labels found in rows, and phrases of labels that together say what a value is."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.page_index import Row
from postprocess_svc.fields.values.folding import is_cjk, squash
from postprocess_svc.fields.vocabulary import Role, wordings


@value
class Label:
    """A wording in a row; the span is one of ``row.text``."""

    start: int
    end: int
    roles: frozenset[Role]
    wording: str


@value
class Phrase:
    """Labels that stand together (合計 + 税込, 10% + 対象): what they say, they say as one."""

    start: int
    end: int
    roles: frozenset[Role]
    rate_percent: float | None = None
    """A tax rate printed in or right after the phrase."""
    bracket: int = -1
    """Start of the bracket that the phrase stands in; -1 where it stands in none."""


_BEGINNING = 2
_LONGER_BEGINNING = 4


@dataclass(frozen=True, slots=True)
class _Entries:
    """The wordings that begin with the same two characters (or are one character)."""

    short: tuple[int, ...]
    """Lengths of those of less than four characters, longest first."""
    lengths: dict[str, tuple[int, ...]]
    """By their first four characters, lengths of those that begin so and of the short ones, longest first."""
    roles: dict[str, frozenset[Role]]


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, _Entries]:
    """Wordings by their first two characters (one, where they have no more)."""
    roles_of: dict[str, set[Role]] = {}
    for role, listed in wordings().items():
        for wording in listed:
            roles_of.setdefault(squash(wording), set()).add(role)
    by_beginning: dict[str, dict[str, frozenset[Role]]] = {}
    for wording, roles in roles_of.items():
        by_beginning.setdefault(wording[:_BEGINNING], {})[wording] = frozenset(roles)
    return {beginning: _entries(found) for beginning, found in by_beginning.items()}


def _entries(roles: dict[str, frozenset[Role]]) -> _Entries:
    short = {len(wording) for wording in roles if len(wording) < _LONGER_BEGINNING}
    lengths: dict[str, set[int]] = {}
    for wording in roles:
        if len(wording) >= _LONGER_BEGINNING:
            lengths.setdefault(wording[:_LONGER_BEGINNING], set(short)).add(len(wording))
    return _Entries(
        short=_longest_first(short),
        lengths={beginning: _longest_first(found) for beginning, found in lengths.items()},
        roles=roles,
    )


def _longest_first(lengths: set[int]) -> tuple[int, ...]:
    return tuple(sorted(lengths, reverse=True))


def prepare() -> None:
    """Build the dictionaries (15 ms), which otherwise the first document would wait for."""
    _dictionary()
    _titles()


# A currency code may stand against the label that it belongs to: TOTAL(RM), TOTALRM12.30.
_AFTER_LABEL = re.compile(r"rm|eur|usd|myr|gbp|chf|inr|sgd|jpy|no|nr")
_MIN_LETTERS = 3
# German glues these to the word before: Handelsrechnung, Schlussrechnung.
_COMPOUNDED = ("rechnung", "gutschrift")
_SIGNS = frozenset("#℡☎☏")


def find_labels(row: Row) -> list[Label]:
    """All labels of a row, left to right, none overlapping another."""
    table = _dictionary()
    text = row.squashed
    labels: list[Label] = []
    at, length = 0, len(text)
    while at < length:
        entries = table.get(text[at : at + _BEGINNING])
        lengths = () if entries is None else entries.lengths.get(text[at : at + _LONGER_BEGINNING], entries.short)
        match = _longest(row, at, entries.roles, lengths) if entries is not None and lengths else None
        if match is None and (single := table.get(text[at])) is not None:
            match = (text[at], single.roles[text[at]]) if _stands_alone(row, at, text[at]) else None
        if match is None:
            at += 1
            continue
        wording, roles = match
        origin = row.squash_origins
        labels.append(Label(start=origin[at], end=origin[at + len(wording) - 1] + 1, roles=roles, wording=wording))
        at += len(wording)
    return labels


def _longest(
    row: Row, at: int, roles_of: Mapping[str, frozenset[Role]], lengths: Sequence[int]
) -> tuple[str, frozenset[Role]] | None:
    """The longest wording with one of these lengths that stands here by itself; None also where it begins a number."""
    text = row.squashed
    for length in lengths:
        wording = text[at : at + length]
        roles = roles_of.get(wording)
        if roles is not None and _stands_alone(row, at, wording):
            return None if _begins_a_number(row, at, wording, roles) else (wording, roles)
    return None


_MAX_NUMBER_PREFIX = 4


def _begins_a_number(row: Row, at: int, wording: str, roles: frozenset[Role]) -> bool:
    """INV/2023/03 and RE-2014 are numbers; the letters before the mark are a part of them."""
    if len(wording) > _MAX_NUMBER_PREFIX or is_cjk(wording[0]) or roles & {Role.PHONE, Role.FAX}:
        return False
    after = row.squash_origins[at + len(wording) - 1] + 1
    return row.text[after : after + 1] in {"-", "/", "_"} and row.text[after + 1 : after + 2].isdigit()


def _stands_alone(row: Row, at: int, wording: str) -> bool:
    """A Latin wording begins and ends with a word; a Japanese one of a single character stands between other things."""
    text, end = row.squashed, at + len(wording)
    if is_cjk(wording[0]):
        if len(wording) > 1:
            return True
        return (at == 0 or not is_cjk(text[at - 1])) and (end == len(text) or not is_cjk(text[end]))
    if not row.begins_word(at) and not wording.startswith(_COMPOUNDED):
        return False
    if end == len(text) or row.begins_word(end) or not text[end].isalpha():
        # One letter (T, F) labels only what follows a colon at once.
        return len(wording) >= 2 or wording in _SIGNS or (end < len(text) and text[end] in ":+")
    return len(wording) >= _MIN_LETTERS and _AFTER_LABEL.match(text, end) is not None and _digits_follow(text, end)


def _digits_follow(text: str, at: int) -> bool:
    return any(character.isdigit() or character in "):" for character in text[at + 2 : at + 5])


_RATE = re.compile(r"(\d{1,2}(?:[.,]\d{1,2})?) ?%")
_GLUE = re.compile(
    r"(?:[\s:./・&@※*)(\[\]<>、,等額計のうち内]|\d{1,2}(?:[.,]\d{1,2})? ?%|軽減|標準|税率|of|the|in|RM|EUR|€|¥|円|\$)*",
    re.IGNORECASE,
)
_MODIFIERS = frozenset({Role.EXCLUSIVE, Role.INCLUSIVE, Role.TAX_BASE, Role.TAX})
_MONEY_ROLES = frozenset(
    {
        Role.TOTAL_DUE, Role.TOTAL, Role.SUBTOTAL, Role.EXCLUSIVE, Role.INCLUSIVE, Role.TAX, Role.TAX_BASE, Role.AMOUNT,
        Role.DISCOUNT, Role.ROUNDING, Role.COUNT, Role.POINTS,
    }
)  # fmt: skip


def phrases(row: Row, labels: list[Label]) -> list[Phrase]:
    """Join neighbouring labels about money where one modifies the other; others stay on their own."""
    found: list[Phrase] = []
    for label in labels:
        bracket = _open_bracket(row.text, label.start)
        if found and _belongs(row.text, found[-1], label):
            last = found[-1]
            found[-1] = Phrase(
                start=last.start,
                end=label.end,
                roles=last.roles | label.roles,
                rate_percent=last.rate_percent,
                bracket=last.bracket,
            )
        else:
            found.append(Phrase(start=label.start, end=label.end, roles=label.roles, bracket=bracket))
    return [_with_rate(row.text, phrase) for phrase in found]


def _belongs(text: str, phrase: Phrase, label: Label) -> bool:
    between = text[phrase.end : label.start]
    if "\t" in between or not (phrase.roles & _MONEY_ROLES and label.roles & _MONEY_ROLES):
        return False
    if _GLUE.fullmatch(between) is None:
        return False
    return bool((phrase.roles | label.roles) & _MODIFIERS) or not between.strip()


def _with_rate(text: str, phrase: Phrase) -> Phrase:
    if not phrase.roles & _MONEY_ROLES:
        return phrase
    left, right = text.rfind("\t", 0, phrase.start) + 1, text.find("\t", phrase.end)
    first = max(left, phrase.start - 7)
    last = min(right if right >= 0 else len(text), phrase.end + 9)
    # Of rates on both sides the one behind: 10%対象 4,000 消費税(8%).
    match = _RATE.search(text, phrase.start, last) or _RATE.search(text, first, last)
    if match is None:
        return phrase
    return Phrase(
        start=phrase.start,
        end=phrase.end,
        roles=phrase.roles,
        rate_percent=float(match[1].replace(",", ".")),
        bracket=phrase.bracket,
    )


def _open_bracket(text: str, at: int) -> int:
    opened = text.rfind("(", 0, at)
    return opened if opened >= 0 and text.find(")", opened, at) < 0 else -1


_THIRDS = 3


def _thirds(text: str) -> list[tuple[int, int, str]]:
    """A text's thirds with its length: of two texts that differ in two places at most, one third is the same."""
    length = len(text)
    cuts = [length * part // _THIRDS for part in range(_THIRDS + 1)]
    return [(length, part, text[cuts[part] : cuts[part + 1]]) for part in range(_THIRDS)]


@lru_cache(maxsize=1)
def _titles() -> dict[tuple[int, int, str], set[str]]:
    """Squashed titles and headers by their thirds."""
    by_third: dict[tuple[int, int, str], set[str]] = {}
    for role in (Role.TITLE_INVOICE, Role.TITLE_RECEIPT, Role.TITLE_OTHER, Role.INVOICE_NUMBER, Role.COLUMN):
        for wording in wordings()[role]:
            title = squash(wording)
            for third in _thirds(title):
                by_third.setdefault(third, set()).add(title)
    return by_third


def is_nearly_title(text: str) -> bool:
    """A title or header with a letter or two misread: TAX INVQICE, Descripton."""
    squashed = squash(text).strip(":()[]<>#")
    allowed = 1 if len(squashed) < 8 else 2
    if len(squashed) < 4:
        return False
    near = {title for third in _thirds(squashed) for title in _titles().get(third, ())}
    return any(sum(map(operator.ne, squashed, title)) <= allowed for title in near)
