"""Cut-outs of pages: where the truth is printed and where our answer came from, each in its colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pypdfium2 as pdfium
from ocr_client.types import Page
from PIL import Image, ImageDraw, ImageOps

from evaluation.accuracy.failures import Failure
from evaluation.annotate import page_image
from evaluation.datasets import POINTS_PER_INCH, RENDER_DPI, LabelledDocument
from evaluation.ordering import PlacedText
from ocr_core.contracts.geometry import Box, Quad, bounds, turn_quad

TRUTH_COLOUR = (10, 140, 90)
ANSWER_COLOUR = (214, 69, 36)
READ_COLOUR = (38, 110, 200)

JPEG_QUALITY = 80
MAX_WIDTH_PX = 1000
MAX_TOGETHER_PX = 900
"""Two places further apart than this from top to bottom get a picture each."""
MARGIN_PX = 60
LEAST_WIDTH_PX, LEAST_HEIGHT_PX = 640, 160
FRAME_GAP_PX, FRAME_PX = 4, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A quad in our page's pixels, and the colour of its frame."""

    quad: Quad
    page: int
    colour: tuple[int, int, int]


class DocumentPictures:
    """Cuts pictures out of one document; each page is opened once."""

    def __init__(self, document: LabelledDocument, pages: Sequence[Page]) -> None:
        self._document = document
        self._pages = {page["number"]: page for page in pages if "width_px" in page}
        self._images: dict[int, Image.Image] = {}

    def cut(self, failure: Failure) -> Iterator[Image.Image]:
        """One picture, or several where the places are far apart or on different pages; none where none is known."""
        marked = [mark for mark in self._marks(failure) if mark.page in self._pages]
        for group in _together(marked):
            yield self._picture(group)

    def _marks(self, failure: Failure) -> Iterator[Marked]:
        for place in failure.truth_places:
            if place.page in self._pages:
                yield Marked(quad=self._on_our_page(place), page=place.page, colour=TRUTH_COLOUR)
        if not failure.truth_places:
            for place in failure.read_places:
                yield Marked(quad=_quad(place), page=place.page, colour=READ_COLOUR)
        for place in failure.answer_places:
            yield Marked(quad=_quad(place), page=place.page, colour=ANSWER_COLOUR)

    def _on_our_page(self, place: PlacedText) -> Quad:
        """From pixels of the labels to those of our page, which may be turned, and rendered smaller."""
        page = self._pages[place.page]
        width_px, height_px = _label_size(self._document.path, place.page)
        rotation_deg = page.get("rotation_deg", 0)
        turned = turn_quad(_quad(place), rotation_deg=rotation_deg, width_px=width_px, height_px=height_px)
        scale_x = page["width_px"] / (height_px if rotation_deg % 180 else width_px)
        scale_y = page["height_px"] / (width_px if rotation_deg % 180 else height_px)
        return _as_quad([(x * scale_x, y * scale_y) for x, y in turned])

    def _picture(self, marks: Sequence[Marked]) -> Image.Image:
        number = marks[0].page
        if number not in self._images:
            self._images[number] = page_image(self._document.path, self._pages[number])
        image = self._images[number]
        left, top, right, bottom = _window(bounds(*(mark.quad for mark in marks)), image.size)
        cut = image.crop((left, top, right, bottom)).convert("RGB")
        draw = ImageDraw.Draw(cut)
        for mark in marks:
            _frame(draw, mark, left=left, top=top)
        if cut.width > MAX_WIDTH_PX:
            cut.thumbnail((MAX_WIDTH_PX, cut.height))
        return cut


def _together(marks: Sequence[Marked]) -> list[list[Marked]]:
    groups: list[list[Marked]] = []
    for mark in marks:
        for group in groups:
            box = bounds(mark.quad, *(each.quad for each in group))
            if group[0].page == mark.page and box.height <= MAX_TOGETHER_PX:
                group.append(mark)
                break
        else:
            groups.append([mark])
    return groups


def _window(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box with a margin, at least so large, within the page."""
    width = min(size[0], max(LEAST_WIDTH_PX, round(box.width) + 2 * MARGIN_PX))
    height = min(size[1], max(LEAST_HEIGHT_PX, round(box.height) + 2 * MARGIN_PX))
    left = min(max(0, round((box.left + box.right - width) / 2)), size[0] - width)
    top = min(max(0, round((box.top + box.bottom - height) / 2)), size[1] - height)
    return left, top, left + width, top + height


def _frame(draw: ImageDraw.ImageDraw, mark: Marked, *, left: int, top: int) -> None:
    """A frame around the quad, a little outside, so that it covers no character."""
    centre_x = sum(x for x, _ in mark.quad) / 4
    centre_y = sum(y for _, y in mark.quad) / 4
    # The answer's frame lies outside of the truth's, so that both are seen where they are the same.
    gap = FRAME_GAP_PX + (2 * FRAME_PX if mark.colour == ANSWER_COLOUR else 0)
    points = [
        (x - left + (gap if x > centre_x else -gap), y - top + (gap if y > centre_y else -gap)) for x, y in mark.quad
    ]
    draw.line([*points, points[0], points[1]], fill=mark.colour, width=FRAME_PX, joint="curve")


def _label_size(path: Path, number: int) -> tuple[int, int]:
    """Width and height of the page that the labels' quads refer to."""
    if path.suffix.lower() == ".pdf":
        with pdfium.PdfDocument(path) as document:
            width_pt, height_pt = document[number - 1].get_size()
        return round(width_pt * RENDER_DPI / POINTS_PER_INCH), round(height_pt * RENDER_DPI / POINTS_PER_INCH)
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).size


def _quad(place: PlacedText) -> Quad:
    return _as_quad(place.quad)


def _as_quad(points: Sequence[Sequence[float]]) -> Quad:
    a, b, c, d = ((float(x), float(y)) for x, y in points)
    return a, b, c, d
