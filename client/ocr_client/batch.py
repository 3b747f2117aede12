"""Many documents over one client, some at a time, answered in the order in which they were named."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from ocr_client.documents import DocumentFile
from ocr_client.errors import OcrClientError
from ocr_client.types import OcrResult

# Documents taken up ahead of the one whose turn it is, per worker: a slow one does not stop its neighbours, and the
# results that wait for it stay few.
WINDOW_PER_JOB = 4

Answer = OcrResult | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one document: an answer or an error."""

    document: DocumentFile
    answer: Answer | None = None
    error: OcrClientError | OSError | None = None


def read_all(
    documents: Iterable[DocumentFile], read: Callable[[DocumentFile], Answer], *, jobs: int
) -> Iterator[Outcome]:
    """Read documents with ``jobs`` at a time; leaving the iteration early drops what has not begun."""

    def attempt(document: DocumentFile) -> Outcome:
        try:
            return Outcome(document=document, answer=read(document))
        except (OcrClientError, OSError) as error:
            return Outcome(document=document, error=error)

    waiting = iter(documents)
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="ocr")
    try:
        window: deque[Future[Outcome]] = deque()
        window.extend(pool.submit(attempt, document) for document in islice(waiting, jobs * WINDOW_PER_JOB))
        while window:
            yield window.popleft().result()
            window.extend(pool.submit(attempt, document) for document in islice(waiting, 1))
    finally:
        pool.shutdown(cancel_futures=True)
