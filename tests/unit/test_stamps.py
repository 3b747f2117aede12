"""Seals on drawn pages: which are found and where, what is none, and what is left of the page without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_core.contracts.geometry import Box, bounds
from ocr_core.contracts.reading import Stamp
from ocr_core.contracts.reading_codec import MAX_STAMPS_PER_PAGE
from preprocess_svc.rulings import find_rulings
from preprocess_svc.stamp_ink import without_stamps
from preprocess_svc.stamp_text import stamp_rows
from preprocess_svc.stamps import find_stamps, turned_stamps
from tests.support.stamped_pages import DPI, MM, VERMILION, Pixels, jpeg, photographed, printed_page, seal_ink, stamped

LINES = ("Sample Trading Limited Company", "1-2-3 Shibuya, Shibuya-ku, Tokyo", "TEL 03-1234-5678")
CENTRE = (560, 180)
NEAR_PX = 5.0

Draw = Callable[[ImageDraw.ImageDraw], None]


def page() -> Pixels:
    return printed_page(LINES)


def drawn(draw: Draw) -> Pixels:
    image = Image.fromarray(page())
    draw(ImageDraw.Draw(image))
    return np.array(image)


def box_around(stamps: Sequence[Stamp]) -> Box:
    assert len(stamps) == 1
    return bounds(stamps[0].quad)


def is_at(box: Box, centre: tuple[int, int], side_mm: float, *, near_px: float = NEAR_PX) -> bool:
    half = side_mm * MM / 2
    wanted = (centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half)
    return bool(np.abs(np.array([box.left, box.top, box.right, box.bottom]) - wanted).max() <= near_px)


class TestFound:
    @pytest.mark.parametrize("is_round", [False, True])
    @pytest.mark.parametrize("side_mm", [9.0, 13.5, 18.0, 24.0, 30.0])
    def test_a_seal_over_black_text(self, side_mm: float, is_round: bool) -> None:
        pixels = stamped(page(), CENTRE, side_mm=side_mm, is_round=is_round)
        assert is_at(box_around(find_stamps(pixels, DPI)), CENTRE, side_mm)

    @pytest.mark.parametrize("dpi", [0, 72])
    def test_on_a_page_that_does_not_say_its_resolution_or_says_what_cannot_be(self, dpi: int) -> None:
        a4 = printed_page(LINES, width_px=1654, height_px=2339)
        found = find_stamps(stamped(a4, CENTRE), dpi)
        assert is_at(box_around(found), CENTRE, 18.0)

    @pytest.mark.parametrize("tilt_deg", [-30, -8, 3, 8, 20, 44])
    def test_a_tilted_square_one_and_how_it_lies(self, tilt_deg: int) -> None:
        (stamp,) = find_stamps(stamped(page(), CENTRE, tilt_deg=tilt_deg), DPI)
        (x0, y0), (x1, y1) = stamp.quad[0], stamp.quad[1]
        assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(tilt_deg, abs=2)
        assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(18 * MM, abs=NEAR_PX)
        assert np.mean(stamp.quad, axis=0) == pytest.approx(CENTRE, abs=NEAR_PX)

    @pytest.mark.parametrize("is_round", [False, True])
    @pytest.mark.parametrize("quality", [30, 60, 90])
    def test_through_jpeg(self, quality: int, is_round: bool) -> None:
        pixels = jpeg(stamped(page(), CENTRE, is_round=is_round), quality=quality)
        assert is_at(box_around(find_stamps(pixels, DPI)), CENTRE, 18.0)

    @pytest.mark.parametrize("is_round", [False, True])
    def test_a_faint_one(self, is_round: bool) -> None:
        pixels = stamped(page(), CENTRE, is_round=is_round, strength=0.3)
        assert is_at(box_around(find_stamps(pixels, DPI)), CENTRE, 18.0)

    @pytest.mark.parametrize("is_round", [False, True])
    @pytest.mark.parametrize("centre", [(200, 180), (560, 180), (880, 560)])
    def test_under_a_lamp_and_in_the_shade(self, centre: tuple[int, int], is_round: bool) -> None:
        pixels = photographed(stamped(page(), centre, is_round=is_round, strength=0.6))
        assert is_at(box_around(find_stamps(pixels, DPI)), centre, 18.0)

    @pytest.mark.parametrize("colour", [(235, 85, 45), (200, 30, 60), (170, 40, 40), (255, 0, 0)])
    def test_reds_of_several_inks(self, colour: tuple[int, int, int]) -> None:
        assert len(find_stamps(stamped(page(), CENTRE, colour=colour), DPI)) == 1

    def test_a_thin_frame_that_lies_between_the_samples(self) -> None:
        for shift in range(3):
            centre = (CENTRE[0] + shift, CENTRE[1] + shift)
            assert len(find_stamps(stamped(page(), centre, frame_mm=0.3), DPI)) == 1

    def test_a_frame_that_is_worn(self) -> None:
        pixels = stamped(page(), CENTRE)
        left, top = CENTRE[0] - round(9 * MM), CENTRE[1] - round(9 * MM)
        for at in (20, 60, 100):
            pixels[top - 4 : top + 12, left + at : left + at + 9] = 255
            pixels[top + at : top + at + 9, left - 4 : left + 12] = 255
        assert len(find_stamps(pixels, DPI)) == 1

    def test_several_from_the_top_down(self) -> None:
        pixels = stamped(stamped(page(), (700, 500), is_round=True, side_mm=12), CENTRE)
        first, second = (bounds(stamp.quad) for stamp in find_stamps(pixels, DPI))
        assert is_at(first, CENTRE, 18.0)
        assert is_at(second, (700, 500), 12.0)

    def test_no_more_than_a_reading_carries(self) -> None:
        pixels = np.full((2339, 1654, 3), 255, np.uint8)
        ink = np.asarray(seal_ink(70, ["A"], is_round=True, frame_px=6), np.float32)[:, :, None] / 255
        tile = np.rint(255 * (1 - ink * (1 - np.array(VERMILION) / 255))).astype(np.uint8)
        for y in range(20, 2200, 130):
            for x in range(20, 1500, 130):
                pixels[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        assert len(find_stamps(pixels, DPI)) == MAX_STAMPS_PER_PAGE


def table(draw: ImageDraw.ImageDraw) -> None:
    for x in (120, 500, 700, 900):
        draw.line((x, 400, x, 600), fill=VERMILION, width=3)
    for y in (400, 450, 500, 550, 600):
        draw.line((120, y, 900, y), fill=VERMILION, width=3)
    draw.text((140, 410), "Consulting", fill=VERMILION, font=ImageFont.load_default(size=28))


def text(words: str, *, size: int, colour: tuple[int, int, int] = VERMILION, at: tuple[int, int] = (120, 420)) -> Draw:
    def draw(on: ImageDraw.ImageDraw) -> None:
        on.text(at, words, fill=colour, font=ImageFont.load_default(size=size))

    return draw


def shape(
    box: tuple[int, int, int, int],
    *,
    fill: tuple[int, int, int] | None = None,
    outline: tuple[int, int, int] | None = None,
    words: str = "",
    is_round: bool = False,
) -> Draw:
    def draw(on: ImageDraw.ImageDraw) -> None:
        (on.ellipse if is_round else on.rectangle)(box, fill=fill, outline=outline, width=6)
        if words:
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            on.text(middle, words, fill="white" if fill else outline, font=ImageFont.load_default(size=40), anchor="mm")

    return draw


BLUE, ORANGE, GREEN = (40, 60, 190), (240, 130, 20), (20, 130, 60)
SQUARE = (400, 400, 540, 540)


class TestNotFound:
    @pytest.mark.parametrize(
        "draw",
        [
            pytest.param(text("385,000", size=60), id="a red total"),
            pytest.param(text("-12,000", size=28), id="a red negative amount"),
            pytest.param(text("INVOICE", size=110), id="a red heading"),
            pytest.param(text("I N V O I C E", size=100), id="a red heading, spaced out"),
            pytest.param(text("R", size=150), id="a large red letter"),
            pytest.param(shape((100, 400, 900, 470), fill=VERMILION, words="TOTAL 385,000"), id="a red band"),
            pytest.param(shape(SQUARE, fill=VERMILION, words="Y"), id="a red badge"),
            pytest.param(shape(SQUARE, fill=VERMILION, words="Y", is_round=True), id="a round red badge"),
            pytest.param(table, id="a red table"),
            pytest.param(shape(SQUARE, outline=VERMILION), id="an empty red box"),
            pytest.param(shape((120, 400, 420, 460), outline=VERMILION, words="385,000"), id="an amount in a red box"),
            pytest.param(shape((300, 300, 700, 680), outline=VERMILION, words="note"), id="a large red box"),
            pytest.param(shape((400, 400, 440, 440), outline=VERMILION, words="1"), id="a number in a small ring"),
            pytest.param(shape(SQUARE, outline=ORANGE, words="Y"), id="an orange logo"),
            pytest.param(shape(SQUARE, outline=GREEN, words="Y"), id="a green logo"),
            pytest.param(shape(SQUARE, outline=BLUE, words="Y"), id="a blue logo"),
            pytest.param(text("Sample Trading", size=60, colour=BLUE), id="blue text"),
        ],
    )
    def test_other_things_in_colour(self, draw: Draw) -> None:
        pixels = drawn(draw)
        for seen in (pixels, jpeg(pixels, quality=50), photographed(pixels)):
            assert find_stamps(seen, DPI) == ()

    def test_a_black_seal_of_a_grey_scan(self) -> None:
        grey = cv2.cvtColor(cv2.cvtColor(stamped(page(), CENTRE), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        assert find_stamps(np.asarray(grey, np.uint8), DPI) == ()

    @pytest.mark.parametrize("size", [(1, 1), (8, 3000), (40, 40)])
    def test_on_pages_too_small_for_one(self, size: tuple[int, int]) -> None:
        assert find_stamps(np.full((*size, 3), 200, np.uint8), DPI) == ()
        assert find_stamps(np.full((*size, 3), VERMILION, np.uint8), 0) == ()

    def test_in_red_specks(self) -> None:
        pixels = page()
        specks = np.random.default_rng(3).random(pixels.shape[:2]) < 0.02
        pixels[specks] = VERMILION
        assert find_stamps(pixels, DPI) == ()


class TestLifted:
    @pytest.mark.parametrize("strength", [0.4, 0.85, 1.0])
    @pytest.mark.parametrize("tilt_deg", [0, 7])
    def test_ink_is_gone_and_print_is_as_it_was(self, strength: float, tilt_deg: int) -> None:
        before = page()
        pixels = stamped(before, CENTRE, strength=strength, tilt_deg=tilt_deg)
        lifted = without_stamps(pixels, find_stamps(pixels, DPI))
        assert np.abs(pixels.astype(int) - before).max() > 60
        # Soft edges of letters under soft edges of ink are off by a little.
        difference = np.abs(lifted.astype(int) - before)
        assert difference.mean() < 0.1
        assert np.percentile(difference[difference > 0], 95) < 60
        black = (before == 0).all(axis=2)
        assert lifted[black].max() < 90

    def test_under_a_lamp_paper_comes_in_the_place_of_ink(self) -> None:
        clean, pixels = photographed(page()), photographed(stamped(page(), CENTRE))
        lifted = without_stamps(pixels, find_stamps(pixels, DPI))
        box = bounds(find_stamps(pixels, DPI)[0].quad)
        region = np.s_[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
        before, after = (np.abs(seen[region].astype(int) - clean[region]).mean() for seen in (pixels, lifted))
        assert after < before / 3

    def test_the_rest_of_the_page_is_left_alone(self) -> None:
        pixels = stamped(page(), CENTRE)
        before = pixels.copy()
        stamps = find_stamps(pixels, DPI)
        lifted = without_stamps(pixels, stamps)
        assert np.array_equal(pixels, before)
        box = bounds(stamps[0].quad)
        outside = np.ones(pixels.shape[:2], np.bool_)
        outside[int(box.top) - 12 : int(box.bottom) + 12, int(box.left) - 12 : int(box.right) + 12] = False
        assert np.array_equal(lifted[outside], pixels[outside])

    def test_a_page_without_stamps_is_not_copied(self) -> None:
        pixels = page()
        assert without_stamps(pixels, ()) is pixels

    def test_a_frame_is_no_ruling_any_more(self) -> None:
        pixels = stamped(np.full((2339, 1654, 3), 255, np.uint8), CENTRE, side_mm=26)
        assert find_rulings(pixels)
        assert find_rulings(without_stamps(pixels, find_stamps(pixels, DPI))) == ()


class TestTurned:
    @pytest.mark.parametrize("rotation_deg", [90, 180, 270])
    def test_a_stamp_turns_with_its_page(self, rotation_deg: int) -> None:
        pixels = stamped(page(), CENTRE, tilt_deg=5)
        height, width = pixels.shape[:2]
        as_opened = np.ascontiguousarray(np.rot90(pixels, k=rotation_deg // 90))
        turned = turned_stamps(
            find_stamps(as_opened, DPI),
            rotation_deg=rotation_deg,
            width_px=as_opened.shape[1],
            height_px=as_opened.shape[0],
        )
        assert (width, height) == (1000, 700)
        assert np.array(turned[0].quad) == pytest.approx(np.array(find_stamps(pixels, DPI)[0].quad), abs=4)


class TestRows:
    ROWS = ("ABC", "26.2.19", "DE")

    @pytest.mark.parametrize("is_round", [False, True])
    @pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
    def test_each_row_is_cut_out_where_it_stands(self, rotation_deg: int, is_round: bool) -> None:
        pixels = stamped(page(), CENTRE, side_mm=26, rows=self.ROWS, is_round=is_round)
        (stamp,) = find_stamps(pixels, DPI)
        as_opened = np.ascontiguousarray(np.rot90(pixels, k=rotation_deg // 90))
        rows = stamp_rows(as_opened, stamp, rotation_deg=rotation_deg)
        assert len(rows) == len(self.ROWS)
        centres = [np.mean(row.quad, axis=0) for row in rows]
        pitch = (0.5 if is_round else 0.75) * 26 * MM / 3
        for number, centre in enumerate(centres):
            assert centre == pytest.approx((CENTRE[0], CENTRE[1] + (number - 1) * pitch), abs=6)
        for row in rows:
            assert row.crop.shape[0] == 48
            assert row.crop.max() == 255
            assert row.crop.min() < 100

    def test_bars_between_the_rows_are_no_rows(self) -> None:
        pixels = stamped(page(), CENTRE, side_mm=26, rows=(" ", "26.2.19", " "), is_round=True)
        ink = np.zeros(pixels.shape[:2], np.bool_)
        for y in (-28, 28):
            ink[CENTRE[1] + y : CENTRE[1] + y + 4, CENTRE[0] - 95 : CENTRE[0] + 95] = True
        pixels[ink] = VERMILION
        (stamp,) = find_stamps(pixels, DPI)
        (row,) = stamp_rows(pixels, stamp)
        assert bounds(row.quad).height < 50

    def test_print_beneath_is_not_in_the_crop(self) -> None:
        blank = np.full((700, 1000, 3), 255, np.uint8)
        over_print, alone = (
            stamped(below, CENTRE, side_mm=26, rows=self.ROWS, is_round=True) for below in (page(), blank)
        )
        (stamp,) = find_stamps(alone, DPI)
        wanted, found = stamp_rows(alone, stamp), stamp_rows(over_print, stamp)
        assert len(found) == len(wanted)
        for one, other in zip(wanted, found, strict=True):
            # White for black print between the letters; where it crosses them, ink cannot be told from it.
            width = min(one.crop.shape[1], other.crop.shape[1])
            assert other.crop[:, :width].mean() == pytest.approx(one.crop[:, :width].mean(), abs=25)
            assert (other.crop < 40).mean() <= (one.crop < 40).mean() + 0.02
