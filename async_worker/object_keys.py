"""Where the bulk road keeps its objects: every key is made of our own ids, never of what a caller sent.

::

    uploads/{tenant}/{job}/{position}                       files of a multipart job
    uploads/{tenant}/{upload}                               presigned uploads
    readings/{tenant}/{job}/{document}/{token}.msgpack      what the pixel side read, until it is structured
    readings/{tenant}/{job}/{document}/{token}.pages        the images of these pages, where the job wants them in a PDF
    results/{tenant}/{job}/{document}/{token}.{extension}   the answer, in JSON and in the further formats
    results/{tenant}/by-source/{bucket}/{quoted key}.json   the result line of a document that came by the intake
    remembered/{tenant}/{document's sha256}/{digest}        answers that are remembered, of tenants whose documents are
                                                            kept (``ocr_core/contracts/remembered.py``)
    exports/{data set}/tenant={tenant}/date={day}/…         what is exported (exports/layout.py)

Stored documents lie beside them (``contracts/stored_documents.py``); the sync road keeps them too.

The token is the lease's: each attempt writes under its own, and the job store's row points to the one that won.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from ocr_core.contracts import areas
from ocr_core.contracts.jobs import Lease
from ocr_core.contracts.result import OutputFormat

UPLOADS = areas.UPLOADS
READINGS = areas.READINGS
RESULTS = areas.RESULTS
EXPORTS = areas.EXPORTS

MAX_QUOTED_CHARACTERS = 700
"""Of a source's key within ours: with the tenant, the bucket and our own prefix it stays within a key's 1,024 bytes."""

_READING = ".msgpack"
_UNQUOTED = re.compile(rb"[A-Za-z0-9._/-]")


def new_upload_id() -> str:
    """A fresh id for a presigned upload; 128 random bits, so that it cannot be guessed."""
    return f"up_{secrets.token_hex(16)}"


def uploads_prefix(tenant: str) -> str:
    """Below which a tenant's uploads lie; what lies there it may name as a source."""
    return f"{UPLOADS}/{tenant}/"


def job_upload_key(tenant: str, job_id: str, position: int) -> str:
    """The file of a multipart job, by its 0-based position among the parts."""
    return f"{uploads_prefix(tenant)}{job_id}/{position}"


def presigned_upload_key(tenant: str, upload_id: str) -> str:
    """A file that a caller uploads by itself."""
    return f"{uploads_prefix(tenant)}{upload_id}"


def reading_key(lease: Lease) -> str:
    """The reading that the holder of ``lease`` writes."""
    return f"{READINGS}/{_attempt(lease)}{_READING}"


def page_images_key(reading_key: str) -> str:
    """The images of the pages that a reading holds."""
    return f"{reading_key.removesuffix(_READING)}.pages"


def reading_objects(lease: Lease) -> tuple[str, ...]:
    """All that the pixel side wrote of a document: nobody needs it once the document has ended."""
    images = map(page_images_key, lease.reading_keys) if OutputFormat.PDF in lease.formats else ()
    return (*lease.reading_keys, *images)


def result_key(lease: Lease, extension: str = "json") -> str:
    """The result that the holder of ``lease`` writes, by the format's file name extension."""
    return f"{RESULTS}/{_attempt(lease)}.{extension}"


def result_prefix(tenant: str, job_id: str, document_id: str) -> str:
    """Below which all attempts' results of a document lie."""
    return f"{RESULTS}/{tenant}/{job_id}/{document_id}/"


def reading_prefix(tenant: str, job_id: str, document_id: str) -> str:
    """Below which all that was read of a document lies."""
    return f"{READINGS}/{tenant}/{job_id}/{document_id}/"


def by_source_key(tenant: str, bucket: str, source_key: str) -> str:
    """Where the result line of a document goes that came by the intake: found by its source alone.

    Bytes that a key of ours may not hold are written as ``=`` and two hexadecimal digits. A key that becomes too long
    by that is replaced by ``=sha256/`` and its digest.
    """
    quoted = "".join(chr(byte) if _UNQUOTED.match(bytes([byte])) else f"={byte:02X}" for byte in source_key.encode())
    if len(quoted) > MAX_QUOTED_CHARACTERS:
        quoted = f"=sha256/{hashlib.sha256(source_key.encode()).hexdigest()}"
    return f"{RESULTS}/{tenant}/by-source/{bucket}/{quoted}.json"


def _attempt(lease: Lease) -> str:
    return f"{lease.tenant}/{lease.job_id}/{lease.document_id}/{lease.token}"
