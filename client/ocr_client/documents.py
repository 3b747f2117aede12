"""Which files are meant: those named, and those of known kinds in the folders named."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Only for searching folders; a file that is named outright is sent whatever it is called, and the server decides
# from its bytes.
KNOWN_SUFFIXES = frozenset(
    {".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".heic", ".heif", ".avif"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFile:
    """A file to send."""

    path: Path
    relative: Path
    """Where its result goes below an output folder, without the format's suffix."""


def find_documents(named: Iterable[Path]) -> list[DocumentFile]:
    """Files as named, folders searched to the bottom in name order; hidden files and folders are left out."""
    found: list[DocumentFile] = []
    for path in named:
        if path.is_dir():
            inside = (
                DocumentFile(path=file, relative=file.relative_to(path))
                for file in sorted(path.rglob("*"))
                if file.suffix.lower() in KNOWN_SUFFIXES and file.is_file()
            )
            found += [document for document in inside if not _is_hidden(document.relative)]
        else:
            found.append(DocumentFile(path=path, relative=Path(path.name)))
    return found


def output_paths(documents: list[DocumentFile], folder: Path, suffix: str) -> dict[Path, Path]:
    """Where each document's result is written, by the document's path: one file each, also where names repeat.

    The original suffix is kept (``scan.pdf.json``), so that ``scan.pdf`` and ``scan.png`` do not meet.
    """
    targets: dict[Path, Path] = {}
    taken: set[Path] = set()
    for document in documents:
        target = folder / document.relative.with_name(document.relative.name + suffix)
        number = 2
        while target in taken:
            target = folder / document.relative.with_name(f"{document.relative.name}.{number}{suffix}")
            number += 1
        taken.add(target)
        targets[document.path] = target
    return targets


def readable_name(path: Path | str) -> str:
    """The name as text that can be sent and shown: bytes that are no UTF-8 become U+FFFD."""
    return os.fsencode(path).decode(errors="replace")


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)
