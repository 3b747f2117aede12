"""The memory in which a page crosses out of the sandbox: pixels, then the words of the text layer.

::

    0                       pixels: (H, W, 3) uint8 RGB, rows without padding
    text_offset (8-aligned) quads: (N, 4, 2) float32, page pixels
                            word_ends: (N,) uint32, where each word ends among the code points
                            code_points: (M,) uint32, all words one after another

The sizes follow from the numbers in the page's message. The memory is made by the host, of one fixed size that holds
the largest page allowed and that the child cannot change; when the page is there, the host cuts it to what the message
says and seals it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.opening_wire import MAX_CODE_POINTS_PER_PAGE, MAX_WORDS_PER_PAGE, ForgedMessage
from ocr_core.contracts.page import TextLayerWord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TYPICAL_PAGE_BYTES = 1654 * 2339 * 3
"""An A4 page at 200 dpi: as much as a waiting child touches in advance."""
MAX_WORD_CODE_POINTS = 256
F_SEAL_EXEC = 0x20
"""<linux/fcntl.h>: set from birth where the system allows no executable memory files (vm.memfd_noexec)."""
_STAT_BLOCK_BYTES = 512
_QUAD_BYTES = 4 * 2 * 4
_NUMBER_BYTES = 4
MAX_PAGE_TEXT_BYTES = MAX_WORDS_PER_PAGE * (_QUAD_BYTES + _NUMBER_BYTES) + MAX_CODE_POINTS_PER_PAGE * _NUMBER_BYTES + 8


def page_memory_bytes(limits: OpenLimits) -> int:
    """Size of the memory that is made for a page before anybody knows how large it is. Untouched, it costs nothing."""
    return max(limits.max_image_pixels, limits.max_rendered_page_pixels) * 3 + MAX_PAGE_TEXT_BYTES


def check_filled(untrusted: os.stat_result, byte_count: int) -> None:
    """See that memory, cut to its page and sealed, holds all of it: where it has holes, its reader would pay for them.

    Args:
        untrusted: Of the memory.
        byte_count: Of the page.

    Raises:
        ForgedMessage: it is not of this size, or has holes.
    """
    if untrusted.st_size != byte_count or untrusted.st_blocks * _STAT_BLOCK_BYTES < byte_count:
        raise ForgedMessage("memory that is not filled as far as its page reaches")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLayout:
    """Where things lie in a page's memory, in bytes."""

    pixel_bytes: int
    text_offset: int
    total_bytes: int

    @classmethod
    def of(cls, *, width_px: int, height_px: int, word_count: int, code_point_count: int) -> PageLayout:
        """The layout of a page of this size with this many words."""
        pixel_bytes = width_px * height_px * 3
        if not word_count:
            return cls(pixel_bytes=pixel_bytes, text_offset=pixel_bytes, total_bytes=pixel_bytes)
        text_offset = (pixel_bytes + 7) & ~7
        text_bytes = word_count * (_QUAD_BYTES + _NUMBER_BYTES) + code_point_count * _NUMBER_BYTES
        return cls(pixel_bytes=pixel_bytes, text_offset=text_offset, total_bytes=text_offset + text_bytes)


def allowed_code_points(code_points: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which of (M,) numbers are code points that a text layer may hold.

    Not: what lies beyond Unicode, surrogates, control characters, noncharacters, and the marks that reorder text
    around them (a caller would see another text than the reader of the page).
    """
    refused = code_points > 0x10FFFF
    refused |= (code_points >= 0xD800) & (code_points <= 0xDFFF)
    refused |= (code_points < 0x20) | ((code_points >= 0x7F) & (code_points <= 0x9F))
    refused |= ((code_points & 0xFFFE) == 0xFFFE) | ((code_points >= 0xFDD0) & (code_points <= 0xFDEF))
    refused |= (code_points >= 0x200B) & (code_points <= 0x200F)
    refused |= (code_points >= 0x2028) & (code_points <= 0x202E)
    refused |= (code_points >= 0x2060) & (code_points <= 0x206F)
    refused |= (code_points == 0x061C) | (code_points == 0xFEFF) | (code_points == 0x00AD) | (code_points == 0x034F)
    # Fillers, annotations and tags, none of which is seen.
    refused |= np.isin(code_points, (0x115F, 0x1160, 0x3164, 0xFFA0))
    refused |= ((code_points >= 0x180B) & (code_points <= 0x180F)) | ((code_points >= 0xFFF9) & (code_points <= 0xFFFB))
    refused |= (code_points >= 0xE0000) & (code_points <= 0xE007F)
    return ~refused


def encode_text_layer(words: Sequence[TextLayerWord]) -> bytes:
    """Write words down as they lie in a page's memory."""
    quads = np.array([word.quad for word in words], dtype="<f4")
    ends = np.cumsum([len(word.text) for word in words]).astype("<u4")
    code_points = np.frombuffer("".join(word.text for word in words).encode("utf-32-le"), dtype="<u4")
    return quads.tobytes() + ends.tobytes() + code_points.tobytes()


def decode_text_layer(
    untrusted: memoryview, *, word_count: int, code_point_count: int, width_px: int, height_px: int
) -> tuple[TextLayerWord, ...]:
    """Read the words of a page.

    Args:
        untrusted: The bytes behind the pixels, from ``PageLayout.text_offset`` to the end.
        word_count: As the page's message says, checked there against the limits.
        code_point_count: Likewise.
        width_px: Width of the page, which every quad must lie in.
        height_px: Height of the page.

    Raises:
        ForgedMessage: the size is wrong, a word is empty or too long, a corner lies outside the page, or a code
            point is not allowed.
    """
    if not word_count:
        return ()
    quad_end = word_count * _QUAD_BYTES
    number_end = quad_end + word_count * _NUMBER_BYTES
    if len(untrusted) != number_end + code_point_count * _NUMBER_BYTES:
        raise ForgedMessage("a text layer of another size than announced")
    # Copied: the memory is sealed, but what was checked is what is used, whatever a seal is worth.
    quads = np.frombuffer(untrusted[:quad_end], dtype="<f4").reshape(word_count, 4, 2).copy()
    ends = np.frombuffer(untrusted[quad_end:number_end], dtype="<u4").astype(np.int64)
    code_points = np.frombuffer(untrusted[number_end:], dtype="<u4").copy()
    lengths = np.diff(ends, prepend=0)
    if lengths.min() < 1 or lengths.max() > MAX_WORD_CODE_POINTS or ends[-1] != code_point_count:
        raise ForgedMessage("a word without or with too many characters")
    # Written so that a NaN fails.
    inside = (quads >= 0) & (quads <= np.array([width_px, height_px], dtype=np.float32))
    if not inside.all():
        raise ForgedMessage("a word outside its page")
    if not allowed_code_points(code_points).all():
        raise ForgedMessage("a code point that no text layer holds")
    text = code_points.astype("<u4").tobytes().decode("utf-32-le")
    words: list[TextLayerWord] = []
    start = 0
    for end, corners in zip(ends.tolist(), quads.tolist(), strict=True):
        first, second, third, fourth = ((x, y) for x, y in corners)
        words.append(TextLayerWord(text=text[start:end], quad=(first, second, third, fourth)))
        start = end
    return tuple(words)
