"""Alerts of the sync road fire when their reasons are brought about: on the real services, by a real Prometheus.

Triton is its double, whose power the test chooses (``test_alerts_stack.py`` has the real one).
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from evaluation.mockups.drawing import parse_drawing
from evaluation.mockups.reading import charset_of, reading_of
from local_stack.traces import Receiver
from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.opener_metrics import OpenerMetrics
from ocr_core.adapters.postprocess import READING_MEDIA_TYPE, REMAINING_HEADER, STRUCTURE_PATH
from ocr_core.adapters.sandbox_launch import ExecutingLauncher
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import UnreadableDocument
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.reading_codec import encode_reading
from ocr_core.telemetry import Metrics
from tests.support.aws import free_port
from tests.support.bulk_documents import png_document
from tests.support.faults_process import FaultyProcess
from tests.support.openers import FORGING_POOL
from tests.support.prometheus import Prometheus, ServedMetrics
from tests.support.stage_house import pages_pdf
from tests.support.sync_house import SyncHouse
from tests.support.traces import QUICK
from tests.support.waiting import wait_until

PAGE_S = 0.15

WITH_FIELDS = """
請求書
請求日 2026年10月31日
お支払期限 2026年11月30日
合計金額 385,000円
"""
WITHOUT_FIELDS = """
請求書
お支払のお願い
ありがとうございました
"""

FIRST = -15
"""Of nice."""

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture(scope="module")
def house(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncHouse]:
    everywhere = {"OCR_TRACING_ENDPOINT": receiver.url, **QUICK}
    with SyncHouse(folder=tmp_path_factory.mktemp("alerts"), page_s=PAGE_S, everywhere=everywhere) as started:
        for number in range(10):  # the pace is learned before anything is judged
            assert started.send(png_document(number).content, timeout_s=30).status == 200
        yield started


@pytest.fixture(scope="module")
def prometheus(house: SyncHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    targets = {"preprocess": urlsplit(house.url).netloc, "postprocess": urlsplit(house.text_url).netloc}
    with Prometheus(folder=tmp_path_factory.mktemp("prometheus"), targets=targets) as started:
        started.wait_seen()
        yield started


def healthy(house: SyncHouse) -> None:
    """Everything answers again, and what was broken is forgotten by who counts."""
    wait_until(lambda: house.http.get("/readyz").status_code == httpx.codes.OK, "readiness", patience_s=60)


def test_a_house_that_works_makes_no_noise_and_its_times_lead_to_traces(
    house: SyncHouse, prometheus: Prometheus, receiver: Receiver
) -> None:
    for number in range(8):
        assert house.send(png_document(number).content, timeout_s=10).status == 200
    healthy(house)
    wait_until(lambda: bool(prometheus.query("ocr_dependency_up")), "a scrape")
    assert prometheus.firing() <= {"YomitoriSlow"}  # a busy machine may be slow
    # Exemplars are kept by Prometheus, and name traces that were sent.
    wait_until(lambda: bool(prometheus.exemplars("ocr_request_duration_seconds_bucket")), "an exemplar")
    (found, *_) = prometheus.exemplars('ocr_request_duration_seconds_bucket{route="/v1/ocr"}')
    assert found["exemplars"][-1]["labels"]["trace_id"] in {span.trace_id for span in receiver.spans()}


def test_more_than_can_be_read_in_time_is_refused(house: SyncHouse, prometheus: Prometheus) -> None:
    def too_many() -> None:
        documents = [png_document(number).content for number in range(60)]
        answers = house.send_over_time(documents, every_s=0.0, timeout_s=2.0)
        assert {answer.status for answer in answers} >= {200, 429}

    prometheus.wait_fires("YomitoriDocumentsRefused", too_many)
    wait_until(house.is_empty, "all that was taken to be given back")


def test_documents_that_wait_long_are_slow(house: SyncHouse, prometheus: Prometheus) -> None:
    def a_long_queue() -> None:
        documents = [png_document(number).content for number in range(30)]
        house.send_over_time(documents, every_s=0.0, timeout_s=25.0)

    prometheus.wait_fires("YomitoriSlow", a_long_queue)
    wait_until(house.is_empty, "all that was taken to be given back")


def test_deadlines_that_are_too_short_are_missed(house: SyncHouse, prometheus: Prometheus) -> None:
    """One after another: an empty house lets in anybody."""
    prometheus.wait_fires("YomitoriDeadlinesMissed", lambda: house.send(png_document(1).content, timeout_s=PAGE_S / 2))
    wait_until(house.is_empty, "all that was taken to be given back")


def test_pages_that_cannot_be_read_are_told_of(house: SyncHouse, prometheus: Prometheus) -> None:
    half = pages_pdf(["one", "two"], broken=[2])

    def send() -> None:
        assert house.send(half, timeout_s=10).status == 200

    prometheus.wait_fires("YomitoriPagesUnreadable", send)


def test_without_triton_readiness_and_requests_tell(house: SyncHouse, prometheus: Prometheus) -> None:
    house.triton.kill()
    try:
        prometheus.wait_fires("YomitoriTritonDown", lambda: house.http.get("/readyz"))
    finally:
        house.triton.restart()
        healthy(house)
    prometheus.wait_silent("YomitoriTritonDown")


def test_a_triton_that_dies_over_requests_is_told_of(house: SyncHouse, prometheus: Prometheus) -> None:
    def die_under_way() -> None:
        if not house.triton.alive:
            house.triton.restart()
            healthy(house)
        sending = threading.Thread(target=lambda: house.send(png_document(1).content, timeout_s=5.0))
        sending.start()
        wait_until(lambda: _begun(house) > begun, "a page in the detector")
        house.triton.kill()
        sending.join()

    begun = _begun(house)
    try:
        prometheus.wait_fires("YomitoriModelRequestsFail", die_under_way)
    finally:
        house.triton.restart()
        healthy(house)


def _begun(house: SyncHouse) -> int:
    return sum(entry["event"] == "begin" for entry in house.triton.journal())


def test_without_the_text_side_both_its_absence_and_whom_it_fails_are_told(
    house: SyncHouse, prometheus: Prometheus
) -> None:
    house.text.kill()
    try:
        prometheus.wait_fires("YomitoriTextSideDown", lambda: house.http.get("/readyz"))
        prometheus.wait_fires("YomitoriServiceDown")
        with _nonsense(int(house.text_url.rsplit(":", 1)[1])):
            # Something answers in its place that is no text side: a fault of ours to the caller.
            prometheus.wait_fires("YomitoriInternalErrors", lambda: house.send(png_document(1).content, timeout_s=5.0))
    finally:
        house.text.start()
        healthy(house)
    prometheus.wait_silent("YomitoriServiceDown")


@contextmanager
def _nonsense(port: int) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(418)

        def do_GET(self) -> None:
            self.send_error(418)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    ThreadingHTTPServer.allow_reuse_address = True
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def test_another_kind_of_input_shows_by_its_fields_and_its_confidence(tmp_path: Path) -> None:
    """The real text side, first with invoices as they were, then with others on which little can be read."""
    charset = charset_of([WITH_FIELDS, WITHOUT_FIELDS])
    (tmp_path / "charset.txt").write_text("".join(f"{each}\n" for each in charset.characters if each), encoding="utf-8")
    usual = encode_reading(reading_of("usual.pdf", [parse_drawing(WITH_FIELDS)], charset))
    strange = encode_reading(_doubtful(reading_of("strange.pdf", [parse_drawing(WITHOUT_FIELDS)], charset)))
    with _text_side(tmp_path) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as client:

        def send(reading: bytes) -> None:
            headers = {"Content-Type": READING_MEDIA_TYPE}
            answer = client.post(STRUCTURE_PATH, content=reading, headers=headers)
            assert answer.status_code == httpx.codes.OK, answer.text
            assert answer.json()["document_type"] == "invoice"

        with Prometheus(folder=tmp_path, targets={"postprocess": urlsplit(url).netloc}) as prometheus:
            prometheus.wait_seen()
            send(usual)  # what a series begins with is no increase: on a quick machine it would be all of them
            wait_until(lambda: bool(prometheus.query("ocr_fields_total")), "the first document")
            for _ in range(150):
                send(usual)
            wait_until(lambda: bool(prometheus.query("yomitori:field_null_share:1d")), "the usual share")
            assert "YomitoriFieldsMissing" not in prometheus.firing()

            def many_strange_ones() -> None:
                for _ in range(15):
                    send(strange)
                time.sleep(1)  # all that a quick machine can send would soon be what is usual

            prometheus.wait_fires("YomitoriFieldsMissing", many_strange_ones)
            prometheus.wait_fires("YomitoriConfidenceFell", many_strange_ones)
            missing = prometheus.query('ALERTS{alertname="YomitoriFieldsMissing", alertstate="firing"}')
            assert "total_amount" in {sample["metric"]["field"] for sample in missing}


def test_a_text_side_that_is_given_all_that_it_can_do_is_the_bottleneck(tmp_path: Path) -> None:
    """Callers send long Readings one after another, as fast as they are answered."""
    drawing = WITH_FIELDS * 20
    charset = charset_of([drawing])
    (tmp_path / "charset.txt").write_text("".join(f"{each}\n" for each in charset.characters if each), encoding="utf-8")
    content = encode_reading(reading_of("long.pdf", [parse_drawing(drawing)] * 10, charset))
    headers = {"Content-Type": READING_MEDIA_TYPE, REMAINING_HEADER: "60"}
    enough = threading.Event()
    with _text_side(tmp_path, goes_first=True) as url, ThreadPoolExecutor(max_workers=4) as callers:

        def send_on() -> None:
            with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
                while not enough.is_set():
                    assert client.post(STRUCTURE_PATH, content=content, headers=headers).status_code == 200

        with Prometheus(folder=tmp_path, targets={"postprocess": urlsplit(url).netloc}) as prometheus:
            prometheus.wait_seen()
            wait_until(lambda: bool(prometheus.query("yomitori:text_cores < 0.3")), "a text side with nothing to do")
            assert prometheus.firing() == set()
            sending = [callers.submit(send_on) for _ in range(4)]
            try:
                prometheus.wait_fires("YomitoriTextSideIsShort")
            finally:
                enough.set()
            for each in sending:
                each.result()
            prometheus.wait_silent("YomitoriTextSideIsShort")


def _doubtful(reading: Reading) -> Reading:
    """The same, read with less certainty."""
    pages = [
        replace(
            page,
            lines=tuple(replace(line, probabilities=np.full_like(line.probabilities, 0.75)) for line in page.lines),
        )
        for page in reading.pages
        if isinstance(page, PageReading)
    ]
    return replace(reading, pages=tuple(pages))


def _let_first(process: FaultyProcess) -> None:
    """Give it a processor whenever it wants one, as a machine of its own would.

    Beside ten others on two cores it got 0.2 to 0.6 of one, whatever it was given to do; so, 0.89 to 0.97.
    """
    try:
        os.setpriority(os.PRIO_PGRP, process.pid, FIRST)
        with suppress(FileNotFoundError):  # where the kernel shares processors among sessions, that is what counts
            Path(f"/proc/{process.pid}/autogroup").write_text(str(FIRST), encoding="ascii")
    except OSError:
        pytest.skip(
            "this user may not let a process go first, and a machine that runs tests gives it no whole processor"
        )


@contextmanager
def _text_side(folder: Path, *, goes_first: bool = False) -> Iterator[str]:
    port = free_port()
    environment = {
        "OCR_POSTPROCESS_PORT": str(port),
        "OCR_POSTPROCESS_CHARSET_FILES": str(folder / "charset.txt"),
    }
    command = [sys.executable, "-m", "postprocess_svc"]
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/readyz", trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    with FaultyProcess(name="text", command=command, environment=environment, log=folder / "text.log") as process:
        if goes_first:
            _let_first(process)
        wait_until(answers, "the text side", patience_s=60)
        yield url


def test_a_files_process_that_does_what_it_may_not_is_told_of_at_once(tmp_path: Path) -> None:
    metrics = Metrics()
    launcher = ExecutingLauncher(FORGING_POOL)
    opener = LocalFileOpener(OpenerSettings(launcher=launcher, max_children=3), OpenerMetrics(metrics))

    async def open_forgery() -> None:
        await opener.start()
        try:
            with pytest.raises(UnreadableDocument):
                await _read(opener, b"forge:wrong_number")
        finally:
            await opener.close()

    with (
        ServedMetrics(metrics) as target,
        Prometheus(folder=tmp_path, targets={"preprocess": target}) as prometheus,
    ):
        prometheus.wait_seen()
        assert prometheus.firing() == set()
        asyncio.run(open_forgery())
        prometheus.wait_fires("YomitoriOpenerViolation")
    assert metrics.registry.get_sample_value("ocr_opener_violations_total", {"kind": "forgery"}) == 1


async def _read(opener: LocalFileOpener, content: bytes) -> None:
    limits, deadline = OpenLimits(), Deadline.after(20)
    opening = opener.open(content, selection=PageSelection(), limits=limits, deadline=deadline, text_layer=False)
    async with opening as opened:
        async for _ in opened.pages():
            pass
