"""TensorRT: building an engine from ONNX, and running one for the gate. Not yet run on a GPU.

TensorRT lives in NVIDIA's container (or the extra ``gpu``), so it is imported here alone and only when used; memory on
the device goes through the CUDA runtime by ctypes, which spares the container another package.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from model_tools.profiles import Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_COPY_TO_DEVICE = 1
_COPY_TO_HOST = 2


class EngineFailed(Exception):
    """TensorRT or CUDA refused; the message says what."""


def build(
    onnx_file: Path, profiles: Sequence[Profile], *, fp16: bool, workspace_bytes: int, timing_cache: Path | None
) -> bytes:
    """Build a serialised engine with one optimisation profile for every entry of ``profiles``.

    Raises:
        EngineFailed: the model cannot be parsed or built; the message holds TensorRT's words.
    """
    trt = _tensorrt()
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    # Before TensorRT 10 an explicit batch had to be asked for; since then it is the only kind and the flag is gone.
    explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    network = builder.create_network(0 if explicit is None else 1 << int(explicit))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx_file.read_bytes()):
        errors = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise EngineFailed(f"{onnx_file} cannot be parsed: {errors}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    if fp16:
        config.set_flag(trt.BuilderFlag.FP16)
    else:
        config.clear_flag(trt.BuilderFlag.TF32)  # the reference keeps float32's whole mantissa
    cache = config.create_timing_cache(_read_if_there(timing_cache))
    config.set_timing_cache(cache, ignore_mismatch=False)
    name = network.get_input(0).name
    for profile in profiles:
        described = builder.create_optimization_profile()
        described.set_shape(name, profile.minimum, profile.optimum, profile.maximum)
        config.add_optimization_profile(described)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineFailed(f"{onnx_file} cannot be built: see TensorRT's log above")
    if timing_cache is not None:
        timing_cache.write_bytes(bytes(config.get_timing_cache().serialize()))
    return bytes(plan)


class Engine:
    """A serialised engine, run synchronously: for the gate, not for serving."""

    def __init__(self, plan: bytes, profiles: Sequence[Profile]) -> None:
        self._plan = plan
        self._profiles = profiles

    def __enter__(self) -> Self:
        """Load the engine onto the device."""
        self._trt = _tensorrt()
        self._cuda = _Cuda()
        self._stream = self._cuda.create_stream()
        self._runtime = self._trt.Runtime(self._trt.Logger(self._trt.Logger.WARNING))
        self._engine = self._runtime.deserialize_cuda_engine(self._plan)
        if self._engine is None:
            raise EngineFailed("the engine cannot be loaded: was it built for another device or version?")
        self._context = self._engine.create_execution_context()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free what was taken on the device."""
        del self._context, self._engine, self._runtime
        self._cuda.destroy_stream(self._stream)

    def run(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.generic]]:
        """Run a batch, (N, H, W, 3) uint8 RGB; the answers by tensor name.

        Raises:
            EngineFailed: no profile covers the shape, or the device refuses.
        """
        index = next((i for i, profile in enumerate(self._profiles) if profile.covers(_shape4(image))), None)
        if index is None:
            raise EngineFailed(f"no optimisation profile covers {image.shape}")
        self._context.set_optimization_profile_async(index, self._stream)
        self._cuda.synchronise(self._stream)
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        inputs = [n for n in names if self._engine.get_tensor_mode(n) == self._trt.TensorIOMode.INPUT]
        self._context.set_input_shape(inputs[0], image.shape)
        arrays = {
            name: np.ascontiguousarray(image)
            if name in inputs
            else np.empty(
                tuple(self._context.get_tensor_shape(name)), self._trt.nptype(self._engine.get_tensor_dtype(name))
            )
            for name in names
        }
        pointers: dict[str, int] = {}
        try:
            for name, array in arrays.items():
                pointers[name] = self._cuda.allocate(array.nbytes)
                self._context.set_tensor_address(name, pointers[name])
            self._cuda.copy(pointers[inputs[0]], arrays[inputs[0]].ctypes.data, image.nbytes, _COPY_TO_DEVICE)
            if not self._context.execute_async_v3(self._stream):
                raise EngineFailed(f"the engine does not run with {image.shape}")
            self._cuda.synchronise(self._stream)
            for name in names:
                if name not in inputs:
                    self._cuda.copy(arrays[name].ctypes.data, pointers[name], arrays[name].nbytes, _COPY_TO_HOST)
        finally:
            for pointer in pointers.values():
                self._cuda.free(pointer)
        return {name: array for name, array in arrays.items() if name not in inputs}


class _Cuda:
    """The few calls of the CUDA runtime that the gate needs."""

    def __init__(self) -> None:
        for name in ("libcudart.so.13", "libcudart.so.12", "libcudart.so"):
            try:
                self._library = ctypes.CDLL(name)
            except OSError:
                continue
            return
        raise EngineFailed("the CUDA runtime (libcudart.so) is not installed here")

    def allocate(self, size_bytes: int) -> int:
        pointer = ctypes.c_void_p()
        self._check(self._library.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(size_bytes)))
        return int(pointer.value or 0)

    def free(self, pointer: int) -> None:
        self._check(self._library.cudaFree(ctypes.c_void_p(pointer)))

    def copy(self, target: int, source: int, size_bytes: int, direction: int) -> None:
        call = self._library.cudaMemcpy
        self._check(call(ctypes.c_void_p(target), ctypes.c_void_p(source), ctypes.c_size_t(size_bytes), direction))

    def create_stream(self) -> int:
        stream = ctypes.c_void_p()
        self._check(self._library.cudaStreamCreate(ctypes.byref(stream)))
        return int(stream.value or 0)

    def synchronise(self, stream: int) -> None:
        self._check(self._library.cudaStreamSynchronize(ctypes.c_void_p(stream)))

    def destroy_stream(self, stream: int) -> None:
        self._check(self._library.cudaStreamDestroy(ctypes.c_void_p(stream)))

    @staticmethod
    def _check(status: int) -> None:
        if status != 0:
            raise EngineFailed(f"CUDA failed with status {status}")


def _tensorrt() -> Any:
    try:
        return importlib.import_module("tensorrt")
    except ImportError as error:
        raise EngineFailed("TensorRT is not installed here: run this inside NVIDIA's container") from error


def _shape4(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    batch, height, width, channels = image.shape
    return batch, height, width, channels


def _read_if_there(path: Path | None) -> bytes:
    return path.read_bytes() if path is not None and path.is_file() else b""
