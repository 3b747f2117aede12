"""TIFF: several pages, each opened alone, so that a broken one does not take its neighbours along."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import ImagePalette, TiffImagePlugin
from PIL.Image import Resampling

from lambda_file_open.colour import DeepGrey, fill_unset_alpha, write_rgb
from lambda_file_open.decoding import Allocate, DecodedPage, OpeningFailed, check_image_size
from lambda_file_open.raster import pillow_guarded, plausible_dpi
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import MAX_SIDE_PX, Failure

if TYPE_CHECKING:
    from PIL.Image import Image

    from lambda_file_open.decoding import Buffer

MAX_DIRECTORIES = 100_000
"""Where the walk along the chain of pages ends, whatever the file says."""

# TIFF 6.0, section 8, and libtiff's tiff.h.
_NEW_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _WIDTH, _LENGTH = 254, 255, 256, 257
_COLOUR_MAP, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 320, 338, 339
_PHOTOMETRIC, _ORIENTATION = 262, 274
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2
_WHITE_IS_ZERO = 0
_UNSIGNED = (1,)
_NUMBER_FORMATS = {3: "H", 4: "I", 16: "Q"}
_ENTRIES_LOOKED_AT = 4
"""Entries are in the order of their tags: the four above come first."""

# Pillow's own reader of uncompressed pages takes planes of 16 bits for planes of 8, and YCbCr for never subsampled.
# libtiff, which reads all compressed ones anyway, does not. It hands numbers over in this machine's byte order; Pillow
# knows that of some of its modes only.
TiffImagePlugin.READ_LIBTIFF = True
_IN_NATIVE_ORDER = {"F;32BF": "F;32NF", "I;32BS": "I;32NS", "I;16BS": "I;16NS"}
# Known to Pillow in little-endian files only.
TiffImagePlugin.OPEN_INFO[(b"MM", _WHITE_IS_ZERO, (1,), 1, (16,), ())] = ("I;16B", "I;16B")

_LEAST_STRETCH, _MOST_STRETCH = 1.3, 4.2
"""Pixels that are not square: a fax has 204 x 98, 204 x 196 or 204 x 391 to the inch (ITU-T T.4), and shown as stored
the first is half as high as the letter was. Below the first number nobody sees it; above the second it is not true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How directories are written: classic TIFF (6.0, section 2) or BigTIFF."""

    order: str
    first_at: int
    """Where the header holds the first directory's offset."""
    offset_format: str
    count_format: str
    entry_bytes: int

    @classmethod
    def of(cls, header: bytes) -> _Layout:
        order = "<" if header[:2] == b"II" else ">"
        if 43 in (header[2], header[3]):
            return cls(order=order, first_at=8, offset_format="Q", count_format="Q", entry_bytes=20)
        return cls(order=order, first_at=4, offset_format="I", count_format="H", entry_bytes=12)

    def read(self, data: Buffer, at: int, number_format: str) -> int:
        return int(struct.unpack_from(self.order + number_format, data, at)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directory:
    """One page's directory: where it starts, and where it points to the next (0: the file ends before that)."""

    offset: int
    next_at: int
    pixels: int = 0
    """Width times length, where the first entries say them."""
    reduced: bool = False
    """It says that it is another page in small: a thumbnail."""
    mask: bool = False
    """It says that it is where another page is transparent."""


class TiffDocument:
    """The pages of a TIFF file. Thumbnails and masks in the chain are not pages.

    For each page the header is made to point at that page's directory, whose pointer to the next is cleared: Pillow
    then sees a file of one page. It neither walks the chain itself, page after page, nor meets the other pages' damage.
    """

    media_type = MediaType.TIFF

    def __init__(self, untrusted: Buffer, limits: OpenLimits) -> None:
        self._limits = limits
        self._file = io.BytesIO(untrusted)
        with self._file.getbuffer() as data:
            if len(data) < 16:
                raise OpeningFailed(Failure.UNREADABLE)
            self._layout = _Layout.of(bytes(data[:4]))
            self._directories = pages_among(list_directories(data, self._layout))
        if not self._directories:
            raise OpeningFailed(Failure.UNREADABLE)

    @property
    def page_count(self) -> int:
        """Directories that the chain reaches before it ends, loops or leaves the file."""
        return len(self._directories)

    def decode_page(self, number: int, allocate: Allocate, *, text_layer: bool) -> DecodedPage:
        """One page; Pillow has turned it by its Orientation tag. See ``Decoder``."""
        del text_layer
        self._point_at(self._directories[number - 1])
        with pillow_guarded(self._limits):
            image = self._open()
            grey = _deep_grey(image)
            x_dpi, y_dpi = _resolution(image)
            image.load()
            check_image_size(*image.size, self._limits)
            if _EXTRA_SAMPLES not in image.tag_v2:
                fill_unset_alpha(image)
            upright = _with_square_pixels(image, x_dpi, y_dpi, self._limits)
            width_px, height_px = write_rgb(upright, allocate, deep_grey=grey)
        dpi = x_dpi if upright is image else max(x_dpi, y_dpi)
        return DecodedPage(width_px=width_px, height_px=height_px, dpi=dpi)

    def _open(self) -> TiffImagePlugin.TiffImageFile:
        image = TiffImagePlugin.TiffImageFile(self._file)
        check_image_size(*image.size, self._limits)
        image.tile = [
            tile._replace(args=(_IN_NATIVE_ORDER.get(tile.args[0], tile.args[0]), *tile.args[1:]))
            for tile in image.tile
            if isinstance(tile.args, tuple)
        ]
        colour_map = image.tag_v2.get(_COLOUR_MAP)
        if image.palette is not None and colour_map and max(colour_map) < 256:
            # Written in 8 bits instead of 16, as libtiff's readers allow; taken for 16, the page is black.
            image.palette = ImagePalette.raw("RGB;L", bytes(colour_map))
        return image

    def _point_at(self, directory: _Directory) -> None:
        pointer = struct.Struct(self._layout.order + self._layout.offset_format)
        with self._file.getbuffer() as data:
            pointer.pack_into(data, self._layout.first_at, directory.offset)
            if directory.next_at:
                pointer.pack_into(data, directory.next_at, 0)
        self._file.seek(0)


def list_directories(data: Buffer, layout: _Layout) -> list[_Directory]:
    """Walk the chain of directories; it ends where it points to nothing, back, or out of the file."""
    directories: list[_Directory] = []
    seen: set[int] = set()
    offset = layout.read(data, layout.first_at, layout.offset_format)
    while offset and offset not in seen and len(directories) < MAX_DIRECTORIES:
        seen.add(offset)
        try:
            entries = layout.read(data, offset, layout.count_format)
        except struct.error:
            break
        first_at = offset + struct.calcsize("=" + layout.count_format)
        next_at = first_at + entries * layout.entry_bytes
        try:
            following = layout.read(data, next_at, layout.offset_format)
        except struct.error:
            directories.append(_Directory(offset=offset, next_at=0))
            break
        directories.append(_described(data, layout, _Directory(offset=offset, next_at=next_at), first_at, entries))
        offset = following
    return directories


def _described(data: Buffer, layout: _Layout, directory: _Directory, first_at: int, entries: int) -> _Directory:
    """The directory with what its first entries say of its purpose and size."""
    values: dict[int, int] = {}
    for at in range(first_at, first_at + min(entries, _ENTRIES_LOOKED_AT) * layout.entry_bytes, layout.entry_bytes):
        number_format = _NUMBER_FORMATS.get(layout.read(data, at + 2, "H"))
        if number_format is not None:
            value_at = at + layout.entry_bytes - struct.calcsize("=" + layout.offset_format)
            values[layout.read(data, at, "H")] = layout.read(data, value_at, number_format)
    purpose = values.get(_NEW_SUBFILE_TYPE, 0)
    return replace(
        directory,
        pixels=values.get(_WIDTH, 0) * values.get(_LENGTH, 0),
        reduced=bool(purpose & _REDUCED) or values.get(_OLD_SUBFILE_TYPE) == _OLD_REDUCED,
        mask=bool(purpose & _MASK),
    )


def pages_among(directories: list[_Directory]) -> list[_Directory]:
    """Without thumbnails and masks: a reader wants each page once. Where nothing is larger, it is a page after all."""
    largest = max((each.pixels for each in directories if not (each.reduced or each.mask)), default=0)
    return [
        each
        for each in directories
        if not (each.reduced and each.pixels < largest) and not (each.mask and each.pixels <= largest)
    ]


def _deep_grey(image: TiffImagePlugin.TiffImageFile) -> DeepGrey:
    """What Pillow knows of this page's numbers only where they have 8 bits or fewer."""
    tags = image.tag_v2
    return DeepGrey(
        white_is_zero=tags.get(_PHOTOMETRIC, _WHITE_IS_ZERO) == _WHITE_IS_ZERO,
        unsigned=tags.get(_SAMPLE_FORMAT, _UNSIGNED) == _UNSIGNED,
    )


def _resolution(image: TiffImagePlugin.TiffImageFile) -> tuple[int, int]:
    """Dots per inch along and down the upright page, 0 where none are stated that can be true."""
    stated = image.info.get("dpi")
    if not isinstance(stated, tuple) or len(stated) != 2:
        return 0, 0
    x_dpi, y_dpi = plausible_dpi(stated[0]), plausible_dpi(stated[1])
    return (y_dpi, x_dpi) if image.tag_v2.get(_ORIENTATION) in {5, 6, 7, 8} else (x_dpi, y_dpi)


def _with_square_pixels(image: Image, x_dpi: int, y_dpi: int, limits: OpenLimits) -> Image:
    """A fax as it was on paper: stretched along its coarser side, where that is still an image within the limits."""
    coarser, finer = sorted((x_dpi, y_dpi))
    if not coarser or not _LEAST_STRETCH <= finer / coarser <= _MOST_STRETCH or image.mode not in {"1", "L", "RGB"}:
        return image
    width_px, height_px = round(image.width * finer / x_dpi), round(image.height * finer / y_dpi)
    if width_px * height_px > limits.max_image_pixels or max(width_px, height_px) > MAX_SIDE_PX:
        return image
    grey_or_rgb = image.convert("L") if image.mode == "1" else image
    return grey_or_rgb.resize((width_px, height_px), Resampling.BILINEAR)
