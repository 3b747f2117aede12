"""Writes the samples that the models are calibrated and judged on (``model_tools/bundled``).

``python -m evaluation.model_samples out/generated/train`` reads some generated documents in process, keeps what the
pipeline sends to the models (lines padded to their width class, pages on the detector's canvases), and packs a
selection. Generated documents only: nothing of anybody's is in the repository. To be run again when the pipeline cuts
its lines in another way, or the detector's shapes change.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.datasets import load_generated
from evaluation.inprocess_models import InProcessModels
from evaluation.readings import Readings
from model_tools.samples import BUNDLED, LINES_FILE, PLACES_FILE
from ocr_core.contracts.tensors import RECOGNITION_HEIGHT_PX

SHEET_WIDTH_PX = 2048
"""At least the widest width class."""
_SEED = 14
_LINE_QUALITY = 90
_PAGE_QUALITY = 80
"""Of WebP. Documents that come in have been through JPEG as well; text stays sharp at these."""


class Recorder(InProcessModels):
    """Models that keep what they are asked."""

    def __init__(self) -> None:
        """In float32, so that what is sent does not depend on the machine."""
        super().__init__(precision="f32")
        self.pages: list[NDArray[np.uint8]] = []
        self.crops: list[NDArray[np.uint8]] = []

    def detect_now(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See ``InProcessModels.detect_now``."""
        self.pages.append(image.copy())
        return super().detect_now(image)

    def recognise_row_now(self, crop: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """See ``InProcessModels.recognise_row_now``."""
        self.crops.append(crop.copy())
        return super().recognise_row_now(crop)


def in_turn(
    by_document: Sequence[Sequence[NDArray[np.uint8]]], count: int, chance: random.Random
) -> list[NDArray[np.uint8]]:
    """So many images, the even ones of every other document and the odd ones of the rest."""
    halves = []
    for first in (0, 1):
        images = [image for document in by_document[first::2] for image in document]
        halves.append(chance.sample(images, min(count // 2, len(images))))
    return [image for pair in zip(*halves, strict=False) for image in pair]


def pack_lines(crops: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], list[tuple[int, int, int]]]:
    """One sheet with the crops in rows, and where each lies: (left, top, width)."""
    places: list[tuple[int, int, int]] = []
    left = top = 0
    for crop in crops:
        width = crop.shape[1]
        if left + width > SHEET_WIDTH_PX:
            left, top = 0, top + RECOGNITION_HEIGHT_PX
        places.append((left, top, width))
        left += width
    sheet = np.full((top + RECOGNITION_HEIGHT_PX, SHEET_WIDTH_PX, 3), 255, np.uint8)
    for crop, (left, top, width) in zip(crops, places, strict=True):
        sheet[top : top + RECOGNITION_HEIGHT_PX, left : left + width] = crop
    return sheet, places


def write(folder: Path, *, crops: Sequence[NDArray[np.uint8]], pages: Sequence[NDArray[np.uint8]]) -> None:
    """The folder that ``model_tools.samples`` reads."""
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    for old in (folder / "pages").iterdir():
        old.unlink()
    sheet, places = pack_lines(crops)
    Image.fromarray(sheet).save(folder / LINES_FILE, quality=_LINE_QUALITY, method=6)
    (folder / PLACES_FILE).write_text(json.dumps(places, separators=(",", ":")) + "\n")
    for number, page in enumerate(pages, start=1):
        Image.fromarray(page).save(folder / "pages" / f"{number:02}.webp", quality=_PAGE_QUALITY, method=6)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.model_samples", description=__doc__.split("\n", 1)[0])
    parser.add_argument("generated", type=Path, help="documents of the generator's train split")
    parser.add_argument("--documents", type=int, default=36, help="how many to read; default: %(default)s")
    parser.add_argument("--lines", type=int, default=300, help="to keep; default: %(default)s")
    parser.add_argument("--pages", type=int, default=16, help="to keep; default: %(default)s")
    parser.add_argument("--output", type=Path, default=BUNDLED, help="default: %(default)s")
    options = parser.parse_args()
    chance = random.Random(_SEED)  # noqa: S311 - which documents, not a secret
    documents = chance.sample(load_generated(options.generated), options.documents)
    crops, pages = [], []
    with tempfile.TemporaryDirectory() as kept:
        for document in documents:
            recorder = Recorder()
            Readings(folder=Path(kept), models=recorder).of([document.path])
            crops.append(recorder.crops)
            pages.append(recorder.pages[:1])
    write(options.output, crops=in_turn(crops, options.lines, chance), pages=in_turn(pages, options.pages, chance))


if __name__ == "__main__":
    main()
