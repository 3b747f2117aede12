"""What the images stand on: pulled where a registry is at hand, else stood in for, under the pinned name.

A stand-in is Debian by debootstrap with what its original has of use to us, from Debian's and Python's registries. So
a Dockerfile is built as it is, unchanged; what differs is what it is built on, and the report says so.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local_stack.triton import REPOSITORY_ROOT
from tests.images.machine import Machine, NotHere

STAND_INS = Path(__file__).parent / "stand_ins"
SUITE = "bookworm"
PYTHONS = ("3.12", "3.11")
"""As the pinned base has it; or else Triton's Python backend has a stub of it."""

_DEBIAN, _PYTHON = "localhost/stand-in/debian", "localhost/stand-in/python"
_PACKAGES = [
    "ca-certificates",
    "libbz2-1.0",
    "libexpat1",
    "libffi8",
    "liblzma5",
    "libncursesw6",
    "libreadline8",
    "libsqlite3-0",
    "libssl3",
    "libuuid1",
    "zlib1g",
]
"""Of CPython's own modules."""
_MADE_BY = {"python": "python", "postgres": "postgres", "nvcr.io/nvidia/tritonserver": "triton"}
"""A base's repository, and the Dockerfile of what stands in for it."""
_KEEP_NOTHING = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
"""
_NO_MANUALS = """\
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
"""
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP_SETTINGS = Path("/etc/pip.conf")
"""Where a machine says how the registries are reached from it."""
_LEFT_OUT = shutil.ignore_patterns("test", "__pycache__", "*.a", "idlelib", "config-3*", "site-packages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """One base image."""

    name: str
    """As Dockerfiles and the compose file have it."""
    stand_in: str
    """What it is in truth; empty where it was pulled."""


def bases_of(dockerfiles: Sequence[Path]) -> list[str]:
    """The images that these are built on, without those that a Dockerfile makes itself."""
    found: list[str] = []
    for file in dockerfiles:
        text = file.read_text()
        stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, flags=re.MULTILINE))
        found += [name for name in re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE) if name not in stages]
    return sorted(set(found))


def can_stand_in(name: str) -> bool:
    """Whether there is something to put in its place."""
    return _repository(name) in _MADE_BY


def provide(machine: Machine, names: Sequence[str], *, pull: bool) -> list[Base]:
    """Put each base into the store.

    Raises:
        NotHere: this machine has no Python that could be put into one.
        CommandFailed: it could not be pulled or made.
    """
    if pull:
        for name in names:
            machine.podman("pull", "--quiet", name)
        return [Base(name=name, stand_in="") for name in names]
    made = _Stands(machine)
    return [Base(name=name, stand_in=made.make(name)) for name in names]


def _repository(name: str) -> str:
    return name.partition(":")[0]


def _full(name: str) -> str:
    """As Docker reads a name without a registry."""
    registry, slash, _ = name.partition("/")
    return name if slash and "." in registry else f"docker.io/library/{name}"


class _Stands:
    """Makes the stand-ins, each once for a store: ``--fresh`` of the command line begins with an empty one."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def make(self, name: str) -> str:
        kind = _MADE_BY[_repository(name)]
        if not self._machine.has_image(_full(name)):
            self._debian()
            if kind == "postgres":
                self._build("postgres", _full(name), [STAND_INS / "postgres_entrypoint.sh"])
            elif kind == "triton":
                self._python()
                with tempfile.TemporaryDirectory() as folder:
                    (lock := Path(folder, "pytriton.lock")).write_text(_pins_of("nvidia-pytriton"))
                    self._build("triton", _full(name), [lock])
            else:
                self._python()
                self._machine.podman("tag", _PYTHON, _full(name))
        return self._told(kind, _full(name))

    def _told(self, kind: str, image: str) -> str:
        command = {
            "python": ["python3", "--version"],
            "postgres": ["postgres", "--version"],
            "triton": ["python3", "--version"],
        }[kind]
        arguments = ["run", "--rm", "--network", "none", "--entrypoint", command[0], image, *command[1:]]
        version = self._machine.podman(*arguments).strip()
        return f"Debian {SUITE} by debootstrap, {version}" + (", Triton of nvidia-pytriton" if kind == "triton" else "")

    def _debian(self) -> None:
        if self._machine.has_image(_DEBIAN):
            return
        root = self._machine.folder / "debian"
        shutil.rmtree(root, ignore_errors=True)
        log = self._machine.folder / "debootstrap.log"
        include = f"--include={','.join(_PACKAGES)}"
        self._machine.run("debootstrap", "--variant=minbase", include, SUITE, str(root), log=log)
        for file in (_CERTIFICATES, _PIP_SETTINGS):
            if file.is_file():
                shutil.copyfile(file, root / file.relative_to("/"))
        # Updates come from where debootstrap took the rest: "deb <mirror> <suite> main".
        mirror = (root / "etc/apt/sources.list").read_text().split()[1].rstrip("/")
        for updates, source in (("updates", mirror), ("security", f"{mirror}-security")):
            (root / "etc/apt/sources.list.d" / f"{updates}.list").write_text(f"deb {source} {SUITE}-{updates} main\n")
        # As Docker's slim Debian has it: no package is kept once it is installed, no manual comes with it.
        (root / "etc/apt/apt.conf.d/docker-clean").write_text(_KEEP_NOTHING)
        (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(_NO_MANUALS)
        for folder in ("locale", "man"):
            shutil.rmtree(root / "usr/share" / folder)
        for leftover in (root / "var/cache/apt").rglob("*.*"):
            leftover.unlink()
        shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
        packed = self._machine.folder / "debian.tar"
        command = ["tar", "--directory", str(root), "--exclude=./dev/*", "--create", "--file", str(packed), "."]
        self._machine.run(*command)
        self._machine.podman("import", str(packed), _DEBIAN)
        packed.unlink()
        shutil.rmtree(root)

    def _python(self) -> None:
        if self._machine.has_image(_PYTHON):
            return
        with tempfile.TemporaryDirectory() as folder:
            python = Path(folder, "python")
            _copy_python(_own_python(), python)
            self._build("python", _PYTHON, [python])

    def _build(self, kind: str, image: str, contents: Sequence[Path]) -> None:
        with tempfile.TemporaryDirectory() as context:
            for content in contents:
                if content.is_dir():
                    shutil.copytree(content, Path(context, content.name), symlinks=True)
                else:
                    shutil.copy(content, context)
            self._machine.run(
                *("buildah", "bud", "--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker"),
                *("--file", str(STAND_INS / f"{kind}.Dockerfile"), "--tag", image, context),
                log=self._machine.folder / f"stand-in-{kind}.log",
            )


def _own_python() -> Path:
    """Where a CPython lies that needs nothing of its machine but the libraries above: pyenv's, uv's or one's own.

    Raises:
        NotHere: there is none.
    """
    homes = [Path(sys.base_prefix), *sorted(Path.home().glob(".pyenv/versions/*"), reverse=True)]
    for wanted in PYTHONS:
        for home in homes:
            python = home / "bin" / f"python{wanted}"
            if home != Path("/usr") and python.is_file() and list((home / "lib").glob(f"libpython{wanted}.so*")):
                return home
    raise NotHere(f"no Python {' or '.join(PYTHONS)} with a shared library outside /usr (pyenv's, for example)")


def _copy_python(home: Path, into: Path) -> None:
    (version,) = {path.name for path in (home / "lib").glob("python3.*") if path.is_dir()}
    shutil.copytree(home / "lib" / version, into / "lib" / version, ignore=_LEFT_OUT, symlinks=True)
    for library in (home / "lib").glob("libpython3*"):
        shutil.copy(library, into / "lib", follow_symlinks=False)
    (into / "bin").mkdir()
    shutil.copy(home / "bin" / version, into / "bin")
    (into / "bin" / "python3").symlink_to(version)


def _pins_of(name: str) -> str:
    """What the locks say of one distribution."""
    text = (REPOSITORY_ROOT / "requirements" / "triton.lock").read_text()
    found = re.search(rf"^{re.escape(name)}==.*\n(?:    --hash=.*\n)+", text, flags=re.MULTILINE)
    if found is None:
        raise NotHere(f"requirements/triton.lock has no {name}")
    return found[0].rstrip().removesuffix("\\") + "\n"
