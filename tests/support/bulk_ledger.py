"""The books of the bulk road: what must hold of jobs that have ended, whatever was killed on the way.

Checked against the database itself, against the results API and against what lies in object storage.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.bulk_house import OWN_BUCKET, BulkHouse, Submission

CONFIDENCE_TOLERANCE = 0.01
QUAD_TOLERANCE_PX = 1.0
_OWN_TO_A_RUN = frozenset({"id", "request_id", "timing_ms", "links"})


@dataclass(slots=True, kw_only=True)
class Books:
    """What was counted."""

    documents: int = 0
    done: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By error code."""
    repeats: int = 0
    """Results that were written and lost to one that came first."""


def check_books(house: BulkHouse, submissions: Iterable[Submission], *, may_exhaust: bool = False) -> Books:
    """Assert all of it.

    Args:
        house: It runs.
        submissions: Every job that was answered 202; each has ended.
        may_exhaust: Whether a document may have used up its attempts, because kills are more frequent than in life.
    """
    books = Books()
    for submission in submissions:
        _check_job(house, submission, books, may_exhaust=may_exhaust)
    return books


def _check_job(house: BulkHouse, submission: Submission, books: Books, *, may_exhaust: bool) -> None:
    job, lines = house.job(submission.job_id), house.result_lines(submission.job_id)
    expected = {document.reference: document for document in submission.documents}
    total = len(expected)
    assert job["status"] == "done", job
    assert job["documents"]["total"] == total
    assert job["documents"]["queued"] == job["documents"]["cancelled"] == 0, job
    assert [line["sequence"] for line in lines] == list(range(1, total + 1)), "the sequence has holes or doubles"
    assert job["last_sequence"] == total
    assert Counter(line["reference"] for line in lines) == Counter(expected.keys()), "documents are missing or doubled"

    for line in lines:
        document = expected[line["reference"]]
        books.documents += 1
        if line["status"] == "done":
            assert document.error_code is None, f"{line['reference']} was to fail with {document.error_code}"
            assert line["result"]["document"]["sha256"] == document.sha256, "the result is another document's"
            books.done += 1
        else:
            code = line["error"]["code"]
            assert code == document.error_code or (may_exhaust and code == "attempts_exhausted"), line
            books.failed[code] += 1
    assert job["documents"]["done"] == sum(line["status"] == "done" for line in lines)
    assert job["documents"]["failed"] == sum(line["status"] == "failed" for line in lines)
    _check_rows(house, submission.job_id, lines)
    books.repeats += _check_objects(house, submission.job_id, lines)


def _check_rows(house: BulkHouse, job_id: str, lines: list[dict[str, Any]]) -> None:
    """The database says the same, and nothing is left to do."""
    assert house.tasks(job_id) == [], "there is open work of a job that has ended"
    rows = house.rows("SELECT * FROM results WHERE job_id = :job ORDER BY sequence", job=job_id)
    told = [(line["sequence"], line["document_id"], line["status"]) for line in lines]
    assert [(row["sequence"], row["document_id"], row["status"]) for row in rows] == told
    documents = {row["id"]: row for row in house.rows("SELECT * FROM documents WHERE job_id = :job", job=job_id)}
    assert set(documents) == {row["document_id"] for row in rows}
    for row in rows:
        document = documents[row["document_id"]]
        assert (document["status"], document["result_key"]) == (row["status"], row["result_key"])


def _check_objects(house: BulkHouse, job_id: str, lines: list[dict[str, Any]]) -> int:
    """The winner's result is there, and whatever else was written of the document agrees with it; how many did."""
    (job,) = house.rows("SELECT tenant FROM jobs WHERE id = :job", job=job_id)
    stored = house.objects(f"results/{job['tenant']}/{job_id}/")
    keys = {
        row["document_id"]: row["result_key"]
        for row in house.rows("SELECT document_id, result_key FROM results WHERE job_id = :job", job=job_id)
    }
    repeats = 0
    for line in lines:
        if line["status"] != "done":
            continue
        winner = keys[line["document_id"]]
        assert winner in stored, f"the row points to {OWN_BUCKET}/{winner}, which is not there"
        agree(json.loads(stored[winner]), line["result"])
        for key, body in stored.items():
            if f"/{line['document_id']}/" in key and key != winner and key.endswith(".json"):
                agree(json.loads(body), line["result"])
                repeats += 1
    return repeats


def agree(one: Mapping[str, Any], other: Mapping[str, Any], *, path: str = "result") -> None:
    """Assert that two results of the same document are the same reading.

    Text and fields are equal, confidences within 0.01, quads within 1 px; ids and timings are each run's own.
    """
    ours, theirs = ({name: value for name, value in each.items() if name not in _OWN_TO_A_RUN} for each in (one, other))
    _agree(ours, theirs, path)


def _agree(one: Any, other: Any, path: str) -> None:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        assert set(one) == set(other), path
        for name in one:
            _agree(one[name], other[name], f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), path
        for index, pair in enumerate(zip(one, other, strict=True)):
            _agree(*pair, f"{path}[{index}]")
    elif isinstance(one, float | int) and isinstance(other, float | int) and not isinstance(one, bool):
        tolerance = QUAD_TOLERANCE_PX if ".quad" in path else CONFIDENCE_TOLERANCE if "confidence" in path else 0.0
        assert abs(one - other) <= tolerance, f"{path}: {one} and {other}"
    else:
        assert one == other, f"{path}: {one!r} and {other!r}"
