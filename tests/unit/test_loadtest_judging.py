"""What counts as read, as refused, and as failed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loadtest.judging import judge
from loadtest.samples import Outcome

READ = {"pages": [{"number": 1, "lines": [{"text": "請求書"}]}], "text": "請求書", "timing_ms": {"total": 181}}


def body(content: Any) -> bytes:
    return json.dumps(content).encode()


def test_a_result_with_lines_is_an_answer() -> None:
    verdict = judge(200, body(READ), retry_after=None)
    assert (verdict.outcome, verdict.code, verdict.server_ms) == (Outcome.ANSWERED, "ok", 181)


def test_another_text_has_another_checksum() -> None:
    first, again, other = (judge(200, body({**READ, "text": text}), retry_after=None) for text in ("a", "a", "b"))
    assert first.text_crc32 == again.text_crc32 != other.text_crc32


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not a line was read"),
        (b"<html>", "not a line was read"),
        (body([]), "not a line was read"),
        (body({"pages": [{"number": 1, "lines": []}]}), "not a line was read"),
        (body({"pages": [*READ["pages"], {"number": 2, "error": {"code": "x"}}]}), "a page was not read"),  # type: ignore[misc]
    ],
)
def test_a_200_that_read_nothing_is_a_failure(content: bytes, code: str) -> None:
    verdict = judge(200, content, retry_after=None)
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, code)


def test_a_429_that_says_when_to_come_again_is_a_refusal() -> None:
    verdict = judge(429, body({"code": "overloaded"}), retry_after="2")
    assert (verdict.outcome, verdict.code, verdict.retry_after_s) == (Outcome.REFUSED, "overloaded", 2.0)


@pytest.mark.parametrize("retry_after", [None, "", "soon"])
def test_a_429_without_a_time_is_a_failure(retry_after: str | None) -> None:
    verdict = judge(429, body({"code": "overloaded"}), retry_after=retry_after)
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, "overloaded, no Retry-After")


def test_problems_are_failures_under_their_code() -> None:
    # The client's own words for a status are not its code.
    verdict = judge(504, body({"code": "deadline_exceeded"}), retry_after=None, error="LocustBadStatusCode")
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, "deadline_exceeded")
    assert judge(502, b"bad gateway", retry_after=None).code == "without a problem description"


def test_no_answer_is_a_failure_under_its_cause() -> None:
    verdict = judge(0, None, retry_after=None, error="ConnectionRefusedError")
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, "ConnectionRefusedError")
