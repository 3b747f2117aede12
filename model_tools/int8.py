"""Makes the INT8 form of both models, and lets none stand that does not read as the float32 one does.

Calibrated on one half of the bundled samples, judged on the other by ``gate``, both in the settings that the model
processes use. What passes lies beside the model (``model.int8.xml``, ``head.int8.xml``); of what does not pass nothing
is left but the figures, and whoever asks for INT8 is served floats. Takes under a minute, in Triton's environment.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import openvino as ov

from model_tools.engine_settings import available_cores
from model_tools.gate import Finding, Thresholds, Top1, judge_detection, judge_recognition
from model_tools.openvino_models import EngineSettings, Precision, TextDetector, TextRecogniser
from model_tools.quantisation import CALIBRATION_CONFIG, CannotQuantise, heavy_products, quantise
from model_tools.samples import bundled_crops, bundled_pages
from ocr_core.contracts.tensors import TEXT_DETECTION, TEXT_RECOGNITION

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLDS = Thresholds()
_LEFT_OUT = (2, 4, 8)
"""Of the recogniser's layers, the most sensitive: how many stay floats, the next number where the gate refuses.
Without two in INT8 0.997 of its steps stay the same on a CPU with VNNI, with them 0.995, for 0.05 of the time. Without
VNNI sums of two products saturate at 16 bits, and 0.9946 to 0.9951 stay the same without two, 0.9953 without four."""
_TYPICAL_CROP = (1, 48, 320, 3)
_TYPICAL_PAGE = (1, 1088, 768, 3)
"""Where the work of a model's layers is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a model's INT8 form stands, and why."""

    model: str
    findings: tuple[Finding, ...]
    refusal: str | None = None
    """Why it could not even be made."""

    @property
    def passed(self) -> bool:
        """Whether it is in place."""
        return self.refusal is None and all(finding.passed for finding in self.findings)

    def __str__(self) -> str:
        """For a person: a line, and the figures below it."""
        said = "in place" if self.passed else f"refused, floats stay{f': {self.refusal}' if self.refusal else ''}"
        return "\n".join([f"{self.model}: INT8 {said}", *(f"  {finding}" for finding in self.findings)])


def make_int8(repository: Path, version: str, *, thresholds: Thresholds = THRESHOLDS) -> list[Verdict]:
    """Quantise, judge and install both models of a prepared repository."""
    return [
        _make_detector(repository / TEXT_DETECTION.name / version, thresholds),
        _make_recogniser(repository / TEXT_RECOGNITION.name / version, thresholds),
    ]


def _make_detector(version_dir: Path, thresholds: Thresholds) -> Verdict:
    calibration, held_out = halves(bundled_pages())

    def make(folder: Path) -> None:
        model = ov.Core().read_model(version_dir / "model.xml")
        layers = heavy_products(model, shape=_TYPICAL_PAGE)
        ov.save_model(
            quantise(model, layers, calibration, clip=False), folder / "model.int8.xml", compress_to_fp16=False
        )

    def judge(folder: Path) -> list[Finding]:
        answers = []
        for place, precision in ((version_dir, Precision.F32), (folder, Precision.INT8)):
            detector = TextDetector(place, _settings(precision))
            detector.load(sorted({page.shape[1:3] for page in held_out}))
            answers.append([detector.detect(page)[0].copy() for page in held_out])
        return judge_detection(zip(*answers, strict=True), thresholds)

    return _install(TEXT_DETECTION.name, version_dir, make, judge)


def _make_recogniser(version_dir: Path, thresholds: Thresholds) -> Verdict:
    for left_out in _LEFT_OUT:
        verdict = _try_recogniser(version_dir, left_out, thresholds)
        if verdict.passed or verdict.refusal is not None:
            break
    return verdict


def _try_recogniser(version_dir: Path, left_out: int, thresholds: Thresholds) -> Verdict:
    calibration, held_out = halves(bundled_crops())

    def make(folder: Path) -> None:
        core = ov.Core()
        body, head = core.read_model(version_dir / "model.xml"), core.read_model(version_dir / "head.xml")
        layers = heavy_products(body, shape=_TYPICAL_CROP)
        request = core.compile_model(body, "CPU", CALIBRATION_CONFIG).create_infer_request()
        features = [request.infer([crop])[0].copy() for crop in calibration]
        products = [node.get_friendly_name() for node in head.get_ordered_ops() if node.get_type_name() == "MatMul"]
        for name, model in (
            ("model", quantise(body, layers, calibration, clip=True, leave_out=left_out)),
            ("head", quantise(head, products, features, clip=True)),
        ):
            ov.save_model(model, folder / f"{name}.int8.xml", compress_to_fp16=False)

    def judge(folder: Path) -> list[Finding]:
        answers = []
        for place, precision in ((version_dir, Precision.F32), (folder, Precision.INT8)):
            recogniser = TextRecogniser(place, _settings(precision))
            recogniser.load(sorted({crop.shape[2] for crop in held_out}))
            rows = [recogniser.recognise(crop) for crop in held_out]
            answers.append([Top1(class_ids=ids[0], probabilities=best[0]) for ids, best in rows])
        return judge_recognition(zip(*answers, strict=True), thresholds)

    return _install(TEXT_RECOGNITION.name, version_dir, make, judge)


def halves(
    samples: Sequence[NDArray],  # type: ignore[type-arg]  # uint8 images
) -> tuple[Sequence[NDArray], Sequence[NDArray]]:  # type: ignore[type-arg]
    """What is calibrated on, and what is judged on: of different documents, which stand in turn."""
    return samples[::2], samples[1::2]


def _install(
    name: str, version_dir: Path, make: Callable[[Path], None], judge: Callable[[Path], list[Finding]]
) -> Verdict:
    for old in version_dir.glob("*.int8.*"):
        old.unlink()
    with tempfile.TemporaryDirectory(dir=version_dir) as fresh:
        folder = Path(fresh)
        try:
            make(folder)
        except CannotQuantise as error:
            return Verdict(model=name, findings=(), refusal=str(error))
        verdict = Verdict(model=name, findings=tuple(judge(folder)))
        if verdict.passed:
            for path in sorted(folder.iterdir()):
                path.replace(version_dir / path.name)
    return verdict


def _settings(precision: Precision) -> EngineSettings:
    return EngineSettings(threads=available_cores(), precision=precision)
