"""Changes to bytes of any kind: flipped bits, moved blocks, numbers at the edges, words of the format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Change = Callable[[bytes, Random], bytes]
"""Another version of a file; all chance comes from the dice."""

EDGES = (
    *(0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 254, 255, 256, 257),
    *(511, 512, 1000, 1023, 1024, 4095, 4096, 10_000, 32_767, 32_768, 65_534, 65_535, 65_536, 100_000, 1_000_000),
    *(2**24 - 1, 2**24, 2**27, 2**28, 2**29, 2**30, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1, 2**32),
    *(2**48, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
)
"""Where counters wrap, tables end and products overflow."""

MAX_MUTANT_BYTES = 400_000
_MAX_BLOCK_BYTES = 512


def place(dice: Random, length: int) -> int:
    """An index below ``length`` (at least 1); half of the time near the start, where headers are."""
    if dice.random() < 0.5:
        return int(length ** dice.random()) - 1
    return dice.randrange(length)


def flip_bits(content: bytes, dice: Random) -> bytes:
    """One to eight bits, close together or far apart."""
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 4, 8))):
        changed[place(dice, len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def set_bytes(content: bytes, dice: Random) -> bytes:
    """A few bytes, to anything or all to the same."""
    changed = bytearray(content)
    at, count = place(dice, len(content)), dice.choice((1, 1, 2, 4, 16))
    new = dice.randbytes(count) if dice.random() < 0.5 else bytes([dice.choice((0, 0x20, 0x7F, 0x80, 0xFF))]) * count
    changed[at : at + count] = new[: len(content) - at]
    return bytes(changed)


def put_edge(content: bytes, dice: Random) -> bytes:
    """A number at the edge of something, of 1, 2, 4 or 8 bytes, either end first."""
    size = dice.choice((1, 2, 2, 4, 4, 8))
    if len(content) < size:
        return flip_bits(content, dice)
    at = min(place(dice, len(content)), len(content) - size)
    return content[:at] + edge_bytes(dice, size, dice.choice(("little", "big"))) + content[at + size :]


def edge_bytes(dice: Random, size: int, order: str) -> bytes:
    """An edge, cut to so many bytes."""
    number = dice.choice(EDGES) if dice.random() < 0.8 else -dice.choice(EDGES)
    mask = (1 << (8 * size)) - 1
    return (number & mask).to_bytes(size, "big" if order == "big" else "little")


def nudge(content: bytes, dice: Random) -> bytes:
    """A byte a little more or less."""
    changed = bytearray(content)
    at = place(dice, len(content))
    changed[at] = (changed[at] + dice.randint(-9, 9)) & 0xFF
    return bytes(changed)


def delete_block(content: bytes, dice: Random) -> bytes:
    """A part left out."""
    at, end = _block(content, dice)
    return content[:at] + content[end:]


def repeat_block(content: bytes, dice: Random) -> bytes:
    """A part once more, or many times, where it is or elsewhere."""
    at, end = _block(content, dice)
    to = at if dice.random() < 0.5 else place(dice, len(content))
    return content[:to] + content[at:end] * dice.choice((1, 1, 2, 30)) + content[to:]


def move_block(content: bytes, dice: Random) -> bytes:
    """A part written over another."""
    at, end = _block(content, dice)
    to = place(dice, len(content))
    return (content[:to] + content[at:end] + content[to + end - at :])[: len(content)]


def truncate(content: bytes, dice: Random) -> bytes:
    """The end left out."""
    return content[: dice.randrange(1, len(content) + 1)]


def splicing(others: Sequence[bytes]) -> Change:
    """The start of this one and the end of another, or a part of another in its middle."""

    def splice(content: bytes, dice: Random) -> bytes:
        other = dice.choice(others)
        at, end = _block(other, dice)
        to = place(dice, len(content))
        if dice.random() < 0.4:
            return content[:to] + other[min(to, at) :]
        return content[:to] + other[at:end] + content[to + (end - at) * dice.randrange(2) :]

    return splice


def wording(words: Sequence[bytes]) -> Change:
    """A word of the format, put in or written over what was there."""

    def put_word(content: bytes, dice: Random) -> bytes:
        word = dice.choice(words)
        to = place(dice, len(content))
        return content[:to] + word + content[to + len(word) * dice.randrange(2) :]

    return put_word


ANY: tuple[Change, ...] = (
    flip_bits,
    flip_bits,
    set_bytes,
    put_edge,
    put_edge,
    nudge,
    delete_block,
    repeat_block,
    move_block,
    truncate,
)
"""What suits every format; some of it twice as often."""

IN_PLACE: tuple[Change, ...] = (flip_bits, set_bytes, put_edge, nudge)
"""What leaves the length as it is."""


def _block(content: bytes, dice: Random) -> tuple[int, int]:
    at = place(dice, len(content))
    length = dice.randint(1, 16) if dice.random() < 0.5 else dice.randint(1, _MAX_BLOCK_BYTES)
    return at, min(at + length, len(content))
