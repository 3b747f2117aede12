"""Names that callers give their documents."""

from __future__ import annotations

_MAX_FILE_NAME_CHARACTERS = 255


def clean_file_name(untrusted_name: str | None) -> str | None:
    """A file name fit to be repeated in the answer: no folders, nothing unprintable; null where nothing is left."""
    base = (untrusted_name or "").replace("\\", "/").rsplit("/", 1)[-1]
    cleaned = "".join(c for c in base if c.isprintable()).strip()[:_MAX_FILE_NAME_CHARACTERS]
    return cleaned or None
