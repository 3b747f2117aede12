"""``multipart/form-data`` of any number of files, in bounded memory: one file is open at a time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFile:
    """A file part."""

    content: Path | bytes
    file_name: str
    """As the server is to know it."""
    size_bytes: int
    """As it was when the form was made; a file that has changed since ends the request."""


class FileChanged(OSError):
    """A file is longer or shorter than it was a moment ago, so what was announced of it is wrong."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: the file changed while it was sent")


class Form:
    """One form; its body can be made any number of times."""

    def __init__(self, *, fields: Mapping[str, str], file_part: str, files: Sequence[FormFile]) -> None:
        self._boundary = secrets.token_hex(16)
        self._fields = fields
        self._file_part = file_part
        self._files = files

    @property
    def headers(self) -> dict[str, str]:
        """Type and length of the body: a server can refuse what is too large before it comes."""
        return {
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
            "Content-Length": str(self._length_bytes()),
        }

    def body(self) -> Iterator[bytes]:
        """The form in pieces.

        Raises:
            OSError: A file cannot be read, or has changed.
        """
        for name, value in self._fields.items():
            yield self._field(name, value)
        for file in self._files:
            yield self._file_head(file)
            yield from _chunks(file)
            yield b"\r\n"
        yield self._end()

    def _length_bytes(self) -> int:
        fields_bytes = sum(len(self._field(name, value)) for name, value in self._fields.items())
        files_bytes = sum(len(self._file_head(file)) + file.size_bytes + len(b"\r\n") for file in self._files)
        return fields_bytes + files_bytes + len(self._end())

    def _field(self, name: str, value: str) -> bytes:
        return self._head(f'name="{name}"') + value.encode() + b"\r\n"

    def _head(self, disposition: str, *more: str) -> bytes:
        lines = (f"--{self._boundary}", f"Content-Disposition: form-data; {disposition}", *more, "", "")
        return "\r\n".join(lines).encode()

    def _file_head(self, file: FormFile) -> bytes:
        # https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
        name = file.file_name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        disposition = f'name="{self._file_part}"; filename="{name}"'
        return self._head(disposition, "Content-Type: application/octet-stream")

    def _end(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()


def _chunks(file: FormFile) -> Iterator[bytes]:
    if isinstance(file.content, Path):
        yield from file_chunks(file.content, file.size_bytes)
    else:
        for first in range(0, len(file.content), CHUNK_BYTES):
            yield file.content[first : first + CHUNK_BYTES]


def file_chunks(path: Path, size_bytes: int) -> Iterator[bytes]:
    """The file's content in pieces, all in all ``size_bytes``.

    Raises:
        OSError: It cannot be read, or holds more or less.
    """
    left_bytes = size_bytes
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            left_bytes -= len(chunk)
            if left_bytes < 0:
                raise FileChanged(path)
            yield chunk
    if left_bytes:
        raise FileChanged(path)
