"""A fresh JSON answer gets what only the pixel side knows: times, page images, and under which id it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from pydantic_core import from_json, to_json

from ocr_core.contracts.ports import RenderedResult
from ocr_core.service import RequestContext
from preprocess_svc.keeping import KeptDocument
from preprocess_svc.shown_pages import ShownAnswer

MAX_BYTES_ON_THE_LOOP = 128 << 10
"""Of an answer whose JSON is parsed and written anew there: 1.5 ms for 1,000 lines, but 300 ms for 20,000."""

_RESERVE_S = 0.2
"""For what every answer takes."""
_JSON_S_PER_BYTE = 2e-7
"""Parsing an answer and writing it anew, on a machine that has other work too: 0.7 s for 20,000 lines."""
_IMAGE_S_PER_BYTE = 1.5e-8
"""Base64, and writing that into the answer: a second for 64 MB."""


def reserve_s(result: RenderedResult, images: ShownAnswer | None, *, is_completed: bool) -> float:
    """What an answer may still take when its document has been kept: whoever waits for the stores leaves it.

    Args:
        result: What the text side has answered.
        images: What is put into it.
        is_completed: Whether anything is; answers in other formats go out as they are.
    """
    if not is_completed:
        return _RESERVE_S
    image_bytes = 0 if images is None else images.size_bytes
    return _RESERVE_S + len(result.body) * _JSON_S_PER_BYTE + image_bytes * _IMAGE_S_PER_BYTE


async def complete(
    result: RenderedResult, context: RequestContext, images: ShownAnswer | None, kept: KeptDocument | None
) -> RenderedResult:
    """Put in what only this side knows: the total time, what the way to the text side took, and the pages' images."""
    timing_ms = rounded(context.stages_ms)
    if images is None and len(result.body) <= MAX_BYTES_ON_THE_LOOP:
        body = _completed(result.body, timing_ms, None, kept)
    else:
        body = await asyncio.to_thread(_completed, result.body, timing_ms, images, kept)
    return replace(result, body=body)


def _completed(
    body: bytes, timing_ms: dict[str, float], images: ShownAnswer | None, kept: KeptDocument | None
) -> bytes:
    answer = from_json(body)
    answer["timing_ms"] = timing_ms
    if kept is not None:
        kept.put_into(answer)
    if images is not None:
        images.put_into(answer)
    return to_json(answer)


def rounded(stages_ms: Mapping[str, float]) -> dict[str, float]:
    """Stages as an answer tells them."""
    return {stage: round(ms, 1) for stage, ms in stages_ms.items()}
