"""Which shapes a TensorRT engine is optimised for, derived from the shape classes of ``ocr_core.contracts.tensors``.

Triton keeps one execution context for every profile of an instance and picks the profile by a request's shape, so
that nothing is switched at run time (switching one context between profiles doubled the latency elsewhere).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from ocr_core.contracts.tensors import (
    DETECTION_SHAPES,
    MODELS,
    RECOGNITION_HEIGHT_PX,
    RECOGNITION_WIDTHS_PX,
    TEXT_DETECTION,
    TEXT_RECOGNITION,
    ModelSpec,
)

Shape = tuple[int, int, int, int]
"""(N, H, W, 3)."""

GRAPH_BATCH_SIZES = (1, 2, 3, 4, 6, 8)
"""Rows that get a CUDA graph, up to a model's largest batch: what Triton's TensorRT backend captures where neither
graphs nor preferred sizes are given (its ``InitializeGraphSpecs``). Five and seven rows run as six and eight, at most a
fifth too many: graphs for them too would be a third more graphs, and each holds its share of the GPU's memory. The
detector, whose batches end at four, is never padded: on a small GPU a page too many takes longer than launches do
(``evaluation/capacity/gpus.py``)."""

WIDTH_RANGE_RATIO = 2.0
"""A recogniser's profile spans widths up to this ratio: its kernels are chosen for the widest of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A range of input shapes and the one that the engine's kernels are chosen for."""

    minimum: Shape
    optimum: Shape
    maximum: Shape

    def covers(self, shape: Shape) -> bool:
        """Whether a request of that shape may run under this profile."""
        bounds = zip(self.minimum, shape, self.maximum, strict=True)
        return all(low <= size <= high for low, size, high in bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphBatch:
    """The rows of a CUDA graph, and how few may run in it: those that are missing are whatever lay in memory."""

    rows: int
    least_rows: int

    @property
    def is_padded(self) -> bool:
        """Whether it takes batches that are smaller than itself."""
        return self.least_rows < self.rows


def shape_classes(model: ModelSpec) -> tuple[tuple[int, int], ...]:
    """Every (height, width) that requests to the model have."""
    if model is TEXT_DETECTION:
        return DETECTION_SHAPES
    return tuple((RECOGNITION_HEIGHT_PX, width) for width in RECOGNITION_WIDTHS_PX)


def profiles(model: ModelSpec) -> tuple[Profile, ...]:
    """The model's optimisation profiles; together they cover every shape class and batch size."""
    if model is TEXT_DETECTION:
        return tuple(_detection_profile(height, width) for height, width in DETECTION_SHAPES)
    return tuple(_recognition_profile(widths) for widths in _width_ranges())


def graph_batches(model: ModelSpec) -> tuple[GraphBatch, ...]:
    """The CUDA graphs of every shape class, each warmed at start; together they take every batch that can be formed."""
    sizes = [rows for rows in GRAPH_BATCH_SIZES if rows <= model.max_batch_size]
    return tuple(
        GraphBatch(rows=rows, least_rows=before + 1) for before, rows in itertools.pairwise(itertools.chain([0], sizes))
    )


def model_named(name: str) -> ModelSpec:
    """The model of that name.

    Raises:
        KeyError: there is none.
    """
    return {model.name: model for model in MODELS}[name]


def _detection_profile(height_px: int, width_px: int) -> Profile:
    # One exact shape each: pages come one at a time on the sync road, so that is the batch to be fast at.
    return Profile(
        minimum=(1, height_px, width_px, 3),
        optimum=(1, height_px, width_px, 3),
        maximum=(TEXT_DETECTION.max_batch_size, height_px, width_px, 3),
    )


def _recognition_profile(widths_px: tuple[int, ...]) -> Profile:
    batch = TEXT_RECOGNITION.max_batch_size
    return Profile(
        minimum=(1, RECOGNITION_HEIGHT_PX, widths_px[0], 3),
        optimum=(batch, RECOGNITION_HEIGHT_PX, widths_px[-1], 3),
        maximum=(batch, RECOGNITION_HEIGHT_PX, widths_px[-1], 3),
    )


def _width_ranges() -> Iterator[tuple[int, ...]]:
    rest = sorted(RECOGNITION_WIDTHS_PX)
    while rest:
        together = tuple(width for width in rest if width <= rest[0] * WIDTH_RANGE_RATIO)
        yield together
        rest = rest[len(together) :]
