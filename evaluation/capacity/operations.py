"""The two models' operations and bytes, counted in the prepared graphs at one shape: a GPU's time is made of these.

OpenVINO infers every shape; nothing is run. A multiplication with its addition counts as two operations. Bytes are what
a layer reads and writes at 16 bits, weights included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openvino as ov
from openvino.passes import ConstantFolding, Manager

from evaluation.datasets import REPOSITORY
from ocr_core.contracts.tensors import RECOGNITION_HEIGHT_PX, TEXT_DETECTION, TEXT_RECOGNITION, ModelSpec

BYTES_A_VALUE = 2
"""FP16."""

# What runs on matrix units; everything else on the ordinary ones.
_MATRIX = frozenset({"Convolution", "ConvolutionBackpropData", "MatMul"})
_NO_WORK = frozenset({"Constant", "Parameter", "Result", "Reshape", "Squeeze", "Unsqueeze", "ShapeOf", "Gather"})
# An optimiser computes these with the layer whose output they change, in registers: no traffic of their own.
_FUSED = frozenset(
    {
        "Add", "Subtract", "Multiply", "Divide", "Relu", "HardSigmoid", "HSwish", "Sigmoid", "Swish", "Erf", "Gelu",
        "Clamp", "Convert", "Power", "Sqrt", "Round", "FakeQuantize", "BatchNormInference", "Negative",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One operation of a graph."""

    kind: str
    operations: float
    bytes_moved: float
    on_matrix_units: bool
    fusable: bool
    """Whether an optimiser would compute it together with the layer before."""


def detection_layers(height_px: int, width_px: int, rows: int = 1) -> list[Layer]:
    """Of the detector.

    Raises:
        FileNotFoundError: the models are not prepared (``make models``).
    """
    return list(layers(_model_file(TEXT_DETECTION), (rows, height_px, width_px, 3)))


def recognition_layers(width_px: int, rows: int = 1) -> list[Layer]:
    """Of the recogniser.

    Raises:
        FileNotFoundError: the models are not prepared (``make models``).
    """
    return list(layers(_model_file(TEXT_RECOGNITION), (rows, RECOGNITION_HEIGHT_PX, width_px, 3)))


def total_operations(graph: Sequence[Layer]) -> float:
    """Of a graph."""
    return sum(layer.operations for layer in graph)


def total_bytes(graph: Sequence[Layer], *, fused: bool) -> float:
    """Of a graph, with or without the traffic of layers that an optimiser fuses."""
    return sum(layer.bytes_moved for layer in graph if not (fused and layer.fusable))


def _model_file(spec: ModelSpec) -> Path:
    return REPOSITORY / "model_repository" / spec.name / "1" / "model.onnx"


def layers(file: Path, shape: tuple[int, ...]) -> Iterator[Layer]:
    """Of any graph with one input, at one shape.

    Raises:
        FileNotFoundError.
    """
    if not file.exists():
        raise FileNotFoundError(f"{file} is not there: run `make models`")
    model = ov.Core().read_model(file)
    model.reshape(list(shape))
    _settle_shapes(model)
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind in _NO_WORK or _is_constant(node):
            continue
        values = sum(_size(node.output(index)) for index in range(node.get_output_size()))
        values += sum(_size(node.input_value(index)) for index in range(node.get_input_size()))
        yield Layer(
            kind=kind,
            operations=_operations(node, kind),
            bytes_moved=values * BYTES_A_VALUE,
            on_matrix_units=kind in _MATRIX,
            fusable=kind in _FUSED,
        )


def _settle_shapes(model: ov.Model) -> None:
    """Turn shapes that the graph works out by itself into constants, so that none is left open."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Identity":  # constant folding stops at these
            for target in node.output(0).get_target_inputs():
                target.replace_source_output(node.input_value(0))
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)
    model.validate_nodes_and_infer_types()


def _is_constant(node: Any) -> bool:
    """Whether everything that goes in is a constant: such a part is computed once, when the engine is built."""
    inputs = [node.input_value(index).get_node().get_type_name() for index in range(node.get_input_size())]
    return bool(inputs) and all(kind == "Constant" for kind in inputs)


def _operations(node: Any, kind: str) -> float:
    written = _size(node.output(0))
    weights: list[int] = list(node.input_value(1).get_shape()) if node.get_input_size() > 1 else []
    if kind == "Convolution":  # weights (out, in, kh, kw)
        return 2.0 * written * math.prod(weights[1:])
    if kind == "GroupConvolution":  # weights (groups, out, in, kh, kw)
        return 2.0 * written * math.prod(weights[2:])
    if kind == "ConvolutionBackpropData":  # weights (in, out, kh, kw): every value read is spread over these
        return 2.0 * _size(node.input_value(0)) * math.prod(weights[1:])
    if kind == "MatMul":
        first: list[int] = list(node.input_value(0).get_shape())
        return 2.0 * written * first[-2 if node.get_attributes().get("transpose_a") else -1]
    return float(max(written, _size(node.input_value(0)) if node.get_input_size() else 0))


def _size(output: Any) -> int:
    return math.prod(list(output.get_shape()))
