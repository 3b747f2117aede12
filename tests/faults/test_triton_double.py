"""Triton's double, by the adapter that it is for and by the real pixel pipeline: a double that lies proves nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection, Priority
from ocr_core.contracts.errors import InternalError, NotReady
from ocr_core.contracts.page import PageError
from ocr_core.contracts.reading import Reading
from ocr_core.settings import TritonSettings
from postprocess_svc.ctc import Charset, decode_lines
from preprocess_svc.pipeline import read_document
from tests.support.bulk_documents import TestDocument, pdf_document, picture, png_document
from tests.support.faults_process import DoubleProcess, FaultyProcess
from tests.support.triton_double import CHARSET, CHARSET_SHA256, Mark, read_band
from tests.support.waiting import wait_until

_CALLER = """
import asyncio, sys
from pathlib import Path
from tests.faults.test_triton_double import open_models, read
asyncio.run(read(sys.argv[1], Path(sys.argv[2]).read_bytes()))
"""


@pytest.fixture
def double(tmp_path: Path):
    with DoubleProcess(tmp_path, slow_s=0.2) as process:
        yield process


async def open_models(grpc_url: str) -> TritonModels:
    models = TritonModels(TritonSettings(grpc_url=grpc_url, shared_memory=False))
    await models.start()
    return models


async def read(grpc_url: str, content: bytes) -> Reading:
    models = await open_models(grpc_url)
    opener = LocalFileOpener(OpenerSettings(max_children=2, max_waiting=2))
    await opener.start()
    try:
        with ThreadPoolExecutor(2) as workers:
            return await read_document(
                content,
                file_name=None,
                selection=PageSelection(),
                limits=OpenLimits(),
                text_layer=False,
                priority=Priority.BULK,
                deadline=Deadline.after(60),
                opener=opener,
                models=models,
                workers=workers,
            )
    finally:
        await opener.close()
        await models.close()


def text_of(reading: Reading) -> list[str]:
    (page,) = reading.pages
    assert not isinstance(page, PageError)
    charset = Charset.parse(CHARSET.encode())
    lines = decode_lines([line.class_ids for line in page.lines], [line.probabilities for line in page.lines], charset)
    return [line.text for line in lines]


def test_a_page_tells_its_number_and_its_mark():
    for number, mark in ((0, Mark.PLAIN), (17, Mark.KILLER), (9_999, Mark.FAILING)):
        assert read_band(np.asarray(picture(number, mark))) == (number, mark)
    assert read_band(np.full((64, 64, 3), 255, np.uint8)) == (None, Mark.PLAIN)


async def test_the_real_adapter_and_pipeline_work_with_it(double: DoubleProcess):
    readings = [await read(double.grpc_url, png_document(number).content) for number in (1, 1, 2)]
    texts = [text_of(reading) for reading in readings]

    assert texts[0] == texts[1] != texts[2]
    assert [len(line) for line in texts[0]] == [6]
    assert readings[0].charset_sha256 == CHARSET_SHA256
    assert readings[0].model_versions == {"text_detection": "1", "text_recognition": "1"}
    assert [entry["page"] for entry in double.journal() if entry["event"] == "end"] == [1, 1, 2]


async def test_marks_are_heeded_on_every_page_of_a_pdf(double: DoubleProcess):
    reading = await read(double.grpc_url, pdf_document(5, [Mark.PLAIN, Mark.SLOW, Mark.PLAIN]).content)
    assert len(reading.pages) == 3
    assert {entry["page"] for entry in double.journal() if entry["event"] == "begin"} == {5}

    with pytest.raises(InternalError):
        await read(double.grpc_url, png_document(6, Mark.FLAKY).content)
    await read(double.grpc_url, png_document(6, Mark.FLAKY).content)
    for _ in range(2):
        with pytest.raises(InternalError):
            await read(double.grpc_url, png_document(7, Mark.FAILING).content)


def test_a_killer_kills_who_sent_it_and_only_where_it_is_let(double: DoubleProcess, tmp_path: Path):
    killer: TestDocument = png_document(8, Mark.KILLER)
    (tmp_path / "killer.png").write_bytes(killer.content)
    command = [sys.executable, "-c", _CALLER, double.grpc_url, str(tmp_path / "killer.png")]

    assert subprocess.run(command, check=False, timeout=60, start_new_session=True).returncode == -9

    double.restart(spare=True)
    assert subprocess.run(command, check=False, timeout=60, start_new_session=True).returncode == 0


async def test_killed_it_is_not_ready_and_started_again_it_is(double: DoubleProcess):
    models = await open_models(double.grpc_url)
    assert await models.ready()
    double.kill()
    assert not await models.ready()
    with pytest.raises(NotReady):
        await models.charset_sha256()
    double.restart()
    async with asyncio.timeout(20):  # the channel's own back-off
        while not await models.ready():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    await models.close()


def test_a_process_can_be_paused_killed_and_started_again(tmp_path: Path):
    script = "import time\nwhile True: print('here', flush=True); time.sleep(0.01)"
    process = FaultyProcess(name="it", command=[sys.executable, "-c", script], environment={}, log=tmp_path / "it.log")

    def length() -> int:
        return (tmp_path / "it.log").stat().st_size

    with process:
        wait_until(lambda: length() > 0, "its first word")
        process.pause()
        wait_until(process.is_paused, "its pause")
        length_then = length()
        assert process.alive
        process.resume()
        wait_until(lambda: length() > length_then, "its next word")
        process.kill()
        assert not process.alive
        process.start()
        assert process.terminate() == -15
        assert process.leftovers() == []
