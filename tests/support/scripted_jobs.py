"""What the bulk API answers, for scripts of ``scripted_server``."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ocr_core.service.multipart import MultipartReader, PartEnd, PartStart
from tests.support.scripted_server import RESULT, Scripted

JOB_ID = "job_0123456789abcdef0123456789abcdef"


def job_state(
    status: str = "done", *, total: int = 2, done: int = 0, failed: int = 0, last_sequence: int | None = None
) -> dict[str, object]:
    """A job as the API tells it."""
    ended = done + failed
    counts = {"total": total, "queued": total - ended, "done": done, "failed": failed, "cancelled": 0}
    if status == "cancelled":
        counts |= {"queued": 0, "cancelled": total - ended}
    return {
        "id": JOB_ID,
        "status": status,
        "priority": "normal",
        "documents": counts,
        "run": 1,
        "created_at": "2026-11-21T10:00:00Z",
        "finished_at": "2026-11-21T10:01:00Z" if status == "done" else None,
        "last_sequence": ended if last_sequence is None else last_sequence,
    }


def job(status: str = "done", *, http_status: int = 200, **counts: int) -> Scripted:
    """An answer that is a job."""
    return Scripted(status=http_status, body=json.dumps(job_state(status, **counts)).encode())


def line(sequence: int, *, failed: str | None = None) -> dict[str, object]:
    """A result line; ``failed`` is the code of its error."""
    head = {
        "sequence": sequence,
        "document_id": f"doc_{sequence:032x}",
        "reference": f"reference {sequence}",
        "file_name": f"{sequence}.pdf",
    }
    if failed is not None:
        error = {"code": failed, "title": "t", "status": 422, "detail": "d"}
        return {**head, "status": "failed", "error": error}
    # A text with what Unicode takes for the end of a line, and NDJSON does not.
    return {**head, "status": "done", "result": {**RESULT, "text": "a\u2028b\x85c"}}


def lines(*sequences: int, cut_bytes: int = 0, breaks: bool = False, holds: bool = False) -> Scripted:
    """An answer of result lines; ``cut_bytes`` of the last are missing."""
    body = b"".join(json.dumps(line(n), ensure_ascii=False).encode() + b"\n" for n in sequences)
    return Scripted(body=body[: len(body) - cut_bytes], breaks=breaks, holds=holds)


def events(*states: Mapping[str, object], breaks: bool = False) -> Scripted:
    """An answer of server-sent events."""
    body = b":\n\n" + b"".join(b"id: 1\nevent: status\ndata: %s\n\n" % json.dumps(s).encode() for s in states)
    return Scripted(body=body, headers={"Content-Type": "text/event-stream; charset=utf-8"}, breaks=breaks)


def form_parts(content_type: str, body: bytes) -> list[tuple[str | None, str | None, bytes]]:
    """Name, file name and content of a form's parts, as the server's own reader finds them."""
    reader = MultipartReader(content_type)
    parts: list[tuple[str | None, str | None, bytes]] = []
    content = b""
    for event in reader.feed(body):
        if isinstance(event, PartStart):
            start, content = event, b""
        elif isinstance(event, PartEnd):
            parts.append((start.name, start.untrusted_file_name, content))
        else:
            content += event
    reader.finish()
    return parts
