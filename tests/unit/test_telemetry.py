"""Log lines: JSON, with the request's id, and never with an exception's message."""

from __future__ import annotations

import json
import logging
import sys

from ocr_core.telemetry import JsonFormatter, Metrics, TextFormatter, request_id_of_task

DOCUMENT_TEXT = "株式会社ひみつ 口座 1234567"


def record(message: str, **extra: object) -> logging.LogRecord:
    line = logging.LogRecord("somewhere", logging.INFO, "file.py", 1, message, (), None)
    vars(line).update(extra)
    return line


def look_up() -> None:
    raise KeyError(DOCUMENT_TEXT)


def parse() -> None:
    try:
        look_up()
    except KeyError as error:
        raise ValueError(f"cannot parse {DOCUMENT_TEXT}") from error


def failed() -> logging.LogRecord:
    try:
        parse()
    except ValueError:
        exc_info = sys.exc_info()
    return logging.LogRecord("somewhere", logging.ERROR, "file.py", 1, "It failed", (), exc_info)


def test_a_line_is_json_with_its_extras_and_the_requests_id() -> None:
    token = request_id_of_task.set("req_1")
    try:
        line = json.loads(JsonFormatter(service="preprocess").format(record("Done", action="a.b", elapsed_ms=1.5)))
    finally:
        request_id_of_task.reset(token)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "service": "preprocess",
        "logger": "somewhere",
        "message": "Done",
        "request_id": "req_1",
        "action": "a.b",
        "elapsed_ms": 1.5,
    }


def test_an_exception_is_told_without_its_message() -> None:
    for formatter in (JsonFormatter(service="x"), TextFormatter(service="x")):
        line = formatter.format(failed())
        assert "ひみつ" not in line
        assert "builtins.ValueError" in line
        assert "builtins.KeyError" in line
        assert "test_telemetry.py" in line


def test_the_line_for_people_is_one_line() -> None:
    line = TextFormatter(service="x").format(record("Done", status=200))
    assert line.endswith("INFO    Done status=200")
    assert "\n" not in line


def test_two_services_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.refusals.inc()
    assert b"ocr_admission_refusals_total 1.0" in first.exposition()
    assert b"ocr_admission_refusals_total 0.0" in second.exposition()
