"""A file of result lines that grows: after whatever interruption it goes on behind its last whole line."""

from __future__ import annotations

import mmap
from pathlib import Path
from types import TracebackType
from typing import Self

from ocr_client.errors import OcrClientError, UnexpectedAnswer
from ocr_client.job_types import ResultLine

_LINE_START = b'{"sequence":'


class NotThisJob(OcrClientError):
    """The file holds something else than this job's result lines, and is left as it is."""


class ResultsFile:
    """Opened for appending; half a line at its end, as a crash leaves it, is cut off."""

    def __init__(self, path: Path) -> None:
        """Open, or make, the file.

        Raises:
            OSError: It cannot be written.
            NotThisJob: It holds something else than result lines.
        """
        self._path = path
        self._last = _last_line(path)
        self._file = path.open("ab")

    @property
    def cursor(self) -> int:
        """To ask for lines behind; the last line comes again, as a proof that both are of the same job."""
        return self._last.sequence - 1 if self._last is not None else 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no line yet."""
        return self._last is None

    def append(self, line: ResultLine) -> bool:
        """Write a line, unless it is the last one come again; whether it was written.

        Raises:
            OSError: It cannot be written.
            NotThisJob: The line does not go on where the file ends.
        """
        if self._last is not None and line.sequence == self._last.sequence:
            if line.document_id != self._last.document_id:
                raise NotThisJob(f"{self._path} holds the results of another job")
            return False
        self._file.write(line.raw + b"\n")
        self._file.flush()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _last_line(path: Path) -> ResultLine | None:
    """The last whole line, once what stands behind it is cut off; null where there is none."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        if content[: len(_LINE_START)] != _LINE_START[: len(content)]:
            raise NotThisJob(f"{path} holds something else than result lines")
        end = content.rfind(b"\n") + 1
        raw = content[content.rfind(b"\n", 0, max(0, end - 1)) + 1 : max(0, end - 1)]
        try:
            last = ResultLine.decode(raw) if end else None
        except UnexpectedAnswer:
            raise NotThisJob(f"{path} ends in something else than a result line") from None
        if end < len(content):
            content.close()
            file.truncate(end)
    return last
