"""What a file is, from its bytes; names and headers of the request say nothing here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ocr_core.contracts.document import MediaType

if TYPE_CHECKING:
    from lambda_file_open.decoding import Buffer

_PDF_HEADER_WITHIN_BYTES = 1024
"""ISO 32000 wants the header first; readers accept it within the first 1,024 bytes, and files rely on that."""
_PDF_TRAILER_WITHIN_BYTES = 2048
_PDF_OBJECT = re.compile(rb"\d+ \d+ obj\b|\bendobj\b|\bstartxref\s+\d")

_SIGNATURES: tuple[tuple[bytes, MediaType], ...] = (
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"II*\x00", MediaType.TIFF),
    (b"MM\x00*", MediaType.TIFF),
    (b"II+\x00", MediaType.TIFF),  # BigTIFF
    (b"MM\x00+", MediaType.TIFF),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
)

_BMP_HEADER_BYTES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Sizes of the headers that BMP has had. "BM" alone begins many a text: no document, rather than a broken one."""

# ISO/IEC 23008-12: brands of still images and sequences coded with HEVC, and the structural brands above both.
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})


def sniff(untrusted: Buffer) -> MediaType | None:
    """The kind of document, or ``None`` where it is none that is read here."""
    head = bytes(untrusted[:_PDF_HEADER_WITHIN_BYTES])
    image = _sniff_image(head)
    if image is not None:
        return image
    if has_pdf_header(head):
        return MediaType.PDF
    # Written in PDF's objects, but without its header: a broken PDF, which says more to the caller than "no document".
    if _PDF_OBJECT.search(head) or _PDF_OBJECT.search(bytes(untrusted[-_PDF_TRAILER_WITHIN_BYTES:])):
        return MediaType.PDF
    return None


def _sniff_image(head: bytes) -> MediaType | None:
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return MediaType.BMP
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaType.WEBP
    return _sniff_brands(head) if head[4:8] == b"ftyp" else None


def has_pdf_header(untrusted: Buffer) -> bool:
    """Whether the header is where readers look for it."""
    return b"%PDF-" in bytes(untrusted[:_PDF_HEADER_WITHIN_BYTES])


def _sniff_brands(head: bytes) -> MediaType | None:
    box_end = min(int.from_bytes(head[:4], "big"), len(head))
    # The major brand, then (after a version number) the compatible ones.
    brands = {head[8:12]} | {head[at : at + 4] for at in range(16, box_end - 3, 4)}
    if brands & _AVIF_BRANDS:
        return MediaType.AVIF
    if brands & _HEIF_BRANDS:
        return MediaType.HEIC
    return None
