"""What the fuzzer starts from: small documents of every kind that is read here, each with other features in use."""

from __future__ import annotations

import functools
import io
import re
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from lambda_file_open.sniff import sniff
from ocr_core.contracts.document import MediaType
from tests.support.heif_samples import MIRROR, TURN_LEFT, coded_corners, crop, grid, one_picture
from tests.support.hostile_corpus import HOSTILE
from tests.support.open_samples import CORNERS_HEIC, corners, pdf, saved

SAMPLES = Path(__file__).parents[2] / "evaluation" / "samples"
MAX_SEED_BYTES = 150_000
"""Larger ones only slow the fuzzer down."""

_FLATE_STREAM = re.compile(rb"/Filter\s*/FlateDecode(.*?)stream\r?\n(.*?)endstream", re.DOTALL)

_DRAWING = (
    "q 1 0 0 1 5 5 cm 0.5 g 0 0 40 30 re f* Q BT /F1 14 Tf 2 Tr 1 0 0.2 1 8 40 Tm (Total 1,980) Tj "
    "[(A) -120 (B)] TJ T* ET 1 J 2 w [3 1] 0 d 0 0 m 10 90 80 -20 90 60 c S /Fx Do /Im Do W n "
    "BI /W 2 /H 2 /BPC 8 /CS /G ID abcd EI"
)
_SHADING = "/Pattern cs /P1 scn 0 0 90 60 re f q /Sh sh Q /GS gs /DeviceN cs 0.1 0.2 scn 5 5 20 20 re B"

_SHADING_OBJECT = (
    "<</ShadingType 3/ColorSpace/DeviceRGB/Coords[9 9 0 50 50 40]/Extend[true true]"
    "/Function<</FunctionType 2/Domain[0 1]/C0[1 0 0]/C1[0 0 1]/N 1.5>>>>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A document to make others of."""

    name: str
    kind: MediaType
    content: bytes


FOUR_PAGES = pdf([("/MediaBox[0 0 595 842]", "BT /F1 20 Tf 9 9 Td (page) Tj ET")] * 4)
"""More than are in flight at once: its child still works while the first page is looked at."""


@functools.cache
def seeds() -> tuple[Seed, ...]:
    """All of them, in an order that does not change: what is made here, the samples, and the corpus's unusual files."""
    made = {**_images(), **_documents()}
    for path in sorted(SAMPLES.glob("*.pdf")):
        made[path.name] = path.read_bytes()
        made[f"{path.name} inflated"] = inflated(path.read_bytes())
    for path in sorted((HOSTILE / "unusual").glob("*")):
        made[path.name] = path.read_bytes()
    found = [(name, sniff(content), content) for name, content in made.items()]
    return tuple(
        Seed(name=name, kind=kind, content=content)
        for name, kind, content in found
        if kind is not None and len(content) <= MAX_SEED_BYTES
    )


def inflated(document: bytes) -> bytes:
    """A PDF with its deflated streams laid open, so that a changed byte is not lost in the checksum."""

    def lay_open(stream: re.Match[bytes]) -> bytes:
        try:
            return stream[1] + b"stream\n" + zlib.decompress(stream[2]) + b"\nendstream"
        except zlib.error:
            return stream[0]

    return _FLATE_STREAM.sub(lay_open, document)


def _images() -> dict[str, bytes]:
    noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, (24, 32, 3), dtype=np.uint8))
    picture = corners()
    grey16 = Image.fromarray(np.arange(32 * 24, dtype=np.uint16).reshape(24, 32) * 85)
    cmyk, grey, bits, palette = (picture.convert(mode) for mode in ("CMYK", "L", "1", "P"))
    more = {"save_all": True, "append_images": [noise.resize(picture.size), picture]}
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    icc = icc[:24] + bytes(12) + icc[36:]  # without the time of its making
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "rgb.png": saved(noise, "PNG"),
        "palette.png": saved(palette, "PNG", bits=4, transparency=1),
        "grey16.png": saved(grey16, "PNG", dpi=(300, 300)),
        "alpha.png": saved(picture.convert("RGBA"), "PNG", exif=exif),
        "animated.png": saved(picture, "PNG", **more),
        "baseline.jpg": saved(noise, "JPEG", exif=exif, dpi=(200, 200)),
        "progressive.jpg": saved(picture, "JPEG", progressive=True, subsampling=2, restart_marker_blocks=2),
        "cmyk.jpg": saved(cmyk, "JPEG"),
        "grey.jpg": saved(grey, "JPEG"),
        "profile.png": saved(noise, "PNG", icc_profile=icc),
        "profile.jpg": saved(noise, "JPEG", icc_profile=icc),
        "profile.tif": saved(noise, "TIFF", icc_profile=icc),
        "raw.tif": saved(noise, "TIFF"),
        "g4.tif": saved(bits, "TIFF", compression="group4"),
        "lzw.tif": saved(palette, "TIFF", compression="tiff_lzw"),
        "deflate.tif": saved(cmyk, "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 2}),
        "jpeg.tif": saved(picture, "TIFF", compression="jpeg"),
        "packbits.tif": saved(grey, "TIFF", compression="packbits"),
        "grey16.tif": saved(grey16, "TIFF"),
        "big.tif": saved(noise, "TIFF", big_tiff=True),
        "pages.tif": saved(picture, "TIFF", **more),
        "one.gif": saved(palette, "GIF"),
        "animated.gif": saved(palette, "GIF", duration=20, **more),
        "lossy.webp": saved(noise, "WEBP", quality=50, exif=exif),
        "lossless.webp": saved(picture.convert("RGBA"), "WEBP", lossless=True),
        "animated.webp": saved(picture, "WEBP", **more),
        "rgb.bmp": saved(noise, "BMP"),
        "palette.bmp": saved(palette, "BMP"),
        "bits.bmp": saved(bits, "BMP"),
        "picture.avif": saved(picture, "AVIF", quality=60),
        "corners.heic": CORNERS_HEIC,
        "turned.heic": one_picture(coded_corners(), [crop(40, 20, right_px=0, down_px=-2), TURN_LEFT, MIRROR]),
        "grid.heic": grid(coded_corners(), rows=2, columns=2, width_px=150, height_px=120),
    }


def _documents() -> dict[str, bytes]:
    picture = corners()
    box = "/MediaBox[0 0 100 80]"
    as_pillow = io.BytesIO()
    long_ago = time.gmtime(0)
    more = [picture.convert("1")]
    picture.save(as_pillow, "PDF", save_all=True, append_images=more, creationDate=long_ago, modDate=long_ago)
    return {
        "drawing.pdf": pdf(
            [(f"{box}/Resources<</Font<</F1 3 0 R>>/XObject<</Fx 12 0 R/Im 13 0 R>>>>", _DRAWING)],
            extra=[_form(), _image("/FlateDecode", zlib.compress(picture.tobytes()))],
        ),
        "shading.pdf": pdf(
            [(f"{box}/Resources<</Pattern<</P1 12 0 R>>/Shading<</Sh 13 0 R>>/ExtGState<</GS 14 0 R>>>>", _SHADING)],
            extra=[
                "<</Type/Pattern/PatternType 2/Shading 13 0 R>>",
                _SHADING_OBJECT,
                "<</Type/ExtGState/ca 0.5/BM/Multiply/SMask<</Type/Mask/S/Luminosity/G 12 0 R>>>>",
            ],
        ),
        "pages.pdf": pdf(
            [
                (f"{box}/Rotate 90", "BT /F1 9 Tf (one) Tj ET"),
                (f"{box}/UserUnit 2/CropBox[10 10 60 60]", ""),
                ("/MediaBox[0 0 9000 90]/Annots[16 0 R]", "0 0 9 9 re f"),
            ],
            extra=["<</Type/Annot/Subtype/Square/Rect[1 1 30 30]/AP<</N 17 0 R>>/C[1 0 0]>>", _form()],
        ),
        "dct.pdf": _image_page("/DCTDecode", saved(picture, "JPEG")),
        "jpx.pdf": _image_page("/JPXDecode", saved(picture, "JPEG2000")),
        "ccitt.pdf": _image_page("/CCITTFaxDecode", bytes(range(200)), more="/DecodeParms[null<</K -1/Columns 80>>]"),
        "lzw.pdf": _image_page("/RunLengthDecode", b"\xc1\x40" * 150 + b"\x80"),
        "pillow.pdf": as_pillow.getvalue(),
    }


def _form() -> str:
    content = "q 0.9 0 0 0.9 2 2 cm 1 0 0 rg 0 0 30 20 re f BT /F1 7 Tf (form) Tj ET Q"
    return (
        "<</Type/XObject/Subtype/Form/BBox[0 0 60 40]/Matrix[1 0 0 1 3 3]/Group<</S/Transparency/I true>>"
        f"/Resources<</Font<</F1 3 0 R>>>>/Length {len(content)}>>stream\n{content}\nendstream"
    )


def _image(filter_name: str, content: bytes, *, more: str = "") -> str:
    """An image object; its bytes as hexadecimal digits, so that the file is text and a changed digit a changed bit."""
    digits = content.hex() + ">"
    return (
        "<</Type/XObject/Subtype/Image/Width 80/Height 40/ColorSpace/DeviceRGB/BitsPerComponent 8"
        f"/Filter[/ASCIIHexDecode{filter_name}]{more}/Length {len(digits)}>>stream\n{digits}\nendstream"
    )


def _image_page(filter_name: str, content: bytes, *, more: str = "") -> bytes:
    page = ("/MediaBox[0 0 90 50]/Resources<</XObject<</Im 12 0 R>>>>", "80 0 0 40 5 5 cm /Im Do")
    return pdf([page], extra=[_image(filter_name, content, more=more)])
