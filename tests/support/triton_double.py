"""A double of Triton: a gRPC server on a real socket that speaks the KServe protocol for our two models.

It stands in for a foreign server where a test is about what happens around the models: its answers cost next to
nothing, and are always the same for the same pixels::

    text_detection      wherever pixels are dark, grown sideways into lines
    text_recognition    six hexadecimal digits, made of the crop's digest; its charset is those sixteen characters

A page may carry a band of colour along its top (``marked_page``), which the double reads back: the page's number, and
how it is to behave on it (``Mark``). What it did goes into a journal, one JSON object a line.

    python -m tests.support.triton_double --port 8011 --journal journal.jsonl
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import re
import signal
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceServicer, add_GRPCInferenceServiceServicer_to_server

from ocr_core.contracts.tensors import MODELS, RECOGNITION_STRIDE_PX, TEXT_DETECTION, TEXT_RECOGNITION

CHARSET = "".join(f"{digit}\n" for digit in "0123456789abcdef")
"""The recogniser's charset file: class ``i`` > 0 is line ``i``."""
CHARSET_SHA256 = hashlib.sha256(CHARSET.encode()).hexdigest()
DIGITS_A_LINE = 6

BAND_HEIGHT_PX = 24
MAX_NUMBER = 9_999
_BAND_BASE = 128
"""Of the band's colours, so that nothing of it is dark."""
_MARK_STEP = 12
_SEEN_AT = (6, 12)
"""A pixel of the canvas, row and column, that lies in the band however the page was scaled."""
_DARK = 96
_LINE_GAP_PX = 41


class Mark(IntEnum):
    """How to behave on a page."""

    PLAIN = 0
    KILLER = 1
    """SIGKILL to the process that sent it."""
    SLOW = 2
    """Answer after ``--slow-s``."""
    FLAKY = 3
    """Fail as a server that is out of order, the first time that this server sees the page."""
    FAILING = 4
    """Fail so every time."""


def band_colour(number: int, mark: Mark = Mark.PLAIN) -> tuple[int, int, int]:
    """The RGB that tells of a page's number and mark."""
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"a page's number is 0 to {MAX_NUMBER}")
    return (_BAND_BASE + _MARK_STEP * mark, _BAND_BASE + number // 100, _BAND_BASE + number % 100)


def read_band(canvas: NDArray[np.uint8]) -> tuple[int | None, Mark]:
    """The number and the mark of a page, (H, W, 3) uint8 RGB; no number where there is no such band."""
    red, green, blue = (int(value) - _BAND_BASE for value in canvas[_SEEN_AT])
    known = red >= 0 and red % _MARK_STEP == 0 and red // _MARK_STEP in list(Mark)
    if not (known and 0 <= green < 100 and 0 <= blue < 100):
        return None, Mark.PLAIN
    return green * 100 + blue, Mark(red // _MARK_STEP)


def detect(canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB in, (H, W) uint8 probability times 255 out."""
    dark = (canvas.max(axis=2) < _DARK).astype(np.uint8) * 255
    across = np.ones((1, _LINE_GAP_PX), np.uint8)
    return np.asarray(cv2.morphologyEx(dark, cv2.MORPH_CLOSE, across), np.uint8)


def recognise(crop: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(48, W, 3) uint8 RGB in; (T,) class ids and (T,) probabilities out."""
    timesteps = crop.shape[1] // RECOGNITION_STRIDE_PX
    digest = hashlib.sha256(np.ascontiguousarray(crop).tobytes()).digest()
    class_ids = np.zeros(timesteps, np.int32)
    spelt = class_ids[: 2 * DIGITS_A_LINE : 2]  # blanks between, or CTC would merge a digit that comes twice
    spelt[:] = [1 + byte % 16 for byte in digest[: len(spelt)]]
    return class_ids, np.full(timesteps, 0.90 + digest[-1] % 10 / 100, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the double was told."""

    journal: Path | None = None
    slow_s: float = 5.0
    detection_s: float = 0.0
    """What one detection takes; they run one after another, as on a machine with that much power."""
    spare: bool = False
    """Heed no mark."""
    version: str = "1"
    """Of both models."""


class TritonDouble(GRPCInferenceServiceServicer):
    """The service's calls that our adapter makes; any other is answered with UNIMPLEMENTED."""

    def __init__(self, behaviour: Behaviour, *, port: int) -> None:
        self._behaviour = behaviour
        self._port = port
        self._seen: set[int] = set()
        self._engine = asyncio.Lock()

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Always."""
        del request, context
        return service_pb2.ServerReadyResponse(ready=True)

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """For our two."""
        del context
        return service_pb2.ModelReadyResponse(ready=request.name in {model.name for model in MODELS})

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """One version each."""
        del context
        return service_pb2.ModelMetadataResponse(name=request.name, versions=[self._behaviour.version])

    async def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """The recogniser's charset."""
        del context
        response = service_pb2.ModelConfigResponse()
        response.config.name = request.name
        if request.name == TEXT_RECOGNITION.name:
            response.config.parameters["charset_sha256"].string_value = CHARSET_SHA256
        return response

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Detect or recognise."""
        if self._behaviour.journal is not None:
            metadata = dict(context.invocation_metadata() or ())
            self._note("call", None, None, model=request.model_name, traceparent=metadata.get("traceparent"))
        tensor = np.frombuffer(request.raw_input_contents[0], np.uint8).reshape(tuple(request.inputs[0].shape))
        if request.model_name == TEXT_DETECTION.name:
            outputs = [np.stack([await self._detect(canvas, context) for canvas in tensor])]
            return _answer(request, TEXT_DETECTION.outputs, outputs)
        rows = [recognise(crop) for crop in tensor]
        return _answer(request, TEXT_RECOGNITION.outputs, [np.stack(part) for part in zip(*rows, strict=True)])

    async def _detect(self, canvas: NDArray[np.uint8], context: Any) -> NDArray[np.uint8]:
        number, mark = read_band(canvas)
        if self._behaviour.spare:
            mark = Mark.PLAIN
        pid = client_pid(context.peer(), self._port) if mark is Mark.KILLER or self._behaviour.journal else None
        self._note("begin", number, pid)
        await self._misbehave(mark, number, pid, context)
        if self._behaviour.detection_s:
            async with self._engine:
                await asyncio.sleep(self._behaviour.detection_s)
        self._note("end", number, pid)
        return detect(canvas)

    async def _misbehave(self, mark: Mark, number: int | None, pid: int | None, context: Any) -> None:
        if mark is Mark.KILLER and pid is not None:
            os.kill(pid, signal.SIGKILL)
        elif mark is Mark.SLOW:
            await asyncio.sleep(self._behaviour.slow_s)
        elif mark is Mark.FAILING or (mark is Mark.FLAKY and number not in self._seen):
            self._seen.add(number or 0)
            self._note("failure", number, pid)
            await context.abort(grpc.StatusCode.INTERNAL, "the model is out of order")

    def _note(self, event: str, number: int | None, pid: int | None, **told: str | None) -> None:
        if self._behaviour.journal is not None:
            entry = {"at_s": time.time(), "event": event, "page": number, "pid": pid, **told}
            with self._behaviour.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def client_pid(peer: str, server_port: int) -> int | None:
    """The process at the other end of a loopback connection: ``ipv4:127.0.0.1:50712`` as gRPC names it."""
    port = int(peer.rsplit(":", 1)[1])
    ends = rf"[0-9A-F]+:{port:04X} [0-9A-F]+:{server_port:04X} "
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            if re.search(ends, line):
                inodes.add(f"socket:[{line.split()[9]}]")
    owners = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _holds(pid, inodes)]  # noqa: PTH208
    # Children that inherited it are not the client: it leads the group.
    return min(owners, key=lambda pid: (not _leads(pid), pid), default=None)


def _holds(pid: int, inodes: set[str]) -> bool:
    try:
        return any(os.readlink(entry) in inodes for entry in Path(f"/proc/{pid}/fd").iterdir())  # noqa: PTH115
    except OSError:
        return False


def _leads(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except OSError:
        return False


def _answer(request: Any, specs: Any, outputs: list[NDArray[Any]]) -> Any:
    response = service_pb2.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
    for spec, output in zip(specs, outputs, strict=True):
        response.outputs.add(name=spec.name, datatype=spec.data_type.value, shape=output.shape)
        response.raw_output_contents.append(np.ascontiguousarray(output).tobytes())
    return response


async def serve(port: int, behaviour: Behaviour) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            # Two servers on one port would share its connections: a second one must fail instead.
            ("grpc.so_reuseport", 0),
        ]
    )
    add_GRPCInferenceServiceServicer_to_server(TritonDouble(behaviour, port=port), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await stop.wait()
    await server.stop(None)


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.triton_double")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--slow-s", type=float, default=Behaviour.slow_s)
    parser.add_argument("--detection-s", type=float, default=0.0)
    parser.add_argument("--spare", action="store_true")
    parser.add_argument("--version", default="1")
    options = parser.parse_args()
    behaviour = Behaviour(
        journal=options.journal,
        slow_s=options.slow_s,
        detection_s=options.detection_s,
        spare=options.spare,
        version=options.version,
    )
    cv2.setNumThreads(1)
    asyncio.run(serve(options.port, behaviour))


if __name__ == "__main__":
    main()
