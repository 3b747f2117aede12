"""Answers that come line by line: NDJSON, and server-sent events.

httpx splits lines wherever Unicode knows a break, and a document's text holds such characters; here only LF ends one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One server-sent event."""

    name: str
    data: str


class LineSplitter:
    """Puts lines together from pieces; what stands behind the last LF is half a line, and never comes."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that this piece completes, without their LF."""
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            yield b"".join((*self._begun, line))
            self._begun.clear()
        if rest:
            self._begun.append(rest)


class EventReader:
    """Puts events together from pieces; comments (heartbeats) are passed over.

    Of https://html.spec.whatwg.org/multipage/server-sent-events.html as much as this API uses: no ids, no lone CR.
    """

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._name = "message"
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that this piece completes."""
        for raw in self._lines.feed(chunk):
            line = raw.decode(errors="replace").removesuffix("\r")
            if not line:
                if self._data:
                    yield ServerEvent(name=self._name, data="\n".join(self._data))
                self._name, self._data = "message", []
                continue
            field, _, value = line.partition(":")
            if field == "event":
                self._name = value.removeprefix(" ")
            elif field == "data":
                self._data.append(value.removeprefix(" "))
