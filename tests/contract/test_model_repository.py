"""The model repository keeps to ``ocr_core.contracts.tensors``, and the prepared models to their originals."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import DataType as TritonDataType
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelQueuePolicy

from local_stack.triton import REPOSITORY_ROOT
from model_tools import graphs
from model_tools.gate import Thresholds, Top1, judge_detection, judge_recognition
from model_tools.gpu_config import render
from model_tools.openvino_models import EngineSettings, Precision, TextDetector, TextRecogniser
from model_tools.prepare import Sources, check_charset, prepare
from model_tools.profiles import profiles, shape_classes
from ocr_core.adapters.triton import MAX_EXECUTION_S
from ocr_core.contracts.tensors import DETECTION_SHAPES, MODELS, TEXT_RECOGNITION, recognition_width_px

REPOSITORY = REPOSITORY_ROOT / "model_repository"
CONFIGS = [(model, name) for model in MODELS for name in ("cpu", "gpu")]

# https://github.com/onnx/onnx-tensorrt/blob/main/docs/operators.md, those in use here
TENSORRT_OPERATORS = """
    Add ArgMax AveragePool BatchNormalization Cast Concat Conv ConvTranspose Div Erf GlobalAveragePool HardSigmoid
    Identity MatMul MaxPool Mul Pow ReduceMax ReduceMean Relu Reshape Resize Round Shape Sigmoid Slice Softmax Sqrt
    Squeeze Sub Transpose Unsqueeze
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The repository as prepared here and now; the one beside the code may be in use by a running Triton."""
    folder = tmp_path_factory.mktemp("model_repository")
    for model in MODELS:
        shutil.copytree(REPOSITORY / model.name / "configs", folder / model.name / "configs")
    prepare(Sources.of_installed_wheel(), folder, int8=False)
    return folder


def _config(model, name):
    text = (REPOSITORY / model.name / "configs" / f"{name}.pbtxt").read_text()
    return text_format.Parse(text, ModelConfig())


def _tensors(written):
    return [(each.name, TritonDataType.Name(each.data_type), tuple(each.dims)) for each in written]


def _wanted(specs):
    return [(spec.name, f"TYPE_{spec.data_type.value}", spec.shape) for spec in specs]


@pytest.mark.parametrize(("model", "name"), CONFIGS, ids=lambda value: getattr(value, "name", value))
def test_a_configuration_keeps_to_the_tensors(model, name):
    config = _config(model, name)

    assert config.name == model.name
    assert config.max_batch_size == model.max_batch_size
    assert _tensors(config.input) == _wanted(model.inputs)
    assert _tensors(config.output) == _wanted(model.outputs)


@pytest.mark.parametrize(("model", "name"), CONFIGS, ids=lambda value: getattr(value, "name", value))
def test_a_queue_is_bounded_and_knows_two_priorities(model, name):
    batching = _config(model, name).dynamic_batching
    policy = batching.default_queue_policy

    assert batching.priority_levels == 2
    assert batching.default_priority_level == 2
    assert 0 < policy.max_queue_size <= 1024
    assert policy.timeout_action == ModelQueuePolicy.REJECT
    assert policy.allow_timeout_override
    # A request may only shorten this, so that it must be longer than any deadline.
    assert policy.default_timeout_microseconds >= 300e6 + MAX_EXECUTION_S


def test_every_configuration_names_the_charset(repository):
    digest = check_charset(repository)

    assert digest == hashlib.sha256((repository / "text_recognition" / "charset.txt").read_bytes()).hexdigest()
    for name in ("cpu", "gpu"):
        assert _config(TEXT_RECOGNITION, name).parameters["charset_sha256"].string_value == digest


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_gpu_configuration_is_as_written_from_the_tensors(model, repository):
    digest = check_charset(repository) if model is TEXT_RECOGNITION else None
    committed = (REPOSITORY / model.name / "configs" / "gpu.pbtxt").read_text()

    assert committed == render(model, charset_sha256=digest), "run `python -m model_tools.gpu_config`"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_gpu_warms_every_shape_class_under_a_profile(model):
    config = _config(model, "gpu")
    name = model.inputs[0].name

    warmed = {(tuple(entry.inputs[name].dims), entry.batch_size) for entry in config.model_warmup}
    graphs_of = {(tuple(g.input[name].dim), g.batch_size) for g in config.optimization.cuda.graph_spec}
    assert {dims for dims, _ in warmed} == {(*shape, 3) for shape in shape_classes(model)}
    assert warmed == graphs_of
    assert [int(index) for index in config.instance_group[0].profile] == list(range(len(profiles(model))))
    for dims, batch in warmed:
        assert any(profile.covers((batch, *dims)) for profile in profiles(model))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_batch_that_the_gpu_can_form_runs_in_a_graph(model):
    config = _config(model, "gpu")
    name = model.inputs[0].name
    specs = config.optimization.cuda.graph_spec
    preferred = set(config.dynamic_batching.preferred_batch_size)

    assert config.optimization.cuda.graphs
    assert preferred
    for size, batch in itertools.product(shape_classes(model), range(1, model.max_batch_size + 1)):
        taken = [spec.batch_size for spec in specs if _graph_takes(spec, name, batch, (*size, 3))]
        assert len(taken) == 1, f"{batch} x {size} runs in the graphs of {taken} rows"
        padding = taken[0] - batch
        assert padding * 5 <= batch, "at most a fifth more rows than are asked for"
        assert not padding or batch not in preferred
        assert not padding or model is TEXT_RECOGNITION, "a page too many costs more than a graph saves"


def _graph_takes(spec, name, batch, dims):
    """As Triton's TensorRT backend matches (``FindClosestCudaGraph``): exactly, or down to a lower bound if given."""
    highest = (spec.batch_size, *spec.input[name].dim)
    lowest = highest
    if spec.HasField("graph_lower_bound"):
        # Whoever gives one has to give all of it (``ValidateGraphSpec``): a size that is missing is refused at start.
        lowest = (spec.graph_lower_bound.batch_size, *spec.graph_lower_bound.input[name].dim)
        # Rows can be padded, pictures not: Triton lays the bytes of a narrower one as if it were as wide as the graph.
        assert lowest[1:] == highest[1:]
        assert 1 <= lowest[0] <= highest[0]
    return all(low <= asked <= high for low, asked, high in zip(lowest, (batch, *dims), highest, strict=True))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_prepared_onnx_has_the_tensors_and_operators_that_tensorrt_takes(model, repository):
    prepared = onnx.load(repository / model.name / "1" / "model.onnx")
    onnx.checker.check_model(prepared)
    types = {"UINT8": onnx.TensorProto.UINT8, "INT32": onnx.TensorProto.INT32, "FP32": onnx.TensorProto.FLOAT}

    for values, specs in ((prepared.graph.input, model.inputs), (prepared.graph.output, model.outputs)):
        assert [value.name for value in values] == [spec.name for spec in specs]
        for value, spec in zip(values, specs, strict=True):
            written = value.type.tensor_type
            assert written.elem_type == types[spec.data_type.value]
            dims = tuple(dim.dim_value or -1 for dim in written.shape.dim)
            assert dims == (-1, *spec.shape)
    assert {node.op_type for node in prepared.graph.node} <= set(TENSORRT_OPERATORS.split())


@pytest.fixture(scope="module")
def page(shared_data):
    """(1, H, W, 3) uint8 RGB: the first labelled receipt in the smallest canvas."""
    row = _rows(shared_data)[0]
    picture = cv2.imread(str(shared_data / "sroie" / row["file"]))
    height, width = min(DETECTION_SHAPES, key=lambda shape: shape[0] * shape[1])
    scaled = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(scaled[None, :, :, ::-1])


@pytest.fixture(scope="module")
def crops(shared_data):
    """120 real lines of twelve receipts, (1, 48, W, 3) uint8 RGB each."""
    return list(itertools.islice(_crops(shared_data), 120))


def _rows(shared_data):
    lines = (shared_data / "sroie" / "labels.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def _crops(shared_data):
    for row in _rows(shared_data)[:12]:
        picture = cv2.imread(str(shared_data / "sroie" / row["file"]))
        for line in row["lines"][:10]:
            (left, top), _, (right, bottom), _ = ((int(x), int(y)) for x, y in line["quad"])
            crop = picture[top:bottom, left:right, ::-1]
            width = recognition_width_px(crop.shape[1] * 48 / crop.shape[0])
            yield np.ascontiguousarray(cv2.resize(crop, (width, 48))[None])


def _original_input(image):
    """RapidOCR's own preparation: BGR, (x / 255 - 0.5) / 0.5, planes."""
    bgr = image[..., ::-1].astype(np.float32) / 255
    return np.ascontiguousarray(((bgr - 0.5) / 0.5).transpose(0, 3, 1, 2))


def _session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def test_the_prepared_detector_answers_as_the_original(repository, page):
    original = _session(Sources.of_installed_wheel().detector)
    prepared = _session(repository / "text_detection" / "1" / "model.onnx")

    wanted = np.rint(original.run(None, {"x": _original_input(page)})[0][:, 0] * 255)
    got = prepared.run(None, {"image": page})[0]

    assert got.dtype == np.uint8
    assert (wanted >= 77).mean() > 0.01, "the page must show text"
    # One level of rounding where the normalisation's last bit differs.
    assert np.abs(wanted - got).max() <= 1
    assert (wanted != got).mean() < 1e-3


def test_the_prepared_recogniser_answers_as_the_original(repository, crops):
    original = _session(Sources.of_installed_wheel().recogniser)
    prepared = _session(repository / "text_recognition" / "1" / "model.onnx")

    for crop in crops[:12]:
        whole = original.run(None, {"x": _original_input(crop)})[0]
        ids, confidences = prepared.run(None, {"crops": crop})
        assert ids.dtype == np.int32
        assert ids.shape == confidences.shape == (1, crop.shape[2] // 8)
        np.testing.assert_array_equal(ids, whole.argmax(2))
        np.testing.assert_allclose(confidences, whole.max(2), atol=1e-3)


def test_rows_that_pad_a_batch_change_no_answer_of_the_others(repository, crops):
    """A graph of six rows that runs five has whatever lay in memory in the sixth."""
    width = max(crop.shape[2] for crop in crops)
    rows = [np.pad(crop, ((0, 0), (0, 0), (0, width - crop.shape[2]), (0, 0)), constant_values=127) for crop in crops]
    asked = np.concatenate(rows[:5])
    left_over = np.random.default_rng(0).integers(0, 256, asked[:1].shape, np.uint8)
    session = _session(repository / "text_recognition" / "1" / "model.onnx")

    ids, confidences = session.run(None, {"crops": asked})
    padded_ids, padded_confidences = session.run(None, {"crops": np.concatenate([asked, left_over])})

    np.testing.assert_array_equal(padded_ids[:5], ids)
    np.testing.assert_allclose(padded_confidences[:5], confidences, atol=1e-5)


def test_openvino_at_16_bits_passes_the_gate_for_detection(repository, page):
    shape = page.shape[1:3]
    maps = {}
    for precision in (Precision.F32, Precision.F16):
        detector = TextDetector(repository / "text_detection" / "1", EngineSettings(threads=2, precision=precision))
        detector.load([shape])
        maps[precision] = detector.detect(page)[0].copy()

    findings = judge_detection([(maps[Precision.F32], maps[Precision.F16])], Thresholds(min_pages=1))

    assert all(finding.passed for finding in findings), "\n".join(map(str, findings))


def test_openvino_at_16_bits_passes_the_gate_for_recognition(repository, crops):
    widths = sorted({crop.shape[2] for crop in crops})
    answers = {}
    for precision in (Precision.F32, Precision.F16):
        recogniser = TextRecogniser(
            repository / "text_recognition" / "1", EngineSettings(threads=2, precision=precision)
        )
        recogniser.load(widths)
        rows = [recogniser.recognise(crop) for crop in crops]
        answers[precision] = [Top1(class_ids=ids[0], probabilities=best[0]) for ids, best in rows]

    findings = judge_recognition(
        zip(answers[Precision.F32], answers[Precision.F16], strict=True), Thresholds(min_crops=50)
    )

    assert all(finding.passed for finding in findings), "\n".join(map(str, findings))


def test_openvino_and_onnx_runtime_read_the_same(repository, crops):
    """The two forms of one model: probabilities for OpenVINO, top-1 in the graph for TensorRT."""
    prepared = _session(repository / "text_recognition" / "1" / "model.onnx")
    crop = crops[0]
    recogniser = TextRecogniser(
        repository / "text_recognition" / "1", EngineSettings(threads=2, precision=Precision.F32)
    )
    recogniser.load([crop.shape[2]])

    ids, best = recogniser.recognise(crop)

    wanted_ids, wanted_best = prepared.run(None, {"crops": crop})
    np.testing.assert_array_equal(ids, wanted_ids)
    np.testing.assert_allclose(best, wanted_best, atol=2e-3)


def test_the_charset_of_the_wheel_is_the_one_that_is_served(repository):
    characters = graphs.charset(onnx.load(Sources.of_installed_wheel().recogniser))

    assert (
        "".join(f"{c}\n" for c in characters).encode() == (repository / "text_recognition" / "charset.txt").read_bytes()
    )
