"""A child's memory for a page: there before it is asked for, without holes, as large as the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from lambda_file_open.shared_page import SharedPage

A4_BYTES = 1654 * 2339 * 3
LARGEST_BYTES = 64 << 20


@contextmanager
def page(touched_bytes: int = 0, *, pieces: int = 1_000) -> Iterator[SharedPage]:
    """Memory that was touched so far, or until it was wanted after so many pieces; of its final size."""
    asked = iter([False] * pieces)
    made = SharedPage.reserve(touched_bytes, is_wanted=lambda: next(asked, True))
    made.fix(LARGEST_BYTES)
    yield made
    made.close()


def held_bytes(made: SharedPage) -> int:
    return os.fstat(made.fd).st_blocks * 512


def test_a_waiting_childs_memory_is_there_before_it_is_asked_for() -> None:
    with page(A4_BYTES) as made:
        assert made.touched_bytes == A4_BYTES
        assert A4_BYTES <= held_bytes(made) < A4_BYTES + (1 << 20)


def test_touching_ends_where_the_memory_is_wanted() -> None:
    with page(A4_BYTES, pieces=3) as made:
        assert 0 < made.touched_bytes < A4_BYTES / 2
        assert held_bytes(made) < A4_BYTES / 2


@pytest.mark.parametrize(("touched_bytes", "pieces"), [(0, 0), (A4_BYTES, 2), (A4_BYTES, 1_000)])
@pytest.mark.parametrize("height_px", [3, 2339, 4000])
def test_a_page_has_no_holes_whatever_was_touched_before(touched_bytes: int, pieces: int, height_px: int) -> None:
    with page(touched_bytes, pieces=pieces) as made:
        pixels = made.allocate(height_px, 1654)
        assert pixels.shape == (height_px, 1654, 3)
        assert held_bytes(made) >= pixels.nbytes
        pixels[:] = np.arange(3, dtype=np.uint8)
        del pixels
        made.finish(width_px=1654, height_px=height_px, words=())
        assert os.pread(made.fd, 6, 1654 * height_px * 3 - 6) == bytes([0, 1, 2, 0, 1, 2])
