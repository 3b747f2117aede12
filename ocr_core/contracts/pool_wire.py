"""What the host and the pool's parent process say to each other. Neither parses files; a child never holds this socket.

::

    host                              pool
      │◄────────────────── READY ───────│   decoders are loaded, and a child can be locked
      │── OPEN id + two descriptors ───►│   the document's sealed memory, the child's end of its own socket
      │── KILL id ─────────────────────►│
      │◄────────────── EXITED id … ─────│   always, once, for every OPEN
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

_MESSAGE = struct.Struct("<B3xIiIIII")
MESSAGE_BYTES = _MESSAGE.size

NOT_STARTED = 0x1000_0000
"""Stands in place of a wait status where no child could be started; the kernel's own fit in 16 bits."""


class FontScript(IntFlag):
    """Scripts of which a PDF's text may come without its fonts."""

    NONE = 0
    JAPANESE = 1
    CHINESE = 2
    KOREAN = 4


class PoolMessageKind(IntEnum):
    """What a message is about."""

    READY = 1
    OPEN = 2
    KILL = 3
    EXITED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMessage:
    """One message, in either direction."""

    kind: PoolMessageKind
    job_id: int = 0
    wait_status: int = 0
    """As ``os.wait4`` gives it."""
    cpu_ms: int = 0
    """Processor time of the child, all of it."""
    peak_memory_kib: int = 0
    """The most memory that was resident at once."""
    landlock_version: int = 0
    """Of the kernel, told with READY; 0 where children are locked by the system-call filter alone."""
    missing_fonts: FontScript = FontScript.NONE
    """Told with READY: scripts for which the machine has no font."""

    def encode(self) -> bytes:
        """The message as ``MESSAGE_BYTES`` bytes."""
        return _MESSAGE.pack(
            self.kind,
            self.job_id,
            self.wait_status,
            self.cpu_ms,
            self.peak_memory_kib,
            self.landlock_version,
            self.missing_fonts,
        )

    @classmethod
    def decode(cls, body: bytes) -> PoolMessage:
        """Read a message.

        Raises:
            ValueError: it is not one.
        """
        if len(body) != MESSAGE_BYTES:
            raise ValueError(f"a pool message of {len(body)} bytes")
        kind, job_id, wait_status, cpu_ms, peak_memory_kib, landlock_version, missing_fonts = _MESSAGE.unpack(body)
        return cls(
            kind=PoolMessageKind(kind),
            job_id=job_id,
            wait_status=wait_status,
            cpu_ms=cpu_ms,
            peak_memory_kib=peak_memory_kib,
            landlock_version=landlock_version,
            missing_fonts=FontScript(missing_fonts),
        )
