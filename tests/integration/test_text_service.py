"""The text side as a process: schemas of the operator's own, and the table of partners that it takes up as it runs."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from evaluation.company_names import made_up_names
from ocr_core.adapters.postprocess import HttpStructurer
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import Reading
from ocr_core.contracts.schema_names import SchemaName
from postprocess_svc.ctc import Charset
from tests.support.aws import free_port
from tests.support.documents import png
from tests.support.faults_process import FaultyProcess
from tests.support.waiting import wait_until
from tests.unit import test_text_pipeline as invoice
from tests.unit.test_text_pipeline import INVOICE, line_reading, page_reading, reading_of

EX_CONFIG = 78
START_S = 60.0
NAME, MISREAD = "株式会社サンプルテック", "株式会社サンプルテッワ"
EXPENSES = """
title = "Expense report"
description = "What was bought where"
[fields]
shop = { from = "issuer_name", type = "text", required = true }
amount = { from = "total_amount", type = "money", max = 1_000 }
"""

Start = Callable[..., FaultyProcess]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    characters = "\n".join(sorted(set("".join(text for text, *_ in INVOICE) + MISREAD)))
    known = Charset.parse(characters.encode())
    monkeypatch.setattr(invoice, "CHARSET", known)
    ids = {character: class_id for class_id, character in enumerate(known.characters) if character}
    monkeypatch.setattr(invoice, "CLASS_IDS", ids)
    charset = tmp_path / "charset.txt"
    charset.write_text(characters, encoding="utf-8")
    started: list[FaultyProcess] = []

    def start_one(**settings: str) -> FaultyProcess:
        process = FaultyProcess(
            name="postprocess",
            command=[sys.executable, "-m", "postprocess_svc"],
            environment={
                "OCR_POSTPROCESS_PORT": str(free_port()),
                "OCR_POSTPROCESS_CHARSET_FILES": str(charset),
                **settings,
            },
            log=tmp_path / f"{len(started)}.log",
        )
        started.append(process)
        process.start()
        return process

    yield start_one
    for process in started:
        process.kill()


def url(process: FaultyProcess) -> str:
    return f"http://127.0.0.1:{process.environment['OCR_POSTPROCESS_PORT']}"


def get(process: FaultyProcess, path: str) -> httpx.Response | None:
    with suppress(httpx.HTTPError):
        return httpx.get(url(process) + path, trust_env=False)
    return None


def wait_ready(process: FaultyProcess) -> None:
    def ready() -> bool:
        assert process.alive, process.log.read_text()
        answer = get(process, "/readyz")
        return answer is not None and answer.status_code == 200

    wait_until(ready, "the text service", patience_s=START_S)


@asynccontextmanager
async def structurer_of(process: FaultyProcess) -> AsyncIterator[HttpStructurer]:
    structurer = HttpStructurer(url(process))
    await structurer.start()
    try:
        yield structurer
    finally:
        await structurer.close()


def misread_invoice() -> Reading:
    lines = [line_reading(text.replace(NAME, MISREAD), *place) for text, *place in INVOICE if "登録番号" not in text]
    return reading_of(page_reading(lines), charset_sha256=invoice.CHARSET.sha256)


async def answer(structurer: HttpStructurer, *schemas: str) -> dict[str, Any]:
    options = StructureOptions(schemas=tuple(map(SchemaName, schemas)))
    rendered = await structurer.structure(
        misread_invoice(), options=options, request_id="req_1", deadline=Deadline.after(20)
    )
    return dict(json.loads(rendered.body))


async def test_a_schema_of_the_operators_own_answers_beside_a_shipped_one(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "expenses.toml").write_text(EXPENSES)
    process = start(OCR_POSTPROCESS_SCHEMAS_DIR=str(folder))
    wait_ready(process)
    async with structurer_of(process) as structurer:
        listed = (await structurer.schemas(deadline=Deadline.after(20))).schemas
        assert [(schema.name, schema.title) for schema in listed if schema.document_type is None] == [
            ("expenses", "Expense report")
        ]
        await structurer.check_schemas((SchemaName("expenses"),), deadline=Deadline.after(20))
        with pytest.raises(InvalidRequest, match="no 'expense'; there are auto, none, expenses, invoice, other"):
            await structurer.check_schemas((SchemaName("expense"),), deadline=Deadline.after(20))
        result = await answer(structurer, "expenses", "invoice")
        assert result["schemas"]["expenses"]["shop"]["value"] == MISREAD
        assert result["schemas"]["expenses"]["amount"] is None
        assert result["schemas"]["invoice"]["total_amount"]["value"] == 385000
        assert "validation_failed" in [warning["code"] for warning in result["warnings"]]
        with pytest.raises(InvalidRequest, match="no 'expense'"):
            await answer(structurer, "expense")


def test_an_unknown_schema_is_refused_before_a_document_is_read(start: Start, tmp_path: Path) -> None:
    process = start()
    wait_ready(process)
    port = free_port()
    # No Triton: a document that went on to be read would be told not_ready.
    with FaultyProcess(
        name="preprocess",
        command=[sys.executable, "-m", "preprocess_svc"],
        environment={
            "OCR_PREPROCESS_PORT": str(port),
            "OCR_PREPROCESS_STRUCTURE_URL": url(process),
            "OCR_TRITON_GRPC_URL": f"127.0.0.1:{free_port()}",
        },
        log=tmp_path / "preprocess.log",
    ) as pixels:

        def post(schema: str) -> httpx.Response | None:
            assert pixels.alive, pixels.log.read_text()
            with suppress(httpx.TransportError):
                address = f"http://127.0.0.1:{port}/v1/ocr"
                return httpx.post(address, params={"schema": schema}, content=png("x"), trust_env=False, timeout=30)
            return None

        wait_until(lambda: post("auto") is not None, "the sync API", patience_s=START_S)
        for schema, status, told in (
            ("invoice,expenses", 400, "schema: there is no 'expenses'; there are auto, none, invoice, other, receipt"),
            ("Invoice", 400, "a schema's name is up to"),
            ("invoice,receipt", 503, "not_ready"),
        ):
            answered = post(schema)
            assert answered is not None
            assert answered.status_code == status, answered.text
            assert told in answered.text
        listed = httpx.get(f"http://127.0.0.1:{port}/v1/schemas", trust_env=False).json()["schemas"]
        assert [schema["name"] for schema in listed] == ["invoice", "other", "receipt"]
        process.kill()
        answered = post("expenses")
        assert answered is not None
        assert (answered.status_code, answered.json()["code"]) == (503, "not_ready")


@pytest.mark.parametrize(
    ("variable", "content", "told"),
    [
        ("OCR_POSTPROCESS_SCHEMAS_DIR", 'title = "A"\nfields.x.type = "text"', "a.toml: fields.x.from: there is no"),
        ("OCR_POSTPROCESS_PARTNERS_FILE", "登録番号,名称\nT1,a\n", "line 2, column '登録番号': is not T and 13 digits"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start_and_is_named(
    start: Start, tmp_path: Path, variable: str, content: str, told: str
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "a.toml").write_text(content)
    process = start(**{variable: str(folder if variable.endswith("DIR") else folder / "a.toml")})
    wait_until(lambda: not process.alive, "the end of the process", patience_s=START_S)
    assert process.exit_status == EX_CONFIG
    assert f"{variable}: " in process.log.read_text()
    assert told in process.log.read_text()


async def test_a_table_of_partners_mends_a_name_and_a_new_one_is_taken_up(start: Start, tmp_path: Path) -> None:
    table = tmp_path / "partners.csv"
    others = made_up_names(500, seed=1, apart_from=(NAME,))
    table.write_text("\n".join(["取引先名", *others]))
    process = start(OCR_POSTPROCESS_PARTNERS_FILE=str(table), OCR_POSTPROCESS_PARTNERS_LOOK_S="0.1")
    wait_ready(process)

    def metric(line: str) -> bool:
        told = get(process, "/metrics")
        return told is not None and line in told.text

    assert metric("ocr_partners 500.0")
    async with structurer_of(process) as structurer:
        issuer = (await answer(structurer, "invoice"))["fields"]["issuer_name"]
        assert (issuer["value"], "partner" in issuer) == (MISREAD, False)

        table.write_text("\n".join(["取引先名,取引先コード", f"{NAME},77", *others]))
        wait_until(lambda: metric("ocr_partners 501.0"), "the new table")
        issuer = (await answer(structurer, "invoice"))["fields"]["issuer_name"]
        assert (issuer["value"], issuer["text"]) == (NAME, MISREAD)
        assert (issuer["partner"]["code"], issuer["partner"]["matched_by"]) == ("77", "name")

        table.write_text("会社\nx\n")
        wait_until(lambda: metric('ocr_partner_table_loads_total{outcome="failed"} 1.0'), "the refusal of a bad table")
        assert (await answer(structurer, "invoice"))["fields"]["issuer_name"] == issuer
    assert "partners.refused" in process.log.read_text()
