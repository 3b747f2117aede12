"""The compose file, run as it is: docker-compose speaks to podman as it would to Docker.

What podman 4 does otherwise than Docker, and how it is met here:

- It takes a volume's ``size=`` for a disk quota. An override file has the same volumes without it. Of the other options
  it tells others than it was given, so that docker-compose refuses a second ``up``; ``start`` it does not.
- Health checks are timers of systemd, which not every machine has. A thread asks for them until they are good.
- With ``read_only`` it mounts a tmpfs at ``/run`` and ``/var/tmp`` too; ``walk`` looks that nobody writes there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import yaml

from local_stack.ports import Ports
from local_stack.triton import REPOSITORY_ROOT
from tests.images.machine import CommandFailed, Machine

COMPOSE_FILE = REPOSITORY_ROOT / "docker-compose.yml"
PROJECT = "yomitori"
STORAGE_PORT = 8020
STORAGE_URL = f"http://127.0.0.1:{STORAGE_PORT}"
"""Where the compose file publishes the local SQS and S3."""
_CHECK_EVERY_S = 3.0
_SIZE_OPTION = re.compile(r"size=[^,]*,?")


@dataclass(slots=True)
class House:
    """The services of some profiles, up for as long as the ``with`` lasts; volumes go with it."""

    machine: Machine
    profiles: Sequence[str]
    without: Sequence[str] = ()
    """Services that cannot run here."""
    settings: dict[str, str] = field(default_factory=dict)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        free = Ports.free()
        ports = {"OCR_PREPROCESS_PORT": str(free.preprocess), "OCR_BULK_PORT": str(free.bulk_api)}
        self.settings = {**ports, **self.settings}

    @property
    def api_url(self) -> str:
        """The sync API, where it is published."""
        return f"http://127.0.0.1:{self.settings['OCR_PREPROCESS_PORT']}"

    @property
    def bulk_url(self) -> str:
        """The bulk API, where it is published."""
        return f"http://127.0.0.1:{self.settings['OCR_BULK_PORT']}"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.settings["DOCKER_HOST"] = stack.enter_context(self.machine.docker_interface())
            self._write_files()
            self.machine.clear()
            stack.callback(self.machine.clear)
            stack.callback(self.compose, "down", "--volumes", "--timeout", "20", allow_failure=True)
            checks = threading.Thread(target=self._check_health, daemon=True)
            checks.start()
            stack.callback(checks.join)
            stack.callback(self._stopping.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _write_files(self) -> None:
        volumes = yaml.safe_load(COMPOSE_FILE.read_text())["volumes"]
        tmpfs = {
            name: {"driver_opts": {**volume["driver_opts"], "o": _SIZE_OPTION.sub("", volume["driver_opts"]["o"])}}
            for name, volume in volumes.items()
            if volume
        }
        content = {"version": "3.9", "volumes": tmpfs}
        (self.machine.folder / "override.yml").write_text(yaml.safe_dump(content))
        (self.machine.folder / "empty.env").write_text("")

    def compose(self, *arguments: str, allow_failure: bool = False) -> str:
        """A command of docker-compose's; what it prints.

        Raises:
            CommandFailed: its status is not 0, and that is not allowed.
        """
        files = (COMPOSE_FILE, self.machine.folder / "override.yml")
        answer = subprocess.run(
            [
                *("docker-compose", "--project-name", PROJECT, "--project-directory", str(REPOSITORY_ROOT)),
                *("--env-file", str(self.machine.folder / "empty.env"), "--ansi", "never"),
                *(word for file in files for word in ("--file", str(file))),
                *(word for profile in self.profiles for word in ("--profile", profile)),
                *arguments,
            ],
            env=_clean_environment() | self.settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0 and not allow_failure:
            raise CommandFailed(
                f"docker-compose {' '.join(arguments)}:\n{answer.stdout[-1000:]}{answer.stderr[-2000:]}"
            )
        return answer.stdout

    def up(self) -> None:
        """Start what is not running; it returns when what others wait for is healthy."""
        scale = [word for name in self.without for word in ("--scale", f"{name}=0")]
        self.compose("up", "--detach", "--no-build", *scale)

    def logs(self, service: str) -> str:
        """What a service has said, without the names before the lines."""
        return self.compose("logs", "--no-color", "--no-log-prefix", service)

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return f"{PROJECT}_{service}_1"

    def inspect(self, service: str) -> dict[str, Any]:
        """What podman knows of a service's container."""
        return dict(json.loads(self.machine.podman("container", "inspect", self.container(service)))[0])

    def execute(self, service: str, *command: str) -> str:
        """What a command prints in a service's container."""
        return self.machine.podman("exec", self.container(service), *command)

    def states(self) -> dict[str, str]:
        """Each service's: healthy, starting, unhealthy; or running, exited where nothing is checked."""
        listed = json.loads(self.machine.podman("ps", "--all", "--format", "json", "--filter", f"name=^{PROJECT}_"))
        found = {}
        for each in listed:
            service = each["Labels"]["com.docker.compose.service"]
            told = re.search(r"\((healthy|starting|unhealthy)\)", each.get("Status", ""))
            found[service] = told[1] if told is not None and each["State"] == "running" else each["State"]
        return found

    def wait_healthy(self, services: Sequence[str], *, patience_s: float) -> float:
        """Until each is healthy, or running where nothing is checked; how long it took, seconds.

        Raises:
            TimeoutError: one was not; its last lines are in the message.
        """
        started_s = time.monotonic()
        while True:
            states = self.states()
            missing = [name for name in services if states.get(name) not in {"healthy", "running"}]
            if not missing:
                return time.monotonic() - started_s
            if time.monotonic() - started_s > patience_s:
                said = "\n".join(f"{name} ({states.get(name)}):\n{self.logs(name)[-1500:]}" for name in missing)
                raise TimeoutError(f"not healthy within {patience_s:g} s: {said}")
            time.sleep(1.0)

    def _check_health(self) -> None:
        """Docker's daemon asks by itself, and goes on asking; this is what podman asks while a service is starting."""
        while not self._stopping.wait(_CHECK_EVERY_S):
            with contextlib.suppress(CommandFailed, ValueError):
                for service, state in self.states().items():
                    if state in {"starting", "unhealthy"}:
                        self.machine.podman("healthcheck", "run", self.container(service), allow_failure=True)


def _clean_environment() -> dict[str, str]:
    """This process's without the settings that the machine's owner has for himself."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}


def resolved_services(machine: Machine, profiles: Sequence[str]) -> dict[str, Any]:
    """The compose file's services as docker-compose understands them."""
    (empty := machine.folder / "empty.env").write_text("")
    wanted = [word for profile in profiles for word in ("--profile", profile)]
    text = machine.run("docker-compose", "--env-file", str(empty), "--file", str(COMPOSE_FILE), *wanted, "config")
    return dict(yaml.safe_load(text)["services"])


def started_by(services: Mapping[str, Any], profiles: Sequence[str]) -> Iterator[str]:
    """Those that these profiles start."""
    for name, service in services.items():
        own = service.get("profiles", [])
        if not own or set(own) & set(profiles):
            yield name
