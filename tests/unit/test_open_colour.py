"""Colours: what a profile says is what is seen, and what lies on nothing lies on white."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from lambda_file_open.colour import MAX_PROFILED_PIXELS
from tests.support.heif_samples import coded_corners, one_picture, profile
from tests.support.icc_samples import (
    ADOBE_RGB_TO_XYZ,
    DISPLAY_P3_TO_XYZ,
    SRGB_TO_XYZ,
    cmyk_profile,
    grey_profile,
    linear_of_srgb,
    rgb_profile,
    srgb_of_lab,
    srgb_of_xyz,
)
from tests.support.open_samples import decode_one, saved

LINEAR = rgb_profile(SRGB_TO_XYZ, gamma=1.0)
ADOBE_GAMMA = 563 / 256
PATCHES = [(200, 60, 60), (60, 160, 80), (90, 90, 200), (128, 128, 128), (250, 240, 200)]

# A printer made up, within what sRGB can show.
INKS = {
    (0, 0, 0, 0): (100, 0, 0),
    (1, 0, 0, 0): (60, -20, -30),
    (0, 1, 0, 0): (52, 50, 0),
    (0, 0, 1, 0): (88, -5, 60),
    (0, 1, 1, 0): (50, 48, 30),
    (0, 0, 0, 1): (18, 0, 0),
}


def flat(colour: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (16, 16), colour)


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_display_p3_looks_as_it_does_on_its_own_display(kind: str, patch: tuple[int, int, int]) -> None:
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    if kind == "JPEG":
        options = {"quality": 100, "subsampling": 0}
    document = saved(flat(patch), kind, icc_profile=rgb_profile(DISPLAY_P3_TO_XYZ), **options)
    expected = srgb_of_xyz(DISPLAY_P3_TO_XYZ @ linear_of_srgb(patch))
    assert np.abs(decode_one(document)[1][8, 8] - expected).max() <= 3


@pytest.mark.parametrize("patch", PATCHES)
def test_adobe_rgb(patch: tuple[int, int, int]) -> None:
    document = saved(flat(patch), "PNG", icc_profile=rgb_profile(ADOBE_RGB_TO_XYZ, gamma=ADOBE_GAMMA))
    expected = srgb_of_xyz(ADOBE_RGB_TO_XYZ @ (np.array(patch) / 255) ** ADOBE_GAMMA)
    assert np.abs(decode_one(document)[1][8, 8] - expected).max() <= 3


def test_grey_with_a_profile() -> None:
    document = saved(flat((128,), "L"), "JPEG", quality=100, icc_profile=grey_profile(1.8))
    expected = srgb_of_xyz(np.array([0.9642, 1.0, 0.8249]) * (128 / 255) ** 1.8)
    assert np.abs(decode_one(document)[1][8, 8] - expected).max() <= 3


def test_a_heic_with_a_profile() -> None:
    _, plain = decode_one(one_picture(coded_corners()))
    _, converted = decode_one(one_picture(coded_corners(), [profile(rgb_profile(DISPLAY_P3_TO_XYZ))]))
    _, flattened = decode_one(one_picture(coded_corners(), [profile(LINEAR)]))
    # Display P3's own blue is a little outside sRGB; green of 128 would be lighter by far, were it linear.
    assert np.abs(plain.astype(int) - converted)[10, 10].max() <= 3
    assert (flattened != plain).any()


# In the Adobe form, which is how every program writes CMYK into JPEG, the numbers are upside down.
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.parametrize(
    ("ink", "expected"),
    [
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 0, 0), (255, 0, 255)),
        ((0, 0, 255, 0), (255, 255, 0)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 0, 0, 128), (127, 127, 127)),
    ],
)
def test_cmyk_without_a_profile_is_ink_that_takes_away_its_own_light(
    kind: str, ink: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    options = {"quality": 100} if kind == "JPEG" else {}
    _, pixels = decode_one(saved(flat(ink, "CMYK"), kind, **options))
    assert np.abs(pixels[8, 8].astype(int) - expected).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.parametrize("inks", INKS)
def test_cmyk_with_a_profile_looks_as_printed(kind: str, inks: tuple[int, int, int, int]) -> None:
    image = flat(tuple(255 * ink for ink in inks), "CMYK")
    options = {"quality": 100} if kind == "JPEG" else {}
    _, pixels = decode_one(saved(image, kind, icc_profile=cmyk_profile(INKS), **options))
    assert np.abs(pixels[8, 8] - srgb_of_lab(*INKS[inks])).max() <= 3


def test_a_profile_is_applied_and_a_broken_one_is_not() -> None:
    grey = flat((128, 128, 128))
    _, plain = decode_one(saved(grey, "PNG"))
    _, corrected = decode_one(saved(grey, "PNG", icc_profile=LINEAR))
    _, broken = decode_one(saved(grey, "PNG", icc_profile=LINEAR[:60]))
    assert plain[0, 0, 0] == broken[0, 0, 0] == 128
    # Half the light is far more than half of an sRGB value.
    assert 180 <= corrected[0, 0, 0] <= 195
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, same = decode_one(saved(grey, "PNG", icc_profile=srgb))
    assert same[0, 0, 0] == 128


def test_a_profile_for_other_colours_is_ignored() -> None:
    _, pixels = decode_one(saved(Image.new("L", (8, 8), 128), "PNG", icc_profile=LINEAR))
    assert pixels[0, 0, 0] == 128


def test_an_image_too_large_for_its_profile_keeps_its_colours() -> None:
    side = int(MAX_PROFILED_PIXELS**0.5) + 1
    image = Image.new("RGB", (side, side), (128, 128, 128))
    _, pixels = decode_one(saved(image, "PNG", icc_profile=LINEAR, compress_level=1))
    assert pixels[0, 0, 0] == 128


def test_a_profile_and_transparency_together() -> None:
    image = Image.new("RGBA", (2, 1), (128, 128, 128, 0))
    image.putpixel((0, 0), (128, 128, 128, 255))
    _, pixels = decode_one(saved(image, "PNG", icc_profile=LINEAR))
    assert 180 <= pixels[0, 0, 0] <= 195
    assert pixels[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("alpha", [0, 1, 64, 128, 254, 255])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_on_white(kind: str, alpha: int) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    image = Image.new("RGBA", (2, 1), (200, 100, 0, 255))
    image.putpixel((0, 0), (200, 100, 0, alpha))
    _, pixels = decode_one(saved(image, kind, **options))
    expected = 255 - (255 - np.array([200, 100, 0])) * alpha / 255
    assert np.abs(pixels[0, 0] - expected).max() <= 1
