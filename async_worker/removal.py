"""Objects that are to be gone: all that there is of a stored document."""

from __future__ import annotations

from datetime import UTC

from async_worker.blocking import Blocking
from async_worker.object_keys import RESULTS, reading_prefix, result_prefix, uploads_prefix
from async_worker.webhooks.filing import MADE_AT
from ocr_core.adapters.remembered import forget
from ocr_core.contracts.errors import NotFound
from ocr_core.contracts.job_store import DocumentTraces, Retention
from ocr_core.contracts.objects import ObjectStore, delete_below
from ocr_core.contracts.stored_documents import DeletedDocument, DocumentStore, document_prefix


class DocumentRemoval:
    """Carries out what ``begin_deletion`` and ``expire`` have begun. Doing it twice does no harm."""

    def __init__(self, *, documents: DocumentStore, jobs: Retention, objects: ObjectStore, blocking: Blocking) -> None:
        """Store what it works with.

        Args:
            documents: Rows of stored documents.
            jobs: What jobs know of theirs. Both are called through ``blocking`` only.
            objects: Where all the objects lie.
            blocking: Threads for the two.
        """
        self._documents = documents
        self._jobs = jobs
        self._objects = objects
        self._blocking = blocking

    async def remove(self, document: DeletedDocument) -> None:
        """Delete all objects of a document, and note that they are gone.

        Where somebody asked for it, that is also what its job has of it: results in all formats, the upload, and the
        line of the intake.

        Raises:
            NotReady: a store does not answer; another call goes on.
        """
        await delete_below(self._objects, document_prefix(document.tenant, document.id))
        if document.sha256 is not None:  # what is remembered of the same bytes tells what they say
            await forget(self._objects, document.tenant, document.sha256)
        if document.is_demanded:
            await self._remove_traces(document)
        await self._blocking.run(self._documents.end_deletion, document.id)

    async def _remove_traces(self, document: DeletedDocument) -> None:
        tenant, document_id = document.tenant, document.id
        traces = await self._blocking.run(self._jobs.traces_of, tenant, document_id)
        if traces is None:  # it came by none, or that went, and its objects have gone or are swept
            return
        await delete_below(self._objects, result_prefix(tenant, traces.job_id, document_id))
        await delete_below(self._objects, reading_prefix(tenant, traces.job_id, document_id))
        upload = self._own_key(traces.source, uploads_prefix(tenant))
        if upload is not None:
            await self._objects.delete(upload)
        await self._remove_filed_line(tenant, traces)
        await self._blocking.run(self._jobs.forget_document, tenant, document_id)

    async def _remove_filed_line(self, tenant: str, traces: DocumentTraces) -> None:
        """Of a document that came by the intake, unless a newer job's line lies there by now."""
        key = self._own_key(traces.webhook_url or "", f"{RESULTS}/{tenant}/")
        if key is None:
            return
        try:
            made_at = (await self._objects.head(key)).notes.get(MADE_AT, "")
        except NotFound:
            return
        if made_at <= traces.job_created_at.astimezone(UTC).isoformat(timespec="microseconds"):
            await self._objects.delete(key)

    def _own_key(self, address: str, prefix: str) -> str | None:
        """The key of an object of ours below ``prefix``; null where the address is another's."""
        base = self._objects.uri(prefix + "k").removesuffix(prefix + "k")
        key = address.removeprefix(base)
        return key if address.startswith(base) and key.startswith(prefix) else None
