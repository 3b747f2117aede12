"""A page's pixels as somebody will look at them: upright, known to be coloured, grey or black and white, compressed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.errors import InternalError
from preprocess_svc.orientation import turned

_LOOK_EVERY = 16
"""Every so many rows and columns are looked at before all are: most pages show there already that they are coloured."""


class PixelKind(Enum):
    """What there is on a page."""

    COLOUR = "colour"
    GREY = "grey"
    BLACK_AND_WHITE = "black and white"
    """Nothing between the two ends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UprightPixels:
    """A page turned upright, without channels that say nothing."""

    kind: PixelKind
    values: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB in colour, else (H, W) uint8."""

    @property
    def width_px(self) -> int:
        """Columns."""
        return int(self.values.shape[1])

    @property
    def height_px(self) -> int:
        """Rows."""
        return int(self.values.shape[0])

    def jpeg(self, quality: int) -> bytes:
        """As a JPEG; ``quality`` is 1 to 100."""
        if self.kind is PixelKind.COLOUR:
            return _jpeg(cast("NDArray[np.uint8]", cv2.cvtColor(self.values, cv2.COLOR_RGB2BGR)), quality)
        return _jpeg(self.values, quality)


def upright_pixels(pixels: NDArray[np.uint8], *, rotation_deg: int) -> UprightPixels:
    """Turn a page upright and see what there is on it.

    Args:
        pixels: (H, W, 3) uint8 RGB, as opened.
        rotation_deg: By how much the page is turned clockwise: 0, 90, 180 or 270.
    """
    upright = turned(pixels, rotation_deg)
    if not _is_grey(upright):
        return UprightPixels(kind=PixelKind.COLOUR, values=upright)
    grey = np.ascontiguousarray(upright[:, :, 0])
    return UprightPixels(kind=PixelKind.BLACK_AND_WHITE if _is_black_and_white(grey) else PixelKind.GREY, values=grey)


def _is_grey(pixels: NDArray[np.uint8]) -> bool:
    def all_equal(part: NDArray[np.uint8]) -> bool:
        red, green, blue = part[:, :, 0], part[:, :, 1], part[:, :, 2]
        return np.array_equal(red, green) and np.array_equal(green, blue)

    return all_equal(pixels[::_LOOK_EVERY, ::_LOOK_EVERY]) and all_equal(pixels)


def _is_black_and_white(grey: NDArray[np.uint8]) -> bool:
    def only_ends(part: NDArray[np.uint8]) -> bool:
        # 255 + 1 is 0 in eight bits: both ends are at most 1 then.
        return bool((part + np.uint8(1) <= 1).all())

    return only_ends(grey[::_LOOK_EVERY, ::_LOOK_EVERY]) and only_ends(grey)


def _jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    if not done:
        raise InternalError("a page's pixels could not be written as a JPEG")
    return encoded.tobytes()
