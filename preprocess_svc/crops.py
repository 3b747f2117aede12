"""Lines cut out of a page, upright, 48 pixels high, grouped into batches for the recogniser.

The recogniser's cost on CPU is proportional to the width that it is given and a batch brings nothing (``tensors.py``),
so crops go into the narrowest class that holds them; a crop joins a slightly wider batch where that saves a request.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.reading_codec import MAX_TIMESTEPS_PER_LINE
from ocr_core.contracts.tensors import (
    RECOGNITION_HEIGHT_PX,
    RECOGNITION_PAD_VALUE,
    RECOGNITION_STRIDE_PX,
    RECOGNITION_WIDTHS_PX,
    TEXT_RECOGNITION,
    recognition_width_px,
)

JOIN_SLACK_PX = 32
"""A crop may be padded by this much beyond its own class to fill up a batch: about the price of one more request."""

LEVEL_RISE = 0.1
"""A line that rises by no more than this share of its height is cut without turning it."""

AVERAGING_SHRINK = 2
"""From this reduction on, pixels are averaged: interpolation would look at some of them only."""

SPLIT_SEARCH = 0.25
"""A line too wide for any class is cut at its emptiest column within this share of a part's width."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CropBatch:
    """Rows of one width class."""

    crops: NDArray[np.uint8]
    """(N, 48, W, 3) uint8 RGB, grey right of each crop."""
    rows: tuple[CropRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CropRow:
    """Which part of which line a row of a batch holds."""

    line: int
    """Index among the crops that were batched."""
    part: int
    """0 but for lines that were cut because no class holds them."""
    timesteps: int
    """How many of the answer's timesteps cover the crop; the rest is padding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """A crop, or a part of one, on its way into a batch."""

    pixels: NDArray[np.uint8]
    line: int
    part: int


def crop_widths_px(quads: NDArray[np.float32], *, stretch: float = 1.0) -> NDArray[np.intp]:
    """(N,) width of each quad's crop at 48 pixels height, from (N, 4, 2) quads; ``stretch`` times what its shape asks.

    At least one timestep, and no more than a reading may hold: a longer line is squeezed.
    """
    lengths = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    heights = np.maximum(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1), 1.0)
    widths: NDArray[np.intp] = np.rint(stretch * lengths * RECOGNITION_HEIGHT_PX / heights).astype(np.intp)
    return np.clip(widths, RECOGNITION_STRIDE_PX, MAX_TIMESTEPS_PER_LINE * RECOGNITION_STRIDE_PX)


def cut_line(pixels: NDArray[np.uint8], quad: NDArray[np.float32], width_px: int) -> NDArray[np.uint8]:
    """Cut one line out of a page and set it upright, in one resampling.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        quad: (4, 2) float32, a rotated rectangle; what sticks out of the page repeats the page's edge.
        width_px: Width of the crop.

    Returns:
        (48, width_px, 3) uint8 RGB.
    """
    (level,) = _level_lines(quad[np.newaxis])
    return _cut_tilted(pixels, quad, width_px) if level is None else _cut_level(pixels, level, width_px)


class _LevelLine(NamedTuple):
    """A line along the page's rows or columns, as the slice of the page that it is."""

    left: int
    top: int
    right: int
    bottom: int
    turns: int
    """Quarter turns anticlockwise that bring the text's direction to the right."""


def _level_lines(quads: NDArray[np.float32]) -> list[_LevelLine | None]:
    """Per quad, of (N, 4, 2): the slice; null where the line is tilted."""
    along, across = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    lengths, heights = np.hypot(along[:, 0], along[:, 1]), np.hypot(across[:, 0], across[:, 1])
    is_level = np.abs(along).min(axis=1) <= LEVEL_RISE * heights
    runs_down = np.abs(along[:, 1]) > np.abs(along[:, 0])
    turns = np.where(runs_down, np.where(along[:, 1] > 0, 1, 3), np.where(along[:, 0] > 0, 0, 2))
    sides = np.stack([lengths, heights], axis=1)
    sides[runs_down] = sides[runs_down, ::-1]
    center = (quads[:, 0] + quads[:, 2]) / 2
    spans = np.rint(np.concatenate([center - sides / 2, center + sides / 2], axis=1)).astype(int)
    slices = zip(spans.tolist(), turns.tolist(), is_level.tolist(), strict=True)
    return [_LevelLine._make([*span, turn]) if level else None for span, turn, level in slices]


def _cut_level(pixels: NDArray[np.uint8], line: _LevelLine, width_px: int) -> NDArray[np.uint8]:
    """A line along the page's rows or columns is a slice: resizing it costs a third of warping it (0.07 to 0.20 ms)."""
    region = _region(pixels, left=line.left, top=line.top, right=line.right, bottom=line.bottom)
    if line.turns:
        region = np.ascontiguousarray(np.rot90(region, k=line.turns))
    shrinks = region.shape[0] >= AVERAGING_SHRINK * RECOGNITION_HEIGHT_PX
    size = (width_px, RECOGNITION_HEIGHT_PX)
    crop = cv2.resize(region, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(crop, dtype=np.uint8)


def _cut_tilted(pixels: NDArray[np.uint8], quad: NDArray[np.float32], width_px: int) -> NDArray[np.uint8]:
    """Any other line is warped, out of the part of the page around it."""
    left, top = np.floor(quad.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(quad.max(axis=0)).astype(int) + 2
    left, top = min(max(left, 0), pixels.shape[1] - 1), min(max(top, 0), pixels.shape[0] - 1)
    region = pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    corners = quad[[0, 1, 3]] - np.array([left, top], dtype=np.float32)
    # Interpolation looks at the nearest pixels only, so type much larger than the crop is averaged down first.
    shrink = int(np.hypot(*(corners[2] - corners[0]))) // RECOGNITION_HEIGHT_PX
    if shrink >= AVERAGING_SHRINK:
        size = (max(1, region.shape[1] // shrink), max(1, region.shape[0] // shrink))
        corners *= np.array([size[0] / region.shape[1], size[1] / region.shape[0]], dtype=np.float32)
        region = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    target = np.array([[0, 0], [width_px, 0], [0, RECOGNITION_HEIGHT_PX]], dtype=np.float32)
    # Corners are edges of pixels, the transform maps their centres: half a pixel on both sides.
    transform = cv2.getAffineTransform(corners - 0.5, target - 0.5)
    crop = cv2.warpAffine(
        region,
        transform,
        (width_px, RECOGNITION_HEIGHT_PX),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(crop, dtype=np.uint8)


def _region(pixels: NDArray[np.uint8], *, left: int, top: int, right: int, bottom: int) -> NDArray[np.uint8]:
    """A slice of a page; what sticks out of the page repeats its edge."""
    height, width = pixels.shape[:2]
    inner_left, inner_top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    inner_right, inner_bottom = max(min(right, width), inner_left + 1), max(min(bottom, height), inner_top + 1)
    region = pixels[inner_top:inner_bottom, inner_left:inner_right]
    if (inner_left, inner_top, inner_right, inner_bottom) == (left, top, right, bottom):
        return region
    return np.asarray(
        cv2.copyMakeBorder(
            region,
            max(inner_top - top, 0),
            max(bottom - inner_bottom, 0),
            max(inner_left - left, 0),
            max(right - inner_right, 0),
            cv2.BORDER_REPLICATE,
        ),
        dtype=np.uint8,
    )


def cut_lines(
    pixels: NDArray[np.uint8], quads: NDArray[np.float32], *, stretch: float = 1.0
) -> list[NDArray[np.uint8]]:
    """Cut lines out of a page.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        quads: (N, 4, 2) float32.
        stretch: How much wider than printed they come out.

    Returns:
        Per quad (48, W, 3) uint8 RGB.
    """
    widths_px = crop_widths_px(quads, stretch=stretch).tolist()
    return [
        _cut_tilted(pixels, quad, width_px) if level is None else _cut_level(pixels, level, width_px)
        for quad, level, width_px in zip(quads, _level_lines(quads), widths_px, strict=True)
    ]


def batch_crops(crops: list[NDArray[np.uint8]]) -> list[CropBatch]:
    """Group crops by width, widest first, so that the recogniser's parallel streams end together."""
    parts = [
        _Part(pixels=pixels, line=line, part=part)
        for line, crop in enumerate(crops)
        for part, pixels in enumerate(split_wide(crop))
    ]
    parts.sort(key=lambda part: -part.pixels.shape[1])
    return [_batch(group) for group in _grouped(parts)]


def split_wide(crop: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Cut a crop wider than the widest class where there is least ink, on a timestep's edge.

    Args:
        crop: (48, W, 3) uint8 RGB.

    Returns:
        Parts from left to right; each but the last is a whole number of timesteps wide, so that the answers can be
        put end to end.
    """
    widest = RECOGNITION_WIDTHS_PX[-1]
    width = crop.shape[1]
    if width <= widest:
        return [crop]
    parts = math.ceil(width / (widest * (1 - SPLIT_SEARCH)))
    goal, reach = width / parts, width / parts * SPLIT_SEARCH / 2
    # Ink is contrast within a column, whatever the colour of the paper.
    contrast = crop.max(axis=(0, 2)).astype(np.int32) - crop.min(axis=(0, 2))
    usable = width // RECOGNITION_STRIDE_PX
    per_step = contrast[: usable * RECOGNITION_STRIDE_PX].reshape(usable, RECOGNITION_STRIDE_PX)
    at_edge = per_step[1:, 0] + per_step[:-1, -1]
    cuts = [0]
    for index in range(1, parts):
        first = max(int((index * goal - reach) // RECOGNITION_STRIDE_PX), cuts[-1] // RECOGNITION_STRIDE_PX + 1)
        last = min(int((index * goal + reach) // RECOGNITION_STRIDE_PX), usable - 1)
        cuts.append((first + int(np.argmin(at_edge[first - 1 : last]))) * RECOGNITION_STRIDE_PX)
    return [crop[:, start:end] for start, end in zip(cuts, [*cuts[1:], width], strict=True)]


def _grouped(parts: list[_Part]) -> list[list[_Part]]:
    """Fill batches with parts of nearly the same width; ``parts`` come widest first."""
    groups: list[list[_Part]] = []
    for part in parts:
        width_class = recognition_width_px(part.pixels.shape[1])
        if groups and len(groups[-1]) < TEXT_RECOGNITION.max_batch_size:
            batch_class = recognition_width_px(groups[-1][0].pixels.shape[1])
            if batch_class - width_class <= JOIN_SLACK_PX:
                groups[-1].append(part)
                continue
        groups.append([part])
    return groups


def _batch(group: list[_Part]) -> CropBatch:
    """Lay parts on grey in one array; the first is the widest."""
    width = recognition_width_px(group[0].pixels.shape[1])
    crops = np.empty((len(group), RECOGNITION_HEIGHT_PX, width, 3), dtype=np.uint8)
    rows = []
    for row, part in enumerate(group):
        part_width = part.pixels.shape[1]
        crops[row, :, :part_width] = part.pixels
        crops[row, :, part_width:] = RECOGNITION_PAD_VALUE
        timesteps = math.ceil(part_width / RECOGNITION_STRIDE_PX)
        rows.append(CropRow(line=part.line, part=part.part, timesteps=timesteps))
    return CropBatch(crops=crops, rows=tuple(rows))
