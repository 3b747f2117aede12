"""Memory in and memory out: the document sealed for the sandbox, its pages sealed and mapped without a copy."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import mmap
import os
from functools import partial
from typing import Protocol

import numpy as np

from ocr_core.adapters.sandbox_errors import page_notices
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import ForgedMessage, PageReady
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.page_memory import F_SEAL_EXEC, PageLayout, check_filled, decode_text_layer

_SEALED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

_MAX_WORDS_ON_THE_LOOP = 1_000
"""More words are checked in a thread: 1.5 us each and more, while a thread takes 0.05 to 0.1 ms to be reached."""


def seal_document(untrusted_bytes: bytes) -> int:
    """A descriptor of memory that holds the document and that nobody can change; the caller closes it."""
    fd = os.memfd_create("document", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(untrusted_bytes)
        while rest:
            rest = rest[os.write(fd, rest) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALED)
    except BaseException:
        os.close(fd)
        raise
    return fd


def make_page_memory(byte_count: int) -> int:
    """A descriptor of memory for a page, of this size for good; the caller closes it. Untouched, it takes no memory."""
    fd = os.memfd_create("page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, byte_count)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    except BaseException:
        os.close(fd)
        raise
    return fd


class PageMemory(Protocol):
    """What came with a page's message."""

    def take(self, byte_count: int) -> memoryview:
        """So many bytes, which nobody can change any more.

        Raises:
            ForgedMessage: there are fewer, or they can still be changed.
        """
        ...

    def close(self) -> None:
        """Let go of it; what was taken stays."""
        ...


class SharedPageMemory:
    """Memory that the child has filled.

    Args:
        fd: Of memory that was made for one page; closed with this.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def take(self, byte_count: int) -> memoryview:
        """See ``PageMemory.take``.

        The memory is cut to the page and sealed before it is mapped: then it can neither change under the reader nor
        shrink, which would kill this process with SIGBUS. The kernel refuses the seal while the child can still write.
        What was behind the page is gone, and cannot come back: a mapping of the child's, which no seal ends, would
        otherwise keep it, or fill it afterwards by reading.

        Raises:
            OSError: this process is short of memory.
        """
        try:
            if fcntl.fcntl(self._fd, fcntl.F_GET_SEALS) & ~F_SEAL_EXEC != fcntl.F_SEAL_GROW:
                raise ForgedMessage("memory that was not made for a page")
            os.ftruncate(self._fd, byte_count)
            fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, _SEALED)
        except OSError as error:
            raise ForgedMessage("memory that cannot be cut to its page and sealed") from error
        check_filled(os.fstat(self._fd), byte_count)
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        return memoryview(mmap.mmap(self._fd, byte_count, flags=flags, prot=mmap.PROT_READ))

    def discard(self) -> None:
        """Give back what was written for a page that is none, whoever keeps it, and close."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


async def map_page(
    untrusted: PageMemory, page: PageReady, *, media_type: MediaType, limits: OpenLimits, text_layer: bool
) -> PageImage:
    """Check a page against what was allowed, and map its memory read-only. It is unmapped with its last view.

    Args:
        untrusted: What came with the message; the caller closes it, whenever it likes.
        page: The message, decoded.
        media_type: What the document was said to be; decides which limit holds.
        limits: What was allowed.
        text_layer: Whether words were asked for.

    Raises:
        ForgedMessage: the page is not what an honest child sends.
    """
    most_pixels = limits.max_rendered_page_pixels if media_type is MediaType.PDF else limits.max_image_pixels
    if page.width_px * page.height_px > most_pixels:
        raise ForgedMessage("a page over the pixel limit")
    if page.word_count and not (text_layer and media_type is MediaType.PDF):
        raise ForgedMessage("words that nobody asked for")
    layout = PageLayout.of(
        width_px=page.width_px,
        height_px=page.height_px,
        word_count=page.word_count,
        code_point_count=page.code_point_count,
    )
    memory = untrusted.take(layout.total_bytes)
    pixels = np.frombuffer(memory, dtype=np.uint8, count=layout.pixel_bytes)
    decode = partial(
        decode_text_layer,
        memory[layout.text_offset :],
        word_count=page.word_count,
        code_point_count=page.code_point_count,
        width_px=page.width_px,
        height_px=page.height_px,
    )
    # What was taken stays: a caller that is cancelled and closes the memory takes nothing from the thread.
    words = decode() if page.word_count <= _MAX_WORDS_ON_THE_LOOP else await asyncio.to_thread(decode)
    return PageImage(
        number=page.number,
        pixels=pixels.reshape(page.height_px, page.width_px, 3),
        dpi=page.dpi,
        text_layer=words,
        warnings=page_notices(page, limits),
    )
