"""Fonts for PDFium out of memory: no file is opened when a page needs a font that its PDF does not carry.

PDFium's own provider for Linux opens the font's file at that moment, which a locked child cannot do. This one is
installed once, in the pool's parent, before the first document: it has every font file mapped, and PDFium keeps what it
has loaded of the usual ones, so that a child which is forked later neither opens nor copies any.

What the images need, 40 MB, free: ``fonts-ipafont-gothic`` and ``fonts-ipafont-mincho`` (IPA Font License),
``fonts-wqy-microhei`` (Apache-2.0; Chinese and Korean: Debian's Droid Sans Fallback has no Hangul) and
``fonts-dejavu-core`` (free; Arabic, Greek, Cyrillic).

Characters that the chosen font lacks PDFium takes from "Arial": from its built-in cut, or from Arial, Liberation Sans
or Arimo where one is installed.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pypdfium2  # noqa: F401 - initialises the library that `raw` calls
import pypdfium2.raw as pdfium

from lambda_file_open.font_choice import FontChooser, FontRequest
from lambda_file_open.font_files import FONT_FOLDERS, FontFile, find_font_files
from lambda_file_open.font_tables import Face, Script

_WHOLE_FACE = 0
_COLLECTION = 0x74746366
"""'ttcf': the table that stands for a whole collection."""
_CHECKSUM_BYTES = 1024
_ANSI_CHARSET = 0
_COLLECTION_OF_ONE = struct.Struct(">4sIII")
_KEPT_DPI = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    """A font file as PDFium gets it: always a collection.

    PDFium keeps a plain font by name, weight and slant as the document asks for them, and copies it anew for any other
    weight; a collection it keeps by its first kilobyte. So a plain font becomes a collection of one: a header before
    it, and its table directory shifted by that header's length.
    """

    file: FontFile
    head: bytes
    shift: int
    """How much further into the image than into the file everything lies."""

    @classmethod
    def of(cls, file: FontFile) -> _Image:
        """Make the image of a file; copies its directory only."""
        if bytes(file.data[:4]) == b"ttcf":
            return cls(file=file, head=b"", shift=0)
        shift = _COLLECTION_OF_ONE.size
        head = bytearray(_COLLECTION_OF_ONE.pack(b"ttcf", 0x00010000, 1, shift))
        (table_count,) = struct.unpack_from(">H", file.data, 4)
        head += file.data[: 12 + 16 * table_count]
        for index in range(table_count):
            at = shift + 12 + 16 * index + 8
            (offset,) = struct.unpack_from(">I", head, at)
            struct.pack_into(">I", head, at, (offset + shift) & 0xFFFFFFFF)
        return cls(file=file, head=bytes(head), shift=shift)

    @property
    def size_bytes(self) -> int:
        return len(self.file.data) + self.shift

    def copy(self, offset: int, target: int, count: int) -> None:
        """Copy bytes of the image to an address."""
        from_head = min(max(len(self.head) - offset, 0), count)
        ctypes.memmove(target, self.head[offset : offset + from_head], from_head)
        source = self.file.address + offset + from_head - self.shift
        ctypes.memmove(target + from_head, source, count - from_head)


class SystemFonts:
    """PDFium's system fonts (FPDF_SYSFONTINFO), answered from memory.

    A handle is the number of a face, from 1.
    """

    def __init__(self, files: Iterable[FontFile]) -> None:
        images = [_Image.of(file) for file in files]
        self._faces: list[tuple[Face, _Image]] = [(face, image) for image in images for face in image.file.faces]
        self._handles = {id(face): number for number, (face, _) in enumerate(self._faces, start=1)}
        self._chooser = FontChooser(face for face, _ in self._faces)
        self._kept: list[object] = []
        self._copied: set[int] = set()
        self._known_to_pdfium: frozenset[int] = frozenset()
        self.scripts = frozenset(script for face, _ in self._faces for script in face.scripts)

    def install(self) -> None:
        """Make them PDFium's, for the life of the process."""
        info = pdfium.FPDF_SYSFONTINFO(version=1)
        callbacks: dict[str, Callable[..., int | None]] = {
            "EnumFonts": self._enumerate,
            "MapFont": self._map,
            "GetFont": self._get,
            "GetFontData": self._data,
            "GetFaceName": self._face_name,
            "DeleteFont": lambda _info, _handle: None,
        }
        for name, prototype in info._fields_:
            if name in callbacks:
                setattr(info, name, prototype(_never_raising(callbacks[name])))
        pdfium.FPDF_SetSystemFontInfo(info)
        self._kept.append(info)

    def keep(self, document: bytes) -> None:
        """Draw a document's first page and leave it open: PDFium keeps the fonts that it has loaded for it.

        What PDFium has of a collection it finds by the first kilobyte, yet asks for all of it before it looks. Those
        bytes are not copied any more from here on: a child would pay 4 to 5 ms for each font, nearly all of it page
        faults. That this changes nothing is seen by drawing the page once more; where it does, they are copied.
        """
        self._copied.clear()
        before, *opened = _draw(document)
        self._kept += opened
        self._known_to_pdfium = frozenset(self._copied)
        again, page, loaded, _ = _draw(document)
        pdfium.FPDF_ClosePage(page)
        pdfium.FPDF_CloseDocument(loaded)
        if again != before:
            self._known_to_pdfium = frozenset()

    def _enumerate(self, _info: object, mapper: int) -> None:
        """Tell the family names: of a font known to it PDFium passes on the weight and slant that the name says."""
        # All as ANSI: a list by character set would have it choose the first of them where `_map` found none.
        for family in sorted({face.family for face, _ in self._faces}):
            pdfium.FPDF_AddInstalledFont(mapper, family.encode(), _ANSI_CHARSET)

    def _map(
        self, _info: object, weight: int, italic: int, charset: int, pitch_family: int, name: object, _exact: object
    ) -> int | None:
        request = FontRequest(
            untrusted_name=_bytes_at(name),
            charset=charset,
            weight=weight,
            italic=bool(italic),
            serif=bool(pitch_family & pdfium.FXFONT_FF_ROMAN),
            fixed_pitch=bool(pitch_family & pdfium.FXFONT_FF_FIXEDPITCH),
        )
        return self._handle(self._chooser.choose(request))

    def _get(self, _info: object, name: object) -> int | None:
        return self._handle(self._chooser.named(_bytes_at(name)))

    def _handle(self, face: Face | None) -> int | None:
        return None if face is None else self._handles[id(face)]

    def _data(self, _info: object, handle: int | None, table: int, buffer: object, buffer_bytes: int) -> int:
        """Bytes of a face, or how many there are where the buffer is missing or too small.

        Of a collection that does not fit as much is copied as does, as Windows does it: older versions of PDFium take
        the checksum by which they keep a collection from there.
        """
        if not handle or handle > len(self._faces):
            return 0
        face, image = self._faces[handle - 1]
        if table == _COLLECTION:
            offset, count = 0, image.size_bytes
        elif table == _WHOLE_FACE:
            # To the end of the file: which face of a collection is meant PDFium works out from the difference.
            offset = face.offset_bytes + image.shift
            count = image.size_bytes - offset
        else:
            offset, count = face.tables.get(table.to_bytes(4, "big"), (0, 0))
            offset += image.shift
        target = ctypes.cast(buffer, ctypes.c_void_p).value if buffer else None  # type: ignore[arg-type]
        if target is not None and (buffer_bytes >= count or table == _COLLECTION):
            wanted = min(count, buffer_bytes)
            if table == _COLLECTION and wanted == count:
                self._copied.add(id(image))
                if id(image) in self._known_to_pdfium:
                    wanted = min(wanted, _CHECKSUM_BYTES)
            image.copy(offset, target, wanted)
        return count

    def _face_name(self, _info: object, handle: int | None, buffer: object, buffer_bytes: int) -> int:
        if not handle or handle > len(self._faces):
            return 0
        name = self._faces[handle - 1][0].name.encode() + b"\0"
        if buffer and buffer_bytes >= len(name):
            ctypes.memmove(buffer, name, len(name))  # type: ignore[arg-type]
        return len(name)


def _never_raising(callback: Callable[..., int | None]) -> Callable[..., int | None]:
    """With 0 in place of an error: to PDFium ctypes would answer whatever lay in memory."""

    def answer(*arguments: object) -> int | None:
        try:
            return callback(*arguments)
        except Exception:
            return 0

    return answer


def _draw(document: bytes) -> tuple[bytes, object, object, object]:
    """Pixels of the first page, then what must stay referenced while it stays open: page, document, its bytes."""
    memory = ctypes.create_string_buffer(document, len(document))
    loaded = pdfium.FPDF_LoadMemDocument64(memory, len(document), None)
    page = pdfium.FPDF_LoadPage(loaded, 0)
    width_px = round(pdfium.FPDF_GetPageWidthF(page) * _KEPT_DPI / 72)
    height_px = round(pdfium.FPDF_GetPageHeightF(page) * _KEPT_DPI / 72)
    pixels = ctypes.create_string_buffer(b"\xff" * (width_px * height_px), width_px * height_px)
    bitmap = pdfium.FPDFBitmap_CreateEx(width_px, height_px, pdfium.FPDFBitmap_Gray, pixels, width_px)
    pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width_px, height_px, 0, 0)
    pdfium.FPDFBitmap_Destroy(bitmap)
    return pixels.raw, page, loaded, memory


def _bytes_at(name: object) -> bytes:
    return ctypes.string_at(name) if name else b""  # type: ignore[arg-type]


_installed: SystemFonts | None = None


def install_fonts(more_folders: Iterable[str | os.PathLike[str]] = ()) -> SystemFonts:
    """Find the machine's fonts and make them PDFium's; the second time nothing is done.

    Args:
        more_folders: Folders to look through besides the system's.
    """
    global _installed  # noqa: PLW0603 - PDFium has one provider a process
    if _installed is None:
        _installed = SystemFonts(find_font_files((*more_folders, *FONT_FOLDERS)))
        _installed.install()
    return _installed


def covered_scripts() -> frozenset[Script]:
    """What text of PDFs without fonts can be drawn in, beyond the Latin letters that PDFium brings along."""
    return frozenset() if _installed is None else _installed.scripts
