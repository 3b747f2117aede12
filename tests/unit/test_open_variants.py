"""Images of one page as telephones and other programs write them, which Pillow's own writers do not."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from lambda_file_open.decoding import OpeningFailed
from lambda_file_open.sniff import sniff
from ocr_core.contracts.document import MediaType
from ocr_core.contracts.opening_wire import Failure, PageNotice
from tests.support.open_samples import corners, decode, decode_one, png, saved

ARITHMETIC_JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYU"
    "GBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/yQARCAAQABAD"
    "AREAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/ANlJHFQSonTeZL+bZisZ3uhXzMeYg39dBP/Z"
)
"""The middle of ``corners``, 16 x 16."""


def assert_corners(pixels: np.ndarray, tolerance: int) -> None:
    expected = np.asarray(corners()).astype(int)
    assert pixels.shape == expected.shape
    for y, x in [(10, 20), (10, 60), (30, 60), (30, 20)]:
        assert np.abs(pixels[y, x] - expected[y, x]).max() <= tolerance


def test_a_jpeg_in_arithmetic_code() -> None:
    _, pixels = decode_one(ARITHMETIC_JPEG)
    for (y, x), expected in {
        (2, 2): (255, 0, 0),
        (2, 13): (0, 255, 0),
        (13, 13): (0, 0, 255),
        (13, 2): (0, 0, 0),
    }.items():
        assert np.abs(pixels[y, x].astype(int) - expected).max() <= 25


def test_a_jpeg_of_rgb_and_one_of_grey() -> None:
    assert_corners(decode_one(saved(corners(), "JPEG", quality=95, keep_rgb=True))[1], 4)
    grey = corners().convert("L")
    _, pixels = decode_one(saved(grey, "JPEG", quality=95))
    assert np.abs(pixels[10, 20].astype(int) - 76).max() <= 3


def test_a_jpeg_with_rubbish_between_its_restart_marks() -> None:
    document = saved(corners(), "JPEG", quality=95, restart_marker_blocks=2)
    at = document.index(b"\xff\xd1")
    assert_corners(decode_one(document[:at] + bytes(range(1, 40)) + document[at:] + b"rubbish" * 99)[1], 12)


def test_a_telephones_file_of_several_jpegs_shows_the_first() -> None:
    document = saved(corners(), "MPO", save_all=True, append_images=[Image.new("RGB", (80, 40))], quality=95)
    assert sniff(document) is MediaType.JPEG
    page, pixels = decode_one(document)
    assert page.notices == PageNotice.NONE
    assert_corners(pixels, 12)


@pytest.mark.parametrize("exif", [b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0" + b"\xff" * 40])
def test_a_jpeg_with_broken_exif_is_read_as_it_lies(exif: bytes) -> None:
    assert_corners(decode_one(saved(corners(), "JPEG", quality=95, exif=exif))[1], 12)


def test_a_jpeg_of_12_bits_is_not_taken_for_one_of_8() -> None:
    document = bytearray(saved(corners(), "JPEG"))
    document[document.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(OpeningFailed) as caught:
        decode(bytes(document))
    assert caught.value.failure is Failure.UNREADABLE


@pytest.mark.parametrize(("unit", "stated", "expected"), [(1, 300, 300), (2, 118, 300), (0, 300, 0)])
def test_a_jpegs_resolution_in_its_unit(unit: int, stated: int, expected: int) -> None:
    document = bytearray(saved(corners(), "JPEG"))
    at = document.index(b"JFIF\0") + 7
    struct.pack_into(">BHH", document, at, unit, stated, stated)
    assert decode_one(bytes(document))[0].dpi == expected


@pytest.mark.parametrize(("depth", "greys"), [(1, [0, 255]), (2, [0, 85, 170, 255]), (4, [0, 17, 136, 255])])
def test_a_png_of_few_bits(depth: int, greys: list[int]) -> None:
    levels = [grey * (2**depth - 1) // 255 for grey in greys]
    row = int("".join(f"{level:0{depth}b}" for level in levels).ljust(16, "0"), 2).to_bytes(2, "big")
    document = png(width=len(levels), height=1, depth=depth, colour=0, data=zlib.compress(b"\0" + row))
    assert decode_one(document)[1][0, :, 0].tolist() == greys


def test_an_interlaced_png_and_what_follows_its_end() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    # Adam7: start and step across and down, for each of the seven passes.
    passes = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
    parts = [pixels[y::y_step, x::x_step] for x, x_step, y, y_step in passes]
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for part in parts for row in part))
    document = png(width=8, height=8, depth=8, colour=2, data=data, interlaced=True) + b"rubbish" * 99
    np.testing.assert_array_equal(decode_one(document)[1], pixels)


# The transparent colour is stated in the file's own depth.
@pytest.mark.parametrize(
    ("depth", "colour", "row", "transparent"),
    [
        (2, 0, b"\x10", struct.pack(">H", 0)),
        (4, 0, b"\x4f", struct.pack(">H", 4)),
        (8, 0, b"\x14\x1e", struct.pack(">H", 20)),
        (16, 0, struct.pack(">2H", 20_000, 40_000), struct.pack(">H", 20_000)),
        (8, 2, bytes([1, 2, 3, 4, 5, 6]), struct.pack(">3H", 1, 2, 3)),
        (16, 2, struct.pack(">6H", 258, 515, 772, 9, 9, 9), struct.pack(">3H", 258, 515, 772)),
    ],
)
def test_a_pngs_transparent_colour_is_white(depth: int, colour: int, row: bytes, transparent: bytes) -> None:
    data = zlib.compress(b"\0" + row)
    plain = decode_one(png(width=2, height=1, depth=depth, colour=colour, data=data))[1]
    assert plain[0, 0].tolist() != [255, 255, 255]
    _, pixels = decode_one(png(width=2, height=1, depth=depth, colour=colour, data=data, transparent=transparent))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 1].tolist() == plain[0, 1].tolist()


def test_a_palette_with_half_transparent_colours() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0] * 3)
    image.putdata([0, 1, 2])
    assert decode_one(saved(image, "PNG", transparency=bytes([0, 128, 255])))[1][0, :, 0].tolist() == [255, 127, 0]


def test_where_a_gifs_first_frame_leaves_the_canvas_bare_it_is_white() -> None:
    frame = Image.new("P", (2, 2), 1)
    frame.putpalette([0, 0, 0, 255, 0, 0])
    document = bytearray(saved(frame, "GIF", optimize=False))
    struct.pack_into("<HH", document, 6, 4, 4)
    struct.pack_into("<HH", document, document.index(b",\0\0\0\0") + 1, 1, 1)
    _, pixels = decode_one(bytes(document))
    red = (pixels == (255, 0, 0)).all(axis=2)
    assert np.argwhere(red).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert (pixels[~red] == 255).all()


def test_an_interlaced_gif_and_one_with_a_transparent_colour() -> None:
    image = corners().quantize(4)
    np.testing.assert_array_equal(decode_one(saved(image, "GIF", interlace=1))[1], np.asarray(corners()))
    black = image.getpixel((0, 39))
    _, pixels = decode_one(saved(image, "GIF", transparency=black))
    assert pixels[30, 10].tolist() == [255, 255, 255]
    assert pixels[10, 10].tolist() == [255, 0, 0]


BLACK_AND_WHITE = b"\0\0\0\0\xff\xff\xff\0"
BGRA_MASKS = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF << 24)


# The height's sign (rows from the top), bits, palette, the rows as stored (the seventh in run lengths), masks.
@pytest.mark.parametrize(
    ("height", "bits", "palette", "rows", "masks"),
    [
        (2, 1, BLACK_AND_WHITE, b"\x40\0\0\0\x80\0\0\0", b""),
        (2, 4, BLACK_AND_WHITE * 8, b"\x01\0\0\0\x10\0\0\0", b""),
        (2, 8, BLACK_AND_WHITE * 128, b"\0\1\0\0\1\0\0\0", b""),
        (2, 16, b"", b"\0\0\xff\x7f\xff\x7f\0\0", b""),
        (2, 24, b"", b"\0\0\0\xff\xff\xff\0\0\xff\xff\xff\0\0\0\0\0", b""),
        (-2, 24, b"", b"\xff\xff\xff\0\0\0\0\0\0\0\0\xff\xff\xff\0\0", b""),
        (2, 8, BLACK_AND_WHITE * 128, b"\1\0\1\1\0\0\1\1\1\0\0\0\0\1", b""),
        (2, 32, b"", b"\0\0\0\0\xff\xff\xff\0\xff\xff\xff\0\0\0\0\0", b""),
        (2, 32, b"", b"\0\0\0\0\xff\xff\xff\0\xff\xff\xff\0\0\0\0\0", BGRA_MASKS),
        (2, 32, b"", b"\0\0\0\xff\xff\xff\xff\0\xff\xff\xff\xff\0\0\0\xff", BGRA_MASKS),
    ],
)
def test_a_bmp_of_every_depth(height: int, bits: int, palette: bytes, rows: bytes, masks: bytes) -> None:
    compression = 3 if masks else 1 if len(rows) == 14 else 0
    resolution = 11_811
    header = struct.pack("<IiiHH", 108 if masks else 40, 2, height, 1, bits)
    header += struct.pack("<IIiiII", compression, len(rows), resolution, resolution, len(palette) // 4, 0)
    header += masks.ljust(68, b"\0") if masks else b""
    start = 14 + len(header) + len(palette)
    page, pixels = decode_one(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + palette + rows)
    assert pixels[:, :, 0].tolist() == [[255, 0], [0, 255]]
    assert page.dpi == 300


def test_the_bmp_of_os_2() -> None:
    rows = b"\0\0\0\xff\xff\xff\0\0\xff\xff\xff\0\0\0\0\0"
    header = struct.pack("<IHHHH", 12, 2, 2, 1, 24)
    document = b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + header + rows
    assert decode_one(document)[1][:, :, 0].tolist() == [[255, 0], [0, 255]]


def test_webp_without_and_with_loss() -> None:
    np.testing.assert_array_equal(decode_one(saved(corners(), "WEBP", lossless=True))[1], np.asarray(corners()))
    assert_corners(decode_one(saved(corners(), "WEBP", quality=95))[1], 12)
