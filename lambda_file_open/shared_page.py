"""A page's memory, shared with the host, which seals it once the page is there and changes no more."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.page import TextLayerWord
from ocr_core.contracts.page_memory import PageLayout, encode_text_layer

_PIECE_BYTES = 512 << 10
"""A tenth of a millisecond's work."""
_WHITE = b"\xff" * _PIECE_BYTES


class SharedPage:
    """Memory for one page: ``allocate``, then ``finish``, then ``close``; nothing of it needs more than memory calls.

    Args:
        fd: Memory of a fixed size; closed with this.
        number: By which both sides call it (``opening_wire``).
    """

    def __init__(self, fd: int, number: int = 0) -> None:
        self.fd = fd
        self.number = number
        self.touched_bytes = 0
        self._mapping: mmap.mmap | None = None

    @classmethod
    def reserve(cls, touched_bytes: int, *, is_wanted: Callable[[], bool] = lambda: False) -> SharedPage:
        """Memory made here, before the host has sent any.

        Args:
            touched_bytes: To be touched at once: a child that waits for its file has the time.
            is_wanted: Asked between the pieces; where it is, what was not touched yet stays so.
        """
        page = cls(os.memfd_create("page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        if touched_bytes:
            os.ftruncate(page.fd, touched_bytes)
            while page.touched_bytes < touched_bytes and not is_wanted():
                page._touch(min(touched_bytes, page.touched_bytes + _PIECE_BYTES))
            if page.touched_bytes == touched_bytes:
                page._map(touched_bytes)
        return page

    def fix(self, byte_count: int) -> None:
        """Give memory that was made here its final size, as the host does with memory of its own."""
        os.ftruncate(self.fd, byte_count)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)

    def allocate(self, height_px: int, width_px: int) -> NDArray[np.uint8]:
        """The page's pixels, (H, W, 3) uint8, undefined so far. Keep no reference beyond ``finish``."""
        pixel_bytes = height_px * width_px * 3
        if self._mapping is None or len(self._mapping) < pixel_bytes:
            self._map(pixel_bytes)
        return self._pixels(pixel_bytes).reshape(height_px, width_px, 3)

    def finish(self, *, width_px: int, height_px: int, words: Sequence[TextLayerWord]) -> PageLayout:
        """Put the words behind the pixels and let go of the memory, so that the host can seal it; how it lies."""
        layout = PageLayout.of(
            width_px=width_px,
            height_px=height_px,
            word_count=len(words),
            code_point_count=sum(len(word.text) for word in words),
        )
        self._unmap()
        if words:
            os.pwrite(self.fd, encode_text_layer(words), layout.text_offset)
        return layout

    def close(self) -> None:
        """Give the memory back."""
        # A decoder that failed may have left a reference in its traceback; the process ends soon enough.
        with contextlib.suppress(BufferError):
            self._unmap()
        os.close(self.fd)

    def _touch(self, byte_count: int) -> None:
        """Have the kernel find memory up to there.

        Written and then mapped as a whole, an A4 page at 200 dpi takes 3 ms; its first writer would cause 2,850 page
        faults, which cost 6 to 15 ms (measured on virtual machines; rendering takes 5 to 8).
        """
        while self.touched_bytes < byte_count:
            self.touched_bytes += os.pwrite(self.fd, _WHITE[: byte_count - self.touched_bytes], self.touched_bytes)

    def _map(self, byte_count: int) -> None:
        self._unmap()
        self._touch(byte_count)
        self._mapping = mmap.mmap(self.fd, byte_count, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)

    def _pixels(self, byte_count: int) -> NDArray[np.uint8]:
        if self._mapping is None:
            raise ValueError("no memory is mapped")
        return np.frombuffer(self._mapping, dtype=np.uint8, count=byte_count)

    def _unmap(self) -> None:
        if self._mapping is not None:
            self._mapping.close()
            self._mapping = None
