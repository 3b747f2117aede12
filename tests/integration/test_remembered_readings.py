"""The bulk road's readers: what was read for a tenant is not read again, whatever job names it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from async_worker.stages.consumer import StageConsumer
from async_worker.stages.remembered_readings import RememberedReadings
from async_worker.tenants import TenantPolicies
from local_stack.aws import AwsServer
from ocr_core.adapters.remembered import Kind, Memory
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.ports import ModelsInUse
from ocr_core.contracts.result import OutputFormat
from ocr_core.settings import RememberSettings
from ocr_core.telemetry import Metrics
from tests.support.stage_house import TENANT, DigitModels, StageHouse, pages_pdf, stage_house


class CountedModels(DigitModels):
    """Tells another digest when the test says so."""

    digest = "models 1"

    async def in_use(self) -> ModelsInUse:
        told = await super().in_use()
        return ModelsInUse(versions=told.versions, charset_sha256=told.charset_sha256, sha256=self.digest)


@pytest.fixture
async def house(aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[StageHouse]:
    async with stage_house(aws_server, tmp_path) as opened:
        yield opened


def remembering_reader(house: StageHouse, models: CountedModels) -> StageConsumer:
    memory = Memory(RememberSettings(enabled=True), kind=Kind.READING, metrics=Metrics())
    remembered = RememberedReadings(
        memory,
        models=models,
        policies=TenantPolicies(house=HouseTenant(name=TENANT)),
        workers=house.workers,
        house_sha256="house 1",
    )
    return house.reader(models=models, remembered=remembered)


def pages(house: StageHouse, outcome: str) -> float:
    return house.count("ocr_pages_total", outcome=outcome)


async def results(house: StageHouse, reader: StageConsumer, *contents: bytes, **options: Any) -> list[dict[str, Any]]:
    """One job after the other, so that each finds what those before have read."""
    found = []
    async with house.working(reader, house.structurer()):
        for content in contents:
            (row,) = await house.ended(await house.submit(content, **options))
            found.append(await house.result(row))
    return found


async def test_the_same_bytes_are_read_once_and_structured_each_time(house: StageHouse) -> None:
    models, content = CountedModels(), pages_pdf(["one", "two"])
    first, second, other = await results(
        house, remembering_reader(house, models), content, content, pages_pdf(["one", "three"])
    )
    assert pages(house, "read") == 4
    assert second["timing_ms"]["recognise"] == 0 < first["timing_ms"]["recognise"]
    assert first["id"] != second["id"]  # documents of their own, of jobs of their own
    assert second["document"]["file_name"] != first["document"]["file_name"]
    assert (second["pages"], second["text"]) == (first["pages"], first["text"])
    assert other["text"] != first["text"]
    assert pages(house, "remembered") == 2


async def test_other_models_read_anew(house: StageHouse) -> None:
    models, content = CountedModels(), pages_pdf(["one"])
    reader = remembering_reader(house, models)
    async with house.working(reader, house.structurer()):
        for digest in ("models 1", "models 2", "models 1"):
            models.digest = digest
            await house.ended(await house.submit(content))
    assert pages(house, "read") == 2


async def test_page_images_are_not_remembered_so_a_searchable_pdf_is_read(house: StageHouse) -> None:
    models, content = CountedModels(), pages_pdf(["one"])
    reader = remembering_reader(house, models)
    await results(house, reader, content, content, formats=(OutputFormat.PDF,))
    assert pages(house, "read") == 2
