"""Following a job over connections that break: no line twice, none lost, whatever the server does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocr_client import JobsClient, OcrClientError, RequestRefused, RetryPolicy, ServerBusy, ServerUnreachable, following
from ocr_client.errors import UnexpectedAnswer
from ocr_client.job_types import LineStatus, ResultLine
from ocr_client.line_stream import EventReader, LineSplitter, ServerEvent

from tests.support.scripted_jobs import JOB_ID, events, job, job_state, line, lines
from tests.support.scripted_server import Scripted, Seen, problem, scripted_server
from tests.support.waiting import wait_until

RECONNECT = following.RECONNECT
DONE = {"done": 3, "total": 3}
RUNNING = {"done": 2, "total": 3}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RECONNECT", RetryPolicy(max_retries=3, first_wait_s=0.001, max_wait_s=0.01))
    monkeypatch.setattr(following, "POLL_S", 0.001)


def results_script(*answers: Scripted, states: tuple[Scripted, ...] = ()) -> Callable[[Seen], Scripted]:
    """The answers in turn for the results, and the states for the job; the last of each repeats."""
    left = {"results": list(answers), "job": list(states) or [job("done", **DONE)]}

    def answer(seen: Seen) -> Scripted:
        script = left["results" if seen.path.endswith("/results") else "job"]
        return script.pop(0) if len(script) > 1 else script[0]

    return answer


def cursors(seen: list[Seen]) -> list[str]:
    return [request.query["cursor"][0] for request in seen if request.path.endswith("/results")]


class TestResults:
    def test_all_lines(self) -> None:
        with scripted_server(results_script(lines(1, 2, 3))) as server, JobsClient(server.url) as jobs:
            got = list(jobs.results(JOB_ID))
        assert [(one.sequence, one.reference, one.status) for one in got] == [
            (n, f"reference {n}", LineStatus.DONE) for n in (1, 2, 3)
        ]
        assert got[0].result is not None
        assert got[0].result["text"] == "a\u2028b\x85c"
        assert json.loads(got[0].raw) == line(1)
        assert server.seen[0].query == {"cursor": ["0"], "follow": ["true"]}

    @pytest.mark.parametrize(
        "first",
        [
            lines(1, 2, breaks=True),
            lines(1, 2, 3, cut_bytes=5, breaks=True),
            lines(1, 2, 3, cut_bytes=1, breaks=True),  # the line is whole but for its end: it comes again
            lines(1, 2, 3, cut_bytes=5),  # cut by a proxy that says that this is all
            lines(1, 2),  # the server stops, and ends its streams in good order
        ],
    )
    def test_a_stream_that_ends_early_goes_on_from_its_last_line(self, first: Scripted) -> None:
        script = results_script(first, lines(3))
        with scripted_server(script) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID)] == [1, 2, 3]
        assert cursors(server.seen) == ["0", "2"]

    @pytest.mark.parametrize(
        "trouble",
        [
            problem(503, "not_ready"),
            problem(429, "overloaded", Retry_After="0"),
            Scripted(status=502, body=b"<html>"),
            Scripted(body=b"", breaks=True),
        ],
    )
    def test_a_server_that_restarts_is_waited_for(self, trouble: Scripted) -> None:
        script = results_script(lines(1, breaks=True), trouble, trouble, lines(2, 3))
        with scripted_server(script) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID)] == [1, 2, 3]

    def test_a_server_that_answers_at_once_that_it_is_not_ready_is_waited_for_as_long(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By time and not by attempts, which are soon made where the server itself proposes short waits."""
        assert RECONNECT.patience_s == 300.0
        monkeypatch.setattr(following, "RECONNECT", replace(RECONNECT, max_wait_s=0.25, patience_s=20.0))
        script = results_script(*[problem(503, "not_ready", Retry_After="0")] * 100, lines(1, 2, 3))
        with scripted_server(script) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID)] == [1, 2, 3]

    def test_its_patience_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "RECONNECT", replace(RECONNECT, max_wait_s=0.25, patience_s=0.5))
        with (
            scripted_server(problem(503, "not_ready", Retry_After="0")) as server,
            JobsClient(server.url) as jobs,
            pytest.raises(ServerBusy),
        ):
            list(jobs.results(JOB_ID))

    def test_where_no_stream_is_free_lines_are_fetched(self) -> None:
        no_place = problem(429, "overloaded", Retry_After="0")
        script = results_script(no_place, lines(1, 2), lines(3))
        with scripted_server(script) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID)] == [1, 2, 3]
        assert [seen.query["follow"] for seen in server.seen if "follow" in seen.query] == [
            ["true"],
            ["false"],
            ["true"],
        ]

    def test_silence_is_not_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "RESULTS_SILENCE_S", 0.6)  # long for lines that are there, on a busy machine too
        states = (job("running", **RUNNING), job("running", **RUNNING), job("done", **DONE))
        script = results_script(lines(1, 2, holds=True), lines(holds=True), lines(3), states=states)
        with scripted_server(script) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID)] == [1, 2, 3]

    def test_repeated_and_empty_lines_are_passed_over(self) -> None:
        body = b"\n" + lines(1, 1, 2).body + b"\n\n" + lines(2, 3).body
        with scripted_server(results_script(Scripted(body=body))) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID)] == [1, 2, 3]

    def test_a_line_that_is_missing_is_asked_for(self) -> None:
        script = results_script(lines(1, 3), lines(2, 3))
        with scripted_server(script) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID)] == [1, 2, 3]

    def test_a_line_that_never_comes(self) -> None:
        script = results_script(lines(1, 3))
        with (
            scripted_server(script) as server,
            JobsClient(server.url) as jobs,
            pytest.raises(ServerUnreachable, match="line 2"),
        ):
            list(jobs.results(JOB_ID))

    def test_from_a_cursor_on(self) -> None:
        with scripted_server(results_script(lines(3))) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID, cursor=2)] == [3]

    def test_without_following_what_is_there(self) -> None:
        states = (job("running", **RUNNING),)
        script = results_script(lines(1, breaks=True), lines(2), states=states)
        with scripted_server(script) as server, JobsClient(server.url) as jobs:
            assert [one.sequence for one in jobs.results(JOB_ID, follow=False)] == [1, 2]
        assert server.seen[0].query["follow"] == ["false"]

    def test_failed_documents_say_why(self) -> None:
        body = json.dumps(line(1, failed="password_required")).encode() + b"\n"
        script = results_script(Scripted(body=body), states=(job("done", failed=1, total=1),))
        with scripted_server(script) as server, JobsClient(server.url) as jobs:
            (got,) = jobs.results(JOB_ID)
        assert (got.status, got.result, str(got.error)) == (LineStatus.FAILED, None, "password_required (422): d")

    def test_a_job_that_is_none(self) -> None:
        with (
            scripted_server(problem(404, "not_found")) as server,
            JobsClient(server.url) as jobs,
            pytest.raises(RequestRefused),
        ):
            list(jobs.results(JOB_ID))

    @pytest.mark.parametrize("raw", [b"no json", b"[]", b"{}", json.dumps({**line(1), "result": None}).encode()])
    def test_lines_that_are_none(self, raw: bytes) -> None:
        with pytest.raises(UnexpectedAnswer):
            ResultLine.decode(raw)


class TestChanges:
    def test_every_change(self) -> None:
        stream = events(job_state("queued"), job_state("running", done=1), job_state("done", done=2))
        with scripted_server(stream) as server, JobsClient(server.url) as jobs:
            seen = [(state.status.value, state.documents.ended) for state in jobs.changes(JOB_ID)]
        assert seen == [("queued", 0), ("running", 1), ("done", 2)]
        assert server.seen[0].path == f"/v1/jobs/{JOB_ID}/events"

    @pytest.mark.parametrize("breaks", [False, True])
    def test_events_that_end_before_the_job(self, breaks: bool) -> None:
        first, second = events(job_state("running"), breaks=breaks), events(job_state("cancelled"))
        with scripted_server(first, problem(503, "not_ready"), second) as server, JobsClient(server.url) as jobs:
            assert jobs.wait(JOB_ID).status == "cancelled"

    @pytest.mark.parametrize("status", [404, 405, 429])
    def test_without_events_the_job_is_asked_for(self, status: int) -> None:
        states = [job("running", done=1), job("done", done=2)]

        def answer(seen: Seen) -> Scripted:
            return problem(status, "overloaded") if seen.path.endswith("/events") else states.pop(0)

        with scripted_server(answer) as server, JobsClient(server.url) as jobs:
            assert [state.documents.done for state in jobs.changes(JOB_ID)] == [1, 2]

    def test_a_server_that_stays_away(self) -> None:
        with (
            scripted_server(events(job_state("running")), problem(503, "not_ready")) as server,
            JobsClient(server.url) as jobs,
            pytest.raises(OcrClientError, match="not_ready"),
        ):
            jobs.wait(JOB_ID)

    def test_something_else_answers(self) -> None:
        with (
            scripted_server(Scripted(body=b"<html>")) as server,
            JobsClient(server.url) as jobs,
            pytest.raises(UnexpectedAnswer, match="text/event-stream"),
        ):
            jobs.wait(JOB_ID)

    def test_closing_ends_the_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "POLL_S", 3600.0)
        ended = threading.Event()

        def answer(seen: Seen) -> Scripted:
            return problem(404, "not_found") if seen.path.endswith("/events") else job("running")

        def wait(jobs: JobsClient) -> None:
            with pytest.raises(OcrClientError):
                jobs.wait(JOB_ID)
            ended.set()

        with scripted_server(answer) as server:
            jobs = JobsClient(server.url)
            thread = threading.Thread(target=wait, args=(jobs,))
            thread.start()
            wait_until(lambda: len(server.seen) == 2, "the first poll")
            jobs.close()
            wait_until(ended.is_set, "the end")
            thread.join()


class TestLineStream:
    @given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
    def test_lines_do_not_depend_on_how_they_arrive(self, body: bytes, cuts: list[int]) -> None:
        edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
        chunks = [body[first:last] for first, last in pairwise(edges)]
        splitter = LineSplitter()
        assert [line for chunk in chunks for line in splitter.feed(chunk)] == body.split(b"\n")[:-1]

    def test_events(self) -> None:
        body = b": c\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\nid: 7\n\ndata: 3\n\nevent: cut\ndata: 4\n"
        assert list(EventReader().feed(body)) == [
            ServerEvent(name="a", data="1\n2"),
            ServerEvent(name="message", data="3"),
        ]
