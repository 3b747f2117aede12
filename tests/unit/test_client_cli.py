"""The ``ocr`` command line as a process, over real connections to a scripted server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ocr_client.documents import find_documents, output_paths

from tests.support.command_line import ocr, ocr_at_a_terminal, ocr_interrupted
from tests.support.scripted_server import Scripted, ScriptedServer, problem, result, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server(result()) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents in a tree, and files that are none."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("b.PDF", "deep/a.png", "notes.txt", ".hidden.pdf"):
        (tmp_path / "in" / name).write_bytes(b"content")
    return tmp_path / "in"


def test_one_document_as_json(server: ScriptedServer, folder: Path) -> None:
    done = ocr(folder / "b.PDF", "--schema", "invoice", "--pages", "2", "--timeout", "9", OCR_URL=server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["text"] == "請求書"
    assert server.seen[0].query["timeout_s"] == ["9.0"]


SCHEMAS = [
    {
        "name": "expense_report",
        "title": "Expense report",
        "description": "",
        "document_type": None,
        "fields": {
            "shop": {"type": "text", "source": "issuer_name", "required": True},
            "amount": {"type": "money", "source": "total_amount", "required": False},
        },
    }
]


def test_schemas_are_listed() -> None:
    with scripted_server(Scripted(body=json.dumps({"schemas": SCHEMAS}).encode())) as server:
        done = ocr("schemas", "--url", server.url)
        shown = ocr_at_a_terminal("schemas", "--url", server.url)
    assert (done.returncode, json.loads(done.stdout)) == (0, SCHEMAS)
    assert all(word in shown for word in ("expense_report", "Expense report", "shop*, amount"))
    assert [seen.path for seen in server.seen] == ["/v1/schemas"] * 2


@pytest.mark.parametrize(
    ("answer", "status"),
    [(Scripted(body=b"{}"), 4), (Scripted(body=b"<html>"), 4), (problem(500, "internal_error"), 4)],
)
def test_what_is_no_list_of_schemas_is_told(answer: Scripted, status: int) -> None:
    with scripted_server(answer) as server:
        done = ocr("schemas", "--url", server.url)
    assert done.returncode == status
    assert done.stderr.startswith("ocr: ")


def test_read_may_be_spelt_out(server: ScriptedServer, folder: Path) -> None:
    assert ocr("read", folder / "b.PDF", "--url", server.url).returncode == 0


def test_a_folder_gives_one_result_a_line(server: ScriptedServer, folder: Path) -> None:
    done = ocr(folder, "--url", server.url, "--jobs", "3")
    assert done.returncode == 0
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["doc_1", "doc_1"]


def test_text_of_many_is_titled(folder: Path) -> None:
    with scripted_server(Scripted(body="本文".encode())) as server:
        done = ocr(folder, "--url", server.url, "--format", "text")
    assert done.stdout.splitlines() == [
        f"==> {folder / 'b.PDF'} <==",
        "本文",
        f"==> {folder / 'deep/a.png'} <==",
        "本文",
    ]


@pytest.mark.parametrize(("output_format", "suffix"), [("json", ".json"), ("table", ".table.txt")])
def test_one_file_for_each_document(
    server: ScriptedServer, folder: Path, tmp_path: Path, output_format: str, suffix: str
) -> None:
    done = ocr(folder, "--url", server.url, "--output", tmp_path / "out", "--format", output_format)
    assert (done.returncode, done.stdout) == (0, "")
    written = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert written == [Path(f"b.PDF{suffix}"), Path(f"deep/a.png{suffix}")]
    assert "請求書" in (tmp_path / "out" / written[0]).read_text(encoding="utf-8")


@pytest.mark.parametrize(("output_format", "suffix"), [("hocr", ".hocr.html"), ("alto", ".alto.xml")])
def test_markup_is_written_as_it_came(folder: Path, tmp_path: Path, output_format: str, suffix: str) -> None:
    body = "<p>請求書</p>\n".encode()
    with scripted_server(Scripted(body=body)) as server:
        done = ocr(folder / "b.PDF", "--url", server.url, "--output", tmp_path, "--format", output_format)
    assert (done.returncode, done.stdout) == (0, "")
    assert server.seen[0].query["format"] == [output_format]
    assert (tmp_path / f"b.PDF{suffix}").read_bytes() == body


class TestPdf:
    BODY = b"%PDF-1.7 no break at the end"

    def test_it_is_written_as_it_came(self, folder: Path, tmp_path: Path) -> None:
        with scripted_server(Scripted(body=self.BODY)) as server:
            done = ocr(folder / "b.PDF", "--url", server.url, "--output", tmp_path, "--format", "pdf")
        assert (done.returncode, done.stdout) == (0, "")
        assert server.seen[0].query["format"] == ["pdf"]
        assert (tmp_path / "b.PDF.pdf").read_bytes() == self.BODY

    def test_one_may_go_to_standard_output(self, folder: Path) -> None:
        with scripted_server(Scripted(body=self.BODY)) as server:
            done = ocr(folder / "b.PDF", "--url", server.url, "--format", "pdf")
        assert (done.returncode, done.stdout) == (0, self.BODY.decode())

    def test_several_need_a_folder(self, folder: Path) -> None:
        with scripted_server() as server:
            done = ocr(folder, "--url", server.url, "--format", "pdf")
        assert (done.returncode, server.seen) == (2, [])
        assert "--output" in done.stderr


def test_one_failure_does_not_stop_the_others(folder: Path) -> None:
    with scripted_server(problem(422, "password_required"), result()) as server:
        done = ocr(folder / "b.PDF", folder / "missing.pdf", folder / "deep", "--url", server.url, "--jobs", "1")
    assert done.returncode == 1
    assert "password_required (422)" in done.stderr
    assert "req_9" in done.stderr
    assert "missing.pdf: No such file" in done.stderr
    assert json.loads(done.stdout)["id"] == "doc_1"


def test_a_name_that_is_not_utf8_is_sent_readably(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"odd\xff.pdf")
    odd.write_bytes(b"content")
    (tmp_path / "plain.pdf").write_bytes(b"content")
    with scripted_server(problem(422, "unreadable_document"), result()) as server:
        done = ocr(tmp_path, "--url", server.url, "--jobs", "1", "--format", "json")
    assert done.returncode == 1
    assert f"{tmp_path}/odd\ufffd.pdf: unreadable_document" in done.stderr
    assert json.loads(done.stdout)["id"] == "doc_1"
    assert 'filename="odd\ufffd.pdf"'.encode() in server.seen[0].body


def test_a_name_that_is_not_utf8_is_titled_and_written(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in (b"a\xff.pdf", b"b\xff.pdf"):
        (tmp_path / "in" / os.fsdecode(name)).write_bytes(b"content")
    with scripted_server(Scripted(body="本文".encode())) as server:
        titled = ocr(tmp_path / "in", "--url", server.url, "--format", "text", PYTHONUTF8="0", LC_ALL="C.UTF-8")
        written = ocr(tmp_path / "in", "--url", server.url, "--format", "text", "--output", tmp_path / "out")
    assert titled.stdout.splitlines()[0] == f"==> {tmp_path}/in/a\ufffd.pdf <=="
    assert (written.returncode, written.stderr) == (0, "")
    assert sorted(os.fsencode(path.name) for path in (tmp_path / "out").iterdir()) == [
        b"a\xff.pdf.txt",
        b"b\xff.pdf.txt",
    ]


@pytest.mark.parametrize("answer", [problem(503, "not_ready", Retry_After="3600"), Scripted(holds=True)])
def test_ctrl_c_ends_what_waits(folder: Path, answer: Scripted) -> None:
    """Both the wait before a retry and the wait for an answer would last longer than anybody's patience."""
    with scripted_server(answer) as server:
        assert ocr_interrupted(folder, "--url", server.url, once=lambda: bool(server.seen)) == (130, "")


def test_no_server(folder: Path) -> None:
    done = ocr(folder, "--url", "http://127.0.0.1:9")
    assert done.returncode == 3
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [[], ["--format", "docx", "a"], ["--jobs", "0", "a"], ["--url", "nonsense", "a"], ["--timeout", "soon", "a"]],
)
def test_a_wrong_command_line(arguments: list[str]) -> None:
    assert ocr(*arguments).returncode == 2


def test_an_empty_folder(tmp_path: Path) -> None:
    assert ocr(tmp_path).returncode == 2


def test_help_tells_the_exit_statuses() -> None:
    done = ocr("--help")
    assert done.returncode == 0
    assert "the server cannot be reached" in done.stdout


def test_a_terminal_shows_tables(server: ScriptedServer, folder: Path) -> None:
    shown = ocr_at_a_terminal(folder / "b.PDF", "--url", server.url)
    assert "385,000 JPY" in shown
    assert "請求書" in shown
    assert "みほん銀行" in shown


def test_a_terminal_shows_progress_on_many(server: ScriptedServer, folder: Path, tmp_path: Path) -> None:
    assert "2/2" in ocr_at_a_terminal(folder, "--url", server.url, "--output", tmp_path / "out")


def test_results_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for name in ("x/a.pdf", "y/a.pdf"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    documents = find_documents([tmp_path / "x", tmp_path / "y"])
    targets = output_paths(documents, tmp_path / "out", ".json")
    assert sorted(targets.values()) == [tmp_path / "out/a.pdf.2.json", tmp_path / "out/a.pdf.json"]
