"""The table of partners in use: taken up at start and when its file changes, kept where the new one is bad."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from evaluation.company_names import made_up_names
from ocr_core.settings import PostprocessSettings, SettingsError
from ocr_core.telemetry import Metrics
from postprocess_svc.making import make_partners
from postprocess_svc.partners.__main__ import main, replace_store
from postprocess_svc.partners.master import (
    COLUMNS,
    Account,
    Partner,
    PartnersInvalid,
    PartnerTable,
    parse_partners,
    write_partners,
)
from postprocess_svc.partners.store import PartnerStore

TABLE = "取引先コード,登録番号,取引先名\n001,T7000012050002,株式会社架空倉庫\n"
FULL = Partner(
    name='株式会社"架空", 倉庫',
    aliases=("架空倉庫", "カクウ"),
    code="A-001",
    registration_number="T7000012050002",
    phone="03-1234-5678",
    account=Account(bank="見本銀行", branch="渋谷支店", type="普通", number="0012345", holder="カ)カクウ"),
)


def store_of(path: Path, *, look_every_s: float = 3_600.0) -> PartnerStore:
    return PartnerStore(path, look_every_s=look_every_s, metrics=Metrics())


def names(store: PartnerStore) -> list[str]:
    return [partner.name for partner in store.matcher.table.partners]


def test_what_is_written_is_read_again() -> None:
    table = PartnerTable(partners=(FULL, Partner(name="別商店")))
    assert parse_partners(write_partners(table)) == table
    assert write_partners(table).decode().splitlines()[0].split(",") == list(COLUMNS)


def test_a_code_belongs_to_one_partner() -> None:
    with pytest.raises(PartnersInvalid, match="line 3, column 'code': the same as in line 2"):
        parse_partners(b"code,name\n1,a\n1,b\n")


class TestTakingUp:
    def test_a_new_file_is_taken_up_once_it_has_rested(self, tmp_path: Path) -> None:
        path = tmp_path / "partners.csv"
        path.write_text(TABLE)
        store = store_of(path)
        store.start()
        before = store.matcher
        store.look()
        store.look()
        assert store.matcher is before, "an unchanged file is not read again"
        replace_store(path, PartnerTable(partners=(Partner(name="別商店"),)))
        store.look()
        assert names(store) == ["株式会社架空倉庫"], "it may still be written"
        store.look()
        assert names(store) == ["別商店"]
        store.close()

    def test_a_file_that_is_still_written_is_left_until_it_rests(self, tmp_path: Path) -> None:
        path = tmp_path / "partners.csv"
        path.write_text(TABLE)
        store = store_of(path)
        store.start()
        for count in range(1, 4):
            path.write_text("name\n" + "\n".join(f"商店{number}" for number in range(count)))
            store.look()
            assert names(store) == ["株式会社架空倉庫"]
        store.look()
        assert len(names(store)) == 3
        store.close()

    @pytest.mark.parametrize("content", ["", "name\n", "登録番号,名称\nT123,a\n", None])
    def test_where_the_new_one_is_bad_the_old_one_stays(
        self, tmp_path: Path, content: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "partners.csv"
        path.write_text(TABLE)
        metrics = Metrics()
        store = PartnerStore(path, look_every_s=3_600.0, metrics=metrics)
        store.start()
        if content is None:
            path.unlink()
        else:
            path.write_text(content)
        with caplog.at_level(logging.WARNING):
            for _ in range(4):
                store.look()
        assert names(store) == ["株式会社架空倉庫"]
        (record,) = caplog.records  # told once, not at every look
        assert vars(record)["action"] == "partners.refused"
        assert vars(record)["problems"]
        told = metrics.exposition().decode()
        assert 'ocr_partner_table_loads_total{outcome="failed"} 1.0' in told
        assert 'ocr_partner_table_loads_total{outcome="ok"} 1.0' in told
        assert "ocr_partners 1.0" in told
        path.write_text("name\n別商店\n")
        store.look()
        store.look()
        assert names(store) == ["別商店"]
        store.close()

    def test_it_looks_by_itself(self, tmp_path: Path) -> None:
        path = tmp_path / "partners.csv"
        path.write_text(TABLE)
        store = store_of(path, look_every_s=0.02)
        store.start()
        try:
            replace_store(path, PartnerTable(partners=(Partner(name="別商店"),)))
            until_s = time.monotonic() + 30
            while names(store) != ["別商店"]:
                assert time.monotonic() < until_s
                time.sleep(0.01)
        finally:
            store.close()


class TestAtStart:
    @pytest.mark.parametrize("content", [None, "name\n", "x\n1\n"])
    def test_a_table_that_cannot_be_used_stops_the_start_and_names_the_setting(
        self, tmp_path: Path, content: str | None
    ) -> None:
        path = tmp_path / "partners.csv"
        if content is not None:
            path.write_text(content)
        with pytest.raises(SettingsError, match="OCR_POSTPROCESS_PARTNERS_FILE: "):
            make_partners(PostprocessSettings(partners_file=path), Metrics())

    def test_without_the_setting_there_is_no_table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OCR_POSTPROCESS_PARTNERS_FILE", "")
        assert make_partners(PostprocessSettings(), Metrics()) is None


class TestTheCommand:
    def test_load_puts_a_checked_table_into_the_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        source, store = tmp_path / "export.csv", tmp_path / "store" / "partners.csv"
        source.write_bytes(TABLE.encode("cp932"))
        monkeypatch.setenv("OCR_POSTPROCESS_PARTNERS_FILE", str(store))
        assert main(["load", str(source)]) == 0
        assert "1 partners" in capsys.readouterr().out
        assert parse_partners(store.read_bytes()) == parse_partners(source.read_bytes())
        assert os.listdir(store.parent) == ["partners.csv"]  # noqa: PTH208

    def test_a_bad_table_is_told_by_line_and_column_and_the_store_stays(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        source, store = tmp_path / "export.csv", tmp_path / "partners.csv"
        source.write_text("登録番号,取引先名\nT123,a\n,\nT7000012050003,b\n")
        store.write_text(TABLE)
        assert main(["load", str(source), "--store", str(store)]) == 1
        told = capsys.readouterr().out.splitlines()
        assert [line.partition(": ")[2] for line in told] == [
            "line 2, column '登録番号': is not T and 13 digits",
            "line 4, column '登録番号': its check digit does not hold",
        ]
        assert store.read_text() == TABLE

    def test_check_changes_nothing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        source = tmp_path / "export.csv"
        source.write_text(TABLE)
        assert main(["check", str(source)]) == 0
        assert "nothing wrong" in capsys.readouterr().out
        assert main(["check", str(tmp_path / "gone.csv")]) == 1

    def test_without_a_store_it_says_which_setting_names_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("OCR_POSTPROCESS_PARTNERS_FILE", raising=False)
        (tmp_path / "a.csv").write_text("\n".join(["name", *made_up_names(3, seed=1, apart_from=())]))
        assert main(["load", str(tmp_path / "a.csv")]) == 2
        assert "OCR_POSTPROCESS_PARTNERS_FILE" in capsys.readouterr().out
