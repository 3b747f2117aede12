"""``python -m local_stack up | down``: the stack in the foreground, and its end from another terminal."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from local_stack import aws
from local_stack.configuration import (
    bulk_plan_from_settings,
    check_addresses,
    database_from_settings,
    ports_from_settings,
    read_dot_env,
)
from local_stack.console import Console
from local_stack.first_key import make_first_key
from local_stack.plan import BulkPlan, inbox
from local_stack.ports import Ports
from local_stack.stack import DEFAULT_DATA_DIR, LocalStack, StackError
from local_stack.state import DEFAULT_STATE_FILE, StackState, end_supervisor, start_ticks
from local_stack.supervisor import Supervisor
from ocr_core.settings import AccessSettings, SettingsError, load

_ALIVE_POLL_S = 0.2
_MAX_WORKERS = 64
_EXIT_BAD_SETTINGS = 78  # EX_CONFIG of sysexits.h, as the services have it


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 0 where the stack was stopped on request."""
    parser = argparse.ArgumentParser(prog="python -m local_stack", description="The whole stack on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything, show the logs, stop on Ctrl-C")
    up.add_argument("--free-ports", action="store_true", help="listen on free ports instead of those set")
    up.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR, help="where jobs and objects are kept")
    up.add_argument(
        "--read-workers", type=_count, default=1, metavar="N", help="processes of the bulk road's pixel side"
    )
    up.add_argument("--structure-workers", type=_count, default=1, metavar="N", help="and of its text side")
    commands.add_parser("down", help="stop what `up` started")
    for command in commands.choices.values():
        command.add_argument("--state-file", type=Path, default=DEFAULT_STATE_FILE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.command == "down":
        return bring_down(options.state_file)
    read_dot_env(Path(".env"))
    try:
        check_addresses()
        bulk = bulk_plan_from_settings(
            options.data_dir, read_workers=options.read_workers, structure_workers=options.structure_workers
        )
        ports = (Ports.free if options.free_ports else ports_from_settings)(bulk_vitals=bulk.vitals)
        with_keys = load(AccessSettings).keys
        environment = database_from_settings()
    except SettingsError as error:
        print(f"settings: {error}", file=sys.stderr)
        return _EXIT_BAD_SETTINGS
    return bring_up(options.state_file, ports=ports, bulk=bulk, environment=environment, with_keys=with_keys)


def bring_up(
    state_file: Path, *, ports: Ports, bulk: BulkPlan, environment: Mapping[str, str], with_keys: bool = False
) -> int:
    """Start, start again what ends by itself, stay until told to stop or until that is in vain, stop."""
    console = Console(sys.stdout)
    earlier = StackState.read(state_file)
    if earlier is not None and earlier.is_running():
        console.say(f"a stack is running already: {earlier.api_url} (`make down` stops it)")
        return 1
    stop = threading.Event()
    _on_signals(stop.set)
    stack = LocalStack(
        ports=ports,
        environment=environment,
        bulk=bulk,
        sink=console.log,
        progress=_stoppable(console.progress, stop),
    )
    started_s = time.monotonic()
    try:
        stack.start()
        _note(stack).write(state_file)
        console.say(f"ready after {time.monotonic() - started_s:.0f} s")
        for sentence in _guide(stack, bulk, with_keys=with_keys):
            console.say(sentence)
        if with_keys and (key := make_first_key(stack)) is not None:
            console.say(f"the first API key, good for everything, shown this once: {key}")
        supervisor = Supervisor(stack, say=console.say)
        while not stop.wait(_ALIVE_POLL_S):
            if supervisor.step():
                _note(stack).write(state_file)
    except StackError as error:
        console.say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        stack.stop()
        state_file.unlink(missing_ok=True)
        console.say("everything is stopped")
    return 0


def bring_down(state_file: Path) -> int:
    """Stop the stack that left its note in ``state_file``."""
    console = Console(sys.stdout)
    state = StackState.read(state_file)
    if state is None or not state.is_running():
        console.say("no stack is running")
        state_file.unlink(missing_ok=True)
        return 0
    console.say(f"stopping the stack at {state.api_url}")
    if not end_supervisor(state):
        console.say(f"process {state.supervisor_pid} has not stopped after {state.stop_timeout_s:.0f} s")
        return 1
    state_file.unlink(missing_ok=True)
    console.say("stopped")
    return 0


def _guide(stack: LocalStack, bulk: BulkPlan, *, with_keys: bool) -> list[str]:
    """What is where, and what to try."""
    header = ' -H "Authorization: Bearer $OCR_API_KEY"' if with_keys else ""
    local = f"the local server at {stack.plan.aws_config(bulk).url}"
    queue = local if bulk.embedded_queue else "yours, as OCR_QUEUE_… says"
    storage = local if bulk.embedded_storage else "yours, as OCR_STORAGE_… says"
    sentences = [
        f"the API is at {stack.api_url}, the bulk API at {stack.bulk_url}",
        f"look at documents and jobs in a browser: {stack.api_url}/",
        f"queues: {queue}; object storage: {storage}",
    ]
    if bulk.has_inbox:
        bucket, prefix = inbox(stack.plan.environment_of("bulk-dispatcher", {}))
        keys = f"{aws.ACCESS_KEY_ID}, {aws.SECRET_ACCESS_KEY}"
        sentences.append(f"what is put below s3://{bucket}/{prefix} is read too (keys: {keys})")
    return [
        *sentences,
        f'try:  curl{header} -F file=@evaluation/samples/invoice_ja.pdf "{stack.api_url}/v1/ocr?format=markdown"',
        f"      curl{header} -F file=@evaluation/samples/invoice_ja.pdf {stack.bulk_url}/v1/jobs",
        "Ctrl-C stops everything",
    ]


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MAX_WORKERS:
        raise ValueError
    return number


def _note(stack: LocalStack) -> StackState:
    pid = os.getpid()
    return StackState(
        supervisor_pid=pid,
        supervisor_start_ticks=start_ticks(pid) or 0,
        api_url=stack.api_url,
        bulk_url=stack.bulk_url,
        structure_url=stack.structure_url,
        triton_grpc_url=stack.triton_grpc_url,
        process_groups={name: service.pid for name, service in stack.services.items() if service.pid is not None},
        stop_timeout_s=stack.stop_timeout_s,
        triton_metrics_url=stack.triton_metrics_url,
    )


def _on_signals(act: Callable[[], None]) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        act()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)


def _stoppable(progress: Callable[[str], None], stop: threading.Event) -> Callable[[str], None]:
    """Progress that ends the waiting for readiness when a signal came; stopping itself is not interrupted."""

    def report(sentence: str) -> None:
        if stop.is_set() and not sentence.startswith("stopping"):
            raise KeyboardInterrupt
        progress(sentence)

    return report


if __name__ == "__main__":
    sys.exit(main())
