"""Which shapes a TensorRT engine is optimised for, derived from the shape classes of ``ocr_core.contracts.tensors``.

Triton keeps one execution context for every profile of an instance and picks the profile by a request's shape, so
that nothing is switched at run time (switching one context between profiles doubled the latency elsewhere).
"""

from __future__ import annotations

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


def batch_sizes_to_warm(model: ModelSpec) -> tuple[int, ...]:
    """Batch sizes that get a CUDA graph and a warm-up: a lone request, and the recogniser's full batch."""
    return (1,) if model is TEXT_DETECTION else (1, TEXT_RECOGNITION.max_batch_size)


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
