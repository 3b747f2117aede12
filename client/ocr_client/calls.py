"""What is asked of a server, as values: the sync and the async client send the same.

A route is a function that makes a ``Call`` (``document_calls.py``, ``job_calls.py``); both clients have a line for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

OnSent = Callable[[int, int], None]
"""Told how many bytes of a request's body are sent, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request below a server's URL, or to a URL of its own; it can be sent any number of times."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Callable[[], Iterator[bytes]] | None = None
    """What is made in pieces is made anew for each attempt, and its length is among the headers."""
    on_sent: OnSent | None = None
    """For a body in pieces; each attempt begins at nought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Answer]):
    """A request, and what becomes of a 2xx's body."""

    request: Request
    decode: Callable[[bytes], Answer]
    """Raises ``UnexpectedAnswer`` for what this API does not give."""
    timeout_s: float
    """Of each attempt."""
    repeatable: bool
    """To send it twice does no harm, so one that found no answer is sent again too."""
