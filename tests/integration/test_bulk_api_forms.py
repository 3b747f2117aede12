"""Jobs that come as forms: their files go to object storage, and nothing is left of what came to nothing."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Sequence

import httpx
import pytest

from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import CreatedJob, NewJob
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import SchemaName
from ocr_core.settings import BulkSettings
from tests.support.bulk_api import TENANT, WEBHOOKS, ApiHouse, ServedApi
from tests.support.job_stores import send
from tests.support.waiting import wait_until

Part = tuple[str, str | None, bytes]
"""Name, file name, content."""
BOUNDARY = "a-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture
def api(api_house: ApiHouse) -> ServedApi:
    return api_house.serve()


@pytest.fixture(scope="module")
def small_api(refusing_house: ApiHouse) -> ServedApi:
    return refusing_house.serve(BulkSettings(max_body_bytes=5_000, max_request_bytes=16_000, max_documents=5))


def form(parts: Sequence[Part], boundary: str = BOUNDARY) -> bytes:
    """A whole body, in exactly this order."""
    body = b""
    for name, file_name, content in parts:
        of_file = "" if file_name is None else f'; filename="{file_name}"'
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


def files(*contents: bytes) -> list[Part]:
    return [("file", f"{n}.pdf", content) for n, content in enumerate(contents)]


def post(api: ServedApi, parts: Sequence[Part], **headers: str) -> httpx.Response:
    return api.client.post("/v1/jobs", content=form(parts), headers={**FORM, **headers})


def nothing_is_left(house: ApiHouse) -> None:
    wait_until(lambda: house.uploads == [], "the deletion of the uploads")
    assert send(house.store) == []


def pieces(body: bytes, size: int = 100_000) -> Iterator[bytes]:
    return (body[first : first + size] for first in range(0, len(body), size))


class TestAJobAsAForm:
    def test_its_files_are_stored_in_order(self, api_house: ApiHouse) -> None:
        api = api_house.serve(webhooks=WEBHOOKS)
        contents = [os.urandom(size) for size in (1, 70_000, 1_500_000, 3)]
        parts = [
            ("schema", None, b"invoice,receipt"),
            *files(*contents),
            ("formats", None, b"markdown, text"),
            ("webhook_url", None, b"https://hooks.example/ocr"),
            ("priority", None, b"low"),
        ]
        answer = post(api, parts)
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert (told["documents"]["total"], told["priority"]) == (4, "low")
        job = api_house.job(told)
        assert job.schemas == (SchemaName("invoice"), SchemaName("receipt"))
        assert job.formats == (OutputFormat.MARKDOWN, OutputFormat.TEXT)
        assert job.webhook_url == "https://hooks.example/ocr"
        stored = [f"bulk/uploads/{TENANT}/{job.id}/{n}" for n in range(4)]
        assert sorted(api_house.uploads) == stored
        assert [api_house.bucket.get(key) for key in stored] == contents
        api_house.finish()
        lines = [json.loads(line) for line in api.client.get(f"{answer.headers['location']}/results").iter_lines()]
        assert [(line["reference"], line["file_name"]) for line in lines] == [
            (f"{n}.pdf", f"{n}.pdf") for n in range(4)
        ]

    def test_as_curl_and_browsers_write_it(self, api_house: ApiHouse, api: ServedApi) -> None:
        sent = [("file", ("請求書.pdf", b"one", "application/pdf")), ("file", ("../b.pdf", b"two", "application/pdf"))]
        answer = api.client.post("/v1/jobs", files=sent, data={"schema": "none"})
        assert answer.status_code == 202
        api_house.finish()
        rows = api_house.store.results_page(TENANT, answer.json()["id"], cursor=0, limit=10)
        assert [row.file_name for row in rows] == ["請求書.pdf", "b.pdf"]

    def test_hundreds_of_files(self, api_house: ApiHouse, api: ServedApi) -> None:
        answer = post(api, files(*(b"%d" % n for n in range(300))))
        assert answer.json()["documents"]["total"] == 300
        assert len(api_house.uploads) == 300

    def test_a_file_that_has_no_name(self, api_house: ApiHouse, api: ServedApi) -> None:
        assert post(api, [("file", None, b"x")]).status_code == 202
        api_house.finish()


class TestRefusals:
    @pytest.mark.parametrize(
        ("parts", "status", "told"),
        [
            ([], 400, "the form has no part named 'file'"),
            ([("schema", None, b"invoice")], 400, "the form has no part named 'file'"),
            ([*files(b"a", b"b", b"")], 400, "file part 2 ('2.pdf') is empty"),
            ([*files(b"a", b"b" * 5_001)], 413, "file part 1 ('1.pdf') is over the limit of 5000 bytes"),
            ([*files(b"a"), ("schema", None, b"poem")], 400, "schema: there is no 'poem'; there are"),
            ([*files(b"a"), ("formats", None, b"text,")], 400, "formats[1]: Input should be"),
            ([*files(b"a"), ("pages", None, b"1")], 400, "part 'pages' is not known; known are file, schema"),
            ([*files(b"a"), ("", None, b"1")], 400, "part '' is not known"),
            ([*files(b"a"), ("schema", None, b"none"), ("schema", None, b"none")], 400, "comes more than once"),
            ([*files(b"a"), ("schema", None, b"\xff")], 400, "part 'schema' is not a text"),
            ([*files(b"a"), ("schema", None, b"x" * 8_193)], 400, "part 'schema' is longer than"),
            ([*files(b"a"), ("webhook_url", None, b"https://hooks.example/")], 400, "no secret"),
            ([*files(*[b"a"] * 6)], 413, "more than 5 documents (max_documents)"),
            ([*files(*[b"a" * 4_000] * 5)], 413, "the request is over the limit of 16000 bytes"),
        ],
    )
    def test_what_is_off_is_told_and_leaves_nothing(
        self, small_api: ServedApi, parts: list[Part], status: int, told: str
    ) -> None:
        answer = small_api.client.post("/v1/jobs", content=pieces(form(parts), 1_000), headers=FORM)
        assert answer.status_code == status
        assert told in answer.json()["detail"]
        nothing_is_left(small_api.house)

    def test_a_length_that_is_announced_is_enough(self, small_api: ServedApi) -> None:
        with socket.create_connection(("127.0.0.1", small_api.port)) as connection:
            head = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM['Content-Type']}\r\n"
            connection.sendall(f"{head}Content-Length: 16001\r\nExpect: 100-continue\r\n\r\n".encode())
            assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 413 ")

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", form(files(b"a"))),
            (FORM["Content-Type"], form(files(b"a"))[:-10]),
            (FORM["Content-Type"], b"no form"),
            (FORM["Content-Type"], b""),
        ],
    )
    def test_a_broken_form(self, small_api: ServedApi, content_type: str, body: bytes) -> None:
        answer = small_api.client.post("/v1/jobs", content=body, headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        nothing_is_left(small_api.house)


class TestWhatComesToNothing:
    def test_a_caller_that_leaves(self, api_house: ApiHouse, api: ServedApi) -> None:
        body = form(files(b"a" * 50_000, b"b" * 50_000, b"c" * 50_000))
        with socket.create_connection(("127.0.0.1", api.port)) as connection:
            head = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM['Content-Type']}\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:120_000])
            wait_until(lambda: len(api_house.uploads) == 2, "the first files")
        nothing_is_left(api_house)

    def test_a_caller_that_is_too_slow(self, api_house: ApiHouse) -> None:
        api = api_house.serve(BulkSettings(body_timeout_s=1.0))
        body = form(files(b"a" * 1_000, b"b" * 1_000))
        with socket.create_connection(("127.0.0.1", api.port)) as connection:
            head = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM['Content-Type']}\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:1_500])
            answer = connection.makefile("rb").readline()
        assert answer.startswith(b"HTTP/1.1 504 ")
        nothing_is_left(api_house)

    def test_a_full_house(self, api_house: ApiHouse) -> None:
        api = api_house.serve(BulkSettings(max_submissions=1))
        with socket.create_connection(("127.0.0.1", api.port)) as connection:
            head = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM['Content-Type']}\r\n"
            connection.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode() + form(files(b"a", b"b"))[:150])
            wait_until(lambda: len(api_house.uploads) == 1, "the first file")
            answer = post(api, files(b"a"))
            assert (answer.status_code, answer.json()["code"]) == (429, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
            assert api.metric("ocr_admission_refusals_total") == 1
        wait_until(lambda: post(api, files(b"a")).status_code == 202, "a free place")

    def test_a_full_disk(self, api_house: ApiHouse) -> None:
        api = api_house.serve(BulkSettings(max_spool_bytes=3_000_000))
        answer = api.client.post("/v1/jobs", content=pieces(form(files(b"x", b"a" * 5_000_000))), headers=FORM)
        assert (answer.status_code, answer.json()["code"]) == (429, "overloaded")
        nothing_is_left(api_house)
        # What was taken is given back.
        assert post(api, files(b"a" * 2_500_000)).status_code == 202
        assert post(api, files(b"a" * 2_500_000)).status_code == 202

    def test_a_commit_that_nobody_heard_of(self, api_house: ApiHouse) -> None:
        """The uploads of a job that may be there are not deleted."""

        class Deaf:
            """Commits, and then fails to say so."""

            def create_job(self, new_job: NewJob) -> CreatedJob:
                api_house.store.create_job(new_job)
                raise NotReady("the job database went away")

        api = api_house.serve(store=Deaf())  # type: ignore[arg-type]  # no more than this is called
        assert post(api, files(b"a", b"b")).status_code == 503
        assert len(send(api_house.store)) == 2
        assert len(api_house.uploads) == 2


def test_large_files_stay_out_of_memory(api_house: ApiHouse, api: ServedApi) -> None:
    """Far more than is kept in memory goes through; what is stored is what was sent."""
    content = os.urandom(40_000_000)
    answer = api.client.post("/v1/jobs", content=pieces(form(files(content, b"small"))), headers=FORM)
    assert answer.status_code == 202
    assert api_house.bucket.get(f"bulk/uploads/{TENANT}/{answer.json()['id']}/0") == content
