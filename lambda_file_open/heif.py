"""HEIC through libheif's own C interface, so that no thread is started.

pi-heif brings the library and its Python side opens the files, but has no way to say how the HEVC decoder is to run:
libde265 is then given a thread for each picture, and where none may be started (a locked child, RLIMIT_NPROC) libstdc++
ends the process. The field that says it, ``num_codec_threads``, is public; only pi-heif does not set it.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image, ImageFile

# Symbols are looked up in what the extension was linked with: the libheif that its wheel brings.
_libheif = ctypes.CDLL(importlib.import_module("_pi_heif").__file__)

# <libheif/heif_error.h>, heif_image.h, heif_decoding.h
_MEMORY_ALLOCATION_ERROR = 6
_COLORSPACE_RGB = 1
_INTERLEAVED_RGB, _INTERLEAVED_RGBA = 10, 11
_INTERLEAVED = 10
_FIRST_OPTIONS_WITH_THREADS = 8
_NO_THREADS = -1
"""0 is libheif's word for "as the codec likes", which is one; libde265 starts threads for numbers above 0 only."""


class _Error(ctypes.Structure):
    _fields_ = (("code", ctypes.c_int), ("subcode", ctypes.c_int), ("message", ctypes.c_char_p))


class _ColourConversion(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint8),
        ("downsampling", ctypes.c_int),
        ("upsampling", ctypes.c_int),
        ("only_use_preferred", ctypes.c_uint8),
    )


class _DecodingOptions(ctypes.Structure):
    """``heif_decoding_options``, version 8: as much of it as is needed here. Later versions append."""

    _fields_ = (
        ("version", ctypes.c_uint8),
        ("ignore_transformations", ctypes.c_uint8),
        ("start_progress", ctypes.c_void_p),
        ("on_progress", ctypes.c_void_p),
        ("end_progress", ctypes.c_void_p),
        ("progress_user_data", ctypes.c_void_p),
        ("convert_hdr_to_8bit", ctypes.c_uint8),
        ("strict_decoding", ctypes.c_uint8),
        ("decoder_id", ctypes.c_char_p),
        ("colour_conversion", _ColourConversion),
        ("cancel_decoding", ctypes.c_void_p),
        ("colour_conversion_more", ctypes.c_void_p),
        ("ignore_sequence_editlist", ctypes.c_int),
        ("output_nclx", ctypes.c_void_p),
        ("num_library_threads", ctypes.c_int),
        ("num_codec_threads", ctypes.c_int),
    )


def _declare(name: str, result: object, *arguments: object) -> ctypes._NamedFuncPointer:
    function = getattr(_libheif, name)
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]


_pointer, _to_pointer = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
_context_alloc = _declare("heif_context_alloc", _pointer)
_context_free = _declare("heif_context_free", None, _pointer)
_set_threads = _declare("heif_context_set_max_decoding_threads", None, _pointer, ctypes.c_int)
_read = _declare(
    "heif_context_read_from_memory_without_copy", _Error, _pointer, ctypes.c_char_p, ctypes.c_size_t, _pointer
)
_primary = _declare("heif_context_get_primary_image_handle", _Error, _pointer, _to_pointer)
_handle_release = _declare("heif_image_handle_release", None, _pointer)
_width = _declare("heif_image_handle_get_width", ctypes.c_int, _pointer)
_height = _declare("heif_image_handle_get_height", ctypes.c_int, _pointer)
_has_alpha = _declare("heif_image_handle_has_alpha_channel", ctypes.c_int, _pointer)
_is_premultiplied = _declare("heif_image_handle_is_premultiplied_alpha", ctypes.c_int, _pointer)
_profile_bytes = _declare("heif_image_handle_get_raw_color_profile_size", ctypes.c_size_t, _pointer)
_profile = _declare("heif_image_handle_get_raw_color_profile", _Error, _pointer, ctypes.c_char_p)
_options_alloc = _declare("heif_decoding_options_alloc", ctypes.POINTER(_DecodingOptions))
_options_free = _declare("heif_decoding_options_free", None, ctypes.POINTER(_DecodingOptions))
_decode = _declare(
    "heif_decode_image",
    _Error,
    *(_pointer, _to_pointer, ctypes.c_int, ctypes.c_int, ctypes.POINTER(_DecodingOptions)),
)
_image_release = _declare("heif_image_release", None, _pointer)
_image_width = _declare("heif_image_get_width", ctypes.c_int, _pointer, ctypes.c_int)
_image_height = _declare("heif_image_get_height", ctypes.c_int, _pointer, ctypes.c_int)
_plane = _declare(
    "heif_image_get_plane_readonly", ctypes.c_void_p, _pointer, ctypes.c_int, ctypes.POINTER(ctypes.c_int)
)


class HeifImageFile(ImageFile.ImageFile):
    """The primary picture of a HEIF file, turned, mirrored, cropped and put together as the file says.

    Its EXIF orientation says nothing more: a reader has to go by the file's own turns (ISO/IEC 23008-12, 6.5.10).
    """

    format = "HEIF"

    def _open(self) -> None:
        self._data: bytes | None = self.fp.read()  # type: ignore[union-attr]
        with _primary_picture(self._data) as handle:
            self._size = (_width(handle), _height(handle))
            self._mode = ("RGBa" if _is_premultiplied(handle) else "RGBA") if _has_alpha(handle) else "RGB"
            profile = ctypes.create_string_buffer(_profile_bytes(handle))
            if len(profile):
                _check(_profile(handle, profile))
                self.info["icc_profile"] = profile.raw

    def load(self) -> Any:
        """Decode, once."""
        if self._data is not None:
            with _primary_picture(self._data) as handle, _decoded(handle, self.mode) as picture:
                self._size = picture.size
                self.im = picture.im
            self._data = None
        return super().load()


@contextmanager
def _primary_picture(untrusted: bytes) -> Iterator[ctypes.c_void_p]:
    context, handle = ctypes.c_void_p(_context_alloc()), ctypes.c_void_p()
    try:
        _set_threads(context, 0)
        _check(_read(context, untrusted, len(untrusted), None))
        _check(_primary(context, ctypes.byref(handle)))
        yield handle
    finally:
        if handle:
            _handle_release(handle)
        _context_free(context)


@contextmanager
def _decoded(handle: ctypes.c_void_p, mode: str) -> Iterator[Image.Image]:
    options, picture, stride_bytes = _options_alloc(), ctypes.c_void_p(), ctypes.c_int()
    try:
        if options.contents.version < _FIRST_OPTIONS_WITH_THREADS:
            raise OSError("a libheif that cannot be told to start no threads")
        options.contents.convert_hdr_to_8bit = 1
        options.contents.num_codec_threads = _NO_THREADS
        chroma = _INTERLEAVED_RGB if mode == "RGB" else _INTERLEAVED_RGBA
        _check(_decode(handle, ctypes.byref(picture), _COLORSPACE_RGB, chroma, options))
        size = _image_width(picture, _INTERLEAVED), _image_height(picture, _INTERLEAVED)
        rows = _plane(picture, _INTERLEAVED, ctypes.byref(stride_bytes))
        if not rows or min(size) < 1:
            raise OSError("a picture without pixels")
        pixels = (ctypes.c_char * (stride_bytes.value * size[1])).from_address(rows)
        yield Image.frombytes(mode, size, pixels, "raw", mode, stride_bytes.value, 1)
    finally:
        if picture:
            _image_release(picture)
        _options_free(options)


def _check(error: _Error) -> None:
    if error.code == _MEMORY_ALLOCATION_ERROR:
        raise MemoryError
    if error.code:
        raise OSError(f"libheif: {error.code}.{error.subcode}")
