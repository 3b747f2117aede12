"""The table of business partners: what is taken in, and how what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from postprocess_svc.partners import master
from postprocess_svc.partners.master import PartnersInvalid, load_partners, parse_partners

JAPANESE = (
    "登録番号,取引先名,略称,電話番号,銀行名,支店名,口座種別,口座番号,口座名義,備考\n"
    "T7000012050002,髙橋商店株式会社,タカハシ;髙橋,03-1234-5678,みずほ銀行,渋谷支店,普通,0123456,ﾀｶﾊｼｼﾖｳﾃﾝ(ｶ,x\n"
    ",有限会社架空水産,,,,,,,,\n"
)


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(PartnersInvalid) as caught:
        parse_partners(text.encode())
    return caught.value.problems


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
    @pytest.mark.parametrize("line_end", ["\n", "\r\n"])
    def test_reads_what_is_exported(self, encoding: str, line_end: str) -> None:
        first, second = parse_partners(JAPANESE.replace("\n", line_end).encode(encoding)).partners
        assert first.name == "髙橋商店株式会社"
        assert first.names == ("髙橋商店株式会社", "タカハシ", "髙橋")
        assert first.registration_number == "T7000012050002"
        assert first.account is not None
        assert (first.account.bank, first.account.number) == ("みずほ銀行", "0123456")
        assert (second.registration_number, second.account, second.phone) == (None, None, None)

    def test_utf_16_is_named(self) -> None:
        with pytest.raises(PartnersInvalid, match="UTF-16"):
            parse_partners(JAPANESE.encode("utf-16"))

    def test_neither_encoding_tells_the_line(self) -> None:
        with pytest.raises(PartnersInvalid, match="line 3: neither UTF-8 nor Shift-JIS"):
            parse_partners("取引先名\n甲商店\n".encode() + b"\xff\xff\n")

    def test_english_headers_in_any_case(self) -> None:
        table = parse_partners(b"Name,Registration Number,ACCOUNT_NUMBER\nMade Up Ltd.,T7000012050002,12-34\n")
        assert table.by_registration_number["T7000012050002"].name == "Made Up Ltd."
        account = table.partners[0].account
        assert account is not None
        assert account.number == "1234"


class TestProblems:
    def test_line_and_column_of_each(self) -> None:
        found = problems(
            "登録番号,取引先名,口座番号\nT123,甲商店,1\nT7000012050003,乙商店,1\n,,1\nT7000012050002,丙商店,普通1\n"
        )
        assert found == (
            "line 2, column '登録番号': is not T and 13 digits",
            "line 3, column '登録番号': its check digit does not hold",
            "line 4, column '取引先名': is empty",
            "line 5, column '口座番号': is not up to 16 digits",
        )

    def test_what_stands_in_a_cell_is_not_told(self) -> None:
        assert "9876" not in "".join(problems("取引先名,口座番号\n甲商店,abc9876\n"))

    def test_twice(self) -> None:
        number = "T7000012050002"
        assert problems(f"name,登録番号\n甲,{number}\n乙,{number}\n") == (
            "line 3, column '登録番号': the same as in line 2",
        )
        assert problems("name\n甲\n乙\n甲\n") == ("line 4, column 'name': the same as in line 2",)

    def test_a_cell_over_several_lines_keeps_the_count(self) -> None:
        assert problems('name,aliases\n甲,"a\nb"\n,c\n') == ("line 4, column 'name': is empty",)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "no column for the name"),
            ("電話番号\n1\n", "no column for the name"),
            ("name,取引先名\na,b\n", "both mean name"),
            ("name\n", "line 2: the table has no partner"),
            ("name\na,b\n", "line 2: 2 cells under 1 headers"),
            ('name\n"a\n', "no CSV"),
            ("name\na\0\n", "line 2: a NUL character"),
            ("name\n" + "あ" * 201 + "\n", "line 2, column 'name': longer than 200 characters"),
        ],
    )
    def test_the_table_itself(self, text: str, problem: str) -> None:
        assert problem in problems(text)[0]

    def test_stops_after_many(self) -> None:
        found = problems("name,tel\n" + ",1\n" * 100)
        assert len(found) == master.MAX_PROBLEMS + 1

    def test_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(master, "MAX_PARTNERS", 2)
        assert problems("name\na\nb\nc\n") == ("line 4: more than 2 partners",)
        monkeypatch.setattr(master, "MAX_TABLE_BYTES", 10)
        assert "larger than 10 bytes" in problems("name\nabcdefgh\n")[0]


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "partners.csv"
    path.write_bytes(JAPANESE.encode("cp932"))
    assert len(load_partners(path).partners) == 2
    with pytest.raises(PartnersInvalid, match="cannot be read"):
        load_partners(tmp_path / "none.csv")
