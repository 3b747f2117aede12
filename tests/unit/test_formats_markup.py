"""hOCR and ALTO: read back with a parser, they hold the text, and boxes where it is printed."""

from __future__ import annotations

import math
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.geometry import Box, Quad
from ocr_core.contracts.result import Line, OutputFormat
from postprocess_svc import formats
from tests.support.markup import (
    ALTO,
    MARKUP,
    Corners,
    alto,
    alto_box,
    hocr,
    hocr_box,
    line,
    of_class,
    properties,
    result_of,
    storable,
    turned,
    words,
)


@pytest.mark.parametrize("wanted", MARKUP)
def test_words_stand_where_their_characters_do(wanted: OutputFormat) -> None:
    quad = (100, 100, 500, 120)
    seen = Line(
        text="ab c請求",
        confidence=0.9,
        quad=Box(left=quad[0], top=quad[1], right=quad[2], bottom=quad[3]).to_quad(),
        # Half a character is at most 12 px, 0.03 of the line.
        positions=(0.1, 0.13, 0.16, 0.19, 0.8, 0.85),
        character_confidences=(0.9,) * 6,
    )
    # The gap behind c is 12 line heights wide: what stands beyond it was printed apart.
    assert words(result_of(seen), wanted) == [
        ("ab", (128, 100, 158, 120)),
        ("c", (170, 100, 188, 120)),
        ("請求", (408, 100, 452, 120)),
    ]


@pytest.mark.parametrize("wanted", MARKUP)
def test_a_heading_set_wide_is_one_word(wanted: OutputFormat) -> None:
    assert [text for text, _ in words(result_of(line("請求書", (100, 100, 400, 120), spaced=True)), wanted)] == [
        "請求書"
    ]


@pytest.mark.parametrize("wanted", MARKUP)
def test_without_places_characters_are_taken_as_evenly_spaced(wanted: OutputFormat) -> None:
    assert words(result_of(line("ab\u3000cd")), wanted) == [
        ("ab", (100, 100, 180, 120)),
        ("cd", (220, 100, 300, 120)),
    ]


def tilted() -> Line:
    level = Box(left=100, top=100, right=500, bottom=120).to_quad()
    return line("one two", turned(level, 5, (100, 100)), spaced=True)


def test_a_tilted_line_in_hocr() -> None:
    (found,) = of_class(hocr(result_of(tilted())), "ocr_line")
    slope, offset = (float(value) for value in properties(found)["baseline"].split())
    assert slope == pytest.approx(math.tan(math.radians(5)), abs=1e-4)
    # From the lower left corner of the box, as the specification has it, to where the quad's lower edge is.
    left, _, right, bottom = hocr_box(found)
    lower_left, lower_right = tilted().quad[3], tilted().quad[2]
    for x, y in (lower_left, lower_right):
        assert bottom + offset + slope * (x - left) == pytest.approx(y, abs=0.6)
    assert right >= lower_right[0]
    assert "textangle" not in properties(found)


def test_a_tilted_line_in_alto() -> None:
    root = alto(result_of(tilted()))
    (block,), (found,) = root.iter(f"{ALTO}TextBlock"), root.iter(f"{ALTO}TextLine")
    assert block.attrib["ROTATION"] == "-5"  # counter-clockwise
    (polygon,) = found.iter(f"{ALTO}Polygon")
    corners = [tuple(map(float, point.split(","))) for point in polygon.attrib["POINTS"].split()]
    assert corners == [pytest.approx(corner, abs=0.05) for corner in tilted().quad]
    assert found.attrib["BASELINE"].split() == [f"{x:.1f},{y:.1f}" for x, y in (tilted().quad[3], tilted().quad[2])]


def column(text: str, *, degrees: float = 90) -> Line:
    """A line of which each character takes 20 px, turned about its upper left corner at (500, 400)."""
    level = Box(left=500, top=400, right=500 + 20 * len(text), bottom=420).to_quad()
    return line(text, turned(level, degrees, (500, 400)), spaced=True)


def test_a_column_in_hocr() -> None:
    root = hocr(result_of(column("見本 御中")))
    (found,) = of_class(root, "ocr_line")
    assert properties(found) == {"bbox": "480 400 500 500", "textangle": "270", "x_size": "20", "x_wconf": "90"}
    assert found.attrib["style"] == "writing-mode: vertical-rl"
    upper, lower = of_class(root, "ocrx_word")
    assert (upper.text, hocr_box(upper)) == ("見本", (480, 400, 500, 440))
    assert (lower.text, hocr_box(lower)) == ("御中", (480, 460, 500, 500))


def test_a_column_in_alto() -> None:
    root = alto(result_of(column("見本 御中")))
    (block,), (found,) = root.iter(f"{ALTO}TextBlock"), root.iter(f"{ALTO}TextLine")
    assert (found.attrib["BASEDIRECTION"], alto_box(found)) == ("ttb", (480, 400, 500, 500))
    assert "ROTATION" not in block.attrib
    assert "BASELINE" not in found.attrib
    assert not list(found.iter(f"{ALTO}Shape"))
    assert [alto_box(space) for space in found.iter(f"{ALTO}SP")] == [(480, 440, 500, 460)]


@pytest.mark.parametrize(
    ("degrees", "textangle", "rotation"), [(90, "270", "-90"), (-90, "90", "90"), (180, "180", "-180")]
)
def test_turned_latin_lines_are_no_columns(degrees: float, textangle: str, rotation: str) -> None:
    result = result_of(column("sideways", degrees=degrees))
    (found,) = of_class(hocr(result), "ocr_line")
    assert properties(found)["textangle"] == textangle
    assert "style" not in found.attrib
    (block,) = alto(result).iter(f"{ALTO}TextBlock")
    assert block.attrib["ROTATION"] == rotation


def test_lines_that_lie_differently_have_no_rotation_in_common() -> None:
    (block,) = alto(result_of(line("level"), column("sideways"))).iter(f"{ALTO}TextBlock")
    assert "ROTATION" not in block.attrib


@pytest.mark.parametrize(
    ("texts", "languages"),
    [
        (["です", "合計", "total 9"], ["ja", "ja", None]),
        (["合計", "total"], [None, None]),  # no kana on the page: it may be Chinese as well
        (["ﾐﾎﾝ"], ["ja"]),
    ],
)
def test_the_language_is_told_where_kana_tell_it(texts: list[str], languages: list[str | None]) -> None:
    result = result_of(*(line(text) for text in texts))
    assert [found.get("lang") for found in of_class(hocr(result), "ocr_line")] == languages
    assert [found.get("LANG") for found in alto(result).iter(f"{ALTO}TextLine")] == languages


@pytest.mark.parametrize("wanted", MARKUP)
def test_a_line_of_white_space_is_left_out(wanted: OutputFormat) -> None:
    assert [text for text, _ in words(result_of(line(" \u3000"), line("a", block=1)), wanted)] == ["a"]
    assert words(result_of(line("\n")), wanted) == []


class _Browser(HTMLParser):
    """What a browser takes for markup and for text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self._in_word = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._in_word = ("class", "ocrx_word") in attrs

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._in_word = False

    def handle_data(self, data: str) -> None:
        if self._in_word:
            self.words.append(data)


ANY_TEXT = st.text(st.one_of(st.characters(), st.sampled_from(" <>&\"'\x00\x1b\ud800\uffff請\u3000]]>--")), max_size=30)


@given(ANY_TEXT)
def test_any_text_comes_back(text: str) -> None:
    result = result_of(line(text, spaced=True))
    written = ["".join(storable(word)) for word in text.split()]
    for wanted in MARKUP:
        assert [found for found, _ in words(result, wanted)] == written
    browser = _Browser()
    browser.feed(formats.render(result, OutputFormat.HOCR).body.decode())
    assert browser.words == written
    assert browser.tags <= {"html", "head", "meta", "title", "body", "div", "p", "span"}


COORDINATES = st.floats(-50, 1100, allow_nan=False)
QUADS = st.tuples(*[st.tuples(COORDINATES, COORDINATES)] * 4)


@given(st.lists(st.tuples(st.text("aあ ", min_size=1, max_size=9), QUADS, st.booleans()), max_size=4))
def test_boxes_are_within_the_page_and_hold_what_they_have_inside(drawn: list[tuple[str, Quad, bool]]) -> None:
    result = result_of(*(line(text, quad, spaced=spaced) for text, quad, spaced in drawn))
    for page in of_class(hocr(result), "ocr_page"):
        _check_nested(page, hocr_box, lambda element: "bbox" in element.get("title", ""))
    for page in alto(result).iter(f"{ALTO}PrintSpace"):
        _check_nested(page, alto_box, lambda element: "HPOS" in element.attrib)
        for polygon in page.iter(f"{ALTO}Polygon"):
            points = [tuple(map(float, point.split(","))) for point in polygon.attrib["POINTS"].split()]
            assert all(0 <= x <= 1000 and 0 <= y <= 800 for x, y in points)


def _check_nested(
    outer: ET.Element, box: Callable[[ET.Element], Corners], has_box: Callable[[ET.Element], bool]
) -> None:
    left, top, right, bottom = box(outer)
    assert left <= right
    assert top <= bottom
    for inner in filter(has_box, outer):
        inner_left, inner_top, inner_right, inner_bottom = box(inner)
        assert left <= inner_left
        assert top <= inner_top
        assert inner_right <= right
        assert inner_bottom <= bottom
        _check_nested(inner, box, has_box)
