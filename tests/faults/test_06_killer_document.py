"""Guarantee 6: a document that kills its worker every time ends among the dead letters; its neighbours finish."""

from __future__ import annotations

import json
from typing import Any

from tests.faults.conftest import MAX_ATTEMPTS
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until


def test_a_killer_fails_its_neighbours_finish_and_redrive_works(house: BulkHouse) -> None:
    neighbours = [png_document(n) for n in range(1, 7)]
    killer = png_document(66, Mark.KILLER)
    submission = house.submit([*neighbours[:3], killer, *neighbours[3:]])
    job = house.wait_done(submission.job_id)

    assert (job["documents"]["done"], job["documents"]["failed"]) == (len(neighbours), 1)
    lines = {line["reference"]: line for line in house.result_lines(submission.job_id)}
    failed = lines[killer.reference]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "attempts_exhausted")
    assert {lines[each.reference]["status"] for each in neighbours} == {"done"}
    assert house.double.pages_begun()[killer.number] == MAX_ATTEMPTS

    def letters_of_killer() -> list[dict[str, Any]]:
        return [each for each in house.dead_letters("read") if failed["document_id"] in each["Body"]]

    wait_until(lambda: bool(letters_of_killer()), "the dead letter")
    (letter,) = letters_of_killer()
    assert json.loads(letter["Body"])["document_id"] == failed["document_id"]
    reason = letter["MessageAttributes"]["reason"]["StringValue"]
    assert reason.startswith(failed["error"]["detail"])
    assert f"{MAX_ATTEMPTS} attempts" in reason
    assert f"({submission.job_id}, run 1, " in reason

    house.double.restart(spare=True)
    answer = house.retried(
        lambda: house.http.post(f"{house.api_url}/v1/jobs/{submission.job_id}/redrive"), until={200, 202}
    )
    assert answer.json()["run"] == 2
    again = house.wait_done(submission.job_id)
    assert (again["documents"]["done"], again["documents"]["failed"]) == (len(neighbours) + 1, 0)
    after = house.result_lines(submission.job_id)
    assert [line["sequence"] for line in after] == list(range(1, len(neighbours) + 3))
    assert (after[-1]["reference"], after[-1]["status"]) == (killer.reference, "done")
