"""Labels of dates and numbers with a character or two misread: お数込み期限, 講求書ナンバー, Settie by.

A question for values that no label speaks for; what a label in print says is ``labels``. A word that was read well is
another word, whatever it resembles: お引取期限 is no お引落期限.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, pairwise

from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.page_index import Row
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
_DOUBTFUL = 0.9
"""A character of less is doubtful. The generator's documents have misread characters of labels from 0.16 to 0.86, and
above that only look-alikes; what real words differ in is read at 0.99 and more."""
_LOOK_ALIKE = tuple(map(frozenset, ("人入", "日目曰", "未末", "土士", "請講", "期朋", "号弓", "il1|", "o0q°")))
"""What is misread for each other with no doubt at all."""
_NOT_OURS = frozenset({Role.OTHER_DATE, Role.OTHER_NUMBER})
"""A word that only resembles labels of these, and may be misread for no other, is taken for one: that leaves a value
out, as an unknown label should."""
_Answers = dict[tuple[int, int, int], Role | None]
_NOT_LETTERS = re.compile(r"[^\w#°]+|_")


def label_span_before(text: str, start: int) -> tuple[int, int]:
    """Where what stands before a value begins and ends: in its own cell, or else in the cell before, after its colons.

    Args:
        text: A row's text; cells are parted by tabs.
        start: Where the value begins.
    """
    end, begin = start, text.rfind("\t", 0, start) + 1
    if begin and not text[begin:end].strip(" :."):
        end = begin - 1
        begin = text.rfind("\t", 0, end) + 1
    end = begin + len(text[begin:end].rstrip(" :."))
    return max(begin, text.rfind(":", begin, end) + 1), end


def nearly_role(context: DocumentContext, row: Row, start: int, end: int) -> Role | None:
    """The role of the wording that a row's text differs from by a misread character or two; None where it is not clear.

    Only a character that the recogniser doubted, or one that looks like the wording's, may be misread. White space and
    signs do not count, nor does which of several wordings it is, as long as they say the same.
    """
    known = context.shared(_answers)
    key = (row.number, start, end)
    if key not in known:
        known[key] = _nearest(row, start, min(end, start + 2 * _LONGEST))
    return known[key]


def _answers(context: DocumentContext) -> _Answers:  # noqa: ARG001
    """Answers of ``nearly_role``, by row and span."""
    return {}


def _nearest(row: Row, start: int, end: int) -> Role | None:
    origins = row.squash_origins
    first, last = bisect_left(origins, start), bisect_left(origins, end)
    squashed = _NOT_LETTERS.sub("", row.squashed[first:last])
    length = len(squashed)
    cjk = any(map(is_cjk, squashed))
    if not (_LEAST_CJK if cjk else _LEAST_LATIN) <= length <= _LONGEST or squashed.isdigit():
        return None
    allowed = 2 if length >= (_LONG_CJK if cjk else _LONG_LATIN) else 1
    near: dict[Role, float] = {}
    index = _wordings_by_parts()
    letters = [origins[at] for at in range(first, last) if _NOT_LETTERS.match(row.squashed[at]) is None]
    for parts in _pairs_of_parts(squashed):
        for wording, role in index.get(parts, ()):
            if sum(map(operator.ne, squashed, wording)) <= allowed:
                distance = _distance(row, letters, squashed, wording, role)
                if distance is not None:
                    near[role] = min(distance, near.get(role, distance))
    if not near:
        return None
    best = min(near.values())
    nearest = [role for role, distance in near.items() if distance == best]
    return nearest[0] if len(nearest) == 1 else None


def _distance(row: Row, letters: list[int], read: str, wording: str, role: Role) -> float | None:
    """How far what was read is from a wording; None where a character differs that cannot have been misread for its."""
    distance = 0.0
    for at, mine, theirs in zip(letters, read, wording, strict=True):
        if mine == theirs:
            continue
        if any(mine in alike and theirs in alike for alike in _LOOK_ALIKE):
            distance += 0.5
        elif row.confidence(at, at + 1) < _DOUBTFUL:
            distance += 1.0
        elif role in _NOT_OURS:
            distance += _LONGEST
        else:
            return None
    return distance


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
