"""From the detector's probability map to rotated boxes around lines of text.

The post-processing of "Real-time Scene Text Detection with Differentiable Binarization" (Liao et al. 2020): binarise,
take each connected region's smallest rotated rectangle, keep those that are text on average, and grow them back by
what training had shrunk them. The growth is done on the rectangle itself: offsetting a rectangle's outline by ``d``
and taking the smallest rectangle around that again is the same rectangle, ``d`` larger on every side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# PP-OCRv6's published inference settings (the `rapidocr` wheel's config.yaml uses the same).
BINARY_THRESHOLD = 0.3
BOX_THRESHOLD = 0.5
UNCLIP_RATIO = 1.6
MIN_SIDE_PX = 3.0

MAX_REGIONS = 20_000
"""Regions that are looked at, the largest first: noise on a bad scan costs 0.02 ms a speck."""

MAX_BOXES = 5_000
"""Lines of one page, the surest first. Densely set ledgers have some 2,000; RapidOCR stops at 1,000 regions."""

VERTICAL_ASPECT = 1.5
"""A box at least this much taller than wide is read along its height (PP-OCR's rule)."""

_DILATION = np.ones((2, 2), dtype=np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextBoxes:
    """N lines of text as quads (``contracts/geometry.py``)."""

    quads: NDArray[np.float32]
    """(N, 4, 2) float32 x, y; clockwise, from the text's own top-left."""
    scores: NDArray[np.float32]
    """(N,) float32 mean probability of text inside, 0 to 1."""
    doubtful_share: float = 0.0
    """Of all probability above the binary threshold, the share in regions that made no box: too thin or too faint."""
    left_out: int = 0
    """How many regions were dropped because the page has more than are read."""

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def lengths_px(self) -> NDArray[np.float32]:
        """(N,) extent along the reading direction."""
        return _distances(self.quads[:, 0], self.quads[:, 1])

    @property
    def heights_px(self) -> NDArray[np.float32]:
        """(N,) extent across the reading direction."""
        return _distances(self.quads[:, 0], self.quads[:, 3])

    def select(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> TextBoxes:
        """Some of the lines, by mask or by index."""
        return TextBoxes(quads=self.quads[keep], scores=self.scores[keep])


NO_BOXES = TextBoxes(quads=np.empty((0, 4, 2), dtype=np.float32), scores=np.empty(0, dtype=np.float32))


def _distances(points: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) distances between two lists of N points."""
    across: NDArray[np.float32] = np.hypot(points[:, 0] - others[:, 0], points[:, 1] - others[:, 1])
    return across


def find_text_boxes(probability: NDArray[np.uint8]) -> TextBoxes:
    """Find the lines in a probability map.

    Args:
        probability: (H, W) uint8, probability of text times 255.

    Returns:
        Boxes in pixels of the map, grown to the text's full extent; they may stick out of the map.
    """
    _, mask = cv2.threshold(probability, int(BINARY_THRESHOLD * 255), 255, cv2.THRESH_BINARY)
    # The kernel's anchor is its lower right: regions grow up and left by one pixel, which closes hairline gaps.
    mask = cv2.dilate(np.asarray(mask), _DILATION)
    contours, _ = cv2.findContours(np.asarray(mask), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    regions_left_out = max(0, len(contours) - MAX_REGIONS)
    if regions_left_out:
        contours = sorted(contours, key=_extent_px, reverse=True)[:MAX_REGIONS]
    rectangles: list[tuple[float, float, float, float, float]] = []
    scores: list[float] = []
    doubtful = accepted = 0.0
    for contour in contours:
        (center_x, center_y), (width, height), angle = cv2.minAreaRect(contour)
        rectangle = (center_x, center_y, width, height, angle)
        score = _mean_inside(probability, rectangle)
        if min(width, height) >= MIN_SIDE_PX and score >= BOX_THRESHOLD:
            rectangles.append(rectangle)
            scores.append(score)
            accepted += width * height * score
        else:
            doubtful += width * height * score
    # OpenCV lists regions from the bottom of the page up, so cutting its list would lose the top of the page.
    surest = np.sort(np.argsort(np.array(scores), kind="stable")[::-1][:MAX_BOXES])
    return TextBoxes(
        quads=_grown_quads(np.array(rectangles, dtype=np.float32).reshape(-1, 5)[surest]),
        scores=np.array(scores, dtype=np.float32)[surest],
        doubtful_share=doubtful / max(accepted + doubtful, 1.0),
        left_out=regions_left_out + len(scores) - len(surest),
    )


def _extent_px(contour: cv2.typing.MatLike) -> int:
    """The longer side of a region's upright bounds."""
    _, _, width, height = cv2.boundingRect(contour)
    return max(width, height)


def _mean_inside(probability: NDArray[np.uint8], rectangle: tuple[float, float, float, float, float]) -> float:
    """Mean probability, 0 to 1, inside a rotated rectangle."""
    center_x, center_y, width, height, angle = rectangle
    corners = cv2.boxPoints(((center_x, center_y), (width, height), angle))
    limit_y, limit_x = probability.shape
    # Python's own arithmetic: on four numbers numpy's costs five times as much.
    xs, ys = zip(*corners.tolist(), strict=True)
    left = min(max(int(min(xs)), 0), limit_x - 1)
    right = min(max(math.ceil(max(xs)), left), limit_x - 1)
    top = min(max(int(min(ys)), 0), limit_y - 1)
    bottom = min(max(math.ceil(max(ys)), top), limit_y - 1)
    region = probability[top : bottom + 1, left : right + 1]
    inside = np.zeros(region.shape, dtype=np.uint8)
    cv2.fillConvexPoly(inside, (corners - (left, top)).astype(np.int32), 1)
    return float(cv2.mean(region, inside)[0]) / 255


def _grown_quads(rectangles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grow rotated rectangles and write them as quads.

    Args:
        rectangles: (N, 5) float32: centre x, centre y, width, height, clockwise degrees of the width's direction.

    Returns:
        (N, 4, 2) float32. Wide boxes are taken for upright text (within 45 degrees of it), tall ones for text that
        runs downwards.
    """
    center, sides, degrees = rectangles[:, :2], rectangles[:, 2:4].copy(), rectangles[:, 4].copy()
    # OpenCV's range of angles has changed between versions; any of them comes out within (-45, 45].
    quarter_turns = np.ceil((degrees - 45) / 90)
    degrees -= 90 * quarter_turns
    swapped = quarter_turns % 2 == 1
    sides[swapped] = sides[swapped][:, ::-1]
    distance = UNCLIP_RATIO * sides.prod(axis=1) / np.maximum(2 * sides.sum(axis=1), 1e-6)
    half = sides / 2 + distance[:, None]
    radians = np.radians(degrees)
    right = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    down = np.stack([-right[:, 1], right[:, 0]], axis=1)
    along, across = right * half[:, :1], down * half[:, 1:]
    quads = np.stack(
        [center - along - across, center + along - across, center + along + across, center - along + across], axis=1
    )
    tall = half[:, 1] >= VERTICAL_ASPECT * half[:, 0]
    quads[tall] = np.roll(quads[tall], -1, axis=1)
    return quads.astype(np.float32)
