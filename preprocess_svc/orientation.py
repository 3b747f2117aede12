"""Which way up a page is.

No model of its own: that a page lies on its side shows in the shape of its boxes, and which of two opposite ways is up
shows in the recogniser's confidence on a few long lines. An upright page pays nothing: its lines are read at once, and
only where they come out poor is the page tried upside down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.geometry import angle_deg
from ocr_core.contracts.reading import LineReading
from preprocess_svc.recognition import line_confidence, recognise_lines
from preprocess_svc.text_boxes import VERTICAL_ASPECT, TextBoxes
from preprocess_svc.tools import Tools

SAMPLE_LINES = 6
"""How many of the longest lines are read both ways to choose between two directions."""

POOR_CONFIDENCE = 0.90
"""A page whose lines are read with less than this (weighted by length) may be upside down."""

CLEAR_MARGIN = 0.05
"""The other direction must be read better by this much: turning a page takes evidence."""

SURE_CONFIDENCE = 0.70
"""A page on its side is turned only if its sample is then read with at least this."""

SKEW_ASPECT = 3.0
"""Boxes at least this much longer than high tell a direction."""


def looks_sideways(boxes: TextBoxes) -> bool:
    """Whether most of the text's area lies in boxes that run down the page."""
    lengths, heights = boxes.lengths_px, boxes.heights_px
    elongated = lengths >= VERTICAL_ASPECT * heights
    areas = lengths * heights
    total = float(areas[elongated].sum())
    return total > 0 and float(areas[elongated & runs_down(boxes)].sum()) > total / 2


def runs_down(boxes: TextBoxes) -> NDArray[np.bool_]:
    """(N,) whether the reading direction is nearer to the vertical."""
    direction = np.abs(boxes.quads[:, 1] - boxes.quads[:, 0])
    down: NDArray[np.bool_] = direction[:, 1] > direction[:, 0]
    return down


def reversed_boxes(boxes: TextBoxes) -> TextBoxes:
    """The same boxes, read from the other end."""
    return TextBoxes(quads=np.roll(boxes.quads, 2, axis=1), scores=boxes.scores)


def longest(boxes: TextBoxes, count: int = SAMPLE_LINES) -> TextBoxes:
    """The lines with the most characters, as far as shape tells."""
    aspects = boxes.lengths_px / np.maximum(boxes.heights_px, 1.0)
    return boxes.select(np.argsort(-aspects, kind="stable")[:count])


def reading_confidence(lines: list[LineReading]) -> float:
    """How surely lines were read, weighted by their length in timesteps; 0 without lines."""
    steps = sum(len(line.class_ids) for line in lines)
    return sum(line_confidence(line) * len(line.class_ids) for line in lines) / steps if steps else 0.0


def turned(pixels: NDArray[np.uint8], rotation_deg: int) -> NDArray[np.uint8]:
    """A page turned clockwise by 0, 90, 180 or 270 degrees."""
    return pixels if rotation_deg == 0 else np.ascontiguousarray(np.rot90(pixels, k=-rotation_deg // 90))


async def sideways_rotation_deg(pixels: NDArray[np.uint8], boxes: TextBoxes, tools: Tools) -> int:
    """How far a page whose text runs down or up the page must be turned clockwise: 90, 270, or 0 to leave it.

    It is left where neither direction reads well: vertical Japanese also stands in tall boxes.
    """
    sample = longest(boxes.select(runs_down(boxes)))
    downwards = reading_confidence(await recognise_lines(pixels, sample, tools))
    upwards = reading_confidence(await recognise_lines(pixels, reversed_boxes(sample), tools))
    if max(downwards, upwards) < SURE_CONFIDENCE:
        return 0
    return 270 if downwards > upwards else 90


async def is_upside_down(pixels: NDArray[np.uint8], boxes: TextBoxes, lines: list[LineReading], tools: Tools) -> bool:
    """Whether a page is read better from the other end, given how it was read as it stands."""
    if not lines or reading_confidence(lines) >= POOR_CONFIDENCE:
        return False
    order = np.argsort(-boxes.lengths_px / np.maximum(boxes.heights_px, 1.0), kind="stable")[:SAMPLE_LINES]
    as_it_stands = reading_confidence([lines[index] for index in order])
    reverse = reading_confidence(await recognise_lines(pixels, reversed_boxes(boxes.select(order)), tools))
    return reverse > as_it_stands + CLEAR_MARGIN


def skew_deg(lines: list[LineReading]) -> float:
    """The text's direction, clockwise from level: the median over the lines, weighted by their length."""
    angles, weights = [], []
    for line in lines:
        length = line.timestep_px * len(line.class_ids)
        (x0, y0), (x3, y3) = line.quad[0], line.quad[3]
        if length >= SKEW_ASPECT * max(1.0, float(np.hypot(x3 - x0, y3 - y0))) and abs(angle_deg(line.quad)) < 45:
            angles.append(angle_deg(line.quad))
            weights.append(length)
    if not angles:
        return 0.0
    order = np.argsort(angles)
    cumulative = np.cumsum(np.array(weights)[order])
    return float(np.array(angles)[order][np.searchsorted(cumulative, cumulative[-1] / 2)])
