"""The client of stored documents over real connections to a scripted server."""

from __future__ import annotations

import json

import pytest
from ocr_client import (
    AsyncStoredDocumentsClient,
    RequestRefused,
    RetryPolicy,
    ServerUnreachable,
    StoredDocumentsClient,
    UnexpectedAnswer,
)

from tests.support.scripted_server import Scripted, Seen, problem, scripted_server

QUICK = RetryPolicy(max_retries=2, first_wait_s=0.001, max_wait_s=0.01)
ID = "doc_" + "0a" * 16


def answer(value: object, status: int = 200) -> Scripted:
    return Scripted(status=status, body=json.dumps(value).encode())


def test_a_list_goes_on_as_long_as_there_is_more() -> None:
    def page(seen: Seen) -> Scripted:
        cursor = seen.query.get("cursor")
        number = 0 if cursor is None else int(cursor[0])
        following = None if number == 2 else str(number + 1)
        return answer({"documents": [{"id": f"doc_{number}"}], "next_cursor": following})

    with scripted_server(page) as server, StoredDocumentsClient(server.url) as client:
        assert [document["id"] for document in client.list(sha256="ab" * 32)] == ["doc_0", "doc_1", "doc_2"]
    assert [seen.query["sha256"] for seen in server.seen] == [["ab" * 32]] * 3
    assert "cursor" not in server.seen[0].query


def test_a_document_its_page_and_its_end() -> None:
    script = [
        answer({"id": ID, "pages": []}),
        Scripted(body=b"\xff\xd8jpeg"),
        Scripted(status=204),
        answer({"id": ID, "status": "deleting"}, 202),
    ]
    with scripted_server(*script) as server, StoredDocumentsClient(server.url, api_key="ok_1") as client:
        assert client.get(ID)["id"] == ID
        assert client.page_image(ID, 3) == b"\xff\xd8jpeg"
        assert client.delete(ID) is True
        assert client.delete(ID) is False
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("GET", f"/v1/documents/{ID}"),
        ("GET", f"/v1/documents/{ID}/pages/3"),
        ("DELETE", f"/v1/documents/{ID}"),
        ("DELETE", f"/v1/documents/{ID}"),
    ]
    assert {seen.headers["Authorization"] for seen in server.seen} == {"Bearer ok_1"}


def test_corrections_are_sent_as_they_are_and_once() -> None:
    made = [{"id": 1, "path": "total_amount"}]
    with (
        scripted_server(answer({"corrections": made}, 201), Scripted(body=b"{", breaks=True)) as server,
        StoredDocumentsClient(server.url, retry=QUICK) as client,
    ):
        told = client.correct(ID, [{"path": "total_amount", "value": 385000}], corrected_by="佐藤")
        assert told == made
        with pytest.raises(ServerUnreachable):
            client.correct(ID, [{"path": "phone", "value": None}])
    assert len(server.seen) == 2
    assert json.loads(server.seen[0].body) == {
        "corrections": [{"path": "total_amount", "value": 385000}],
        "corrected_by": "佐藤",
    }
    assert json.loads(server.seen[1].body) == {"corrections": [{"path": "phone", "value": None}]}


def test_what_is_read_is_asked_again_and_what_is_refused_is_not() -> None:
    broken = Scripted(body=b"{", breaks=True)
    refused = problem(404, "not_found")
    with (
        scripted_server(broken, answer({"id": ID, "pages": []}), refused) as server,
        StoredDocumentsClient(server.url, retry=QUICK) as client,
    ):
        assert client.get(ID)["id"] == ID
        with pytest.raises(RequestRefused) as told:
            client.get("doc_../1")
    assert told.value.status == 404
    assert len(server.seen) == 3
    assert server.seen[2].path == "/v1/documents/doc_..%2F1"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"documents": 1}'])
def test_what_is_no_answer_of_this_api_is_told_so(body: bytes) -> None:
    with (
        scripted_server(Scripted(body=body)) as server,
        StoredDocumentsClient(server.url) as client,
        pytest.raises(UnexpectedAnswer),
    ):
        list(client.list())


async def test_the_asyncio_twin_asks_the_same() -> None:
    corrections = [{"id": 1, "path": "total_amount"}]
    script = [
        answer({"documents": [{"id": "doc_0"}], "next_cursor": "1"}),
        answer({"documents": [{"id": "doc_1"}], "next_cursor": None}),
        answer({"id": ID, "pages": []}),
        Scripted(body=b"\xff\xd8jpeg"),
        answer({"corrections": corrections}, 201),
        Scripted(status=204),
    ]
    with scripted_server(*script) as server:
        async with AsyncStoredDocumentsClient(server.url, retry=QUICK) as client:
            assert [document["id"] async for document in client.list()] == ["doc_0", "doc_1"]
            assert (await client.get(ID))["id"] == ID
            assert await client.page_image(ID, 3) == b"\xff\xd8jpeg"
            assert await client.correct(ID, [{"path": "total_amount", "value": 1}]) == corrections
            assert await client.delete(ID) is True
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("GET", "/v1/documents"),
        ("GET", "/v1/documents"),
        ("GET", f"/v1/documents/{ID}"),
        ("GET", f"/v1/documents/{ID}/pages/3"),
        ("POST", f"/v1/documents/{ID}/corrections"),
        ("DELETE", f"/v1/documents/{ID}"),
    ]
