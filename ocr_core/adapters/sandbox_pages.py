"""Memory in and memory out: the document sealed for the sandbox, its pages checked and mapped without a copy."""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
from functools import partial

import numpy as np

from ocr_core.adapters.sandbox_errors import page_notices
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import ForgedMessage, PageReady
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.page_memory import PageLayout, decode_text_layer

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


async def map_page(
    untrusted_fd: int, page: PageReady, *, media_type: MediaType, limits: OpenLimits, text_layer: bool
) -> PageImage:
    """Check a page's memory against its message, and map it read-only.

    The pixels are a view of the memory that the child filled: it is sealed, so that it can neither change under the
    reader nor shrink (which would kill this process with SIGBUS). It is unmapped when the last view of it is gone.

    Args:
        untrusted_fd: The descriptor that came with the message; the caller closes it, whenever it likes.
        page: The message, decoded.
        media_type: What the document was said to be; decides which limit holds.
        limits: What was allowed.
        text_layer: Whether words were asked for.

    Raises:
        ForgedMessage: the memory is not what an honest child sends.
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
    _check_memory(untrusted_fd, layout.total_bytes)
    mapping = mmap.mmap(untrusted_fd, layout.total_bytes, access=mmap.ACCESS_READ)
    pixels = np.frombuffer(mapping, dtype=np.uint8, count=layout.pixel_bytes)
    decode = partial(
        decode_text_layer,
        memoryview(mapping)[layout.text_offset :],
        word_count=page.word_count,
        code_point_count=page.code_point_count,
        width_px=page.width_px,
        height_px=page.height_px,
    )
    # The mapping is its own: a caller that is cancelled and closes the descriptor takes nothing from the thread.
    words = decode() if page.word_count <= _MAX_WORDS_ON_THE_LOOP else await asyncio.to_thread(decode)
    return PageImage(
        number=page.number,
        pixels=pixels.reshape(page.height_px, page.width_px, 3),
        dpi=page.dpi,
        text_layer=words,
        warnings=page_notices(page, limits),
    )


def _check_memory(untrusted_fd: int, expected_bytes: int) -> None:
    try:
        seals = fcntl.fcntl(untrusted_fd, fcntl.F_GET_SEALS)
    except OSError as error:
        raise ForgedMessage("a descriptor that is not sealable memory") from error
    if seals & _SEALED != _SEALED:
        raise ForgedMessage("memory that is not sealed")
    if os.fstat(untrusted_fd).st_size != expected_bytes:
        raise ForgedMessage("memory of another size than announced")
