"""Guarantees 2 and 4: two requests with one key are one; what was not answered 202 is complete or absent."""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from local_stack.aws import AwsServer
from ocr_core.settings import BulkSettings
from tests.integration.test_bulk_api_forms import FORM, Part, files, form, post
from tests.support.aws import free_port, object_settings, storage_settings
from tests.support.bulk_api import SOURCES, TENANT, ApiHouse, Bucket, ServedApi
from tests.support.faults_process import FaultyProcess
from tests.support.job_stores import HOUR_S, SetClock, new_job, send, together
from tests.support.waiting import wait_until

KEY = {"Idempotency-Key": "order-2026-11-21/7"}
BODY = {"documents": SOURCES, "schema": "invoice"}


@pytest.fixture
def api(api_house: ApiHouse) -> ServedApi:
    return api_house.serve()


def post_json(api: ServedApi, body: Any = BODY, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.client.post("/v1/jobs", content=content, headers={"Content-Type": "application/json", **headers})


class TestTheSameKey:
    def test_and_the_same_body_give_the_same_job(self, api_house: ApiHouse, api: ServedApi) -> None:
        first, second = post_json(api, **KEY), post_json(api, **KEY)
        assert (first.status_code, second.status_code) == (202, 202)
        assert second.json() == first.json()
        assert second.headers["location"] == first.headers["location"]
        assert second.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert len(send(api_house.store)) == len(SOURCES)

    def test_the_answer_tells_how_the_job_stands_now(self, api_house: ApiHouse, api: ServedApi) -> None:
        first = post_json(api, **KEY).json()
        api_house.finish()
        assert post_json(api, **KEY).json() == {**first, **api_state(api, first["id"])}

    @pytest.mark.parametrize(
        "body",
        [
            json.dumps(BODY, indent=3).encode(),
            json.dumps(dict(reversed(BODY.items()))).encode(),
            json.dumps({**BODY, "priority": "normal", "formats": [], "webhook_url": None}).encode(),
            json.dumps({**BODY, "documents": [{**one, "file_name": None} for one in SOURCES]}).encode(),
        ],
    )
    def test_how_json_is_written_down_makes_no_difference(self, api: ServedApi, body: bytes) -> None:
        assert post_json(api, body, **KEY).json()["id"] == post_json(api, **KEY).json()["id"]

    @pytest.mark.parametrize(
        "body",
        [
            {**BODY, "schema": "receipt"},
            {**BODY, "priority": "low"},
            {**BODY, "formats": ["text"]},
            {**BODY, "documents": SOURCES[:2]},
            {**BODY, "documents": SOURCES[::-1]},
            {**BODY, "documents": [*SOURCES[:2], {**SOURCES[2], "reference": "other"}]},
        ],
    )
    def test_and_another_body_are_refused(self, api: ServedApi, body: dict[str, Any]) -> None:
        assert post_json(api, **KEY).status_code == 202
        answer = post_json(api, body, **KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")

    def test_is_free_again_after_a_day(self, api: ServedApi, job_clock: SetClock) -> None:
        first = post_json(api, **KEY).json()
        job_clock.move(25 * HOUR_S)
        again = post_json(api, **KEY)
        assert "idempotent-replayed" not in again.headers
        assert again.json()["id"] != first["id"]

    def test_is_free_after_a_refusal(self, api: ServedApi) -> None:
        assert post_json(api, {"documents": [{}]}, **KEY).status_code == 400
        assert post_json(api, **KEY).status_code == 202

    def test_belongs_to_one_tenant(self, api_house: ApiHouse, api: ServedApi) -> None:
        theirs = api_house.store.create_job(new_job(tenant="globex", key=KEY["Idempotency-Key"])).job
        ours = post_json(api, **KEY)
        assert (ours.status_code, ours.json()["id"] != theirs.id) == (202, True)

    def test_without_a_key_every_request_is_its_own(self, api: ServedApi) -> None:
        assert post_json(api).json()["id"] != post_json(api).json()["id"]


def api_state(api: ServedApi, job_id: str) -> dict[str, Any]:
    state = dict(api.client.get(f"/v1/jobs/{job_id}").json())
    del state["webhooks"]
    return state


@pytest.mark.parametrize("key", [b"", b"a b", b"x" * 256, "schlüssel".encode(), b"a\tb"])
def test_keys_that_are_none(refusing_api: ServedApi, key: bytes) -> None:
    answer = refusing_api.client.post("/v1/jobs", json=BODY, headers=[(b"Idempotency-Key", key)])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "Idempotency-Key" in answer.json()["detail"]


def test_two_keys_are_none(refusing_api: ServedApi) -> None:
    answer = refusing_api.client.post("/v1/jobs", json=BODY, headers=[("Idempotency-Key", key) for key in "ab"])
    assert answer.status_code == 400


class TestForms:
    PARTS: Sequence[Part] = (("schema", None, b"invoice"), *files(b"one", b"two" * 500_000))

    def test_are_compared_by_their_parts(self, api_house: ApiHouse, api: ServedApi) -> None:
        first = post(api, self.PARTS, **KEY)
        other_boundary = {"Content-Type": "multipart/form-data; boundary=another", **KEY}
        second = api.client.post("/v1/jobs", content=form(self.PARTS, "another"), headers=other_boundary)
        assert second.json()["id"] == first.json()["id"]
        assert second.headers["idempotent-replayed"] == "true"
        wait_until(lambda: len(api_house.uploads) == 2, "the deletion of the repeat's uploads")
        assert all(first.json()["id"] in key for key in api_house.uploads)

    @pytest.mark.parametrize(
        "parts",
        [
            (("schema", None, b"receipt"), *PARTS[1:]),
            PARTS[1:],
            PARTS[:2],
            (PARTS[0], PARTS[2], PARTS[1]),
            (*PARTS[:2], ("file", "1.pdf", b"other")),
            (*PARTS[:2], ("file", "2.pdf", PARTS[2][2])),
        ],
    )
    def test_other_parts_are_refused(self, api_house: ApiHouse, api: ServedApi, parts: Sequence[Part]) -> None:
        first = post(api, self.PARTS, **KEY)
        answer = post(api, parts, **KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
        wait_until(lambda: all(first.json()["id"] in key for key in api_house.uploads), "the deletion")
        assert len(api_house.uploads) == 2

    def test_a_form_is_never_json(self, api: ServedApi) -> None:
        assert post_json(api, **KEY).status_code == 202
        assert post(api, self.PARTS, **KEY).status_code == 422


class TestInParallel:
    COUNT = 32

    def test_json_with_one_key_makes_one_job(self, api_house: ApiHouse, api: ServedApi) -> None:
        answers = together(self.COUNT, lambda _: post_json(api, **KEY))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
        assert len(send(api_house.store)) == len(SOURCES)

    def test_forms_with_one_key_make_one_job(self, api_house: ApiHouse, api: ServedApi) -> None:
        parts = files(b"one", b"two", b"three")
        answers = together(self.COUNT, lambda _: post(api, parts, **KEY))
        assert {answer.status_code for answer in answers} == {202}
        (job_id,) = {answer.json()["id"] for answer in answers}
        wait_until(lambda: len(api_house.uploads) == 3, "the deletion of the others' uploads")
        assert all(job_id in key for key in api_house.uploads)
        assert len(send(api_house.store)) == 3

    def test_over_several_apis(self, api_house: ApiHouse) -> None:
        apis = [api_house.serve() for _ in range(3)]
        answers = together(self.COUNT, lambda number: post_json(apis[number % 3], **KEY))
        assert len({answer.json()["id"] for answer in answers}) == 1

    def test_with_different_bodies_one_wins(self, api: ServedApi) -> None:
        answers = together(self.COUNT, lambda n: post_json(api, {**BODY, "documents": SOURCES[: 1 + n % 3]}, **KEY))
        assert {answer.status_code for answer in answers} == {202, 422}
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1


class ApiProcess(FaultyProcess):
    """``python -m async_worker api`` as a process that can be killed."""

    def __init__(self, *, database: str, server: AwsServer, bucket: str, folder: Path) -> None:
        self.port = free_port()
        storage = storage_settings(server)
        assert storage.access_key_id is not None
        assert storage.secret_access_key is not None
        super().__init__(
            name="api",
            command=[sys.executable, "-m", "async_worker", "api"],
            environment={
                "OCR_BULK_PORT": str(self.port),
                "OCR_BULK_TENANT": TENANT,
                "OCR_BULK_DATABASE_URL": database,
                "OCR_OBJECTS_BUCKET": bucket,
                "OCR_OBJECTS_CREATE_BUCKET": "true",
                "OCR_STORAGE_ENDPOINT_URL": str(storage.endpoint_url),
                "OCR_STORAGE_ACCESS_KEY_ID": storage.access_key_id.get_secret_value(),
                "OCR_STORAGE_SECRET_ACCESS_KEY": storage.secret_access_key.get_secret_value(),
                "OCR_STORAGE_ALLOW": "inbox",
            },
            log=folder / "api.log",
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60.0, trust_env=False)

    def start(self) -> None:
        super().start()
        wait_until(self._ready, "the API", patience_s=60)

    def _ready(self) -> bool:
        assert self.alive, self.last_lines()
        with suppress(httpx.TransportError):
            return self.client.get("/readyz").status_code == 200
        return False


@pytest.fixture
def bucket(aws_server: AwsServer) -> Iterator[Bucket]:
    found = Bucket(aws_server, object_settings())
    yield found
    found.close()


@pytest.fixture
def api_process(job_database: str, aws_server: AwsServer, bucket: Bucket, tmp_path: Path) -> Iterator[ApiProcess]:
    with ApiProcess(database=job_database, server=aws_server, bucket=bucket.name, folder=tmp_path) as process:
        yield process
    process.client.close()


def test_a_crash_in_the_middle_of_an_upload_leaves_no_key_stuck(
    api_process: ApiProcess, bucket: Bucket, job_database: str
) -> None:
    body = form(files(b"a" * 50_000, b"b" * 50_000, b"c" * 50_000))
    with socket.create_connection(("127.0.0.1", api_process.port)) as connection:
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM['Content-Type']}\r\nIdempotency-Key: k\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:120_000])
        wait_until(lambda: len(bucket.keys("uploads/")) == 2, "the first files")
        api_process.kill()
    assert jobs_in(job_database) == {}
    api_process.start()
    answer = api_process.client.post("/v1/jobs", content=body, headers={**FORM, "Idempotency-Key": "k"})
    assert answer.status_code == 202
    assert "idempotent-replayed" not in answer.headers
    assert jobs_in(job_database) == {answer.json()["id"]: (3, 3, 3)}


def jobs_in(database: str) -> dict[str, tuple[int, int, int]]:
    """By each job: the documents that it says it has, those that there are, and the work that there is for them."""
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    query = sa.text(
        "SELECT id, total, (SELECT COUNT(*) FROM documents WHERE job_id = jobs.id), "
        "(SELECT COUNT(*) FROM tasks WHERE job_id = jobs.id) FROM jobs"
    )
    try:
        with engine.connect() as connection:
            return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}
    finally:
        engine.dispose()


def kill_and_retry(process: ApiProcess, database: str, chance: random.Random, *, rounds: int) -> None:
    """Guarantee 2: kill -9 at random moments while jobs are posted; then post each again with its key."""
    for number in range(rounds):
        count = chance.choice((1, 50, 3_000))
        documents = [{"source": f"s3://inbox/{number}-{n}.pdf"} for n in range(count)]
        as_form = chance.random() < 0.4
        headers = {"Idempotency-Key": f"round-{number}"}

        def submit(
            documents: list[dict[str, str]] = documents, as_form: bool = as_form, headers: dict[str, str] = headers
        ) -> httpx.Response:
            if as_form:
                parts = files(*(one["source"].encode() * 100 for one in documents[:50]))
                return process.client.post("/v1/jobs", content=form(parts), headers={**FORM, **headers})
            return process.client.post("/v1/jobs", json={"documents": documents}, headers=headers)

        answered: list[str] = []

        def try_once(submit: Any = submit, answered: list[str] = answered) -> None:
            with suppress(httpx.TransportError):
                answer = submit()
                assert answer.status_code == 202, answer.text
                answered.append(answer.json()["id"])

        before = jobs_in(database)
        thread = threading.Thread(target=try_once)
        thread.start()
        time.sleep(chance.uniform(0, 0.4 if count > 50 else 0.08))
        process.kill()
        thread.join()
        after = jobs_in(database)
        wanted = min(count, 50) if as_form else count
        made = after.keys() - before.keys()
        assert all(after[job_id] == (wanted, wanted, wanted) for job_id in made), after
        assert set(answered) <= made
        assert len(made) <= 1
        process.start()
        again = submit()
        assert again.status_code == 202
        assert {again.json()["id"]} == made or not made
        assert jobs_in(database).keys() - before.keys() == {again.json()["id"]}


@pytest.mark.timeout(300)
def test_what_was_not_answered_is_complete_or_absent(api_process: ApiProcess, job_database: str) -> None:
    kill_and_retry(api_process, job_database, random.Random(20261121), rounds=4)  # noqa: S311 - to be repeated


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_what_was_not_answered_is_complete_or_absent_for_long(api_process: ApiProcess, job_database: str) -> None:
    kill_and_retry(api_process, job_database, random.Random(3), rounds=50)  # noqa: S311 - to be repeated


@pytest.mark.long
def test_a_hundred_thousand_documents_are_one_job(api_house: ApiHouse) -> None:
    api = api_house.serve(BulkSettings())
    documents = [{"source": f"s3://inbox/{n:06}.pdf", "reference": f"r{n}"} for n in range(100_000)]
    answer = post_json(api, {"documents": documents}, **KEY)
    assert answer.json()["documents"]["total"] == 100_000
    again = post_json(api, {"documents": documents}, **KEY)
    assert again.json()["id"] == answer.json()["id"]
    documents[99_999]["source"] = "s3://elsewhere/a.pdf"
    assert post_json(api, {"documents": documents}).json()["detail"].startswith("documents[99999]: ")
