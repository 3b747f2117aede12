"""A locked child can open no file: what decoding imports late must have been imported before."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.heif_samples import TEN_BIT_AVIF
from tests.support.icc_samples import SRGB_TO_XYZ, rgb_profile
from tests.support.open_samples import CORNERS_HEIC, corners, pdf, saved
from tests.support.tiff_samples import BLACK_IS_ZERO, TiffPage, tiff

# A process that has imported nothing but the decoders; the documents come through its standard input.
LOOK = """
import pickle, sys
documents = pickle.loads(sys.stdin.buffer.read())
import numpy as np
from lambda_file_open import handler, lazy_imports
from lambda_file_open.decoding import OpeningFailed
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.opening_wire import OpenRequest

request = OpenRequest(selection=PageSelection(), limits=OpenLimits(), text_layer=True, timeout_s=60.0)
lazy_imports.preload()
before, looked_for, pages = set(sys.modules), [], 0
sys.addaudithook(lambda event, arguments: looked_for.append(arguments[0]) if event in ("import", "open") else None)
for document in documents:
    try:
        for _, page in handler.decode_pages(
            handler.open_file(document, request), request, lambda height, width: np.empty((height, width, 3), np.uint8)
        ):
            pages += page is not None
            "".join(word.text for word in (page.words if page else ())).encode("utf-32-le")
    except OpeningFailed:
        pass
print(sorted(set(sys.modules) - before), looked_for, pages >= len(documents) / 2)
"""


def documents() -> list[bytes]:
    """One of each kind and colour, then the first half of each."""
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = rgb_profile(SRGB_TO_XYZ, gamma=1.0)
    grey = np.asarray(corners().convert("L"))
    images = [corners().convert(mode) for mode in ("CMYK", "LAB", "P", "RGBA", "LA")]
    images += [Image.fromarray(grey.astype(number)) for number in ("uint16", "float32", "int32")]
    compressions = ("jpeg", "tiff_lzw", "tiff_adobe_deflate", "packbits")
    bilevel = corners().convert("1")
    sound = [
        *(saved(corners(), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")),
        *(saved(corners(), kind, exif=exif) for kind in ("PNG", "JPEG", "WEBP", "AVIF")),
        *(saved(corners(), kind, icc_profile=profile) for kind in ("PNG", "JPEG", "WEBP", "TIFF")),
        *(
            saved(corners(), kind, save_all=True, append_images=[corners().rotate(180)])
            for kind in ("PNG", "WEBP", "GIF", "MPO", "TIFF")
        ),
        *(saved(corners(), "TIFF", compression=compression) for compression in compressions),
        *(saved(bilevel, "TIFF", compression=name, dpi=(204, 98)) for name in ("group3", "group4")),
        *(saved(image, "TIFF") for image in images),
        saved(corners().convert("CMYK"), "JPEG"),
        saved(corners().quantize(4), "PNG", transparency=0),
        CORNERS_HEIC,
        TEN_BIT_AVIF,
        pdf([("/MediaBox[0 0 300 100]", "BT /F1 24 Tf 20 50 Td (Total) Tj ET")]),
    ]
    unknown = tiff(TiffPage(width_px=4, height_px=4, bits=(9,), photometric=BLACK_IS_ZERO, data=[b"x"]))
    return [*sound, *(document[: len(document) // 2] for document in sound), b"no document", unknown]


def test_after_the_preload_decoding_imports_nothing_and_opens_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        input=pickle.dumps(documents()),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == "[] [] True"
