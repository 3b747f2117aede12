"""How many pages a document seems to have, before it has been opened; admission alone asks.

A guess may be wrong, and a stranger may want it to be: nothing but an estimate of time hangs on it, and the opened
document corrects that. Of 103 public PDFs, 83 have as many page objects in plain sight as pages; 9 hide them all in
compressed objects, of which nobody can say anything here.
"""

from __future__ import annotations

import re

from ocr_core.contracts.document import PageSelection

_PDF_HEADER = b"%PDF-"
_PDF_HEADER_WITHIN_BYTES = 1024
_PDF_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_TIFF_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def guess_pages(untrusted_bytes: bytes, selection: PageSelection, *, at_most: int) -> int | None:
    """Of the wanted pages, how many there seem to be; null where nothing can be said.

    Args:
        untrusted_bytes: The document.
        selection: Which pages are wanted.
        at_most: The guess is no higher: with more pages the document is not read.
    """
    if untrusted_bytes.startswith(_TIFF_MAGICS):
        pages = None
    elif untrusted_bytes.find(_PDF_HEADER, 0, _PDF_HEADER_WITHIN_BYTES) >= 0:
        pages = _count_up_to(at_most, untrusted_bytes) or None
    else:
        pages = 1
    wanted = sum(last - first + 1 for first, last in selection.merged()) or None
    return min((count for count in (pages, wanted) if count is not None), default=None)


def _count_up_to(most: int, untrusted_bytes: bytes) -> int:
    count = 0
    for count, _ in enumerate(_PDF_PAGE.finditer(untrusted_bytes), start=1):
        if count == most:
            break
    return count
