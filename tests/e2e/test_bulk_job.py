"""The bundled documents through the whole bulk road: the same results as by the sync API."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from evaluation.datasets import load_samples
from tests.support.waiting import wait_until

SAMPLES = sorted(document.path for document in load_samples())
# What repeats of the work may differ by (the batches that crops travel in are not the same).
CONFIDENCE_TOLERANCE = 0.01
PIXELS_TOLERANCE = 1


def _job(bulk_api: httpx.Client) -> str:
    files = [("file", (path.name, path.read_bytes(), "application/pdf")) for path in SAMPLES]
    answer = bulk_api.post("/v1/jobs", files=files, headers={"Idempotency-Key": "the-samples"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["documents"]["total"] == len(SAMPLES)
    return str(answer.headers["Location"])


def _results(bulk_api: httpx.Client, job: str) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in bulk_api.get(f"{job}/results").text.splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, len(SAMPLES) + 1))
    assert {line["status"] for line in lines} == {"done"}, lines
    return {line["file_name"]: line["result"] for line in lines}


def _agree(one: object, other: object, *, tolerance: float = CONFIDENCE_TOLERANCE) -> bool:
    """Whether they are the same but for what repeats of the work may differ by."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            _agree(value, other[key], tolerance=PIXELS_TOLERANCE if key == "quad" else tolerance)
            for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            _agree(left, right, tolerance=tolerance) for left, right in zip(one, other, strict=True)
        )
    if isinstance(one, float) or (tolerance == PIXELS_TOLERANCE and isinstance(one, int)):
        return other == pytest.approx(one, abs=tolerance)
    return one == other


def test_a_job_of_files_ends_with_the_results_of_the_sync_api(api: httpx.Client, bulk_api: httpx.Client) -> None:
    job = _job(bulk_api)
    wait_until(lambda: bulk_api.get(job).json()["status"] == "done", "the end of the job", patience_s=120.0)
    counts = bulk_api.get(job).json()["documents"]
    assert counts == {"total": len(SAMPLES), "queued": 0, "done": len(SAMPLES), "failed": 0, "cancelled": 0}
    results = _results(bulk_api, job)
    for path in SAMPLES:
        files = {"file": (path.name, path.read_bytes(), "application/pdf")}
        answer = api.post("/v1/ocr", files=files, params={"timeout_s": 30})
        assert answer.status_code == 200, answer.text
        by_sync, by_bulk = answer.json(), results[path.name]
        assert by_bulk.keys() - {"links"} == by_sync.keys()
        assert by_bulk["text"] == by_sync["text"]
        for part in ("document", "document_type", "fields", "pages", "models"):
            assert _agree(by_bulk[part], by_sync[part]), (path.name, part, by_bulk[part], by_sync[part])


def test_the_same_key_and_files_give_the_same_job(bulk_api: httpx.Client) -> None:
    assert _job(bulk_api) == _job(bulk_api)
