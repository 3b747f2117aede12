"""The text layer: every word's quad lies on the word's ink."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.contracts.geometry import angle_deg, bounds
from ocr_core.contracts.page import TextLayerWord
from tests.support.open_samples import decode_one, pdf

A4 = "/MediaBox[0 0 595 842]"

TEXTS = [
    ("1 0 0 1 50 700", 0.0),
    ("0 1 -1 0 300 300", -90.0),
    ("-1 0 0 -1 400 600", 180.0),
    ("0 -1 1 0 300 500", 90.0),
    ("0.8660254 0.5 -0.5 0.8660254 200 300", -30.0),
    ("0.99619 -0.08716 0.08716 0.99619 100 500", 5.0),
]


@pytest.mark.parametrize(("matrix", "direction_deg"), TEXTS)
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_words_lie_on_their_ink(matrix: str, direction_deg: float, rotate: int) -> None:
    content = f"BT /F1 24 Tf {matrix} Tm (Invoice 12,345) Tj ET"
    attributes = f"/MediaBox[0 0 612 792]/CropBox[20 30 600 780]/Rotate {rotate}"
    page, pixels = decode_one(pdf([(attributes, content)]), text_layer=True)
    assert [word.text for word in page.words] == ["Invoice", "12,345"]
    ink = pixels.min(axis=2) < 128
    covered = np.zeros_like(ink)
    for word in page.words:
        box = bounds(word.quad)
        covered[int(box.top) : int(np.ceil(box.bottom)), int(box.left) : int(np.ceil(box.right))] = True
        assert _ink_inside(word, ink) > 50
        expected_deg = (direction_deg + rotate + 180) % 360 - 180
        difference_deg = (angle_deg(word.quad) - expected_deg + 180) % 360 - 180
        assert abs(difference_deg) < 3
    assert ink.any()
    assert (ink & covered).sum() >= 0.99 * ink.sum()


def _ink_inside(word: TextLayerWord, ink: np.ndarray) -> int:
    """Dark pixels inside the quad itself: right of every edge, walking it clockwise."""
    ys, xs = np.nonzero(ink)
    inside = np.ones(len(xs), dtype=bool)
    for (x0, y0), (x1, y1) in zip(word.quad, word.quad[1:] + word.quad[:1], strict=True):
        inside &= (x1 - x0) * (ys + 0.5 - y0) - (y1 - y0) * (xs + 0.5 - x0) >= 0
    return int(inside.sum())


def test_text_outside_the_crop_box_is_left_out() -> None:
    content = "BT /F1 12 Tf 50 700 Td (inside) Tj 0 -600 Td (outside) Tj ET"
    page, _ = decode_one(pdf([("/MediaBox[0 0 612 792]/CropBox[0 600 612 792]", content)]), text_layer=True)
    assert [word.text for word in page.words] == ["inside"]


def test_invisible_text_is_a_text_layer_too() -> None:
    page, pixels = decode_one(pdf([(A4, "BT 3 Tr /F1 12 Tf 50 700 Td (scanned) Tj ET")]), text_layer=True)
    assert [word.text for word in page.words] == ["scanned"]
    assert pixels.min() == 255


def test_words_far_apart_without_a_space_are_two() -> None:
    content = "BT /F1 12 Tf 1 0 0 1 50 700 Tm (left) Tj 1 0 0 1 400 700 Tm (right) Tj ET"
    page, _ = decode_one(pdf([(A4, content)]), text_layer=True)
    assert [word.text for word in page.words] == ["left", "right"]


def test_no_words_unless_they_are_asked_for() -> None:
    page, _ = decode_one(pdf([(A4, "BT /F1 12 Tf 50 700 Td (text) Tj ET")]))
    assert page.words == ()


def test_a_very_long_run_is_cut() -> None:
    content = f"BT /F1 1 Tf 5 700 Td ({'x' * 700}) Tj ET"
    page, _ = decode_one(pdf([("/MediaBox[0 0 2000 800]", content)]), text_layer=True)
    assert "".join(word.text for word in page.words) == "x" * 700
    assert max(len(word.text) for word in page.words) <= 256


# Further fonts: their resource is /G, which is object 12.

FONTS = "/MediaBox[0 0 200 300]/Resources<</Font<</F1 3 0 R/G 12 0 R>>>>"
COLLECTION = "/CIDSystemInfo<</Registry(Adobe)/Ordering(Japan1)/Supplement 2>>"
METRICS = "/Flags 4/FontBBox[-92 -250 1010 922]/ItalicAngle 0/Ascent 752/Descent -221/CapHeight 737/StemV 114"
JAPANESE = (
    f"<</Type/Font/Subtype/CIDFontType0/BaseFont/HeiseiKakuGo-W5/DW 1000/FontDescriptor 14 0 R{COLLECTION}>>",
    f"<</Type/FontDescriptor/FontName/HeiseiKakuGo-W5{METRICS}>>",
)


def japanese(encoding: str) -> tuple[str, ...]:
    font = f"<</Type/Font/Subtype/Type0/BaseFont/HeiseiKakuGo-W5/Encoding/{encoding}/DescendantFonts[13 0 R]>>"
    return (font, *JAPANESE)


def covered(words: tuple[TextLayerWord, ...], pixels: np.ndarray) -> float:
    """The share of the ink that lies in the words' upright boxes."""
    ink = pixels.min(axis=2) < 128
    inside = np.zeros_like(ink)
    for word in words:
        box = bounds(word.quad)
        inside[int(box.top) : int(np.ceil(box.bottom)), int(box.left) : int(np.ceil(box.right))] = True
    assert ink.any()
    return float((ink & inside).sum() / ink.sum())


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_japanese_set_downwards_is_one_word_a_character_each_on_its_ink(rotate: int) -> None:
    # Latin letters of a Japanese font: their ink does not depend on which fonts a machine has.
    text = "ABCDE".encode("utf-16-be").hex()
    content = f"BT /G 24 Tf 100 280 Td <{text}> Tj ET"
    document = pdf([(f"{FONTS}/Rotate {rotate}", content)], extra=japanese("UniJIS-UCS2-V"))
    page, pixels = decode_one(document, text_layer=True)
    assert [word.text for word in page.words] == list("ABCDE")
    assert covered(page.words, pixels) >= 0.98
    assert all(_ink_inside(word, pixels.min(axis=2) < 128) > 50 for word in page.words)


def test_japanese_set_across_is_one_word_a_run() -> None:
    text = "請求書".encode("utf-16-be").hex()
    document = pdf([(FONTS, f"BT /G 24 Tf 10 200 Td <{text}> Tj ET")], extra=japanese("UniJIS-UCS2-H"))
    page, _ = decode_one(document, text_layer=True)
    assert [word.text for word in page.words] == ["請求書"]
    assert bounds(page.words[0].quad).width == pytest.approx(3 * 24 * 200 / 72, abs=3)


def test_a_ligature_is_its_letters() -> None:
    mapping = (
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00><FF> endcodespacerange "
        "2 beginbfchar <41> <00660069> <42> <006600660069> endbfchar endcmap end end"
    )
    fonts = (
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 13 0 R>>",
        f"<</Length {len(mapping)}>>stream\n{mapping}\nendstream",
    )
    page, pixels = decode_one(pdf([(FONTS, "BT /G 24 Tf 10 200 Td (oABC) Tj ET")], extra=fonts), text_layer=True)
    assert [word.text for word in page.words] == ["ofiffiC"]
    assert covered(page.words, pixels) >= 0.98


@pytest.mark.parametrize(
    "content",
    [
        "/F1 24 Tf 1 0 0.3 1 10 200 Tm",
        "/F1 24 Tf 50 Tz 10 200 Td",
        "/F1 1 Tf 24 0 0 24 10 200 Tm",
        "/F1 12 Tf 10 Ts 10 200 Td",
    ],
    ids=["slanted", "narrow", "scaled", "raised"],
)
def test_type_that_is_slanted_or_scaled_runs_on_its_line(content: str) -> None:
    page, pixels = decode_one(pdf([(FONTS, f"BT {content} (Hello World) Tj ET")]), text_layer=True)
    assert [word.text for word in page.words] == ["Hello", "World"]
    assert [abs(angle_deg(word.quad)) < 1 for word in page.words] == [True, True]
    assert covered(page.words, pixels) >= 0.98


def test_hidden_text_lies_where_the_scan_shows_it() -> None:
    hidden = "BT 3 Tr /F1 24 Tf 10 200 Td (scanned) Tj ET"
    shown = hidden.replace("3 Tr", "0 Tr")
    words = [decode_one(pdf([(FONTS, content)]), text_layer=True)[0].words for content in (hidden, shown)]
    assert words[0] == words[1]


def test_a_cropped_and_turned_page_keeps_its_words_on_their_ink() -> None:
    for rotate in (0, 90, 180, 270):
        attributes = f"/MediaBox[-50 -50 200 300]/CropBox[0 100 180 260]/Rotate {rotate}"
        page, pixels = decode_one(pdf([(attributes, "BT /F1 24 Tf 10 200 Td (Total) Tj ET")]), text_layer=True)
        assert [word.text for word in page.words] == ["Total"]
        assert covered(page.words, pixels) >= 0.98
