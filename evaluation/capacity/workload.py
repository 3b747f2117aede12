"""Documents as they come: how many pages, how many lines a page, how wide the lines, in which format.

A mix is a small TOML file. Distributions are tables of quantiles, drawn from by straight lines between them, because a
table can say what it was counted on, and no formula has to fit.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ocr_core.contracts.tensors import RECOGNITION_HEIGHT_PX, TEXT_RECOGNITION, recognition_width_px
from preprocess_svc.crops import JOIN_SLACK_PX

MIXES_DIR = Path(__file__).with_name("mixes")
FORMATS = ("pdf", "image")
SHARES_TOLERANCE = 1e-6
BYTES_A_PIXEL = 3
DRAWN = 1500
DRAWN_SEED = 7


class MixError(ValueError):
    """A mix file says something that cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """A distribution: (share, value) pairs, both ascending, from share 0 to share 1."""

    shares: tuple[float, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, pairs: Sequence[Sequence[float]], name: str) -> Quantiles:
        """From a file's pairs.

        Raises:
            MixError: they do not ascend from 0 to 1.
        """
        shares, values = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
        ascends = list(shares) == sorted(shares) and list(values) == sorted(values)
        if not pairs or shares[0] != 0 or shares[-1] != 1 or not ascends:
            raise MixError(f"{name}: quantiles ascend from share 0 to share 1")
        return cls(shares=shares, values=values)

    def draw(self, random: np.random.Generator, count: int) -> list[float]:
        """So many values."""
        return [float(value) for value in np.interp(random.random(count), self.shares, self.values)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: what the detector looks at, and the recogniser's requests, in the order of sending."""

    looks_px: tuple[int, ...]
    """Area of every look."""
    lines: int
    requests: tuple[tuple[int, int], ...]
    """(rows, width in px)."""

    @property
    def megabytes(self) -> float:
        """Of pixels that go to the models."""
        crops_px = RECOGNITION_HEIGHT_PX * sum(rows * width for rows, width in self.requests)
        return (sum(self.looks_px) + crops_px) * BYTES_A_PIXEL / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What arrives."""

    format: str
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Where documents are drawn from."""

    name: str
    source: str
    """What it was counted on."""
    pages: tuple[tuple[int, float], ...]
    """(pages a document, share of documents)."""
    formats: tuple[float, ...]
    """Shares, in the order of ``FORMATS``."""
    lines: Quantiles
    width_px: Quantiles
    """Of a line's crop at 48 px height."""
    look_px: int
    """Area of the first look."""
    second_look_share: float
    """Of pages that are looked at again, on ``second_look_px``."""
    second_look_px: int

    def documents(self) -> tuple[Document, ...]:
        """So many of them that the rest of the world may be drawn from these."""
        return _drawn(self)

    def draw(self, random: np.random.Generator) -> Document:
        """One document, made anew."""
        counts, shares = zip(*self.pages, strict=True)
        count = int(random.choice(counts, p=shares))
        kind = FORMATS[int(random.choice(len(FORMATS), p=self.formats))]
        return Document(format=kind, pages=tuple(self._page(random) for _ in range(count)))

    @property
    def pages_a_document(self) -> float:
        """Mean."""
        return sum(count * share for count, share in self.pages)

    def _page(self, random: np.random.Generator) -> Page:
        lines = round(self.lines.draw(random, 1)[0])
        looks = [self.look_px]
        if random.random() < self.second_look_share:
            looks.append(self.second_look_px)
        return Page(looks_px=tuple(looks), lines=lines, requests=grouped_widths(self.width_px.draw(random, lines)))


@lru_cache(maxsize=8)
def _drawn(mix: Mix) -> tuple[Document, ...]:
    random = np.random.default_rng(DRAWN_SEED)
    return tuple(mix.draw(random) for _ in range(DRAWN))


def grouped_widths(widths_px: Sequence[float]) -> tuple[tuple[int, int], ...]:
    """The recogniser's requests for a page's lines, as ``preprocess_svc.crops.batch_crops`` makes them.

    Args:
        widths_px: Of the crops, none wider than the widest class (a longer line would be cut, which changes little).

    Returns:
        (rows, width class in px), widest first.
    """
    groups: list[list[int]] = []
    for width in sorted(widths_px, reverse=True):
        width_class = recognition_width_px(width)
        joins = groups and groups[-1][0] < TEXT_RECOGNITION.max_batch_size
        if joins and groups[-1][1] - width_class <= JOIN_SLACK_PX:
            groups[-1][0] += 1
        else:
            groups.append([1, width_class])
    return tuple((rows, width) for rows, width in groups)


def load_mix(path: Path) -> Mix:
    """Read a mix; a bare name stands for one of the bundled files.

    Raises:
        MixError: something is missing or cannot be.
        OSError.
    """
    file = path if path.suffix else MIXES_DIR / f"{path}.toml"
    content: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    try:
        mix = Mix(
            name=file.stem,
            source=content["source"],
            pages=tuple((int(count), float(share)) for count, share in content["pages"]),
            formats=tuple(float(content["formats"].get(kind, 0.0)) for kind in FORMATS),
            lines=Quantiles.of(content["lines"], "lines"),
            width_px=Quantiles.of(content["width_px"], "width_px"),
            look_px=int(content["look_px"]),
            second_look_share=float(content["second_look_share"]),
            second_look_px=int(content["second_look_px"]),
        )
    except KeyError as error:
        raise MixError(f"{file.name} lacks {error}") from None
    for name, shares in (("pages", [share for _, share in mix.pages]), ("formats", mix.formats)):
        if abs(sum(shares) - 1) > SHARES_TOLERANCE or min(shares) < 0:
            raise MixError(f"{file.name}: the shares of {name} add up to {sum(shares):.4f}, not 1")
    return mix
