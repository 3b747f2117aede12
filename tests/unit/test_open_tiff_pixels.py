"""TIFF: what scanners, faxes and photo programs write comes out as what it shows."""

from __future__ import annotations

import dataclasses
import io
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from ocr_core.contracts.document import OpenLimits
from tests.support.open_samples import corners, decode_one, saved
from tests.support.tiff_samples import (
    BLACK_IS_ZERO,
    CMYK,
    JPEG,
    LAB,
    LONG,
    OLD_DEFLATE,
    OLD_JPEG,
    PALETTE,
    RATIONAL,
    RGB,
    SHORT,
    WHITE_IS_ZERO,
    YCBCR,
    TiffPage,
    tiff,
)

GREYS = np.array([[0, 51, 102], [153, 204, 255]], dtype=np.uint8)


def grey_page(data: bytes, *, bits: int, photometric: int = BLACK_IS_ZERO, **more: object) -> TiffPage:
    return TiffPage(width_px=3, height_px=2, bits=(bits,), photometric=photometric, data=[data], **more)  # type: ignore[arg-type]


def rgb_page(data: Sequence[bytes], *, bits: int = 8, photometric: int = RGB, **more: object) -> TiffPage:
    """``corners``, in three samples of so many bits."""
    return TiffPage(width_px=80, height_px=40, bits=(bits,) * 3, photometric=photometric, data=data, **more)  # type: ignore[arg-type]


def assert_corners(pixels: np.ndarray, tolerance: int = 0) -> None:
    expected = np.asarray(corners()).astype(int)
    for y, x in [(10, 20), (10, 60), (30, 60), (30, 20)]:
        assert np.abs(pixels[y, x] - expected[y, x]).max() <= tolerance


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize("number", ["u1", "u2", "f4"])
def test_grey_of_every_depth_in_either_byte_order(order: str, photometric: int, number: str) -> None:
    stored = GREYS if photometric == BLACK_IS_ZERO else 255 - GREYS
    scale = {"u1": 1, "u2": 257, "f4": 1 / 255}[number]
    data = (stored * np.dtype(number).type(scale)).astype(order + number).tobytes()
    more = {339: (SHORT, [3])} if number == "f4" else {}
    page = grey_page(data, bits=8 * int(number[1]), photometric=photometric, more=more)
    _, pixels = decode_one(tiff(page, order=order))
    np.testing.assert_array_equal(pixels[:, :, 0], GREYS)


def test_a_bright_page_whose_white_is_zero_stays_bright() -> None:
    data = np.array([[0, 100, 200], [4000, 3000, 0]], dtype="<u2").tobytes()
    _, pixels = decode_one(tiff(grey_page(data, bits=16, photometric=WHITE_IS_ZERO)))
    assert pixels.min() >= 239


def test_grey_of_32_bits_without_a_sign() -> None:
    data = (GREYS.astype("<u4") * 0x0101_0101).tobytes()
    _, pixels = decode_one(tiff(grey_page(data, bits=32)))
    np.testing.assert_array_equal(pixels[:, :, 0], GREYS)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("fill_order", [1, 2])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
def test_grey_of_few_bits(bits: int, fill_order: int, photometric: int) -> None:
    highest = 2**bits - 1
    levels = np.arange(8) % (highest + 1)
    packed = int("".join(f"{level:0{bits}b}" for level in levels), 2).to_bytes(bits, "big")
    if fill_order == 2:
        packed = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed)
    page = TiffPage(
        width_px=8, height_px=1, bits=(bits,), photometric=photometric, data=[packed], more={266: (SHORT, [fill_order])}
    )
    _, pixels = decode_one(tiff(page))
    shown = levels * 255 // highest
    assert pixels[0, :, 0].tolist() == (shown if photometric == BLACK_IS_ZERO else 255 - shown).tolist()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_rgb_together_or_in_planes(order: str, planes: int, bits: int) -> None:
    samples = np.asarray(corners()).astype(order + f"u{bits // 8}") * (257 if bits == 16 else 1)
    samples = samples.astype(order + f"u{bits // 8}")
    data = [samples.tobytes()] if planes == 1 else [samples[:, :, band].tobytes() for band in range(3)]
    _, pixels = decode_one(tiff(rgb_page(data, bits=bits, more={284: (SHORT, [planes])}), order=order))
    np.testing.assert_array_equal(pixels, np.asarray(corners()))


def test_sixteen_bits_of_colour_keep_the_high_byte() -> None:
    samples = np.full((40, 80, 3), 0x80FF, dtype="<u2")
    _, pixels = decode_one(tiff(rgb_page([samples.tobytes()], bits=16)))
    assert set(np.unique(pixels)) == {0x80}


def test_tiles() -> None:
    whole = np.zeros((48, 96, 3), dtype=np.uint8)
    whole[:40, :80] = np.asarray(corners())
    data = [whole[y : y + 16, x : x + 16].tobytes() for y in range(0, 48, 16) for x in range(0, 96, 16)][:]
    needed = [data[row * 6 + column] for row in range(3) for column in range(5)]
    _, pixels = decode_one(tiff(rgb_page(needed, tile_px=16)))
    np.testing.assert_array_equal(pixels, np.asarray(corners()))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_a_predictor(compression: str, mode: str) -> None:
    grey = np.asarray(corners().convert("L"))
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else corners().convert(mode)
    _, pixels = decode_one(saved(image, "TIFF", compression=compression, tiffinfo={317: 2}))
    np.testing.assert_array_equal(
        pixels, np.asarray(corners() if mode == "RGB" else corners().convert("L").convert("RGB"))
    )


def test_the_old_number_of_deflate() -> None:
    document = tiff(rgb_page([zlib.compress(corners().tobytes())], compression=OLD_DEFLATE))
    np.testing.assert_array_equal(decode_one(document)[1], np.asarray(corners()))


def test_jpeg_as_the_first_version_of_tiff_had_it() -> None:
    jpeg = saved(corners(), "JPEG", quality=95)
    page = rgb_page([jpeg], photometric=YCBCR, compression=OLD_JPEG, more={530: (SHORT, [2, 2])})
    document = tiff(page)
    at = document.index(jpeg[:4])
    interchange = {513: (LONG, [at]), 514: (LONG, [len(jpeg)])}
    document = tiff(dataclasses.replace(page, more={**page.more, **interchange}))
    assert document.index(jpeg[:4]) == at
    assert_corners(decode_one(document)[1], tolerance=12)


def test_jpeg_with_subsampled_colour() -> None:
    jpeg = saved(corners(), "JPEG", quality=95, subsampling="4:2:0")
    page = rgb_page([jpeg], photometric=YCBCR, compression=JPEG, more={530: (SHORT, [2, 2])})
    assert_corners(decode_one(tiff(page))[1], tolerance=12)


def test_subsampled_colour_that_is_not_compressed() -> None:
    ycc = np.asarray(corners().convert("YCbCr"))
    data = bytearray()
    for y in range(0, 40, 2):
        for x in range(0, 80, 2):
            data += ycc[y : y + 2, x : x + 2, 0].tobytes() + ycc[y, x, 1:].tobytes()
    page = rgb_page([bytes(data)], photometric=YCBCR, more={530: (SHORT, [2, 2])})
    assert_corners(decode_one(tiff(page))[1], tolerance=3)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("high", [257, 1], ids=["16-bit map", "8-bit map"])
def test_palettes(bits: int, high: int) -> None:
    colours = [(200, 0, 0), (0, 200, 100)] + [(0, 0, 0)] * (2**bits - 2)
    colour_map = [colour[band] * high for band in range(3) for colour in colours]
    packed = {1: b"\x40", 2: b"\x10", 4: b"\x01", 8: b"\x00\x01"}[bits]
    page = TiffPage(
        width_px=2, height_px=1, bits=(bits,), photometric=PALETTE, data=[packed], more={320: (SHORT, colour_map)}
    )
    _, pixels = decode_one(tiff(page))
    assert pixels[0].tolist() == [[200, 0, 0], [0, 200, 100]]


# ExtraSamples: 0 says nothing, 1 is alpha multiplied in, 2 is plain alpha; without the tag, a fourth sample is a guess.
@pytest.mark.parametrize(
    ("extra", "stored", "expected"),
    [
        (0, (100, 50, 0, 0), (100, 50, 0)),
        (1, (100, 50, 0, 128), (227, 177, 127)),
        (2, (200, 100, 0, 128), (227, 177, 127)),
        (2, (200, 100, 0, 0), (255, 255, 255)),
        (None, (100, 50, 0, 0), (100, 50, 0)),
        (None, (200, 100, 0, 255), (200, 100, 0)),
    ],
)
def test_a_fourth_sample(extra: int | None, stored: tuple[int, ...], expected: tuple[int, ...]) -> None:
    more = {} if extra is None else {338: (SHORT, [extra])}
    page = TiffPage(width_px=2, height_px=1, bits=(8,) * 4, photometric=RGB, data=[bytes(stored * 2)], more=more)
    _, pixels = decode_one(tiff(page))
    assert np.abs(pixels[0, 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("extra", "grey"), [(1, 50), (2, 100)])
def test_grey_with_alpha(extra: int, grey: int) -> None:
    page = TiffPage(
        width_px=1,
        height_px=1,
        bits=(8, 8),
        photometric=BLACK_IS_ZERO,
        data=[bytes([grey, 128])],
        more={338: (SHORT, [extra])},
    )
    assert abs(int(decode_one(tiff(page))[1][0, 0, 0]) - 177) <= 1


def test_cmyk_of_16_bits_and_lab() -> None:
    data = np.array([0, 65535, 65535, 0, 0, 0, 0, 0], dtype="<u2").tobytes()
    cmyk = TiffPage(width_px=2, height_px=1, bits=(16,) * 4, photometric=CMYK, data=[data])
    assert decode_one(tiff(cmyk))[1][0].tolist() == [[255, 0, 0], [255, 255, 255]]
    lab = TiffPage(width_px=2, height_px=1, bits=(8,) * 3, photometric=LAB, data=[bytes([255, 0, 0, 136, 0, 0])])
    white, grey = decode_one(tiff(lab))[1][0].tolist()
    assert min(white) >= 254
    # L* = 53.3 is the grey of half of sRGB's numbers.
    assert np.abs(np.array(grey) - 127).max() <= 2


def test_a_fax_without_ends_of_lines() -> None:
    bits = np.ones((40, 64), dtype=bool)
    bits[10:30, 8:40] = False
    fax = saved(Image.fromarray(bits), "TIFF", compression="group3")
    with Image.open(io.BytesIO(fax)) as image:
        (at,), (count,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
        photometric = image.tag_v2[262]  # type: ignore[attr-defined]
    code = "".join(f"{byte:08b}" for byte in fax[at : at + count]).replace("000000000001", "")
    code += "0" * (-len(code) % 8)
    data = int(code, 2).to_bytes(len(code) // 8, "big")
    page = TiffPage(width_px=64, height_px=40, bits=(1,), photometric=photometric, data=[data], compression=3)
    np.testing.assert_array_equal(decode_one(tiff(page))[1][:, :, 0] == 255, bits)


@pytest.mark.parametrize("unit", [2, 3], ids=["inches", "centimetres"])
def test_the_resolution_in_either_unit(unit: int) -> None:
    stated = [300, 1] if unit == 2 else [11811, 100]
    more = {282: (RATIONAL, stated), 283: (RATIONAL, stated), 296: (SHORT, [unit])}
    page, _ = decode_one(tiff(grey_page(GREYS.tobytes(), bits=8, more=more)))
    assert page.dpi == 300


# ITU-T T.4: 204 dots to the inch along a line, and 98, 196 or 391 lines.
@pytest.mark.parametrize(
    ("x_dpi", "y_dpi", "orientation", "size", "dpi"),
    [
        (204, 98, 1, (60, 83), 204),
        (204, 196, 1, (60, 40), 204),
        (204, 391, 1, (115, 40), 391),
        (204, 98, 6, (83, 60), 204),
        (300, 20, 1, (60, 40), 300),
        (1200, 200, 1, (60, 40), 1200),
    ],
)
def test_a_fax_is_as_high_as_its_paper(
    x_dpi: int, y_dpi: int, orientation: int, size: tuple[int, int], dpi: int
) -> None:
    image = Image.new("1", (60, 40), 1)
    image.paste(0, (0, 0, 30, 20))
    document = saved(image, "TIFF", compression="group4", dpi=(x_dpi, y_dpi), tiffinfo={274: orientation})
    page, pixels = decode_one(document)
    assert (page.width_px, page.height_px, page.dpi) == (*size, dpi)
    dark = pixels[:, :, 0] < 128
    assert dark.mean() == pytest.approx(0.25, abs=0.02)


def test_a_fax_that_would_be_over_the_limit_is_left_as_it_is() -> None:
    document = saved(Image.new("1", (60, 40), 1), "TIFF", dpi=(204, 98))
    page, _ = decode_one(document, limits=OpenLimits(max_image_pixels=60 * 40))
    assert (page.width_px, page.height_px, page.dpi) == (60, 40, 204)
