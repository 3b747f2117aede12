"""What passes between the file opener and its function on AWS Lambda: one JSON event a call, one JSON answer.

::

    host                                       function                      object storage
      │── document ────────────────────────────────┼──────────────────────────────►│
      │── event: request, URLs (Invoke) ──────────►│── GET document (URL) ─────────►│
      │                                            │── PUT page, PUT page (URLs) ──►│
      │◄────────── answer: messages, ending ───────│                                │
      │── GET page ────────────────────────────────┼──────────────────────────────►│

A payload may have 6 MB at most (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), a page has
twice as much: documents and pages travel as objects. The function holds no right to the store; each URL is good for
one object. The messages are the child's own (``opening_wire``): the host decodes and doubts them as it does those of a
child on its own machine.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from enum import StrEnum

from ocr_core.contracts.opening_wire import (
    MESSAGE_BYTES,
    ForgedMessage,
    OpenRequest,
    decode_request,
    encode_request,
)
from ocr_core.contracts.pool_wire import PoolMessage, PoolMessageKind

SCHEMA_VERSION = 1
MAX_PAGES_PER_CALL = 64
MAX_ANSWER_BYTES = 16 * 1024
"""A message takes 59 bytes of JSON, and there is one a page and two more."""

_PAGE_OVERHEAD_BYTES = 4_096


class Ending(StrEnum):
    """Why an answer holds no more messages."""

    COMPLETE = "complete"
    """The child has said all it had to say."""
    EXITED = "exited"
    """It ended, or hung up, before."""
    MORE = "more"
    """As many pages as there were URLs, or as there was time for: the rest is another call's."""
    OVERDUE = "overdue"
    """The time was over before a single page was there."""
    FORGED = "forged"
    """It said something that the function did not pass on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the function is asked to do."""

    request: OpenRequest
    document_url: str
    page_urls: tuple[str, ...]
    """One a page, at least one; as many pages are made at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it."""

    messages: tuple[bytes, ...]
    """Each ``MESSAGE_BYTES`` long; the n-th page among them that is ready lies at the call's n-th URL."""
    ending: Ending
    exit: PoolMessage | None
    """How the child ended, or was ended; nothing where the function's pool did."""


def max_object_bytes(page_bytes: int) -> int:
    """How large the object of a page of so many bytes may be: zlib adds next to nothing to what it cannot shrink."""
    return page_bytes + (page_bytes >> 10) + _PAGE_OVERHEAD_BYTES


def encode_call(call: Call) -> bytes:
    """Write an event down.

    Raises:
        ValueError: the selection has too many ranges.
    """
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "request": json.loads(encode_request(call.request)),
            "document_url": call.document_url,
            "page_urls": call.page_urls,
        }
    ).encode()


def decode_call(event: object) -> Call:
    """Read an event; it comes from a caller who may invoke the function, whom the function trusts.

    Raises:
        ValueError: it is not one, or of another version.
    """
    match event:
        case {
            "schema_version": version,
            "request": dict(request),
            "document_url": str(document_url),
            "page_urls": list(page_urls),
        } if version == SCHEMA_VERSION:
            urls = [url for url in page_urls if isinstance(url, str)]
            if not 1 <= len(urls) == len(page_urls) <= MAX_PAGES_PER_CALL:
                raise ValueError(f"page_urls are 1 to {MAX_PAGES_PER_CALL} URLs")
            return Call(
                request=decode_request(json.dumps(request).encode()),
                document_url=document_url,
                page_urls=tuple(urls),
            )
        case _:
            raise ValueError(f"not an opening call of version {SCHEMA_VERSION}")


def encode_answer(answer: Answer) -> dict[str, object]:
    """An answer as it becomes JSON."""
    return {
        "schema_version": SCHEMA_VERSION,
        "messages": [_to_text(message) for message in answer.messages],
        "ending": answer.ending.value,
        "exit": None if answer.exit is None else _to_text(answer.exit.encode()),
    }


def decode_answer(untrusted: bytes, *, max_pages: int) -> Answer:
    """Read an answer, whose messages stay as doubtful as they came.

    Args:
        untrusted: The payload, at most one byte more than ``MAX_ANSWER_BYTES`` of it.
        max_pages: As many URLs as the call had.

    Raises:
        ForgedMessage: it is not an answer to such a call.
    """
    if len(untrusted) > MAX_ANSWER_BYTES:
        raise ForgedMessage("an answer that is too long")
    try:
        document = json.loads(untrusted)
    except (ValueError, RecursionError) as error:
        raise ForgedMessage("an answer that is not JSON") from error
    match document:
        case {"schema_version": version, "messages": list(messages), "ending": ending, "exit": exited, **rest} if (
            version == SCHEMA_VERSION and len(messages) <= max_pages + 2 and not rest
        ):
            return Answer(
                messages=tuple(_from_text(message, MESSAGE_BYTES) for message in messages),
                ending=_read_ending(ending),
                exit=None if exited is None else _read_exit(exited),
            )
        case _:
            raise ForgedMessage("an answer of another shape, length or version")


def _read_ending(untrusted: object) -> Ending:
    try:
        return Ending(str(untrusted))
    except ValueError as error:
        raise ForgedMessage("an ending that does not exist") from error


def _read_exit(untrusted: object) -> PoolMessage:
    try:
        message = PoolMessage.decode(_from_text(untrusted, len(PoolMessage(kind=PoolMessageKind.EXITED).encode())))
    except ValueError as error:
        raise ForgedMessage("an exit that is none") from error
    if message.kind is not PoolMessageKind.EXITED:
        raise ForgedMessage("an exit that is none")
    return message


def _to_text(message: bytes) -> str:
    return base64.b64encode(message).decode("ascii")


def _from_text(untrusted: object, byte_count: int) -> bytes:
    if not isinstance(untrusted, str):
        raise ForgedMessage("a message that is not text")
    try:
        message = base64.b64decode(untrusted.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ForgedMessage("a message that is not base64") from error
    if len(message) != byte_count:
        raise ForgedMessage(f"a message of {len(message)} bytes")
    return message
