"""Pages drawn in characters: how their columns are counted, what is print and what a rule, and their reading."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from evaluation.mockups.__main__ import main
from evaluation.mockups.columns import arms, column_count, is_drawing, is_japanese
from evaluation.mockups.documents import HOLDOUTS, SETS, BadMockup, Mockup, load_mockups
from evaluation.mockups.drawing import LARGE, SMALL, Drawing, parse_drawing
from evaluation.mockups.reading import COLUMN_PX, MARGIN_PX, ROW_PX, charset_of, reading_of
from ocr_core.contracts.geometry import bounds
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import PageReading
from postprocess_svc.ctc import Charsets
from postprocess_svc.pipeline import TextPipeline


def runs(*rows: str) -> list[tuple[str, int, int]]:
    return [(run.text, run.row, run.column) for run in parse_drawing("\n".join(rows)).runs]


def rules(*rows: str) -> set[tuple[float, float, float, float]]:
    return {
        (rule.start_row, rule.start_column, rule.end_row, rule.end_column)
        for rule in parse_drawing("\n".join(rows)).rules
    }


def page_of(text: str) -> PageReading:
    (page,) = reading_of("page", [parse_drawing(text)], charset_of([text])).pages
    assert isinstance(page, PageReading)
    return page


class TestColumns:
    @pytest.mark.parametrize(
        ("character", "count"),
        [("請", 2), ("カ", 2), ("Ａ", 2), ("　", 2), ("ｶ", 1), ("A", 1), ("é", 1), (" ", 1), ("─", 1), ("┼", 1)],
    )
    def test_full_width_characters_take_two(self, character: str, count: int) -> None:
        assert column_count(character, japanese=True) == count

    def test_symbols_are_as_wide_as_kanji_in_japanese_fonts_alone(self) -> None:
        for symbol in "×※":
            assert (column_count(symbol, japanese=True), column_count(symbol, japanese=False)) == (2, 1)

    def test_letters_of_other_alphabets_are_narrow_everywhere(self) -> None:
        assert column_count("æ", japanese=True) == 1

    def test_a_page_with_kana_or_kanji_is_japanese(self) -> None:
        assert is_japanese("Total 合計")
        assert not is_japanese("Total ¥100 №")

    @pytest.mark.parametrize(
        ("character", "leads"),
        [("─", "LEFT RIGHT"), ("│", "UP DOWN"), ("┌", "DOWN RIGHT"), ("┘", "UP LEFT"), ("├", "UP DOWN RIGHT"),
         ("┤", "UP DOWN LEFT"), ("┬", "DOWN LEFT RIGHT"), ("┴", "UP LEFT RIGHT"), ("┼", "UP DOWN LEFT RIGHT"),
         ("━", "LEFT RIGHT"), ("║", "UP DOWN"), ("╬", "UP DOWN LEFT RIGHT")],
    )  # fmt: skip
    def test_where_a_piece_of_a_rule_leads(self, character: str, leads: str) -> None:
        assert is_drawing(character)
        assert arms(character) == set(leads.split())

    def test_print_leads_nowhere(self) -> None:
        assert not is_drawing("ー")
        assert arms("ー") == arms("-") == arms(" ") == frozenset()


class TestRuns:
    def test_two_blanks_end_a_line_of_print_and_one_is_a_gap_in_it(self) -> None:
        assert runs("請求日  2026年 10月") == [("請求日", 0, 0), ("2026年 10月", 0, 8)]

    def test_a_full_width_blank_is_one_gap(self) -> None:
        assert runs("ご　請　求　書") == [("ご 請 求 書", 0, 0)]
        assert runs("甲　　乙") == [("甲", 0, 0), ("乙", 0, 6)]

    def test_rows_of_blanks_are_space(self) -> None:
        assert runs("", "  甲", "", "乙", "") == [("甲", 1, 2), ("乙", 3, 0)]

    def test_a_rule_ends_a_line_of_print_without_any_blank(self) -> None:
        assert runs("│数量│ 単価 │") == [("数量", 0, 1), ("単価", 0, 7)]

    def test_marks_around_a_run_make_it_large_or_small_and_are_not_printed(self) -> None:
        drawing = parse_drawing("  # ご 請 求 書 #    ~ 振込手数料は ご負担ください ~")
        assert [(run.text, run.scale, run.column) for run in drawing.runs] == [
            ("ご 請 求 書", LARGE, 4),
            ("振込手数料は ご負担ください", SMALL, 23),
        ]

    def test_blanks_within_marks_are_kept_together_as_one_gap(self) -> None:
        assert runs("# ご   請   求   書 #") == [("ご 請 求 書", 0, 2)]

    def test_a_mark_without_its_fellow_is_print(self) -> None:
        assert runs("# 1004  Menge") == [("# 1004", 0, 0), ("Menge", 0, 8)]
        assert runs("Item #  Qty") == [("Item #", 0, 0), ("Qty", 0, 8)]
        assert runs("~ 5 Tage") == [("~ 5 Tage", 0, 0)]

    def test_marks_within_a_cell(self) -> None:
        drawing = parse_drawing("│ # ¥1,000 # │")
        assert [(run.text, run.scale) for run in drawing.runs] == [("¥1,000", LARGE)]

    def test_a_run_knows_how_many_columns_it_takes(self) -> None:
        (run,) = parse_drawing("金額(円)").runs
        assert run.columns == 8

    def test_the_page_is_as_wide_as_its_longest_row(self) -> None:
        drawing = parse_drawing("合計\n 12345678")
        assert (drawing.rows, drawing.columns) == (2, 10)
        assert parse_drawing("").columns == 1


BOX = ("┌──┬──┐", "│  │  │", "├──┼──┤", "│  │  │", "└──┴──┘")


class TestRules:
    def test_a_box_has_its_rules_joined_at_every_junction(self) -> None:
        level = {(0, 0, 0, 6), (2, 0, 2, 6), (4, 0, 4, 6)}
        upright = {(0, 0, 4, 0), (0, 3, 4, 3), (0, 6, 4, 6)}
        assert rules(*BOX) == level | upright

    def test_a_junction_that_leads_nowhere_ends_the_rule_there(self) -> None:
        assert rules("──┐", "  │", "  ├──") == {(0, 0, 0, 2), (2, 2, 2, 4), (0, 2, 2.5, 2)}

    def test_rules_side_by_side_are_two(self) -> None:
        assert rules("─── ────") == {(0, 0, 0, 2), (0, 4, 0, 7)}
        assert rules("┐┌──") >= {(0, 1, 0, 3)}

    def test_an_upright_rule_reaches_half_a_row_beyond_its_pieces(self) -> None:
        assert rules("│", "│") == {(-0.5, 0, 1.5, 0)}

    def test_a_gap_parts_an_upright_rule(self) -> None:
        assert rules("│", "甲", "│") == {(-0.5, 0, 0.5, 0), (1.5, 0, 2.5, 0)}

    def test_columns_are_counted_before_full_width_print(self) -> None:
        assert rules("品名│", "ｶﾅ  │") == {(-0.5, 4, 1.5, 4)}

    def test_double_and_heavy_rules_are_rules(self) -> None:
        assert rules("╔══╗", "╚══╝") == {(0, 0, 0, 3), (1, 0, 1, 3), (0, 0, 1, 0), (0, 3, 1, 3)}

    def test_rules_are_no_print(self) -> None:
        assert runs(*BOX) == []


class TestReadings:
    def test_every_run_is_read_as_it_is_drawn(self) -> None:
        text = "# ご 請 求 書 #\n\n株式会社 山田 御中    No. 12-3\nﾌﾂｳ 1234567  × 2\n"
        charset = charset_of([text])
        drawn = reading_of("page", [parse_drawing(text)], charset)
        pipeline = TextPipeline(charsets=Charsets([charset]))
        (page,) = pipeline.structure(drawn, options=StructureOptions(), request_id="r").pages
        assert {line.text.replace(" ", "") for line in page.lines} == {  # type: ignore[union-attr]
            "ご請求書",
            "株式会社山田御中",
            "No.12-3",
            "ﾌﾂｳ1234567",
            "×2",
        }

    def test_a_line_lies_where_it_is_drawn(self) -> None:
        (line,) = page_of("\n    金額").lines
        box = bounds(line.quad)
        assert (box.left, box.right) == (MARGIN_PX + 4 * COLUMN_PX, MARGIN_PX + 8 * COLUMN_PX)
        assert (box.top + box.bottom) / 2 == MARGIN_PX + 1.5 * ROW_PX

    def test_large_print_is_higher_and_wider_and_meets_nothing_beside_it(self) -> None:
        title, beside = page_of("# 請求書 #  甲").lines
        assert bounds(title.quad).height == LARGE * 2 * COLUMN_PX
        assert bounds(title.quad).right < bounds(beside.quad).left
        (alone,) = page_of("# 請求書 #").lines
        assert bounds(alone.quad).width == LARGE * 6 * COLUMN_PX

    def test_small_print_is_smaller(self) -> None:
        (line,) = page_of("~ 注記 ~").lines
        assert bounds(line.quad).height == pytest.approx(SMALL * 2 * COLUMN_PX)
        assert bounds(line.quad).width == pytest.approx(SMALL * 4 * COLUMN_PX)

    def test_rules_run_through_the_middles_of_their_cells(self) -> None:
        longest, *_ = page_of("────────\n│").rulings
        y = MARGIN_PX + 0.5 * ROW_PX
        assert (longest.start, longest.end) == (
            (MARGIN_PX + 0.5 * COLUMN_PX, y),
            (MARGIN_PX + 7.5 * COLUMN_PX, y),
        )

    def test_a_page_has_room_for_all_that_is_drawn(self) -> None:
        page = page_of("甲" * 60 + "\n\n乙")
        assert all(0 <= bounds(line.quad).left < bounds(line.quad).right <= page.width_px for line in page.lines)
        assert all(0 <= bounds(line.quad).top < bounds(line.quad).bottom <= page.height_px for line in page.lines)


GOOD = """+++
issuer_name = "甲社"
due_date = ""
total_amount = 100
[[line_items]]
description = "品"
amount = 100
+++
甲社
"""


def written(folder: Path, text: str, name: str = "one.txt") -> Path:
    (folder / "own").mkdir(exist_ok=True)
    (folder / "own" / name).write_text(text, encoding="utf-8")
    return folder


class TestDocuments:
    def test_truth_and_page(self, tmp_path: Path) -> None:
        (mockup,) = load_mockups("own", written(tmp_path, GOOD))
        assert mockup.labels.fields == {
            "issuer_name": "甲社", "due_date": None, "total_amount": 100, "bank_accounts": [],
        }  # fmt: skip
        assert mockup.labels.line_items == ({"description": "品", "amount": 100},)
        assert mockup.text == "甲社\n"
        assert isinstance(mockup.drawing, Drawing)

    def test_amounts_of_another_currency_have_it_beside_them(self, tmp_path: Path) -> None:
        text = GOOD.replace("total_amount = 100", 'total_amount = "1.50"\ncurrency = "EUR"')
        (mockup,) = load_mockups("own", written(tmp_path, text))
        assert mockup.labels.fields["total_amount"] == {"value": "1.50", "currency": "EUR"}

    def test_items_that_are_not_listed_are_not_judged(self, tmp_path: Path) -> None:
        text = GOOD.replace("[[line_items]]", "line_items_listed = false\n[[line_items]]")
        (mockup,) = load_mockups("own", written(tmp_path, text))
        assert mockup.labels.line_items is None

    def test_files_come_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        for name in ("b.txt", "a.txt", "c.md"):
            written(tmp_path, GOOD, name)
        assert [mockup.labels.layout for mockup in load_mockups("own", tmp_path)] == ["a", "b"]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("甲社\n", "does not stand between"),
            ("+++\nissuer_name = \n+++\n甲社\n", "Invalid value"),
            ("甲社\n+++\n+++\n", "does not begin"),
        ],
    )
    def test_a_bad_file_is_named(self, tmp_path: Path, text: str, told: str) -> None:
        with pytest.raises(BadMockup, match=rf"^bad\.txt: .*{told}"):
            load_mockups("own", written(tmp_path, text, "bad.txt"))

    def test_every_set_is_there_and_in_the_form(self, drawn_set: list[Mockup]) -> None:
        assert len(drawn_set) > 10

    def test_truths_claim_no_number_that_is_not_printed(self, drawn_set: list[Mockup]) -> None:
        """Totals, numbers of registration and of documents, accounts: character by character, separators aside."""
        missing = [
            (mockup.labels.layout, number)
            for mockup in drawn_set
            for number in claimed_numbers(mockup)
            if plain(number) not in plain(mockup.text)
        ]
        assert not missing


@pytest.fixture(scope="module", params=SETS)
def drawn_set(request: pytest.FixtureRequest) -> list[Mockup]:
    return load_mockups(request.param)


def claimed_numbers(mockup: Mockup) -> list[str]:
    fields = mockup.labels.fields
    values = [fields[name] for name in ("total_amount", "registration_number", "document_number") if fields.get(name)]
    accounts = fields["bank_accounts"]
    assert isinstance(accounts, list)
    # The post's symbol and number stand apart on the page.
    parts = [part for account in accounts for part in account["number"].split("-")]
    return [str(value["value"]) if isinstance(value, dict) else str(value) for value in values] + parts


def plain(text: str) -> str:
    return re.sub(r"[\s,.'()\-]", "", unicodedata.normalize("NFKC", text))


@pytest.mark.parametrize("name", HOLDOUTS)
def test_failures_of_what_is_held_out_are_not_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--failures"])
    assert "for measuring" in capsys.readouterr().err
