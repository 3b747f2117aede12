"""Guarantee 5: slow work keeps its lease; a paused worker's goes to exactly one other, its late result is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import SHORT_DURATIONS, BulkHouse
from tests.support.bulk_ledger import check_books
from tests.support.faults_proxy import Passed
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

LEASE_S = float(SHORT_DURATIONS["OCR_BULK_LEASE_S"])
SLOW_S = 5 * LEASE_S + 1
MANY_BEATS = 5
"""Of the slow document's message, at least: without one in a lease's time it would go to somebody else."""


def begun(house: BulkHouse, number: int) -> list[dict[str, Any]]:
    """When and by whom the models were asked for a document's page."""
    return [entry for entry in house.double.journal() if entry["event"] == "begin" and entry["page"] == number]


def refused_as_leased(house: BulkHouse) -> float:
    """How often a read worker was refused what another one had in hand."""
    refusals = 0.0
    for name in ("read-1", "read-2"):
        port = house.running[name].environment["OCR_BULK_VITALS_PORT"]
        text = house.http.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text
        for line in text.splitlines():
            if line.startswith('ocr_bulk_claims_refused_total{reason="leased"}'):
                refusals += float(line.split()[-1])
    return refusals


def receipts(passed: Passed) -> list[str]:
    """Those that a call to the queue names."""
    body = json.loads(passed.body)
    entries = body.get("Entries", [body])
    return [entry["ReceiptHandle"] for entry in entries if "ReceiptHandle" in entry]


def test_a_document_of_five_visibility_timeouts_runs_once(make_house: HouseMaker) -> None:
    # No message is sent again, however slow the machine: a second one would be refused with good reason.
    house = make_house(slow_s=SLOW_S, settings={"OCR_BULK_RESEND_FIRST_S": "60", "OCR_BULK_RESEND_MAX_S": "60"})
    passed: list[Passed] = []
    house.queue_proxy.watch = passed.append
    submission = house.submit([png_document(1, Mark.SLOW), png_document(2)])
    house.wait_done(submission.job_id)

    check_books(house, [submission])
    assert (len(begun(house, 1)), len(begun(house, 2))) == (1, 1)
    assert refused_as_leased(house) == 0
    beats: Counter[str] = Counter()
    deleted: set[str] = set()
    for call in passed:
        if call.call.startswith("ChangeMessageVisibility"):
            assert not deleted.intersection(receipts(call)), "a beat after the delete"
            beats.update(receipts(call))
        elif call.call.startswith("DeleteMessage"):
            deleted.update(receipts(call))
    assert max(beats.values()) >= MANY_BEATS
    assert house.dead_letters("read") == []


def test_a_paused_workers_document_goes_to_exactly_one_other(make_house: HouseMaker) -> None:
    workers = ("read-1", "read-2", "read-3")
    house = make_house(
        slow_s=1.5 * LEASE_S,
        processes={
            "api": ("api",),
            "hub": ("dispatcher",),
            "structure-1": ("structure",),
            **dict.fromkeys(workers, ("read",)),
        },
    )
    submission = house.submit([png_document(1, Mark.SLOW)])
    wait_until(lambda: len(begun(house, 1)) == 1, "the first attempt")
    (paused,) = (process for process in house.running.values() if process.pid == begun(house, 1)[0]["pid"])
    paused.pause()
    house.wait_done(submission.job_id)
    attempts = begun(house, 1)
    assert len({entry["pid"] for entry in attempts}) == len(attempts) == 2
    lines = house.result_lines(submission.job_id)

    paused.resume()
    wait_until(lambda: '"outcome": "lost"' in paused.log.read_text(encoding="utf-8"), "the late result's refusal")
    assert house.result_lines(submission.job_id) == lines
    assert paused.alive
    check_books(house, [submission])
    assert len(begun(house, 1)) == 2

    # The worker that was paused is as good as any other.
    for process in house.running.values():
        if process.name in workers and process is not paused:
            process.kill()
    second = house.submit([png_document(2)])
    house.wait_done(second.job_id, supervised=False)
    assert [entry["pid"] for entry in begun(house, 2)] == [paused.pid]
