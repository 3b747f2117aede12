"""Ruling lines: the straight lines, along the page's edges or nearly so, that are drawn around cells and under rows.

Found in a page of one reduced channel. A ruling is darker than what lies on both sides of it, which a black-hat
transform (closing less image) along the other direction shows; letters are so too, but no row of letters is dark for
long without a gap. So the marks are counted in short blocks along the ruling, where solid lines fill every block, and
dashed ones fill a share of each and stand free of everything else.

5 to 8 ms of one core for an A4 page at 200 dpi, on no more than ``WORKING_AREA_PX`` however large the page is.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.geometry import Point, turn_point
from ocr_core.contracts.reading import Ruling
from ocr_core.contracts.reading_codec import MAX_RULINGS_PER_PAGE

WORKING_AREA_PX = 1_000_000
"""About an A4 page at 100 dpi; larger pages are reduced to it, keeping the darkest of the pixels that become one."""

# All in pixels of the reduced page.
_MAX_THICKNESS_PX = 6
"""What is thicker is a bar or a filled cell; its edges are no rulings."""
_MIN_LENGTH_PX = (40, 28)
"""Of a horizontal and of a vertical ruling: longer than strokes of ordinary letters; a row of a table is this high."""
_MIN_DASHED_LENGTH_PX = 100
_MAX_BREAK_PX = 12
"""Where another ruling crosses, or ink is missing, a ruling goes on after at most this."""

_MIN_CONTRAST = 18
"""Of 255: grey down to #ECECEC on white."""
_NOISE_CONTRAST = 5.0
"""... and so many times the page's usual difference from one pixel to its neighbours (paper, JPEG)."""
_BLOCK_PX = 4
_SOLID_PX = 3
_DASHED_PX = 2
"""Of a block that are dark, at least, in a solid ruling and in a dashed or dotted one."""
_MIN_SOLID = 0.8
_MIN_DASHED = 0.4
"""Share of its blocks that a ruling must have before its breaks are filled: letters in a row have less."""
_LEVEL_ROWS = 4
"""A ruling that covers no more rows is level; its ends need no closer look."""
_STROKE_PX = 12
"""What a solid ruling has without a break, and few strokes of ordinary letters have."""
_LETTER_ROWS = 7
"""Dark blocks over so many pixels across are letters, not dashes (a dash of two pixels is four high, see below)."""

_Image = NDArray[np.uint8]


def find_rulings(pixels: NDArray[np.uint8]) -> tuple[Ruling, ...]:
    """The ruling lines of a page, the longest first, at most as many as a reading carries.

    Args:
        pixels: (H, W, 3) uint8 RGB.

    Returns:
        Segments in pixels of the page, horizontal and vertical, as they lie: skewed where the page is.
    """
    reduced, factor = _reduced(pixels)
    if min(reduced.shape) < 2 * _MAX_THICKNESS_PX:
        return ()
    horizontal = _segments(reduced, _MIN_LENGTH_PX[0])
    vertical = _segments(np.asarray(cv2.transpose(reduced), np.uint8), _MIN_LENGTH_PX[1])[:, [1, 0, 3, 2]]
    found = np.concatenate([horizontal, vertical]) * factor
    height, width = pixels.shape[:2]
    found = np.clip(found, 0.0, [width, height, width, height])
    lengths = np.hypot(found[:, 2] - found[:, 0], found[:, 3] - found[:, 1])
    longest = np.argsort(-lengths, kind="stable")[:MAX_RULINGS_PER_PAGE]
    return tuple(Ruling(start=(x0, y0), end=(x1, y1)) for x0, y0, x1, y1 in found[longest].tolist())


def turned_rulings(
    rulings: tuple[Ruling, ...], *, rotation_deg: int, width_px: int, height_px: int
) -> tuple[Ruling, ...]:
    """Where rulings lie once their page (``width_px`` x ``height_px``) is turned clockwise by quarter turns."""

    def turn(point: Point) -> Point:
        return turn_point(point, rotation_deg=rotation_deg, width_px=width_px, height_px=height_px)

    return tuple(_directed(turn(ruling.start), turn(ruling.end)) for ruling in rulings)


def _directed(start: Point, end: Point) -> Ruling:
    """From left to right, or from the top down."""
    along_x = abs(end[0] - start[0]) >= abs(end[1] - start[1])
    forward = end[0] >= start[0] if along_x else end[1] >= start[1]
    return Ruling(start=start, end=end) if forward else Ruling(start=end, end=start)


def _reduced(pixels: NDArray[np.uint8]) -> tuple[_Image, int]:
    """(H / f, W / f) the page's green at a fraction of its size, and f; thin dark lines stay dark.

    Green is the eye's lightness but for a little, at two thirds of the price.
    """
    green = cv2.extractChannel(pixels, 1)
    height, width = green.shape
    factor = max(1, math.ceil(math.sqrt(height * width / WORKING_AREA_PX) - 0.25))
    if factor == 1:
        return np.asarray(green, np.uint8), 1
    rows = green[0 : height // factor * factor : factor]
    for offset in range(1, factor):
        rows = cv2.min(rows, green[offset : height // factor * factor : factor])
    across = cv2.erode(rows, np.ones((1, factor), np.uint8), anchor=(0, 0))
    # The nearest of so many pixels is the first of them, where that is a whole number.
    whole, size = across[:, : width // factor * factor], (width // factor, height // factor)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST), np.uint8), factor


def _segments(image: _Image, min_length_px: int) -> NDArray[np.float64]:
    """(N, 4) x, y of left and right end of the horizontal rulings of an image."""
    black_hat = cv2.morphologyEx(image, cv2.MORPH_BLACKHAT, np.ones((_MAX_THICKNESS_PX + 1, 1), np.uint8))
    usual = float(black_hat[::8, ::8].mean())
    contrast = min(max(_MIN_CONTRAST, _NOISE_CONTRAST * usual), 96.0)
    marks = cv2.threshold(black_hat, contrast, 255, cv2.THRESH_BINARY)[1]
    # A skewed ruling steps from row to row: with a row more on either side its marks overlap in every block.
    dark = _dark_per_block(np.asarray(cv2.dilate(marks, np.ones((3, 1), np.uint8)), np.uint8))
    strokes = _opened((dark >= _SOLID_PX).view(np.uint8), _STROKE_PX)
    solid = _runs(strokes, min_length_px)
    faint = (dark >= _DASHED_PX).view(np.uint8)
    letters = cv2.morphologyEx(faint, cv2.MORPH_OPEN, np.ones((_LETTER_ROWS, 1), np.uint8))
    dashes = (faint > cv2.dilate(letters, np.ones((5, 3), np.uint8))).view(np.uint8)
    dashed = _runs(dashes, _MIN_DASHED_LENGTH_PX)
    return _distinct(
        np.concatenate(
            [
                _ends(solid, strokes, _MIN_SOLID, min_length_px),
                _ends(dashed, dashes, _MIN_DASHED, _MIN_DASHED_LENGTH_PX),
            ]
        )
    )


def _dark_per_block(marks: _Image) -> _Image:
    """(H, W / block) how many of each block's four pixels are marked, of (H, W) marks of 255."""
    height, width = marks.shape
    words = np.ascontiguousarray(marks[:, : width // _BLOCK_PX * _BLOCK_PX]).view(np.uint32)
    ones = np.uint32(0x01010101)
    # One bit of each of the four bytes, and their sum in the highest.
    return (((words & ones) * ones) >> np.uint32(24)).astype(np.uint8).reshape(height, -1)


def _runs(blocks: _Image, min_length_px: int) -> _Image:
    """(H, W / block) 0 or 1: the blocks that lie in a long run, short breaks in it filled."""
    breaks = np.ones((_odd(_MAX_BREAK_PX // _BLOCK_PX + 1), 1), np.uint8)
    down = cv2.transpose(blocks)
    down = cv2.morphologyEx(down, cv2.MORPH_CLOSE, breaks, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(cv2.transpose(_opened_down(down, min_length_px)), np.uint8)


def _opened(blocks: _Image, length_px: int) -> _Image:
    """(H, W / block) 0 or 1: the blocks in runs of at least so many pixels."""
    return np.asarray(cv2.transpose(_opened_down(cv2.transpose(blocks), length_px)), np.uint8)


def _opened_down(blocks: cv2.typing.MatLike, length_px: int) -> cv2.typing.MatLike:
    """The same of runs from the top down: OpenCV works on columns three times as fast, with the turning counted."""
    return cv2.morphologyEx(blocks, cv2.MORPH_OPEN, np.ones((_odd(length_px // _BLOCK_PX), 1), np.uint8))


def _distinct(segments: NDArray[np.float64]) -> NDArray[np.float64]:
    """The segments without those that lie on a longer one: dashes of a dashed line, a solid one seen as dashed too."""
    longest_first = segments[np.argsort(segments[:, 0] - segments[:, 2], kind="stable")]
    x0, y0, x1, y1 = longest_first.T
    x, y, slope = (x0 + x1) / 2, (y0 + y1) / 2, (y1 - y0) / (x1 - x0)
    is_left = np.ones(len(longest_first), np.bool_)
    for index in range(len(longest_first)):
        if is_left[index]:
            rest = slice(index + 1, None)
            beside = np.abs(y0[index] + slope[index] * (x[rest] - x0[index]) - y[rest]) <= _MAX_THICKNESS_PX
            is_left[rest] &= ~(beside & (x0[index] <= x[rest]) & (x[rest] <= x1[index]))
    return longest_first[is_left]


def _odd(length: int) -> int:
    """The length or one less: OpenCV's opening by an even number moves everything by one."""
    return length - 1 + length % 2


def _filled_columns(blocks: _Image) -> int:
    """How many columns of (H, W) blocks, 0 or 1, hold any."""
    return cv2.countNonZero(blocks if len(blocks) == 1 else cv2.reduce(blocks, 0, cv2.REDUCE_MAX))


def _ends(runs: _Image, filled: _Image, min_filled: float, min_length_px: int) -> NDArray[np.float64]:
    """(N, 4) the left and right end of each thin connected component that is filled well enough."""
    contours, _ = cv2.findContours(runs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found: list[tuple[float, float, float, float]] = []
    for contour in contours:
        left, top, width, height = cv2.boundingRect(contour)
        if width * _BLOCK_PX < min_length_px:
            continue
        if _filled_columns(filled[top : top + height, left : left + width]) / width < min_filled:
            continue
        y0 = y1 = top + height / 2
        if height > _LEVEL_ROWS:
            points = contour[:, 0]
            reach = width // 8
            at_left = points[points[:, 0] <= left + reach, 1]
            at_right = points[points[:, 0] >= left + width - 1 - reach, 1]
            if max(np.ptp(at_left), np.ptp(at_right)) > _MAX_THICKNESS_PX + 2:
                continue
            y0, y1 = float(at_left.mean()) + 0.5, float(at_right.mean()) + 0.5
        found.append((left * _BLOCK_PX, y0, (left + width) * _BLOCK_PX, y1))
    return np.array(found, np.float64).reshape(-1, 4)
