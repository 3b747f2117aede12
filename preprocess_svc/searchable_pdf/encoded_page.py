"""A page's pixels as a PDF holds them: JPEG in colour or grey, or fax coding where there is only black and white."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ocr_core.contracts.errors import InternalError
from preprocess_svc.orientation import turned

_LOOK_EVERY = 16
"""Every so many rows and columns are looked at before all are: most pages show there already that they are coloured."""

# Tags of TIFF 6.0.
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTE_COUNTS = 273, 278, 279


class PixelCoding(IntEnum):
    """How pixels are written down; the numbers are part of ``image_pack``'s layout."""

    JPEG_COLOUR = 1
    JPEG_GREY = 2
    GROUP_4 = 3
    """ITU-T T.6, black on white, lossless: a fax of 200 dpi takes some 40 kB, as a JPEG ten times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPage:
    """One page's pixels, upright."""

    number: int
    width_px: int
    height_px: int
    dpi: int
    """0 where nothing says it."""
    coding: PixelCoding
    data: bytes


def encode_page(
    pixels: NDArray[np.uint8], *, number: int, dpi: int, rotation_deg: int, jpeg_quality: int
) -> EncodedPage:
    """Turn a page upright and compress it; some 24 ms for A4 at 200 dpi.

    Args:
        pixels: (H, W, 3) uint8 RGB, as opened.
        number: 1-based.
        dpi: Of the pixels; 0 where nothing says it.
        rotation_deg: By how much the page is turned clockwise: 0, 90, 180 or 270.
        jpeg_quality: 1 to 100.
    """
    upright = turned(pixels, rotation_deg)
    height_px, width_px = upright.shape[:2]
    if not _is_grey(upright):
        blue_first = cast("NDArray[np.uint8]", cv2.cvtColor(upright, cv2.COLOR_RGB2BGR))
        coding, data = PixelCoding.JPEG_COLOUR, _jpeg(blue_first, jpeg_quality)
    else:
        grey = np.ascontiguousarray(upright[:, :, 0])
        if _is_black_and_white(grey):
            coding, data = PixelCoding.GROUP_4, _group_4(grey)
        else:
            coding, data = PixelCoding.JPEG_GREY, _jpeg(grey, jpeg_quality)
    return EncodedPage(number=number, width_px=width_px, height_px=height_px, dpi=dpi, coding=coding, data=data)


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


def _group_4(grey: NDArray[np.uint8]) -> bytes:
    """The one strip of a TIFF, which is what PDF's CCITTFaxDecode reads."""
    file = io.BytesIO()
    # A bit that is set is black to the fax coder. The TIFF would say the opposite of it, which nobody reads; putting it
    # right there makes Pillow many times slower (17 ms, 460 ms).
    Image.fromarray(grey == 0).save(file, "TIFF", compression="group4", tiffinfo={_ROWS_PER_STRIP: grey.shape[0]})
    with Image.open(file) as written:
        tags = written.tag_v2  # type: ignore[attr-defined]
        (offset,), (size,) = tags[_STRIP_OFFSETS], tags[_STRIP_BYTE_COUNTS]
    return file.getvalue()[offset : offset + size]
