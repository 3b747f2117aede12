"""``JobsClient``: many documents in, a result line for each out, however long it takes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, Unpack

from ocr_client.calls import OnSent
from ocr_client.connection import Connection
from ocr_client.endpoint import Endpoint, api_key_or_default
from ocr_client.job_calls import DEFAULT_BULK_URL, changes_flow, form_call, job_call, json_call, results_flow
from ocr_client.job_types import Job, ResultLine
from ocr_client.retry import RetryPolicy
from ocr_client.submission import JobDocument, JobOptions, Source, as_documents, as_form, as_json
from ocr_client.uploads import LocalFile, OnUploaded, upload_files

OnChange = Callable[[Job], None]
"""Told the job at once and whenever it changes."""


class JobsClient:
    """A connection to one bulk API; safe to share between threads, to be closed after use.

    Whatever is asked is asked again where an answer is lost: a job is made once, because its request carries an
    ``Idempotency-Key``, and a result line is given out once, because it has a number.

    Example:
        >>> with JobsClient() as jobs:  # doctest: +SKIP
        ...     job = jobs.submit(["a.pdf", "s3://inbox/b.pdf"], schema="invoice")
        ...     for line in jobs.results(job.id):
        ...         print(line.reference, line.error or line.result["text"])
    """

    def __init__(
        self,
        url: str = DEFAULT_BULK_URL,
        *,
        api_key: str | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Connect when first used.

        Args:
            url: Where the bulk API listens.
            api_key: Where the server wants one; the environment's ``OCR_API_KEY`` where it is left out. Empty: none.
            retry: What to do where an answer is lost, or says "later".
            headers: Sent with every request; to object storage none of them goes.

        Raises:
            ValueError: The URL is none, or the key could not be one.
        """
        key = api_key_or_default(api_key)
        self._connection = Connection(Endpoint.of(url, retry=retry, headers=headers, api_key=key))

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(
        self,
        documents: Iterable[Source | JobDocument],
        *,
        idempotency_key: str | None = None,
        on_uploaded: OnUploaded | None = None,
        on_sent: OnSent | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Make a job of local files and ``s3://`` objects, in any mixture.

        Up to 50 files of 32 MB together go in one multipart request (with a key of one's own, up to 10,000 of 1 GB).
        More than that, files with references, and files beside objects go straight into object storage by presigned
        URLs, eight at a time; then the job names them.

        Args:
            documents: Paths, addresses ``s3://bucket/key``, or ``JobDocument`` where a reference is wanted.
            idempotency_key: The same key and the same job, also from another process, is the same job. Made up where
                it is left out, which covers the repeats of this one call. Uploads have a new address each time, so
                over several calls the key holds for multipart and for objects alone.
            on_uploaded: Told how many files are uploaded.
            on_sent: Where it is one multipart request: told how many of its bytes are on their way, and how many
                there are.
            options: See ``JobOptions``.

        Raises:
            ValueError: There are no documents.
            OSError: A file cannot be read.
            OcrClientError: See ``ocr_client.errors``.
        """
        listed = as_documents(documents)
        headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        form = as_form(listed, options, keyed=idempotency_key is not None)
        if form is None:
            sources = self._sources(listed, on_uploaded)
            return self._connection.call(json_call(as_json(listed, sources, options), headers))
        job = self._connection.call(form_call(form, headers, on_sent))
        if on_uploaded is not None:
            on_uploaded(len(listed))
        return job

    def status(self, job_id: str) -> Job:
        """The job as it stands, with its webhooks.

        Raises:
            OcrClientError: See ``ocr_client.errors``; 404 where there is no such job.
        """
        return self._connection.call(job_call(job_id))

    def changes(self, job_id: str) -> Iterator[Job]:
        """The job at once and whenever it changes, until it has ended; a server's restart is waited out.

        Raises:
            OcrClientError: As for ``status``.
        """
        return self._connection.iterate(changes_flow(self._connection.endpoint, job_id))

    def wait(self, job_id: str, *, on_change: OnChange | None = None) -> Job:
        """The job once it has ended; ``on_change`` is told of it at once and whenever it changes.

        Raises:
            OcrClientError: As for ``status``.
        """
        job = None
        for job in self.changes(job_id):
            if on_change is not None:
                on_change(job)
        return job or self.status(job_id)

    def results(self, job_id: str, *, cursor: int = 0, follow: bool = True) -> Iterator[ResultLine]:
        """Result lines, each once and in order, over as many connections as it takes.

        Args:
            job_id: Whose.
            cursor: The ``sequence`` of the last line that is known already; 0 for all.
            follow: Until the job has ended and all its lines are out; else those that there are now.

        Raises:
            OcrClientError: As for ``status``.
        """
        flow = results_flow(self._connection.endpoint, job_id, cursor=cursor, follow=follow)
        return self._connection.iterate(flow)

    def cancel(self, job_id: str) -> Job:
        """Drop what has not ended; what is done stays readable. A job that has ended stays as it is.

        Raises:
            OcrClientError: As for ``status``.
        """
        return self._connection.call(job_call(job_id, method="DELETE"))

    def redrive(self, job_id: str) -> Job:
        """Run the job's failed documents again; new lines follow the old ones under the same references.

        Raises:
            OcrClientError: As for ``status``; 400 where the job was cancelled.
        """
        return self._connection.call(job_call(job_id, method="POST", action="/redrive"))

    def _sources(self, documents: Sequence[JobDocument], on_uploaded: OnUploaded | None) -> list[str]:
        """Where each lies in object storage; local files only after they were uploaded there."""
        files = [LocalFile.of(document) for document in documents if document.address is None]
        uploaded = iter(upload_files(self._connection, files, on_uploaded=on_uploaded))
        return [document.address or next(uploaded) for document in documents]
