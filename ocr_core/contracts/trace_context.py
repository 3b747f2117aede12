"""Where in a trace something belongs, as it crosses a process boundary: W3C's ``traceparent``.

https://www.w3.org/TR/trace-context/#traceparent-header. Its companion ``tracestate`` is not carried: it is whatever
others want to remember, and nobody here reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TRACEPARENT = "traceparent"
"""The name of the header, of gRPC's metadata and of a message's attribute alike."""

_APART = ";apart"
_PARTS = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """One span, named from afar."""

    trace_id: str
    """32 hexadecimal digits, not all zero."""
    span_id: str
    """16 hexadecimal digits, not all zero."""
    sampled: bool
    """Whether it is recorded, so that what belongs to it is recorded as well."""

    def encode(self) -> str:
        """As a ``traceparent``."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.sampled else 0:02x}"

    @classmethod
    def decode(cls, untrusted: str | None) -> TraceContext | None:
        """Read a ``traceparent``; null where it is none, which is never an error: W3C has it ignored then."""
        found = _PARTS.fullmatch(untrusted) if untrusted is not None else None
        if found is None:
            return None
        trace_id, span_id, flags = found.groups()
        if not (int(trace_id, 16) and int(span_id, 16)):
            return None
        return cls(trace_id=trace_id, span_id=span_id, sampled=bool(int(flags, 16) & _SAMPLED))


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOrigin:
    """What a piece of work came of, as the job store keeps it until the work is sent."""

    context: TraceContext
    apart: bool = False
    """The work begins a trace of its own, linked to this one: one of very many, which together nobody could look at."""

    def encode(self) -> str:
        """As one column."""
        return self.context.encode() + (_APART if self.apart else "")

    @classmethod
    def decode(cls, column: str | None) -> TraceOrigin | None:
        """Read the column; null where there is nothing."""
        if column is None:
            return None
        context = TraceContext.decode(column.removesuffix(_APART))
        return None if context is None else cls(context=context, apart=column.endswith(_APART))
