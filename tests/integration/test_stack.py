"""The supervisor: up, down, services and model processes that end, and what is left when it is killed itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from async_worker.object_keys import by_source_key
from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from local_stack.ports import Ports
from local_stack.service import Service, ServiceSpec
from local_stack.stack import REPOSITORY_ROOT, LocalStack, StackError
from local_stack.state import StackState, start_ticks
from local_stack.watcher import Watcher
from tests.support.waiting import wait_until

READY_S = 240.0
GONE_S = 60.0


def descendants(pid: int) -> set[int]:
    """Every process below ``pid``, whatever group or session it is in."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def living(processes: dict[int, int | None]) -> list[int]:
    """Those of the processes that still run; the start time tells them from later ones with the same number."""
    return [pid for pid, started in processes.items() if start_ticks(pid) == started]


class Up:
    """``make up`` on free ports and with data of its own, from when it says that it is ready."""

    def __init__(self, folder: Path) -> None:
        self.state_file = folder / "stack.json"
        self._output = folder / "output"
        up = [sys.executable, "-m", "local_stack", "up", "--free-ports"]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*up, "--data-dir", str(folder / "data"), "--state-file", str(self.state_file)],
                cwd=REPOSITORY_ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        ended = lambda: self.process.poll() is not None  # noqa: E731
        wait_until(lambda: self.state_file.exists() or ended(), "readiness", patience_s=READY_S)
        assert not ended(), self.output

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def state(self) -> StackState:
        state = StackState.read(self.state_file)
        assert state is not None
        return state

    def processes(self) -> dict[int, int | None]:
        """Everything that it started, each with its start time."""
        return {pid: start_ticks(pid) for pid in descendants(self.process.pid)}

    def kill(self, name: str) -> int:
        """Let one of the services die; its process id."""
        pid = self.state.process_groups[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for(self, sentence: str, *, count: int = 1) -> None:
        wait_until(lambda: self.output.count(sentence) >= count, f"'{sentence}'", patience_s=READY_S)


@contextmanager
def _up(folder: Path) -> Iterator[Up]:
    up = Up(folder)
    try:
        up.wait_ready()
        yield up
    finally:
        up.process.terminate()
        up.process.wait(timeout=GONE_S)


@pytest.mark.stack
@pytest.mark.timeout(420)
class TestUp:
    @pytest.fixture
    def up(self, tmp_path: Path) -> Iterator[Up]:
        with _up(tmp_path) as up:
            yield up

    def test_down_stops_everything(self, up: Up) -> None:
        state = up.state
        for url in (state.api_url, state.bulk_url):
            assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
        processes = up.processes()
        # The watcher, Triton with its guard and models, two services and their opener, the local AWS, the bulk road.
        assert len(processes) >= 14
        down = [sys.executable, "-m", "local_stack", "down", "--state-file", str(up.state_file)]
        assert subprocess.run(down, cwd=REPOSITORY_ROOT, check=False).returncode == 0
        assert up.process.wait(timeout=GONE_S) == 0
        assert living(processes) == []
        assert f"the API is at {state.api_url}, the bulk API at {state.bulk_url}" in up.output
        bulk = ("bulk-api", "bulk-dispatcher", "bulk-read", "bulk-structure")
        assert state.process_groups.keys() == {"triton", "aws", "postprocess", "preprocess", *bulk}
        for name in ("triton", "postprocess", "preprocess", *bulk):
            assert f"\n{name:<15} | " in up.output

    def test_a_killed_supervisor_leaves_nothing_behind(self, up: Up) -> None:
        processes = up.processes()
        up.process.kill()
        up.process.wait()
        wait_until(lambda: not living(processes), "the end of every process", patience_s=GONE_S)


@pytest.fixture(scope="module")
def lasting_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One stack for several tests; each leaves it whole."""
    with _up(tmp_path_factory.mktemp("up")) as up:
        yield up


@pytest.mark.stack
@pytest.mark.timeout(420)
class TestRestarts:
    @pytest.fixture
    def up(self, lasting_up: Up) -> Up:
        return lasting_up

    def test_a_service_that_ends_is_started_again(self, up: Up, samples: Path) -> None:
        killed = up.kill("postprocess")
        up.wait_for("postprocess ended with status -9; it is started again")
        up.wait_for("postprocess is ready again")
        assert up.state.process_groups["postprocess"] != killed
        assert up.process.poll() is None
        assert _read(up, samples).status_code == 200

    def test_a_local_aws_that_ends_is_told_of_the_inbox_again(self, up: Up, samples: Path) -> None:
        up.kill("aws")
        up.wait_for("aws is ready again")
        server = next(line.split()[-1] for line in up.output.splitlines() if "queues: the local server at" in line)
        store = boto3.client(
            "s3",
            endpoint_url=server.removesuffix(";"),
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        )
        store.put_object(Bucket="yomitori", Key="inbox/a.pdf", Body=(samples / "invoice_ja.pdf").read_bytes())
        result = by_source_key("default", "yomitori", "inbox/a.pdf")

        def is_there() -> bool:
            try:
                store.head_object(Bucket="yomitori", Key=result)
            except ClientError:
                return False
            return True

        wait_until(is_there, "the result of what was put into the inbox", patience_s=60.0)
        store.close()

    def test_a_model_process_that_is_killed_costs_503s_until_triton_is_there_again(self, up: Up, samples: Path) -> None:
        (stub, *_) = [pid for pid in descendants(up.state.process_groups["triton"]) if _is_stub(pid)]
        statuses: list[int] = []
        with _meanwhile(lambda: statuses.append(_read(up, samples).status_code)):
            wait_until(lambda: 200 in statuses, "a first answer", patience_s=60.0)
            os.kill(stub, signal.SIGKILL)
            up.wait_for("triton ended with status 70")
            not_ready = lambda: httpx.get(f"{up.state.api_url}/readyz", trust_env=False).status_code == 503  # noqa: E731
            wait_until(not_ready, "readiness to be taken back")
            up.wait_for("triton is ready again")
            answers = len(statuses)
            wait_until(lambda: 200 in statuses[answers:], "answers again", patience_s=60.0)
        assert set(statuses) <= {200, 503, 504}
        assert 503 in statuses


def _is_stub(pid: int) -> bool:
    return b"triton_python_backend_stub" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _read(up: Up, samples: Path) -> httpx.Response:
    document = (samples / "invoice_ja.pdf").read_bytes()
    url = f"{up.state.api_url}/v1/ocr?timeout_s=20"
    return httpx.post(url, content=document, headers={"Content-Type": "application/pdf"}, timeout=60, trust_env=False)


@contextmanager
def _meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do it again and again on another thread; what it raises is raised here."""
    enough, errors = threading.Event(), list[BaseException]()

    def run() -> None:
        while not enough.wait(0.05) and not errors:
            try:
                act()
            except BaseException as error:  # it belongs to the other thread
                errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
    if errors:
        raise errors[0]


def test_down_without_a_stack(tmp_path: Path) -> None:
    down = [sys.executable, "-m", "local_stack", "down", "--state-file", str(tmp_path / "stack.json")]
    answer = subprocess.run(down, cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False)
    assert (answer.returncode, "no stack is running" in answer.stdout) == (0, True)


def test_a_stale_note_is_not_believed(tmp_path: Path) -> None:
    note = StackState(
        supervisor_pid=os.getpid(),
        supervisor_start_ticks=1,  # somebody else, long ago, had this number
        api_url="http://127.0.0.1:1",
        bulk_url="http://127.0.0.1:4",
        structure_url="http://127.0.0.1:2",
        triton_grpc_url="127.0.0.1:3",
        process_groups={},
        stop_timeout_s=1.0,
    )
    note.write(tmp_path / "stack.json")
    read = StackState.read(tmp_path / "stack.json")
    assert read == note
    assert not read.is_running()


def test_a_taken_port_is_named_and_nothing_starts() -> None:
    ports = Ports.free()
    holder = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(ports.postprocess)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: ports.postprocess in ports.taken(), "the holder of the port")
        with pytest.raises(StackError, match=str(ports.postprocess)):
            LocalStack(ports=ports).start()
    finally:
        holder.kill()
        holder.wait()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    """The process that ends what a killed supervisor leaves."""
    watcher = Watcher()
    watcher.start()
    yield watcher
    watcher.close()


class TestService:
    """With a shell in place of a server: what ends when a service is stopped."""

    @staticmethod
    def start(script: str, watcher: Watcher) -> Service:
        spec = ServiceSpec(
            name="shell",
            command=("/bin/sh", "-c", script),
            environment=dict(os.environ),
            working_directory=REPOSITORY_ROOT,
            is_ready=lambda: True,
        )
        service = Service(spec=spec, watcher=watcher, sink=lambda _name, _line: None)
        service.start()
        return service

    def test_its_output_is_kept_by_line(self, watcher: Watcher) -> None:
        service = self.start("echo one; echo two >&2; sleep 60", watcher)
        wait_until(lambda: len(service.lines) == 2, "two lines")
        assert sorted(service.lines) == ["one", "two"]
        service.stop()

    def test_children_that_ignore_the_request_are_ended_too(self, watcher: Watcher) -> None:
        service = self.start("trap '' TERM; (trap '' TERM; sleep 60) & echo up; sleep 60", watcher)
        wait_until(lambda: bool(service.lines), "a line")
        assert service.pid is not None
        processes = {pid: start_ticks(pid) for pid in {service.pid, *descendants(service.pid)}}
        service.stop(grace_s=0.2)
        assert len(processes) >= 2
        wait_until(lambda: not living(processes), "the end of the children")

    def test_it_can_be_started_again(self, watcher: Watcher) -> None:
        service = self.start("echo up; sleep 60", watcher)
        wait_until(lambda: len(service.lines) == 1, "the first start")
        service.kill()
        service.start()
        wait_until(lambda: len(service.lines) == 2, "the second start")
        service.stop()

    def test_the_watcher_ends_what_it_was_told_of_when_its_pipe_closes(self, watcher: Watcher) -> None:
        service = self.start("trap '' TERM; sleep 60 & echo up; wait", watcher)
        wait_until(lambda: bool(service.lines), "a line")
        assert service.pid is not None
        processes = {pid: start_ticks(pid) for pid in {service.pid, *descendants(service.pid)}}
        watcher.close()
        wait_until(lambda: service.exit_status is not None, "the end of the service")
        wait_until(lambda: not living(processes), "the end of its children")
        service.stop()

    def test_a_watcher_that_hangs_does_not_keep_the_supervisor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("local_stack.watcher._GRACE_S", 0.1)
        watcher = Watcher()
        watcher.start()
        process = watcher._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        watcher.close()
        process.send_signal(signal.SIGCONT)
        process.wait()

    def test_a_service_is_asked_to_stop_once_only(self, watcher: Watcher) -> None:
        # Some take a second request as one to drop what they have in hand.
        service = self.start("trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done", watcher)
        wait_until(lambda: "up" in service.lines, "its start")
        service.ask_to_stop()
        wait_until(lambda: "asked" in service.lines, "the request")
        service.stop(grace_s=1.0)
        assert list(service.lines).count("asked") <= 2  # the second one comes with its end by force
