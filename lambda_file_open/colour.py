"""From any colour a file may hold to RGB on white, in strips, straight into the page's memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lambda_file_open.decoding import Allocate

    ReadStrip = Callable[[int, int], NDArray[np.uint8]]

# Converted a strip at a time: beside the decoded image itself, only this much memory is needed, and it stays in cache.
_STRIP_PIXELS = 1 << 18

# Orientation to the steps in which stored rows and columns run over the canvas (5 to 8: over the canvas transposed).
_RUNS_BACK = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}

MAX_PROFILED_PIXELS = 16_000_000
"""An RGB or grey image above this keeps its colours as stored: a profile costs 20 ns a pixel (0.3 s at this size) and
moves RGB colours little. CMYK is always converted by its profile, because without one it looks wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepGrey:
    """What a grey pixel's number of 16 or 32 bits means, where Pillow does not say it."""

    white_is_zero: bool = False
    unsigned: bool = False
    """Pillow's 32-bit pixels have a sign; the file's have none."""
    transparent: int | None = None
    """The number that stands for "nothing here"."""


_PLAIN = DeepGrey()


def write_rgb(
    image: Image.Image, allocate: Allocate, *, orientation: int = 1, deep_grey: DeepGrey = _PLAIN
) -> tuple[int, int]:
    """Write a loaded image into page memory as RGB on white, turned upright.

    Args:
        image: Any mode that Pillow decodes to, loaded.
        allocate: Where the page's memory comes from.
        orientation: EXIF orientation, 1 to 8, by which the stored rows are turned.
        deep_grey: How to read grey of more than 8 bits.

    Returns:
        The page's width and height in pixels.
    """
    width_px, height_px = image.size
    read_strip = _strip_reader(image, deep_grey)
    canvas = allocate(width_px, height_px) if orientation >= 5 else allocate(height_px, width_px)
    stored = as_stored(canvas, orientation)
    strip_height_px = max(1, _STRIP_PIXELS // width_px)
    for top in range(0, height_px, strip_height_px):
        bottom = min(height_px, top + strip_height_px)
        stored[top:bottom] = read_strip(top, bottom)
    return canvas.shape[1], canvas.shape[0]


def as_stored(canvas: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A view of an upright (H, W, 3) canvas whose rows and columns run as the file stores them (EXIF 2.32, 4.6.4)."""
    view = canvas.transpose(1, 0, 2) if orientation >= 5 else canvas
    rows_back, columns_back = _RUNS_BACK.get(orientation, (1, 1))
    return view[::rows_back, ::columns_back]


def fill_unset_alpha(image: Image.Image) -> None:
    """Make an image opaque whose alpha is zero throughout: for formats whose writers leave the fourth byte unset.

    Taken at its word, such a file is a blank page.
    """
    if image.mode in {"LA", "RGBA"} and image.getchannel("A").getextrema() == (0, 0):
        image.putalpha(255)


def _strip_reader(image: Image.Image, deep_grey: DeepGrey) -> ReadStrip:
    """A function that gives the rows from ``top`` to ``bottom`` as (rows, W, 3) RGB on white."""
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        return _deep_grey_reader(np.asarray(image), deep_grey)
    transform = _profile_transform(image)
    transparent = image.has_transparency_data

    def read_strip(top: int, bottom: int) -> NDArray[np.uint8]:
        strip = image.crop((0, top, image.width, bottom))
        alpha = None
        if transparent:
            # Grey with its alpha multiplied in has one way out only.
            strip = (strip.convert("LA") if strip.mode == "La" else strip).convert("RGBA")
            alpha = strip.getchannel("A")
            strip = strip.convert("RGB")
        if transform is not None:
            strip = ImageCms.applyTransform(strip.convert(transform.input_mode), transform) or strip
        elif strip.mode != "RGB":
            strip = strip.convert("RGB")
        if alpha is not None:
            white = Image.new("RGB", strip.size, (255, 255, 255))
            white.paste(strip, mask=alpha)
            strip = white
        return np.asarray(strip)

    return read_strip


def _deep_grey_reader(values: NDArray[np.generic], meaning: DeepGrey) -> ReadStrip:
    """Grey of 16 or 32 bits to 8: by the depth that its brightest pixel shows, so that 12-bit scans are not black."""
    if meaning.unsigned and values.dtype == np.int32:
        values = values.view(np.uint32)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not np.isfinite([low, high]).all():
        low, high = 0.0, 1.0
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 65_535:
        # Where white is zero, small numbers are a bright page.
        low, high = 0.0, 65_535.0 if high > 4095 or meaning.white_is_zero else 4095.0 if high > 255 else 255.0
    elif low >= 0:
        low = 0.0
    scale = 255.0 / (high - low) if high > low else 0.0

    def read_strip(top: int, bottom: int) -> NDArray[np.uint8]:
        strip = np.nan_to_num(values[top:bottom].astype(np.float32), nan=low)
        grey = np.clip((strip - low) * scale + 0.5, 0, 255).astype(np.uint8)
        if meaning.white_is_zero:
            grey = 255 - grey
        if meaning.transparent is not None:
            grey[values[top:bottom] == meaning.transparent] = 255
        return np.broadcast_to(grey[:, :, None], (*grey.shape, 3))

    return read_strip


def _profile_transform(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """How to bring the image's own colours to sRGB, where it has a usable profile and it is worth the time.

    A broken profile is as good as none: the picture is still there.
    """
    if image.mode == "LAB":
        return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    profile_bytes = image.info.get("icc_profile")
    mode = "CMYK" if image.mode == "CMYK" else "L" if image.mode in {"1", "L"} else "RGB"
    too_many = mode != "CMYK" and image.width * image.height > MAX_PROFILED_PIXELS
    if too_many or not isinstance(profile_bytes, bytes) or not profile_bytes:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes))
        space = profile.profile.xcolor_space.strip()
        already_srgb = mode == "RGB" and "srgb" in (profile.profile.profile_description or "").lower()
        if already_srgb or space != {"CMYK": "CMYK", "L": "GRAY", "RGB": "RGB"}[mode]:
            return None
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
