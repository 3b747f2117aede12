"""Class ids per timestep become characters: the charset and greedy CTC decoding.

A recogniser trained with CTC answers, for each timestep along the line, one class: a character or "blank". Equal
neighbours are one character; a blank between them says that it is printed twice (Graves et al., 2006,
"Connectionist temporal classification").
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ocr_core.contracts.errors import InvalidRequest, NotReady
from ocr_core.contracts.frozen import value
from ocr_core.contracts.tensors import CTC_BLANK_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Charset:
    """What the recogniser's classes stand for."""

    sha256: str
    """Digest of the charset file's bytes."""
    characters: tuple[str, ...]
    """By class id; the blank's entry is empty. One class may stand for more than one code point."""

    @classmethod
    def parse(cls, content: bytes) -> Charset:
        """Read a charset file: UTF-8, line ``i`` (from 1) is class ``i``; the space has a line like any other class.

        Lines end with a line feed alone: other characters that Unicode counts as line ends are classes themselves.

        Raises:
            ValueError: the file is empty, not UTF-8, or has an empty line.
        """
        lines = content.decode("utf-8").split("\n")
        if lines[-1] == "":
            lines.pop()
        if not lines or "" in lines:
            raise ValueError("a charset file has one class a line, and no empty line")
        return cls(sha256=hashlib.sha256(content).hexdigest(), characters=("", *lines))

    @classmethod
    def load(cls, path: Path) -> Charset:
        """Read a charset file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not a charset file; the message names it.
        """
        try:
            return cls.parse(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


class Charsets:
    """The charsets that this process knows, by digest, so that readings made before a model changed stay readable."""

    def __init__(self, charsets: Iterable[Charset]) -> None:
        self._by_digest = {charset.sha256: charset for charset in charsets}

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Charsets:
        """Read several charset files.

        Raises:
            OSError, ValueError: as ``Charset.load``.
        """
        return cls(Charset.load(path) for path in paths)

    def __len__(self) -> int:
        return len(self._by_digest)

    @property
    def digests(self) -> tuple[str, ...]:
        """Of all of them, in order."""
        return tuple(sorted(self._by_digest))

    def named(self, sha256: str) -> Charset:
        """The charset of a reading.

        Raises:
            NotReady: it is not known here; retryable, as another instance, or this one once updated, may know it.
        """
        charset = self._by_digest.get(sha256)
        if charset is None:
            raise NotReady(f"the charset {sha256[:12]} that this reading was made with is not known here")
        return charset


@value
class DecodedLine:
    """What one line says."""

    text: str
    confidence: float
    """Mean probability of the characters, 0 to 1; 0 for an empty line."""
    timesteps: tuple[float, ...]
    """For each character of ``text``, the middle of the run of timesteps that it was seen in."""
    probabilities: tuple[float, ...]
    """For each character of ``text``, its probability where it was first seen."""


def decode_lines(
    class_ids: Sequence[NDArray[np.uint16]], probabilities: Sequence[NDArray[np.float32]], charset: Charset
) -> list[DecodedLine]:
    """Collapse the timesteps of many lines at once.

    A character's probability is that of the first timestep of its run, and a line's confidence their mean, as in
    RapidOCR and PaddleOCR, so that thresholds mean the same.

    Args:
        class_ids: One (T,) array a line.
        probabilities: One (T,) array a line, 0 to 1.
        charset: What the ids stand for.

    Raises:
        InvalidRequest: an id is beyond the charset.
    """
    if not class_ids:
        return []
    ids = np.concatenate(class_ids)
    lengths = np.array([len(line) for line in class_ids])
    if len(ids) and int(ids.max()) >= len(charset.characters):
        raise InvalidRequest(f"reading: a class id is beyond the charset's {len(charset.characters)} classes")
    ends = np.cumsum(lengths)
    # A run starts where the class changes, and at each line's first timestep.
    starts_run = np.ones(len(ids), np.bool_)
    starts_run[1:] = ids[1:] != ids[:-1]
    starts_run[(ends - lengths)[lengths > 0]] = True
    first = np.flatnonzero(starts_run)
    last = np.append(first[1:], len(ids)) - 1
    kept = ids[first] != CTC_BLANK_ID
    first, last = first[kept], last[kept]
    line_of = np.searchsorted(ends, first, side="right")
    centre = (first + last) / 2 - (ends - lengths)[line_of]
    bounds = np.searchsorted(line_of, np.arange(len(lengths) + 1)).tolist()
    kept_ids, centres = ids[first].tolist(), centre.tolist()
    kept_probabilities = np.concatenate(probabilities)[first].astype(np.float64).tolist()
    return [
        _decoded(kept_ids[start:end], centres[start:end], kept_probabilities[start:end], charset.characters)
        for start, end in itertools.pairwise(bounds)
    ]


def _decoded(
    ids: list[int], centres: list[float], probabilities: list[float], characters: tuple[str, ...]
) -> DecodedLine:
    if not ids:
        return DecodedLine(text="", confidence=0.0, timesteps=(), probabilities=())
    pieces = [characters[class_id] for class_id in ids]
    text = "".join(pieces)
    confidence = sum(probabilities) / len(probabilities)
    if len(text) != len(pieces):
        # A class of several code points: each of them stands where the class was seen.
        repeats = [len(piece) for piece in pieces]
        centres = np.repeat(centres, repeats).tolist()
        probabilities = np.repeat(probabilities, repeats).tolist()
    return DecodedLine(text=text, confidence=confidence, timesteps=tuple(centres), probabilities=tuple(probabilities))
