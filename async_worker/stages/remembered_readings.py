"""Readings that are remembered: the pixel side does not read the same bytes twice for a tenant, whatever names them.

What the text side makes of a reading is made anew each time, so that neither schemas nor the table of partners, nor its
code, play a part here. What is kept of page images plays none either: jobs that want a searchable PDF are read.
"""

from __future__ import annotations

import asyncio
import dataclasses
from concurrent.futures import Executor
from dataclasses import dataclass

from async_worker.tenants import TenantPolicies
from ocr_core.adapters.remembered import Memory
from ocr_core.contracts.access import TenantPolicy
from ocr_core.contracts.errors import InvalidRequest, OcrError
from ocr_core.contracts.jobs import Lease
from ocr_core.contracts.ports import TextModels
from ocr_core.contracts.reading import PageReading, Reading, StageTiming
from ocr_core.contracts.reading_codec import decode_reading
from ocr_core.contracts.remembered import REPEATABLE_WARNINGS, MemoryKey, Remembered
from preprocess_svc.remembered_answers import PATIENCE_S, sha256_of

CONTENT_TYPE = "application/vnd.msgpack"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalledReading:
    """What came of looking a reading up, and where a fresh one is to be put."""

    document_sha256: str
    found: Reading | None = None
    key: MemoryKey | None = None
    """Null: it is not known what documents are read with, so that nothing can be remembered either."""
    policy: TenantPolicy = TenantPolicy()  # noqa: RUF009 - frozen
    models_sha256: str = ""


class RememberedReadings:
    """Of one worker. Nothing of it raises, or waits for long. Used from one event loop only."""

    def __init__(
        self,
        memory: Memory,
        *,
        models: TextModels,
        policies: TenantPolicies,
        workers: Executor,
        house_sha256: str,
    ) -> None:
        """Store whom it asks.

        Args:
            memory: Where readings lie.
            models: Say which they are.
            policies: Whether anything of a tenant's is kept.
            workers: For digests, and for readings as bytes.
            house_sha256: ``pixel_identity``, by this road's limits.
        """
        self._memory = memory
        self._models = models
        self._policies = policies
        self._workers = workers
        self._house_sha256 = house_sha256

    async def look_up(self, lease: Lease, content: bytes, *, file_name: str) -> RecalledReading:
        """Whether these pages of these bytes have been read for this tenant; named as the lease has it."""
        loop = asyncio.get_running_loop()
        document_sha256 = await loop.run_in_executor(self._workers, sha256_of, content)
        try:
            async with asyncio.timeout(PATIENCE_S):
                policy, models = await asyncio.gather(self._policies.of(lease.tenant), self._models.in_use())
        except (OcrError, TimeoutError):
            return RecalledReading(document_sha256=document_sha256)
        key = MemoryKey.of(
            tenant=lease.tenant,
            tenant_since=policy.tenant_since,
            document_sha256=document_sha256,
            circumstances={
                "kind": "reading",
                "pages": None if lease.pages is None else [lease.pages.first, lease.pages.last],
                "house": self._house_sha256,
                "models": models.sha256,
            },
        )
        found = await self._memory.find(key, policy)
        reading = None
        if found is not None:
            reading = await loop.run_in_executor(self._workers, _renewed, found, file_name)
        return RecalledReading(
            document_sha256=document_sha256, found=reading, key=key, policy=policy, models_sha256=models.sha256
        )

    async def keep(self, recalled: RecalledReading, reading: Reading, encoded: bytes) -> None:
        """Remember a fresh reading, if it would be the same the next time."""
        if recalled.key is None or not _is_repeatable(reading):
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                models = await self._models.in_use()
        except (OcrError, TimeoutError):
            return
        if models.sha256 == recalled.models_sha256:  # else they were replaced while the document was read
            self._memory.keep(recalled.key, self._memory.made_now(encoded, content_type=CONTENT_TYPE), recalled.policy)


def _is_repeatable(reading: Reading) -> bool:
    return all(isinstance(page, PageReading) for page in reading.pages) and REPEATABLE_WARNINGS.issuperset(
        notice.code for notice in reading.warnings
    )


def _renewed(found: Remembered, file_name: str) -> Reading | None:
    """A reading for another document of the same bytes: its name is that one's, and it took no time."""
    try:
        reading = decode_reading(found.body)
    except InvalidRequest:  # of a layout that this code does not know, though the key says that it wrote it
        return None
    document = dataclasses.replace(reading.document, file_name=file_name)
    return dataclasses.replace(reading, document=document, timing=StageTiming())
