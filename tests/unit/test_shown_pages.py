"""Page images beside a JSON result: upright, as a browser shows them, bounded with those of searchable PDFs."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.datastructures import QueryParams

from ocr_core.contracts.errors import DocumentTooLarge, InvalidRequest, Overloaded
from ocr_core.contracts.page import PageImage
from preprocess_svc.parameters import OcrParameters
from preprocess_svc.searchable_pdf.held_images import ImageBudget
from preprocess_svc.shown_pages import ShownPages

WIDTH_PX, HEIGHT_PX = 60, 40


def pages(*, max_document_bytes: int = 100_000, max_held_bytes: int = 100_000) -> ShownPages:
    budget = ImageBudget(max_document_bytes=max_document_bytes, max_held_bytes=max_held_bytes)
    return ShownPages(jpeg_quality=80, budget=budget)


def paper(kind: str) -> NDArray[np.uint8]:
    """A page whose left half is dark."""
    pixels = np.full((HEIGHT_PX, WIDTH_PX, 3), 255, np.uint8)
    pixels[:, : WIDTH_PX // 2] = {"colour": (200, 30, 30), "grey": (90, 90, 90), "black": (0, 0, 0)}[kind]
    return pixels


def shown(kind: str, rotation_deg: int = 0) -> tuple[dict[str, Any], Image.Image]:
    result: dict[str, Any] = {"pages": [{"number": 1}, {"number": 2, "error": {}}]}
    with pages().answer() as answer:
        answer.keep(PageImage(number=1, pixels=paper(kind), dpi=200), rotation_deg)
        answer.put_into(result)
    assert "image" not in result["pages"][1]
    image = result["pages"][0]["image"]
    return image, Image.open(io.BytesIO(base64.b64decode(image["data"])))


@pytest.mark.parametrize(
    ("kind", "media_type", "mode"),
    [("colour", "image/jpeg", "RGB"), ("grey", "image/jpeg", "L"), ("black", "image/png", "1")],
)
def test_a_browser_shows_every_kind_of_page(kind: str, media_type: str, mode: str) -> None:
    image, picture = shown(kind)
    assert (image["media_type"], picture.mode) == (media_type, mode)
    assert Image.MIME[picture.format or ""] == media_type
    assert (image["width_px"], image["height_px"]) == picture.size == (WIDTH_PX, HEIGHT_PX)
    difference = np.abs(np.asarray(picture.convert("RGB")).astype(int) - paper(kind))
    assert difference.mean() < 3


def test_a_page_is_shown_upright() -> None:
    image, picture = shown("black", rotation_deg=90)
    assert (image["width_px"], image["height_px"]) == picture.size == (HEIGHT_PX, WIDTH_PX)
    assert not np.asarray(picture)[: WIDTH_PX // 2].any()  # what was on the left is above


def test_one_document_is_bounded_and_all_are() -> None:
    with pages(max_document_bytes=100).answer() as answer, pytest.raises(DocumentTooLarge, match="max_document_bytes"):
        answer.keep(PageImage(number=1, pixels=paper("colour"), dpi=200), 0)
    with pages(max_held_bytes=100).answer() as answer, pytest.raises(Overloaded):
        answer.keep(PageImage(number=1, pixels=paper("colour"), dpi=200), 0)


def test_nothing_is_held_afterwards() -> None:
    shared = pages()
    with shared.answer() as answer:
        answer.keep(PageImage(number=1, pixels=paper("grey"), dpi=200), 0)
        assert shared.budget.held_bytes > 0
        answer.put_into({"pages": [{"number": 1}]})
        assert shared.budget.held_bytes > 0  # it is in memory still, as a part of the answer
    assert shared.budget.held_bytes == 0


class TestTheParameter:
    @pytest.mark.parametrize(
        ("query", "wanted"), [("", False), ("page_images=true", True), ("page_images=false", False)]
    )
    def test_it_is_a_switch(self, query: str, wanted: bool) -> None:
        assert OcrParameters.parse(QueryParams(query)).page_images is wanted

    @pytest.mark.parametrize("value", ["yes", "1", "True", ""])
    def test_and_nothing_else(self, value: str) -> None:
        with pytest.raises(InvalidRequest, match="parameter 'page_images': Input should be true or false"):
            OcrParameters.parse(QueryParams(f"page_images={value}"))

    @pytest.mark.parametrize("output_format", ["text", "pdf", "hocr"])
    def test_other_formats_have_no_place_for_them(self, output_format: str) -> None:
        with pytest.raises(InvalidRequest, match="page_images is for format=json alone"):
            OcrParameters.parse(QueryParams(f"page_images=true&format={output_format}"))
