"""What travels through queues: a stage's message, and what producers may send to the intake queue.

A message is only a hint: everything that matters is in the database, so it stays far below SQS's limit however long
the document is. Bodies are untrusted, also those of our own queues.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import (
    MAX_REFERENCE_CHARACTERS,
    MAX_SOURCE_CHARACTERS,
    PageRange,
    Stage,
    check_storable,
    check_tenant,
)
from ocr_core.contracts.untrusted_map import UntrustedMap

SCHEMA_VERSION = 1
MAX_DECODED_BYTES = 65_536
"""Of a body that is looked at: a source and a reference of the most characters, each escaped to 12 bytes, are 37 kB.
What a queue itself takes is ``queues.MAX_MESSAGE_BYTES``."""
MAX_PAGE_NUMBER = 999_999

_DOCUMENT_ID = re.compile(r"doc_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMessage:
    """Asks a worker for one piece of work."""

    kind: Stage
    tenant: str
    document_id: str
    pages: PageRange | None = None
    """For ``Stage.READ_RANGE``, and only for it."""

    def encode(self) -> str:
        """The message as JSON."""
        body: dict[str, object] = {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind.value,
            "tenant": self.tenant,
            "document_id": self.document_id,
        }
        if self.pages is not None:
            body["pages"] = [self.pages.first, self.pages.last]
        return json.dumps(body, separators=(",", ":"))

    @classmethod
    def decode(cls, untrusted_body: str | bytes) -> StageMessage:
        """Read a message.

        Raises:
            InvalidRequest: it is not one, or of a version that is not known here.
        """
        fields = _fields(untrusted_body)
        tenant, document_id, kind = fields.text("tenant"), fields.text("document_id"), fields.text("kind")
        check_tenant(tenant, "message.tenant")
        if _DOCUMENT_ID.fullmatch(document_id) is None:
            raise InvalidRequest("message.document_id is not a document's id")
        if kind not in list(Stage):
            raise InvalidRequest("message.kind is not a stage")
        stage = Stage(kind)
        if fields.has("pages") != (stage is Stage.READ_RANGE):
            raise InvalidRequest("message.pages belongs to a range, and only to a range")
        pages = _pages(fields) if stage is Stage.READ_RANGE else None
        return cls(kind=stage, tenant=tenant, document_id=document_id, pages=pages)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeMessage:
    """What a producer sends to the intake queue; whose document it is says the queue, never the body."""

    source: str
    reference: str | None = None

    @classmethod
    def decode(cls, untrusted_body: str | bytes) -> IntakeMessage:
        """Read a message. Whether the source may be read is for the allow-list to say.

        Raises:
            InvalidRequest: it is not one, or of a version that is not known here.
        """
        fields = _fields(untrusted_body)
        source = fields.text("source", at_most=MAX_SOURCE_CHARACTERS)
        if not source.startswith("s3://"):
            raise InvalidRequest("message.source is not an s3:// address")
        reference = None
        if fields.has("reference") and fields.value("reference") is not None:
            reference = fields.text("reference", at_most=MAX_REFERENCE_CHARACTERS)
        return cls(source=source, reference=reference)


def _fields(untrusted_body: str | bytes) -> UntrustedMap:
    """The body's fields, once its length and its version are known to be right."""
    if len(untrusted_body) > MAX_DECODED_BYTES:
        raise InvalidRequest(f"the message is longer than {MAX_DECODED_BYTES} bytes")
    try:
        # Deep nesting ends in RecursionError, a number of thousands of digits or a lone byte in ValueError.
        untrusted = json.loads(untrusted_body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the message is not JSON") from error
    fields = UntrustedMap(untrusted, "message")
    fields.integer("schema_version", SCHEMA_VERSION, SCHEMA_VERSION)
    for name in ("tenant", "document_id", "kind", "source", "reference"):
        value = fields.value(name) if fields.has(name) else None
        if isinstance(value, str):
            check_storable(value, f"message.{name}")
    return fields


def _pages(fields: UntrustedMap) -> PageRange:
    """The range of pages that the message names."""
    untrusted = fields.items("pages", 2)
    if len(untrusted) != 2:
        raise InvalidRequest("message.pages is not a first and a last page")
    numbers = UntrustedMap({"first": untrusted[0], "last": untrusted[1]}, "message.pages")
    first = numbers.integer("first", 1, MAX_PAGE_NUMBER)
    return PageRange(first=first, last=numbers.integer("last", first, MAX_PAGE_NUMBER))
