"""What grows with a document leaves the event loop, where everybody else's requests wait; what is small stays on it."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from async_worker import result_lines
from local_stack.aws import AwsServer
from ocr_core.adapters import postprocess, sandbox_pages
from ocr_core.adapters.file_opener import LocalFileOpener
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import DocumentInfo, MediaType, OpenLimits, PageSelection
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import DocumentStatus, ResultRow
from ocr_core.contracts.page import PageImage, TextLayerWord
from ocr_core.contracts.ports import RenderedResult, StructureOptions
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import NONE
from ocr_core.service import RequestContext
from preprocess_svc import completing
from tests.support.aws import object_settings, storage_settings
from tests.support.open_samples import pdf

FEW, MANY = 20, 3_000


@pytest.fixture
def threads_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], list[bool]]:
    """Watches a function; the list says of each call whether it was off the event loop's thread."""

    def watch(module: object, name: str) -> list[bool]:
        calls: list[bool] = []
        function: Callable[..., Any] = getattr(module, name)
        loop_thread = threading.get_ident()

        def watched(*positional: Any, **named: Any) -> Any:
            calls.append(threading.get_ident() != loop_thread)
            return function(*positional, **named)

        monkeypatch.setattr(module, name, watched)
        return calls

    return watch


@pytest.mark.parametrize(("count", "off_the_loop"), [(FEW, False), (MANY, True)])
async def test_the_words_of_a_page(
    threads_of: Callable[[object, str], list[bool]], count: int, off_the_loop: bool
) -> None:
    calls = threads_of(sandbox_pages, "decode_text_layer")
    words = " ".join(f"1 0 0 1 {index % 50 * 10} {index // 50 * 10} Tm (w) Tj" for index in range(count))
    opener = LocalFileOpener()
    try:
        async with opener.open(
            pdf([("/MediaBox[0 0 600 800]", f"BT /F1 6 Tf {words} ET")]),
            selection=PageSelection(),
            limits=OpenLimits(),
            deadline=Deadline.after(60),
            text_layer=True,
        ) as opened:
            (page,) = [page async for page in opened.pages()]
    finally:
        await opener.close()
    assert isinstance(page, PageImage)
    assert len(page.text_layer) == count
    assert calls == [off_the_loop]


@pytest.mark.parametrize(("count", "off_the_loop"), [(FEW, False), (MANY, True)])
async def test_a_reading(threads_of: Callable[[object, str], list[bool]], count: int, off_the_loop: bool) -> None:
    calls = threads_of(postprocess, "encode_reading")
    word = TextLayerWord(text="w", quad=((0, 0), (9, 0), (9, 9), (0, 9)))
    page = PageReading(
        number=1, width_px=100, height_px=100, dpi=200, rotation_deg=0, skew_deg=0, lines=(), text_layer=(word,) * count
    )
    reading = Reading(
        document=DocumentInfo(file_name=None, media_type=MediaType.PDF, page_count=1, sha256="0" * 64),
        pages=(page,),
        model_versions={},
        charset_sha256="1" * 64,
    )
    options = StructureOptions(schemas=(NONE,), min_confidence=0.5, output_format=OutputFormat.JSON)
    structurer = postprocess.HttpStructurer("http://127.0.0.1:1")
    await structurer.start()
    try:
        with pytest.raises(NotReady):
            await structurer.structure(reading, options=options, request_id="r", deadline=Deadline.after(30))
    finally:
        await structurer.close()
    assert calls == [off_the_loop]


@pytest.mark.parametrize(("count", "off_the_loop"), [(FEW, False), (MANY, True)])
async def test_the_times_of_an_answer(
    threads_of: Callable[[object, str], list[bool]], count: int, off_the_loop: bool
) -> None:
    calls = threads_of(completing, "from_json")
    quad = [[0.5, 0.5], [9.5, 0.5], [9.5, 9.5], [0.5, 9.5]]
    lines = [{"text": "請求書 合計 1,000円", "confidence": 0.9, "quad": quad}] * count
    body = json.dumps({"lines": lines, "timing_ms": {}}).encode()
    context = RequestContext(request_id="r", received_s=0.0)
    context.stages_ms["total"] = 7.04
    result = RenderedResult(content_type="application/json", body=body, warning_codes=("x",))
    completed = await completing.complete(result, context, None, None)
    assert json.loads(completed.body) == {"lines": lines, "timing_ms": {"total": 7.0}}
    assert completed.warning_codes == ("x",)
    assert calls == [off_the_loop]


@pytest.fixture
async def objects(aws_server: AwsServer) -> AsyncIterator[S3ObjectStore]:
    store = S3ObjectStore(object_settings(), storage_settings(aws_server))
    await store.start()
    await store.ensure_bucket()
    yield store
    await store.close()


@pytest.mark.parametrize(("count", "off_the_loop"), [(FEW, False), (MANY, True)])
async def test_a_result_line_with_links(
    objects: S3ObjectStore,
    threads_of: Callable[[object, str], list[bool]],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    off_the_loop: bool,
) -> None:
    """It is put together off the loop; JSON, which keeps the interpreter to itself in a thread too, reads its end."""
    calls = threads_of(result_lines, "_with_result")
    read_bytes: list[int] = []

    def loads(text: bytes) -> object:
        read_bytes.append(len(text))
        return json.JSONDecoder().decode(text.decode())

    pages = [{"text": "請求書 links 合計 1,000円"}] * count
    stored = {"pages": pages, "links": {"markdown": objects.uri("results/r.md")}}
    await objects.put("results/r.json", json.dumps(stored).encode(), content_type="application/json")
    row = ResultRow(
        sequence=1,
        document_id="doc_1",
        run=1,
        position=0,
        reference=None,
        file_name=None,
        status=DocumentStatus.DONE,
        result_key="results/r.json",
        error_code=None,
        error_detail=None,
    )
    with monkeypatch.context() as patched:
        patched.setattr(result_lines, "json", SimpleNamespace(loads=loads, dumps=json.dumps))
        line = await result_lines.ResultLines(objects, link_ttl_s=60).line(row)
    told = json.loads(line)["result"]
    assert told["pages"] == pages
    assert told["links"]["markdown"].startswith("http")
    assert max(read_bytes) < 200
    assert calls == [off_the_loop]
