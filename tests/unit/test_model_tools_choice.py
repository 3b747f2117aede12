"""Which precision is served: what was asked for, what was measured, what is in place."""

from __future__ import annotations

import dataclasses
import time

import pytest
from google.protobuf import json_format, text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from local_stack.triton import REPOSITORY_ROOT
from model_tools.choice import Choice, config_name, read_choice, this_cpu, write_config
from model_tools.engine_settings import model_process, served_precisions
from model_tools.openvino_models import INT8_FILE, Precision, model_file
from model_tools.tune import fastest, medians_ms, splits, write_configs

CHOICE = Choice(cpu=this_cpu(), precisions={"text_detection": "f16", "text_recognition": "int8"})


@pytest.fixture
def repository(tmp_path):
    for model in ("text_detection", "text_recognition"):
        (tmp_path / model / "1").mkdir(parents=True)
        (tmp_path / model / "configs").mkdir()
        text = (REPOSITORY_ROOT / "model_repository" / model / "configs" / "cpu.pbtxt").read_text()
        (tmp_path / model / "configs" / "cpu.pbtxt").write_text(text)
    return tmp_path


def _process(repository, environment, *, config="cpu", model="text_recognition"):
    text = (repository / model / "configs" / f"{config}.pbtxt").read_text()
    parsed = json_format.MessageToJson(text_format.Parse(text, ModelConfig()), preserving_proto_field_name=True)
    return model_process(
        {"model_config": parsed, "model_repository": str(repository / model), "model_version": "1"}, environment
    )


def _put_int8(repository):
    (repository / "text_recognition" / "1" / INT8_FILE).touch()


def test_auto_follows_what_was_measured(repository):
    _put_int8(repository)
    assert config_name(repository, "auto") == "cpu"
    assert _process(repository, {}).settings.precision is Precision.F16

    CHOICE.write(repository)
    write_configs(repository, CHOICE)

    assert config_name(repository, "auto") == "tuned"
    assert _process(repository, {}, config="tuned").settings.precision is Precision.INT8
    assert _process(repository, {}, config="tuned", model="text_detection").settings.precision is Precision.F16
    assert served_precisions(repository, {}) == {"text_detection": Precision.F16, "text_recognition": Precision.INT8}


def test_what_is_asked_for_goes_before_what_was_measured(repository):
    _put_int8(repository)
    CHOICE.write(repository)
    write_configs(repository, CHOICE)
    asked = {"OCR_MODEL_PRECISION": "f32"}

    assert config_name(repository, "f32") == "cpu"
    assert _process(repository, asked).settings.precision is Precision.F32
    assert set(served_precisions(repository, asked).values()) == {Precision.F32}


def test_a_process_never_calculates_in_anything_else_than_its_configuration_tells_clients(repository):
    write_config(repository / "text_recognition", "int8", precision="int8")

    with pytest.raises(ValueError, match="OCR_MODEL_PRECISION"):
        _process(repository, {"OCR_MODEL_PRECISION": "f32"}, config="int8")
    process = _process(repository, {"OCR_MODEL_PRECISION": "int8"})
    assert process.settings.precision is Precision.F16
    assert "make models" in str(process.note)


def test_a_choice_for_another_cpu_is_none(repository):
    _put_int8(repository)
    other = dataclasses.replace(CHOICE, cpu="Another avx2")
    other.write(repository)
    write_configs(repository, other)

    assert read_choice(repository) is None
    assert config_name(repository, "auto") == "cpu"
    assert served_precisions(repository, {})["text_recognition"] is Precision.F16


def test_int8_that_was_refused_is_served_in_f16(repository):
    for model in ("text_detection", "text_recognition"):
        write_config(repository / model, "int8", precision="f16" if model == "text_recognition" else "int8")
    asked = {"OCR_MODEL_PRECISION": "int8"}

    assert config_name(repository, "int8") == "int8"
    assert _process(repository, asked, config="int8").settings.precision is Precision.F16
    assert _process(repository, asked, config="int8", model="text_detection").settings.precision is Precision.INT8
    assert served_precisions(repository, asked)["text_recognition"] is Precision.F16


def test_the_int8_model_is_found_beside_the_float_one(repository):
    folder = repository / "text_recognition" / "1"
    (folder / "model.xml").touch()
    with pytest.raises(FileNotFoundError, match="refused"):
        model_file(folder, Precision.INT8)
    _put_int8(repository)

    assert model_file(folder, Precision.INT8).name == INT8_FILE
    assert model_file(folder, Precision.F16).name == "model.xml"


def test_a_damaged_choice_is_none(repository):
    path = CHOICE.write(repository)
    path.write_text(path.read_text()[:40])

    assert read_choice(repository) is None


def test_a_tuned_split_has_its_own_configurations(repository):
    choice = dataclasses.replace(CHOICE, recogniser_processes=4, recogniser_threads=3)
    write_configs(repository, choice)

    text = (repository / "text_recognition" / "configs" / "tuned.pbtxt").read_text()
    assert "instance_group [ { count: 4 kind: KIND_CPU } ]" in text
    assert "count: 1" in (repository / "text_detection" / "configs" / "tuned.pbtxt").read_text()
    assert _process(repository, {}, config="tuned").settings.threads == 3
    assert _process(repository, {"OCR_MODEL_THREADS": "4"}, config="tuned").settings.threads == 1


def test_only_what_is_clearly_faster_takes_the_place_of_what_is_there():
    assert fastest({"f16": 10.0, "int8": 5.5}, "f16") == "int8"
    assert fastest({"f16": 10.0, "int8": 9.9}, "f16") == "f16"
    assert fastest({"f16": 10.0, "int8": 14.0}, "f16") == "f16"


def test_the_slower_candidate_is_seen_to_be_slower():
    taken_ms = medians_ms({"short": lambda: None, "long": lambda: time.sleep(0.02)}, rounds=3)

    assert taken_ms["long"] > taken_ms["short"]


def test_splits_use_every_core():
    assert [str(split) for split in splits(2)] == ["1 x 2", "2 x 1"]
    assert [str(split) for split in splits(8)] == ["1 x 8", "2 x 4", "4 x 2", "8 x 1"]
    assert [str(split) for split in splits(1)] == ["1 x 1"]
