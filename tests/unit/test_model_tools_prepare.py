"""The repository is made from the wheel's weights, once, and not with a charset that nobody knows."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from local_stack.triton import REPOSITORY_ROOT
from model_tools import graphs
from model_tools.engine_settings import model_process
from model_tools.openvino_models import (
    EngineSettings,
    Precision,
    TextDetector,
    TextRecogniser,
    UnknownShape,
    model_file,
    top1,
)
from model_tools.prepare import PreparationFailed, Sources, check_charset, main, prepare


@pytest.fixture(scope="module")
def sources():
    return Sources.of_installed_wheel()


@pytest.fixture
def repository(tmp_path):
    """The committed half of the model repository: configurations without weights."""
    for name in ("text_detection", "text_recognition"):
        shutil.copytree(REPOSITORY_ROOT / "model_repository" / name / "configs", tmp_path / name / "configs")
    return tmp_path


def test_a_second_run_has_nothing_to_do(sources, repository):
    assert prepare(sources, repository, int8=False)
    assert not prepare(sources, repository, int8=False)

    (repository / "text_detection" / "1" / "model.bin").write_bytes(b"cut short")
    assert prepare(sources, repository, int8=False)


def test_the_charset_has_a_line_for_every_class_but_the_blank(sources, repository):
    prepare(sources, repository, int8=False)

    written = (repository / "text_recognition" / "charset.txt").read_bytes()
    characters = written.decode().split("\n")[:-1]
    assert len(characters) == 18_710 - 1
    assert characters[-1] == " "
    assert "請" in characters
    assert check_charset(repository) == hashlib.sha256(written).hexdigest()


def test_an_unknown_charset_is_refused_with_its_digest(sources, repository, caplog):
    config = repository / "text_recognition" / "configs" / "gpu.pbtxt"
    prepare(sources, repository, int8=False)
    digest = check_charset(repository)
    config.write_text(config.read_text().replace(digest, "0" * 64))

    with pytest.raises(PreparationFailed, match=digest):
        prepare(sources, repository, int8=False)
    assert main(["--repository", str(repository), "--without-int8"]) == 1
    assert digest in caplog.text


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(PreparationFailed, match="PP-OCRv6_det_small"):
        Sources.in_folder(tmp_path)


def test_a_model_of_another_kind_is_refused():
    node = helper.make_node("Relu", ["x"], ["y"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, "H", "W"]) for name in ("x", "y")]
    model = helper.make_model(helper.make_graph([node], "other", value[:1], value[1:]))

    with pytest.raises(graphs.UnexpectedGraph, match="convolution"):
        graphs.prepare_detector(model)
    with pytest.raises(graphs.UnexpectedGraph, match="character"):
        graphs.charset(model)


def test_a_recogniser_that_does_not_end_in_a_classifier_is_refused(sources):
    with pytest.raises(graphs.UnexpectedGraph, match="softmax"):
        graphs.split_recogniser(onnx.load(sources.detector))


def test_a_charset_that_does_not_fit_the_classes_is_refused(sources):
    model = onnx.load(sources.recogniser)
    model.metadata_props[0].value += "\nextra"

    with pytest.raises(graphs.UnexpectedGraph, match="18710 characters"):
        graphs.charset(model)


def test_top1_takes_the_best_class_of_each_step():
    probabilities = np.array([[[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]]], np.float32)

    ids, best = top1(probabilities)

    assert ids.tolist() == [[1, 0]]
    assert ids.dtype == np.int32
    assert best.tolist() == [[np.float32(0.7), np.float32(0.6)]]


def test_a_model_with_top1_in_its_graph_may_stand_in(sources, repository, tmp_path):
    """What stands in model.onnx serves too, where no model.xml is: any model with the tensors does."""
    prepare(sources, repository, int8=False)
    version_dir = repository / "text_recognition" / "1"
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(version_dir / "model.onnx", alone)
    crops = np.random.default_rng(3).integers(0, 255, (3, 48, 96, 3), np.uint8)
    answers = []
    for folder in (version_dir, alone):
        recogniser = TextRecogniser(folder, EngineSettings(threads=1, precision=Precision.F32))
        recogniser.load([96])
        answers.append(recogniser.recognise(crops))

    assert answers[0][0].shape == (3, 12)
    np.testing.assert_array_equal(answers[0][0], answers[1][0])
    np.testing.assert_allclose(answers[0][1], answers[1][1], atol=1e-5)


def test_a_shape_that_is_no_class_is_refused(sources, repository):
    prepare(sources, repository, int8=False)
    detector = TextDetector(repository / "text_detection" / "1", EngineSettings(threads=1))
    detector.load([(64, 64)])

    assert detector.detect(np.zeros((2, 64, 64, 3), np.uint8)).shape == (2, 64, 64)
    with pytest.raises(UnknownShape, match="96"):
        detector.detect(np.zeros((1, 96, 64, 3), np.uint8))


def test_a_missing_model_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model_tools\.prepare"):
        model_file(tmp_path)


def _arguments(count: int) -> dict[str, str]:
    config = json.dumps({"instance_group": [{"count": count}]})
    return {"model_config": config, "model_repository": "/models/text_recognition", "model_version": "1"}


def test_processes_of_a_model_share_the_cores():
    process = model_process(_arguments(2), {"OCR_MODEL_THREADS": "8", "OCR_MODEL_PRECISION": "bf16"})

    assert process.settings == EngineSettings(threads=4, precision=Precision.BF16)
    assert str(process.version_dir) == "/models/text_recognition/1"
    assert model_process(_arguments(4), {"OCR_MODEL_THREADS": "2"}).settings.threads == 1
    assert model_process(_arguments(1), {}).settings.threads >= 1


@pytest.mark.parametrize(("name", "value"), [("OCR_MODEL_THREADS", "0"), ("OCR_MODEL_PRECISION", "int4")])
def test_a_bad_setting_stops_the_start_and_names_itself(name, value):
    with pytest.raises(ValueError, match=name):
        model_process(_arguments(1), {name: value})
