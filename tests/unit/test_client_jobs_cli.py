"""``ocr jobs`` as a process, over real connections to a scripted server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ocr_client.errors import OcrClientError
from ocr_client.job_documents import job_documents
from ocr_client.job_types import ResultLine
from ocr_client.results_file import NotThisJob, ResultsFile

from tests.support.command_line import ocr, ocr_at_a_terminal, ocr_interrupted
from tests.support.scripted_jobs import JOB_ID, events, form_parts, job, job_state, line, lines
from tests.support.scripted_server import Scripted, Seen, problem, scripted_server

QUEUED = job("queued", http_status=202)


def api(
    *results: Scripted, state: Scripted | None = None, stream: Scripted | None = None
) -> Callable[[Seen], Scripted]:
    """An API of one job: its results in turn, its state, its events."""
    left = list(results)

    def answer(seen: Seen) -> Scripted:
        if seen.method == "POST":
            return QUEUED
        if seen.path.endswith("/results"):
            return left.pop(0) if len(left) > 1 else left[0]
        if seen.path.endswith("/events"):
            return stream or problem(404, "not_found")
        return state or job("done", done=2)

    return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Documents in a tree, one of them with a name that is not UTF-8."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in (b"b.PDF", b"deep/a.png", b"odd\xff.pdf", b"notes.txt"):
        (tmp_path / "in" / os.fsdecode(name)).write_bytes(b"content of " + name)
    return tmp_path / "in"


class TestSubmit:
    def test_prints_the_id(self, folder: Path) -> None:
        with scripted_server(QUEUED) as server:
            done = ocr(
                "jobs", "submit", folder / "b.PDF", "--schema", "invoice", "--format", "text,markdown",
                "--priority", "low", "--webhook-url", "https://a.test/", "--idempotency-key", "k-1",
                OCR_JOBS_URL=server.url,
            )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{JOB_ID}\n", "")
        (seen,) = server.seen
        assert seen.headers["Idempotency-Key"] == "k-1"
        assert form_parts(seen.headers["Content-Type"], seen.body) == [
            ("schema", None, b"invoice"),
            ("formats", None, b"text,markdown"),
            ("webhook_url", None, b"https://a.test/"),
            ("priority", None, b"low"),
            ("file", "b.PDF", b"content of b.PDF"),
        ]

    def test_a_list_of_objects(self, tmp_path: Path) -> None:
        listed = tmp_path / "list"
        listed.write_text("s3://inbox/x/1.pdf\n\ns3://inbox/2.pdf\tinvoice 2\n", encoding="utf-8")
        with scripted_server(QUEUED) as server:
            done = ocr(
                *("jobs", "submit", "--server", server.url, "s3://inbox/0.pdf", "--from", listed),
                *("--reference-from", "stem"),
            )
        assert (done.returncode, done.stderr) == (0, "")
        documents = json.loads(server.seen[0].body)["documents"]
        assert [(document["source"], document["reference"]) for document in documents] == [
            ("s3://inbox/0.pdf", "0"),
            ("s3://inbox/x/1.pdf", "1"),
            ("s3://inbox/2.pdf", "invoice 2"),
        ]

    def test_references(self, folder: Path, tmp_path: Path) -> None:
        def references(*named: Path, reference_from: str = "path") -> list[str | None]:
            documents = job_documents([*map(str, named)], list_file=None, reference_from=reference_from)
            return [document.reference for document in documents]

        assert references(folder) == ["b.PDF", "deep/a.png", "odd\ufffd.pdf"]
        assert references(folder, reference_from="name") == ["b.PDF", "a.png", "odd\ufffd.pdf"]
        assert references(folder / "deep" / "a.png") == ["a.png"]
        (tmp_path / "a.png").touch()
        assert references(folder / "deep" / "a.png", tmp_path / "a.png") == [
            f"{folder}/deep/a.png",
            f"{tmp_path}/a.png",
        ]

    def test_waiting_tells_how_it_goes(self, folder: Path) -> None:
        stream = events(job_state("queued"), job_state("running", done=1), job_state("done", done=1, failed=1))
        with scripted_server(api(stream=stream)) as server:
            done = ocr("jobs", "submit", folder / "b.PDF", "--wait", "--url", server.url)
        assert (done.returncode, done.stdout) == (1, f"{JOB_ID}\n")
        assert done.stderr.splitlines() == [
            f"ocr: {JOB_ID}: queued; 0 of 2 done, 2 to go",
            f"ocr: {JOB_ID}: done; 1 of 2 done, 1 failed",
        ]

    def test_a_terminal_shows_a_bar(self, folder: Path) -> None:
        stream = events(job_state("queued"), job_state("running", done=1), job_state("done", done=1, failed=1))
        with scripted_server(api(stream=stream)) as server:
            shown = ocr_at_a_terminal("jobs", "submit", folder / "b.PDF", "--wait", "--url", server.url, status=1)
        assert "2/2" in shown
        assert "1 failed" in shown

    def test_ctrl_c_leaves_the_job_alone(self, folder: Path) -> None:
        stream = events(job_state("running"))
        held = Scripted(body=stream.body, headers=stream.headers, holds=True)
        with scripted_server(api(stream=held)) as server:
            status, stderr = ocr_interrupted(
                *("jobs", "submit", folder / "b.PDF", "--wait", "--url", server.url),
                once=lambda: any(seen.path.endswith("/events") for seen in server.seen),
            )
        assert status == 130
        assert f"ocr jobs status --wait {JOB_ID}" in stderr
        assert not any(seen.method == "DELETE" for seen in server.seen)

    @pytest.mark.parametrize("named", [[], ["missing.pdf"], ["--from", "missing.txt"]])
    def test_nothing_to_submit(self, named: list[str]) -> None:
        done = ocr("jobs", "submit", *named)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("ocr: no ")


class TestResults:
    def test_to_standard_output(self) -> None:
        with scripted_server(api(lines(3))) as server:
            done = ocr("jobs", "results", JOB_ID, "--cursor", "2", "--url", server.url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.encode() == lines(3).body
        assert server.seen[0].query == {"cursor": ["2"], "follow": ["false"]}

    def test_failed_documents_show_in_the_exit_status(self) -> None:
        body = json.dumps(line(1, failed="password_required")).encode() + b"\n"
        with scripted_server(api(Scripted(body=body))) as server:
            assert ocr("jobs", "results", JOB_ID, "--url", server.url).returncode == 1

    def test_a_redriven_document_counts_as_it_ended(self) -> None:
        failed = json.dumps(line(1, failed="not_ready")).encode()
        done_later = json.dumps({**line(2), "document_id": line(1)["document_id"]}).encode()
        with scripted_server(api(Scripted(body=failed + b"\n" + done_later + b"\n"))) as server:
            assert ocr("jobs", "results", JOB_ID, "--url", server.url).returncode == 0

    @pytest.mark.parametrize("kept_bytes", [0, 20, len(lines(1).body), len(lines(1).body) + 20, len(lines(1, 2).body)])
    def test_a_file_goes_on_where_it_ends(self, kept_bytes: int, tmp_path: Path) -> None:
        output = tmp_path / "results.ndjson"
        output.write_bytes(lines(1, 2).body[:kept_bytes])

        def answer(seen: Seen) -> Scripted:
            if seen.path.endswith("/results"):
                return lines(*range(int(seen.query["cursor"][0]) + 1, 4))
            return job("done", done=3, total=3)

        with scripted_server(answer) as server:
            done = ocr("jobs", "results", JOB_ID, "-o", output, "--follow", "--url", server.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert output.read_bytes() == lines(1, 2, 3).body

    def test_a_file_with_lines_and_a_cursor_contradict(self, tmp_path: Path) -> None:
        output = tmp_path / "results.ndjson"
        output.write_bytes(lines(1).body)
        assert ocr("jobs", "results", JOB_ID, "-o", output, "--cursor", "0").returncode == 2

    def test_a_cancelled_job_is_no_success(self) -> None:
        state = job("cancelled", done=1, last_sequence=1)
        with scripted_server(api(lines(1), state=state)) as server:
            done = ocr("jobs", "results", JOB_ID, "--follow", "--url", server.url)
        assert (done.returncode, done.stdout.encode()) == (1, lines(1).body)

    def test_ctrl_c_says_how_to_go_on(self) -> None:
        with scripted_server(api(lines(1, holds=True))) as server:
            status, stderr = ocr_interrupted(
                *("jobs", "results", JOB_ID, "--follow", "--url", server.url), once=lambda: bool(server.seen)
            )
        assert status == 130
        assert "to go on: --cursor " in stderr

    def test_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        done = ocr("jobs", "results", JOB_ID, "-o", tmp_path / "missing" / "file")
        assert done.returncode == 1
        assert done.stderr.startswith("ocr: cannot write")


class TestResultsFile:
    def test_another_jobs_lines(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(lines(1, 2).body)
        other = json.dumps({**line(2), "document_id": "doc_other"}).encode()
        with ResultsFile(tmp_path / "f") as file:
            assert file.cursor == 1
            with pytest.raises(NotThisJob):
                file.append(ResultLine.decode(other))
        assert (tmp_path / "f").read_bytes() == lines(1, 2).body

    @pytest.mark.parametrize("content", [b"my diary", b"{}\n", b'{"sequence": 1}\n', b'{"sequence": 1, "a": 2}\nrest'])
    def test_what_is_not_ours_is_left_alone(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(OcrClientError):
            ResultsFile(tmp_path / "f")
        assert (tmp_path / "f").read_bytes() == content


class TestOthers:
    def test_status_cancel_and_redrive_print_the_job(self) -> None:
        with scripted_server(job("done", done=1, failed=1)) as server:
            for command in ("status", "cancel", "redrive"):
                done = ocr("jobs", command, JOB_ID, "--url", server.url)
                assert done.returncode == 0
                shown = json.loads(done.stdout)
                assert (shown["id"], shown["documents"]["failed"]) == (JOB_ID, 1)
                assert shown["finished_at"] == "2026-11-21T10:01:00+00:00"
        assert [seen.method for seen in server.seen] == ["GET", "DELETE", "POST"]

    def test_waiting_for_a_redrive(self) -> None:
        with scripted_server(api(state=job("done", done=2), stream=events(job_state("done", done=2)))) as server:
            done = ocr("jobs", "redrive", JOB_ID, "--wait", "--url", server.url)
        assert done.returncode == 0
        assert json.loads(done.stdout)["status"] == "done"

    def test_a_job_that_is_none(self) -> None:
        with scripted_server(problem(404, "not_found")) as server:
            done = ocr("jobs", "status", JOB_ID, "--url", server.url)
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr == "ocr: not_found (404): d [request req_9]\n"

    def test_no_server(self) -> None:
        assert ocr("jobs", "status", JOB_ID, "--url", "http://127.0.0.1:9").returncode == 3

    @pytest.mark.parametrize(
        "arguments",
        [[], ["frobnicate"], ["status"], ["status", "a", "--url", "x"], ["results", "a", "--cursor", "-1"]],
    )
    def test_a_wrong_command_line(self, arguments: list[str]) -> None:
        assert ocr("jobs", *arguments).returncode == 2

    def test_help_tells_the_exit_statuses(self) -> None:
        done = ocr("jobs", "results", "--help")
        assert done.returncode == 0
        assert "the server refused the request" in done.stdout
