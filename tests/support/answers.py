"""The sync API's answers: sent for, held against the contract's problems, compared with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

CONFIDENCE_TOLERANCE = 0.01
QUAD_TOLERANCE_PX = 1.0

_OF_THE_REQUEST = {"id", "request_id", "timing_ms"}
"""What differs between two answers about the same document."""


def problem(answer: httpx.Response) -> tuple[str, str]:
    """Check that an answer is a whole ``application/problem+json``; its code and its detail."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body.keys() == {"type", "title", "status", "detail", "code", "request_id"}
    assert body["status"] == answer.status_code
    assert body["type"].endswith(f":{body['code']}")
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return str(body["code"]), str(body["detail"])


def differences(alone: Mapping[str, Any], among: Mapping[str, Any]) -> list[str]:
    """Where two answers about one document say different things.

    Text, fields and everything else must be equal; confidences within 0.01, corners within one pixel.
    """
    return list(_differences(alone, among, "answer", ""))


def _differences(alone: Any, among: Any, place: str, key: str) -> Iterator[str]:
    if isinstance(alone, Mapping) and isinstance(among, Mapping):
        keys = (alone.keys() | among.keys()) - _OF_THE_REQUEST
        for each in sorted(keys):
            yield from _differences(alone.get(each), among.get(each), f"{place}.{each}", each)
    elif isinstance(alone, list) and isinstance(among, list) and len(alone) == len(among):
        for index, (one, other) in enumerate(zip(alone, among, strict=True)):
            yield from _differences(one, other, f"{place}[{index}]", key)
    elif not _same(alone, among, key):
        yield f"{place}: {alone!r} alone, {among!r} among others"


def _same(alone: Any, among: Any, key: str) -> bool:
    tolerance = {"confidence": CONFIDENCE_TOLERANCE, "quad": QUAD_TOLERANCE_PX}.get(key)
    if tolerance is None or not isinstance(alone, int | float) or not isinstance(among, int | float):
        return bool(alone == among)
    return abs(alone - among) <= tolerance


def ask_all(url: str, requests: Sequence[tuple[bytes, Mapping[str, str]]], *, at_once: int) -> list[httpx.Response]:
    """Send documents with their parameters, so many at the same time; the answers in the same order."""
    with (
        httpx.Client(base_url=url, timeout=60.0, trust_env=False) as client,
        ThreadPoolExecutor(max_workers=at_once) as senders,
    ):
        sent = [
            senders.submit(client.post, "/v1/ocr", params=dict(parameters), content=document)
            for document, parameters in requests
        ]
        return [each.result() for each in sent]
