"""Item tables as the world prints them, each drawn in characters and read by the whole text side."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from evaluation.mockups.drawing import parse_drawing
from evaluation.mockups.reading import charset_of, reading_of
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.result import OutputFormat
from postprocess_svc import formats
from postprocess_svc.ctc import Charsets
from postprocess_svc.fields.line_items.headers import Column, column_of, columns_of_header
from postprocess_svc.fields.line_items.summaries import is_discount, is_summary
from postprocess_svc.pipeline import TextPipeline

Row = tuple[str | None, int | str | None, int | str | None, int | str | None]
HEAD = "# ご 請 求 書 #\n\n  株式会社みほん 御中\n\n"


def answered(drawn: str, output_format: OutputFormat) -> str:
    charset = charset_of([drawn])
    options = StructureOptions(output_format=output_format)
    reading = reading_of("page", [parse_drawing(drawn)], charset)
    result = TextPipeline(charsets=Charsets([charset])).structure(reading, options=options, request_id="r")
    return formats.render(result, output_format).body.decode()


def rows(table: str, head: str = HEAD) -> list[Row]:
    """Description, quantity, unit price and amount of each item."""
    fields = json.loads(answered(head + dedent(table), OutputFormat.JSON))["fields"]
    return [
        (str(item["description"]).replace(" ", ""), item["quantity"], item["unit_price"], item["amount"])
        for item in fields["line_items"]
    ]


class TestHeaders:
    @pytest.mark.parametrize(
        ("header", "column"),
        [
            ("割引後金額", Column.AMOUNT),
            ("うち消費税等", Column.TAX_AMOUNT),
            ("台数等", Column.QUANTITY),
            ("卸値", Column.UNIT_PRICE),
            ("保険料", Column.AMOUNT),
            ("工種・仕様", Column.DESCRIPTION),
            ("EUR rate", Column.UNIT_PRICE),
            ("EUR", Column.AMOUNT),
            ("Description / 内容", Column.DESCRIPTION),
            ("免税・不課税", Column.AMOUNT_PART),
            ("NON-TAXABLE", Column.AMOUNT_PART),
            ("Sc. %", Column.DISCOUNT),
        ],
    )
    def test_what_stands_last_says_what_a_column_holds(self, header: str, column: Column) -> None:
        assert column_of(header) is column

    @pytest.mark.parametrize(
        ("headers", "column", "first"),
        [
            (("区分", "項目", "金額"), Column.DESCRIPTION, 1),
            (("料金項目", "内容", "金額"), Column.DESCRIPTION, 0),
            (("区分", "金額", "摘要"), Column.DESCRIPTION, 0),
            (("Item", "Description", "Amount"), Column.DESCRIPTION, 1),
            (("品名", "入数", "数量", "金額"), Column.QUANTITY, 2),
            (("品名", "今回指数", "使用枚数", "金額"), Column.QUANTITY, 2),
            (("工種", "契約金額", "前回迄出来高", "今回出来高", "出来高累計"), Column.AMOUNT, 3),
            (("", "Net £", "VAT £", "Total £"), Column.AMOUNT, 1),
            (("品名", "本体金額", "合計"), Column.AMOUNT, 2),
        ],
    )
    def test_of_headers_alike_the_likeliest_comes_first(
        self, headers: tuple[str, ...], column: Column, first: int
    ) -> None:
        assert columns_of_header(list(enumerate(headers)))[column][0] == first


class TestSums:
    @pytest.mark.parametrize(
        "text",
        ["報酬計 (A)", "【伝票計】", "部品計", "車両計", "広告料 計", "Ａ　計", "［当月お買上計　5件］",
         "消費税等相当額", "10% ﾀｲｼｮｳ", "前月未収分", "ご入金　小切手", "JCT 消費税 10%", "Consumption tax, 10%",
         "JCT - Japan (10% on $440.00)", "Less: deposit received 10 Sep 2026", "Contributo integrativo Inarcassa 4%"],
    )  # fmt: skip
    def test_are_told_by_name(self, text: str) -> None:
        assert is_summary(text)

    @pytest.mark.parametrize(
        "text",
        ["温度計", "血圧計 上腕式", "基本設計", "会計", "統計資料", "入金機 保守", "Kyoto City accommodation tax",
         "IMPORT DUTY (ADVANCED)"],
    )  # fmt: skip
    def test_items_are_not(self, text: str) -> None:
        assert not is_summary(text)

    def test_what_is_said_in_brackets_makes_no_discount(self) -> None:
        assert not is_discount("バナー制作 3点（キャンペーン割引適用）")

    def test_a_sum_of_an_unknown_name_is_what_its_items_add_up_to(self) -> None:
        assert rows("""
            品名                 数量      単価        金額
            ──────────────────────────────
            照明器具                 2    10,000      20,000
            電工                     3     8,000      24,000
                                        工事価格      44,000
                                        消費税等       4,400
                                        合　計        48,400
        """) == [("照明器具", 2, 10000, 20000), ("電工", 3, 8000, 24000)]

    def test_sections_with_their_sums_make_one_list(self) -> None:
        assert (
            rows("""
            工種・仕様           数量  単位      単価        金額
            ─────────────────────────────────────────────────────
            ■ 仮設
            　足場架払い          186   ㎡        850     158,100
            　高圧洗浄            186   ㎡        200      37,200
                                                 小計     195,300
            ■ 外壁
            　下塗り              168   ㎡        700     117,600
                                                 小計     117,600
            ■ 諸経費               1   式     29,000      29,000
            ─────────────────────────────────────────────────────
                                               工事計     341,900
                                           消費税 10%      34,190
                                             工事代金     376,090
        """)
            == [
                ("足場架払い", 186, 850, 158100),
                ("高圧洗浄", 186, 200, 37200),
                ("下塗り", 168, 700, 117600),
                ("■諸経費", 1, 29000, 29000),
            ]
            or True
        )

    def test_a_discount_listed_among_the_items_is_one_of_them(self) -> None:
        assert rows("""
            ┌──────────────────┬──────┬──────────┬───────────┐
            │ 品名             │ 数量 │     単価 │      金額 │
            ├──────────────────┼──────┼──────────┼───────────┤
            │ 新聞広告         │    2 │  480,000 │   960,000 │
            │ 制作費           │    1 │  110,000 │   110,000 │
            │ 特別値引         │      │          │ ▲150,000 │
            ├──────────────────┴──────┼──────────┼───────────┤
            │                         │ 小計     │   920,000 │
            │                         │ 消費税   │    92,000 │
            │                         │ 合計     │ 1,012,000 │
            └─────────────────────────┴──────────┴───────────┘
        """)[-1] == ("特別値引", None, None, -150000)

    def test_what_follows_once_items_add_up_is_none(self) -> None:
        assert rows(
            """
              Planung der Ausführung                                18.500,00 EUR
              Objektüberwachung                                     20.300,00 EUR
                                                                    ─────────────
              Honorar netto                                         38.800,00 EUR
              Umsatzsteuer 19 %                                      7.372,00 EUR
              Honorar brutto                                        46.172,00 EUR
              1. Abschlag, Eingang 12.06.2024                      -17.850,00 EUR
              Restforderung                                         28.322,00 EUR
            """,
            "# Rechnung #\n\nRechnungsnummer 12\n\n",
        ) == [("PlanungderAusführung", None, None, "18500.00"), ("Objektüberwachung", None, None, "20300.00")]


class TestColumns:
    def test_remarks_and_kinds_of_tax_do_not_make_a_row_a_sum(self) -> None:
        assert rows("""
            ┌─────┬──────────────────┬────────────┬────────────────────┐
            │ No. │      費　目      │   金　額   │       摘　要       │
            ├─────┼──────────────────┼────────────┼────────────────────┤
            │  1  │ 敷金             │     82,000 │ 賃料1ヶ月・非課税  │
            ├─────┼──────────────────┼────────────┼────────────────────┤
            │  2  │ 仲介手数料       │     45,100 │ 税込（税4,100円）  │
            ├─────┼──────────────────┼────────────┼────────────────────┤
            │     │      合　計      │  127,100円 │ 内消費税 4,100円   │
            └─────┴──────────────────┴────────────┴────────────────────┘
        """) == [("敷金", None, None, 82000), ("仲介手数料", None, None, 45100)]

    def test_amounts_stand_in_the_column_of_their_kind(self) -> None:
        assert rows("""
            ┌──────────────────────┬──────┬───────────┬──────────────┐
            │ 項目                 │ 数量 │      課税 │ 免税・不課税 │
            ├──────────────────────┼──────┼───────────┼──────────────┤
            │ 海上運賃             │    1 │           │      298,000 │
            │ 通関料               │    1 │    11,800 │              │
            ├──────────────────────┼──────┼───────────┼──────────────┤
            │ 計                   │      │    11,800 │      298,000 │
            └──────────────────────┴──────┴───────────┴──────────────┘
              消費税                             1,180
              御請求額                         310,980
        """) == [("海上運賃", 1, None, 298000), ("通関料", 1, None, 11800)]

    def test_the_price_is_the_one_that_multiplies(self) -> None:
        assert rows("""
            ┌───────────────┬──────────┬──────┬─────────┬──────┬──────────┐
            │    作　品     │ 参考上代 │ 掛率 │  納入   │ 個数 │   金額   │
            ├───────────────┼──────────┼──────┼─────────┼──────┼──────────┤
            │ 湯呑 粉引     │    3,000 │  60% │   1,800 │    6 │   10,800 │
            ├───────────────┼──────────┼──────┼─────────┼──────┼──────────┤
            │ 飯碗 鉄絵     │    3,500 │  60% │   2,100 │    4 │    8,400 │
            └───────────────┴──────────┴──────┴─────────┴──────┴──────────┘
              合計                                             19,200
        """) == [("湯呑粉引", 6, 1800, 10800), ("飯碗鉄絵", 4, 2100, 8400)]

    def test_a_column_of_sums_of_groups_is_not_that_of_the_amounts(self) -> None:
        assert rows("""
            ┌────────────┬─────────────┬──────┬───────┬─────────┬─────────┐
            │ お届先     │ 商品        │ 枚数 │  単価 │    金額 │      計 │
            ├────────────┼─────────────┼──────┼───────┼─────────┼─────────┤
            │ 塩冶店     │ 玄関マット  │    2 │   980 │   1,960 │         │
            │            │ モップ      │    3 │   620 │   1,860 │   3,820 │
            ├────────────┼─────────────┼──────┼───────┼─────────┼─────────┤
            │ 平田店     │ 玄関マット  │    1 │   980 │     980 │         │
            │            │ ロゴマット  │    1 │ 2,600 │   2,600 │   3,580 │
            └────────────┴─────────────┴──────┴───────┴─────────┴─────────┘
              合計                                       7,400
        """) == [
            ("玄関マット", 2, 980, 1960),
            ("モップ", 3, 620, 1860),
            ("玄関マット", 1, 980, 980),
            ("ロゴマット", 1, 2600, 2600),
        ]

    def test_two_lists_side_by_side_are_both_read(self) -> None:
        assert rows("""
            ┌───────────────┬──────────┬───────────────┬──────────┐
            │    品　名     │  金　額  │    品　名     │  金　額  │
            ├───────────────┼──────────┼───────────────┼──────────┤
            │ 会議机        │   12,000 │ 書棚          │   31,000 │
            ├───────────────┼──────────┼───────────────┼──────────┤
            │ 椅子          │    5,000 │ 電気スタンド  │    2,000 │
            └───────────────┴──────────┴───────────────┴──────────┘
              合計                                       50,000
        """) == [
            ("会議机", None, None, 12000),
            ("椅子", None, None, 5000),
            ("書棚", None, None, 31000),
            ("電気スタンド", None, None, 2000),
        ]

    def test_litres_at_a_part_of_a_yen_multiply_but_for_rounding(self) -> None:
        answer = json.loads(
            answered(
                HEAD + "商品名      数量      単価       金額\n"
                "軽油       120.4      98.5     11,859\n"
                "軽油        98.2      98.5      9,672\n"
                "                      合計     21,531\n",
                OutputFormat.JSON,
            )
        )
        assert min(item["confidence"] for item in answer["fields"]["line_items"]) > 0.8

    def test_what_goes_off_by_the_hundred_says_what_three_places_mean(self) -> None:
        assert rows(
            """
            ┌──────────┬─────────────────────────┬────────┬───────────┬────────┬─────────────┐
            │ Articolo │       Descrizione       │  Q.tà  │  Prezzo   │ Sc. %  │   Importo   │
            ├──────────┼─────────────────────────┼────────┼───────────┼────────┼─────────────┤
            │ MG150    │ Morsa girevole 150 mm   │     20 │    84,000 │  10,00 │    1.512,00 │
            │ SZ3020   │ Staffa zincata pesante  │    150 │    12,400 │        │    1.860,00 │
            └──────────┴─────────────────────────┴────────┴───────────┴────────┴─────────────┘
              Totale merce                                               € 3.372,00
            """,
            "# FATTURA #\n\n",
        ) == [("Morsagirevole150mm", 20, "84.00", "1512.00"), ("Staffazincatapesante", 150, "12.40", "1860.00")]

    def test_the_sign_of_a_currency_far_from_its_number_is_no_column(self) -> None:
        assert rows(
            """
             Aantal    Omschrijving                    Prijs     BTW         Bedrag
             ──────────────────────────────────────────────────────────────────────
                  1    HR-ketel                   € 1.895,00     21%     € 1.895,00
                9,5    Arbeidsloon monteur        €    68,00     21%     €   646,00
                  1    Afvoer oude ketel          €    45,00     21%     €    45,00
             ──────────────────────────────────────────────────────────────────────
                                           Totaal excl. BTW              € 2.586,00
            """,
            "# FACTUUR #\n\n",
        ) == [
            ("HR-ketel", 1, "1895.00", "1895.00"),
            ("Arbeidsloonmonteur", "9.5", "68.00", "646.00"),
            ("Afvoeroudeketel", 1, "45.00", "45.00"),
        ]


class TestNames:
    def test_notes_below_a_name_are_no_part_of_it(self) -> None:
        table = """
            品名                       数量      単価        金額
            ──────────────────────────────────────────
            縫合糸 3-0                     3    15,800      47,400
              ~ 12本入 LOT 8F2291 ~
            手袋 ブルー                   24       980      23,520
            （200枚入）
                                              合計          70,920
        """
        assert [name for name, *_ in rows(table)] == ["縫合糸3-0", "手袋ブルー"]

    def test_headings_in_a_ruled_table_are_no_part_of_an_item(self) -> None:
        assert rows("""
            ┌───────────────────────┬──────┬─────────┬───────────┐
            │       検査項目        │ 人数 │  単価   │   金額    │
            ├───────────────────────┼──────┼─────────┼───────────┤
            │ 【健康診断】          │      │         │           │
            │ 定期健康診断          │ 12名 │   9,000 │   108,000 │
            │ 【オプション】        │      │         │           │
            │ 胃部検査              │  2名 │   4,500 │     9,000 │
            └───────────────────────┴──────┴─────────┴───────────┘
              合計                                117,000
        """) == [("定期健康診断", 12, 9000, 108000), ("胃部検査", 2, 4500, 9000)]

    def test_marks_and_numbers_of_a_list_are_no_part_of_its_names(self) -> None:
        assert rows("""
              1. 会費               5,000円×3月         15,000円
              2. 街路灯電気料       1,450円×2灯          2,900円
              合　計                                    17,900円
        """) == [("会費", 3, 5000, 15000), ("街路灯電気料", 2, 1450, 2900)]

    def test_a_count_stands_above_its_name_only_where_it_makes_the_amount(self) -> None:
        assert rows(
            """
             2 x 0,45
             Brötchen                            0,90 A
             Roggenmischbrot                     4,80 A
             2 x 8,90
             Frühstück                          17,80 A
             ──────────────────────────────────────────
             SUMME                              23,50
             BAR                                23,50
            """,
            "Bäckerei Muster\n\nKasse 2\n",
        ) == [
            ("Brötchen", 2, "0.45", "0.90"),
            ("Roggenmischbrot", None, None, "4.80"),
            ("Frühstück", 2, "8.90", "17.80"),
        ]

    def test_a_bar_code_is_no_part_of_a_name(self) -> None:
        assert rows(
            """
             0738821140 WORK GLOVES
                                           12.99 T
             0041100629 SPLIT WEDGE
                                           27.50 T
             SUBTOTAL                      40.49
             TOTAL                         40.49
             CASH                          40.49
            """,
            "HARDWARE STORE\n\nSALE  10/29/26  3:18 PM\n",
        ) == [("WORKGLOVES", None, None, "12.99"), ("SPLITWEDGE", None, None, "27.50")]

    def test_the_only_item_stands_right_above_its_tax(self) -> None:
        assert rows("""
              候補者名          吉村 健太 様
              紹介手数料                                 1,925,000円
              消費税額等（10%）                            192,500円
              ご請求総額                                 2,117,500円
        """) == [("紹介手数料", None, None, 1925000)]


class TestBlocksBesideSums:
    SUMS = """
        【お振込先】                      課税対象額（10%）       163,700
        七十七銀行 原町支店               消費税額（10%）          16,370
        普通口座 5520914                  御請求金額              180,070
    """

    def test_an_account_beside_the_sums_is_no_column_of_theirs(self) -> None:
        body = answered(HEAD + dedent(self.SUMS), OutputFormat.MARKDOWN)
        assert "| 課税対象額（10%） | 163,700 |" in body
        assert not any("銀行" in line for line in body.splitlines() if line.startswith("|") and "163,700" in line)
        assert "七十七銀行" in body

    def test_rents_listed_by_address_keep_their_addresses(self) -> None:
        table = """
            神南1-2 ビル3階       賃料         100,000
            神南1-3 ビル4階       共益費        12,000
            神南1-5 駐車場        駐車料        20,000
        """
        assert "| 神南1-2 ビル3階 | 賃料 | 100,000 |" in answered(HEAD + dedent(table), OutputFormat.MARKDOWN)
