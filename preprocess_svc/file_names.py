"""Names that callers give their documents."""

from __future__ import annotations

from pathlib import PurePosixPath

_PDF_WITHOUT_A_NAME = "document.pdf"
_MAX_FILE_NAME_CHARACTERS = 255


def clean_file_name(untrusted_name: str | None) -> str | None:
    """A file name fit to be repeated in the answer: no folders, nothing unprintable; null where nothing is left."""
    base = (untrusted_name or "").replace("\\", "/").rsplit("/", 1)[-1]
    cleaned = "".join(c for c in base if c.isprintable()).strip()[:_MAX_FILE_NAME_CHARACTERS]
    return cleaned or None


def pdf_file_name(file_name: str | None) -> str:
    """What a document's searchable PDF is called: as the document, but for its suffix."""
    return _PDF_WITHOUT_A_NAME if file_name is None else f"{PurePosixPath(file_name).stem}.pdf"
