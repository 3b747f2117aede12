"""What Python and Pillow would import only when a document first needs it. A locked child can open no file.

Measured with an audit hook over 300 documents of every kind, sound and damaged: once ``handler`` is imported, nothing
is imported late but the codec of the text layer. The others here are what the decoders' sources import inside
functions: which of them run is Pillow's to change.
"""

from __future__ import annotations

import importlib

NEEDED_LATE = (
    "encodings.utf_32_le",  # page_memory: a page's words, as code points
    "encodings.utf_16_le",  # PDF and EXIF strings
    "encodings.utf_16_be",
    "encodings.latin_1",  # PNG's text chunks
    "encodings.ascii",
    "copy",  # GifImagePlugin: a frame's palette
    "mmap",  # ImageFile
    "tempfile",  # Image, JpegImagePlugin: only for what is loaded by an outside program, which is never done here
    "linecache",  # warnings: where one is shown
    "PIL.ImageColor",  # Image.new with a colour's name
    "PIL.ImageFilter",
    "PIL.ImagePalette",
    "PIL.ImageSequence",
    "PIL.MpoImagePlugin",  # JpegImagePlugin: a telephone's file of several pictures
    "PIL.TiffImagePlugin",  # Image.getexif
)


def preload() -> None:
    """Import them all. To be called once, before a child is forked."""
    for name in NEEDED_LATE:
        importlib.import_module(name)
