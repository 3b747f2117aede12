"""``multipart/form-data`` as it streams in: chunks of any cut in, the form's parts out, nothing kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ocr_core.contracts.errors import InvalidRequest

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStart:
    """A part's headers have arrived; its content follows as ``bytes``, none where it is empty."""

    name: str | None
    untrusted_file_name: str | None
    """As sent; null where the part is no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEnd:
    """The part that was begun last is whole."""


FormEvent = PartStart | bytes | PartEnd


class MultipartReader:
    """Turns a body's chunks into the events of its form."""

    def __init__(self, content_type: str) -> None:
        """Get ready for a body of that ``Content-Type``.

        Raises:
            InvalidRequest: it names no boundary, or one that no form may have.
        """
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise InvalidRequest("the multipart body's Content-Type names no boundary")
        self._events: list[FormEvent] = []
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._ended = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError:
            raise _broken() from None

    def feed(self, chunk: bytes) -> Iterator[FormEvent]:
        """What the next chunk completes.

        Raises:
            InvalidRequest: it is no multipart body.
        """
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _broken() from None
        events, self._events = self._events, []
        return iter(events)

    def finish(self) -> None:
        """Tell that the body is at its end.

        Raises:
            InvalidRequest: the form is not.
        """
        try:
            self._parser.finalize()
        except FormParserError:
            raise _broken() from None
        if not self._ended:
            raise InvalidRequest("the multipart body ends before its last boundary")

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._start_part,
            "on_part_data": lambda data, start, end: self._events.append(bytes(data[start:end])),
            "on_part_end": lambda: self._events.append(PartEnd()),
            "on_end": self._end,
        }

    def _end_header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _start_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._events.append(
            PartStart(name=_text(options.get(b"name")), untrusted_file_name=_text(options.get(b"filename")))
        )

    def _end(self) -> None:
        self._ended = True


def _text(option: bytes | None) -> str | None:
    return None if option is None else option.decode(errors="replace")


def _broken() -> InvalidRequest:
    return InvalidRequest("the multipart body is broken")
