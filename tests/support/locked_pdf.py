"""A PDF locked with a password: the oldest of its ciphers (RC4 with 40 bits), written down by hand."""

from __future__ import annotations

import hashlib

_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_MAY_ALL = -4
_ID = bytes(range(16))
_KEY_BYTES = 5


def locked_pdf(password: str) -> bytes:
    """One blank page that opens with ``password``; an empty one opens it without being asked."""
    user = (password.encode() + _PADDING)[:32]
    owner = _rc4(_md5((b"owner" + _PADDING)[:32])[:_KEY_BYTES], user)
    key = _md5(user + owner + _MAY_ALL.to_bytes(4, "little", signed=True) + _ID)[:_KEY_BYTES]
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
        b"<</Filter/Standard/V 1/R 2/P %d/O<%s>/U<%s>>>"
        % (_MAY_ALL, owner.hex().encode(), _rc4(key, _PADDING).hex().encode()),
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"<</Size %d/Root 1 0 R/Encrypt 4 0 R/ID[<%s><%s>]>>" % (
        len(objects) + 1,
        _ID.hex().encode(),
        _ID.hex().encode(),
    )
    return body + b"xref\n0 %d\n0000000000 65535 f \n%strailer%s\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
        trailer,
        len(body),
    )


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _rc4(key: bytes, content: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    answer = bytearray()
    for byte in content:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        answer.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(answer)
