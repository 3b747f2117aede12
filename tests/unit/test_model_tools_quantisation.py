"""INT8 of chosen layers: what is rounded, what is kept, and what the gate does with a bad one."""

from __future__ import annotations

import random

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from evaluation.model_samples import in_turn, pack_lines, write
from model_tools import int8
from model_tools.gate import Thresholds, at_least
from model_tools.quantisation import CannotQuantise, Range, choose_range, fake_quantise, heavy_products, quantise
from model_tools.samples import bundled_crops, bundled_pages
from ocr_core.contracts.tensors import DETECTION_SHAPES, RECOGNITION_WIDTHS_PX

SHAPE = (1, 96, 12, 12)


def _convolution(source, weights, name):
    node = ops.convolution(source, ops.constant(weights), [1, 1], [0, 0], [0, 0], [1, 1])
    node.set_friendly_name(name)
    return node


def _model(seed: int = 0) -> ov.Model:
    """Two pointwise convolutions with a ReLU between; the second gives few channels."""
    chance = np.random.default_rng(seed)
    image = ops.parameter(ov.PartialShape([-1, 96, -1, -1]), ov.Type.f32)
    first = _convolution(image, chance.normal(0, 0.1, (128, 96, 1, 1)).astype(np.float32), "wide")
    second = _convolution(ops.relu(first), chance.normal(0, 0.1, (8, 128, 1, 1)).astype(np.float32), "narrow")
    return ov.Model([second], [image], "toy")


def _samples(count: int = 6) -> list[np.ndarray]:
    chance = np.random.default_rng(9)
    return [chance.gamma(1.0, 1.0, SHAPE).astype(np.float32) for _ in range(count)]


def _answers(model: ov.Model) -> np.ndarray:
    request = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    return np.concatenate([request.infer([sample])[0].copy() for sample in _samples()])


def test_the_heavy_layers_are_wide_pointwise_ones():
    assert heavy_products(_model(), shape=SHAPE) == ["wide"]


def test_an_int8_layer_answers_nearly_as_before():
    model = _model()

    quantised = quantise(model, ["wide"], _samples(), clip=True)

    kinds = [node.get_type_name() for node in quantised.get_ops()]
    assert kinds.count("FakeQuantize") == 2  # what goes in, and the weights
    assert [node.get_type_name() for node in model.get_ops()].count("FakeQuantize") == 0
    wanted, got = _answers(model), _answers(quantised)
    assert not np.array_equal(wanted, got)
    assert np.abs(wanted - got).mean() < 0.03 * np.abs(wanted).mean()


def test_each_channel_keeps_its_mean():
    """Clipping takes more from the top than from the bottom; the correction gives it back."""
    chance = np.random.default_rng(4)
    weights = np.abs(chance.normal(0, 0.1, (128, 96, 1, 1))).astype(np.float32)
    image = ops.parameter(ov.PartialShape([-1, 96, -1, -1]), ov.Type.f32)
    model = ov.Model([_convolution(image, weights, "wide")], [image], "toy")

    quantised = quantise(model, ["wide"], _samples(), clip=True)

    wanted, got = (_answers(each).mean(axis=(0, 2, 3)) for each in (model, quantised))
    np.testing.assert_allclose(got, wanted, rtol=2e-4)


def test_zero_stays_zero():
    values = np.array([0.0, 0.7, -0.9], np.float32)

    for low, high in ((-1.0, 3.0), (0.0, 0.013), (-0.001, 250.0)):
        within = choose_range(values, low, high)
        assert fake_quantise(np.zeros(1, np.float32), within)[0] == pytest.approx(0.0, abs=1e-6 * (high - low))


def test_one_outlier_does_not_take_the_levels_of_all_others():
    values = np.append(np.random.default_rng(1).uniform(0, 1, 1_000_000), 2.0).astype(np.float32)

    assert choose_range(values, 0.0, 2.0).high < 1.2
    assert choose_range(values, 0.0, 2.0, clip=False) == Range(low=0.0, high=pytest.approx(2.0))


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(CannotQuantise, match="elsewhere"):
        quantise(_model(), ["elsewhere"], _samples(1), clip=True)


def test_what_does_not_pass_is_not_installed_and_takes_an_older_one_away(tmp_path):
    (tmp_path / "model.xml").write_text("the float model")
    (tmp_path / "model.int8.xml").write_text("an older one")

    def make(folder):
        (folder / "model.int8.xml").write_text("a bad one")

    verdict = int8._install("text_recognition", tmp_path, make, lambda _: [at_least("lines read the same", 0.5, 0.97)])

    assert not verdict.passed
    assert "refused" in str(verdict)
    assert "0.50000" in str(verdict)
    assert [path.name for path in tmp_path.iterdir()] == ["model.xml"]


def test_what_passes_is_installed(tmp_path):
    def make(folder):
        (folder / "model.int8.xml").write_text("a good one")

    verdict = int8._install("text_detection", tmp_path, make, lambda _: [at_least("mask IoU", 0.99, 0.98)])

    assert verdict.passed
    assert (tmp_path / "model.int8.xml").read_text() == "a good one"


def test_the_bundled_samples_are_in_the_models_shapes_and_enough_for_the_gate():
    crops, pages = bundled_crops(), bundled_pages()

    assert {crop.shape[2] for crop in crops} <= set(RECOGNITION_WIDTHS_PX)
    assert {page.shape[1:3] for page in pages} <= set(DETECTION_SHAPES)
    assert len(int8.halves(crops)[1]) >= Thresholds().min_crops
    assert len(int8.halves(pages)[1]) >= Thresholds().min_pages


def test_samples_come_back_as_they_were_packed(tmp_path):
    flat = [np.full((48, width, 3), 40 * (number + 1), np.uint8) for number, width in enumerate((320, 1600, 640))]
    sheet, places = pack_lines(flat)

    write(tmp_path, crops=flat, pages=[np.full((*DETECTION_SHAPES[0], 3), 200, np.uint8)])

    assert sheet.shape[0] == 2 * 48
    assert [width for _, _, width in places] == [320, 1600, 640]
    for wanted, got in zip(flat, bundled_crops(tmp_path), strict=True):
        assert got.shape == (1, *wanted.shape)
        assert np.abs(got[0].astype(int) - wanted).max() <= 4
    assert bundled_pages(tmp_path)[0].shape == (1, *DETECTION_SHAPES[0], 3)


def test_calibration_and_judgement_share_no_document():
    documents = [[np.full((1, 1), number)] * 9 for number in range(6)]

    images = in_turn(documents, 20, random.Random(1))  # noqa: S311 - a test's own

    even, odd = ({int(image[0, 0]) for image in half} for half in int8.halves(images))
    assert even
    assert odd
    assert not even & odd
