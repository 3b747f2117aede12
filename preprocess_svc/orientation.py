"""Which way up a page is.

No model of its own: that a page lies on its side shows in the shape of its boxes, and which of two opposite ways is up
shows in the recogniser's confidence on a few long lines. An upright page pays nothing: its lines are read at once, and
only where they come out poor is the page tried upside down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.geometry import angle_deg
from ocr_core.contracts.reading import LineReading
from preprocess_svc.crops import cut_lines
from preprocess_svc.recognition import CropReading, recognise_crops, spelling
from preprocess_svc.text_boxes import VERTICAL_ASPECT, TextBoxes
from preprocess_svc.tools import Tools
from preprocess_svc.vertical_script import UPRIGHT_CONFIDENCE, upright_characters

SAMPLE_LINES = 10
"""How many of the longest lines are read both ways to choose between two directions; the surer half of them counts,
since rules, stamps and boxes that run across columns are long as well."""

POOR_CONFIDENCE = 0.90
"""A page whose lines are read with less than this (weighted by length) may be upside down."""

CLEAR_MARGIN = 0.05
"""The other direction must be read better by this much: turning a page takes evidence."""

SURE_CONFIDENCE = 0.80
"""A page on its side is turned only if its sample is then read with at least this. Right ways have 0.9 and more."""

SKEW_ASPECT = 3.0
"""Boxes at least this much longer than high tell a direction."""

FEW_LINES = 5
FEW_LINES_SPREAD_DEG = 1.0
"""Fewer lines than this tell a direction only where they agree to within this: a box of three words is drawn a few
pixels askew, and a page of labels far from their values is torn apart by two degrees that are not there."""


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


def longest(boxes: TextBoxes, count: int = SAMPLE_LINES) -> NDArray[np.intp]:
    """Indices of the lines with the most characters, as far as shape tells."""
    aspects = boxes.lengths_px / np.maximum(boxes.heights_px, 1.0)
    return np.argsort(-aspects, kind="stable")[:count]


def turned(pixels: NDArray[np.uint8], rotation_deg: int) -> NDArray[np.uint8]:
    """A page turned clockwise by 0, 90, 180 or 270 degrees."""
    return pixels if rotation_deg == 0 else np.ascontiguousarray(np.rot90(pixels, k=-rotation_deg // 90))


async def sideways_rotation_deg(pixels: NDArray[np.uint8], boxes: TextBoxes, tools: Tools) -> int:
    """How far a page whose text runs down or up the page must be turned clockwise to stand upright.

    Returns:
        90 or 270; 0 where neither direction reads well; 0 or 180 where it is vertical Japanese.
    """
    running = boxes.select(runs_down(boxes))
    sample = running.select(longest(running))
    crops = await tools.in_thread(cut_lines, pixels, sample.quads)
    downwards = await recognise_crops(crops, tools)
    reversed_crops = [np.ascontiguousarray(crop[::-1, ::-1]) for crop in crops]
    upwards = await recognise_crops(reversed_crops, tools)
    runs_upwards = _sample_confidence(upwards) > _sample_confidence(downwards)
    readings, crops = (upwards, reversed_crops) if runs_upwards else (downwards, crops)
    if _sample_confidence(readings) < SURE_CONFIDENCE:
        return 0
    if await _is_vertical_script(crops, readings, tools):
        return 180 if runs_upwards else 0
    return 90 if runs_upwards else 270


async def _is_vertical_script(crops: list[NDArray[np.uint8]], readings: list[CropReading], tools: Tools) -> bool:
    rearranged = [upright_characters(crop, reading) for crop, reading in zip(crops, readings, strict=True)]
    candidates = [crop for crop in rearranged if crop is not None]
    if len(candidates) <= len(crops) // 2:
        return False
    return _mean_confidence(await recognise_crops(candidates, tools)) > UPRIGHT_CONFIDENCE


def _sample_confidence(sample: Sequence[CropReading | LineReading]) -> float:
    """How surely the surer half of a sample was read."""
    surest = np.argsort(-spelling(sample).confidences, kind="stable")[: (len(sample) + 1) // 2]
    return _mean_confidence([sample[index] for index in surest.tolist()])


def _mean_confidence(readings: Sequence[CropReading | LineReading]) -> float:
    """How surely crops were read, weighted by their length; 0 without any."""
    steps = [len(reading.class_ids) for reading in readings]
    return float(np.average(spelling(readings).confidences, weights=steps)) if sum(steps) else 0.0


async def is_upside_down(pixels: NDArray[np.uint8], boxes: TextBoxes, lines: list[LineReading], tools: Tools) -> bool:
    """Whether a page is read better from the other end, given how it was read as it stands."""
    if not lines or _mean_confidence(lines) >= POOR_CONFIDENCE:
        return False
    sample = longest(boxes)
    crops = await tools.in_thread(cut_lines, pixels, boxes.quads[sample])
    reverse = await recognise_crops([np.ascontiguousarray(crop[::-1, ::-1]) for crop in crops], tools)
    return _sample_confidence(reverse) > _sample_confidence([lines[index] for index in sample]) + CLEAR_MARGIN


def skew_deg(lines: list[LineReading]) -> float:
    """The text's direction, clockwise from level: the median over the lines, weighted by their length."""
    angles, weights = [], []
    for line in lines:
        length = line.timestep_px * len(line.class_ids)
        if length >= SKEW_ASPECT * max(1.0, math.dist(line.quad[0], line.quad[3])):
            angle = angle_deg(line.quad)
            if abs(angle) < 45:
                angles.append(angle)
                weights.append(length)
    if not angles or (len(angles) < FEW_LINES and max(angles) - min(angles) > FEW_LINES_SPREAD_DEG):
        return 0.0
    order = np.argsort(angles)
    cumulative = np.cumsum(np.array(weights)[order])
    return float(np.array(angles)[order][np.searchsorted(cumulative, cumulative[-1] / 2)])
