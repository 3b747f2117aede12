"""A PDF's text layer is believed where it spells what is printed, and nowhere else."""

from __future__ import annotations

import pytest

from ocr_core.contracts.geometry import Box, Quad
from ocr_core.contracts.page import TextLayerWord
from postprocess_svc.lines import TextLine
from postprocess_svc.text_layer import TEXT_LAYER_DISTRUSTED, prefer_text_layer

LEVEL: Quad = ((100.0, 50.0), (400.0, 50.0), (400.0, 70.0), (100.0, 70.0))


def line(text: str, *, unsure: str = "", quad: Quad = LEVEL) -> TextLine:
    """A line whose characters in ``unsure`` were recognised with 0.6, the others with 0.99."""
    return TextLine(
        text=text,
        confidence=0.95,
        quad=quad,
        positions=tuple((at + 0.5) / len(text) for at in range(len(text))),
        character_confidences=tuple(0.6 if character in unsure else 0.99 for character in text),
    )


def word(text: str, left: float, right: float, *, top: float = 52.0) -> TextLayerWord:
    return TextLayerWord(text=text, quad=Box(left=left, top=top, right=right, bottom=top + 16).to_quad())


def preferred(recognised: TextLine, *words: TextLayerWord) -> str:
    return prefer_text_layer([recognised], words, page=1).lines[0].text


@pytest.mark.parametrize(
    ("printed", "unsure", "layer", "text"),
    [
        # The same but for width and white space: the layer's spelling.
        ("合計 ¥1,200", "", "合計¥1,200", "合計¥1,200"),
        ("ＴＥＬ 03", "", "TEL 03", "TEL 03"),
        # Unsure characters are spelt better.
        ("株式会社販壳", "壳", "株式会社販売", "株式会社販売"),
        ("lnvoice N0. 12", "l0", "Invoice No. 12", "Invoice No. 12"),
        ("東京都干代田区", "干", "東京都千代田区", "東京都千代田区"),
        # What was seen clearly stays.
        ("株式会社山田商店", "", "株式会社山本商店", "株式会社山田商店"),
        ("合計 ¥1,200", "", "合計 ¥9,200", "合計 ¥1,200"),
        # Digits stay even where they were unsure, and so do signs and decimal points.
        ("合計 ¥1,200", "1", "合計 ¥9,200", "合計 ¥1,200"),
        ("合計 120.00", ".", "合計 12000", "合計 120.00"),
        ("差額 -500円", "-", "差額 500円", "差額 -500円"),
        ("合計 ¥1,200", "", "合計 ¥1,2000", "合計 ¥1,200"),
        # Something else altogether.
        ("請求書", "請求書", "納品伝票", "請求書"),
        # A letter that was not seen needs an unsure neighbour.
        ("株式会社山田", "", "非株式会社山田", "株式会社山田"),
        ("Rechnug", "u", "Rechnung", "Rechnung"),
        # Control characters are nobody's text.
        ("請求書", "", "請求\x00書", "請求書"),
    ],
)
def test_the_layer_s_text_wins_only_where_it_can_be_believed(printed: str, unsure: str, layer: str, text: str) -> None:
    assert preferred(line(printed, unsure=unsure), word(layer, 100, 400)) == text


def test_a_word_space_of_small_type_is_one_however_high_the_detected_line_is() -> None:
    high: Quad = ((90.0, 40.0), (250.0, 40.0), (250.0, 80.0), (90.0, 80.0))
    words = [word("Lieferant", 100, 160), word("GmbH", 163.8, 205)]
    assert preferred(line("Lieferant GmbH", quad=high), *words) == "Lieferant GmbH"


def test_runs_of_japanese_text_set_a_little_apart_stay_one_word() -> None:
    high: Quad = ((90.0, 40.0), (250.0, 40.0), (250.0, 80.0), (90.0, 80.0))
    words = [word("株式会社", 100, 164), word("山田", 167.8, 200)]
    assert preferred(line("株式会社山田", quad=high), *words) == "株式会社山田"


def test_words_are_joined_in_reading_direction_with_their_spaces() -> None:
    words = [
        word("No.", 190, 240),
        word("12", 250, 280),
        word("Invoice", 100, 180),
        word("elsewhere", 100, 400, top=300),
    ]
    found = prefer_text_layer([line("Invoice No.12")], words, page=1).lines[0]
    assert found.text == "Invoice No. 12"
    assert len(found.positions) == len(found.text)
    assert list(found.positions) == sorted(found.positions)
    assert 100 <= found.span_quad(0, 1)[0][0] < found.span_quad(12, 14)[0][0] <= 400


def test_words_that_touch_are_one() -> None:
    assert preferred(line("東京都港区"), word("東京都", 100, 280), word("港区", 281, 400)) == "東京都港区"


def test_a_line_without_words_stays_and_nothing_is_said_of_it() -> None:
    found = prefer_text_layer([line("請求書")], [word("請求書", 100, 400, top=500)], page=1)
    assert found.lines[0].text == "請求書"
    assert found.notice is None


def test_distrust_is_told_once_a_page_with_numbers_only() -> None:
    lower: Quad = ((100.0, 80.0), (400.0, 80.0), (400.0, 100.0), (100.0, 100.0))
    lines = [line("合計 ¥1,200"), line("消費税 ¥120", quad=lower)]
    words = [word("合計 ¥9,999", 100, 400), word("消費税 ¥120", 100, 400, top=82)]
    found = prefer_text_layer(lines, words, page=3)
    assert [line_.text for line_ in found.lines] == ["合計 ¥1,200", "消費税 ¥120"]
    assert found.notice is not None
    assert (found.notice.code, found.notice.page) == (TEXT_LAYER_DISTRUSTED, 3)
    assert "1 of 2" in found.notice.detail
    assert "9,999" not in found.notice.detail


def test_a_tilted_line_takes_the_words_along_it() -> None:
    tilted: Quad = ((100.0, 100.0), (300.0, 300.0), (290.0, 310.0), (90.0, 110.0))
    words = [
        TextLayerWord(text="後", quad=Box(left=240, top=248, right=250, bottom=258).to_quad()),
        TextLayerWord(text="前", quad=Box(left=140, top=148, right=150, bottom=158).to_quad()),
        TextLayerWord(text="脇", quad=Box(left=240, top=148, right=250, bottom=158).to_quad()),
    ]
    assert preferred(line("前 後", quad=tilted), *words) == "前 後"
