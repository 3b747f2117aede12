"""HEIC and AVIF: as the file says that its parts are turned, cut and put together; without a thread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lambda_file_open.decoding import OpeningFailed
from lambda_file_open.sniff import sniff
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import Failure
from tests.support.heif_samples import (
    HALF_TRANSPARENT_HEIC,
    MIRROR,
    TEN_BIT_AVIF,
    TEN_BIT_HEIC,
    TURN_LEFT,
    coded_corners,
    crop,
    grid,
    one_picture,
)
from tests.support.open_samples import CORNERS_HEIC, corners, decode, decode_one

CORNERS_ONLY = crop(80, 40, right_px=0, down_px=-12)
RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)


def assert_quarters(pixels: np.ndarray, expected: list[tuple[int, int, int]], tolerance: int = 12) -> None:
    """Clockwise from the top-left."""
    height, width = pixels.shape[:2]
    places = [(height // 5, width // 5), (height // 5, 4 * width // 5)]
    places += [(4 * height // 5, 4 * width // 5), (4 * height // 5, width // 5)]
    for (y, x), colour in zip(places, expected, strict=True):
        assert np.abs(pixels[y, x].astype(int) - colour).max() <= tolerance


def test_heic() -> None:
    assert sniff(CORNERS_HEIC) is MediaType.HEIC
    page, pixels = decode_one(CORNERS_HEIC)
    assert (page.width_px, page.height_px) == (80, 40)
    assert_quarters(pixels, [RED, GREEN, BLUE, BLACK])


@pytest.mark.parametrize(
    ("properties", "size", "expected"),
    [
        ([CORNERS_ONLY], (80, 40), [RED, GREEN, BLUE, BLACK]),
        ([CORNERS_ONLY, TURN_LEFT], (40, 80), [GREEN, BLUE, BLACK, RED]),
        ([CORNERS_ONLY, MIRROR], (80, 40), [GREEN, RED, BLACK, BLUE]),
        ([CORNERS_ONLY, TURN_LEFT, MIRROR], (40, 80), [BLUE, GREEN, RED, BLACK]),
        ([crop(40, 20, right_px=20, down_px=-22)], (40, 20), [GREEN, GREEN, GREEN, GREEN]),
    ],
)
def test_a_heic_is_cut_and_turned(
    properties: list[bytes], size: tuple[int, int], expected: list[tuple[int, int, int]]
) -> None:
    page, pixels = decode_one(one_picture(coded_corners(), properties))
    assert (page.width_px, page.height_px) == size
    assert_quarters(pixels, expected)


def test_a_telephones_grid_is_put_together() -> None:
    document = grid(coded_corners(), rows=2, columns=3, width_px=200, height_px=128)
    page, pixels = decode_one(document)
    assert (page.width_px, page.height_px) == (200, 128)
    for left in (0, 80):
        for top in (0, 64):
            assert_quarters(pixels[top : top + 40, left : left + 80], [RED, GREEN, BLUE, BLACK])
    assert_quarters(pixels[:40, 160:], [RED, RED, BLACK, BLACK])


def test_too_many_pixels_of_a_grid_are_refused_before_it_is_put_together() -> None:
    document = grid(coded_corners(), rows=20, columns=20, width_px=1600, height_px=1280)
    with pytest.raises(OpeningFailed) as caught:
        decode(document, limits=OpenLimits(max_image_pixels=2_000_000))
    assert caught.value.failure is Failure.IMAGE_PIXELS


@pytest.mark.parametrize("document", [TEN_BIT_HEIC, TEN_BIT_AVIF], ids=["HEIC", "AVIF"])
def test_ten_bits(document: bytes) -> None:
    assert_quarters(decode_one(document)[1], [RED, GREEN, BLUE, BLACK], tolerance=25)


def test_a_heic_that_can_be_seen_through_is_on_white() -> None:
    half = [tuple(255 - (255 - channel) // 2 for channel in colour) for colour in (RED, GREEN, BLUE, BLACK)]
    assert_quarters(decode_one(HALF_TRANSPARENT_HEIC)[1], half, tolerance=25)  # type: ignore[arg-type]


@pytest.mark.parametrize("end", [40, 300, len(CORNERS_HEIC) - 200])
def test_a_damaged_heic_is_broken(end: int) -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(CORNERS_HEIC[:end])
    assert caught.value.failure is Failure.UNREADABLE


def test_too_many_pixels_of_a_heic_are_refused() -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(CORNERS_HEIC, limits=OpenLimits(max_image_pixels=3_199))
    assert caught.value.failure is Failure.IMAGE_PIXELS
    assert np.asarray(corners()).shape[:2] == decode_one(CORNERS_HEIC)[1].shape[:2]


WITHOUT_THREADS = """
import os, resource
from tests.support.heif_samples import HALF_TRANSPARENT_HEIC, TEN_BIT_AVIF, coded_corners, grid
from tests.support.open_samples import CORNERS_HEIC, decode_one

if os.getuid() == 0:  # whom the kernel does not hold to it
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
tiled = grid(coded_corners(), rows=2, columns=2, width_px=160, height_px=128)
for document in (CORNERS_HEIC, HALF_TRANSPARENT_HEIC, TEN_BIT_AVIF, tiled):
    decode_one(document)
print("decoded")
"""


def test_no_thread_is_needed() -> None:
    """libde265 would start one, and libstdc++ end the process where it may not."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THREADS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "decoded"), done.stderr
