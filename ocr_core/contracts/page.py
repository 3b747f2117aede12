"""A page's pixels, as they come out of the sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ocr_core.contracts.geometry import Quad

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that was done differently from asked; ``page`` is 1-based, null where it concerns the document."""

    code: str
    detail: str
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayerWord:
    """A word of a PDF's own text; the quad is in the page's pixels as rendered."""

    text: str
    quad: Quad


@dataclass(frozen=True, slots=True, kw_only=True)
class PageImage:
    """One page, decoded. The pixels may lie in memory shared with the sandbox: they are read-only and are not kept."""

    number: int
    """1-based."""
    pixels: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB, white where the page is transparent."""
    dpi: int
    """What the page was rendered at, or what a raster image says of itself; 0 where it says nothing."""
    text_layer: tuple[TextLayerWord, ...] = ()
    warnings: tuple[Notice, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PageError:
    """A page that could not be read; it stands in the page's place."""

    number: int
    code: str
    detail: str
