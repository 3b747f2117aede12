"""What an answer means: read, refused as a full server should, or failed."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from loadtest.samples import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judged answer."""

    outcome: Outcome
    code: str
    retry_after_s: float | None = None
    server_ms: float | None = None
    text_crc32: int | None = None


def judge(status: int, body: bytes | None, *, retry_after: str | None, error: str = "") -> Verdict:
    """Judge an answer of ``POST /v1/ocr``.

    Args:
        status: Of HTTP; 0 where there was no answer.
        body: The answer's body.
        retry_after: The header of that name.
        error: What went wrong on the way, where there was no answer.
    """
    content = _decode(body)
    if status == 200:
        return _judge_result(content)
    code = str(content.get("code", "without a problem description")) if status else error or "no answer"
    if status == 429 and retry_after is not None and retry_after.isdigit():
        return Verdict(outcome=Outcome.REFUSED, code=code, retry_after_s=float(retry_after))
    return Verdict(outcome=Outcome.FAILED, code=f"{code}, no Retry-After" if status == 429 else code)


def _judge_result(content: dict[str, Any]) -> Verdict:
    pages = content.get("pages")
    if not isinstance(pages, list) or not any(page.get("lines") for page in pages):
        return Verdict(outcome=Outcome.FAILED, code="not a line was read")
    if any("error" in page for page in pages):
        return Verdict(outcome=Outcome.FAILED, code="a page was not read")
    return Verdict(
        outcome=Outcome.ANSWERED,
        code="ok",
        server_ms=content.get("timing_ms", {}).get("total"),
        text_crc32=zlib.crc32(str(content.get("text", "")).encode("utf-8")),
    )


def _decode(body: bytes | None) -> dict[str, Any]:
    try:
        content = json.loads(body or b"")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
