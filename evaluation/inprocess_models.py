"""The two models in this process, on OpenVINO: the pipeline without Triton, and the benchmark's "bare models".

Same tensors as the served ones (``contracts/tensors.py``): uint8 RGB in, with channel order and normalisation inside
the compiled graph; probability times 255, or top-1 classes, out. One static shape is one compiled model, made when it
is first asked for (0.2 s), so that a process which reads a few pages does not compile every class.

Whoever measures speed leaves the precision to what is served (``engine_settings.served_precisions``), so that the limit
and what is compared with it run in the same one. INT8 is read from the model repository, where its gate has put it;
floats are made from the original weights, so that a tool needs no prepared repository.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops
from openvino.preprocess import ColorFormat, PrePostProcessor

from model_tools.engine_settings import served_precisions
from model_tools.openvino_models import Precision, model_file
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.errors import DeadlineExceeded, NotReady
from ocr_core.contracts.ports import ModelsInUse, Recognition
from ocr_core.contracts.tensors import TEXT_DETECTION, TEXT_RECOGNITION

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parent.parent / "model_repository"
INT8_VERSION = "1"

CPU_THREADS = 2
# PP-OCR's normalisation: (x / 255 - 0.5) / 0.5 on BGR, as in the models' training configuration.
NORMALISATION_MEAN = 127.5
NORMALISATION_SCALE = 127.5


def weights_folder() -> Path | None:
    """Where the installed ``rapidocr`` package keeps the PP-OCRv6 weights; null where it is not installed."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "models"
    return folder if (folder / "PP-OCRv6_det_small.onnx").is_file() else None


def read_charset(recogniser_onnx: Path) -> tuple[str, ...]:
    """The characters of class ids 1 and up, as the recogniser's own metadata lists them, the space last.

    Raises:
        ValueError: the file carries no charset.
    """
    model = ov.Core().read_model(recogniser_onnx)
    if not model.has_rt_info(["framework", "character"]):
        raise ValueError(f"{recogniser_onnx.name} carries no charset in its metadata")
    return (*str(model.get_rt_info(["framework", "character"]).astype(str)).splitlines(), " ")


class _CompiledShapes:
    """One model, compiled per input shape, with one infer request a thread."""

    def __init__(self, core: ov.Core, build: Callable[[tuple[int, ...]], ov.Model], config: dict[str, Any]) -> None:
        self._core = core
        self._build = build
        self._config = config
        self._lock = threading.Lock()
        self._compiled: dict[tuple[int, ...], Any] = {}
        self._thread = threading.local()

    def infer(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Run ``batch`` through the model of its shape; the answer is valid until this thread's next call."""
        with self._lock:
            if batch.shape not in self._compiled:
                model = self._build(batch.shape)
                self._compiled[batch.shape] = self._core.compile_model(model, "CPU", self._config)
            compiled = self._compiled[batch.shape]
        requests: dict[tuple[int, ...], Any] = self._thread.__dict__.setdefault("requests", {})
        if batch.shape not in requests:
            requests[batch.shape] = compiled.create_infer_request()
        request = requests[batch.shape]
        request.infer([np.ascontiguousarray(batch)], share_inputs=True)
        return np.asarray(request.get_output_tensor().data)


class InProcessModels:
    """``ports.TextModels`` without a server.

    The detector takes both threads; the recogniser runs row by row on two single-thread streams, because on CPU a
    batch brings nothing (8 x 320 px: 26.0 ms, one by one 26.4 ms) while two streams are 12 % faster than two threads.
    """

    def __init__(
        self,
        *,
        weights: Path | None = None,
        precision: str | None = None,
        threads: int = CPU_THREADS,
        detection_streams: int = 1,
    ) -> None:
        """Store how to compile them.

        Args:
            weights: Their folder; that of the installed ``rapidocr`` where none is given.
            precision: What the engine calculates in; for each model what is served on this machine where none is given.
            threads: Cores.
            detection_streams: Detections that share the cores: more for throughput, one for latency.
        """
        self._weights = weights
        self._precisions = (
            served_precisions(REPOSITORY)
            if precision is None
            else dict.fromkeys((TEXT_DETECTION.name, TEXT_RECOGNITION.name), Precision(precision))
        )
        self._threads = threads
        self._detection_streams = detection_streams
        self._detector: _CompiledShapes | None = None
        self._recogniser: _CompiledShapes | None = None
        self._head: _CompiledShapes | None = None
        """The recogniser's last product, where it is apart: in INT8."""
        self._detection_pool: ThreadPoolExecutor | None = None
        self._recognition_pool: ThreadPoolExecutor | None = None
        self.charset: tuple[str, ...] = ()

    def start(self) -> None:
        """Read the weights and start the threads.

        Raises:
            NotReady: no weights are found.
            FileNotFoundError: INT8 was asked for by name, and is not in place.
        """
        folder = self._weights or weights_folder()
        if folder is None:
            raise NotReady("the weights are not here: install the extra 'evaluation' or name their folder")
        detector, recogniser = folder / "PP-OCRv6_det_small.onnx", folder / "PP-OCRv6_rec_small.onnx"
        core = ov.Core()
        detect = _settings(self._precisions[TEXT_DETECTION.name], self._threads, self._detection_streams)
        recognise = _settings(self._precisions[TEXT_RECOGNITION.name], self._threads, self._threads)
        if self._precisions[TEXT_DETECTION.name] is Precision.INT8:
            self._detector = _CompiledShapes(core, _prepared(core, TEXT_DETECTION.name), detect)
        else:
            self._detector = _CompiledShapes(core, lambda shape: _detection_graph(core, detector, shape), detect)
        if self._precisions[TEXT_RECOGNITION.name] is Precision.INT8:
            self._recogniser = _CompiledShapes(core, _prepared(core, TEXT_RECOGNITION.name), recognise)
            self._head = _CompiledShapes(core, _prepared(core, TEXT_RECOGNITION.name, "head.int8.xml"), recognise)
        else:
            self._recogniser = _CompiledShapes(core, lambda shape: _uint8_graph(core, recogniser, shape), recognise)
        self.charset = read_charset(recogniser)
        self._detection_pool = ThreadPoolExecutor(1, thread_name_prefix="detector")
        self._recognition_pool = ThreadPoolExecutor(self._threads, thread_name_prefix="recogniser")

    def close(self) -> None:
        """Stop the threads; calls that have not begun are dropped."""
        for pool in (self._detection_pool, self._recognition_pool):
            if pool is not None:
                pool.shutdown(cancel_futures=True)
        self._detection_pool = self._recognition_pool = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def detect_now(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``detect`` in the calling thread: (H, W, 3) uint8 RGB in, (H, W) uint8 out."""
        if self._detector is None:
            raise NotReady("the models are not loaded")
        return np.array(self._detector.infer(image[None]), dtype=np.uint8).reshape(image.shape[:2])

    def recognise_row_now(self, crop: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """One crop in the calling thread: (48, W, 3) uint8 RGB in, (T,) classes and (T,) probabilities out."""
        if self._recogniser is None:
            raise NotReady("the models are not loaded")
        # Top-1 outside of the graph: in it ArgMax cost 20 to 60 % of the recogniser.
        answer = self._recogniser.infer(crop[None])
        by_class = (answer if self._head is None else self._head.infer(answer))[0]
        class_ids = by_class.argmax(axis=1)
        return class_ids.astype(np.int32), by_class[np.arange(len(class_ids)), class_ids].astype(np.float32)

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        """See ``ports.TextModels.detect``; priority has no effect here."""
        del priority
        if self._detection_pool is None:
            raise NotReady("the models are not loaded")
        (probability,) = await _gather([self._detection_pool.submit(self.detect_now, image)], deadline, "detect")
        return probability

    async def recognise(self, crops: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> Recognition:
        """See ``ports.TextModels.recognise``; priority has no effect here."""
        del priority
        if self._recognition_pool is None:
            raise NotReady("the models are not loaded")
        rows = [self._recognition_pool.submit(self.recognise_row_now, crop) for crop in crops]
        answers = await _gather(rows, deadline, "recognise")
        return Recognition(
            class_ids=np.stack([class_ids for class_ids, _ in answers]),
            probabilities=np.stack([probabilities for _, probabilities in answers]),
        )

    async def in_use(self) -> ModelsInUse:
        """Which models answer, as ``TritonModels`` says it; the digest is of their names alone."""
        names = self._precisions.items()
        versions = {name: "1-int8" if precision is Precision.INT8 else "1" for name, precision in names}
        charset_sha256 = await self.charset_sha256()
        told = repr((sorted(versions.items()), charset_sha256)).encode()
        return ModelsInUse(versions=versions, charset_sha256=charset_sha256, sha256=hashlib.sha256(told).hexdigest())

    async def charset_sha256(self) -> str:
        """Digest of the charset, one character a line."""
        return hashlib.sha256("".join(f"{character}\n" for character in self.charset).encode()).hexdigest()


async def _gather(futures: list[Future[T]], deadline: Deadline, stage: str) -> list[T]:
    """Wait for work in threads; whoever is overtaken by the deadline, or cancelled, leaves none of it queued."""
    try:
        async with asyncio.timeout(deadline.remaining_s()):
            return await asyncio.gather(*(asyncio.wrap_future(future) for future in futures))
    except TimeoutError as error:
        raise DeadlineExceeded(f"the deadline passed before stage '{stage}' ended") from error
    finally:
        for future in futures:
            future.cancel()


def _settings(precision: Precision, threads: int, streams: int) -> dict[str, Any]:
    return {"INFERENCE_PRECISION_HINT": precision.hint, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams}


def _prepared(core: ov.Core, model: str, file_name: str | None = None) -> Callable[[tuple[int, ...]], ov.Model]:
    """What makes an INT8 model of the repository of one shape."""
    version_dir = REPOSITORY / model / INT8_VERSION
    path = version_dir / file_name if file_name else model_file(version_dir, Precision.INT8)

    def build(shape: tuple[int, ...]) -> ov.Model:
        prepared = core.read_model(path)
        prepared.reshape(list(shape))
        return prepared

    return build


def _uint8_graph(core: ov.Core, weights: Path, shape: tuple[int, ...]) -> ov.Model:
    """The model with (N, H, W, 3) uint8 RGB in front."""
    rows, height, width, channels = shape
    model = core.read_model(weights)
    model.reshape([rows, channels, height, width])
    graph = PrePostProcessor(model)
    source = graph.input()
    source.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.RGB)
    steps = source.preprocess().convert_element_type(ov.Type.f32).convert_color(ColorFormat.BGR)
    steps.mean(NORMALISATION_MEAN).scale(NORMALISATION_SCALE)
    source.model().set_layout(ov.Layout("NCHW"))
    return graph.build()


def _detection_graph(core: ov.Core, weights: Path, shape: tuple[int, ...]) -> ov.Model:
    """The detector with uint8 on both ends."""
    model = _uint8_graph(core, weights, shape)
    probability = model.get_results()[0].input_value(0)
    scaled = ops.multiply(probability, ops.constant(np.float32(255)))
    return ov.Model([ops.convert(ops.round(scaled), "u8")], model.get_parameters(), "text_detection")
