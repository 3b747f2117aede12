"""What the two models and the text side answered once, kept, and given again without any work.

``KeptAnswers`` holds answers by the digest of what was asked. ``python -m evaluation.replay`` serves them as a process
of its own: a Triton with system shared memory, and a text side, so that a client's own cost can be measured beside
nothing else. What was never asked before is an error, not a guess.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import mmap
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceServicer, add_GRPCInferenceServiceServicer_to_server

from evaluation.inprocess_models import InProcessModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.ports import ModelsInUse, Recognition
from ocr_core.contracts.tensors import MODELS, TEXT_RECOGNITION

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives, not a temporary file
_RESULT, _CHARSET = "result", "charset"

Answers = Sequence[NDArray[Any]]


class KeptAnswers:
    """Answers of models by what they were asked, the recogniser's charset, and the text side's result."""

    def __init__(self, charset_sha256: str) -> None:
        self.charset_sha256 = charset_sha256
        self.result = b""
        self._by_digest: dict[str, Answers] = {}

    def keep(self, asked: NDArray[np.uint8], answers: Answers) -> None:
        """Remember the outputs of a model for one batch, in the order of its ``ModelSpec``."""
        self._by_digest[_digest(asked.shape, asked.tobytes())] = answers

    def find(self, shape: Sequence[int], asked: bytes) -> Answers:
        """The outputs for a batch.

        Raises:
            KeyError: it was never asked.
        """
        return self._by_digest[_digest(shape, asked)]

    def write(self, file: Path) -> None:
        """Write everything into an ``.npz``."""
        columns = {f"{digest}-{at}": part for digest, parts in self._by_digest.items() for at, part in enumerate(parts)}
        columns |= {_RESULT: np.frombuffer(self.result, np.uint8), _CHARSET: np.array(self.charset_sha256)}
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, allow_pickle=False, **columns)

    @classmethod
    def read(cls, file: Path) -> KeptAnswers:
        """Read back what ``write`` wrote."""
        with np.load(file, allow_pickle=False) as columns:
            kept = cls(str(columns[_CHARSET]))
            kept.result = columns[_RESULT].tobytes()
            parts: dict[str, dict[int, NDArray[Any]]] = {}
            for name in set(columns.files) - {_RESULT, _CHARSET}:
                digest, _, at = name.partition("-")
                parts.setdefault(digest, {})[int(at)] = columns[name]
        kept._by_digest = {digest: [of[at] for at in sorted(of)] for digest, of in parts.items()}
        return kept


def _digest(shape: Sequence[int], asked: bytes) -> str:
    return hashlib.blake2b(asked, salt=str(tuple(shape)).encode()[-16:], digest_size=16).hexdigest()


class KeepingModels:
    """``ports.TextModels`` in this process that keeps every answer."""

    def __init__(self, models: InProcessModels, kept: KeptAnswers) -> None:
        self._models = models
        self._kept = kept

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        """See ``ports.TextModels.detect``."""
        asked = image.copy()
        probability = await self._models.detect(image, priority=priority, deadline=deadline)
        self._kept.keep(asked[np.newaxis], [probability[np.newaxis]])
        return probability

    async def recognise(self, crops: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> Recognition:
        """See ``ports.TextModels.recognise``."""
        asked = crops.copy()
        answer = await self._models.recognise(crops, priority=priority, deadline=deadline)
        self._kept.keep(asked, [answer.class_ids, answer.probabilities])
        return answer

    async def in_use(self) -> ModelsInUse:
        """See ``ports.TextModels.in_use``."""
        return await self._models.in_use()

    async def charset_sha256(self) -> str:
        """See ``ports.TextModels.charset_sha256``."""
        return await self._models.charset_sha256()


class ReplayingTriton(GRPCInferenceServiceServicer):  # type: ignore[misc]  # it has no types
    """The service's calls that our adapter makes, answered from what was kept.

    Args:
        kept: The answers.
        apart_s: Answers come one after another, so far apart, as those of models do: each wakes the client.
    """

    def __init__(self, kept: KeptAnswers, *, apart_s: float) -> None:
        self._kept = kept
        self._apart_s = apart_s
        self._turn = asyncio.Lock()
        self._regions: dict[str, mmap.mmap] = {}

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """One version each."""
        del context
        return service_pb2.ModelMetadataResponse(name=request.name, versions=["1"])

    async def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """The recogniser's charset."""
        del context
        response = service_pb2.ModelConfigResponse()
        response.config.name = request.name
        if request.name == TEXT_RECOGNITION.name:
            response.config.parameters["charset_sha256"].string_value = self._kept.charset_sha256
        return response

    async def SystemSharedMemoryStatus(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """None: the one client is new."""
        del request, context
        return service_pb2.SystemSharedMemoryStatusResponse()

    async def SystemSharedMemoryRegister(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Map a region."""
        del context
        with (_SHARED_MEMORY / request.key.lstrip("/")).open("r+b") as file:
            self._regions[request.name] = mmap.mmap(file.fileno(), request.byte_size)
        return service_pb2.SystemSharedMemoryRegisterResponse()

    async def SystemSharedMemoryUnregister(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Forget a region."""
        del context
        self._regions.pop(request.name, None)
        return service_pb2.SystemSharedMemoryUnregisterResponse()

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Look the answer up."""
        asked = request.inputs[0]
        try:
            answers = self._kept.find(asked.shape, self._bytes_of(request, asked))
        except KeyError:
            await context.abort(grpc.StatusCode.NOT_FOUND, "this was never asked before")
            raise
        async with self._turn:
            await asyncio.sleep(self._apart_s)
        response = service_pb2.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
        model = next(model for model in MODELS if model.name == request.model_name)
        for spec, wanted, answer in zip(model.outputs, request.outputs, answers, strict=True):
            output = response.outputs.add(name=spec.name, datatype=spec.data_type.value, shape=answer.shape)
            if "shared_memory_region" in wanted.parameters:
                self._put(wanted, answer)
                for name, value in wanted.parameters.items():
                    output.parameters[name].CopyFrom(value)
            else:
                response.raw_output_contents.append(answer.tobytes())
        return response

    def _bytes_of(self, request: Any, asked: Any) -> bytes:
        if "shared_memory_region" not in asked.parameters:
            return bytes(request.raw_input_contents[0])
        region = self._regions[asked.parameters["shared_memory_region"].string_param]
        offset = asked.parameters["shared_memory_offset"].int64_param
        return region[offset : offset + asked.parameters["shared_memory_byte_size"].int64_param]

    def _put(self, wanted: Any, answer: NDArray[Any]) -> None:
        region = self._regions[wanted.parameters["shared_memory_region"].string_param]
        offset = wanted.parameters["shared_memory_offset"].int64_param
        region[offset : offset + answer.nbytes] = answer.tobytes()


async def _answer_texts(result: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/1.1 of one client that keeps its connection: read a request whole, answer with the result."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(result)
    try:
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in request.split(b"\r\n")[1:] if line)
            await reader.readexactly(int(fields.get(b"content-length", b"0")))
            writer.write(head + result)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        writer.close()


async def _serve(kept: KeptAnswers, apart_s: float) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
    add_GRPCInferenceServiceServicer_to_server(ReplayingTriton(kept, apart_s=apart_s), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    texts = await asyncio.start_server(lambda *ends: _answer_texts(kept.result, *ends), "127.0.0.1", 0)
    print(port, texts.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    texts.close()
    await server.stop(None)


def main() -> None:
    """Serve until SIGTERM; the ports of Triton and of the text side are the first line that is printed."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.replay", description=main.__doc__)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--apart-ms", type=float, default=3.0, help="between two answers of the models")
    options = parser.parse_args()
    asyncio.run(_serve(KeptAnswers.read(options.kept), options.apart_ms / 1000))


if __name__ == "__main__":
    main()
