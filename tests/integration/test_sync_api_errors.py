"""The problem+json table over the whole stack: each error that a caller can provoke, and the request after it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local_stack.stack import LocalStack
from tests.support.documents import blank_png, pdf, png
from tests.support.locked_pdf import locked_pdf
from tests.support.object_store import ObjectStore
from tests.support.waiting import wait_until

PATIENT = {"timeout_s": "30"}
READ_ME = png("Still here 4711")


def problem(answer: httpx.Response, status: int, code: str) -> str:
    """Check that an answer is such a problem, whole, and return its detail."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body.keys() == {"type", "title", "status", "detail", "code", "request_id"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"].endswith(f":{code}")
    assert body["request_id"] == answer.headers["X-Request-Id"]
    if status in {429, 503}:
        assert int(answer.headers["Retry-After"]) >= 1
    return str(body["detail"])


@pytest.fixture(autouse=True)
def the_next_request_is_unaffected(api: httpx.Client) -> Iterator[None]:
    """Whatever a test did, a plain document is read right after it."""
    yield
    answer = api.post("/v1/ocr", params=PATIENT, content=READ_ME)
    assert answer.status_code == 200, answer.text
    assert "4711" in answer.json()["text"]


class TestRequest:
    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ("timeout=3", "timeout_s"),
            ("timeout_s=0", "timeout_s"),
            ("timeout_s=31", "timeout_s"),
            ("timeout_s=nan", "timeout_s"),
            ("pages=0", "pages"),
            ("pages=3-1", "pages"),
            ("pages=a", "pages"),
            ("pages=", "pages"),
            ("pages=%20", "pages"),
            ("schema=bill", "schema: there is no 'bill'; there are auto, none, invoice, other, receipt"),
            ("schema=auto,invoice", "schema"),
            ("schema=", "schema"),
            ("format=docx", "json"),
            ("text_layer=maybe", "text_layer"),
            ("min_confidence=2", "min_confidence"),
            ("format=json&format=text", "format"),
        ],
    )
    def test_parameters_that_are_off_are_named(self, api: httpx.Client, query: str, named: str) -> None:
        assert named in problem(api.post(f"/v1/ocr?{query}", content=READ_ME), 400, "invalid_request")

    def test_a_page_beyond_the_last(self, api: httpx.Client) -> None:
        detail = problem(api.post("/v1/ocr?pages=2", content=READ_ME), 400, "invalid_request")
        assert "pages" in detail

    @pytest.mark.parametrize(
        ("body", "content_type", "named"),
        [
            (b"{}", "application/json", "source"),
            (b'{"source": "s3://documents/inbox/a", "pages": "1"}', "application/json", "source"),
            (b"{not json", "application/json", "source"),
            (b'{"source": "file:///etc/passwd"}', "application/json", "source"),
            (b'{"source": "https://example.org/a.pdf"}', "application/json", "source"),
            (b"--x\r\n", "multipart/form-data", "boundary"),
            (b"garbage", "multipart/form-data; boundary=x", "multipart"),
            (
                b"--x\r\nContent-Disposition: form-data; name=other\r\n\r\na\r\n--x--\r\n",
                "multipart/form-data; boundary=x",
                "file",
            ),
            (b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\na", "multipart/form-data; boundary=x", "ends"),
            (b"--x--\r\n", "multipart/form-data; boundary=x", "file"),
        ],
    )
    def test_bodies_that_are_not_what_they_say(
        self, api: httpx.Client, body: bytes, content_type: str, named: str
    ) -> None:
        answer = api.post("/v1/ocr", content=body, headers={"Content-Type": content_type})
        assert named in problem(answer, 400, "invalid_request")

    def test_no_such_route_and_no_such_method(self, api: httpx.Client) -> None:
        problem(api.get("/v1/nothing"), 404, "not_found")
        answer = api.get("/v1/ocr")
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == "POST"


class TestDocument:
    @pytest.mark.parametrize("content", [b"", b"just some text", b"\0" * 1000])
    def test_not_a_document(self, api: httpx.Client, content: bytes) -> None:
        files = {"file": ("invoice.pdf", content, "application/pdf")}
        problem(api.post("/v1/ocr", files=files), 415, "unsupported_media_type")

    def test_a_compressed_body(self, api: httpx.Client) -> None:
        answer = api.post("/v1/ocr", content=READ_ME, headers={"Content-Encoding": "gzip"})
        problem(answer, 415, "unsupported_media_type")

    def test_a_truncated_document(self, api: httpx.Client, samples: Path) -> None:
        whole = (samples / "invoice_ja.pdf").read_bytes()
        problem(api.post("/v1/ocr", params=PATIENT, content=whole[:200]), 422, "unreadable_document")

    def test_a_locked_document(self, api: httpx.Client) -> None:
        problem(api.post("/v1/ocr", params=PATIENT, content=locked_pdf("sesame")), 422, "password_required")

    def test_a_document_that_opens_without_a_password(self, api: httpx.Client) -> None:
        # The same file but for the password: what is refused above is the lock, not the file.
        assert api.post("/v1/ocr", params=PATIENT, content=locked_pdf("")).status_code == 200

    def test_too_many_pixels(self, api: httpx.Client) -> None:
        detail = problem(api.post("/v1/ocr", content=blank_png(10_000, 10_000)), 413, "document_too_large")
        assert "50" in detail

    def test_too_many_pages(self, api: httpx.Client) -> None:
        detail = problem(api.post("/v1/ocr", params=PATIENT, content=pdf([["x"]] * 31)), 413, "document_too_large")
        assert "30" in detail


class TestBodyLimit:
    """20,000,000 bytes by default, however they are sent."""

    too_many = b"\x89PNG\r\n\x1a\n" + b"\0" * 20_000_000

    def test_raw(self, api: httpx.Client) -> None:
        detail = problem(api.post("/v1/ocr", content=self.too_many), 413, "document_too_large")
        assert "20000000" in detail

    def test_multipart(self, api: httpx.Client) -> None:
        problem(api.post("/v1/ocr", files={"file": ("a.png", self.too_many)}), 413, "document_too_large")

    def test_a_stream_without_a_length_is_cut_off(self, api: httpx.Client) -> None:
        sent = 0

        def endless() -> Iterator[bytes]:
            nonlocal sent
            for _ in range(400):
                sent += 1_000_000
                yield b"\0" * 1_000_000

        try:
            answer = api.post("/v1/ocr", params=PATIENT, content=endless())
        except (httpx.WriteError, httpx.ReadError):
            pass  # the server hung up on a body that it will not read
        else:
            problem(answer, 413, "document_too_large")
        # The limit, and what the sockets of both sides hold: not the 400 MB that were there to be had.
        assert 20_000_000 < sent < 60_000_000

    def test_an_announced_length_is_refused_before_a_byte_of_the_body_is_sent(self, running_stack: LocalStack) -> None:
        with socket.create_connection(("127.0.0.1", running_stack.ports.preprocess), timeout=20) as raw:
            raw.sendall(b"POST /v1/ocr HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
            assert b" 413 " in raw.recv(4096)


class TestSources:
    def test_what_is_not_on_the_allow_list(self, api: httpx.Client, object_store: ObjectStore) -> None:
        object_store.objects["documents/inboxes/a.png"] = READ_ME
        asked_before = len(object_store.requested)
        for source in ("s3://documents/inboxes/a.png", "s3://documents/a.png", "s3://other/inbox/a.png"):
            problem(api.post("/v1/ocr", json={"source": source}), 403, "forbidden")
        assert len(object_store.requested) == asked_before

    def test_a_path_that_leads_out_of_its_prefix(self, api: httpx.Client, object_store: ObjectStore) -> None:
        asked_before = len(object_store.requested)
        for key in ("inbox/../secret.png", "inbox/./a.png", "inbox//a.png"):
            problem(api.post("/v1/ocr", json={"source": f"s3://documents/{key}"}), 400, "invalid_request")
        assert len(object_store.requested) == asked_before

    def test_no_such_object(self, api: httpx.Client) -> None:
        answer = api.post("/v1/ocr", json={"source": "s3://documents/inbox/nothing.png"})
        assert "source" in problem(answer, 400, "invalid_request")

    def test_an_object_that_the_store_does_not_give(self, api: httpx.Client) -> None:
        problem(api.post("/v1/ocr", json={"source": "s3://archive/denied.png"}), 403, "forbidden")

    def test_an_object_that_is_too_large(self, api: httpx.Client, object_store: ObjectStore) -> None:
        object_store.objects["archive/large.bin"] = b"\0" * 20_000_001
        answer = api.post("/v1/ocr", params=PATIENT, json={"source": "s3://archive/large.bin"})
        problem(answer, 413, "document_too_large")

    def test_a_store_that_fails(self, api: httpx.Client, object_store: ObjectStore) -> None:
        object_store.failing = True
        try:
            answer = api.post("/v1/ocr", params=PATIENT, json={"source": "s3://archive/a.png"})
        finally:
            object_store.failing = False
        problem(answer, 503, "not_ready")


class TestDeadline:
    pages = pdf([[f"Line {row} of page {page}" for row in range(12)] for page in range(12)])

    def test_it_passes_while_pages_are_read(self, api: httpx.Client) -> None:
        problem(api.post("/v1/ocr?timeout_s=0.05", content=self.pages), 504, "deadline_exceeded")
        wait_until(lambda: not _in_flight(api), "the end of the work")

    def test_it_passes_while_the_body_still_comes(self, running_stack: LocalStack) -> None:
        with socket.create_connection(("127.0.0.1", running_stack.ports.preprocess), timeout=20) as raw:
            raw.sendall(b"POST /v1/ocr?timeout_s=0.2 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
            assert b" 504 " in raw.recv(4096)

    def test_work_ends_when_the_client_leaves(self, api: httpx.Client, running_stack: LocalStack) -> None:
        head = (
            "POST /v1/ocr?timeout_s=30 HTTP/1.1\r\nHost: x\r\nX-Request-Id: gone-away-1\r\n"
            f"Content-Length: {len(self.pages)}\r\n\r\n"
        )
        raw = socket.create_connection(("127.0.0.1", running_stack.ports.preprocess), timeout=20)
        raw.sendall(head.encode() + self.pages)
        wait_until(lambda: _in_flight(api), "the start of the work")
        raw.close()
        wait_until(lambda: not _in_flight(api), "the end of the work")
        lines = running_stack.services["preprocess"].lines
        wait_until(
            lambda: any("gone-away-1" in line and '"status": 499' in line for line in list(lines)), "its log line"
        )


def _in_flight(api: httpx.Client) -> bool:
    return "ocr_documents_in_flight 0.0" not in api.get("/metrics").text


class TestManyAtOnce:
    def test_twenty_are_all_read_and_none_is_disturbed(self, running_stack: LocalStack) -> None:
        answers = _send_at_once(running_stack, [png(f"Number {70_000 + 311 * i}") for i in range(20)])
        for i, answer in enumerate(answers):
            assert answer.status_code == 200, answer.text
            assert str(70_000 + 311 * i) in answer.json()["text"]

    def test_past_the_admission_limit_they_are_refused_cleanly(self, running_stack: LocalStack) -> None:
        answers = _send_at_once(running_stack, [png(f"Number {40_000 + 7 * i}") for i in range(60)])
        refused = [answer for answer in answers if answer.status_code == 429]
        for i, answer in enumerate(answers):
            if answer.status_code == 429:
                problem(answer, 429, "overloaded")
            else:
                assert answer.status_code == 200, answer.text
                assert str(40_000 + 7 * i) in answer.json()["text"]
        # How many there are hangs on how fast this machine is.
        assert 0 < len(refused) < 60


def _send_at_once(stack: LocalStack, documents: list[bytes]) -> list[httpx.Response]:
    """Send the documents over as many connections at the same moment; the answers in the same order."""
    answers: dict[int, httpx.Response] = {}
    gate = threading.Barrier(len(documents))

    def send(index: int) -> None:
        with httpx.Client(base_url=stack.api_url, timeout=60.0, trust_env=False) as client:
            client.get("/healthz")  # connected before the gate opens
            gate.wait()
            answers[index] = client.post("/v1/ocr", params=PATIENT, content=documents[index])

    threads = [threading.Thread(target=send, args=(index,)) for index in range(len(documents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[index] for index in range(len(documents))]


class TestDependencies:
    """Last in this file: these stop services of the running stack and start them again."""

    def test_without_the_text_side(self, api: httpx.Client, running_stack: LocalStack) -> None:
        postprocess = running_stack.services["postprocess"]
        postprocess.kill()
        try:
            assert "postprocess" in problem(api.get("/readyz"), 503, "not_ready")
            problem(api.post("/v1/ocr", params=PATIENT, content=READ_ME), 503, "not_ready")
            assert api.get("/healthz").status_code == 200
        finally:
            postprocess.start()
            running_stack.wait_ready()

    def test_without_triton_and_with_it_again(self, api: httpx.Client, running_stack: LocalStack) -> None:
        triton = running_stack.services["triton"]
        triton.kill()
        try:
            assert "models" in problem(api.get("/readyz"), 503, "not_ready")
            problem(api.post("/v1/ocr", params=PATIENT, content=READ_ME), 503, "not_ready")
        finally:
            triton.start()
            running_stack.wait_ready()
