"""What the clients do on the network, step by step, without doing it: sync and async clients walk the same flows.

A flow is a generator. It yields a step and is sent what came of it, or has the step's error thrown into it; what is for
the caller it yields as ``Emit``; what it returns is its end. ``connection.py`` and ``async_connection.py`` walk them::

    flow ── Ask, Open, Read, Wait ──► connection ──► network
         ◄── reply, or OcrClientError ──┘
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

from ocr_client.calls import Call, Request
from ocr_client.errors import OcrClientError
from ocr_client.retry import Retries

Value = TypeVar("Value")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Send once and read the whole answer; the reply is the body of a success."""

    request: Request
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Send once and leave the answer open, in place of the one before; the reply is its media type."""

    request: Request
    silence_s: float
    """The longest without a byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The next piece of the open answer; the reply is null at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Let time pass; an error where the client is closed meanwhile."""

    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit(Generic[Value]):
    """For the caller."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class End(Generic[Result]):
    """The flow is over, and this is what it returned."""

    result: Result


Step: TypeAlias = Ask | Open | Read | Wait
Reply: TypeAlias = bytes | str | None
Flow: TypeAlias = Generator[Step | Emit[Value], Reply, Result]


def advance(
    flow: Flow[Value, Result], reply: Reply = None, *, error: OcrClientError | None = None
) -> Step | Emit[Value] | End[Result]:
    """Tell a flow what came of its last step; what it wants next."""
    try:
        return flow.throw(error) if error is not None else flow.send(reply)
    except StopIteration as end:
        return End(result=end.value)


def called(call: Call[Result], retries: Retries) -> Flow[Value, Result]:
    """The first answer that is a success; what may pass is waited for.

    Raises:
        OcrClientError: Nothing could be done about it, or not in time.
    """
    while True:
        try:
            body = yield Ask(request=call.request, timeout_s=call.timeout_s)
        except OcrClientError as error:
            yield from waited(retries, error)
        else:
            return call.decode(cast("bytes", body))


def waited(retries: Retries, error: OcrClientError) -> Flow[Value, None]:
    """Wait until it is time for another attempt.

    Raises:
        OcrClientError: ``error`` itself, where no attempt would mend it, or the client was closed meanwhile.
    """
    duration_s = retries.wait_s(error)
    try:
        yield Wait(duration_s=duration_s)
    except OcrClientError:
        raise error from None
