"""``TritonModels`` against the real Triton: answers, both ways across, errors of the tree, cancelling."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from pathlib import Path

import grpc
import numpy as np
import pytest
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.grpc.service_pb2 import ModelConfigResponse, ModelMetadataResponse
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceServicer, add_GRPCInferenceServiceServicer_to_server

from local_stack.ports import Ports
from local_stack.triton import REPOSITORY_ROOT
from model_tools.engine_settings import served_precisions
from model_tools.openvino_models import EngineSettings, TextDetector, TextRecogniser
from model_tools.prepare import check_charset
from ocr_core.adapters.shared_memory import owner_prefix
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.errors import DeadlineExceeded, InternalError, NotReady, Overloaded
from ocr_core.contracts.tensors import DETECTION_SHAPES, RECOGNITION_WIDTHS_PX, TEXT_DETECTION
from ocr_core.settings import TritonSettings

REPOSITORY = REPOSITORY_ROOT / "model_repository"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives
SMALL_SHAPE = min(DETECTION_SHAPES, key=lambda shape: shape[0] * shape[1])
LARGE_SHAPE = max(DETECTION_SHAPES, key=lambda shape: shape[0] * shape[1])

pytestmark = pytest.mark.stack


def _soon() -> Deadline:
    return Deadline.after(60)


def _image(shape: tuple[int, int], seed: int = 1) -> np.ndarray:
    """Blocks of dark and light, which the detector has something to say about."""
    blocks = np.random.default_rng(seed).integers(0, 256, (shape[0] // 8 + 1, shape[1] // 8 + 1, 3), np.uint8)
    return np.ascontiguousarray(blocks.repeat(8, 0).repeat(8, 1)[: shape[0], : shape[1]])


def _crops(count: int, width_px: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 48, width_px, 3), np.uint8)


def _served_versions() -> dict[str, str]:
    """INT8 is not quite the same model as its floats: readings tell them apart."""
    return {name: "1-int8" if precision == "int8" else "1" for name, precision in served_precisions(REPOSITORY).items()}


@pytest.fixture
def settings(running_stack) -> TritonSettings:
    return TritonSettings(grpc_url=running_stack.triton_grpc_url)


@contextlib.asynccontextmanager
async def _open(settings: TritonSettings):
    models = TritonModels(settings)
    await models.start()
    try:
        yield models
    finally:
        await models.close()


async def test_it_says_what_it_serves(settings):
    async with _open(settings) as models:
        assert await models.ready()
        in_use = await models.in_use()
        assert in_use.versions == _served_versions()
        assert in_use.charset_sha256 == await models.charset_sha256() == check_charset(REPOSITORY)
        assert await models.in_use() == in_use


@pytest.mark.parametrize("shared_memory", [True, False])
async def test_answers_are_those_of_the_model_in_process(settings, shared_memory):
    served = served_precisions(REPOSITORY)
    one_thread = {name: EngineSettings(threads=1, precision=precision) for name, precision in served.items()}
    detector = TextDetector(REPOSITORY / "text_detection" / "1", one_thread["text_detection"])
    detector.load([SMALL_SHAPE])
    recogniser = TextRecogniser(REPOSITORY / "text_recognition" / "1", one_thread["text_recognition"])
    recogniser.load([320])
    image, crops = _image(SMALL_SHAPE), _crops(3, 320)

    async with _open(settings.model_copy(update={"shared_memory": shared_memory})) as models:
        found = await models.detect(image, priority=Priority.SYNC, deadline=_soon())
        read = await models.recognise(crops, priority=Priority.BULK, deadline=_soon())

    wanted_ids, wanted_probabilities = recogniser.recognise(crops)
    assert found.shape == SMALL_SHAPE
    assert np.abs(found.astype(int) - detector.detect(image[None])[0]).max() <= 1
    np.testing.assert_array_equal(read.class_ids, wanted_ids)
    np.testing.assert_allclose(read.probabilities, wanted_probabilities, atol=1e-4)


async def test_it_says_so_after_an_answer_too(settings):
    async with _open(settings) as models:
        await models.detect(_image(SMALL_SHAPE), priority=Priority.SYNC, deadline=_soon())
        await models.recognise(_crops(1, 320), priority=Priority.SYNC, deadline=_soon())
        assert (await models.in_use()).versions == _served_versions()


async def test_both_ways_across_give_the_same_for_every_shape_class(settings):
    async with (
        _open(settings) as through_memory,
        _open(settings.model_copy(update={"shared_memory": False})) as through_socket,
    ):
        for shape in DETECTION_SHAPES:
            image = _image(shape)
            maps = [
                await models.detect(image, priority=Priority.SYNC, deadline=_soon())
                for models in (through_memory, through_socket)
            ]
            assert maps[0].shape == shape
            np.testing.assert_array_equal(*maps)
        for width in RECOGNITION_WIDTHS_PX:
            crops = _crops(2, width)
            answers = [
                await models.recognise(crops, priority=Priority.SYNC, deadline=_soon())
                for models in (through_memory, through_socket)
            ]
            assert answers[0].class_ids.shape == (2, width // 8)
            np.testing.assert_array_equal(answers[0].class_ids, answers[1].class_ids)
            np.testing.assert_array_equal(answers[0].probabilities, answers[1].probabilities)


async def test_many_at_once_are_not_mixed_up(settings):
    batches = [_crops(1 + seed % 3, RECOGNITION_WIDTHS_PX[seed % 5], seed) for seed in range(40)]

    async with _open(settings) as models:

        async def read(crops):
            return await models.recognise(crops, priority=Priority.SYNC, deadline=_soon())

        together = await asyncio.gather(*map(read, batches))
        alone = [await read(crops) for crops in batches]

    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.class_ids, other.class_ids)
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


async def test_a_pool_at_its_limit_lets_the_rest_through_the_socket(settings):
    image = _image(SMALL_SHAPE)
    async with _open(settings.model_copy(update={"max_shared_bytes": 4 << 20})) as models:
        maps = await asyncio.gather(*(models.detect(image, priority=Priority.SYNC, deadline=_soon()) for _ in range(6)))

    for each in maps[1:]:
        np.testing.assert_array_equal(maps[0], each)


async def test_a_full_queue_is_overloaded_at_once(settings):
    image = _image(LARGE_SHAPE)
    async with _open(settings) as models:
        calls = [asyncio.create_task(models.detect(image, priority=Priority.BULK, deadline=_soon())) for _ in range(80)]
        refused = None
        for call in asyncio.as_completed(calls):
            try:
                await call
            except Overloaded as overloaded:
                refused = overloaded
                break
        for each in calls:
            each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

        assert refused is not None
        assert refused.retry_after_s is not None
        # The queue was emptied of what was cancelled: the next one is served.
        await models.detect(_image(SMALL_SHAPE), priority=Priority.SYNC, deadline=_soon())


@pytest.mark.parametrize("shared_memory", [True, False])
async def test_a_deadline_ends_what_waits_and_what_runs(settings, shared_memory):
    image = _image(LARGE_SHAPE)
    async with _open(settings.model_copy(update={"shared_memory": shared_memory})) as models:
        deadline = Deadline.after(0.05)
        answers = await asyncio.gather(
            *(models.detect(image, priority=Priority.SYNC, deadline=deadline) for _ in range(12)),
            return_exceptions=True,
        )
        late = [each for each in answers if isinstance(each, DeadlineExceeded)]
        assert len(late) >= 10
        assert all(isinstance(each, DeadlineExceeded | np.ndarray) for each in answers)

        with pytest.raises(DeadlineExceeded):
            await models.detect(image, priority=Priority.SYNC, deadline=Deadline.after(0))


async def test_what_was_cancelled_does_not_write_into_anyone_elses_answer(settings):
    quiet, loud = np.full((*SMALL_SHAPE, 3), 255, np.uint8), _image(SMALL_SHAPE)
    async with _open(settings) as models:
        wanted = await models.detect(quiet, priority=Priority.SYNC, deadline=_soon())
        for round_number in range(10):
            left_early = [
                asyncio.create_task(models.detect(loud, priority=Priority.SYNC, deadline=_soon())) for _ in range(3)
            ]
            await asyncio.sleep(0.004 * round_number)
            for each in left_early:
                each.cancel()
            got = await models.detect(quiet, priority=Priority.SYNC, deadline=_soon())
            np.testing.assert_array_equal(got, wanted)
            await asyncio.gather(*left_early, return_exceptions=True)


async def test_sync_goes_before_bulk(settings):
    image = _image(SMALL_SHAPE)
    order: list[Priority] = []
    async with _open(settings) as models:

        async def call(priority: Priority) -> None:
            await models.detect(image, priority=priority, deadline=_soon())
            order.append(priority)

        bulk = [asyncio.create_task(call(Priority.BULK)) for _ in range(12)]
        await asyncio.sleep(0.02)
        await asyncio.gather(*bulk, call(Priority.SYNC))

    # It cannot overtake the one that runs, nor those that ended before it was sent.
    assert order.index(Priority.SYNC) < len(order) - 4


async def test_requests_run_one_by_one_on_a_cpu(settings):
    """Whoever shares a batch would wait for its last row: see configs/cpu.pbtxt."""
    image = _image(SMALL_SHAPE)
    client = InferenceServerClient(settings.grpc_url)

    async def executions() -> tuple[int, int]:
        statistics = (await client.get_inference_statistics(TEXT_DETECTION.name)).model_stats[0]
        return statistics.inference_count, statistics.execution_count

    async with _open(settings) as models:
        before = await executions()
        await asyncio.gather(*(models.detect(image, priority=Priority.SYNC, deadline=_soon()) for _ in range(8)))
        after = await executions()
    await client.close()

    assert (after[0] - before[0], after[1] - before[1]) == (8, 8)


async def test_a_shape_that_is_no_class_is_our_own_fault_and_harms_nobody(settings):
    async with _open(settings) as models:
        with pytest.raises(InternalError):
            await models.detect(_image((100, 100)), priority=Priority.SYNC, deadline=_soon())
        await models.detect(_image(SMALL_SHAPE), priority=Priority.SYNC, deadline=_soon())


async def test_a_batch_of_several_pages_is_answered_page_by_page(settings):
    pages = np.stack([_image(SMALL_SHAPE, seed) for seed in range(TEXT_DETECTION.max_batch_size)])
    tensor = InferInput(TEXT_DETECTION.inputs[0].name, list(pages.shape), "UINT8")
    tensor.set_data_from_numpy(pages)
    client = InferenceServerClient(settings.grpc_url)
    together = (await client.infer(TEXT_DETECTION.name, [tensor])).as_numpy(TEXT_DETECTION.outputs[0].name)
    await client.close()

    async with _open(settings) as models:
        for page, wanted in zip(pages, together, strict=True):
            got = await models.detect(page, priority=Priority.SYNC, deadline=_soon())
            np.testing.assert_array_equal(got, wanted)


async def test_nobody_there_is_not_ready():
    port = Ports.free().triton_grpc
    async with _open(TritonSettings(grpc_url=f"127.0.0.1:{port}", control_timeout_s=1.0)) as models:
        assert not await models.ready()
        with pytest.raises(NotReady):
            await models.detect(_image(SMALL_SHAPE), priority=Priority.SYNC, deadline=_soon())
        with pytest.raises(NotReady):
            await models.in_use()
        with pytest.raises(NotReady):
            await models.charset_sha256()


async def test_a_closed_connection_is_not_ready(settings):
    models = TritonModels(settings)
    with pytest.raises(NotReady):
        await models.detect(_image(SMALL_SHAPE), priority=Priority.SYNC, deadline=_soon())


class _ToldTriton(GRPCInferenceServiceServicer):
    """A Triton that tells of its models what the test has it tell."""

    def __init__(self) -> None:
        self.versions = ["1"]
        self.charset_sha256 = "1" * 64
        self.precision = ""
        self.threads = ""

    async def ModelConfig(self, request, context):  # noqa: N802 - gRPC's name
        del context
        response = ModelConfigResponse()
        response.config.name = request.name
        told = {"charset_sha256": self.charset_sha256, "precision": self.precision, "threads": self.threads}
        for name, value in told.items():
            response.config.parameters[name].string_value = value
        return response

    async def ModelMetadata(self, request, context):  # noqa: N802 - gRPC's name
        del context
        return ModelMetadataResponse(name=request.name, versions=self.versions)


@contextlib.asynccontextmanager
async def _told():
    server, told = grpc.aio.server(), _ToldTriton()
    add_GRPCInferenceServiceServicer_to_server(told, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with _open(TritonSettings(grpc_url=f"127.0.0.1:{port}", shared_memory=False)) as models:
        yield told, models
    await server.stop(None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("versions", ["1", "2"]), ("charset_sha256", "2" * 64), ("precision", "int8"), ("threads", "2")],
)
async def test_models_that_were_replaced_are_others_at_once_and_again_the_same(name, value):
    """Under one connection, which tells nothing of it: so nothing of what was told is kept."""
    async with _told() as (told, models):
        before, was = await models.in_use(), getattr(told, name)
        setattr(told, name, value)
        other = await models.in_use()
        setattr(told, name, was)
        assert other.sha256 != before.sha256
        assert await models.in_use() == before


async def test_what_is_told_is_of_now():
    async with _told() as (told, models):
        told.versions, told.precision = ["2", "10", "9"], "int8"
        assert (await models.in_use()).versions == {"text_detection": "10-int8", "text_recognition": "10-int8"}
        told.charset_sha256 = "2" * 64
        assert await models.charset_sha256() == (await models.in_use()).charset_sha256 == "2" * 64
        told.charset_sha256 = ""
        with pytest.raises(InternalError):
            await models.in_use()


async def test_closing_leaves_no_memory_registered(settings):
    client = InferenceServerClient(settings.grpc_url)
    before = set((await client.get_system_shared_memory_status()).regions)
    async with _open(settings) as models:
        await models.detect(_image(SMALL_SHAPE), priority=Priority.SYNC, deadline=_soon())
        during = set((await client.get_system_shared_memory_status()).regions)
    after = set((await client.get_system_shared_memory_status()).regions)
    await client.close()

    assert len(during) == len(before) + 1
    assert after == before


@contextlib.contextmanager
def _region_file(name: str):
    path = SHARED_MEMORY / name
    path.write_bytes(bytes(1 << 16))
    try:
        yield
    finally:
        path.unlink()


async def test_a_service_that_was_killed_and_started_again_finds_its_memory_free(settings):
    """As under compose: the same host name and the same process id, another life."""
    earlier = f"{owner_prefix().rsplit('-', 2)[0]}-00000000-0"
    neighbour = f"{earlier.rsplit('-', 3)[0]}-{os.getppid()}-00000000-0"
    client = InferenceServerClient(settings.grpc_url)
    before = set((await client.get_system_shared_memory_status()).regions)
    for name in (earlier, neighbour):
        with _region_file(name):
            await client.register_system_shared_memory(name, f"/{name}", 1 << 16)

    async with _open(settings) as models, _open(settings) as others:
        await asyncio.gather(
            *(each.detect(_image(SMALL_SHAPE), priority=Priority.SYNC, deadline=_soon()) for each in (models, others))
        )
        regions = set((await client.get_system_shared_memory_status()).regions)
    await client.unregister_system_shared_memory(neighbour)
    await client.unregister_system_shared_memory("nobody-knows-this-one")
    await client.close()

    assert earlier not in regions
    assert neighbour in regions
    assert len([name for name in regions - before if name.startswith(owner_prefix())]) == 2, "their names collide"


async def test_without_shared_memory_to_be_had_pixels_go_through_the_socket(settings, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    async with _open(settings) as models:
        found = await models.detect(_image(SMALL_SHAPE), priority=Priority.SYNC, deadline=_soon())
    assert found.shape == SMALL_SHAPE
