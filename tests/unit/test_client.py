"""The client library over real connections to a scripted server."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from ocr_client import (
    ApiError,
    DocumentRefused,
    OcrClient,
    OcrClientError,
    RequestRefused,
    RetryPolicy,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    UnexpectedAnswer,
)
from ocr_client.retry import parse_retry_after_s

from tests.support.scripted_server import Scripted, problem, result, scripted_server
from tests.support.waiting import wait_until

QUICK = RetryPolicy(max_retries=2, first_wait_s=0.001, max_wait_s=0.01)


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_sends_the_file_and_what_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "請求書.pdf"
    file.write_bytes(b"%PDF-1.7 content")
    with scripted_server(result()) as server, OcrClient(server.url) as client:
        answer = client.read(
            file, schema="invoice", pages="1-3,7", timeout_s=2.5, text_layer="prefer", min_confidence=0.8
        )
    assert answer["document_type"] == "invoice"
    (seen,) = server.seen
    assert seen.path == "/v1/ocr"
    assert seen.query == {
        "schema": ["invoice"],
        "pages": ["1-3,7"],
        "format": ["json"],
        "timeout_s": ["2.5"],
        "text_layer": ["prefer"],
        "min_confidence": ["0.8"],
    }
    assert seen.headers["Content-Type"].startswith("multipart/form-data")
    assert b"%PDF-1.7 content" in seen.body
    assert "請求書.pdf".encode() in seen.body


def test_what_is_sent_is_told(tmp_path: Path) -> None:
    file, told = tmp_path / "a.pdf", list[tuple[int, int]]()
    file.write_bytes(b"x" * 300_000)
    with scripted_server(result()) as server, OcrClient(server.url) as client:
        client.read(file, on_sent=lambda *counts: told.append(counts))
    counts = [count for count, _ in told]
    assert counts == sorted(counts)
    assert len(counts) > 3
    assert told[-1] == (len(server.seen[0].body), len(server.seen[0].body))


def test_leaves_the_defaults_to_the_server() -> None:
    with scripted_server(result()) as server, OcrClient(server.url + "/") as client:
        client.read(b"bytes")
    assert server.seen[0].query == {"format": ["json"]}


def test_other_formats_come_as_bytes() -> None:
    with scripted_server(Scripted(body="# 請求書\n".encode())) as server, OcrClient(server.url) as client:
        assert client.read(b"bytes", format="markdown") == "# 請求書\n".encode()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    busy = problem(status, "overloaded", Retry_After="0")
    with scripted_server(busy, busy, result()) as server, OcrClient(server.url, retry=QUICK) as client:
        assert client.read(b"bytes")["id"] == "doc_1"
    assert len(server.seen) == 3
    assert all(b"bytes" in seen.body for seen in server.seen)


def test_retries_end() -> None:
    with (
        scripted_server(problem(429, "overloaded", Retry_After="3600")) as server,
        OcrClient(server.url, retry=QUICK) as client,
        pytest.raises(ServerBusy) as caught,
    ):
        client.read(b"bytes")
    assert len(server.seen) == 1 + QUICK.max_retries
    assert caught.value.retry_after_s == 3600


def test_closing_ends_the_wait_before_a_retry() -> None:
    patient = RetryPolicy(max_retries=9, first_wait_s=3600, max_wait_s=3600)
    raised: list[Exception] = []

    def read(client: OcrClient) -> None:
        try:
            client.read(b"bytes")
        except OcrClientError as error:
            raised.append(error)

    with scripted_server(problem(503, "not_ready")) as server:
        client = OcrClient(server.url, retry=patient)
        thread = threading.Thread(target=read, args=(client,), daemon=True)
        thread.start()
        wait_until(lambda: bool(server.seen), "the first attempt")
        client.close()
        wait_until(lambda: not thread.is_alive(), "the end of the wait")
    assert len(raised) == 1


@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (400, "invalid_request", RequestRefused),
        (401, "unauthenticated", RequestRefused),
        (413, "document_too_large", DocumentRefused),
        (415, "unsupported_media_type", DocumentRefused),
        (422, "password_required", DocumentRefused),
        (500, "internal_error", ServerFailed),
        (504, "deadline_exceeded", ServerFailed),
    ],
)
def test_problems_become_exceptions_without_a_retry(status: int, code: str, error_class: type[ApiError]) -> None:
    with (
        scripted_server(problem(status, code)) as server,
        OcrClient(server.url, retry=QUICK) as client,
        pytest.raises(ApiError) as caught,
    ):
        client.read(b"bytes")
    error = caught.value
    assert type(error) is error_class
    assert (error.status, error.code, error.detail, error.request_id) == (status, code, "d", "req_9")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Scripted(status=502, body=b"<html>bad gateway</html>"),
        Scripted(status=404, body=b'["no problem"]'),
        Scripted(body=b"not json"),
        Scripted(body=b'{"some": "json"}'),
    ],
)
def test_answers_of_something_else(answer: Scripted) -> None:
    with scripted_server(answer) as server, OcrClient(server.url) as client, pytest.raises(UnexpectedAnswer):
        client.read(b"bytes")


def test_nobody_listens() -> None:
    with OcrClient(f"http://127.0.0.1:{closed_port()}") as client:
        assert not client.is_ready()
        with pytest.raises(ServerUnreachable):
            client.read(b"bytes")


def test_a_connection_that_breaks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Whoever connects is hung up on as soon as the listener closes, without an answer.
        listener.settimeout(5)
        with OcrClient(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            listener.close()
            with pytest.raises(ServerUnreachable):
                client.read(b"bytes")


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL"):
        OcrClient(url)


def test_a_gateway_is_asked_again_when_it_says() -> None:
    """It knows nothing of this API and answers a page, but its header is the standard's."""
    busy = Scripted(status=503, body=b"<html>", headers={"Content-Type": "text/html", "Retry-After": "1"})
    with (
        scripted_server(busy, result()) as server,
        OcrClient(server.url, retry=RetryPolicy(first_wait_s=0.001)) as client,
    ):
        started_s = time.monotonic()
        assert client.read(b"bytes")["id"] == "doc_1"
    assert time.monotonic() - started_s >= 1.0


class TestRetryPolicy:
    def test_the_server_goes_first_and_both_are_capped(self) -> None:
        policy = RetryPolicy(first_wait_s=0.5, max_wait_s=4)
        waits_s = [policy.wait_s(0, 2.0) for _ in range(50)]
        assert all(2.0 <= wait_s <= 2.5 for wait_s in waits_s)
        assert len(set(waits_s)) > 1  # who was refused at once does not come back at once
        assert policy.wait_s(0, 100.0) == 4
        assert all(0.25 <= policy.wait_s(0, None) <= 0.5 for _ in range(50))
        assert all(2 <= policy.wait_s(1000, None) <= 4 for _ in range(50))

    def test_bad_policies(self) -> None:
        with pytest.raises(ValueError, match="retry policy"):
            RetryPolicy(max_retries=-1)

    def test_retry_after(self) -> None:
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
        past = format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)
        assert parse_retry_after_s({"retry-after": " 7 "}) == 7
        assert 25 < (parse_retry_after_s({"retry-after": soon}) or 0) <= 30
        assert parse_retry_after_s({"retry-after": past}) == 0
        for unreadable in ({}, {"retry-after": "soon"}, {"retry-after": "-1"}, {"retry-after": "²"}):
            assert parse_retry_after_s(unreadable) is None


class TestApiKeys:
    def test_a_key_is_sent_as_authorization(self) -> None:
        with scripted_server(result()) as server, OcrClient(server.url, api_key="ok_a_b") as client:
            client.read(b"x")
        assert server.seen[0].headers["Authorization"] == "Bearer ok_a_b"

    def test_the_environments_is_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OCR_API_KEY", " ok_of_the_environment\n")
        with scripted_server(result()) as server:
            for key in (None, "ok_of_ones_own", ""):
                with OcrClient(server.url, api_key=key) as client:
                    client.read(b"x")
        assert [seen.headers.get("Authorization") for seen in server.seen] == [
            "Bearer ok_of_the_environment",
            "Bearer ok_of_ones_own",
            None,
        ]

    def test_ones_own_header_goes_before_it(self) -> None:
        headers = {"authorization": "Basic YTpi"}
        with scripted_server(result()) as server, OcrClient(server.url, api_key="ok_a_b", headers=headers) as client:
            client.read(b"x")
        sent = [value for name, value in server.seen[0].headers.items() if name.lower() == "authorization"]
        assert sent == ["Basic YTpi"]

    def test_a_key_that_no_header_can_carry_is_refused_at_once(self) -> None:
        with pytest.raises(ValueError, match="OCR_API_KEY"):
            OcrClient(api_key="ok_a\nb")

    def test_a_refused_key_is_told_and_not_sent_again(self) -> None:
        with scripted_server(problem(401, "unauthenticated")) as server, OcrClient(server.url, retry=QUICK) as client:
            with pytest.raises(RequestRefused) as refused:
                client.read(b"x")
            assert (refused.value.status, refused.value.code) == (401, "unauthenticated")
        assert len(server.seen) == 1
