"""Which of many names share pieces with a reading: an index of character n-grams, built once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from postprocess_svc.partners.channel import Written
from postprocess_svc.partners.normalise import CompanyName

_SHIFT = np.uint64(21)
_FIRST, _LAST = 1, 2
_LENGTH_POWER = 0.35
"""Between 0, where long names win, and 1, where short ones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Names that share the most with a reading, the best first."""

    entries: NDArray[np.int64]
    shared: NDArray[np.float64]
    """Information of the n-grams that both have, in nats."""


class _Strings:
    """Many strings, flat."""

    def __init__(self, strings: Sequence[str]) -> None:
        lengths = np.fromiter((len(string) for string in strings), np.int64, len(strings))
        self.starts = np.concatenate([[0], np.cumsum(lengths)])
        # A lone surrogate, which no decoder lets through, must not break the index.
        self.codes = np.frombuffer("".join(strings).encode("utf-32-le", "surrogatepass"), np.uint32)

    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """(rows, longest) code points, 0 behind the ends; and the lengths."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        reach = np.arange(max(1, int(lengths.max(initial=1))))
        inside = reach[None, :] < lengths[:, None]
        places = np.where(inside, self.starts[rows][:, None] + reach[None, :], 0)
        return np.where(inside, self.codes[places] if self.codes.size else 0, 0).astype(np.uint32), lengths


class NameIndex:
    """Names, folded, found by the single characters and pairs of neighbours that they share with a reading.

    The legal form is left out, as nearly every name has it; a name that is nothing else is found by it.
    """

    def __init__(self, names: Sequence[CompanyName]) -> None:
        self.names = tuple(names)
        self._keys = _Strings([name.key for name in names])
        self._cores = _Strings([name.core for name in names])
        self._form_starts = np.array([name.form_start for name in names], np.int64)
        self._form_ends = np.array([name.form_end for name in names], np.int64)
        grams, owners = _grams_of_all(_Strings([_indexed(name) for name in names]))
        self._grams, starts, counts = np.unique(grams, return_index=True, return_counts=True)
        self._starts = np.append(starts, grams.size)
        self._owners = owners.astype(np.int32)
        self._weights = np.log((1.0 + len(names)) / counts)
        totals = np.bincount(owners, np.repeat(self._weights, counts), minlength=len(names))
        self._scale = np.maximum(totals, 1.0) ** -_LENGTH_POWER

    def search(self, name: CompanyName, limit: int) -> Hits:
        """The ``limit`` names that share the most with ``name``."""
        grams = np.unique(_grams(_indexed(name)))
        places = np.searchsorted(self._grams, grams)
        inside = places < self._grams.size
        places = places[inside][self._grams[places[inside]] == grams[inside]]
        if not places.size:
            return Hits(entries=np.empty(0, np.int64), shared=np.empty(0))
        owners = np.concatenate([self._owners[self._starts[place] : self._starts[place + 1]] for place in places])
        weights = np.repeat(self._weights[places], self._starts[places + 1] - self._starts[places])
        shared = np.bincount(owners, weights, minlength=len(self.names)).astype(np.float64)
        scores = shared * self._scale
        some = min(limit, scores.size)
        best = np.argpartition(-scores, some - 1)[:some]
        best = best[shared[best] > 0]
        # By score, then by place in the table, so that the order never depends on the partition.
        best = best[np.lexsort((best, -scores[best]))]
        return Hits(entries=best.astype(np.int64), shared=shared[best])

    def written(self, entries: NDArray[np.int64]) -> Written:
        """Names with their legal forms."""
        codes, lengths = self._keys.padded(entries)
        reach = np.arange(codes.shape[1])[None, :]
        in_form = (reach >= self._form_starts[entries][:, None]) & (reach < self._form_ends[entries][:, None])
        return Written(codes=codes, lengths=lengths, in_form=in_form)

    def written_cores(self, entries: NDArray[np.int64]) -> Written:
        """Names without their legal forms."""
        codes, lengths = self._cores.padded(entries)
        return Written(codes=codes, lengths=lengths, in_form=np.zeros(codes.shape, np.bool_))

    @property
    def nbytes(self) -> int:
        """Memory of the arrays; the names themselves are the table's."""
        arrays = (
            self._grams,
            self._starts,
            self._owners,
            self._weights,
            self._scale,
            self._form_starts,
            self._form_ends,
        )
        strings = (self._keys.codes, self._keys.starts, self._cores.codes, self._cores.starts)
        return sum(array.nbytes for array in (*arrays, *strings))


def _indexed(name: CompanyName) -> str:
    return name.core or name.key


def _grams(text: str) -> NDArray[np.uint64]:
    codes = np.array([_FIRST, *map(ord, text), _LAST], np.uint64)
    return np.concatenate([codes[1:-1], (codes[:-1] << _SHIFT) | codes[1:]])


def _grams_of_all(strings: _Strings) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Sorted n-grams of all names, each once a name, and whose they are."""
    lengths = np.diff(strings.starts)
    owners = np.repeat(np.arange(lengths.size), lengths)
    codes = strings.codes.astype(np.uint64)
    full = lengths > 0
    before = np.concatenate([[_FIRST], codes[:-1]]).astype(np.uint64)[: codes.size]
    before[strings.starts[:-1][full]] = _FIRST
    last = (codes[strings.starts[1:][full] - 1] << _SHIFT) | np.uint64(_LAST)
    grams = np.concatenate([codes, (before << _SHIFT) | codes, last])
    owners = np.concatenate([owners, owners, np.flatnonzero(full)])
    order = np.lexsort((owners, grams))
    grams, owners = grams[order], owners[order]
    first = np.ones(grams.size, np.bool_)
    first[1:] = (grams[1:] != grams[:-1]) | (owners[1:] != owners[:-1])
    return grams[first], owners[first]
