"""The searchable PDF: its text comes back, in order and in its place, and its pages look as they did."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr_core.contracts.errors import InternalError
from ocr_core.contracts.geometry import Box, Point, Quad
from ocr_core.contracts.placed_text import DocumentTitle, PlacedLine, PlacedPage, UnreadPlace
from preprocess_svc.searchable_pdf import EncodedPage, PixelCoding, SearchablePdf, encode_page, glyphs
from preprocess_svc.searchable_pdf.document import A4_PT, MAX_SIDE_PT
from tests.support.documents import text_image
from tests.support.markup import turned
from tests.support.pdf_reading import characters, check_sound, labels, pixels, sizes_pt, texts, written_text

TITLE = DocumentTitle(title="請求書 (1)\\.pdf", file_name="請求書 (1)\\.pdf", sha256="0" * 64, language="ja")
WIDTH_PX, HEIGHT_PX, DPI = 1000, 800, 200
PX_PT = 72 / DPI


def blank(*, number: int = 1, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX, dpi: int = DPI) -> EncodedPage:
    paper = np.full((height_px, width_px, 3), 255, np.uint8)
    return encode_page(paper, number=number, dpi=dpi, rotation_deg=0, jpeg_quality=80)


def line(text: str, quad: Quad, **more: bool) -> PlacedLine:
    """A line whose characters are evenly spaced."""
    count = len(text)
    return PlacedLine(
        text=text, quad=quad, extents=tuple((at / count, (at + 1) / count) for at in range(count)), **more
    )


def level(text: str, left: float, top: float, right: float, bottom: float, **more: bool) -> PlacedLine:
    return line(text, Box(left=left, top=top, right=right, bottom=bottom).to_quad(), **more)


def column(text: str, left: float, top: float, right: float, bottom: float) -> PlacedLine:
    """Upright characters from the top down."""
    return line(text, ((right, top), (right, bottom), (left, bottom), (left, top)), is_column=True)


def written(*lines: PlacedLine, title: DocumentTitle = TITLE) -> bytes:
    return document([(PlacedPage(number=1, width_px=WIDTH_PX, height_px=HEIGHT_PX, lines=lines), blank())], title=title)


def document(
    pages: Sequence[tuple[PlacedPage | UnreadPlace, EncodedPage | None]], *, title: DocumentTitle = TITLE
) -> bytes:
    sink = io.BytesIO()
    pdf = SearchablePdf(sink, title)
    for page, image in pages:
        pdf.add(page, image)
    pdf.finish()
    assert pdf.size_bytes == len(sink.getvalue())
    return sink.getvalue()


class TestTheText:
    @pytest.mark.parametrize(
        "text",
        [
            "Total amount due: 1,234.56",
            "請求書　№12〜㈱テスト",
            "ｶﾌﾞｼｷｶﾞｲｼﾔ ﾃｽﾄ",
            "(brackets) \\ <angles> [more] %comment",
            "𠮷野家と𩸽と😀と👨",
            "Überweisung für Łódź – “quoted” €5",
            "请款单 청구서",
        ],
    )
    def test_what_a_reader_extracts_is_what_was_read(self, text: str) -> None:
        content = written(level(text, 100, 100, 900, 140))
        assert texts(content) == [text]
        check_sound(content)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=5))
    def test_every_character_of_unicode_is_written_as_itself(self, lines: list[str]) -> None:
        content = written(*(level(text, 10, 100 * at, 900, 100 * at + 40) for at, text in enumerate(lines)))
        assert written_text(content) == ["".join(lines)]
        check_sound(content)

    def test_what_is_no_character_is_replaced(self) -> None:
        assert written_text(written(level("a\ud800b", 0, 0, 90, 20))) == ["a\ufffdb"]

    def test_cells_of_a_row_are_set_apart_and_rows_begin_anew(self) -> None:
        content = written(
            level("品名", 100, 100, 180, 140, row_goes_on=True),
            level("金額", 800, 102, 880, 142),
            level("紙", 100, 160, 140, 200, row_goes_on=True),
            level("¥120", 800, 160, 880, 200),
        )
        assert texts(content) == ["品名 金額\r\n紙 ¥120"]

    def test_a_row_of_distant_cells_keeps_its_place_above_the_next(self) -> None:
        # PDFium takes for one row what is nearer than half the last character's width: a blank as wide as the white
        # between two cells made one row of the whole page head.
        content = written(
            level("Example Instruments GmbH", 100, 100, 500, 140, row_goes_on=True),
            level("INVOICE", 800, 100, 980, 140),
            level("Example street 5", 80, 160, 300, 190, row_goes_on=True),
            level("2026-11-28", 800, 160, 980, 190),
            level("Example city", 90, 210, 300, 240),
        )
        assert [row.split() for row in texts(content)[0].splitlines()] == [
            ["Example", "Instruments", "GmbH", "INVOICE"],
            ["Example", "street", "5", "2026-11-28"],
            ["Example", "city"],
        ]

    def test_equal_lines_close_to_each_other_are_all_there(self) -> None:
        # PDFium drops what seems to be printed twice for boldness.
        lines = [level("20x150g Becher", 100, 100 + 24 * at, 700, 132 + 24 * at) for at in range(4)]
        assert texts(written(*lines)) == ["\r\n".join(["20x150g Becher"] * 4)]

    def test_columns_side_by_side_are_read_from_the_right(self) -> None:
        content = written(column("縦書きの文章です。", 900, 50, 940, 500), column("二行目の縦書き", 840, 50, 880, 400))
        assert rows(content) == ["縦書きの文章です。", "二行目の縦書き"]

    def test_lines_that_run_up_the_page(self) -> None:
        upwards = [((left, 500.0), (left, 100.0), (left + 40, 100.0), (left + 40, 500.0)) for left in (100.0, 160.0)]
        content = written(line("Upwards text", upwards[0]), line("and more of it", upwards[1]))
        assert rows(content) == ["Upwards text", "and more of it"]

    def test_more_glyphs_than_a_font_can_hold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(glyphs, "MAX_GLYPHS", 6)
        text = "いろはにほへとちりぬるをわか"
        content = written(level(text, 100, 100, 900, 140), column(text, 900, 200, 940, 700))
        assert rows(content) == [text, text]
        with pikepdf.open(io.BytesIO(content)) as opened:
            assert sorted(opened.pages[0].Resources.Font.keys()) == ["/H1", "/H2", "/H3", "/V1", "/V2", "/V3"]
        check_sound(content)

    @pytest.mark.parametrize(
        "quad",
        [
            ((100, 100), (100, 100), (100, 100), (100, 100)),
            ((100, 100), (900, 100), (900, 100), (100, 100)),
            ((-500, -20), (1500, -20), (1500, 10), (-500, 10)),
            ((0, 0), (1000, 0), (1000, 1), (0, 1)),
        ],
    )
    def test_quads_without_area_or_beyond_the_page_make_a_sound_file(self, quad: Quad) -> None:
        content = written(line("odd", quad), line("縦", quad, is_column=True), level("sound", 100, 300, 300, 340))
        assert "odd" in written_text(content)[0]
        assert "sound" in texts(content)[0]
        check_sound(content)


class TestThePlace:
    """Where a reader marks a character is where it was said to be."""

    TOLERANCE_PX = 3.0

    def boxes(self, content: bytes) -> list[Box]:
        return [
            Box(
                left=found.box.left / PX_PT,
                top=found.box.top / PX_PT,
                right=found.box.right / PX_PT,
                bottom=found.box.bottom / PX_PT,
            )
            for found in characters(content)
        ]

    def test_characters_are_as_wide_as_they_were_printed(self) -> None:
        quad = Box(left=100, top=200, right=500, bottom=250).to_quad()
        extents = ((0.0, 0.1), (0.1, 0.4), (0.4, 0.45), (0.8, 1.0))
        boxes = self.boxes(written(PlacedLine(text="abcd", quad=quad, extents=extents)))
        for box, (start, end) in zip(boxes, extents, strict=True):
            assert (box.left, box.right) == pytest.approx((100 + 400 * start, 100 + 400 * end), abs=self.TOLERANCE_PX)
            # As high as the print, in the middle of the quad.
            assert (box.top + box.bottom) / 2 == pytest.approx(225, abs=self.TOLERANCE_PX)
            assert 0.6 * 50 < box.height < 0.8 * 50

    def test_rounding_does_not_add_up_along_a_line(self) -> None:
        boxes = self.boxes(written(level("一二三四五六七八九十" * 8, 20, 200, 977, 216)))
        assert boxes[-1].right == pytest.approx(977, abs=self.TOLERANCE_PX)

    @pytest.mark.parametrize("degrees", [-8.0, -1.0, 3.0, 12.0])
    def test_skewed_lines(self, degrees: float) -> None:
        flat = level("skewed line of text", 200, 300, 800, 340)
        start: Point = (200.0, 300.0)
        content = written(replace(flat, quad=turned(flat.quad, degrees, start)))
        sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
        boxes = self.boxes(content)
        inked = [extent for extent, character in zip(flat.extents, flat.text, strict=True) if character != " "]
        assert len(boxes) == len(inked)
        for box, (from_, to) in zip(boxes, inked, strict=True):
            x, y = 600 * (from_ + to) / 2, 20.0
            assert (box.left + box.right) / 2 == pytest.approx(200 + x * cosine - y * sine, abs=self.TOLERANCE_PX)
            assert (box.top + box.bottom) / 2 == pytest.approx(300 + x * sine + y * cosine, abs=self.TOLERANCE_PX)

    def test_characters_of_a_column_stand_below_each_other(self) -> None:
        boxes = self.boxes(written(column("縦書き", 500, 100, 540, 400)))
        for at, box in enumerate(boxes):
            assert (box.top + box.bottom) / 2 == pytest.approx(150 + 100 * at, abs=self.TOLERANCE_PX)
            assert (box.left + box.right) / 2 == pytest.approx(520, abs=self.TOLERANCE_PX)

    def test_the_text_is_not_seen(self) -> None:
        lines = [level("見えない文字 invisible", 100, 100, 900, 300), column("縦書き", 500, 350, 700, 790)]
        assert (pixels(written(*lines), dpi=DPI) == 255).all()

    def test_a_reader_that_shows_it_nevertheless_has_nothing_to_show(self) -> None:
        content = written(level("見えない文字 invisible", 100, 100, 900, 300))
        with pikepdf.open(io.BytesIO(content)) as opened:
            page = opened.pages[0]
            page.Contents = opened.make_stream(page.Contents.read_bytes().replace(b"3 Tr", b"0 Tr"))
            sink = io.BytesIO()
            opened.save(sink)
        assert (pixels(sink.getvalue(), dpi=DPI) == 255).all()


def photo() -> NDArray[np.uint8]:
    """(300, 200, 3): colours that change slowly, as in photographs."""
    rows, columns = np.mgrid[0:300, 0:200]
    return np.stack([rows * 255 // 300, columns * 255 // 200, 255 - rows * 255 // 300], axis=2).astype(np.uint8)


def shown(page: NDArray[np.uint8], *, rotation_deg: int = 0) -> tuple[EncodedPage, NDArray[np.uint8]]:
    """A page's image, and what it looks like in the PDF pixel by pixel."""
    image = encode_page(page, number=1, dpi=72, rotation_deg=rotation_deg, jpeg_quality=80)
    placed = PlacedPage(number=1, width_px=image.width_px, height_px=image.height_px, lines=())
    content = document([(placed, image)])
    check_sound(content)
    return image, pixels(content)


class TestTheImage:
    def test_colour(self) -> None:
        image, seen = shown(photo())
        assert image.coding is PixelCoding.JPEG_COLOUR
        assert np.abs(seen.astype(int) - photo()).mean() < 3
        assert len(image.data) < photo().nbytes / 10

    def test_grey_is_kept_as_grey(self) -> None:
        grey = np.repeat(photo()[:, :, :1], 3, axis=2)
        image, seen = shown(grey)
        assert image.coding is PixelCoding.JPEG_GREY
        assert np.abs(seen.astype(int) - grey).mean() < 3

    def test_black_and_white_loses_nothing_and_is_small(self) -> None:
        page = np.asarray(text_image(["Total 1,980", "second line"]).convert("1").convert("RGB"))
        image, seen = shown(page)
        assert image.coding is PixelCoding.GROUP_4
        assert np.array_equal(seen, page)
        grey = encode_page(page // 2, number=1, dpi=72, rotation_deg=0, jpeg_quality=80)
        assert len(image.data) < len(grey.data) / 4

    @pytest.mark.parametrize("spot", [(7, 3), (299, 199)])
    def test_one_coloured_or_grey_pixel_counts(self, spot: tuple[int, int]) -> None:
        page = np.zeros((300, 200, 3), np.uint8)
        page[spot] = (0, 0, 200)
        assert encode_page(page, number=1, dpi=72, rotation_deg=0, jpeg_quality=80).coding is PixelCoding.JPEG_COLOUR
        page[spot] = 100
        assert encode_page(page, number=1, dpi=72, rotation_deg=0, jpeg_quality=80).coding is PixelCoding.JPEG_GREY

    @pytest.mark.parametrize("rotation_deg", [90, 180, 270])
    def test_a_turned_page_stands_upright(self, rotation_deg: int) -> None:
        upright = photo()
        opened = np.rot90(upright, k=rotation_deg // 90)  # counter-clockwise, so that turning it clockwise mends it
        image, seen = shown(np.ascontiguousarray(opened), rotation_deg=rotation_deg)
        assert (image.width_px, image.height_px) == (200, 300)
        assert np.abs(seen.astype(int) - upright).mean() < 3

    def test_quality_decides_the_size(self) -> None:
        noise = np.random.default_rng(1).integers(0, 255, (300, 200, 3), np.uint8)
        sizes = [len(encode_page(noise, number=1, dpi=72, rotation_deg=0, jpeg_quality=q).data) for q in (20, 60, 95)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2] / 2


class TestThePages:
    @pytest.mark.parametrize(
        ("width_px", "height_px", "dpi", "size_pt"),
        [
            (1654, 2339, 200, (595.44, 842.04)),
            (1000, 800, 0, (360, 288)),  # as if of 200 dpi
            (400, 40_000, 72, (144, MAX_SIDE_PT)),  # else it would be 40,000 points long
            (300, 400, 1_000_000, (3, 4)),
        ],
    )
    def test_a_page_is_as_large_as_its_pixels_and_resolution_say(
        self, width_px: int, height_px: int, dpi: int, size_pt: tuple[float, float]
    ) -> None:
        image = blank(width_px=width_px, height_px=height_px, dpi=dpi)
        page = PlacedPage(number=1, width_px=width_px, height_px=height_px, lines=(level("text", 10, 10, 200, 39),))
        content = document([(page, image)])
        assert sizes_pt(content) == [pytest.approx(size_pt, abs=0.01)]
        assert without_empty(texts(content)) == ["text"]

    def test_a_page_that_could_not_be_read_keeps_its_number(self) -> None:
        read = PlacedPage(number=2, width_px=WIDTH_PX, height_px=HEIGHT_PX, lines=())
        detail = "the page's “stream” is broken (請求)"
        pages: list[tuple[PlacedPage | UnreadPlace, EncodedPage | None]] = [
            (read, blank(number=2)),
            (UnreadPlace(number=3, detail=detail), None),
            (UnreadPlace(number=4, detail="more text than is read of one page"), blank(number=4)),
            (replace(read, number=7), blank(number=7)),
        ]
        content = document(pages)
        check_sound(content)
        assert labels(content) == ["2", "3", "4", "7"]
        assert texts(content) == ["", "Page 3 could not be read: the page's “stream” is broken (??)", "", ""]
        # As large as the page before; the one whose image is there shows it.
        assert sizes_pt(content)[1] == sizes_pt(content)[0]
        assert (pixels(content, 1) < 128).any()
        assert (pixels(content, 2) == 255).all()

    def test_a_document_that_begins_with_an_unread_page(self) -> None:
        content = document([(UnreadPlace(number=1, detail="x" * 500), None)])
        assert sizes_pt(content) == [pytest.approx(A4_PT, abs=0.01)]
        assert without_empty(texts(content)[0].split("\r\n"))[1:] != []  # it is broken into lines
        check_sound(content)

    def test_all_pages_in_order_need_no_labels(self) -> None:
        page = PlacedPage(number=1, width_px=WIDTH_PX, height_px=HEIGHT_PX, lines=())
        content = document([(replace(page, number=at), blank(number=at)) for at in (1, 2, 3)])
        assert b"/PageLabels" not in content

    def test_the_image_of_a_read_page_must_be_there_and_be_its_own(self) -> None:
        page = PlacedPage(number=1, width_px=WIDTH_PX, height_px=HEIGHT_PX, lines=())
        with pytest.raises(InternalError, match="no longer there"):
            document([(page, None)])
        with pytest.raises(InternalError, match="not of the page's size"):
            document([(page, blank(width_px=10))])


class TestTheDocument:
    def test_it_says_what_it_is(self) -> None:
        with pikepdf.open(io.BytesIO(written())) as opened:
            assert str(opened.docinfo["/Title"]) == TITLE.title
            assert str(opened.docinfo["/Producer"]).startswith("yomitori ")
            assert str(opened.Root.Lang) == "ja"

    def test_an_unknown_language_is_an_empty_one(self) -> None:
        with pikepdf.open(io.BytesIO(written(title=replace(TITLE, language=None)))) as opened:
            assert str(opened.Root.Lang) == ""

    @pytest.mark.parametrize("name", ["a) /Root 9 0 R >> (", "\udcff.pdf", "😀\x00\n.pdf", "x" * 500])
    def test_a_title_stays_a_title(self, name: str) -> None:
        content = written(title=replace(TITLE, title=name))
        check_sound(content)
        with pikepdf.open(io.BytesIO(content)) as opened:
            assert str(opened.docinfo["/Title"]) == name.replace("\udcff", "\ufffd")

    def test_the_same_document_is_the_same_file(self) -> None:
        assert written(level("same", 0, 0, 90, 20)) == written(level("same", 0, 0, 90, 20))


def rows(content: bytes) -> list[str]:
    """Of the first page; a blank may stand in a row of its own."""
    return without_empty([row.strip() for row in texts(content)[0].splitlines()])


def without_empty(found: Sequence[str]) -> list[str]:
    return [text for text in found if text]
