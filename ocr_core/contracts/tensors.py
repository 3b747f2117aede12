"""The one truth about tensors: what Triton's two models take and give.

A test parses every ``config.pbtxt`` against this module. Images are interleaved RGB, as the sandbox hands pages
out; channel order and normalisation belong to the model, inside Triton.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DataType(StrEnum):
    """Triton's names of the element types in use, as in a request; a config file writes ``TYPE_`` before them."""

    UINT8 = "UINT8"
    INT32 = "INT32"
    FP32 = "FP32"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """A tensor's name, element type and shape without the batch dimension; -1 is decided per request."""

    name: str
    data_type: DataType
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model of the repository."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int


TEXT_DETECTION = ModelSpec(
    name="text_detection",
    # (N, H, W, 3) uint8 RGB; H and W are one of DETECTION_SHAPES.
    inputs=(TensorSpec(name="image", data_type=DataType.UINT8, shape=(-1, -1, 3)),),
    # (N, H, W) uint8: the probability that a pixel is text, times 255.
    outputs=(TensorSpec(name="probability", data_type=DataType.UINT8, shape=(-1, -1)),),
    max_batch_size=4,
)

TEXT_RECOGNITION = ModelSpec(
    name="text_recognition",
    # (N, 48, W, 3) uint8 RGB; W is one of RECOGNITION_WIDTHS_PX; grey (127) right of a shorter crop.
    inputs=(TensorSpec(name="crops", data_type=DataType.UINT8, shape=(48, -1, 3)),),
    # (N, T) each, T = W / RECOGNITION_STRIDE_PX: top-1 class and its probability per timestep, uncollapsed.
    outputs=(
        TensorSpec(name="class_ids", data_type=DataType.INT32, shape=(-1,)),
        TensorSpec(name="confidences", data_type=DataType.FP32, shape=(-1,)),
    ),
    max_batch_size=8,
)

MODELS: tuple[ModelSpec, ...] = (TEXT_DETECTION, TEXT_RECOGNITION)

CTC_BLANK_ID = 0
"""The recogniser's class for "no character"; class ``i`` > 0 is line ``i`` of the charset file."""

RECOGNITION_HEIGHT_PX = 48
RECOGNITION_STRIDE_PX = 8
"""Horizontal pixels of a crop per timestep."""

RECOGNITION_PAD_VALUE = 127
"""Right of a crop that is narrower than its class: the value that normalisation maps nearest to zero."""

# On CPU a recogniser's cost is proportional to its width and a batch brings nothing (measured: 320 px 3.3 ms alone,
# 3.2 ms a line in a batch of 8), so narrow steps save padding; a GPU's engines cover ranges of these widths.
RECOGNITION_WIDTHS_PX: tuple[int, ...] = (
    *range(64, 640, 32),
    *range(640, 1280, 64),
    # Rare from here on: each class costs a compilation and memory in every process that serves it.
    *(1280, 1600, 2048, 2560),
)

# (height, width): canvases that a page is fitted into, so that every shape is warm before the first request.
# The first look at a page has some 0.84 million pixels whatever its form (A4, Letter, square, receipts); pages with
# small print get a second, on one or more of the larger canvases (`preprocess_svc/detection.py`).
DETECTION_SHAPES: tuple[tuple[int, int], ...] = (
    (640, 640),
    (1088, 768),
    (768, 1088),
    (1024, 800),
    (800, 1024),
    (928, 928),
    (1312, 640),
    (640, 1312),
    (1536, 544),
    (1920, 448),
    (1472, 1056),
    (1056, 1472),
)


def recognition_width_px(crop_width_px: float) -> int:
    """The narrowest width class that holds a crop; the widest one if none does (the crop is squeezed into it)."""
    return next((w for w in RECOGNITION_WIDTHS_PX if w >= crop_width_px), RECOGNITION_WIDTHS_PX[-1])
