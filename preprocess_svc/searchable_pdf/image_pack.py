"""Page images in one file, on the bulk road: from where pages are read to where their PDF is written.

::

    YMPG1   number, width_px, height_px, dpi: uint32   coding: uint8   size: uint32   data   number, …

Numbers are big-endian. Pages stand in the order in which they were read, which is not theirs; whoever reads the file
makes a table of them first, from their heads alone.
"""

from __future__ import annotations

import struct
import threading
from typing import IO

from ocr_core.contracts.errors import DocumentTooLarge, InternalError
from preprocess_svc.searchable_pdf.encoded_page import EncodedPage, PixelCoding

CONTENT_TYPE = "application/octet-stream"

_MAGIC = b"YMPG1"
_HEAD = struct.Struct(">IIIIBI")


class ImagePackWriter:
    """Writes one. For any threads."""

    def __init__(self, file: IO[bytes], *, max_bytes: int) -> None:
        """Begin a pack.

        Args:
            file: Empty; the caller's to close.
            max_bytes: Of the whole.
        """
        self._file = file
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self.size_bytes = file.write(_MAGIC)

    def add(self, image: EncodedPage) -> None:
        """Append a page.

        Raises:
            DocumentTooLarge: the pack would hold more than ``max_bytes``.
        """
        head = _HEAD.pack(image.number, image.width_px, image.height_px, image.dpi, image.coding.value, len(image.data))
        with self._lock:
            if self.size_bytes + len(head) + len(image.data) > self._max_bytes:
                raise DocumentTooLarge(
                    f"the page images are over the limit of {self._max_bytes} bytes (max_bulk_document_bytes)"
                )
            self._file.write(head)
            self._file.write(image.data)
            self.size_bytes += len(head) + len(image.data)


class ImagePack:
    """Reads one, a page at a time."""

    def __init__(self, file: IO[bytes], *, size_bytes: int) -> None:
        """Make the table of pages.

        Args:
            file: What a writer wrote; the caller's to close.
            size_bytes: Of the whole.

        Raises:
            InternalError: it is not such a file.
        """
        self._file = file
        self._places: dict[int, tuple[int, int, int, int, PixelCoding, int]] = {}
        file.seek(0)
        at = len(_MAGIC)
        if file.read(at) != _MAGIC:
            raise InternalError("a document's page images are damaged: they do not begin as such")
        while at < size_bytes:
            file.seek(at)
            at = self._note(file.read(_HEAD.size), at + _HEAD.size)
        if at != size_bytes:
            raise InternalError("a document's page images are damaged: they end in the middle of one")

    def image(self, number: int) -> EncodedPage | None:
        """A page's image, where there is one."""
        if number not in self._places:
            return None
        at, width_px, height_px, dpi, coding, size_bytes = self._places[number]
        self._file.seek(at)
        return EncodedPage(
            number=number,
            width_px=width_px,
            height_px=height_px,
            dpi=dpi,
            coding=coding,
            data=self._file.read(size_bytes),
        )

    def _note(self, head: bytes, at: int) -> int:
        """Note the page whose data begin at ``at``; where they end."""
        try:
            number, width_px, height_px, dpi, coding, size_bytes = _HEAD.unpack(head)
            self._places[number] = (at, width_px, height_px, dpi, PixelCoding(coding), size_bytes)
        except (struct.error, ValueError) as error:
            raise InternalError("a document's page images are damaged: one has no sound head") from error
        return at + int(size_bytes)
