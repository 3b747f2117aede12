"""Images of one page: every format and colour comes out as what it shows."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from lambda_file_open.colour import as_stored
from lambda_file_open.decoding import OpeningFailed
from lambda_file_open.sniff import sniff
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import Failure, PageNotice
from tests.support.open_samples import corners, decode, decode_one, png, saved

ORIENTATION = 0x0112


def noise(height: int = 37, width: int = 53, *, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize(
    ("kind", "media_type", "options"),
    [
        ("PNG", MediaType.PNG, {}),
        ("BMP", MediaType.BMP, {}),
        ("TIFF", MediaType.TIFF, {}),
        ("WEBP", MediaType.WEBP, {"lossless": True}),
        ("JPEG", MediaType.JPEG, {"quality": 95}),
        ("JPEG", MediaType.JPEG, {"quality": 95, "progressive": True}),
        ("GIF", MediaType.GIF, {}),
        ("AVIF", MediaType.AVIF, {"quality": 95}),
    ],
)
def test_a_format_is_known_by_its_bytes_and_shows_what_was_saved(
    kind: str, media_type: MediaType, options: dict[str, object]
) -> None:
    document = saved(corners(), kind, **options)
    assert sniff(document) is media_type
    page, pixels = decode_one(document)
    assert (page.width_px, page.height_px) == (80, 40)
    assert page.notices == PageNotice.NONE
    tolerance = {"JPEG": 12, "AVIF": 25}.get(kind, 0)
    # Away from the edges between the colours, where lossy formats blur.
    for y, x in [(10, 20), (10, 60), (30, 60), (30, 20)]:
        expected = np.asarray(corners())[y, x].astype(int)
        assert np.abs(pixels[y, x] - expected).max() <= tolerance


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        (b"avif\x00\x00\x00\x00mif1miaf", MediaType.AVIF),
        (b"mif1\x00\x00\x00\x00mif1avif", MediaType.AVIF),
        (b"mif1\x00\x00\x00\x00mif1heic", MediaType.HEIC),
        (b"isom\x00\x00\x02\x00isomiso2", None),
    ],
)
def test_boxed_files_are_known_by_their_brands(brands: bytes, expected: MediaType | None) -> None:
    assert sniff(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands) is expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"%PDF-1.4\n", MediaType.PDF),
        (b"junk\n" * 100 + b"%PDF-1.4\n", MediaType.PDF),
        (b"\r\n1 0 obj <</Type/Catalog>> endobj", MediaType.PDF),
        (b"just text, called invoice.pdf by somebody", None),
        (b"<html></html>", None),
        (b"PK\x03\x04", None),
        (b"\x00" * 4096, None),
        (b"\n", None),
        (b"MM\x00*", MediaType.TIFF),
        (b"II+\x00", MediaType.TIFF),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"BMW AG, Munich: invoice", None),
        (b"BM" + bytes(12) + b"\x28\x00\x00\x00", MediaType.BMP),
    ],
)
def test_what_bytes_are(document: bytes, expected: MediaType | None) -> None:
    assert sniff(document) is expected


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    image = corners()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    document = saved(image, kind, exif=exif, quality=95) if kind != "TIFF" else _oriented_tiff(image, orientation)
    page, pixels = decode_one(document)
    upright = ImageOps.exif_transpose(_with_orientation(image, orientation))
    assert (page.width_px, page.height_px) == upright.size
    expected = np.asarray(upright).astype(int)
    height, width = expected.shape[:2]
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            assert np.abs(pixels[y, x] - expected[y, x]).max() <= 30


def _with_orientation(image: Image.Image, orientation: int) -> Image.Image:
    turned = image.copy()
    turned.getexif()[ORIENTATION] = orientation
    return turned


def _oriented_tiff(image: Image.Image, orientation: int) -> bytes:
    return saved(image, "TIFF", tiffinfo={274: orientation})


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rows_as_stored_are_the_inverse_of_turning_upright(orientation: int) -> None:
    stored = noise(5, 7)
    upright = np.asarray(ImageOps.exif_transpose(_with_orientation(Image.fromarray(stored), orientation)))
    canvas = np.zeros_like(upright)
    as_stored(canvas, orientation)[:] = stored
    np.testing.assert_array_equal(canvas, upright)


def test_a_large_image_is_written_strip_by_strip() -> None:
    pixels = noise(1500, 900)
    _, decoded = decode_one(saved(Image.fromarray(pixels), "PNG"))
    np.testing.assert_array_equal(decoded, pixels)


def test_one_bit() -> None:
    bits = noise(channels=1)[:, :, 0] > 127
    _, pixels = decode_one(saved(Image.fromarray(bits), "PNG"))
    np.testing.assert_array_equal(pixels[:, :, 0] == 255, bits)
    assert set(np.unique(pixels)) == {0, 255}


def test_sixteen_bit_grey() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    _, pixels = decode_one(saved(Image.fromarray(np.tile(ramp, (4, 1))), "PNG"))
    np.testing.assert_array_equal(pixels[0, :, 1], np.arange(256))


def test_twelve_bits_in_sixteen_are_not_black() -> None:
    ramp = np.linspace(0, 4095, 256).astype(np.uint16)
    _, pixels = decode_one(saved(Image.fromarray(np.tile(ramp, (4, 1))), "TIFF"))
    assert pixels[0, -1].tolist() == [255, 255, 255]


def test_sixteen_bit_rgb() -> None:
    rows = b"".join(b"\x00" + struct.pack(">HHH", 65535, 0, 32768) * 3 for _ in range(2))
    _, pixels = decode_one(png(width=3, height=2, depth=16, colour=2, data=zlib.compress(rows)))
    np.testing.assert_allclose(pixels[0, 0], [255, 0, 128], atol=1)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_thirty_two_bit_grey(mode: str) -> None:
    values = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (4, 1))
    image = Image.fromarray(values if mode == "F" else (values * 1_000_000).astype(np.int32))
    _, pixels = decode_one(saved(image, "TIFF"))
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[0, -1].tolist() == [255, 255, 255]


def test_a_palette_with_a_transparent_colour_is_on_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((0, 0), 1)
    _, pixels = decode_one(saved(image, "PNG", transparency=0))
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparency_is_white(kind: str) -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 16, 32))
    options = {"lossless": True} if kind == "WEBP" else {}
    _, pixels = decode_one(saved(image, kind, **options))
    assert np.abs(pixels[16, 28].astype(int) - [255, 255, 255]).max() <= 4
    assert np.abs(pixels[16, 4].astype(int) - [200, 0, 0]).max() <= 6


def test_half_transparent_grey() -> None:
    _, pixels = decode_one(saved(Image.new("LA", (3, 3), (0, 128)), "PNG"))
    assert pixels[0, 0].tolist() == [127, 127, 127]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_red_is_red_and_paper_is_white(kind: str) -> None:
    image = Image.new("CMYK", (32, 16), (0, 0, 0, 0))
    image.paste((0, 255, 255, 0), (0, 0, 16, 16))
    _, pixels = decode_one(saved(image, kind))
    assert np.abs(pixels[8, 4].astype(int) - [255, 0, 0]).max() <= 6
    assert np.abs(pixels[8, 28].astype(int) - [255, 255, 255]).max() <= 6


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_frame_is_read_and_said_so(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    document = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    page, pixels = decode_one(document)
    assert page.notices == PageNotice.ANIMATION_FIRST_FRAME
    assert np.abs(pixels[16, 16].astype(int) - [255, 0, 0]).max() <= 12


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("PNG", {"dpi": (300, 300)}, 300),
        ("JPEG", {"dpi": (150, 150)}, 150),
        ("TIFF", {"dpi": (600, 600)}, 600),
        ("PNG", {"dpi": (9000, 9000)}, 0),
        ("PNG", {"dpi": (1, 1)}, 0),
        ("PNG", {}, 0),
    ],
)
def test_stated_resolution(kind: str, options: dict[str, object], expected: int) -> None:
    page, _ = decode_one(saved(corners(), kind, **options))
    assert page.dpi == expected


def test_a_jpeg_that_ends_early_is_read_as_far_as_it_goes_and_said_so() -> None:
    document = saved(Image.fromarray(noise(400, 400)), "JPEG", quality=90)
    page, pixels = decode_one(document[: len(document) // 2])
    assert page.notices == PageNotice.IMAGE_TRUNCATED
    assert len(np.unique(pixels[:100])) > 100


def test_a_png_that_ends_early_is_broken() -> None:
    document = saved(Image.fromarray(noise(400, 400)), "PNG")
    with pytest.raises(OpeningFailed) as caught:
        decode(document[: len(document) // 2])
    assert caught.value.failure is Failure.UNREADABLE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_too_many_pixels_are_refused(kind: str) -> None:
    document = saved(Image.new("RGB", (300, 200)), kind)
    with pytest.raises(OpeningFailed) as caught:
        decode(document, limits=OpenLimits(max_image_pixels=59_999))
    assert caught.value.failure is Failure.IMAGE_PIXELS
    before = Image.MAX_IMAGE_PIXELS
    assert len(decode(document, limits=OpenLimits(max_image_pixels=60_000))) == 1
    assert before == Image.MAX_IMAGE_PIXELS, "the limit of one file is nobody else's"


@pytest.mark.parametrize(
    ("width", "height", "failure"),
    [
        (10_000, 10_000, Failure.IMAGE_PIXELS),
        (2**31 - 1, 2**31 - 1, Failure.IMAGE_PIXELS),
        (40_000, 1, Failure.PAGE_SIDE),
    ],
)
def test_a_png_is_refused_by_its_header(width: int, height: int, failure: Failure) -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(png(width=width, height=height, depth=1, colour=0, data=b""))
    assert caught.value.failure is failure


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_cut_or_garbled_file_is_broken_or_a_page_never_a_fault(kind: str) -> None:
    document = saved(Image.fromarray(noise()), kind)
    generator = np.random.default_rng(3)
    for _ in range(60):
        damaged = bytearray(document[: generator.integers(12, len(document))])
        for at in generator.integers(8, len(damaged), 3):
            damaged[at] = generator.integers(0, 256)
        try:
            decode(bytes(damaged), limits=OpenLimits(max_image_pixels=1_000_000))
        except (OpeningFailed, MemoryError):
            continue


def test_a_page_selection_beyond_the_image_is_refused() -> None:
    with pytest.raises(OpeningFailed) as caught:
        decode(saved(corners(), "PNG"), selection="2")
    assert caught.value.failure is Failure.SELECTION


def test_the_file_is_read_from_any_buffer() -> None:
    document = saved(corners(), "PNG")
    for buffer in (bytearray(document), memoryview(document), io.BytesIO(document).getbuffer()):
        _, pixels = decode_one(buffer)  # type: ignore[arg-type]
        assert pixels[0, 0].tolist() == [255, 0, 0]
