"""Ruling lines on drawn pages: which are found, where, and what is not taken for one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import pypdfium2 as pdfium
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from evaluation.datasets import SAMPLES_DIR
from ocr_core.contracts.reading import Ruling
from ocr_core.contracts.reading_codec import MAX_RULINGS_PER_PAGE
from preprocess_svc.rulings import find_rulings, turned_rulings

WIDTH_PX, HEIGHT_PX = 1654, 2339
NEAR_PX = 12.0
"""Ends are found to a block of four pixels at half the size."""

Segment = tuple[int, int, int, int]

GRID: list[Segment] = [
    *((150, y, 1500, y) for y in (400, 470, 540, 610)),
    *((x, 400, x, 610) for x in (150, 900, 1200, 1500)),
]


def blank(value: int = 255) -> NDArray[np.uint8]:
    return np.full((HEIGHT_PX, WIDTH_PX, 3), value, np.uint8)


def drawn(
    segments: Sequence[Segment], *, grey: int = 0, thickness: int = 2, on: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    page = blank() if on is None else on
    for x0, y0, x1, y1 in segments:
        cv2.line(page, (x0, y0), (x1, y1), (grey, grey, grey), thickness)
    return page


def dashed(segment: Segment, *, dash: int, gap: int, page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    x0, y0, x1, y1 = segment
    length = int(math.hypot(x1 - x0, y1 - y0))
    for start in range(0, length, dash + gap):
        end = min(start + dash, length) - 1
        at = [(round(x0 + (x1 - x0) * d / length), round(y0 + (y1 - y0) * d / length)) for d in (start, end)]
        cv2.line(page, at[0], at[1], (60, 60, 60), 2)
    return page


def is_found(segment: Segment, rulings: Sequence[Ruling], *, near_px: float = NEAR_PX) -> bool:
    """Whether one ruling is this segment, both ends of it."""
    x0, y0, x1, y1 = segment
    return any(
        math.dist(ruling.start, (x0, y0)) <= near_px and math.dist(ruling.end, (x1, y1)) <= near_px
        for ruling in rulings
    )


@pytest.mark.parametrize(("grey", "thickness"), [(0, 1), (0, 2), (0, 5), (120, 1), (200, 2), (225, 2)])
def test_a_grid_is_found_line_by_line(grey: int, thickness: int) -> None:
    rulings = find_rulings(drawn(GRID, grey=grey, thickness=thickness))
    assert [segment for segment in GRID if not is_found(segment, rulings)] == []
    assert len(rulings) == len(GRID)


def test_the_longest_come_first() -> None:
    rulings = find_rulings(drawn([(100, 300, 400, 300), (100, 500, 1500, 500), (700, 600, 700, 1400)]))
    lengths = [math.dist(ruling.start, ruling.end) for ruling in rulings]
    assert len(lengths) == 3
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(("dash", "gap"), [(24, 12), (12, 8), (6, 4), (4, 4)])
def test_dashed_and_dotted_lines_are_found(dash: int, gap: int) -> None:
    across, down = (150, 700, 1500, 700), (800, 900, 800, 1900)
    page = dashed(down, dash=dash, gap=gap, page=dashed(across, dash=dash, gap=gap, page=blank()))
    rulings = find_rulings(page)
    assert is_found(across, rulings, near_px=40)
    assert is_found(down, rulings, near_px=40)


@pytest.mark.parametrize("skew_deg", [-2.0, -0.7, 0.7, 2.0])
def test_lines_of_a_skewed_page_are_found_where_they_lie(skew_deg: float) -> None:
    turn = cv2.getRotationMatrix2D((WIDTH_PX / 2, HEIGHT_PX / 2), -skew_deg, 1.0)
    page = cv2.warpAffine(drawn(GRID, thickness=3), turn, (WIDTH_PX, HEIGHT_PX), borderValue=(255, 255, 255))
    rulings = find_rulings(np.asarray(page, np.uint8))
    for x0, y0, x1, y1 in GRID:
        (u0, v0), (u1, v1) = (turn @ [x0, y0, 1]), (turn @ [x1, y1, 1])
        assert is_found((round(u0), round(v0), round(u1), round(v1)), rulings, near_px=25), (x0, y0, x1, y1)


def test_a_coloured_line_is_a_line() -> None:
    page = blank()
    for y, colour in ((300, (200, 30, 30)), (500, (30, 60, 200)), (700, (120, 160, 90))):
        cv2.line(page, (150, y), (1500, y), colour, 3)
    assert len(find_rulings(page)) == 3


def test_a_line_on_a_grey_ground_is_found_and_the_ground_has_no_edges() -> None:
    page = blank()
    page[400:800, 150:1500] = 200
    rulings = find_rulings(drawn([(150, 600, 1500, 600)], on=page, grey=90))
    assert [round(ruling.start[1], -1) for ruling in rulings] == [600]


@pytest.mark.parametrize("thickness", [16, 40, 120])
def test_bars_and_filled_cells_are_no_lines(thickness: int) -> None:
    assert find_rulings(drawn([(150, 800, 1500, 800)], thickness=thickness)) == ()


def test_large_sizes_and_small_ones_work_alike() -> None:
    for scale in (0.35, 2.0):
        size = (round(WIDTH_PX * scale), round(HEIGHT_PX * scale))
        page = cv2.resize(drawn(GRID, thickness=4), size, interpolation=cv2.INTER_AREA)
        rulings = find_rulings(np.asarray(page, np.uint8))
        expected = [tuple(round(value * scale) for value in segment) for segment in GRID]
        assert all(is_found(segment, rulings, near_px=24) for segment in expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3), (20, 20)])
def test_slivers_have_no_lines(size: tuple[int, int]) -> None:
    assert find_rulings(np.zeros((*size, 3), np.uint8)) == ()


def test_text_gives_few_short_marks_and_no_long_line() -> None:
    image = Image.fromarray(blank())
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(34)
    for row in range(50):
        draw.text(
            (100 + 11 * row % 97, 100 + 42 * row), "Ill-fitting TITLES HHH EEE 1,111 of 12.340,00 " * 2, "black", font
        )
    rulings = find_rulings(np.asarray(image, np.uint8))
    assert all(math.dist(ruling.start, ruling.end) < 200 for ruling in rulings)
    assert len(rulings) < 25


def test_a_photo_without_lines_has_none_that_are_long() -> None:
    random = np.random.default_rng(7)
    coarse = random.integers(40, 220, (40, 30, 3), np.uint8)
    photo = cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    noisy = np.clip(photo + random.normal(0, 12, photo.shape), 0, 255).astype(np.uint8)
    assert all(math.dist(ruling.start, ruling.end) < 200 for ruling in find_rulings(noisy))


@pytest.mark.parametrize("sigma", [6, 14])
def test_a_grid_under_noise_is_found(sigma: int) -> None:
    random = np.random.default_rng(3)
    page = drawn(GRID, thickness=3).astype(np.int16)
    noisy = np.clip(page + random.normal(0, sigma, page.shape), 0, 255).astype(np.uint8)
    rulings = find_rulings(noisy)
    assert [segment for segment in GRID if not is_found(segment, rulings, near_px=24)] == []


def test_no_page_has_more_than_a_reading_carries() -> None:
    page = blank()
    page[::10, :] = 0
    page[:, ::10] = 0
    tall = np.concatenate([page] * 4)
    assert len(find_rulings(tall)) <= MAX_RULINGS_PER_PAGE


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_lines_turn_with_their_page(rotation_deg: int) -> None:
    page = drawn(GRID)
    turned = turned_rulings(find_rulings(page), rotation_deg=rotation_deg, width_px=WIDTH_PX, height_px=HEIGHT_PX)
    of_turned = find_rulings(np.ascontiguousarray(np.rot90(page, -rotation_deg // 90)))
    expected = [tuple(map(round, (*ruling.start, *ruling.end))) for ruling in of_turned]
    assert all(is_found(segment, turned) for segment in expected)  # type: ignore[arg-type]
    assert len(turned) == len(of_turned)


def test_a_sample_invoice_has_the_lines_that_it_shows() -> None:
    with pdfium.PdfDocument(SAMPLES_DIR / "invoice_ja.pdf") as document:
        pixels = np.asarray(document[0].render(scale=200 / 72).to_pil().convert("RGB"), np.uint8)
    rulings = find_rulings(pixels)
    long = [ruling for ruling in rulings if math.dist(ruling.start, ruling.end) > 300]
    across = [ruling for ruling in long if abs(ruling.end[0] - ruling.start[0]) > 300]
    # Two boxes of two lines each, ten of the table of items, four of the totals, one under the recipient; six columns.
    assert len(across) == 19
    assert len(long) - len(across) == 6
