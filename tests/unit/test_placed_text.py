"""Placed text: what the text side writes down for a searchable PDF, over the wire and back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.geometry import Box, Quad
from ocr_core.contracts.placed_text import DocumentTitle, PlacedDocument, PlacedLine, PlacedPage, UnreadPlace
from ocr_core.contracts.placed_text_codec import decode_placed_text, encode_placed_text
from ocr_core.contracts.result import Line, OutputFormat, PageProblem, UnreadPage
from ocr_core.contracts.untrusted_map import pack_map, unpack_map
from postprocess_svc import formats
from postprocess_svc.formats.placed_format import document_title, placed_pages
from tests.support.markup import PAGE, line, result_of
from tests.unit.test_formats import RESULT

QUAD = Box(left=100, top=100, right=500, bottom=120).to_quad()

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
coordinates = st.integers(-1_000, 1_600)
points = st.tuples(coordinates, coordinates).map(lambda point: (float(point[0]), float(point[1])))
quads: st.SearchStrategy[Quad] = st.tuples(points, points, points, points)


@st.composite
def placed_lines(draw: st.DrawFn) -> PlacedLine:
    text = draw(texts)
    edges = sorted(draw(st.lists(st.floats(0, 1, width=32), min_size=2 * len(text), max_size=2 * len(text))))
    return PlacedLine(
        text=text,
        quad=draw(quads),
        extents=tuple((edges[2 * at], edges[2 * at + 1]) for at in range(len(text))),
        is_column=draw(st.booleans()),
        row_goes_on=draw(st.booleans()),
    )


@st.composite
def placed_documents(draw: st.DrawFn) -> PlacedDocument:
    pages: list[PlacedPage | UnreadPlace] = []
    for number in sorted(draw(st.sets(st.integers(1, 50), max_size=3))):
        if draw(st.booleans()):
            pages.append(UnreadPlace(number=number, detail=draw(texts)))
        else:
            lines = draw(st.lists(placed_lines(), max_size=3))
            pages.append(PlacedPage(number=number, width_px=800, height_px=600, lines=tuple(lines)))
    title = DocumentTitle(
        title=draw(texts), file_name=draw(st.none() | texts), sha256="0" * 64, language=draw(st.none() | st.just("ja"))
    )
    return PlacedDocument(title=title, pages=tuple(pages))


@given(placed_documents())
def test_a_document_survives_the_wire(document: PlacedDocument) -> None:
    assert decode_placed_text(encode_placed_text(document)) == document


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(untrusted: bytes) -> None:
    with pytest.raises(InvalidRequest, match="placed text"):
        decode_placed_text(untrusted)


@given(placed_documents(), st.data())
def test_damaged_bytes_are_refused_or_still_a_document(document: PlacedDocument, data: st.DataObject) -> None:
    encoded = bytearray(encode_placed_text(document))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode_placed_text(bytes(encoded))
    except InvalidRequest:
        return
    for page in decoded.pages:
        for placed in page.lines if isinstance(page, PlacedPage) else ():
            assert len(placed.text) == len(placed.extents)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"pages": [{"number": 2, "detail": ""}, {"number": 1, "detail": ""}]}, "ascend"),
        ({"pages": [[]]}, "is not a map"),
        ({"title": 5}, "title"),
        ({"sha256": "x" * 65}, "sha256"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], told: str) -> None:
    wire = {"schema_version": 1, "title": "", "file_name": None, "sha256": "", "language": None, "pages": []}
    with pytest.raises(InvalidRequest, match=told):
        decode_placed_text(pack_map({**wire, **change}))


def test_extents_that_run_backwards_or_off_the_line_are_refused() -> None:
    page = PlacedPage(
        number=1, width_px=800, height_px=600, lines=(PlacedLine(text="a", quad=QUAD, extents=((0.0, 1.5),)),)
    )
    title = DocumentTitle(title="", file_name=None, sha256="", language=None)
    with pytest.raises(InvalidRequest, match="extents"):
        decode_placed_text(encode_placed_text(PlacedDocument(title=title, pages=(page,))))


def test_a_map_of_too_many_containers_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="ValueError"):
        unpack_map(pack_map({"a": [[]] * 20}), "test", max_array=100, max_containers=10)


class TestWhatIsPlaced:
    def test_characters_of_one_run_touch_however_wide_they_are_set(self) -> None:
        (page,) = placed_pages(result_of(line("請求書", (100, 100, 400, 120), spaced=True)))
        assert isinstance(page, PlacedPage)
        (placed,) = page.lines
        assert [end for _, end in placed.extents[:-1]] == [start for start, _ in placed.extents[1:]]
        assert all(end - start > 0.2 for start, end in placed.extents[1:-1])

    def test_a_gap_stays_white(self) -> None:
        positions = (0.1, 0.13, 0.16, 0.8, 0.83)
        seen = Line(text="abcde", confidence=0.9, quad=QUAD, positions=positions, character_confidences=(0.9,) * 5)
        (page,) = placed_pages(result_of(seen))
        assert isinstance(page, PlacedPage)
        starts, ends = zip(*page.lines[0].extents, strict=True)
        assert starts[3] - ends[2] > 0.5
        assert [ends[at] == starts[at + 1] for at in range(4)] == [True, True, False, True]
        for at, centre in enumerate(positions):
            assert starts[at] < centre < ends[at]

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
    def test_extents_ascend_whatever_the_positions(self, positions: list[float]) -> None:
        text = "文" * len(positions)
        seen = Line(
            text=text,
            confidence=0.9,
            quad=QUAD,
            positions=tuple(positions),
            character_confidences=(0.9,) * len(text),
        )
        (page,) = placed_pages(result_of(seen))
        assert isinstance(page, PlacedPage)
        edges = [edge for extent in page.lines[0].extents for edge in extent]
        assert all(before <= after for before, after in pairwise([0.0, *edges, 1.0]))

    def test_cells_of_a_row_belong_together(self) -> None:
        cells = [replace(line("cell"), row=row, block=block) for row, block in ((0, 0), (0, 0), (1, 0), (1, 1))]
        (page,) = placed_pages(result_of(*cells))
        assert isinstance(page, PlacedPage)
        assert [placed.row_goes_on for placed in page.lines] == [True, False, False, False]

    @pytest.mark.parametrize(
        ("text", "quad", "is_column"),
        [
            ("縦書き", ((140, 100), (140, 400), (100, 400), (100, 100)), True),
            ("Latin", ((140, 100), (140, 400), (100, 400), (100, 100)), False),
            ("縦書き", ((100, 400), (100, 100), (140, 100), (140, 400)), False),
            ("横書き", QUAD, False),
        ],
    )
    def test_only_japanese_that_runs_down_is_a_column(self, text: str, quad: Quad, is_column: bool) -> None:
        (page,) = placed_pages(result_of(line(text, quad)))
        assert isinstance(page, PlacedPage)
        assert page.lines[0].is_column is is_column

    def test_control_characters_become_blanks(self) -> None:
        (page,) = placed_pages(result_of(line("a\nb\x00\u2028c"), line(" \n")))
        assert isinstance(page, PlacedPage)
        assert [placed.text for placed in page.lines] == ["a b  c"]

    def test_unread_pages_keep_their_place(self) -> None:
        unread = UnreadPage(number=2, error=PageProblem(code="unreadable_page", detail="broken"))
        pages = list(placed_pages(replace(RESULT, pages=(replace(PAGE, number=1), unread, replace(PAGE, number=4)))))
        assert [page.number for page in pages] == [1, 2, 4]
        assert pages[1] == UnreadPlace(number=2, detail="broken")

    def test_kana_tell_the_language(self) -> None:
        assert document_title(replace(RESULT, text="請求です")).language == "ja"
        assert document_title(replace(RESULT, text="請求 invoice")).language is None

    def test_a_document_without_a_name_is_called_by_its_id(self) -> None:
        unnamed = replace(RESULT, document=replace(RESULT.document, file_name=None))
        assert (document_title(unnamed).title, document_title(unnamed).file_name) == (RESULT.id, None)

    def test_it_is_what_the_text_side_answers(self) -> None:
        result = result_of(line("合計 9", spaced=True))
        rendered = formats.render(result, OutputFormat.PDF)
        assert rendered.content_type == "application/vnd.yomitori.placed-text+msgpack"
        (page,) = decode_placed_text(rendered.body).pages
        (expected,) = placed_pages(result)
        assert isinstance(page, PlacedPage)
        assert isinstance(expected, PlacedPage)
        assert page.lines[0].text == "合計 9"
        assert np.allclose(page.lines[0].extents, expected.lines[0].extents, atol=1e-6)
