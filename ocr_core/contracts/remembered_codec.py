"""What is remembered as bytes, for a store that may lose, cut or swap them: what does not hold together is not decoded.

::

    magic (4) | SHA-256 of all that follows (32) | length of the head (4, big-endian) | head (JSON) | body

The head names the key that it was stored under.
"""

from __future__ import annotations

import hashlib
import json
import struct
from types import MappingProxyType

from ocr_core.contracts.remembered import MemoryKey, Remembered

MAGIC = b"YMR1"
"""Another layout gets another one."""
_DIGEST_BYTES = 32
_LENGTH = struct.Struct(">I")
_HEAD_AT = len(MAGIC) + _DIGEST_BYTES + _LENGTH.size


def encode_remembered(key: MemoryKey, thing: Remembered) -> bytes:
    """As it is stored."""
    head = json.dumps(
        {
            "key": key.path,
            "content_type": thing.content_type,
            "made_at_s": thing.made_at_s,
            "notes": dict(thing.notes),
        }
    ).encode("ascii")
    rest = _LENGTH.pack(len(head)) + head + thing.body
    return MAGIC + hashlib.sha256(rest).digest() + rest


def decode_remembered(key: MemoryKey, untrusted: bytes) -> Remembered | None:
    """What was stored under ``key``; null where these bytes are anything else."""
    if len(untrusted) < _HEAD_AT or not untrusted.startswith(MAGIC):
        return None
    rest = memoryview(untrusted)[len(MAGIC) + _DIGEST_BYTES :]
    if hashlib.sha256(rest).digest() != untrusted[len(MAGIC) : len(MAGIC) + _DIGEST_BYTES]:
        return None
    # From here on they are bytes that we wrote ourselves, though perhaps for another key.
    (head_bytes,) = _LENGTH.unpack_from(rest)
    head = json.loads(bytes(rest[_LENGTH.size : _LENGTH.size + head_bytes]))
    if head["key"] != key.path:
        return None
    return Remembered(
        content_type=head["content_type"],
        body=bytes(rest[_LENGTH.size + head_bytes :]),
        made_at_s=head["made_at_s"],
        notes=MappingProxyType(head["notes"]),
    )
