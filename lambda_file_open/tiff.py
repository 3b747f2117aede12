"""TIFF: several pages, each opened alone, so that a broken one does not take its neighbours along."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import TiffImagePlugin

from lambda_file_open.colour import write_rgb
from lambda_file_open.decoding import Allocate, DecodedPage, OpeningFailed, check_image_size
from lambda_file_open.raster import pillow_guarded, stated_dpi
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import Failure

if TYPE_CHECKING:
    from lambda_file_open.decoding import Buffer

MAX_DIRECTORIES = 100_000
"""Where the walk along the chain of pages ends, whatever the file says."""


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


class TiffDocument:
    """The pages of a TIFF file.

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
            self._directories = list_directories(data, self._layout)
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
            image = TiffImagePlugin.TiffImageFile(self._file)
            check_image_size(*image.size, self._limits)
            image.load()
            check_image_size(*image.size, self._limits)
            width_px, height_px = write_rgb(image, allocate)
        return DecodedPage(width_px=width_px, height_px=height_px, dpi=stated_dpi(image))

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
        next_at = offset + struct.calcsize("=" + layout.count_format) + entries * layout.entry_bytes
        try:
            following = layout.read(data, next_at, layout.offset_format)
        except struct.error:
            directories.append(_Directory(offset=offset, next_at=0))
            break
        directories.append(_Directory(offset=offset, next_at=next_at))
        offset = following
    return directories
