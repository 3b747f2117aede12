"""Images of one page: PNG, JPEG, WebP, GIF, BMP, HEIC, AVIF."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from lambda_file_open.colour import DeepGrey, fill_unset_alpha, write_rgb
from lambda_file_open.decoding import Allocate, DecodedPage, OpeningFailed, check_image_size
from lambda_file_open.heif import HeifImageFile
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import Failure, PageNotice

if TYPE_CHECKING:
    from lambda_file_open.decoding import Buffer

# One file is one process of one thread: threads would neither be allowed (RLIMIT_NPROC) nor help a busy machine.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# The plugin classes are called by name, never through ``Image.open``: that would try every format Pillow knows.
_PLUGINS: dict[MediaType, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    MediaType.PNG: PngImagePlugin.PngImageFile,
    MediaType.JPEG: JpegImagePlugin.JpegImageFile,
    MediaType.WEBP: WebPImagePlugin.WebPImageFile,
    MediaType.GIF: GifImagePlugin.GifImageFile,
    MediaType.BMP: BmpImagePlugin.BmpImageFile,
    MediaType.HEIC: HeifImageFile,
    MediaType.AVIF: AvifImagePlugin.AvifImageFile,
}
_ANIMATED = frozenset({MediaType.PNG, MediaType.WEBP, MediaType.GIF, MediaType.AVIF})

_LOWEST_DPI, _HIGHEST_DPI = 50, 2400
"""What a scanner or a renderer may state; outside it, the number is a default or nonsense."""
_EXIF_ORIENTATION = 0x0112
_GREY_STEPS = {"L;2": 85, "L;4": 17}
"""From one grey to the next, when 2 or 4 bits have become 8."""


class RasterDocument:
    """A file that holds one picture, or several of which the first is the page."""

    page_count = 1

    def __init__(self, untrusted: Buffer, media_type: MediaType, limits: OpenLimits) -> None:
        self.media_type = media_type
        self._limits = limits
        self._file = io.BytesIO(untrusted)
        with pillow_guarded(limits):
            self._image = self._open()

    def decode_page(self, number: int, allocate: Allocate, *, text_layer: bool) -> DecodedPage:
        """The picture, upright, as RGB on white. See ``Decoder``."""
        del number, text_layer
        notices = PageNotice.NONE
        with pillow_guarded(self._limits):
            if self.media_type in _ANIMATED and getattr(self._image, "is_animated", False):
                notices |= PageNotice.ANIMATION_FIRST_FRAME
            drawn, transparent = self._image.tile[0].extents if self._image.tile else None, _transparent(self._image)
            if self._load():
                notices |= PageNotice.IMAGE_TRUNCATED
            # A decoder may correct the size while it decodes.
            check_image_size(*self._image.size, self._limits)
            image = self._as_shown(drawn)
            width_px, height_px = write_rgb(
                image, allocate, orientation=_orientation(self._image), deep_grey=DeepGrey(transparent=transparent)
            )
        return DecodedPage(width_px=width_px, height_px=height_px, dpi=stated_dpi(self._image), notices=notices)

    def _open(self) -> ImageFile.ImageFile:
        self._file.seek(0)
        image = _PLUGINS[self.media_type](self._file)
        check_image_size(*image.size, self._limits)
        return image

    def _as_shown(self, drawn: tuple[int, int, int, int] | None) -> Image.Image:
        """The loaded image as viewers show it where they do not go by the letter of the format."""
        image = self._image
        if self.media_type is MediaType.BMP:
            fill_unset_alpha(image)
        if (
            self.media_type is MediaType.GIF
            and drawn not in {None, (0, 0, *image.size)}
            and not image.has_transparency_data
        ):
            # Where the first frame leaves the canvas bare, nothing is shown; Pillow fills it with the first colour.
            shown = Image.new("RGB", image.size, (255, 255, 255))
            shown.paste(image.crop(drawn).convert("RGB"), drawn)
            return shown
        return image

    def _load(self) -> bool:
        """Decode; whether only the beginning was there.

        A JPEG that ends early is shown by every viewer as far as it goes, and half a receipt is worth reading; the
        result says so. In other formats a missing end is damage.
        """
        try:
            self._image.load()
        except OSError:
            if self.media_type is not MediaType.JPEG:
                raise
            with _truncated_allowed():
                self._image = self._open()
                self._image.load()
            return True
        return False


@contextmanager
def pillow_guarded(limits: OpenLimits) -> Iterator[None]:
    """Pillow's own alarms: its warnings are nobody's to read here, its decompression bombs are ours to name.

    Raises:
        OpeningFailed: Pillow met a picture inside the file that is over the limit.
    """
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = limits.max_image_pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise OpeningFailed(Failure.IMAGE_PIXELS, limits.max_image_pixels + 1) from None
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _truncated_allowed() -> Iterator[None]:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def stated_dpi(image: Image.Image) -> int:
    """The resolution that the file states, or 0 where it states none that can be true."""
    stated = image.info.get("dpi")
    return plausible_dpi(stated[0]) if isinstance(stated, tuple) and stated else 0


def plausible_dpi(untrusted: object) -> int:
    """Dots per inch, or 0 where no scanner or renderer would state them."""
    try:
        dpi = float(untrusted)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return 0
    return round(dpi) if math.isfinite(dpi) and _LOWEST_DPI <= dpi <= _HIGHEST_DPI else 0


def _transparent(image: ImageFile.ImageFile) -> int | None:
    """The transparent colour of a 16-bit grey PNG; that of other depths is brought to the 8 bits Pillow compares.

    PNG states it in the file's own depth (PNG, third edition, 11.3.1.1).
    """
    stated = image.info.get("transparency")
    rawmode = image.tile[0].args if image.tile else None
    if not isinstance(image, PngImagePlugin.PngImageFile):
        return None
    if isinstance(stated, int) and rawmode in _GREY_STEPS:
        image.info["transparency"] = stated * _GREY_STEPS[rawmode]
    elif isinstance(stated, tuple) and rawmode == "RGB;16B":
        image.info["transparency"] = tuple(number >> 8 for number in stated)
    return stated if isinstance(stated, int) and image.mode.startswith("I;16") else None


def _orientation(image: Image.Image) -> int:
    """How the stored rows must be turned; broken EXIF data turns nothing."""
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:
        return 1
    return orientation if orientation in range(1, 9) else 1
