"""A page's memory, shared with the host: filled here, then sealed so that nobody can change it any more."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.page import TextLayerWord
from ocr_core.contracts.page_memory import PageLayout, encode_text_layer

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

TYPICAL_PAGE_BYTES = 1654 * 2339 * 3
"""An A4 page at 200 dpi."""


class SharedPage:
    """Memory for one page: ``allocate``, then ``seal`` or ``close``.

    Args:
        reserve_bytes: Memory to touch at once. A fresh page costs its first writer 10 to 15 ms for A4 at 200 dpi, all
            of it page faults (measured on a virtual machine; rendering takes 5 ms): a child that waits for its file
            has the time.
    """

    def __init__(self, *, reserve_bytes: int = 0) -> None:
        self.fd = os.memfd_create("page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._mapping: mmap.mmap | None = None
        if reserve_bytes:
            self._map(reserve_bytes)
            self._pixels(reserve_bytes).fill(0xFF)

    def allocate(self, height_px: int, width_px: int) -> NDArray[np.uint8]:
        """The page's pixels, (H, W, 3) uint8, undefined so far. Keep no reference beyond ``seal``."""
        pixel_bytes = height_px * width_px * 3
        if self._mapping is None or len(self._mapping) < pixel_bytes:
            self._map(pixel_bytes)
        return self._pixels(pixel_bytes).reshape(height_px, width_px, 3)

    def seal(self, *, width_px: int, height_px: int, words: Sequence[TextLayerWord]) -> tuple[int, PageLayout]:
        """Put the words behind the pixels and close the memory for good; its descriptor and layout."""
        layout = PageLayout.of(
            width_px=width_px,
            height_px=height_px,
            word_count=len(words),
            code_point_count=sum(len(word.text) for word in words),
        )
        self._unmap()
        os.ftruncate(self.fd, layout.total_bytes)
        if words:
            os.pwrite(self.fd, encode_text_layer(words), layout.text_offset)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, SEALS)
        return self.fd, layout

    def close(self) -> None:
        """Give the memory back."""
        # A decoder that failed may have left a reference in its traceback; the process ends soon enough.
        with contextlib.suppress(BufferError):
            self._unmap()
        os.close(self.fd)

    def _map(self, byte_count: int) -> None:
        self._unmap()
        os.ftruncate(self.fd, byte_count)
        self._mapping = mmap.mmap(self.fd, byte_count)

    def _pixels(self, byte_count: int) -> NDArray[np.uint8]:
        if self._mapping is None:
            raise ValueError("no memory is mapped")
        return np.frombuffer(self._mapping, dtype=np.uint8, count=byte_count)

    def _unmap(self) -> None:
        if self._mapping is not None:
            self._mapping.close()
            self._mapping = None
