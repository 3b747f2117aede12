"""Images of one page: PNG, JPEG, WebP, GIF, BMP, HEIC, AVIF."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pi_heif
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

from lambda_file_open.colour import write_rgb
from lambda_file_open.decoding import Allocate, DecodedPage, OpeningFailed, check_image_size
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import Failure, PageNotice

if TYPE_CHECKING:
    from lambda_file_open.decoding import Buffer

# One file is one process of one thread: threads would neither be allowed (RLIMIT_NPROC) nor help a busy machine.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pi_heif.options.DECODE_THREADS = 1
pi_heif.options.THUMBNAILS = False
pi_heif.options.DEPTH_IMAGES = False
pi_heif.options.AUX_IMAGES = False

# The plugin classes are called by name, never through ``Image.open``: that would try every format Pillow knows.
_PLUGINS: dict[MediaType, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    MediaType.PNG: PngImagePlugin.PngImageFile,
    MediaType.JPEG: JpegImagePlugin.JpegImageFile,
    MediaType.WEBP: WebPImagePlugin.WebPImageFile,
    MediaType.GIF: GifImagePlugin.GifImageFile,
    MediaType.BMP: BmpImagePlugin.BmpImageFile,
    MediaType.HEIC: pi_heif.HeifImageFile,
    MediaType.AVIF: AvifImagePlugin.AvifImageFile,
}
_ANIMATED = frozenset({MediaType.PNG, MediaType.WEBP, MediaType.GIF, MediaType.AVIF})

_LOWEST_DPI, _HIGHEST_DPI = 50, 2400
"""What a scanner or a renderer may state; outside it, the number is a default or nonsense."""
_EXIF_ORIENTATION = 0x0112


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
            if self._load():
                notices |= PageNotice.IMAGE_TRUNCATED
            # A decoder may correct the size while it decodes.
            check_image_size(*self._image.size, self._limits)
            width_px, height_px = write_rgb(self._image, allocate, orientation=_orientation(self._image))
        return DecodedPage(width_px=width_px, height_px=height_px, dpi=stated_dpi(self._image), notices=notices)

    def _open(self) -> ImageFile.ImageFile:
        self._file.seek(0)
        image = _PLUGINS[self.media_type](self._file)
        check_image_size(*image.size, self._limits)
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
    Image.MAX_IMAGE_PIXELS = limits.max_image_pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise OpeningFailed(Failure.IMAGE_PIXELS, limits.max_image_pixels + 1) from None


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
    try:
        dpi = float(stated[0]) if isinstance(stated, tuple) else 0.0
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return 0
    return round(dpi) if math.isfinite(dpi) and _LOWEST_DPI <= dpi <= _HIGHEST_DPI else 0


def _orientation(image: Image.Image) -> int:
    """How the stored rows must be turned; broken EXIF data turns nothing."""
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:
        return 1
    return orientation if orientation in range(1, 9) else 1
