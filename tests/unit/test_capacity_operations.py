"""Operations and bytes, counted in graphs small enough to count by hand, and in the prepared models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from evaluation.capacity.operations import detection_layers, layers, recognition_layers, total_bytes, total_operations


def save(folder: Path, nodes: list[onnx.NodeProto], weights: dict[str, tuple[int, ...]], rank: int) -> Path:
    """A graph from ``x`` to ``y`` whose input's shape is open."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [f"d{number}" for number in range(rank)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones(shape, dtype=np.float32), name) for name, shape in weights.items()],
    )
    file = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    return file


def test_a_convolution_counts_two_operations_for_each_weight_of_each_value_written(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    (layer,) = layers(save(tmp_path, [node], {"w": (8, 3, 3, 3)}, 4), (1, 3, 10, 12))
    assert layer.operations == 2 * (8 * 10 * 12) * (3 * 3 * 3)
    assert layer.bytes_moved == 2 * (8 * 10 * 12 + 3 * 10 * 12 + 8 * 3 * 3 * 3)
    assert layer.on_matrix_units


def test_a_depthwise_convolution_counts_its_own_channel_only_and_runs_on_ordinary_units(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=8, pads=[1, 1, 1, 1])
    (layer,) = layers(save(tmp_path, [node], {"w": (8, 1, 3, 3)}, 4), (1, 8, 10, 12))
    assert layer.operations == 2 * (8 * 10 * 12) * 9
    assert not layer.on_matrix_units


def test_a_transposed_convolution_counts_each_weight_of_each_value_read(tmp_path: Path) -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    (layer,) = layers(save(tmp_path, [node], {"w": (3, 8, 2, 2)}, 4), (1, 3, 10, 12))
    assert layer.operations == 2 * (3 * 10 * 12) * (8 * 2 * 2)


def test_a_product_of_matrices_counts_its_inner_side(tmp_path: Path) -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    (layer,) = layers(save(tmp_path, [node], {"w": (16, 30)}, 2), (5, 16))
    assert layer.operations == 2 * 5 * 16 * 30


def test_what_an_optimiser_fuses_moves_nothing_of_its_own(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    graph = list(layers(save(tmp_path, nodes, {"w": (16, 30)}, 2), (5, 16)))
    assert total_bytes(graph, fused=False) - total_bytes(graph, fused=True) == 2 * (5 * 30 + 5 * 30)


def test_the_models_operations_grow_with_area_and_width() -> None:
    try:
        small, large = detection_layers(640, 640), detection_layers(1088, 768)
        one, eight = recognition_layers(320), recognition_layers(320, 8)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert total_operations(large) / total_operations(small) == pytest.approx(1088 * 768 / 640**2, rel=0.02)
    assert total_operations(eight) / total_operations(one) == pytest.approx(8, rel=0.02)
    # Weights are read once for all rows.
    assert total_bytes(eight, fused=True) < 7.9 * total_bytes(one, fused=True)
