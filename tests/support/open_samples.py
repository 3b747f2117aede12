"""Documents made on the spot for the tests of the decoders, and a way to decode them in this process."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lambda_file_open.decoding import DecodedPage
from lambda_file_open.handler import decode_pages, open_file
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.opening_wire import OpenRequest

CORNERS_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAA"
    "AAAERAAAEAAQAAAAABoQABAAAAAAAAAWQAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAA"
    "AADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkA"
    "AAAwAAAwAeoCiBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwYkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAUAAAAEAA"
    "AAAoY2xhcAAAAFAAAAABAAAAKAAAAAEAAAAAAAAAAv///+gAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAW"
    "xtZGF0AAABYCgBrwY0I/Ja97bfzOB///lab6H964qJ03sYv/7Nbe884y7F5Fv7Dj7qaV7nVB4lmSUjbTxwz0PB08pMZtUMaaqN+GE+J/Tl6Tqk"
    "tV3Olq3AWtgxuwaUDc0J3ZNXia4soY7iId/YbfTDqM2rFzbm7gUR846pn9+8Q++awydoHosZ58daMR15CVe9CfvNueXfQdGwZkd0t4iS7j7nCf"
    "bZon4yV7c/u8CwXDlZIcsPtsfmX7pPvmrVurvlBkIAiC+wIvygX9Fo0KBY8FaVVzmxmUC8f9xxY6D/eMC4Nig78G/8s/5uzUb3Wz5UD7CuWodo"
    "MbBVTmt184G5Tp/rKN/462dhG4ooXr6xYA8sITaql4lRZvua9wRrOLxFG5fJuGpkqotgeQlaWlJNBX4O+pDalrpcgirdDV835xfb3gzLqXMbdv"
    "PYtaJvqZu+nHF0HJ0hFgne2o+k9jghflJUUVAfiOA="
)
"""``corners`` as HEIC; nothing in this environment can write one (the encoders are GPL)."""

Decoded = tuple[DecodedPage, NDArray[np.uint8]]


def decode(
    document: bytes,
    *,
    selection: str | None = None,
    limits: OpenLimits | None = None,
    text_layer: bool = False,
) -> list[Decoded | None]:
    """The wanted pages with their pixels; ``None`` for a broken one."""
    request = OpenRequest(
        selection=PageSelection.parse(selection),
        limits=limits or OpenLimits(),
        text_layer=text_layer,
        timeout_s=60.0,
    )
    memory: list[NDArray[np.uint8]] = []

    def allocate(height_px: int, width_px: int) -> NDArray[np.uint8]:
        # Filled with something that no page is made of, to see that all of it is written.
        memory.append(np.full((height_px, width_px, 3), 0xA5, dtype=np.uint8))
        return memory[-1]

    pages: list[Decoded | None] = []
    for _, page in decode_pages(open_file(document, request), request, allocate):
        pages.append((page, memory[-1]) if isinstance(page, DecodedPage) else None)
        if isinstance(page, DecodedPage):
            assert memory[-1].shape == (page.height_px, page.width_px, 3)
    return pages


def decode_one(document: bytes, **options: Any) -> Decoded:
    """The only page."""
    (page,) = decode(document, **options)
    assert page is not None
    return page


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """An image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corners() -> Image.Image:
    """80 x 40: red, green, blue and black quarters, clockwise from the top-left; tells every turn and mirroring."""
    pixels = np.zeros((40, 80, 3), dtype=np.uint8)
    pixels[:20, :40] = (255, 0, 0)
    pixels[:20, 40:] = (0, 255, 0)
    pixels[20:, 40:] = (0, 0, 255)
    return Image.fromarray(pixels)


def png(
    *,
    width: int,
    height: int,
    depth: int,
    colour: int,
    data: bytes,
    transparent: bytes | None = None,
    interlaced: bool = False,
) -> bytes:
    """A PNG written by hand: ``data`` is the compressed rows, ``transparent`` the body of tRNS."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    between = b"" if transparent is None else chunk(b"tRNS", transparent)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + between + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def pdf(pages: Sequence[tuple[str, str]], *, extra: Sequence[str] = (), catalog: str = "") -> bytes:
    """A PDF written by hand.

    Args:
        pages: Attributes of the page's dictionary and its content stream, for each page; font /F1 is Helvetica.
        extra: Further objects, numbered from 10 + 2 x the number of pages.
        catalog: Further entries of the catalog.
    """
    first = 10
    kids = " ".join(f"{first + 2 * index} 0 R" for index in range(len(pages)))
    objects = {
        1: f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        2: f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]/Resources<</Font<</F1 3 0 R>>>>>>",
        3: "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    }
    for index, (attributes, content) in enumerate(pages):
        number = first + 2 * index
        objects[number] = f"<</Type/Page/Parent 2 0 R/Contents {number + 1} 0 R{attributes}>>"
        objects[number + 1] = f"<</Length {len(content)}>>stream\n{content}\nendstream"
    for index, written in enumerate(extra):
        objects[first + 2 * len(pages) + index] = written
    body = b"%PDF-1.7\n"
    offsets: dict[int, int] = {}
    for number, written in objects.items():
        offsets[number] = len(body)
        body += f"{number} 0 obj{written}\nendobj\n".encode()
    table_at = len(body)
    for number, offset in offsets.items():
        body += b"xref\n" if offset == offsets[1] else b""
        body += f"{number} 1\n{offset:010d} 00000 n \n".encode()
    return body + f"trailer<</Size {max(objects) + 1}/Root 1 0 R>>\nstartxref\n{table_at}\n%%EOF\n".encode()
