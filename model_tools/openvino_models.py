"""The two models on a CPU with OpenVINO, one compiled model per shape class; Triton's Python backend runs these.

Why one per shape (2 cores, AMD EPYC with AVX512-BF16, CPU ms per call, one thread): the recogniser compiled with a
dynamic width takes 8.3 / 17.4 / 25.4 at 256 / 640 / 1024 px when widths alternate, against 5.8 / 13.2 / 20.8 when
compiled per width; the detector 52 / 101 / 240 against 40 / 86 / 216. All are cloned from one model as read, which
halves the time to compile and shares the original weights. An OpenVINO cache folder brought nothing after that
(1.2 s against 2.0 s for 13 widths, for 270 MB of disk).

Why the recogniser's head is apart: it holds 9 of the 21 MB of weights and gives 75 kB a timestep. Compiled into each of
37 width classes it cost a process 1,940 MB; compiled once for all, 1,110 MB, at the same speed. Its product is small
enough that a dynamic length costs nothing.

Why top-1 outside of the graph: numpy's argmax over the softmax costs 0.16 ms at 320 px (2.4 % of the call), always.
OpenVINO's TopK was free on this machine, but cost 20-60 % on another one (AMX, float16), so the sure 2 % was taken.
Leaving the softmax out and summing exponentials in numpy was slower (0.6 ms), float16 output slower still (1.2 ms).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import openvino as ov

from ocr_core.contracts.tensors import (
    DETECTION_SHAPES,
    RECOGNITION_HEIGHT_PX,
    RECOGNITION_WIDTHS_PX,
    TEXT_RECOGNITION,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


INT8_FILE = "model.int8.xml"
"""Beside ``model.xml``, where ``model_tools.int8`` has put it."""


class Precision(StrEnum):
    """What OpenVINO calculates in. f16 differs from f32 by 0.03 at most in probability, bf16 by 0.26.

    int8 is another form of the model (``model_tools.int8``); what is not quantised in it runs as with bf16, where the
    CPU has that, else in f32. Not f16: beside it, where a CPU calculates in f16 itself (AVX512-FP16), OpenVINO 2026 has
    no fast INT8 kernel and takes its reference code, 1.5 s for the head of one short line instead of 1 ms.
    """

    F16 = "f16"
    BF16 = "bf16"
    F32 = "f32"
    INT8 = "int8"

    @property
    def hint(self) -> str:
        """What OpenVINO is asked to calculate in, where a layer is not INT8."""
        return Precision.BF16.value if self is Precision.INT8 else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How a model uses the machine."""

    threads: int
    precision: Precision = Precision.F16

    def __post_init__(self) -> None:
        """Refuse what OpenVINO would silently take for "all cores"."""
        if self.threads < 1:
            raise ValueError(f"a model needs at least one thread, not {self.threads}")

    def as_openvino(self) -> dict[str, object]:
        """The same as properties of a compiled model."""
        return {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.precision.hint,
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": self.threads,
            # Several model processes share the cores; pinned threads of two of them would pile up on one core.
            "ENABLE_CPU_PINNING": False,
        }


Progress = Callable[[int, int], None]
"""Called with how many shape classes are warm, and how many there are."""


class Session(Protocol):
    """One static shape, compiled: an array in, arrays out. The answers are valid until the next call."""

    def __call__(self, image: NDArray[np.uint8]) -> list[NDArray[np.generic]]:
        """Run once, without copying the image."""
        ...


class ShapeClasses:
    """A model compiled once per input shape, batch 1, and run once so that no request meets a cold one."""

    def __init__(self, model_path: Path, settings: EngineSettings) -> None:
        self._model_path = model_path
        self._settings = settings
        self._sessions: dict[tuple[int, ...], Session] = {}
        self.output_names: tuple[str, ...] = ()

    def load(self, shapes: Iterable[tuple[int, int]], progress: Progress | None = None) -> None:
        """Compile and warm every (height, width).

        Raises:
            RuntimeError: OpenVINO cannot read the model, or not with these shapes.
        """
        core = ov.Core()
        model = core.read_model(self._model_path)
        self.output_names = tuple(output.get_any_name() for output in model.outputs)
        wanted = list(shapes)
        for done, (height_px, width_px) in enumerate(wanted, start=1):
            shape = (1, height_px, width_px, 3)
            fixed = model.clone()
            fixed.reshape(list(shape))
            compiled = core.compile_model(fixed, "CPU", self._settings.as_openvino())
            session = _session(compiled.create_infer_request())
            session(np.zeros(shape, np.uint8))
            self._sessions[shape] = session
            if progress is not None:
                progress(done, len(wanted))

    def run(self, image: NDArray[np.uint8]) -> list[NDArray[np.generic]]:
        """Run (1, H, W, 3) uint8 RGB. The answers are views that the next call of the same shape overwrites.

        Raises:
            UnknownShape: the shape is none of those that were loaded.
        """
        session = self._sessions.get(image.shape)
        if session is None:
            raise UnknownShape(f"an image of shape {image.shape} is none of the {len(self._sessions)} shape classes")
        return session(image)


class UnknownShape(Exception):
    """A request does not keep to the shape classes of ``ocr_core.contracts.tensors``."""


class TextDetector:
    """``text_detection`` in process."""

    def __init__(self, version_dir: Path, settings: EngineSettings) -> None:
        self._classes = ShapeClasses(model_file(version_dir, settings.precision), settings)

    def load(self, shapes: Iterable[tuple[int, int]] = DETECTION_SHAPES, progress: Progress | None = None) -> None:
        """Compile and warm every shape class."""
        self._classes.load(shapes, progress)

    def detect(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8 RGB to (N, H, W) uint8, probability times 255.

        With N = 1 the answer is a view that the next call of the same shape overwrites.
        """
        if len(images) == 1:
            return np.asarray(self._classes.run(images)[0], np.uint8)
        maps = np.empty(images.shape[:3], np.uint8)
        for row in range(len(images)):
            maps[row] = self._classes.run(images[row : row + 1])[0]
        return maps


class TextRecogniser:
    """``text_recognition`` in process. Batches run row by row: on a CPU a batch brings nothing (measured)."""

    def __init__(self, version_dir: Path, settings: EngineSettings) -> None:
        self._classes = ShapeClasses(model_file(version_dir, settings.precision), settings)
        self._head = _Head(version_dir / f"{_head_stem(settings.precision)}.xml", settings)

    def load(self, widths_px: Iterable[int] = RECOGNITION_WIDTHS_PX, progress: Progress | None = None) -> None:
        """Compile and warm every width class."""
        self._head.load()
        self._classes.load([(RECOGNITION_HEIGHT_PX, width) for width in widths_px], progress)

    def recognise(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(N, 48, W, 3) uint8 RGB to (N, T) int32 top-1 class ids and (N, T) float32 probabilities."""
        rows = [self._recognise_one(crops[row : row + 1]) for row in range(len(crops))]
        return np.concatenate([ids for ids, _ in rows]), np.concatenate([best for _, best in rows])

    def _recognise_one(self, crop: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        answers = self._classes.run(crop)
        if len(answers) > 1:  # a model that was put in place with top-1 in its graph
            by_name = dict(zip(self._classes.output_names, answers, strict=True))
            ids, best = (by_name[output.name] for output in TEXT_RECOGNITION.outputs)
            return ids.astype(np.int32), best.astype(np.float32)
        return top1(self._head.run(np.asarray(answers[0], np.float32)))


class _Head:
    """The recogniser's last product, for any length; a model that has none gives probabilities itself."""

    def __init__(self, path: Path, settings: EngineSettings) -> None:
        self._path = path
        self._settings = settings
        self._request: ov.InferRequest | None = None

    def load(self) -> None:
        if self._path.is_file():
            compiled = ov.Core().compile_model(self._path, "CPU", self._settings.as_openvino())
            self._request = compiled.create_infer_request()

    def run(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(1, T, C) features to (1, T, classes) probabilities, valid until the next call."""
        if self._request is None:
            return features
        self._request.set_input_tensor(ov.Tensor(features, shared_memory=True))
        self._request.infer()
        return np.asarray(self._request.get_output_tensor(0).data, np.float32)


def top1(probabilities: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(N, T, classes) probabilities to (N, T) class ids and their probabilities."""
    ids = probabilities.argmax(axis=2)
    best = np.take_along_axis(probabilities, ids[..., None], axis=2)[..., 0]
    return ids.astype(np.int32), best


def has_int8(version_dir: Path) -> bool:
    """Whether an INT8 form of the model is in place: it was made, and passed the gate."""
    return (version_dir / INT8_FILE).is_file()


def _head_stem(precision: Precision) -> str:
    return "head.int8" if precision is Precision.INT8 else "head"


def model_file(version_dir: Path, precision: Precision = Precision.F32) -> Path:
    """The model that OpenVINO reads in a version directory: ``model.xml`` before ``model.onnx``; its INT8 form for it.

    Raises:
        FileNotFoundError: there is none; the message says how to make them.
    """
    if precision is Precision.INT8:
        if not has_int8(version_dir):
            raise FileNotFoundError(f"no {INT8_FILE} in {version_dir}: `make models` says why it was refused")
        return version_dir / INT8_FILE
    for name in ("model.xml", "model.onnx"):
        if (version_dir / name).is_file():
            return version_dir / name
    raise FileNotFoundError(f"no model.xml or model.onnx in {version_dir}: run `python -m model_tools.prepare`")


def _session(request: ov.InferRequest) -> Session:
    outputs = [request.get_output_tensor(index) for index in range(len(request.model_outputs))]

    def run(image: NDArray[np.uint8]) -> list[NDArray[np.generic]]:
        request.set_input_tensor(ov.Tensor(image, shared_memory=True))
        request.infer()
        return [output.data for output in outputs]

    return run
