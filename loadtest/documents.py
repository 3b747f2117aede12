"""A document that a load test sends, in bytes that never repeat: no store of results may answer for the models."""

from __future__ import annotations

import itertools
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_END = len(PNG_SIGNATURE) + 25
"""IHDR comes first and is 25 bytes long: length, type, 13 bytes of data, checksum (PNG §11.2.1)."""
JPEG_START = b"\xff\xd8"
TIFF_STARTS = (b"II*\x00", b"MM\x00*")
_LIST = "corpus.json"
_LISTED = ("kind", "name", "pages", "deadline_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document to send."""

    kind: str
    """Its kind in the mix, under which it is counted."""
    name: str
    """Of its file; unlike any other document's of the corpus."""
    pages: int
    deadline_s: float
    """How long its sender waits for an answer."""
    content: bytes

    def varied(self, nonce: str) -> bytes:
        """The same document in other bytes."""
        return next(vary(self.content, nonce) for start, vary in _VARIANTS if self.content.startswith(start))


def write_corpus(documents: Sequence[Document], folder: Path) -> None:
    """Put documents into a folder, with a list of them; ``read_corpus`` reads both."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for document in documents:
        (folder / document.name).write_bytes(document.content)
        entries.append({key: getattr(document, key) for key in _LISTED})
    (folder / _LIST).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def read_corpus(folder: Path) -> list[Document]:
    """The documents that ``write_corpus`` left.

    Raises:
        FileNotFoundError: there are none.
    """
    entries = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    return [Document(**entry, content=(folder / entry["name"]).read_bytes()) for entry in entries]


def can_vary(content: bytes) -> bool:
    """Whether it is of a format that can be sent in other bytes: PDF, PNG, JPEG, TIFF."""
    return any(content.startswith(start) for start, _ in _VARIANTS)


def nonces() -> Iterator[str]:
    """Strings that differ within a run and between runs."""
    run = os.urandom(6).hex()
    return (f"{run}-{number}" for number in itertools.count())


def _vary_end(content: bytes, nonce: str) -> bytes:
    # Readers look for the end of a PDF in its last kilobyte, and a comment may follow it; in a TIFF everything is found
    # by its offset, so that nothing ever looks behind the last strip.
    return content + f"\n% {nonce}\n".encode("ascii")


def _vary_png(content: bytes, nonce: str) -> bytes:
    chunk = b"tEXt" + b"Comment\0" + nonce.encode("ascii")
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:PNG_HEADER_END] + framed + content[PNG_HEADER_END:]


def _vary_jpeg(content: bytes, nonce: str) -> bytes:
    comment = nonce.encode("ascii")
    segment = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    return JPEG_START + segment + content[len(JPEG_START) :]


_VARIANTS: tuple[tuple[bytes, Callable[[bytes, str], bytes]], ...] = (
    (b"%PDF-", _vary_end),
    (PNG_SIGNATURE, _vary_png),
    (JPEG_START, _vary_jpeg),
    *((start, _vary_end) for start in TIFF_STARTS),
)
