"""INT8 of the recogniser: what happens where the gate refuses a form of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_tools import int8
from model_tools.gate import Finding, Thresholds

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
