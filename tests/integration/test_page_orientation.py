"""Pages of the labelled sets, turned and skewed, are read upright; vertical Japanese is left as it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from evaluation.inprocess_models import InProcessModels, weights_folder
from evaluation.metrics import word_matches
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.reading import PageReading
from preprocess_svc.page_reader import read_page
from preprocess_svc.recognition import CropReading
from preprocess_svc.tools import Tools

CJK_FONTS = (
    Path("/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc"),
    Path("/usr/share/fonts/opentype/ipafont-mincho/ipam.ttf"),
)
COLUMNS = (
    "拝啓　時下ますますご清栄のことと",
    "お慶び申し上げます。平素は格別の",
    "ご高配を賜り厚く御礼申し上げます",
    "さてこのたび弊社では下記の通り新",
    "製品を発売する運びとなりました。",
)


@pytest.fixture(scope="module")
def models() -> Iterator[InProcessModels]:
    if weights_folder() is None:
        pytest.skip("no weights: the extra 'evaluation' (rapidocr) is not installed")
    with InProcessModels() as started:
        yield started


def page_pixels(file: Path) -> NDArray[np.uint8]:
    if file.suffix != ".pdf":
        return np.array(Image.open(file).convert("RGB"))
    document = pypdfium2.PdfDocument(file)
    try:
        return np.array(document[0].render(scale=200 / 72).to_pil().convert("RGB"))
    finally:
        document.close()


def skewed(pixels: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Turned clockwise by a few degrees on white paper; nothing is cut off."""
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
    size = (int(width * cosine + height * sine), int(height * cosine + width * sine))
    turn[:, 2] += (np.array(size) - (width, height)) / 2
    return np.asarray(cv2.warpAffine(pixels, turn, size, borderValue=(255, 255, 255)), dtype=np.uint8)


async def read(pixels: NDArray[np.uint8], models: InProcessModels) -> PageReading:
    with ThreadPoolExecutor(2) as workers:
        tools = Tools(
            models=models,
            workers=workers,
            priority=Priority.SYNC,
            deadline=Deadline.after(60),
            detection_slots=asyncio.Semaphore(2),
            recognition_slots=asyncio.Semaphore(8),
        )
        return (await read_page(PageImage(number=1, pixels=pixels, dpi=200), tools)).reading


def words(page: PageReading, models: InProcessModels) -> str:
    texts = []
    for line in page.lines:
        reading = CropReading(class_ids=line.class_ids, probabilities=line.probabilities)
        texts.append("".join(models.charset[int(class_id) - 1] for class_id in line.class_ids[reading.spelt]))
    return " ".join(texts)


@pytest.mark.parametrize("sample", ["invoice_ja", "invoice_en", "receipt_ja"])
@pytest.mark.parametrize(("turn_deg", "skew"), [(0, 5.0), (90, 0.0), (180, -3.0), (270, 2.0)])
async def test_samples_turned_and_skewed(
    samples: Path, models: InProcessModels, sample: str, turn_deg: int, skew: float
) -> None:
    upright = page_pixels(samples / f"{sample}.pdf")
    expected = words(await read(upright, models), models)
    page = await read(np.ascontiguousarray(np.rot90(skewed(upright, skew), k=-turn_deg // 90)), models)
    assert page.rotation_deg == (360 - turn_deg) % 360
    assert page.skew_deg == pytest.approx(skew, abs=0.7)
    assert word_matches(expected, words(page, models)).f1 > 0.8


@pytest.mark.parametrize("name", ["sroie", "zugferd", "docubench", "jp-receipts-synth"])
async def test_labelled_pages_turned_and_skewed(shared_data: Path, models: InProcessModels, name: str) -> None:
    files = sorted((shared_data / name / "files").iterdir())
    for index, turn_deg in enumerate((0, 90, 180, 270)):
        pixels = page_pixels(files[(index + 1) * len(files) // 5])
        page = await read(np.ascontiguousarray(np.rot90(skewed(pixels, 2.0 * index - 3), k=-turn_deg // 90)), models)
        assert page.rotation_deg == (360 - turn_deg) % 360


async def test_vertical_japanese_is_not_a_page_on_its_side(models: InProcessModels) -> None:
    font_file = next((file for file in CJK_FONTS if file.is_file()), None)
    if font_file is None:
        pytest.skip("no CJK font: install fonts-noto-cjk or fonts-ipafont")
    font = ImageFont.truetype(str(font_file), 36)
    image = Image.new("RGB", (1200, 1600), "white")
    draw = ImageDraw.Draw(image)
    for column, text in enumerate(COLUMNS):
        for row, character in enumerate(text):
            draw.text((1050 - column * 90, 150 + row * 42), character, font=font, fill="black")
    page = await read(np.array(image), models)
    assert page.rotation_deg == 0
    expected = "".join(COLUMNS).replace("　", "")
    read_text = words(page, models).replace("　", "").replace(" ", "")
    assert sum(character in read_text for character in expected) / len(expected) > 0.95
    first_points = [line.quad[0] for line in page.lines]
    last_points = [line.quad[1] for line in page.lines]
    assert all(end[1] > start[1] for start, end in zip(first_points, last_points, strict=True))
