"""How much a text looks like the names of a table: what tells a slip from a name that is not in it.

A model of characters by the two before them, with Witten and Bell's smoothing (IEEE Transactions on Information Theory
37, 1991), counted over the table's own names. ライスカレー作所 is no surprise as a name, FBREE为一開 is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ORDER = 3
_SHIFT = np.uint64(21)
_BEFORE, _BEHIND = "\x01", "\x02"
_CHARACTERS = 6_000
"""What any character is one of where nothing else is known: about what JIS X 0208 has."""

_Grams = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """Counts of the n-grams of one length."""

    grams: _Grams
    counts: NDArray[np.int64]
    contexts: _Grams
    context_counts: NDArray[np.int64]
    followers: NDArray[np.int64]
    """How many different characters come after each context."""


class Plausibility:
    """Surprise of texts after the names that it was built on."""

    def __init__(self, names: Iterable[str]) -> None:
        padded = [_padded(name) for name in names]
        codes = _codes("".join(padded))
        # An n-gram that spans two names would begin before the second one's padding ends: its last place is there.
        inside = np.concatenate([_is_last_place(name) for name in padded]) if padded else np.empty(0, np.bool_)
        self._levels = [_level(_grams(codes, order)[inside[order - 1 :]]) for order in range(1, _ORDER + 1)]

    def surprise(self, text: str) -> float:
        """Nats: minus the logarithm of the text's probability; more for longer texts."""
        padded = _padded(text)
        codes = _codes(padded)
        likely = np.full(len(padded) - _ORDER + 1, 1.0 / _CHARACTERS)
        for order, level in enumerate(self._levels, 1):
            grams = _grams(codes, order)[_ORDER - order :]
            counts = _look_up(level.grams, level.counts, grams)
            contexts = grams >> _SHIFT
            seen = _look_up(level.contexts, level.context_counts, contexts)
            followers = _look_up(level.contexts, level.followers, contexts)
            known = seen > 0
            mixed = (counts + followers * likely) / np.maximum(seen + followers, 1)
            likely = np.where(known, mixed, likely)
        return float(-np.log(likely).sum())

    @property
    def nbytes(self) -> int:
        """Memory of the counts."""
        return sum(
            array.nbytes
            for level in self._levels
            for array in (level.grams, level.counts, level.contexts, level.context_counts, level.followers)
        )


def _padded(name: str) -> str:
    return _BEFORE * (_ORDER - 1) + name + _BEHIND


def _is_last_place(padded: Sequence[str]) -> NDArray[np.bool_]:
    places = np.ones(len(padded), np.bool_)
    places[: _ORDER - 1] = False
    return places


def _codes(text: str) -> _Grams:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def _grams(codes: _Grams, order: int) -> _Grams:
    """The n-gram that ends at each place from ``order - 1`` on, the last character in the lowest bits."""
    count = max(0, codes.size - order + 1)
    grams = np.zeros(count, np.uint64)
    for place in range(order):
        grams = (grams << _SHIFT) | codes[place : place + count]
    return grams


def _level(grams: _Grams) -> _Level:
    unique, counts = np.unique(grams, return_counts=True)
    contexts, starts, followers = np.unique(unique >> _SHIFT, return_index=True, return_counts=True)
    context_counts = np.add.reduceat(counts, starts) if counts.size else counts
    return _Level(grams=unique, counts=counts, contexts=contexts, context_counts=context_counts, followers=followers)


def _look_up(keys: _Grams, values: NDArray[np.int64], wanted: _Grams) -> NDArray[np.int64]:
    if not keys.size:
        return np.zeros(wanted.size, np.int64)
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[places] == wanted, values[places], 0)
