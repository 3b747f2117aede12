"""What the Lambda function does with memory: the document's is sealed, a page's is sealed and packed for its object.

A page's object is one zlib stream of the bytes that lie in its memory (``page_memory``). Measured on two cores: A4 at
200 dpi, 11.6 MB, becomes 0.2 to 0.3 MB in 22 to 35 ms and is unpacked in 5 to 16; a photographed receipt becomes an
eighth; a scan with noise a quarter to a half in 150 to 210 ms. Pure noise takes 370 ms for nothing, so a part of it is
tried first.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.opening_wire import ForgedMessage, PageReady
from ocr_core.contracts.page_memory import F_SEAL_EXEC, PageLayout, check_filled, page_memory_bytes

_SEALED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 18
_WORTHWHILE = 0.7
"""Of a part's size: what shrinks less is stored as it is, since zlib takes up to 32 ms a megabyte over it."""
_FAST = 1
_STORED = 0


@contextmanager
def document_memory() -> Iterator[int]:
    """A descriptor of memory for a document, empty; closed in the end."""
    fd = os.memfd_create("document", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        yield fd
    finally:
        os.close(fd)


def seal(fd: int) -> None:
    """Let nobody change this memory any more.

    Raises:
        OSError: somebody can still write to it, or it is no memory.
    """
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALED)


def pack_page(untrusted_fd: int, page: PageReady, limits: OpenLimits) -> bytes:
    """A page's object.

    Args:
        untrusted_fd: Of memory that a child has filled; the caller closes it.
        page: The message that came with it, decoded.
        limits: What was allowed.

    Raises:
        ForgedMessage: it is not memory that was made for a page, it can still be changed, or it is not filled by it.
    """
    layout = PageLayout.of(
        width_px=page.width_px,
        height_px=page.height_px,
        word_count=page.word_count,
        code_point_count=page.code_point_count,
    )
    if layout.total_bytes > page_memory_bytes(limits):
        raise ForgedMessage("a page over the pixel limit")
    try:
        if fcntl.fcntl(untrusted_fd, fcntl.F_GET_SEALS) & ~F_SEAL_EXEC != fcntl.F_SEAL_GROW:
            raise ForgedMessage("memory that was not made for a page")
        os.ftruncate(untrusted_fd, layout.total_bytes)
        seal(untrusted_fd)
    except OSError as error:
        raise ForgedMessage("memory that cannot be cut to its page and sealed") from error
    check_filled(os.fstat(untrusted_fd), layout.total_bytes)
    sample_bytes = min(_SAMPLE_BYTES, layout.total_bytes)
    sample = _read(untrusted_fd, sample_bytes, (layout.total_bytes - sample_bytes) // 2)
    level = _FAST if len(zlib.compress(sample, _FAST)) <= sample_bytes * _WORTHWHILE else _STORED
    packer = zlib.compressobj(level)
    parts = [
        packer.compress(_read(untrusted_fd, min(_CHUNK_BYTES, layout.total_bytes - offset), offset))
        for offset in range(0, layout.total_bytes, _CHUNK_BYTES)
    ]
    return b"".join([*parts, packer.flush()])


def _read(fd: int, byte_count: int, offset: int) -> bytes:
    # Read, never mapped; sealed memory does not shrink meanwhile.
    with contextlib.suppress(OSError):
        chunk = os.pread(fd, byte_count, offset)
        if len(chunk) == byte_count:
            return chunk
    raise ForgedMessage("memory that is smaller than its page")
