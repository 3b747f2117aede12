"""hOCR and ALTO as whole documents: what stands around the lines, and pages of every kind."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ocr_core.contracts.result import OutputFormat, PageProblem, UnreadPage
from postprocess_svc import formats
from tests.support.alto_schema import faults
from tests.support.markup import ALTO, PAGE, alto, hocr, line, of_class, properties, result_of, storable
from tests.unit.test_formats import RESULT

GOLDEN = result_of(
    line("合計 <¥9>", (100, 100, 300, 120), spaced=True),
    line("です", (100, 130, 140, 150), block=1),
)


def test_hocr_is_what_its_specification_says() -> None:
    rendered = formats.render(replace(GOLDEN, models={}), OutputFormat.HOCR)
    assert rendered.content_type == "text/html; charset=utf-8"
    body = re.sub(r'(content="yomitori )[^"]+', r"\1…", rendered.body.decode())
    assert body == (
        """<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<title>a_b.pdf</title>
<meta name="ocr-system" content="yomitori …"/>
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_lang"/>
<meta name="ocr-number-of-pages" content="1"/>
<meta name="ocr-langs" content="unknown"/>
<meta name="ocr-scripts" content="unknown"/>
</head>
<body>
<div class="ocr_page" id="page_1" """
        """title="image &quot;a_b.pdf&quot;; bbox 0 0 1000 800; ppageno 0; scan_res 200 200">
<div class="ocr_carea" id="block_1_1" title="bbox 100 100 300 120">
<p class="ocr_par" id="par_1_1" title="bbox 100 100 300 120">
<span class="ocr_line" id="line_1_1_1" """
        """title="bbox 100 100 300 120; baseline 0 0; x_size 20; x_wconf 90" lang="ja">"""
        """<span class="ocrx_word" id="word_1_1_1_1" title="bbox 102 100 155 120; x_wconf 95">合計</span> """
        """<span class="ocrx_word" id="word_1_1_1_2" title="bbox 188 100 298 120; x_wconf 55">&lt;¥9&gt;</span></span>
</p>
</div>
<div class="ocr_carea" id="block_1_2" title="bbox 100 130 140 150">
<p class="ocr_par" id="par_1_2" title="bbox 100 130 140 150">
<span class="ocr_line" id="line_1_2_1" title="bbox 100 130 140 150; baseline 0 0; x_size 20; x_wconf 90" lang="ja">"""
        """<span class="ocrx_word" id="word_1_2_1_1" title="bbox 100 130 140 150; x_wconf 90">です</span></span>
</p>
</div>
</div>
</body>
</html>
"""
    )


def test_alto_is_what_its_schema_says() -> None:
    rendered = formats.render(GOLDEN, OutputFormat.ALTO)
    assert rendered.content_type == "application/xml"
    assert faults(rendered.body) == []
    body = re.sub("(<softwareVersion>)[^<]+", r"\1…", rendered.body.decode())
    assert body == (
        """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" """
        """xsi:schemaLocation="http://www.loc.gov/standards/alto/ns-v4# """
        """http://www.loc.gov/standards/alto/v4/alto-4-4.xsd" SCHEMAVERSION="4.4">
<Description>
<MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>a_b.pdf</fileName></sourceImageInformation>
<OCRProcessing ID="ocr_1">
<ocrProcessingStep><processingStepSettings>text_detection 1, text_recognition 1</processingStepSettings>"""
        """<processingSoftware><softwareName>yomitori</softwareName><softwareVersion>…</softwareVersion>"""
        """</processingSoftware></ocrProcessingStep>
</OCRProcessing>
</Description>
<Styles>
<TextStyle ID="size_7" FONTSIZE="7"/>
</Styles>
<Layout>
<Page ID="page_1" PHYSICAL_IMG_NR="1" WIDTH="1000" HEIGHT="800">
<PrintSpace HPOS="0" VPOS="0" WIDTH="1000" HEIGHT="800">
<TextBlock ID="block_1_1" HPOS="100" VPOS="100" WIDTH="200" HEIGHT="20">
<TextLine ID="line_1_1_1" HPOS="100" VPOS="100" WIDTH="200" HEIGHT="20" """
        """STYLEREFS="size_7" BASELINE="100,120 300,120" LANG="ja">
<String ID="string_1_1_1_1" HPOS="102" VPOS="100" WIDTH="53" HEIGHT="20" CONTENT="合計" WC="0.95" CC="01"/>
<SP HPOS="154" VPOS="100" WIDTH="34" HEIGHT="20"/>
<String ID="string_1_1_1_2" HPOS="188" VPOS="100" WIDTH="110" HEIGHT="20" """
        """CONTENT="&lt;¥9&gt;" WC="0.55" CC="3445"/>
</TextLine>
</TextBlock>
<TextBlock ID="block_1_2" HPOS="100" VPOS="130" WIDTH="40" HEIGHT="20">
<TextLine ID="line_1_2_1" HPOS="100" VPOS="130" WIDTH="40" HEIGHT="20" """
        """STYLEREFS="size_7" BASELINE="100,150 140,150" LANG="ja">
<String ID="string_1_2_1_1" HPOS="100" VPOS="130" WIDTH="40" HEIGHT="20" CONTENT="です" WC="0.9"/>
</TextLine>
</TextBlock>
</PrintSpace>
</Page>
</Layout>
</alto>
"""
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('WC="0.9"', 'WC="1.2"'), "WC='1.2'"),
        (('ID="block_1_2"', 'ID="block_1_1"'), "given twice"),
        (('STYLEREFS="size_7"', 'STYLEREFS="size_8"'), "size_8 is referred to"),
        ((' PHYSICAL_IMG_NR="1"', ""), "PHYSICAL_IMG_NR is missing"),
        (("<Styles>", "<Styles><Glyph/>"), "Glyph is not known"),
        (("<MeasurementUnit>pixel</MeasurementUnit>\n", ""), "Description: has inside"),
        ((">pixel<", ">ell<"), "'ell'"),
        (("</TextBlock>", "words</TextBlock>"), "'words'"),
    ],
)
def test_the_schema_check_itself_can_fail(change: tuple[str, str], told: str) -> None:
    body = formats.render(GOLDEN, OutputFormat.ALTO).body.decode()
    assert change[0] in body
    assert told in " ".join(faults(body.replace(*change, 1).encode()))


SEVERAL = replace(
    RESULT,
    pages=(
        replace(PAGE, rotation_deg=90, lines=(line("one"), line("two", block=1), line("three", block=1))),
        UnreadPage(number=2, error=PageProblem(code="unreadable_page", detail='broken "stream" --> <')),
        replace(PAGE, number=4, dpi=0),
    ),
)


def test_several_pages_in_hocr() -> None:
    first, unread, empty = of_class(hocr(SEVERAL), "ocr_page")
    assert [len(of_class(page, "ocr_carea")) for page in (first, unread, empty)] == [2, 0, 0]
    assert first.attrib["data-rotation-deg"] == "90"
    assert [properties(page)["ppageno"] for page in (first, unread, empty)] == ["0", "1", "3"]
    assert (unread.attrib["data-error"], properties(unread)["bbox"]) == ("unreadable_page", "0 0 0 0")
    assert unread.attrib["data-error-detail"] == 'broken "stream" --> <'
    assert properties(empty)["bbox"] == "0 0 1000 800"
    assert "scan_res" not in properties(empty)


def test_several_pages_in_alto() -> None:
    root = alto(SEVERAL)
    first, unread, empty = root.iter(f"{ALTO}Page")
    assert [page.attrib["PHYSICAL_IMG_NR"] for page in (first, unread, empty)] == ["1", "2", "4"]
    assert [[len(block) for block in page.iter(f"{ALTO}TextBlock")] for page in (first, unread, empty)] == [
        [1, 2],
        [],
        [],
    ]
    assert unread.attrib["QUALITY_DETAIL"] == 'unreadable_page: broken "stream" --> <'
    (step,) = root.iter(f"{ALTO}preProcessingStep")
    assert "page 1: turned clockwise by 90 degrees" in "".join(step.itertext())


@pytest.mark.parametrize("file_name", ['a"; bbox 1 1 1 1; b\\c%20.pdf', "請求書\n1.pdf", "\ud800\x00.pdf", None])
def test_a_file_name_stays_a_file_name(file_name: str | None) -> None:
    result = replace(SEVERAL, document=replace(RESULT.document, file_name=file_name))
    first = of_class(hocr(result), "ocr_page")[0]
    assert properties(first).keys() - {"image"} == {"bbox", "ppageno", "scan_res"}
    assert properties(first)["bbox"] == "0 0 1000 800"
    told = [name.text for name in alto(result).iter(f"{ALTO}fileName")]
    assert told == ([] if file_name is None else ["".join(storable(file_name))])
