"""What a child needs is loaded before it is forked: under its lock it may not be able to open a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOOK = """
import sys
from lambda_file_open import pool, warmup
from tests.support.open_samples import CORNERS_HEIC, corners, decode, pdf, saved
import io, socket
from PIL import Image
from lambda_file_open.shared_page import SharedPage
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.opening_wire import OpenEnded, decode_request, encode_message
from ocr_core.contracts.page_memory import page_memory_bytes

documents = [saved(corners(), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")]
documents += [saved(corners().convert("CMYK"), "JPEG"), saved(corners(), "TIFF", compression="jpeg"), CORNERS_HEIC]
documents += [saved(Image.new("I;16", (9, 9)), "TIFF"), saved(Image.new("LAB", (9, 9)), "TIFF")]
documents += [pdf([("/MediaBox[0 0 300 100]", "BT /F1 24 Tf 20 50 Td (Total) Tj ET")])]
# Loaded by the samples, not by the pool.
for name in [name for name in sys.modules if name.startswith("encodings.utf_32")]:
    del sys.modules[name]

warmup.load_decoders()
imported = []
sys.addaudithook(lambda event, arguments: imported.append(arguments[0]) if event == "import" else None)
for document in documents:
    for decoded in decode(document, text_layer=True):
        page, pixels = decoded
        memory = SharedPage.reserve(0)
        memory.fix(page_memory_bytes(OpenLimits()))
        memory.allocate(page.height_px, page.width_px)[:] = pixels
        memory.finish(width_px=page.width_px, height_px=page.height_px, words=page.words)
        memory.close()
print(imported)
"""


def test_after_loading_the_decoders_nothing_is_imported_any_more() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
