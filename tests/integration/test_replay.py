"""The server that gives kept answers again, asked by the real Triton client and the real text client."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evaluation.replay import KeptAnswers
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.errors import InternalError
from ocr_core.settings import TritonSettings

CROPS = np.arange(2 * 48 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(2, 48, 64, 3)
CLASS_IDS = np.arange(16, dtype=np.int32).reshape(2, 8)
PROBABILITIES = np.linspace(0, 1, 16, dtype=np.float32).reshape(2, 8)
CANVAS = np.full((640, 640, 3), 7, np.uint8)
CHARSET_SHA256 = "ab" * 32


@pytest.fixture(scope="module")
def triton_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    kept = KeptAnswers(CHARSET_SHA256)
    kept.keep(CROPS, [CLASS_IDS, PROBABILITIES])
    kept.keep(CANVAS[np.newaxis], [CANVAS[np.newaxis, :, :, 0]])
    file = tmp_path_factory.mktemp("replay") / "kept.npz"
    kept.write(file)
    with subprocess.Popen([sys.executable, "-m", "evaluation.replay", str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline().split()[0])
        process.terminate()


@pytest.mark.parametrize("shared_memory", [True, False])
async def test_what_was_kept_is_answered_and_nothing_else(triton_port: int, shared_memory: bool) -> None:
    models = TritonModels(TritonSettings(grpc_url=f"127.0.0.1:{triton_port}", shared_memory=shared_memory))
    deadline = Deadline.after(20)
    await models.start()
    try:
        assert await models.charset_sha256() == CHARSET_SHA256
        answer = await models.recognise(CROPS, priority=Priority.SYNC, deadline=deadline)
        np.testing.assert_array_equal(answer.class_ids, CLASS_IDS)
        np.testing.assert_array_equal(answer.probabilities, PROBABILITIES)
        probability = await models.detect(CANVAS, priority=Priority.SYNC, deadline=deadline)
        np.testing.assert_array_equal(probability, CANVAS[:, :, 0])
        with pytest.raises(InternalError):
            await models.recognise(CROPS[:1], priority=Priority.SYNC, deadline=deadline)
    finally:
        await models.close()


def test_answers_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    kept = KeptAnswers(CHARSET_SHA256)
    kept.result = b'{"pages": []}'
    kept.keep(CROPS, [CLASS_IDS, PROBABILITIES])
    kept.write(tmp_path / "kept.npz")
    again = KeptAnswers.read(tmp_path / "kept.npz")
    assert (again.charset_sha256, again.result) == (CHARSET_SHA256, b'{"pages": []}')
    class_ids, probabilities = again.find(CROPS.shape, CROPS.tobytes())
    np.testing.assert_array_equal(class_ids, CLASS_IDS)
    np.testing.assert_array_equal(probabilities, PROBABILITIES)
    with pytest.raises(KeyError):
        again.find((1, *CROPS.shape[1:]), CROPS.tobytes())
