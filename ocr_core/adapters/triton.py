"""The two models behind Triton: ``TextModels`` over gRPC, with pixels in shared memory where the host is the same.

Triton's words become the tree's errors; its real messages are quoted beside the patterns and a test provokes each one.
No request waits in this process: what Triton's bounded queue does not take is ``Overloaded`` at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from ocr_core import tracing
from ocr_core.adapters.model_metrics import ModelMetrics
from ocr_core.adapters.shared_memory import MemoryRefused, Region, RegionPool, is_orphan
from ocr_core.adapters.triton_statistics import TritonStatistics
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.errors import DeadlineExceeded, InternalError, NotReady, OcrError, Overloaded
from ocr_core.contracts.ports import ModelsInUse, Recognition
from ocr_core.contracts.tensors import (
    MODELS,
    RECOGNITION_STRIDE_PX,
    TEXT_DETECTION,
    TEXT_RECOGNITION,
    DataType,
    ModelSpec,
)
from ocr_core.settings import TritonSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_PRIORITIES = {Priority.SYNC: 1, Priority.BULK: 2}
_NUMPY_TYPES: dict[DataType, type[np.generic]] = {
    DataType.UINT8: np.uint8,
    DataType.INT32: np.int32,
    DataType.FP32: np.float32,
}

MAX_EXECUTION_S = 5.0
"""Longer than any execution takes once it has left Triton's queue (the longest class: 0.2 s on two cores, behind
another one); see ``shared_memory`` for what rests that long after the deadline, when the queue throws it out."""

_RETRY_AFTER_S = 1.0
_TRIES_WITH_MEMORY = 2
_ALIGNMENT_BYTES = 64

_QUEUE_FULL = "Exceeds maximum queue size"
_EXPIRED_IN_QUEUE = "Request timeout expired"
_UNKNOWN_REGION = "Unable to find shared memory region"
_NOT_LOADED = re.compile(r"is not ready|unknown model|is not found")
# "Stub process 'text_recognition_0_1' is not healthy.": a model process was killed. model_tools/triton_guard.py ends
# such a server, which is then started anew.
_MODEL_PROCESS_GONE = re.compile(r"Stub process.* is not healthy|Failed to obtain the health mutex")
_CHARSET = "charset_sha256"
"""A parameter of the recogniser's configuration (``model_repository/README.md``)."""
_INT8 = "int8"
_PRECISION = "precision"
"""A parameter of a model's configuration (``model_tools.choice``). INT8 is not quite the same model as its floats."""
_UNANSWERED = frozenset({"StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED", "StatusCode.CANCELLED"})

_CHANNEL_ARGUMENTS: list[tuple[str, str | int]] = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A Triton that was started anew is found within a second; gRPC's own back-off goes up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Each client has connections of its own: gRPC would share one among all of a process, and its back-off with it.
    ("grpc.use_local_subchannel_pool", 1),
]
_ROUND_ROBIN = ("grpc.lb_policy_name", "round_robin")
"""Over all addresses that the name stands for: by itself gRPC would send everything to the first one, and a second
Triton would stand idle (measured: 30 calls of 30). Who adds and removes servers has them end connections now and then
(``--grpc-max-connection-age``), since a client asks for addresses anew only when it loses one."""


class _StaleRegion(Exception):
    """The server does not know the region: it was started anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request, with the shapes of its answers, which are known beforehand."""

    model: ModelSpec
    image: NDArray[np.uint8]
    output_shapes: tuple[tuple[int, ...], ...]
    priority: Priority
    deadline: Deadline

    def facts(self) -> tracing.Facts:
        """For its span."""
        if not tracing.is_on():
            return {}
        return {
            "rpc.system.name": "triton",
            "ocr.model": self.model.name,
            "ocr.priority": self.priority.value,
            "ocr.batch": self.image.shape[0],
            "ocr.height_px": self.image.shape[1],
            "ocr.width_px": self.image.shape[2],
        }

    def output_bytes(self) -> list[int]:
        """Bytes of each answer."""
        return [
            math.prod(shape) * np.dtype(_NUMPY_TYPES[spec.data_type]).itemsize
            for spec, shape in zip(self.model.outputs, self.output_shapes, strict=True)
        ]


class TritonModels:
    """``TextModels`` answered by a Triton. Use between ``start`` and ``close``, on one event loop."""

    def __init__(self, settings: TritonSettings, metrics: ModelMetrics | None = None) -> None:
        self._settings = settings
        self._metrics = metrics
        self._client: InferenceServerClient | None = None
        self._pool: RegionPool | None = None
        self._statistics = TritonStatistics(timeout_s=settings.control_timeout_s)

    async def start(self) -> None:
        """Open the channel. Triton need not be up yet: calls raise ``NotReady`` until it is."""
        self._client = InferenceServerClient(self._settings.grpc_url, channel_args=self._channel_arguments())
        if self._settings.shared_memory:
            registrar = _Registrar(self._client, timeout_s=self._settings.control_timeout_s)
            self._pool = RegionPool(registrar=registrar, max_bytes=self._settings.max_shared_bytes)
            await registrar.unregister_orphans()

    def _channel_arguments(self) -> list[tuple[str, str | int]]:
        # Memory is registered with one server, so with shared memory there is one only: the one of this host.
        return _CHANNEL_ARGUMENTS if self._settings.shared_memory else [*_CHANNEL_ARGUMENTS, _ROUND_ROBIN]

    async def close(self) -> None:
        """Unregister the shared memory and close the channel."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None
        await self._statistics.close()
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def ready(self) -> bool:
        """Whether both models are loaded and warm."""
        client, timeout_s = self._open_client(), self._settings.control_timeout_s
        try:
            answers = await asyncio.gather(
                *(client.is_model_ready(model.name, client_timeout=timeout_s) for model in MODELS)
            )
        except InferenceServerException:
            return False
        return all(answers)

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        """See ``TextModels.detect``."""
        batch = image[np.newaxis]
        (probability,) = await self._infer(
            _Call(
                model=TEXT_DETECTION,
                image=batch,
                output_shapes=(batch.shape[:3],),
                priority=priority,
                deadline=deadline,
            )
        )
        return np.asarray(probability[0], np.uint8)

    async def recognise(self, crops: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> Recognition:
        """See ``TextModels.recognise``."""
        shape = (crops.shape[0], crops.shape[2] // RECOGNITION_STRIDE_PX)
        class_ids, confidences = await self._infer(
            _Call(
                model=TEXT_RECOGNITION,
                image=crops,
                output_shapes=(shape, shape),
                priority=priority,
                deadline=deadline,
            )
        )
        return Recognition(class_ids=np.asarray(class_ids, np.int32), probabilities=np.asarray(confidences, np.float32))

    async def in_use(self) -> ModelsInUse:
        """See ``TextModels.in_use``: asked anew each time, all at once.

        Nothing of it is kept. A Triton that was started anew, or one of several behind a name, may serve another model
        under the same version, and no answer of a model would tell; the round trip takes 1.5 ms.

        Raises:
            NotReady: Triton does not answer, or a model is not loaded.
            InternalError: the recogniser's configuration names no charset.
        """
        names = [model.name for model in MODELS]
        configs, metadata = await asyncio.gather(
            asyncio.gather(*(self._control("get_model_config", name) for name in names)),
            asyncio.gather(*(self._control("get_model_metadata", name) for name in names)),
        )
        versions, digest = {}, hashlib.sha256()
        for name, answered, told in zip(names, configs, metadata, strict=True):
            version = max(told.versions, key=int)  # the newest is the one that is served
            written = answered.config.SerializeToString(deterministic=True)
            digest.update(f"{name} {version} {len(written)}\n".encode() + written)
            is_int8 = answered.config.parameters[_PRECISION].string_value == _INT8
            versions[name] = f"{version}-int8" if is_int8 else version
        recogniser = configs[names.index(TEXT_RECOGNITION.name)].config
        return ModelsInUse(versions=versions, charset_sha256=_charset_of(recogniser), sha256=digest.hexdigest())

    async def charset_sha256(self) -> str:
        """See ``TextModels.charset_sha256``: what the recogniser's configuration says now.

        Never kept: a Triton that was started anew may serve another recogniser under the same version.

        Raises:
            NotReady: Triton does not answer, or the model is not loaded.
            InternalError: the configuration does not say.
        """
        response = await self._control("get_model_config", TEXT_RECOGNITION.name)
        return _charset_of(response.config)

    def _open_client(self) -> InferenceServerClient:
        if self._client is None:
            raise NotReady("the connection to Triton is not open")
        return self._client

    async def _infer(self, call: _Call) -> list[NDArray[np.generic]]:
        if self._metrics is None:
            return await self._answered(call)
        with self._metrics.request(call.model.name, call.priority, batch=len(call.image)):
            return await self._answered(call)

    async def _answered(self, call: _Call) -> list[NDArray[np.generic]]:
        for _ in range(_TRIES_WITH_MEMORY):
            call.deadline.check(call.model.name)
            region = await self._lease(call)
            if region is None or self._pool is None:
                break
            try:
                return await self._through_memory(call, self._pool, region)
            except _StaleRegion:
                _log.info("Triton was started anew: its shared memory is made again", extra={"action": "triton_heal"})
        return await self._through_socket(call)

    async def _lease(self, call: _Call) -> Region | None:
        if self._pool is None:
            return None
        try:
            return await self._pool.lease(_aligned(call.image.nbytes) + sum(map(_aligned, call.output_bytes())))
        except MemoryRefused as error:
            _log.warning("Triton refuses shared memory: %s", error, extra={"action": "triton_memory"})
        except InferenceServerException as error:
            raise NotReady("Triton does not answer") from error
        except OSError as error:
            _log.warning("there is no shared memory: %s", error.strerror, extra={"action": "triton_memory"})
        return None

    async def _control(self, method: str, model_name: str) -> Any:
        try:
            call = getattr(self._open_client(), method)
            return await call(model_name, client_timeout=self._settings.control_timeout_s)
        except InferenceServerException as error:
            raise NotReady(f"Triton does not tell of model '{model_name}'") from error

    async def _through_socket(self, call: _Call) -> list[NDArray[np.generic]]:
        tensor = _input(call)
        tensor.set_data_from_numpy(np.ascontiguousarray(call.image))
        outputs = [InferRequestedOutput(spec.name) for spec in call.model.outputs]
        try:
            result = await self._send(call, tensor, outputs)
        except InferenceServerException as error:
            raise self._translated(error, call) from error
        return [result.as_numpy(spec.name) for spec in call.model.outputs]

    async def _through_memory(self, call: _Call, pool: RegionPool, region: Region) -> list[NDArray[np.generic]]:
        rests_until_s = call.deadline.at_s + MAX_EXECUTION_S
        try:
            tensor, outputs = _place(call, region)
            await self._send(call, tensor, outputs)
            answers = _read_outputs(call, region)
        except InferenceServerException as error:
            if _is_stale_region(error):
                pool.forget(region)
                raise _StaleRegion from error
            if _is_answer(error):
                pool.give_back(region)
            else:
                pool.quarantine(region, until_s=rests_until_s)
            raise self._translated(error, call) from error
        except BaseException:  # cancelled: the server may be at it still
            pool.quarantine(region, until_s=rests_until_s)
            raise
        pool.give_back(region)
        return answers

    async def _send(self, call: _Call, tensor: InferInput, outputs: Sequence[InferRequestedOutput]) -> InferResult:
        remaining_s = call.deadline.remaining_s()
        client = self._open_client()
        with tracing.span(f"triton {call.model.name}", call.facts(), kind=tracing.Kind.CLIENT) as span:
            result = await client.infer(
                call.model.name,
                [tensor],
                outputs=list(outputs),
                priority=_PRIORITIES[call.priority],
                # Triton throws the request out of its queue then; a client that has gone would not be noticed there.
                timeout=max(1, int(remaining_s * 1e6)),
                client_timeout=max(0.001, remaining_s),
                headers=tracing.headers(),
            )
            if tracing.is_on():
                span.tell(self._statistics.facts_of(call.model.name, client))
        return result

    def _translated(self, error: InferenceServerException, call: _Call) -> OcrError:
        message, status = str(error.message()), str(error.status())
        if _QUEUE_FULL in message:
            return Overloaded(f"the queue of model '{call.model.name}' is full", retry_after_s=_RETRY_AFTER_S)
        if _EXPIRED_IN_QUEUE in message or status == "StatusCode.DEADLINE_EXCEEDED":
            return DeadlineExceeded(f"the deadline passed before stage '{call.model.name}' ended")
        if status == "StatusCode.UNAVAILABLE" or _NOT_LOADED.search(message) or _MODEL_PROCESS_GONE.search(message):
            return NotReady(f"model '{call.model.name}' does not answer")
        _log.error("Triton failed: %s %s", status, message, extra={"action": "triton_error"})
        return InternalError(f"model '{call.model.name}' failed")


def _charset_of(config: Any) -> str:
    digest = config.parameters[_CHARSET].string_value
    if not digest:
        raise InternalError("the recogniser's configuration names no charset")
    return str(digest)


class _Registrar:
    """Triton's shared memory extension, with time limits."""

    def __init__(self, client: InferenceServerClient, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    async def register_system_shared_memory(self, name: str, key: str, byte_size: int) -> None:
        try:
            await self._client.register_system_shared_memory(name, key, byte_size, client_timeout=self._timeout_s)
        except InferenceServerException as error:
            raise _refusal(error) from error

    async def unregister_system_shared_memory(self, name: str) -> None:
        try:
            await self._client.unregister_system_shared_memory(name, client_timeout=self._timeout_s)
        except InferenceServerException as error:
            raise _refusal(error) from error

    async def unregister_orphans(self) -> None:
        """Free what processes of this host that were killed had registered."""
        try:
            status = await self._client.get_system_shared_memory_status(client_timeout=self._timeout_s)
            for name in status.regions:
                if is_orphan(name):
                    await self.unregister_system_shared_memory(name)
        except (InferenceServerException, MemoryRefused) as error:
            _log.info("Triton does not tell of its memory yet: %s", error, extra={"action": "triton_start"})


def _refusal(error: InferenceServerException) -> Exception:
    """The same error where no answer arrived, else the server's no."""
    return error if str(error.status()) in _UNANSWERED else MemoryRefused(error.message())


def _input(call: _Call) -> InferInput:
    spec = call.model.inputs[0]
    return InferInput(spec.name, list(call.image.shape), spec.data_type.value)


def _place(call: _Call, region: Region) -> tuple[InferInput, list[InferRequestedOutput]]:
    """Copy the image into the region, and reserve what follows it for the answers."""
    input_bytes = call.image.nbytes
    pixels = np.frombuffer(region.memory, np.uint8, count=input_bytes).reshape(call.image.shape)
    np.copyto(pixels, call.image)
    tensor = _input(call)
    tensor.set_shared_memory(region.name, input_bytes)
    outputs, offset = [], _aligned(input_bytes)
    for spec, size_bytes in zip(call.model.outputs, call.output_bytes(), strict=True):
        output = InferRequestedOutput(spec.name)
        output.set_shared_memory(region.name, size_bytes, offset)
        outputs.append(output)
        offset += _aligned(size_bytes)
    return tensor, outputs


def _read_outputs(call: _Call, region: Region) -> list[NDArray[np.generic]]:
    """Copies of the answers: the region goes to another request next."""
    answers, offset = [], _aligned(call.image.nbytes)
    for spec, shape, size_bytes in zip(call.model.outputs, call.output_shapes, call.output_bytes(), strict=True):
        view = np.frombuffer(region.memory, _NUMPY_TYPES[spec.data_type], count=math.prod(shape), offset=offset)
        answers.append(view.reshape(shape).copy())
        offset += _aligned(size_bytes)
    return answers


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES


def _is_stale_region(error: InferenceServerException) -> bool:
    return _UNKNOWN_REGION in str(error.message())


def _is_answer(error: InferenceServerException) -> bool:
    """Whether the server said it, so that it is done with the request; else this side gave up, or the line broke."""
    message = str(error.message())
    if _QUEUE_FULL in message or _EXPIRED_IN_QUEUE in message:
        return True
    return str(error.status()) not in _UNANSWERED
