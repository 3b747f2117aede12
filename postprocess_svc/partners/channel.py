"""How likely a name as read comes from a name as written: a weighted edit distance, learned from real slips.

The model is a noisy channel (Brill and Moore, ACL 2000, without the longer strings): each character of the written name
is kept, taken for another, or lost; characters come in between. A cost is a negative logarithm of how often the slip
was seen, so costs add up. Runs that are lost or that come in cost once to open and less for each further character
(Gotoh, 1982), for recognisers cut off ends and skip whole words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from postprocess_svc.partners.normalise import Script, bare, script_of

_SCRIPTS = tuple(Script)
_FAR = np.float32(1e6)

Codes = NDArray[np.uint32]
Costs = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusions:
    """Costs of slips, in nats."""

    lost_open: float
    lost_more: float
    """A character of the name is lost; each further one beside it."""
    form_lost_open: float
    form_lost_more: float
    """The same within the legal form, which recognisers mangle most."""
    end_open: float
    end_more: float
    """The name's end is cut off."""
    start_open: float
    start_more: float
    """The name's beginning is."""
    added_open: float
    added_more: float
    """Characters come in."""
    tail_open: float
    tail_more: float
    """Characters come in behind the name."""
    form_taken: float
    """A character of the legal form is taken for another."""
    voicing_taken: float
    """Kana for the same kana with another voicing mark: ブ for プ."""
    script_taken: Mapping[str, float]
    """``kanji>kana``: any other character, by kind."""
    taken: Mapping[str, float]
    """``ab``: ``a`` is taken for ``b``, of pairs that were seen."""

    def script_matrix(self) -> Costs:
        """(5, 5) float32: ``script_taken`` by number of kind, written by read; what is missing costs the most."""
        dearest = max(self.script_taken.values())
        return np.array([[self.script_taken.get(f"{a}>{b}", dearest) for b in _SCRIPTS] for a in _SCRIPTS], np.float32)

    def readings_of(self) -> dict[str, list[tuple[int, float]]]:
        """For a character as read: code points that it may be written for, with costs."""
        found: dict[str, list[tuple[int, float]]] = {}
        for (written, read), cost in ((tuple(pair), cost) for pair, cost in self.taken.items()):
            found.setdefault(read, []).append((ord(written), cost))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Some names as written, as padded arrays."""

    codes: Codes
    """(names, characters): code points; 0 behind a name's end."""
    lengths: NDArray[np.int64]
    """(names,)."""
    in_form: NDArray[np.bool_]
    """(names, characters): part of the legal form."""


class Channel:
    """Costs of a reading under many names at once."""

    def __init__(self, confusions: Confusions) -> None:
        self.confusions = confusions
        self._scripts = confusions.script_matrix()
        self._readings_of = confusions.readings_of()

    def costs(self, reading: str, written: Written) -> Costs:
        """(names,) float32: nats; 0 where reading and name are the same.

        Args:
            reading: A folded name as read (``CompanyName.key`` or ``core``).
            written: The names that it may stand for, folded alike.
        """
        given = self.confusions
        count, width = written.codes.shape
        taken = self._taken(reading, written)
        more = np.where(written.in_form, given.form_lost_more, given.lost_more).astype(np.float32)
        # A run that is lost pays its first character's opening, then `more` for each: a cumulated sum makes the best
        # start of the run a running minimum.
        opening = np.where(
            written.in_form, given.form_lost_open - given.form_lost_more, given.lost_open - given.lost_more
        )
        paid = np.concatenate([np.zeros((count, 1), np.float32), np.cumsum(more, 1, dtype=np.float32)], 1)
        reach = np.arange(width + 1, dtype=np.float32)
        best = (given.start_open + given.start_more * reach)[None, :].repeat(count, 0).astype(np.float32)
        best[:, 0] = 0.0
        added = np.full((count, width + 1), _FAR, np.float32)
        for place in range(len(reading)):
            added = np.minimum(best + np.float32(given.added_open), added + np.float32(given.added_more))
            kept = added.copy()
            np.minimum(kept[:, 1:], best[:, :-1] + taken[:, :, place], out=kept[:, 1:])
            starts = kept[:, :-1] + opening - paid[:, :-1]
            best = kept
            np.minimum(best[:, 1:], np.minimum.accumulate(starts, axis=1) + paid[:, 1:], out=best[:, 1:])
        return self._close(best, reading, written)

    def _close(self, best: Costs, reading: str, written: Written) -> Costs:
        """The end may be cut off at any place; ``best`` is the last row."""
        given = self.confusions
        left = written.lengths[:, None] - np.arange(best.shape[1])[None, :]
        cut = np.where(left > 0, best + given.end_open + given.end_more * left, _FAR)
        whole = np.take_along_axis(best, written.lengths[:, None], 1)[:, 0]
        return np.minimum(whole, cut.min(1)).astype(np.float32) if reading else whole

    def _taken(self, reading: str, written: Written) -> Costs:
        """(names, characters, reading): cost of taking each for each."""
        given = self.confusions
        codes, inverse = np.unique(written.codes, return_inverse=True)
        read = np.array([ord(character) for character in reading], np.uint32)
        table = self._scripts[script_numbers(codes)[:, None], script_numbers(read)[None, :]]
        voiced = bare_codes(codes)[:, None] == bare_codes(read)[None, :]
        table = np.where(voiced, np.float32(given.voicing_taken), table)
        seen = np.full_like(table, _FAR)
        places = {int(code): row for row, code in enumerate(codes)}
        for column, character in enumerate(reading):
            for code, cost in self._readings_of.get(character, ()):
                row = places.get(code)
                if row is not None:
                    seen[row, column] = cost
        table = np.where(seen < _FAR, seen, table)
        same = codes[:, None] == read[None, :]
        inverse = inverse.reshape(written.codes.shape)
        taken = np.where(written.in_form[:, :, None], np.minimum(given.form_taken, seen[inverse]), table[inverse])
        taken = np.where(same[inverse], 0.0, taken)
        return np.where((written.codes == 0)[:, :, None], _FAR, taken).astype(np.float32)


@cache
def _script_number(code: int) -> int:
    return _SCRIPTS.index(script_of(chr(code))) if code else len(_SCRIPTS) - 1


@cache
def _bare_code(code: int) -> int:
    return ord(bare(chr(code)))


def script_numbers(codes: Codes) -> NDArray[np.intp]:
    """Number of each character's kind, of the same shape."""
    return np.array([_script_number(int(code)) for code in codes], np.intp)


def bare_codes(codes: Codes) -> Codes:
    """Each character without its voicing mark."""
    return np.array([_bare_code(int(code)) for code in codes], np.uint32)


def load_confusions() -> Confusions:
    """The costs that come with the package; ``python -m evaluation.partner_names --train`` learns them."""
    learned = json.loads((files("postprocess_svc.partners") / "learned.json").read_text(encoding="utf-8"))
    return Confusions(**learned["confusions"])
