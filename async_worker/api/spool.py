"""Bodies on their way: in memory while they are small, in a temporary file beyond, all of them together bounded."""

from __future__ import annotations

import asyncio
import io
import tempfile
from typing import IO

from ocr_core.contracts.errors import Overloaded
from ocr_core.telemetry import Metrics

IN_MEMORY_BYTES = 1 << 20
"""Of one body or file. What grows beyond is written out in pieces of this size, on a thread: the disk may stall."""
_RETRY_AFTER_S = 5.0


class SpoolBudget:
    """The disk space that all spools may take together. Used from one event loop only."""

    def __init__(self, max_bytes: int, *, metrics: Metrics) -> None:
        self._max_bytes = max_bytes
        self._metrics = metrics
        self.taken_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Count space in.

        Raises:
            Overloaded: there is not so much left.
        """
        if self.taken_bytes + size_bytes > self._max_bytes:
            self._metrics.refusals.inc()
            raise Overloaded("the files that are being received fill the space for them", retry_after_s=_RETRY_AFTER_S)
        self.taken_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Count it out."""
        self.taken_bytes -= size_bytes


class Spool:
    """One body or file, written first, read then. The file has no name, so that it is gone with its process."""

    def __init__(self, budget: SpoolBudget) -> None:
        self._budget = budget
        self._buffer = bytearray()
        self._file: IO[bytes] | None = None
        self._budgeted_bytes = 0
        self.size_bytes = 0

    async def write(self, chunk: bytes) -> None:
        """Append.

        Raises:
            Overloaded: the spools fill the space that there is for them.
        """
        self._buffer += chunk
        self.size_bytes += len(chunk)
        if len(self._buffer) > IN_MEMORY_BYTES:
            await self._flush()

    async def rewound(self) -> IO[bytes]:
        """All of it, from the start; it stays open until ``close``."""
        if self._file is None:
            return io.BytesIO(self._buffer)
        await self._flush()
        await asyncio.to_thread(self._file.seek, 0)
        return self._file

    def close(self) -> None:
        """Let go of memory and disk. A second call does nothing."""
        if self._file is not None:
            self._file.close()
        self._buffer = bytearray()
        self._budget.give_back(self._budgeted_bytes)
        self._budgeted_bytes = 0

    async def _flush(self) -> None:
        piece, self._buffer = self._buffer, bytearray()
        self._budget.take(len(piece))
        self._budgeted_bytes += len(piece)
        file = self._file = self._file or tempfile.TemporaryFile(prefix="yomitori-")  # noqa: SIM115 - see close()
        await asyncio.to_thread(file.write, piece)
