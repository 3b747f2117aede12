"""The stage workers with the real models in the real Triton: the same answer as the sync road gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_stack.aws import AwsServer
from local_stack.stack import REPOSITORY_ROOT, LocalStack
from ocr_core.adapters.triton import TritonModels
from ocr_core.settings import TritonSettings
from postprocess_svc.ctc import Charsets
from tests.support.stage_house import StageHouse, stage_house

CHARSET = REPOSITORY_ROOT / "model_repository" / "text_recognition" / "charset.txt"


@pytest.fixture
async def models(running_stack: LocalStack) -> AsyncIterator[TritonModels]:
    started = TritonModels(TritonSettings(grpc_url=running_stack.triton_grpc_url))
    await started.start()
    yield started
    await started.close()


@pytest.fixture
async def house(aws_server: AwsServer, tmp_path: Path, models: TritonModels) -> AsyncIterator[StageHouse]:
    async with stage_house(aws_server, tmp_path, models=models, charsets=Charsets.load([CHARSET])) as opened:
        yield opened


def fields_of(result: dict[str, Any]) -> dict[str, Any]:
    """The values, without their evidence; of a list's entries what is printed of them."""
    return {
        name: value["value"] if isinstance(value, dict) else value and [each["text"] for each in value]
        for name, value in result["fields"].items()
    }


@pytest.fixture
def contents(samples: Path) -> list[bytes]:
    found = [path.read_bytes() for path in sorted(samples.glob("*.pdf"))][:3]
    assert found
    return found


async def test_both_roads_read_the_same(house: StageHouse, contents: list[bytes], api: httpx.Client) -> None:
    job = await house.submit(*contents)
    async with house.working(house.reader(), house.structurer()):
        rows = await house.ended(job)
        bulk = [await house.result(row) for row in rows]
    for content, ours in zip(contents, bulk, strict=True):
        answer = await asyncio.to_thread(api.post, "/v1/ocr", params={"timeout_s": 30}, content=content)
        assert answer.status_code == 200, answer.text
        theirs = answer.json()
        assert ours["text"] == theirs["text"]
        assert fields_of(ours) == fields_of(theirs)
        assert ours["models"] == theirs["models"]
        assert set(ours) == set(theirs)
