"""Labels of dates and numbers with a character or two misread: お数込み期限, 講求書ナンバー, Settie by.

A question for values that no label speaks for; what a label in print says is ``labels``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, pairwise

from postprocess_svc.fields.values.folding import is_cjk, squash
from postprocess_svc.fields.vocabulary import Role, wordings

# The first that a wording belongs to speaks for it.
_ROLES = (
    Role.DUE_DATE,
    Role.ISSUE_DATE,
    Role.OTHER_DATE,
    Role.DATE,
    Role.INVOICE_NUMBER,
    Role.OTHER_NUMBER,
    Role.REGISTRATION,
    Role.ACCOUNT_NUMBER,
    Role.TAX_NUMBER,
)
_PARTS = 4
_LEAST_CJK, _LEAST_LATIN = 4, 6
_LONG_CJK, _LONG_LATIN = 6, 12
"""From this length on two characters may differ, below it one."""
_LONGEST = 24
_NOT_LETTERS = re.compile(r"[^\w#°]+|_")


def label_text_before(text: str, start: int) -> str:
    """What stands before a value in its own cell, or else in the cell before, down to the last colon.

    Args:
        text: A row's text; cells are parted by tabs.
        start: Where the value begins.
    """
    cells = text[:start].split("\t")
    own = cells[-1].strip(" :.")
    label = own or (cells[-2].strip(" :.") if len(cells) > 1 else "")
    return label.rsplit(":", 1)[-1]


@lru_cache(maxsize=512)
def nearly_role(text: str) -> Role | None:
    """The role of the wording that a text differs from by a misread character or two; None where that is not clear.

    Whitespace and signs do not count, nor does which of several wordings it is, as long as they say the same.
    """
    squashed = _NOT_LETTERS.sub("", squash(text[: 2 * _LONGEST]))
    length = len(squashed)
    cjk = any(map(is_cjk, squashed))
    if not (_LEAST_CJK if cjk else _LEAST_LATIN) <= length <= _LONGEST or squashed.isdigit():
        return None
    allowed = 2 if length >= (_LONG_CJK if cjk else _LONG_LATIN) else 1
    near: dict[Role, int] = {}
    index = _wordings_by_parts()
    for parts in _pairs_of_parts(squashed):
        for wording, role in index.get(parts, ()):
            distance = sum(map(operator.ne, squashed, wording))
            if distance <= allowed:
                near[role] = min(distance, near.get(role, distance))
    if not near:
        return None
    best = min(near.values())
    nearest = [role for role, distance in near.items() if distance == best]
    return nearest[0] if len(nearest) == 1 else None


def _pairs_of_parts(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Pairs of a text's quarters, with its length: of two texts that differ in two places at most, one is the same."""
    length = len(text)
    cuts = [length * part // _PARTS for part in range(_PARTS + 1)]
    parts = [text[start:end] for start, end in pairwise(cuts)]
    for first, second in combinations(range(_PARTS), 2):
        yield length, first * _PARTS + second, parts[first], parts[second]


@lru_cache(maxsize=1)
def _wordings_by_parts() -> dict[tuple[int, int, str, str], list[tuple[str, Role]]]:
    role_of: dict[str, Role] = {}
    for role in _ROLES:
        for wording in wordings()[role]:
            role_of.setdefault(_NOT_LETTERS.sub("", squash(wording)), role)
    found: dict[tuple[int, int, str, str], list[tuple[str, Role]]] = {}
    for wording, role in role_of.items():
        if _LEAST_CJK <= len(wording) <= _LONGEST:
            for parts in _pairs_of_parts(wording):
                found.setdefault(parts, []).append((wording, role))
    return found


def prepare() -> None:
    """Build the index, which otherwise the first document with such a label would wait for."""
    _wordings_by_parts()
