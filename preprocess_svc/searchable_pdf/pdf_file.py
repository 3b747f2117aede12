"""A PDF file (ISO 32000-1) as a sequence of objects, written to a stream one after the other.

What has been written is not held: of each object only the offset stays, for the table at the end.
"""

from __future__ import annotations

import zlib
from typing import IO

_COMPRESSION_LEVEL = 6
MAX_FILE_BYTES = 9_999_999_999
"""Ten digits are all that the table of offsets has room for (7.5.4)."""


class PdfFile:
    """The objects of one file."""

    def __init__(self, sink: IO[bytes]) -> None:
        """Begin a file.

        Args:
            sink: Takes the bytes; it is neither sought in nor closed.
        """
        self._sink = sink
        self._offsets: list[int] = []
        self.size_bytes = 0
        # The comment's bytes tell programs that the file is not text (7.5.2).
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def reserve(self) -> int:
        """The number of an object that is written later, so that others can refer to it."""
        self._offsets.append(0)
        return len(self._offsets)

    def add(self, body: str, *, number: int | None = None) -> int:
        """Write an object, under a reserved number or a new one; its number."""
        return self._object(number, body.encode("ascii"))

    def add_stream(self, entries: str, data: bytes, *, compress: bool = True, number: int | None = None) -> int:
        """Write a stream with further entries of its dictionary; its number."""
        if compress:
            data = zlib.compress(data, _COMPRESSION_LEVEL)
            entries += "/Filter/FlateDecode"
        head = f"<<{entries}/Length {len(data)}>>\nstream\n".encode("ascii")
        return self._object(number, head, data, b"\nendstream")

    def finish(self, *, root: int, info: int, identity: bytes) -> None:
        """Write the table of offsets and the trailer.

        Args:
            root: Number of the catalog.
            info: Number of the information dictionary.
            identity: What the file is told apart by.
        """
        table_at = self.size_bytes
        rows = "".join(f"{offset:010d} 00000 n \n" for offset in self._offsets)
        count = len(self._offsets) + 1
        self._write(f"xref\n0 {count}\n0000000000 65535 f \n{rows}".encode("ascii"))
        name = identity.hex()
        trailer = f"<</Size {count}/Root {root} 0 R/Info {info} 0 R/ID[<{name}><{name}>]>>"
        self._write(f"trailer\n{trailer}\nstartxref\n{table_at}\n%%EOF\n".encode("ascii"))

    def _object(self, number: int | None, *parts: bytes) -> int:
        number = number or self.reserve()
        self._offsets[number - 1] = self.size_bytes
        self._write(b"%d 0 obj\n" % number)
        for part in parts:
            self._write(part)
        self._write(b"\nendobj\n")
        return number

    def _write(self, part: bytes) -> None:
        self._sink.write(part)
        self.size_bytes += len(part)


def text_string(untrusted_text: str) -> str:
    """Any text as a PDF holds it (7.9.2.2): hexadecimal, so that nothing in it can end the string."""
    return f"<FEFF{utf_16_hex(untrusted_text)}>"


def utf_16_hex(untrusted_text: str) -> str:
    """Big-endian UTF-16 in hexadecimal; a lone surrogate, which is no character, becomes U+FFFD."""
    try:
        encoded = untrusted_text.encode("utf-16-be")
    except UnicodeEncodeError:
        encoded = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in untrusted_text).encode("utf-16-be")
    return encoded.hex().upper()


def decimal(value: float, digits: int = 2) -> str:
    """A number as PDF has it: no exponent, and nothing that could be left out."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
