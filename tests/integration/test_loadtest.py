"""The load generator at work: real locust and HTTP, on servers that are slow, full or broken, and on the real stack."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtest import server
from loadtest.__main__ import main
from loadtest.corpus import make_corpus
from loadtest.figures import PhaseFigures, phase_figures, read_phase
from loadtest.generator import GeneratorError, carry_out
from loadtest.mix import read_mix
from loadtest.phase import Order, Phase, Target
from loadtest.samples import Sample, read_samples
from loadtest.server import ServerError, own_stack
from loadtest.triton_metrics import read_triton
from local_stack.stack import LocalStack
from local_stack.state import StackState

READ = json.dumps({"pages": [{"number": 1, "lines": [{"text": "a"}]}], "text": "a", "timing_ms": {"total": 1}})


class ScriptedApi:
    """A server that answers as it is told, and counts how many it serves at once."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.answer = answer
        self.bodies: list[bytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            is_served = False

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.is_served = True
                with api.lock:
                    api.bodies.append(body)
                    api.at_once += 1
                    api.most_at_once = max(api.most_at_once, api.at_once)
                try:
                    api.answer(self)
                finally:
                    self.is_answered()

            def send_response(self, code: int, message: str | None = None) -> None:
                # Before anything is sent: who has the answer may have its next request here before this thread goes on.
                self.is_answered()
                super().send_response(code, message)

            def is_answered(self) -> None:
                if self.is_served:
                    self.is_served = False
                    with api.lock:
                        api.at_once -= 1

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[ScriptedApi]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()


def respond(handler: BaseHTTPRequestHandler, status: int, body: str, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body.encode())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(read_mix("samples"), folder)
    return folder


def send(phase: Phase, url: str, corpus: Path, output: Path) -> tuple[list[Sample], PhaseFigures]:
    order = Order(
        phase=phase,
        api_url=url,
        bulk_url=None,
        corpus=corpus,
        sync_weights={"pdf-1": 70, "png": 30},
        bulk_weights={},
        output=output,
    )
    carry_out(order, Target(api_url=url), monitor_interval_s=0.5)
    return read_samples(output), phase_figures(read_phase(output))


def test_arrivals_wait_for_no_answer(corpus: Path, tmp_path: Path) -> None:
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(4.0)
        respond(handler, 200, READ)

    phase = Phase(name="open", rate_per_s=6.0, lead_in_s=0.5, measured_s=3.0, run_out_s=0.5, seed=5)
    with ScriptedApi(slowly).running() as api:
        samples, figures = send(phase, api.url, corpus, tmp_path)
    # All 24 left while the first still waited: a closed loop, or a pool of ten connections, would have sent fewer.
    assert len(samples) == 24
    assert api.most_at_once == 24
    assert min(sample.ended_s for sample in samples) > max(sample.sent_s for sample in samples)
    assert all(sample.latency_s >= 4.0 for sample in samples)
    assert figures.requests == figures.in_time > 0


def test_no_two_requests_have_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    phase = Phase(name="open", rate_per_s=20.0, lead_in_s=0.0, measured_s=2.0, run_out_s=0.0)
    with ScriptedApi(lambda handler: respond(handler, 200, READ)).running() as api:
        send(phase, api.url, corpus, tmp_path)
    files = [body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0] for body in api.bodies]
    assert len(files) == 40
    assert len(set(files)) == 40


def test_a_full_and_then_broken_server_is_told_as_it_was(corpus: Path, tmp_path: Path) -> None:
    answered = iter(range(1_000))

    def variously(handler: BaseHTTPRequestHandler) -> None:
        number = next(answered)
        if number % 3 == 0:
            respond(handler, 429, '{"code": "overloaded"}', Retry_After="1")
        elif number % 3 == 1:
            respond(handler, 504, '{"code": "deadline_exceeded"}')
        else:
            handler.connection.close()

    phase = Phase(name="open", rate_per_s=15.0, lead_in_s=0.0, measured_s=2.0, run_out_s=0.0)
    with ScriptedApi(variously).running() as api:
        _, figures = send(phase, api.url, corpus, tmp_path)
    assert (figures.requests, figures.refused, figures.failed) == (30, 10, 20)
    assert figures.errors["429 overloaded"] == figures.errors["504 deadline_exceeded"] == 10
    assert sum(count for code, count in figures.errors.items() if code.startswith("0 ")) == 10


def test_callers_of_a_closed_loop_wait_for_their_answers(corpus: Path, tmp_path: Path) -> None:
    def shortly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        respond(handler, 200, READ)

    phase = Phase(name="closed", callers=4, lead_in_s=0.5, measured_s=2.0, run_out_s=0.0)
    with ScriptedApi(shortly).running() as api:
        samples, figures = send(phase, api.url, corpus, tmp_path)
    assert api.most_at_once <= 4
    assert 0 < figures.requests <= 4 * 2.0 / 0.3 + 4
    assert len(samples) > figures.requests


def test_a_load_that_was_not_sent_is_an_error_and_no_report(tmp_path: Path) -> None:
    order = Order(
        phase=Phase(name="open", rate_per_s=5.0, measured_s=1.0),
        api_url="http://127.0.0.1:1",
        bulk_url=None,
        corpus=tmp_path / "nothing is here",
        sync_weights={"pdf-1": 1},
        bulk_weights={},
        output=tmp_path,
    )
    with pytest.raises(GeneratorError, match=r"corpus\.json"):
        carry_out(order, Target(api_url=order.api_url))


def test_a_stack_that_does_not_start_is_an_error_with_its_reason(tmp_path: Path) -> None:
    settings = {"OCR_TRITON_GRPC_URL": "elsewhere:8011"}
    with pytest.raises(ServerError, match="elsewhere"), own_stack(tmp_path / "log", settings=settings):
        pytest.fail("it started")


def note_of(stack: LocalStack, folder: Path) -> Path:
    """The note that ``up`` would leave of the tests' stack."""
    note = StackState(
        supervisor_pid=1,
        supervisor_start_ticks=1,
        api_url=stack.api_url,
        bulk_url=stack.bulk_url,
        structure_url=stack.structure_url,
        triton_grpc_url=stack.triton_grpc_url,
        process_groups={name: service.pid for name, service in stack.services.items() if service.pid is not None},
        stop_timeout_s=1.0,
        triton_metrics_url=stack.triton_metrics_url,
    )
    note.write(folder / "stack.json")
    return folder / "stack.json"


def test_the_real_server_under_load_beside_bulk_jobs(running_stack: LocalStack, tmp_path: Path) -> None:
    note = note_of(running_stack, tmp_path)
    output = tmp_path / "run"
    load = ["phase", "--mix", "samples", "--rate", "0.5", "--measured-s", "4", "--warm-up-s", "1", "--deadline-s", "30"]
    status = main([*load, "--callers", "1", "--backlog", "6", "--state-file", str(note), "--output", str(output)])
    assert status == 0
    figures = json.loads((output / "figures.json").read_text())
    phase = next(phase for phase in figures["phases"] if phase["name"] == "phase")
    # A busy machine may have one refused, which is an answer too.
    assert phase["requests"] >= phase["in_time"] > 0
    assert phase["services"]["triton"]["cpu_s"] > 0
    assert phase["services"]["preprocess"]["memory_peak_mib"] > 10
    assert phase["models"]["text_recognition"]["rows_per_batch"] >= 1
    assert phase["bulk"]["queued_least"] >= 1
    assert "| phase |" in (output / "report.md").read_text()


def test_a_running_stack_is_found_by_its_note(running_stack: LocalStack, tmp_path: Path) -> None:
    target = server.running_stack(note_of(running_stack, tmp_path))
    assert (target.api_url, target.bulk_url) == (running_stack.api_url, running_stack.bulk_url)
    assert target.triton_metrics_url is not None
    assert "text_detection" in read_triton(target.triton_metrics_url)
    assert server.process_groups(target) == target.process_groups
