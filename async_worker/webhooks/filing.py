"""Documents of the intake have nobody to call: their result line is put where their source says."""

from __future__ import annotations

from datetime import UTC

from async_worker.blocking import Blocking
from async_worker.object_keys import RESULTS
from async_worker.result_lines import ResultLines
from async_worker.webhooks.outcomes import Outcome
from ocr_core.contracts.errors import NotFound, NotReady
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.jobs import ResultRow
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.webhooks import WebhookDelivery

SCHEME = "s3://"
_ROWS_A_PAGE = 100
MADE_AT = "job-created-at"
"""The note with a filed line that tells which of two jobs of one source is the newer."""


class Filing:
    """Writes result lines into our own bucket."""

    def __init__(self, *, store: JobRecords, objects: ObjectStore, blocking: Blocking) -> None:
        self._store = store
        self._objects = objects
        self._blocking = blocking
        self._lines = ResultLines(objects)
        self._base = objects.uri(RESULTS).removesuffix(RESULTS)

    async def file(self, delivery: WebhookDelivery) -> Outcome:
        """Write the newest line of the job's document, so that a run that is told late does not hide a later one.

        Nor does an older job of the same source, whose delivery was tried again, hide what a newer one has filed.
        """
        key = delivery.url.removeprefix(self._base)
        if not delivery.url.startswith(f"{self._base}{RESULTS}/{delivery.tenant}/"):
            return Outcome(delivered=False, error="the results have moved to another bucket or prefix", final=True)
        try:
            row = await self._newest(delivery)
            if row is None:
                return Outcome(delivered=False, error="the document has no result", final=True)
            made_at = await self._made_at(delivery)
            if await self._filed_at(key) > made_at:
                return Outcome(delivered=True)
            line = await self._lines.line(row)
            await self._objects.put(key, line, content_type="application/json", notes={MADE_AT: made_at})
        except NotReady:
            return Outcome(delivered=False, error="object storage does not answer", ours=True)
        except NotFound:
            return Outcome(delivered=False, error="the job was deleted", final=True)
        return Outcome(delivered=True)

    async def _made_at(self, delivery: WebhookDelivery) -> str:
        """When the job was made, written so that later moments are greater."""
        job = await self._blocking.run(self._store.get_job, delivery.tenant, delivery.job_id)
        return job.created_at.astimezone(UTC).isoformat(timespec="microseconds")

    async def _filed_at(self, key: str) -> str:
        """The same of the job whose line lies there; empty where none does."""
        try:
            return (await self._objects.head(key)).notes.get(MADE_AT, "")
        except NotFound:
            return ""

    async def _newest(self, delivery: WebhookDelivery) -> ResultRow | None:
        newest: ResultRow | None = None
        while True:
            cursor = newest.sequence if newest is not None else 0
            rows = await self._blocking.run(
                self._store.results_page, delivery.tenant, delivery.job_id, cursor=cursor, limit=_ROWS_A_PAGE
            )
            if not rows:
                return newest
            newest = rows[-1]
