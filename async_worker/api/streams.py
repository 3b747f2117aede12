"""Answers that go on for longer than a moment: bounded in number, ended neatly or visibly cut, never silently short."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ocr_core.contracts.errors import OcrError
from ocr_core.service import RequestContext

_CHUNK_BYTES = 1 << 18
"""A line longer than this goes out in pieces, so that no more of it waits for a slow reader in the socket's buffer."""

_logger = logging.getLogger(__name__)


class LiveResponse(StreamingResponse):
    """Sends what ``content`` yields, as fast as the caller reads.

    Should ``content`` fail in the middle, or the caller stop reading, the connection is closed before the chunked
    body's last chunk, by which every HTTP client knows that the answer is not whole.
    """

    def __init__(
        self,
        content: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        context: RequestContext,
        stall_s: float,
        on_end: Callable[[], None],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Store what to send.

        Args:
            content: The body; closed when the answer has ended, however it did.
            media_type: Of the body.
            context: Where the log learns how it ended.
            stall_s: How long the caller may take nothing while there is something to send.
            on_end: Called once, at the end.
            headers: Beside the media type.
        """
        super().__init__(content, media_type=media_type, headers=headers)
        self._content = content
        self._context = context
        self._stall_s = stall_s
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, until the end or until nobody listens."""
        try:
            async with aclosing(self._content):
                await super().__call__(scope, receive, send)
        finally:
            self._on_end()

    async def stream_response(self, send: Send) -> None:
        """Send the head, then chunk by chunk."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for chunk in self._content:
                for first in range(0, len(chunk), _CHUNK_BYTES):
                    piece = chunk[first : first + _CHUNK_BYTES]
                    async with asyncio.timeout(self._stall_s):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
        except OcrError as error:
            self._note_cut(error.code)
            return
        except TimeoutError:
            self._note_cut("stalled")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _note_cut(self, code: str) -> None:
        self._context.error_code = code
        _logger.warning("A stream was cut", extra={"action": "stream.cut", "code": code})
