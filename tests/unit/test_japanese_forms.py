"""Japanese pages in the characters that Japanese writes, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.japanese_variants import CHARSET as CHARSET_FILE
from evaluation.japanese_variants import REPERTOIRE, TABLE, has, japanese_variants, make
from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.geometry import Box
from ocr_core.contracts.page import TextLayerWord
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import LineReading, PageReading, Reading, StageTiming
from ocr_core.contracts.result import PageResult
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.japanese_forms import MIN_KANA_SHARE, in_japanese_forms
from postprocess_svc.japanese_forms import japanese_variants as shipped_variants
from postprocess_svc.lines import TextLine
from postprocess_svc.pipeline import TextPipeline

JAPANESE = "お振込みはこちらへお願いします"
"""A line of kana: it makes the page Japanese."""


def line(text: str) -> TextLine:
    return TextLine(
        text=text,
        confidence=0.9,
        quad=Box(left=0, top=0, right=30 * len(text), bottom=30).to_quad(),
        positions=tuple((at + 0.5) / len(text) for at in range(len(text))),
        character_confidences=(0.9,) * len(text),
    )


def written(*texts: str) -> list[str]:
    return [line.text for line in in_japanese_forms([line(text) for text in texts])]


# ---- the table


def test_every_key_is_beyond_japans_everyday_repertoire_and_every_value_within() -> None:
    table = shipped_variants()
    assert len(table) > 1000
    assert not [chr(code) for code in table if has(REPERTOIRE, chr(code))]
    assert not [form for form in table.values() if not has(REPERTOIRE, form)]


def test_one_character_becomes_one_and_no_value_is_a_key() -> None:
    table = shipped_variants()
    assert {len(form) for form in table.values()} == {1}
    assert not [form for form in table.values() if ord(form) in table]


def test_no_key_stands_twice_in_the_file() -> None:
    pairs = [
        pair
        for row in TABLE.read_text(encoding="utf-8").splitlines()
        if not row.startswith("#")
        for pair in row.split()
    ]
    assert {len(pair) for pair in pairs} == {2}
    assert len(shipped_variants()) == len(pairs)


def test_the_shipped_table_is_what_the_command_makes() -> None:
    if not CHARSET_FILE.exists():
        pytest.skip("the recogniser's charset is not here; `make models` makes it")
    assert make(CHARSET_FILE) == TABLE.read_text(encoding="utf-8")


def test_every_key_is_a_class_of_the_recogniser() -> None:
    if not CHARSET_FILE.exists():
        pytest.skip("the recogniser's charset is not here; `make models` makes it")
    classes = set(Charset.load(CHARSET_FILE).characters)
    assert not [chr(code) for code in shipped_variants() if chr(code) not in classes]


@pytest.mark.parametrize(
    "pair",
    [
        "稅税",
        "单単",
        "錄録",
        "额額",
        "请請",
        "费費",
        "对対",
        "值値",
        "纳納",
        "书書",
        "產産",
        "员員",
        "內内",
        "圆円",
        "发発",
        "钟鐘",
        "炼錬",
        "麵麺",
    ],
)
def test_what_the_recogniser_gives_on_japanese_documents_is_in_the_table(pair: str) -> None:
    assert shipped_variants()[ord(pair[0])] == pair[1]


@pytest.mark.parametrize("character", "國澤濱邊邉廣龍髙﨑嶋德瀨塡剝鷗醬麴蔣驒濵")
def test_old_forms_and_print_forms_that_japan_has_are_not_in_the_table(character: str) -> None:
    assert ord(character) not in shipped_variants()


def test_of_several_forms_an_everyday_kanji_is_chosen_and_else_the_most_usual() -> None:
    dictionaries = {
        "to_traditional": {"钟": ("鍾", "鐘"), "发": ("發", "髮")},
        "to_japanese": {"發": ("発",), "髮": ("髪",)},
    }
    assert dict(japanese_variants("钟发", everyday=frozenset("鐘発髪"), **dictionaries)) == {"钟": "鐘", "发": "発"}
    assert dict(japanese_variants("钟", everyday=frozenset(), **dictionaries)) == {"钟": "鍾"}


def test_a_print_form_becomes_another_character_only_where_that_is_an_everyday_one() -> None:
    dictionaries = {"to_traditional": {}, "to_japanese": {"醬": ("醤",), "錄": ("録",)}}
    assert dict(japanese_variants("醬錄", everyday=frozenset("録"), **dictionaries)) == {"錄": "録"}


# ---- pages


def test_chinese_forms_become_japanese_ones_on_a_japanese_page() -> None:
    assert written(JAPANESE, "御请求书", "课稅对象额", "單価と单価", "登錄番号") == [
        JAPANESE,
        "御請求書",
        "課税対象額",
        "單価と単価",
        "登録番号",
    ]


@pytest.mark.parametrize("name", ["國澤商店", "髙﨑 廣龍", "濱邊", "德嶋", "森鷗外", "塡補", "剝離"])
def test_characters_of_names_stay(name: str) -> None:
    assert written(JAPANESE, name) == [JAPANESE, name]


def test_chinese_pages_stay_as_they_are() -> None:
    simplified = [line(text) for text in ("增值税专用发票", "购买方名称：上海贸易有限公司", "金额 税率 税额", "一口价")]
    traditional = [line(text) for text in ("統一發票", "稅額 總計", "買受人 臺北公司")]
    assert list(in_japanese_forms(simplified)) == simplified
    assert list(in_japanese_forms(traditional)) == traditional


def test_kana_that_kanji_are_taken_for_do_not_make_a_chinese_page_japanese() -> None:
    texts = ["統一發票", "稅額", "エロカニハトタノ"]
    assert written(*texts) == texts


def test_a_few_kana_among_many_kanji_do_not_make_a_chinese_page_japanese() -> None:
    texts = ["增值税专用发票购买方名称上海贸易有限公司" * 5, "あいうえ"]
    assert len(texts[1]) / sum(len(text) for text in texts) < MIN_KANA_SHARE
    assert written(*texts) == texts


def test_a_japanese_note_without_sentences_is_japanese() -> None:
    assert written("领収書", "株式会社サンプル御中", "合計金額 消費税 税込", "但し")[0] == "領収書"


def test_a_page_of_ascii_stays_the_same_lines() -> None:
    lines = [line("Invoice 2026-10-31"), line("Total 1,234.50")]
    assert all(after is before for before, after in zip(lines, in_japanese_forms(lines), strict=True))


def test_lines_that_need_nothing_are_the_same_lines() -> None:
    lines = [line(JAPANESE), line("INV-0042"), line("合計 1,000円")]
    assert all(after is before for before, after in zip(lines, in_japanese_forms(lines), strict=True))


# ---- through a reading

_TEXTS = (JAPANESE, "御请求书", "サツホ°ロ支店", "国産豚口ース", "國澤商店", "製麵麺所")
_CHARSET = Charset.parse("\n".join(sorted({character for text in _TEXTS for character in text})).encode())
_PIPELINE = TextPipeline(charsets=Charsets([_CHARSET]))


def line_reading(text: str, top: float) -> LineReading:
    """Each character for two timesteps, then a blank."""
    ids = [0]
    for character in text:
        ids += [_CHARSET.characters.index(character)] * 2 + [0]
    height = 40.0
    width = len(text) * height
    return LineReading(
        quad=Box(left=100, top=top, right=100 + width, bottom=top + height).to_quad(),
        class_ids=np.array(ids, np.uint16),
        probabilities=np.full(len(ids), 0.99, np.float32),
        timestep_px=width / len(ids),
        detection_confidence=0.9,
    )


def read(texts: tuple[str, ...], *, text_layer: tuple[TextLayerWord, ...] = ()) -> PageResult:
    page = PageReading(
        number=1,
        width_px=1654,
        height_px=2339,
        dpi=200,
        rotation_deg=0,
        skew_deg=0.0,
        lines=tuple(line_reading(text, 100 + 80 * at) for at, text in enumerate(texts)),
        text_layer=text_layer,
    )
    reading = Reading(
        document=DocumentInfo(file_name="a.pdf", media_type=MediaType.PDF, page_count=1, sha256="0" * 64),
        pages=(page,),
        model_versions={},
        charset_sha256=_CHARSET.sha256,
        warnings=(),
        timing=StageTiming(open_ms=1.0, detect_ms=1.0, recognise_ms=1.0, elapsed_ms=3.0),
    )
    result = _PIPELINE.structure(reading, options=StructureOptions(), request_id="req_1")
    assert isinstance(result.pages[0], PageResult)
    return result.pages[0]


def test_a_japanese_page_through_the_pipeline() -> None:
    lines = read(_TEXTS[:5]).lines
    assert [line.text for line in lines] == [JAPANESE, "御請求書", "サツポロ支店", "国産豚ロース", "國澤商店"]
    for read_line in lines:
        assert len(read_line.positions) == len(read_line.character_confidences) == len(read_line.text)


def test_a_page_without_kana_through_the_pipeline() -> None:
    assert [line.text for line in read(("御请求书", "國澤商店")).lines] == ["御请求书", "國澤商店"]


@pytest.mark.parametrize(("read_as", "in_layer"), [("製麵所", "製麵所"), ("製麺所", "製麵所"), ("製麵所", "製麺所")])
def test_the_pdfs_own_text_stays_as_it_is_and_is_believed(read_as: str, in_layer: str) -> None:
    quad = Box(left=100, top=180, right=220, bottom=220).to_quad()
    page = read((JAPANESE, read_as), text_layer=(TextLayerWord(text=in_layer, quad=quad),))
    assert [line.text for line in page.lines] == [JAPANESE, in_layer]
