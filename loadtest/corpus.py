"""The documents that a load test sends, in bytes that never repeat: no cache may answer for the models."""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset({".pdf", ".png", ".jpg", ".jpeg"})
BUNDLED_SAMPLES = Path(__file__).resolve().parent.parent / "evaluation" / "samples"

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_END = len(PNG_SIGNATURE) + 25
"""IHDR comes first and is 25 bytes long: length, type, 13 bytes of data, checksum (PNG §11.2.1)."""
JPEG_START = b"\xff\xd8"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusDocument:
    """A document to send."""

    name: str
    content: bytes

    def varied(self, nonce: str) -> bytes:
        """The same document in other bytes."""
        return next((vary(self.content, nonce) for start, vary in _VARIANTS if self.content.startswith(start)))


def load_corpus(folder: Path) -> list[CorpusDocument]:
    """Every PDF, PNG and JPEG below a folder, in name order.

    Raises:
        ValueError: there is none.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    documents = [CorpusDocument(name=file.name, content=file.read_bytes()) for file in files]
    documents = [d for d in documents if any(d.content.startswith(start) for start, _ in _VARIANTS)]
    if not documents:
        raise ValueError(f"no PDF, PNG or JPEG in {folder}")
    return documents


def nonces() -> Iterator[str]:
    """Strings that differ within a run and between runs."""
    run = os.urandom(6).hex()
    return (f"{run}-{number}" for number in itertools.count())


def _vary_pdf(content: bytes, nonce: str) -> bytes:
    # Readers look for the end of a PDF in its last kilobyte; a comment may follow it.
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
    (b"%PDF-", _vary_pdf),
    (PNG_SIGNATURE, _vary_png),
    (JPEG_START, _vary_jpeg),
)
