"""Seconds that a GPU needs for the two models: computed, layer by layer, from operations and bytes. Not measured.

A layer takes the longer of its operations at the reachable share of the peak, and its bytes at the reachable share of
the bandwidth (the roofline model: Williams, Waterman, Patterson, 2009), and every kernel a launch. Two readings are
given. *Hopeful*: what an optimiser may fuse costs no traffic, and kernels reach usual shares of the peaks. *Cautious*:
nothing is fused, and half of those shares. Plans use the cautious one. Whoever runs the engines on a GPU replaces
either by what ``trtexec`` or ``perf_analyzer`` prints.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.capacity.operations import Layer, detection_layers, recognition_layers
from evaluation.capacity.profile import ModelCost
from ocr_core.contracts.tensors import DETECTION_SHAPES

GPUS_FILE = Path(__file__).with_name("gpus.toml")
RECOGNITION_GRID = ((1, 64), (1, 320), (4, 160), (8, 160), (8, 320), (8, 640), (8, 1280))
"""(rows, width in px) at which the recogniser is computed; between them the time is a straight line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A data sheet's figures, in operations and bytes a second."""

    name: str
    matrix_ops_s: float
    vector_ops_s: float
    memory_bytes_s: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a data sheet is read."""

    name: str
    matrix_share: float
    vector_share: float
    memory_share: float
    launch_s: float
    """Of one kernel in a CUDA graph; without one it is two to three times as much."""
    fused: bool


HOPEFUL = Reading(name="hopeful", matrix_share=0.4, vector_share=0.4, memory_share=0.75, launch_s=2e-6, fused=True)
CAUTIOUS = Reading(name="cautious", matrix_share=0.2, vector_share=0.2, memory_share=0.5, launch_s=4e-6, fused=False)


def load_gpus(file: Path = GPUS_FILE) -> dict[str, Gpu]:
    """The known GPUs by name."""
    return {
        name: Gpu(
            name=name,
            matrix_ops_s=entry["matrix_tflops"] * 1e12,
            vector_ops_s=entry["vector_tflops"] * 1e12,
            memory_bytes_s=entry["memory_gb_s"] * 1e9,
            source=entry["source"],
        )
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items()
    }


def seconds(layers: Sequence[Layer], gpu: Gpu, reading: Reading) -> float:
    """Of one execution."""
    total_s = 0.0
    for layer in layers:
        if reading.fused and layer.fusable:
            continue
        share, peak = (
            (reading.matrix_share, gpu.matrix_ops_s)
            if layer.on_matrix_units
            else (reading.vector_share, gpu.vector_ops_s)
        )
        computing_s = layer.operations / (share * peak)
        moving_s = layer.bytes_moved / (reading.memory_share * gpu.memory_bytes_s)
        total_s += max(computing_s, moving_s) + reading.launch_s
    return total_s


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuCost:
    """Both models on one GPU."""

    gpu: Gpu
    reading: Reading
    detection: ModelCost
    """By area in px."""
    recognition: ModelCost
    """By rows times width in px."""


def graphs() -> tuple[dict[int, list[Layer]], dict[int, list[Layer]]]:
    """Layers of the detector by area, of the recogniser by rows times width.

    Raises:
        FileNotFoundError: the models are not prepared.
    """
    shapes = {height * width: (height, width) for height, width in DETECTION_SHAPES}
    areas = sorted(shapes)
    detection = {area: detection_layers(*shapes[area]) for area in (areas[0], areas[len(areas) // 2], areas[-1])}
    recognition = {rows * width: recognition_layers(width, rows) for rows, width in RECOGNITION_GRID}
    return detection, recognition


def gpu_costs(gpus: Sequence[Gpu], readings: Sequence[Reading] = (CAUTIOUS, HOPEFUL)) -> list[GpuCost]:
    """Compute every GPU under every reading."""
    detection, recognition = graphs()
    return [
        GpuCost(
            gpu=gpu,
            reading=reading,
            detection=_cost(detection, gpu, reading),
            recognition=_cost(recognition, gpu, reading),
        )
        for gpu in gpus
        for reading in readings
    ]


def _cost(layers_by_size: dict[int, list[Layer]], gpu: Gpu, reading: Reading) -> ModelCost:
    return ModelCost(
        points=tuple((float(size), seconds(layers, gpu, reading)) for size, layers in sorted(layers_by_size.items()))
    )
