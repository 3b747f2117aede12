"""INT8 of the recogniser: what happens where the gate refuses a form of it; what kernels it runs on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from model_tools import int8
from model_tools.gate import Finding, Thresholds
from model_tools.openvino_models import EngineSettings, Precision
from model_tools.quantisation import quantise

VERSION_DIR = Path("text_recognition/1")


def verdict(agreement: float, refusal: str | None = None) -> int8.Verdict:
    finding = Finding(name="top-1 agreement", value=agreement, threshold=0.995, passed=agreement >= 0.995)
    return int8.Verdict(model="text_recognition", findings=(finding,), refusal=refusal)


def judged(monkeypatch: pytest.MonkeyPatch, **agreements: float) -> tuple[int8.Verdict, list[int]]:
    """The last verdict, and how many layers were left out in turn, where leaving out so many agrees so well."""
    tried: list[int] = []

    def judge(_version_dir: Path, left_out: int, _thresholds: Thresholds) -> int8.Verdict:
        tried.append(left_out)
        return verdict(agreements[f"without_{left_out}"])

    monkeypatch.setattr(int8, "_try_recogniser", judge)
    return int8._make_recogniser(VERSION_DIR, Thresholds()), tried


def test_what_passes_at_once_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    last, tried = judged(monkeypatch, without_2=0.997)
    assert last.passed
    assert tried == [2]


def test_what_the_gate_refuses_is_tried_with_more_layers_in_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    last, tried = judged(monkeypatch, without_2=0.9946, without_4=0.9953)
    assert last.passed
    assert tried == [2, 4]


def test_what_never_passes_stays_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    last, tried = judged(monkeypatch, without_2=0.98, without_4=0.98, without_8=0.98)
    assert not last.passed
    assert tried == [2, 4, 8]


def test_what_cannot_be_quantised_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def judge(_version_dir: Path, left_out: int, _thresholds: Thresholds) -> int8.Verdict:
        tried.append(left_out)
        return verdict(0.9, refusal="the model has no layer x")

    monkeypatch.setattr(int8, "_try_recogniser", judge)
    assert not int8._make_recogniser(VERSION_DIR, Thresholds()).passed
    assert tried == [2]


def test_no_product_runs_on_reference_code() -> None:
    """As it did on CPUs that calculate in f16 themselves: a thousand times as long."""
    random = np.random.default_rng(1)
    features = ops.parameter([1, -1, 120], np.float32)
    weights = ops.constant(random.normal(size=(120, 2_000)).astype(np.float32))
    product = ops.matmul(features, weights, transpose_a=False, transpose_b=False)
    head = ov.Model([ops.softmax(product, axis=2)], [features], "head")
    samples = [random.normal(size=(1, 16, 120)).astype(np.float32) for _ in range(4)]

    rounded = quantise(head, [product.get_friendly_name()], samples, clip=True)
    settings = EngineSettings(threads=1, precision=Precision.INT8).as_openvino()
    request = ov.Core().compile_model(rounded, "CPU", settings | {"PERF_COUNT": True}).create_infer_request()
    request.infer([samples[0]])

    kernels = [
        step.exec_type for step in request.get_profiling_info() if step.node_type in {"FullyConnected", "MatMul"}
    ]
    assert kernels
    assert not [kernel for kernel in kernels if kernel.startswith("ref")], kernels
