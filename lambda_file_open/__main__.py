"""Look at what the decoders make of a file: ``python -m lambda_file_open FILE [FOLDER]``.

For development: the file is decoded in this very process, without any of the locks. With a folder, the pages are
written there as PNG.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lambda_file_open.decoding import DecodedPage, OpeningFailed
from lambda_file_open.fonts import install_fonts
from lambda_file_open.handler import decode_pages, open_file
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.opening_wire import OpenRequest


def main() -> int:
    """Decode and describe."""
    parser = argparse.ArgumentParser(prog="python -m lambda_file_open", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--pages", help="a selection like 1-3,7")
    arguments = parser.parse_args()
    install_fonts()
    request = OpenRequest(
        selection=PageSelection.parse(arguments.pages), limits=OpenLimits(), text_layer=True, timeout_s=60.0
    )
    memory: list[NDArray[np.uint8]] = []

    def allocate(height_px: int, width_px: int) -> NDArray[np.uint8]:
        memory[:] = [np.empty((height_px, width_px, 3), dtype=np.uint8)]
        return memory[0]

    try:
        opened = open_file(arguments.file.read_bytes(), request)
        _say(f"{opened.decoder.media_type}, {opened.decoder.page_count} pages")
        for number, page in decode_pages(opened, request, allocate):
            if not isinstance(page, DecodedPage):
                _say(f"{number}: {page.name}")
                continue
            words = f"{len(page.words)} words"
            _say(f"{number}: {page.width_px} x {page.height_px} px, {page.dpi} dpi, {words}, {page.notices!r}")
            if arguments.folder is not None:
                Image.fromarray(memory[0]).save(arguments.folder / f"{number:04d}.png")
    except OpeningFailed as failed:
        _say(f"not opened: {failed}")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
