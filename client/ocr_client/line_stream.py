"""Answers that come line by line: NDJSON, and server-sent events.

httpx splits lines wherever Unicode knows a break, and a document's text holds such characters; here only LF ends one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One server-sent event."""

    name: str
    data: str


def complete_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines without their LF; what stands behind the last LF is half a line, and dropped."""
    begun: list[bytes] = []
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            yield b"".join((*begun, line))
            begun.clear()
        if rest:
            begun.append(rest)


def server_events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """Events as they are complete; comments (heartbeats) are passed over.

    Of https://html.spec.whatwg.org/multipage/server-sent-events.html as much as this API uses: no ids, no lone CR.
    """
    name, data = "message", list[str]()
    for raw in complete_lines(chunks):
        line = raw.decode(errors="replace").removesuffix("\r")
        if not line:
            if data:
                yield ServerEvent(name=name, data="\n".join(data))
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        if field == "event":
            name = value.removeprefix(" ")
        elif field == "data":
            data.append(value.removeprefix(" "))
