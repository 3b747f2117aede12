"""From pixels to fields with the real models: a seal over the issuer's name takes nothing from the page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from evaluation.datasets import SAMPLES_DIR
from evaluation.inprocess_models import InProcessModels, weights_folder
from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.geometry import Box, bounds
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.reading_codec import decode_reading, encode_reading
from ocr_core.contracts.result import FieldValue, OcrResult, PageResult
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.lines import PageLines, TextLine
from postprocess_svc.pipeline import TextPipeline
from tests.integration.test_page_orientation import page_pixels, read, skewed
from tests.support.stamped_pages import MM, Pixels, photographed, stamped

ISSUER = "株式会社"
SIDE_MM = 18.0
STAMP_ROWS = ("RECEIVED", "2031.12.24", "TOKYO")


@pytest.fixture(scope="module")
def models() -> Iterator[InProcessModels]:
    if weights_folder() is None:
        pytest.skip("no weights: the extra 'evaluation' (rapidocr) is not installed")
    # In 16 bits, so that boxes far from a stamp do not move by a pixel because of it.
    with InProcessModels(precision="f16") as started:
        yield started


class TextSide:
    """The text pipeline behind the wire."""

    def __init__(self, models: InProcessModels) -> None:
        self._charset = Charset.parse("".join(f"{character}\n" for character in models.charset).encode())
        self._pipeline = TextPipeline(charsets=Charsets([self._charset]))

    def lines(self, page: PageReading) -> PageLines:
        """A page's lines as fields and tables see them."""
        (lines,) = self._pipeline.page_lines(self._sent(page))
        return lines

    def result(self, page: PageReading) -> OcrResult:
        """What the caller gets."""
        return self._pipeline.structure(self._sent(page), options=StructureOptions(), request_id="r")

    def _sent(self, page: PageReading) -> Reading:
        reading = Reading(
            document=DocumentInfo(file_name="a.pdf", media_type=MediaType.PDF, page_count=1, sha256="0" * 64),
            pages=(page,),
            model_versions={},
            charset_sha256=self._charset.sha256,
        )
        return decode_reading(encode_reading(reading))


@pytest.fixture(scope="module")
def text_side(models: InProcessModels) -> TextSide:
    return TextSide(models)


@pytest.fixture(scope="module")
def sample() -> Pixels:
    return page_pixels(SAMPLES_DIR / "invoice_ja.pdf")


@pytest.fixture
async def clean(models: InProcessModels, text_side: TextSide, sample: Pixels) -> PageLines:
    return text_side.lines(await read(sample, models))


def issuer_line(page: PageLines) -> TextLine:
    """The issuer's name: the company on the right."""
    return next(line for line in page.printed if ISSUER in line.text and line.quad[0][0] > page.width_px / 2)


def over_the_end(line: TextLine) -> tuple[int, int]:
    """Where a seal is pressed: over the last letters, and the line below."""
    box = bounds(line.quad)
    return round(box.right - 0.1 * SIDE_MM * MM), round(box.bottom)


def texts(page: PageLines) -> list[str]:
    return [line.text.replace(" ", "") for line in page.printed]


def issuer_of(result: OcrResult) -> FieldValue:
    assert result.fields is not None
    issuer = result.fields["issuer_name"]
    assert isinstance(issuer, FieldValue)
    return issuer


def covers(box: Box, point: tuple[int, int]) -> bool:
    return box.left < point[0] < box.right and box.top < point[1] < box.bottom


@pytest.mark.parametrize("is_round", [False, True])
async def test_the_page_is_read_as_without_the_seal(
    models: InProcessModels, text_side: TextSide, sample: Pixels, clean: PageLines, is_round: bool
) -> None:
    name = issuer_line(clean)
    centre = over_the_end(name)
    page = await read(stamped(sample, centre, is_round=is_round), models)
    assert len(page.stamps) == 1
    assert covers(bounds(page.stamps[0].quad), centre)
    under = text_side.lines(page)
    assert texts(under) == texts(clean)
    assert len(under.tables) == len(clean.tables)
    assert issuer_line(under).text == name.text
    # The evidence lies on the name, not on the seal beside it.
    assert np.array(issuer_line(under).quad) == pytest.approx(np.array(name.quad), abs=12)
    assert issuer_of(text_side.result(page)).value == name.text


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
async def test_a_page_that_is_turned_upright(
    models: InProcessModels, text_side: TextSide, sample: Pixels, clean: PageLines, rotation_deg: int
) -> None:
    centre = over_the_end(issuer_line(clean))
    page = await read(np.ascontiguousarray(np.rot90(stamped(sample, centre), k=rotation_deg // 90)), models)
    assert page.rotation_deg == rotation_deg
    assert covers(bounds(page.stamps[0].quad), centre)
    assert texts(text_side.lines(page)) == texts(clean)


async def test_a_skewed_photograph(
    models: InProcessModels, text_side: TextSide, sample: Pixels, clean: PageLines
) -> None:
    centre = over_the_end(issuer_line(clean))
    page = await read(photographed(skewed(stamped(sample, centre, strength=0.6), 1.5)), models)
    assert len(page.stamps) == 1
    assert issuer_line(text_side.lines(page)).text == issuer_line(clean).text


async def test_the_text_of_a_date_stamp_is_in_the_text_and_in_no_field(
    models: InProcessModels, text_side: TextSide, sample: Pixels, clean: PageLines
) -> None:
    # The frame lies over the name, the letters beside it.
    box = bounds(issuer_line(clean).quad)
    centre = (round(box.right + 8 * MM), round(box.bottom))
    pixels = stamped(sample, centre, side_mm=28, rows=STAMP_ROWS, is_round=True)
    page = await read(pixels, models)
    lines = text_side.lines(page)
    assert [line.text for line in lines.lines if line.stamp == 0] == list(STAMP_ROWS)
    assert texts(lines) == texts(clean)
    result = text_side.result(page)
    assert result.text.endswith("\n".join(STAMP_ROWS))
    assert isinstance(result.pages[0], PageResult)
    assert [line.text for line in result.pages[0].lines[-3:]] == list(STAMP_ROWS)
    assert result.fields == text_side.result(await read(sample, models)).fields
