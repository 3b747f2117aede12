"""The ``Reading``: the only thing that crosses from pixels to text.

Per page, each line's quad with the recogniser's top-1 class ids and probabilities per timestep, uncollapsed, the
ruling lines, the stamps, and the digest of the charset that gives the ids their meaning. Some tens of kilobytes a page;
no pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocr_core.contracts.document import DocumentInfo
from ocr_core.contracts.frozen import value, value_of_arrays
from ocr_core.contracts.geometry import Point, Quad
from ocr_core.contracts.page import Notice, PageError, TextLayerWord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@value_of_arrays
class LineReading:
    """One detected line."""

    quad: Quad
    """In the pixels of the page as returned (upright)."""
    class_ids: NDArray[np.uint16]
    """(T,) top-1 class per timestep; T covers the crop only, padding is cut off."""
    probabilities: NDArray[np.float32]
    """(T,) the class's probability, 0 to 1."""
    timestep_px: float
    """Pixels of the page along the quad's reading direction per timestep."""
    detection_confidence: float
    """Mean probability of text inside the quad, 0 to 1; 1 for a line of a stamp, which no detector looked for."""
    stamp: int | None = None
    """Which of the page's stamps the line is read in; null for all that was printed."""


@value
class Ruling:
    """A straight line drawn on the page: from left to right, or from the top down if it is nearer to the vertical."""

    start: Point
    end: Point
    """In the pixels of the page as returned (upright), where it lies: skewed if the page is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A seal of red ink, square or round. The print beneath it is read as if it were not there."""

    quad: Quad
    """The rectangle around it in the pixels of the page as returned (upright), turned as a square seal is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PageReading:
    """One page, read."""

    number: int
    width_px: int
    height_px: int
    dpi: int
    rotation_deg: int
    """Clockwise quarter turns (0, 90, 180, 270) by which the page as opened was turned to stand upright."""
    skew_deg: float
    """What is left after that: the text's mean direction, clockwise from level. The pixels are not resampled for it."""
    lines: tuple[LineReading, ...]
    text_layer: tuple[TextLayerWord, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    """The longest first."""
    stamps: tuple[Stamp, ...] = ()
    """From the top down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTiming:
    """Milliseconds of wall time by stage, summed over pages that ran one after another."""

    open_ms: float = 0.0
    detect_ms: float = 0.0
    recognise_ms: float = 0.0
    elapsed_ms: float = 0.0
    """From the document's receipt until its reading was complete; less than the sum where stages overlap."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """A document, read; the text side needs nothing else."""

    document: DocumentInfo
    pages: tuple[PageReading | PageError, ...]
    """In page order: those that were selected."""
    model_versions: dict[str, str]
    charset_sha256: str
    warnings: tuple[Notice, ...] = ()
    timing: StageTiming = StageTiming()
