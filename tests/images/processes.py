"""What the kernel says of a container's processes, looked at from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.images.machine import Machine

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
    # Of one that is just ending it says a question mark.
    listed = [word for word in machine.podman("top", container, "hpid").split() if word.isdecimal()]
    return [found for pid in listed if (found := _process(int(pid))) is not None]


def alone(machine: Machine, container: str) -> bool:
    """Whether it has no network interface but a loopback of its own."""
    lines = Path("/proc", _pid(machine, container), "net", "dev").read_text().splitlines()[2:]
    return [line.partition(":")[0].strip() for line in lines] == ["lo"]


def written_to(machine: Machine, container: str, folder: str) -> list[str]:
    """What a container's user, who is not root, has put into one of its folders, without what is mounted there."""
    process = Path("/proc", _pid(machine, container))
    mounts = {line.split()[4] for line in (process / "mountinfo").read_text().splitlines()}
    here = process / "root" / folder.lstrip("/")
    return [
        path.name
        for path in (here.iterdir() if here.is_dir() else ())
        if path.lstat().st_uid != 0 and f"{folder}/{path.name}" not in mounts
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
