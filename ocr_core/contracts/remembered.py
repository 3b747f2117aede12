"""What was answered before, and may be answered again: under which key it is remembered, and what of it.

::

    remembered/{tenant}/{document's sha256}/{digest of everything else}

The digest covers all that an answer depends on beside the bytes: the caller's parameters, and the digests of code,
models, schemas, table of partners and settings, as they are at this moment. Whatever of it changes, the key is another
one, and what was remembered before is not found any more. Nothing has to be told to forget.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

REMEMBERED = "remembered"
"""Below which all of it lies in object storage."""
IDENTITY_HEADER = "Yomitori-Made-With"
"""The text side's digest, with each answer whose making it did not change (``Structurer.identity``)."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryKey:
    """Under what something is remembered."""

    tenant: str
    document_sha256: str
    circumstances_sha256: str
    """Of everything else that it depends on."""

    @classmethod
    def of(
        cls,
        *,
        tenant: str,
        tenant_since: datetime | None,
        document_sha256: str,
        circumstances: Mapping[str, object],
    ) -> MemoryKey:
        """Make a key.

        Args:
            tenant: Whose it is: nobody else finds it.
            tenant_since: When that was made: nor does one of the same name that was made after it was deleted. Null
                where keys are off.
            document_sha256: Of the document's bytes.
            circumstances: Everything else by name, as JSON can write it.

        Raises:
            TypeError: JSON cannot write it.
        """
        since = None if tenant_since is None else tenant_since.isoformat()
        written = json.dumps([since, circumstances], sort_keys=True, ensure_ascii=True, allow_nan=False)
        return cls(
            tenant=tenant,
            document_sha256=document_sha256,
            circumstances_sha256=hashlib.sha256(written.encode("ascii")).hexdigest(),
        )

    @property
    def path(self) -> str:
        """As a key of object storage."""
        return f"{document_prefix(self.tenant, self.document_sha256)}{self.circumstances_sha256}"


def tenant_prefix(tenant: str) -> str:
    """Below which everything lies that is remembered of a tenant."""
    return f"{REMEMBERED}/{tenant}/"


def document_prefix(tenant: str, document_sha256: str) -> str:
    """Below which everything lies that is remembered of a document.

    Raises:
        ValueError: it is no such digest, and might be a part of others.
    """
    if not _SHA256.fullmatch(document_sha256):
        raise ValueError("a document is named by the SHA-256 of its bytes, in hexadecimal digits")
    return f"{tenant_prefix(tenant)}{document_sha256}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """Something that is remembered: bytes, and what must be known to send them again."""

    content_type: str
    body: bytes
    made_at_s: float
    """Seconds since the epoch."""
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.notes.items()) + _OVERHEAD_BYTES


_OVERHEAD_BYTES = 1_000
"""Of the values around the bytes, and of their key."""

REPEATABLE_WARNINGS = frozenset(
    {
        "page_rendered_smaller",
        "animation_first_frame",
        "image_truncated",
        "lines_left_out",
        "text_layer_distrusted",
        "required_field_missing",
        "validation_failed",
        "partner_conflict",
    }
)
"""Warnings that the same bytes always give. With any other (a page that could not be read, a family of fields or a
schema that failed) the next reading may go better, so that nothing is remembered."""
