"""Pages and crops for calibration and for the precision gate: those that are bundled, or a folder of one's own.

The bundled ones (``bundled/``, written by ``python -m evaluation.model_samples``) are of generated documents, clean,
scanned, faxed and photographed. Odd and even ones are of different documents. A folder of one's own has ``pages/`` and
``crops/`` of pictures.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ocr_core.contracts.tensors import (
    DETECTION_SHAPES,
    RECOGNITION_HEIGHT_PX,
    RECOGNITION_PAD_VALUE,
    recognition_width_px,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUNDLED = Path(__file__).resolve().parent / "bundled"
LINES_FILE = "lines.webp"
PLACES_FILE = "lines.json"
"""Of each line in the sheet: (left, top, width), pixels."""

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


def page_samples(folder: Path) -> Iterator[NDArray[np.uint8]]:
    """Each page as a detector's input, (1, H, W, 3) uint8 RGB, in the canvas that fits its proportions best."""
    for picture in _pictures(folder / "pages"):
        height, width = min(DETECTION_SHAPES, key=lambda shape: _misfit(shape, picture.height / picture.width))
        scale = min(height / picture.height, width / picture.width)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        canvas = np.full((1, height, width, 3), 255, np.uint8)
        canvas[0, : size[1], : size[0]] = np.asarray(picture.resize(size))
        yield canvas


def crop_samples(folder: Path) -> Iterator[NDArray[np.uint8]]:
    """Each line crop as a recogniser's input, (1, 48, W, 3) uint8 RGB, padded to its width class."""
    for picture in _pictures(folder / "crops"):
        wanted = max(1, round(picture.width * RECOGNITION_HEIGHT_PX / picture.height))
        width_class = recognition_width_px(wanted)
        width = min(wanted, width_class)
        canvas = np.full((1, RECOGNITION_HEIGHT_PX, width_class, 3), RECOGNITION_PAD_VALUE, np.uint8)
        canvas[0, :, :width] = np.asarray(picture.resize((width, RECOGNITION_HEIGHT_PX)))
        yield canvas


def bundled_pages(folder: Path = BUNDLED) -> list[NDArray[np.uint8]]:
    """The bundled pages, (1, H, W, 3) uint8 RGB each, in a detector's shapes."""
    return [np.array(picture)[None] for picture in _pictures(folder / "pages")]


def bundled_crops(folder: Path = BUNDLED) -> list[NDArray[np.uint8]]:
    """The bundled lines, (1, 48, W, 3) uint8 RGB each, padded to their width class."""
    image_module = importlib.import_module("PIL.Image")
    with image_module.open(folder / LINES_FILE) as picture:
        sheet = np.asarray(picture.convert("RGB"))
    places = json.loads((folder / PLACES_FILE).read_text())
    return [
        np.ascontiguousarray(sheet[None, top : top + RECOGNITION_HEIGHT_PX, left : left + width])
        for left, top, width in places
    ]


def _misfit(shape: tuple[int, int], aspect: float) -> float:
    return abs(float(np.log(shape[0] / shape[1] / aspect)))


def _pictures(folder: Path) -> Iterator[Any]:
    # Pillow is not part of Triton's environment: only who runs the gate needs it.
    image_module = importlib.import_module("PIL.Image")
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES:
            with image_module.open(path) as picture:
                yield picture.convert("RGB")
