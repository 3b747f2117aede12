"""Surgery on ONNX graphs: from PaddleOCR's float tensors to the tensors of ``ocr_core.contracts.tensors``.

The originals take (N, 3, H, W) float32 BGR, normalised to -1..1, and give raw probabilities. The prepared models take
interleaved RGB bytes and give what leaves the model process: bytes of probability, or the top-1 class per timestep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocr_core.contracts.tensors import RECOGNITION_HEIGHT_PX, TEXT_DETECTION, TEXT_RECOGNITION

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXEL_MEAN = 127.5
PIXEL_SCALE = 127.5
"""PP-OCR's normalisation for both models, (x / 255 - 0.5) / 0.5, as one subtraction and one division."""

FEATURES = "features"
"""What the recogniser's body gives and its head takes, (N, T, C) float32."""

PROBABILITIES = "probabilities"
"""What the head gives, (N, T, classes) float32."""


class UnexpectedGraph(Exception):
    """The source model does not have the shape that this surgery knows."""


def prepare_detector(source: onnx.ModelProto) -> onnx.ModelProto:
    """(N, H, W, 3) uint8 RGB in, (N, H, W) uint8 probability times 255 out, rounded to the nearest."""
    model = _with_image_input(source, name=TEXT_DETECTION.inputs[0].name, height=None)
    raw = model.graph.output[0].name
    model.graph.initializer.append(numpy_helper.from_array(np.float32(255.0).reshape(()), "prepared.255"))
    output = TEXT_DETECTION.outputs[0].name
    model.graph.node.extend(
        [
            helper.make_node("Squeeze", [raw], ["prepared.map"], name="prepared.squeeze", axes=[1]),
            helper.make_node("Mul", ["prepared.map", "prepared.255"], ["prepared.scaled"], name="prepared.scale"),
            helper.make_node("Round", ["prepared.scaled"], ["prepared.rounded"], name="prepared.round"),
            helper.make_node("Cast", ["prepared.rounded"], [output], name="prepared.cast_out", to=TensorProto.UINT8),
        ]
    )
    _set_outputs(model, [helper.make_tensor_value_info(output, TensorProto.UINT8, ["N", "H", "W"])])
    return model


def prepare_recogniser(source: onnx.ModelProto) -> onnx.ModelProto:
    """(N, 48, W, 3) uint8 RGB in; (N, T) int32 top-1 class ids and (N, T) float32 probabilities out."""
    model = _with_image_input(source, name=TEXT_RECOGNITION.inputs[0].name, height=RECOGNITION_HEIGHT_PX)
    raw = model.graph.output[0].name
    ids, confidences = (output.name for output in TEXT_RECOGNITION.outputs)
    model.graph.node.extend(
        [
            helper.make_node("ArgMax", [raw], ["prepared.ids"], name="prepared.argmax", axis=2, keepdims=0),
            helper.make_node("Cast", ["prepared.ids"], [ids], name="prepared.cast_ids", to=TensorProto.INT32),
            helper.make_node("ReduceMax", [raw], [confidences], name="prepared.max", axes=[2], keepdims=0),
        ]
    )
    _set_outputs(
        model,
        [
            helper.make_tensor_value_info(ids, TensorProto.INT32, ["N", "T"]),
            helper.make_tensor_value_info(confidences, TensorProto.FLOAT, ["N", "T"]),
        ],
    )
    return model


def split_recogniser(source: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The recogniser in two, for a CPU: the body, crops to features, and the head, features to probabilities.

    The body is compiled once per width class and the head once for all: see ``openvino_models``.
    """
    model = _with_image_input(source, name=TEXT_RECOGNITION.inputs[0].name, height=RECOGNITION_HEIGHT_PX)
    output = model.graph.output[0]
    tail, features = _classifier(model.graph, output.name)
    weights = _initializer_behind(model.graph, tail[0].input[1])
    channels, classes = weights.dims
    head = onnx.ModelProto()
    head.CopyFrom(model)
    steps = [onnx.NodeProto.FromString(node.SerializeToString()) for node in tail]
    del model.graph.node[-len(tail) :]
    model.graph.node.append(helper.make_node("Identity", [features], [FEATURES], name="prepared.features"))
    _set_outputs(model, [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", "T", channels])])
    steps[0].input[0] = FEATURES
    steps[-1].output[0] = PROBABILITIES
    del head.graph.node[:], head.graph.input[:]
    head.graph.node.extend(steps)
    used = {name for node in steps for name in node.input}
    kept = [tensor for tensor in head.graph.initializer if tensor.name in used]
    del head.graph.initializer[:]
    head.graph.initializer.extend(kept)
    head.graph.input.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", "T", channels]))
    _set_outputs(head, [helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["N", "T", classes])])
    return model, head


def _classifier(graph: onnx.GraphProto, output: str) -> tuple[list[onnx.NodeProto], str]:
    """The last nodes of the graph from the classifying product on, and the name of what they start from."""
    tail: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        wanted = output if not tail else tail[0].input[0]
        if wanted not in node.output or node.op_type not in {"Softmax", "Identity", "Add", "MatMul"}:
            break
        tail.insert(0, node)
        if node.op_type == "MatMul":
            return tail, node.input[0]
    raise UnexpectedGraph("the recogniser is expected to end in one product, a bias and a softmax")


def charset(source: onnx.ModelProto) -> list[str]:
    """The recogniser's characters, in class order from class 1: those of its metadata, then the space.

    Raises:
        UnexpectedGraph: the metadata is missing, or does not match the number of classes.
    """
    written = next((p.value for p in source.metadata_props if p.key == "character"), None)
    if written is None:
        raise UnexpectedGraph("the recogniser carries no charset (metadata key 'character')")
    # PP-OCR adds the blank in front and the space behind; neither stands in the metadata.
    characters = [*written.split("\n"), " "]
    classes = source.graph.output[0].type.tensor_type.shape.dim[2].dim_value
    if len(characters) + 1 != classes:
        raise UnexpectedGraph(f"{len(characters)} characters and a blank do not make {classes} classes")
    return characters


def _with_image_input(source: onnx.ModelProto, *, name: str, height: int | None) -> onnx.ModelProto:
    """A copy of the model whose input is (N, H, W, 3) uint8 RGB."""
    model = onnx.ModelProto()
    model.CopyFrom(source)
    graph = model.graph
    if len(graph.input) != 1 or len(graph.output) != 1:
        raise UnexpectedGraph(f"one input and one output are expected, not {len(graph.input)} and {len(graph.output)}")
    original = graph.input[0].name
    _swap_first_convolution(graph, original)
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.float32(PIXEL_MEAN).reshape(()), "prepared.mean"),
            numpy_helper.from_array(np.float32(1.0 / PIXEL_SCALE).reshape(()), "prepared.inverse_scale"),
        ]
    )
    steps = [
        helper.make_node("Cast", [name], ["prepared.float"], name="prepared.cast_in", to=TensorProto.FLOAT),
        helper.make_node(
            "Transpose", ["prepared.float"], ["prepared.planes"], name="prepared.planes", perm=[0, 3, 1, 2]
        ),
        helper.make_node("Sub", ["prepared.planes", "prepared.mean"], ["prepared.centred"], name="prepared.centre"),
        helper.make_node("Mul", ["prepared.centred", "prepared.inverse_scale"], [original], name="prepared.normalise"),
    ]
    nodes = [*steps, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", height or "H", "W", 3]))
    return model


def _swap_first_convolution(graph: onnx.GraphProto, original_input: str) -> None:
    """Turn the first convolution's BGR weights round to RGB: the same sums, and no channel swap at run time."""
    readers = [node for node in graph.node if original_input in node.input]
    aliases = {original_input}
    while readers and all(node.op_type == "Identity" for node in readers):
        aliases = {node.output[0] for node in readers}
        readers = [node for node in graph.node if aliases & set(node.input)]
    if len(readers) != 1 or readers[0].op_type != "Conv":
        raise UnexpectedGraph("the input is expected to feed one convolution and nothing else")
    weights = _initializer_behind(graph, readers[0].input[1])
    kernel: NDArray[np.float32] = numpy_helper.to_array(weights)
    if kernel.ndim != 4 or kernel.shape[1] != 3:
        raise UnexpectedGraph(f"the first convolution's weights have the shape {kernel.shape}, not (C, 3, h, w)")
    swapped = numpy_helper.from_array(np.ascontiguousarray(kernel[:, ::-1]), "prepared.first_convolution")
    graph.initializer.append(swapped)
    readers[0].input[1] = swapped.name


def _initializer_behind(graph: onnx.GraphProto, name: str) -> onnx.TensorProto:
    """The initializer or constant of that name, through Identity nodes."""
    producers = {output: node for node in graph.node for output in node.output}
    while name in producers and producers[name].op_type == "Identity":
        name = producers[name].input[0]
    for tensor in graph.initializer:
        if tensor.name == name:
            return tensor
    if name in producers and producers[name].op_type == "Constant":
        return producers[name].attribute[0].t
    raise UnexpectedGraph(f"the weights '{name}' of the first convolution are not a constant")


def _set_outputs(model: onnx.ModelProto, values: Sequence[onnx.ValueInfoProto]) -> None:
    del model.graph.output[:]
    model.graph.output.extend(values)
    onnx.checker.check_model(model)
