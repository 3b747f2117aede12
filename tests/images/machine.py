"""Podman and buildah of this machine, with a store of their own, and Docker's interface that docker-compose speaks to.

All that is kept lies in one folder: images, volumes, networks, configuration. Nothing of it meets the machine's own
images and containers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = {
    "buildah": "buildah",
    "podman": "podman",
    "runc": "runc",
    "debootstrap": "debootstrap",
    "docker-compose": "docker-compose",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
}
"""What must be there, and Debian's package of it."""

_MAX_FILES, _MAX_PROCESSES = 20_000, 32_768
_API_PATIENCE_S = 20.0
_REMOVAL_TRIES = 20


class NotHere(Exception):
    """This machine cannot do it; the message says what is missing."""


class CommandFailed(Exception):
    """A command ended with another status than 0; the message has the end of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A store of images and containers in ``folder``."""

    folder: Path

    @property
    def run_dir(self) -> Path:
        """What is of one boot: short, since sockets lie there, and another for each folder."""
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()
        return Path("/run", f"yomitori-images-{digest[:8]}")

    @property
    def socket(self) -> Path:
        """Where Docker's interface is."""
        return self.run_dir / "docker.sock"

    def prepare(self) -> None:
        """Write the configuration.

        Raises:
            NotHere: a program, or the right to use it, is missing.
        """
        if os.geteuid() != 0:
            raise NotHere("namespaces, overlays and bridges are made here as root: run it as root")
        missing = sorted(package for program, package in PACKAGES.items() if not _find(program))
        if missing:
            raise NotHere(f"missing, on Debian: apt-get install {' '.join(missing)}")
        for folder in (self.folder, self.folder / "networks", self.run_dir):
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in self._configuration().items():
            (self.folder / name).write_text(text)

    def clear(self) -> None:
        """Remove containers, volumes and networks; the images stay. One that crashes and is started again and again may
        take several tries."""
        for _ in range(_REMOVAL_TRIES):
            self.podman("rm", "--all", "--force", "--time", "2", allow_failure=True)
            if not self.podman("ps", "--all", "--quiet", allow_failure=True).strip():
                break
            time.sleep(1.0)
        self.podman("volume", "rm", "--all", "--force", allow_failure=True)
        self.podman("network", "prune", "--force", allow_failure=True)

    def remove(self) -> None:
        """Remove everything that is kept, but logs and the report."""
        if (self.folder / "storage.conf").exists():
            self.clear()
            self.podman("rmi", "--all", "--force", allow_failure=True)
            mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
            for place in sorted((each for each in mounted if each.startswith(f"{self.folder}/")), reverse=True):
                self.run("umount", "--lazy", place, allow_failure=True)
        for folder in (self.folder / "store", self.folder / "networks", self.run_dir):
            shutil.rmtree(folder, ignore_errors=True)

    def _configuration(self) -> dict[str, str]:
        store, run = self.folder / "store", self.run_dir
        return {
            # runc and not crun: of the two only it bears a machine whose cgroups are of both versions at once.
            "containers.conf": f"""\
[containers]
default_ulimits = ["nofile={_limit(resource.RLIMIT_NOFILE, _MAX_FILES)}", \
"nproc={_limit(resource.RLIMIT_NPROC, _MAX_PROCESSES)}"]
[network]
network_backend = "netavark"
network_config_dir = "{self.folder}/networks"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{run}/libpod"
""",
            "storage.conf": f'[storage]\ndriver = "overlay"\ngraphroot = "{store}"\nrunroot = "{run}/store"\n',
            # Docker's reading of a name without a registry.
            "registries.conf": 'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "disabled"\n',
        }

    def environment(self) -> dict[str, str]:
        """For podman and buildah."""
        return {
            **os.environ,
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.folder / "registries.conf"),
            "TMPDIR": str(self.folder),
        }

    def run(
        self,
        *command: str,
        given: Mapping[str, str] | None = None,
        log: Path | None = None,
        allow_failure: bool = False,
    ) -> str:
        """What a command prints; both streams go to ``log`` where there is one.

        Raises:
            CommandFailed: its status is not 0, and that is not allowed.
        """
        with contextlib.ExitStack() as files:
            out = files.enter_context(log.open("wb")) if log is not None else subprocess.PIPE
            answer = subprocess.run(
                command,
                env=self.environment() | dict(given or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT if log is not None else subprocess.PIPE,
                check=False,
            )
        said = log.read_text(errors="replace") if log is not None else (answer.stdout or b"").decode(errors="replace")
        if answer.returncode != 0 and not allow_failure:
            complaint = said if log is not None else (answer.stderr or b"").decode(errors="replace")
            raise CommandFailed(f"{' '.join(command[:4])} … ended with {answer.returncode}:\n{complaint[-3000:]}")
        return said

    def podman(self, *arguments: str, allow_failure: bool = False) -> str:
        """A command of podman's.

        Raises:
            CommandFailed: as ``run`` has it.
        """
        return self.run("podman", *arguments, allow_failure=allow_failure)

    def has_image(self, name: str) -> bool:
        """Whether an image of that name is in the store."""
        command = ["podman", "image", "exists", name]
        return subprocess.run(command, env=self.environment(), check=False).returncode == 0

    def image_megabytes(self, name: str) -> float:
        """Unpacked, with its base."""
        return int(self.podman("image", "inspect", "--format", "{{.Size}}", name)) / 1e6

    @contextlib.contextmanager
    def docker_interface(self) -> Iterator[str]:
        """Serve Docker's interface for as long as it is needed: what ``DOCKER_HOST`` is to say."""
        self.socket.unlink(missing_ok=True)
        address = f"unix://{self.socket}"
        with (self.folder / "interface.log").open("wb") as log:
            server = subprocess.Popen(
                ["podman", "system", "service", "--time", "0", address],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            give_up_s = time.monotonic() + _API_PATIENCE_S
            while not self.socket.exists():
                if server.poll() is not None or time.monotonic() > give_up_s:
                    raise NotHere(f"podman serves no interface: see {log.name}")
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()
            server.wait()
            self.socket.unlink(missing_ok=True)


def _find(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


def _limit(kind: int, most: int) -> str:
    """What containers are given: podman asks for more than the caller has, which only some machines allow."""
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    return f"{most}:{most}"
