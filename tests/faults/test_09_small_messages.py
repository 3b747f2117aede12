"""Guarantee 9: no message above 256 KiB, however long the document; a missing object fails that document alone."""

from __future__ import annotations

import json

from ocr_core.contracts.queues import MAX_MESSAGE_BYTES
from tests.support.bulk_documents import TestDocument, pdf_document, png_document
from tests.support.bulk_house import BulkHouse
from tests.support.bulk_ledger import check_books
from tests.support.faults_proxy import Passed
from tests.support.triton_double import Mark

PAGES = 61
RANGES = 13


def test_messages_stay_small_however_long_the_document(house: BulkHouse) -> None:
    sizes: list[int] = []
    kinds: list[str] = []

    def watch(passed: Passed) -> None:
        if not passed.call.startswith("SendMessage"):
            return
        content = json.loads(passed.body)
        for entry in content.get("Entries", [content]):
            sizes.append(len(entry["MessageBody"].encode()) + len(json.dumps(entry.get("MessageAttributes", {}))))
            kinds.append(json.loads(entry["MessageBody"]).get("kind", ""))

    house.queue_proxy.watch = watch
    long = pdf_document(900, [Mark.PLAIN] * PAGES)
    submission = house.submit([long, png_document(901)])
    house.wait_done(submission.job_id)

    check_books(house, [submission])
    result = next(line for line in house.result_lines(submission.job_id) if line["reference"] == long.reference)
    assert [page["number"] for page in result["result"]["pages"]] == list(range(1, PAGES + 1))
    assert kinds.count("read_range") >= RANGES, "it was to be split"
    assert kinds.count("structure") >= 2
    assert max(sizes) < MAX_MESSAGE_BYTES / 100, "messages hold ids"


def test_an_object_that_is_missing_fails_its_document_alone(house: BulkHouse) -> None:
    missing = TestDocument(number=910, content=b"", error_code="invalid_request")
    good = png_document(911)
    house.put([good])
    submission = house.submit([missing, good], put=False)
    house.wait_done(submission.job_id)

    books = check_books(house, [submission])
    assert (books.done, books.failed) == (1, {"invalid_request": 1})
    (failed,) = (line for line in house.result_lines(submission.job_id) if line["status"] == "failed")
    assert "no such object" in failed["error"]["detail"]
    assert set(failed["error"]) >= {"code", "title", "status", "detail"}
    assert house.double.pages_begun().get(910) is None
