"""``python -m local_stack up | down``: the stack in the foreground, and its end from another terminal."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from local_stack.configuration import check_addresses, ports_from_settings, read_dot_env
from local_stack.console import Console
from local_stack.ports import Ports
from local_stack.stack import LocalStack, StackError
from local_stack.state import DEFAULT_STATE_FILE, StackState, end_supervisor, start_ticks
from ocr_core.settings import SettingsError

_DOWN_TIMEOUT_S = 60.0
_ALIVE_POLL_S = 0.2
_EXIT_BAD_SETTINGS = 78  # EX_CONFIG of sysexits.h, as the services have it


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 0 where the stack was stopped on request."""
    parser = argparse.ArgumentParser(prog="python -m local_stack", description="The whole stack on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything, show the logs, stop on Ctrl-C")
    up.add_argument("--free-ports", action="store_true", help="listen on free ports instead of those set")
    commands.add_parser("down", help="stop what `up` started")
    for command in commands.choices.values():
        command.add_argument("--state-file", type=Path, default=DEFAULT_STATE_FILE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.command == "down":
        return bring_down(options.state_file)
    read_dot_env(Path(".env"))
    try:
        check_addresses()
        ports = Ports.free() if options.free_ports else ports_from_settings()
    except SettingsError as error:
        print(f"settings: {error}", file=sys.stderr)
        return _EXIT_BAD_SETTINGS
    return bring_up(options.state_file, ports)


def bring_up(state_file: Path, ports: Ports) -> int:
    """Start, stay until told to stop or until a service ends, stop."""
    console = Console(sys.stdout)
    earlier = StackState.read(state_file)
    if earlier is not None and earlier.is_running():
        console.say(f"a stack is running already: {earlier.api_url} (`make down` stops it)")
        return 1
    stop = threading.Event()
    _on_signals(stop.set)
    stack = LocalStack(
        ports=ports,
        sink=console.log,
        progress=_stoppable(console.progress, stop),
    )
    started_s = time.monotonic()
    try:
        stack.start()
        _note(stack).write(state_file)
        console.say(f"ready after {time.monotonic() - started_s:.0f} s: the API is at {stack.api_url}")
        console.say(f'try:  curl -F file=@evaluation/samples/invoice_ja.pdf "{stack.api_url}/v1/ocr?format=markdown"')
        console.say("Ctrl-C stops everything")
        while not stop.wait(_ALIVE_POLL_S):
            stack.check_alive()
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
    if not end_supervisor(state, timeout_s=_DOWN_TIMEOUT_S):
        console.say(f"process {state.supervisor_pid} has not stopped after {_DOWN_TIMEOUT_S:.0f} s")
        return 1
    state_file.unlink(missing_ok=True)
    console.say("stopped")
    return 0


def _note(stack: LocalStack) -> StackState:
    pid = os.getpid()
    return StackState(
        supervisor_pid=pid,
        supervisor_start_ticks=start_ticks(pid) or 0,
        api_url=stack.api_url,
        structure_url=stack.structure_url,
        triton_grpc_url=stack.triton_grpc_url,
        process_groups={name: service.pid for name, service in stack.services.items() if service.pid is not None},
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
