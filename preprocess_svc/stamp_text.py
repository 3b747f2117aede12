"""What stands in the stamps: their text, row by row.

The detector looks at the page without its stamps, so the rows are found here, in the red ink alone: print that lies
beneath a date does not blot it. The frame is taken off, and the bars between the rows of a date stamp; what is left
falls into rows by the white between them. A company's seal is cut into rows likewise, though it is carved in columns:
its letters are read, not its sense.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.geometry import Quad, turn_quad
from ocr_core.contracts.reading import LineReading, Stamp
from ocr_core.contracts.tensors import RECOGNITION_STRIDE_PX
from preprocess_svc.crops import cut_lines
from preprocess_svc.recognition import recognise_crops
from preprocess_svc.stamp_ink import take_apart
from preprocess_svc.tools import Tools

_SIDE_PX = (48, 384)
"""A stamp is looked at no larger than the second, and not at all if it is smaller than the first: nobody reads a letter
of less than 16 pixels, and a small seal holds two or three on top of each other."""

# Shares of the stamp's side.
_INK = 0.3
"""Of a pixel, covered by ink, from which on it counts."""
_FRAME = 0.2
"""How deep a frame reaches at most, a double one included."""
_FRAME_INK = 0.5
_RING_INK = 0.35
"""Of a row or column of pixels there, and of a ring, the ink that makes it frame; a ring is never quite round."""
_CORNER_INK = 0.1
"""Outside of a ring there is no ink of the stamp; a square one has its corners there."""
_BEYOND_RING = 0.56
_BAR = 0.45
"""A stroke this long is a bar between rows."""
_MIN_ROW = 0.06
"""Rows lower than this are specks and remains of the frame."""
_MIN_LETTER = 0.05
_GAP = 0.015
"""White this high parts two rows."""
_MARGIN = 0.15
"""Of a row's height, added around it as the detector does."""
_MAX_ROWS = 8

_Image = NDArray[np.uint8]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StampRow:
    """One row of a stamp, cut out."""

    quad: Quad
    """In pixels of the upright page."""
    crop: _Image
    """(48, W, 3) uint8 RGB: the ink as black on white."""


async def read_stamps(pixels: _Image, stamps: Sequence[Stamp], tools: Tools, *, rotation_deg: int) -> list[LineReading]:
    """Read the rows of a page's stamps, stamp by stamp.

    Args:
        pixels: (H, W, 3) uint8 RGB, the page as opened.
        stamps: Where they are on the page once it is turned upright.
        tools: The recogniser and the threads.
        rotation_deg: How far clockwise that is.

    Raises:
        Overloaded, NotReady, DeadlineExceeded.
    """
    rows = [
        (number, row)
        for number, stamp in enumerate(stamps)
        for row in await tools.in_thread(stamp_rows, pixels, stamp, rotation_deg=rotation_deg)
    ]
    if not rows:
        return []
    readings = await recognise_crops([row.crop for _, row in rows], tools)
    return [
        LineReading(
            quad=row.quad,
            class_ids=reading.class_ids,
            probabilities=reading.probabilities,
            timestep_px=math.dist(row.quad[0], row.quad[1]) * RECOGNITION_STRIDE_PX / row.crop.shape[1],
            detection_confidence=1.0,
            stamp=number,
        )
        for (number, row), reading in zip(rows, readings, strict=True)
    ]


def stamp_rows(pixels: _Image, stamp: Stamp, *, rotation_deg: int = 0) -> list[StampRow]:
    """The rows of one stamp, from the top down.

    Args:
        pixels: (H, W, 3) uint8 RGB, the page as opened.
        stamp: Where it is on the page once that is turned upright.
        rotation_deg: How far clockwise that is.
    """
    width_px, height_px = (
        (pixels.shape[0], pixels.shape[1]) if rotation_deg % 180 else (pixels.shape[1], pixels.shape[0])
    )
    as_opened = turn_quad(stamp.quad, rotation_deg=-rotation_deg, width_px=width_px, height_px=height_px)
    patch = _upright_patch(pixels, as_opened)
    inks = take_apart(patch) if patch is not None else None
    if patch is None or inks is None:
        return []
    letters = _without_frame(inks.red >= _INK)
    boxes = _rows(letters)
    # Letters keep their soft edges; of all else nothing is left.
    near = np.asarray(cv2.dilate(letters.view(np.uint8), np.ones((3, 3), np.uint8)))
    grey = np.rint(255 * (1 - inks.red * near)).astype(np.uint8)
    quads = np.array([_corners(box) for box in boxes], np.float32).reshape(-1, 4, 2)
    crops = cut_lines(np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8), quads)
    height, width = letters.shape
    return [
        StampRow(quad=_on_page(corners / (width, height), stamp.quad), crop=crop)
        for corners, crop in zip(quads, crops, strict=True)
    ]


def _upright_patch(pixels: _Image, quad: Quad) -> _Image | None:
    """The stamp set level, no larger than it is looked at; null where it is too small."""
    corners = np.array(quad, np.float32)
    width, height = float(math.dist(quad[0], quad[1])), float(math.dist(quad[0], quad[3]))
    if min(width, height) < _SIDE_PX[0]:
        return None
    shrink = min(1.0, _SIDE_PX[1] / max(width, height))
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 2
    region = pixels[top:bottom, left:right]
    size = (max(1, round(region.shape[1] * shrink)), max(1, round(region.shape[0] * shrink)))
    scale = np.array([size[0] / region.shape[1], size[1] / region.shape[0]], np.float32)
    if shrink < 1:
        region = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA), np.uint8)
    target_size = (round(width * shrink), round(height * shrink))
    target = np.array([[0, 0], [target_size[0], 0], [0, target_size[1]]], np.float32)
    # Corners are edges of pixels, the transform maps their centres: half a pixel on both sides.
    transform = cv2.getAffineTransform(
        (corners[[0, 1, 3]] - (left, top)).astype(np.float32) * scale - 0.5, target - 0.5
    )
    patch = cv2.warpAffine(region, transform, target_size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch, np.uint8)


def _without_frame(ink: _Mask) -> _Mask:
    """The ink without a frame of four sides or of rings, and without long level bars."""
    height, width = ink.shape
    deep_y, deep_x = round(_FRAME * height), round(_FRAME * width)
    letters = ink.copy()
    rows, columns = ink.mean(axis=1), ink.mean(axis=0)
    top = _last_over(rows[:deep_y])
    bottom = _last_over(rows[::-1][:deep_y])
    left = _last_over(columns[:deep_x])
    right = _last_over(columns[::-1][:deep_x])
    letters[:top] = letters[height - bottom :] = False
    letters[:, :left] = letters[:, width - right :] = False
    letters[_rings(ink)] = False
    bars = cv2.morphologyEx(letters.view(np.uint8), cv2.MORPH_OPEN, np.ones((1, max(3, round(_BAR * width))), np.uint8))
    return np.asarray(letters & (cv2.dilate(bars, np.ones((3, 3), np.uint8)) == 0), np.bool_)


def _last_over(shares: NDArray[np.floating]) -> int:
    """How many lines of pixels from the edge on belong to the frame, and two for its blur; 0 without one."""
    over = np.flatnonzero(shares >= _FRAME_INK)
    return int(over[-1]) + 3 if len(over) else 0


def _rings(ink: _Mask) -> _Mask:
    """All that lies outside of a ring, and the ring; nothing where there is none."""
    height, width = ink.shape
    y, x = np.ogrid[:height, :width]
    radius = np.hypot((x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5)
    steps = max(16, min(height, width) // 2)
    numbers = np.minimum((radius * 2 * steps).astype(int), steps)
    pixels = np.bincount(numbers.ravel(), minlength=steps + 1)
    inked = np.bincount(numbers.ravel(), weights=ink.ravel(), minlength=steps + 1)
    shares = inked[:steps] / np.maximum(pixels[:steps], 1)
    first = round((1 - 2 * _FRAME) * steps)
    over = np.flatnonzero(shares[first:] >= _RING_INK)
    if not len(over) or ink[radius > _BEYOND_RING].mean() > _CORNER_INK:
        return np.zeros_like(ink)
    outside: _Mask = numbers >= first + int(over[0]) - 2
    return outside


def _rows(letters: _Mask) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of each row of letters."""
    height, width = letters.shape
    inked = np.flatnonzero(letters.any(axis=1))
    if not len(inked):
        return []
    parts = np.split(inked, np.flatnonzero(np.diff(inked) > max(1, round(_GAP * height))) + 1)
    found: list[tuple[int, int, int, int]] = []
    for part in parts:
        top, bottom = int(part[0]), int(part[-1]) + 1
        columns = np.flatnonzero(letters[top:bottom].any(axis=0))
        left, right = int(columns[0]), int(columns[-1]) + 1
        if bottom - top >= _MIN_ROW * height and right - left >= _MIN_LETTER * width:
            found.append((left, top, right, bottom))
    return found[:_MAX_ROWS]


def _corners(box: tuple[int, int, int, int]) -> list[tuple[float, float]]:
    left, top, right, bottom = box
    margin = _MARGIN * (bottom - top)
    x0, y0, x1, y1 = left - margin, top - margin, right + margin, bottom + margin
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _on_page(shares: NDArray[np.floating], quad: Quad) -> Quad:
    """Corners given as shares of a stamp's two edges, where they lie on the page."""
    origin, right, down = (np.array(quad[at], np.float64) for at in (0, 1, 3))
    points = origin + shares[:, :1] * (right - origin) + shares[:, 1:] * (down - origin)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points.round(1).tolist()
    return ((x0, y0), (x1, y1), (x2, y2), (x3, y3))
