"""What the kernel says of a container's processes, looked at from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.images.machine import Machine

_PODMANS_OWN = {".containerenv", "secrets", "lock"}
_FILTER = "2"
"""Of ``Seccomp`` in proc(5): SECCOMP_MODE_FILTER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of a container."""

    pid: int
    name: str
    user_id: int
    """The effective one, as the host counts."""
    capabilities: int
    """Effective, permitted, inheritable and ambient ones, and those that it could ever get."""
    no_new_privileges: bool
    filtered: bool
    """Whether a system-call filter is on it."""


def processes_of(machine: Machine, container: str) -> list[Process]:
    """Those of a running container, its first one first."""
    listed = machine.podman("top", container, "hpid").split()[1:]
    return [found for pid in listed if (found := _process(int(pid))) is not None]


def alone(machine: Machine, container: str) -> bool:
    """Whether it has no network interface but a loopback of its own."""
    lines = Path("/proc", _pid(machine, container), "net", "dev").read_text().splitlines()[2:]
    return [line.partition(":")[0].strip() for line in lines] == ["lo"]


def written_to(machine: Machine, container: str, folder: str) -> list[str]:
    """The files in one of its folders, without what is mounted there and what podman itself puts there."""
    root = Path("/proc", _pid(machine, container), "root")
    mounts = {line.split()[4] for line in Path("/proc", _pid(machine, container), "mountinfo").read_text().splitlines()}
    here = root / folder.lstrip("/")
    if not here.is_dir():
        return []
    return [
        path.name
        for path in here.iterdir()
        if path.name not in _PODMANS_OWN and not any(mount.startswith(f"{folder}/{path.name}") for mount in mounts)
    ]


def _pid(machine: Machine, container: str) -> str:
    return machine.podman("container", "inspect", "--format", "{{.State.Pid}}", container).strip()


def _process(pid: int) -> Process | None:
    try:
        lines = Path("/proc", str(pid), "status").read_text().splitlines()
    except OSError:
        return None  # it has ended
    facts = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Process(
        pid=pid,
        name=facts["Name"],
        user_id=int(facts["Uid"].split()[1]),
        capabilities=sum(int(facts[f"Cap{kind}"], 16) for kind in ("Eff", "Prm", "Inh", "Amb", "Bnd")),
        no_new_privileges=facts["NoNewPrivs"] == "1",
        filtered=facts["Seccomp"] == _FILTER,
    )
