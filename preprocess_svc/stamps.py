"""Stamps: seals of red ink over or beside the print.

A company's square one (角印), a person's round one (認印), an office's round one with a date in it. Found by their
colour on a sample of the page's pixels, and told from other red print by their shape: a seal is about as wide as it is
high, of the size of a seal, framed all around by a line that is square or round, and within the frame there is ink, and
paper. Totals and headings in red have no frame, bands and badges no paper, ruled tables another size.

Colour is taken relative to the paper: under a lamp white paper is redder than a faint seal is in daylight. A page
without red costs 0.6 ms of one core (A4 at 200 dpi), one with a seal 2 ms.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.geometry import Point, Quad, turn_quad
from ocr_core.contracts.reading import Stamp
from ocr_core.contracts.reading_codec import MAX_STAMPS_PER_PAGE
from preprocess_svc.stamp_ink import print_over, red_ink, relative_to_paper

_MM_PER_INCH = 25.4
_PAGE_MM = 297.0
"""Where a page's resolution is not stated, or cannot be as stated, its longer side is taken for A4's."""
_LONGER_SIDE_MM = (50.0, 600.0)

_SAMPLES_PER_MM = 3.0
_MAX_SAMPLES = 1_500_000
_CLOSE_LOOK_PER_MM = 4.0
"""A seal's frame is 0.3 to 1 mm thick."""
_MARGIN_MM = 2.5
_MAX_REGIONS = 200
"""The widest; a page of red specks has thousands, none so large."""
_FIRST_LOOK = 2
_FIRST_MARGIN_MM = 7.0
"""A first look sees every so many-th sample of every so many-th row: letters, if not the thin frame around them."""

_SIDE_MM = (7.0, 36.0)
"""Seals are 8 to 30 mm, but the scale of a photograph is a guess."""
_MIN_SIDE_PX = 16.0
"""Where the smallest would be smaller than this, nobody can read what it covers."""
_MAX_ASPECT = 1.25
_LOOSE = 1.5
"""What may be a seal is up to this much larger and longer than one: tilted by 45 degrees, or blotted at its side."""
_BREAK_MM = 1.6
"""A frame goes on after a break of this: worn away, or under black print."""

_MIN_REDNESS = 0.09
_MIN_REDNESS_LEVEL = 14.0
"""How far red lies above both of the others, at least: as a share of the paper's brightness, and of 255."""

_MAX_TINT = 0.42
"""Where the middle channel lies between the lowest and red: 0 is pure red, 1 is yellow or magenta, 0.5 orange."""
_MIN_FRAME = 0.84
"""Of the frame's length, how much must have ink; and of each side of a square one:"""
_MIN_FRAME_SIDE = 0.7
_MIN_SEEN = 0.5
"""Of a frame's length, or of a side, that black print may not hide."""
_FRAME_DEPTH_MM = 0.5
_FRAME_POINTS = 96
_ELLIPSE_POINTS = 5
_PROTRUSION = 0.25
"""What sticks out of a frame and is thinner than this share of its side does not belong to its outline."""
_CORE = 0.6
"""The inner part of a seal, where letters are and no frame is, as a share of its side ..."""
_CORE_INK = (0.012, 0.65)
"""... and the share of it that is ink. Below, it is an empty box; above, a badge."""

_Image = NDArray[np.uint8]


def find_stamps(pixels: _Image, dpi: int) -> tuple[Stamp, ...]:
    """The stamps on a page, from the top down, at most as many as a reading carries.

    Args:
        pixels: (H, W, 3) uint8 RGB, either way up.
        dpi: Of the page; 0 where it is not known.

    Returns:
        Their regions in pixels of the page: a rectangle around each, turned as a square one is.
    """
    px_per_mm = _px_per_mm(pixels, dpi)
    smallest_px = _SIDE_MM[0] * px_per_mm
    if smallest_px < _MIN_SIDE_PX or min(pixels.shape[:2]) < smallest_px:
        return ()
    fine = max(1, round(px_per_mm / _CLOSE_LOOK_PER_MM))
    margin = round(_MARGIN_MM * px_per_mm)
    found: list[Stamp] = []
    for left, top, right, bottom in _red_regions(pixels, px_per_mm):
        x, y = max(0, left - margin), max(0, top - margin)
        region = _sampled(pixels[y : bottom + margin, x : right + margin], fine)
        corners = _seal_corners(region, px_per_mm / fine)
        if corners is not None:
            found.append(Stamp(quad=_upright((corners + 0.5) * fine + np.array([x, y]))))
    found.sort(key=lambda stamp: stamp.quad[0][1])
    return tuple(found[:MAX_STAMPS_PER_PAGE])


def turned_stamps(stamps: tuple[Stamp, ...], *, rotation_deg: int, width_px: int, height_px: int) -> tuple[Stamp, ...]:
    """Where stamps lie once their page (``width_px`` x ``height_px``) is turned clockwise by quarter turns."""
    turned = (
        turn_quad(stamp.quad, rotation_deg=rotation_deg, width_px=width_px, height_px=height_px) for stamp in stamps
    )
    return tuple([Stamp(quad=_upright(np.array(quad))) for quad in turned])


def _px_per_mm(pixels: _Image, dpi: int) -> float:
    longer_px = max(pixels.shape[:2])
    stated = dpi > 0 and _LONGER_SIDE_MM[0] <= longer_px / dpi * _MM_PER_INCH <= _LONGER_SIDE_MM[1]
    return dpi / _MM_PER_INCH if stated else longer_px / _PAGE_MM


def _sampled(pixels: _Image, step: int) -> _Image:
    """(H / step, W / step, 3): one pixel of each square, untouched: averages would pale the strokes."""
    height, width = pixels.shape[0] // step, pixels.shape[1] // step
    whole = pixels[: height * step, : width * step]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _redness(sample: _Image) -> _Image:
    """(H, W) how far red lies above both green and blue."""
    red, green, blue = cv2.split(sample)
    return np.asarray(cv2.subtract(red, cv2.max(green, blue)), np.uint8)


def _least_redness(sample: _Image) -> float:
    """From where on red stands out from the page: by more than it does in the paper itself."""
    thinned = np.ascontiguousarray(sample[::3, ::3])
    bright = float(np.percentile(thinned[:, :, 0], 75))
    return max(_MIN_REDNESS_LEVEL, _MIN_REDNESS * bright) + float(np.median(_redness(thinned)))


def _red_mask(sample: _Image, least: float) -> _Image:
    """(H, W) 0 or 255: where red stands out."""
    return np.asarray(cv2.threshold(_redness(sample), least, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _red_mask_twice(pixels: _Image, step: int, least: float) -> _Image:
    """(H / step, W / step) 0 or 255: where red stands out in either of two samples.

    A frame's sides run along rows and columns of pixels, and a thin one may pass between those of one sample.
    """
    shift = step // 2
    mask = _red_mask(_sampled(pixels, step), least)
    if shift:
        other = _red_mask(_sampled(pixels[shift:, shift:], step), least)
        height, width = other.shape
        mask[:height, :width] |= other
    return mask


def _red_regions(pixels: _Image, px_per_mm: float) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of what is red, hangs together but for small breaks, and may have a seal's size."""
    height, width = pixels.shape[:2]
    step = max(1, round(px_per_mm / _SAMPLES_PER_MM), math.ceil(math.sqrt(height * width / _MAX_SAMPLES)))
    coarse = step * _FIRST_LOOK
    glance = _sampled(pixels, coarse)
    least = _least_redness(glance)
    seen = _red_mask(glance, least)
    smallest, largest = (side * px_per_mm / step for side in _SIDE_MM)
    if cv2.countNonZero(seen) < smallest / _FIRST_LOOK:
        return []
    # Only the part of the page where anything is red is looked at again.
    left, top, across, down = cv2.boundingRect(seen)
    margin = round(_FIRST_MARGIN_MM * px_per_mm)
    x0, y0 = max(0, left * coarse - margin), max(0, top * coarse - margin)
    part = pixels[y0 : (top + down) * coarse + margin, x0 : (left + across) * coarse + margin]
    reach = _odd(_BREAK_MM * px_per_mm / step)
    grown = cv2.dilate(_red_mask_twice(part, step, least), np.ones((reach, reach), np.uint8))
    contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found: list[tuple[int, int, int, int]] = []
    for contour in contours:
        left, top, across, down = cv2.boundingRect(contour)
        shorter, longer = min(across, down) - reach + 1, max(across, down) - reach + 1
        if shorter >= smallest / _LOOSE and longer <= _LOOSE * min(largest, shorter):
            x, y = left + reach // 2, top + reach // 2
            box = (x, y, x + across - reach + 1, y + down - reach + 1)
            found.append((x0 + box[0] * step, y0 + box[1] * step, x0 + box[2] * step, y0 + box[3] * step))
    return sorted(found, key=lambda box: box[0] - box[2])[:_MAX_REGIONS]


def _seal_corners(patch: _Image, per_mm: float) -> NDArray[np.float32] | None:
    """(4, 2) the corners of the seal in a patch of the page; null if what is red there is no seal."""
    relative, _ = relative_to_paper(patch)
    ink = red_ink(relative).view(np.uint8)
    if not ink.any() or _tint(relative[ink > 0].mean(axis=0)) > _MAX_TINT:
        return None
    frame = _Frame(ink, print_over(relative), per_mm)
    for hull in _outlines(ink, per_mm):
        corners = frame.corners(hull)
        if corners is not None:
            core = np.zeros_like(ink)
            centre = hull.reshape(-1, 2).mean(axis=0)
            cv2.fillConvexPoly(core, np.rint(centre + (hull.reshape(-1, 2) - centre) * _CORE).astype(np.int32), 1)
            share = float(ink[core > 0].mean()) if core.any() else 0.0
            return corners if _CORE_INK[0] <= share <= _CORE_INK[1] else None
    return None


def _tint(colour: NDArray[np.float32]) -> float:
    """How far a reddish colour is from red, towards yellow or magenta: 0 to 1."""
    lowest, middle = sorted(colour[1:].tolist())
    return float((middle - lowest) / max(float(colour[0]) - lowest, 1e-3))


def _outlines(ink: _Image, per_mm: float) -> list[NDArray[np.int32]]:
    """What may enclose a seal's ink: (N, 1, 2) hulls of the size and shape of one.

    The area that its frame encloses, without what sticks out of it; and all that is inked, if the frame is not closed.
    """
    reach = _BREAK_MM * per_mm / 2
    edge = math.ceil(reach) + 1
    roomy = np.asarray(cv2.copyMakeBorder(ink, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=0), np.uint8)
    contours, _ = cv2.findContours(_shrunk(_grown(roomy, reach), reach), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros_like(roomy)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    protrusion = _PROTRUSION * min(ink.shape) / 2
    opened = _grown(_shrunk(filled, protrusion), protrusion)
    enclosed, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(-edge, -edge))
    points = [max(enclosed, key=cv2.contourArea)] if enclosed else []
    hulls = [cv2.convexHull(each) for each in (*points, cv2.findNonZero(ink))]
    return [np.asarray(hull, np.int32) for hull in hulls if _has_size(hull, per_mm)]


def _has_size(hull: cv2.typing.MatLike, per_mm: float) -> bool:
    _, sides, _ = cv2.minAreaRect(hull)
    shorter, longer = min(sides) + 1, max(sides) + 1
    return shorter >= _SIDE_MM[0] * per_mm and longer <= min(_SIDE_MM[1] * per_mm, _MAX_ASPECT * shorter)


class _Frame:
    """Whether ink runs along an outline, be it four sides or a ring."""

    def __init__(self, ink: _Image, over: NDArray[np.bool_], per_mm: float) -> None:
        depth = max(1.5, _FRAME_DEPTH_MM * per_mm)
        self._inked = cv2.distanceTransform(1 - ink, cv2.DIST_L2, 3) <= depth
        # Where black print runs along a frame, nobody can tell whether there is ink.
        self._hidden = ~self._inked & (cv2.distanceTransform(1 - over.view(np.uint8), cv2.DIST_L2, 3) <= depth)

    def corners(self, hull: NDArray[np.int32]) -> NDArray[np.float32] | None:
        """(4, 2) the corners of the frame; a ring has none and is taken for level; null where there is no frame."""
        square = np.asarray(cv2.boxPoints(cv2.minAreaRect(hull)), np.float32)
        along = np.linspace(0, 1, _FRAME_POINTS // 4, endpoint=False)[:, None, None]
        sides = square + (np.roll(square, -1, axis=0) - square) * along
        shares = [self._share(sides[:, side]) for side in range(4)]
        if min(shares) >= _MIN_FRAME_SIDE and sum(shares) / 4 >= _MIN_FRAME:
            return square
        if len(hull) < _ELLIPSE_POINTS:
            return None
        (x, y), (width, height), degrees = cv2.fitEllipse(hull)
        around = np.linspace(0, 2 * math.pi, _FRAME_POINTS, endpoint=False)
        u, v = width / 2 * np.cos(around), height / 2 * np.sin(around)
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        if self._share(np.stack([x + u * cosine - v * sine, y + u * sine + v * cosine], axis=-1)) < _MIN_FRAME:
            return None
        left, top, across, down = cv2.boundingRect(hull)
        right, bottom = left + across, top + down
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32) - 0.5

    def _share(self, points: NDArray[np.floating]) -> float:
        """Of the points that can be seen, how many have ink; 0 where hardly any can be seen."""
        height, width = self._inked.shape
        x, y = (
            np.rint(points[:, 0]).astype(int).clip(0, width - 1),
            np.rint(points[:, 1]).astype(int).clip(0, height - 1),
        )
        seen = np.count_nonzero(~self._hidden[y, x])
        return np.count_nonzero(self._inked[y, x]) / seen if seen >= _MIN_SEEN * len(points) else 0.0


def _grown(mask: _Image, reach: float) -> _Image:
    """(H, W) 0 or 1: all that lies within so many pixels of the mask."""
    return (cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3) <= reach).astype(np.uint8)


def _shrunk(mask: _Image, reach: float) -> _Image:
    """(H, W) 0 or 1: the mask without what lies within so many pixels of its edge."""
    return (cv2.distanceTransform(mask, cv2.DIST_L2, 3) > reach).astype(np.uint8)


def _upright(corners: NDArray[np.floating]) -> Quad:
    """Four corners as a quad, clockwise, whose first edge runs to the right, as nearly as it can."""
    centre = corners.mean(axis=0)
    clockwise = corners[np.argsort(np.arctan2(corners[:, 1] - centre[1], corners[:, 0] - centre[0]))]
    edges = np.roll(clockwise, -1, axis=0) - clockwise
    first = int(np.argmax(edges[:, 0] / np.maximum(np.hypot(edges[:, 0], edges[:, 1]), 1e-9)))
    a, b, c, d = (_point(corner) for corner in np.roll(clockwise, -first, axis=0))
    return (a, b, c, d)


def _point(corner: NDArray[np.floating]) -> Point:
    return (float(corner[0]), float(corner[1]))


def _odd(length: float) -> int:
    return max(3, round(length) | 1)
