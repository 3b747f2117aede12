"""Which Python Triton's environment is made with, told apart by stubs that answer as interpreters do."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from local_stack import environments
from local_stack.environments import TRITON_PYTHONS, NotPossible, own_interpreter, triton_interpreter

NEWEST, OLDEST = TRITON_PYTHONS


class Machine:
    """A machine whose PATH has only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def python(self, name: str, version: str, *, shared: bool = True, venv: bool = True) -> str:
        path = self.folder / name
        answer = {"version": version, "shared": shared, "venv": venv, "executable": str(path)}
        return self.script(name, f"echo {shlex.quote(json.dumps(answer))}")

    def script(self, name: str, body: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    stubs = Machine(tmp_path / "bin")
    stubs.folder.mkdir()
    monkeypatch.setenv("PATH", str(stubs.folder))
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "SYSTEM_PYTHON", str(stubs.folder / "system-python3"))
    monkeypatch.setattr("sys.executable", stubs.python("python3", "3.13"))
    return stubs


def test_its_own_python_is_taken_where_it_fits(machine, monkeypatch):
    fits = machine.python("own", OLDEST)
    monkeypatch.setattr("sys.executable", fits)
    machine.python(f"python{NEWEST}", NEWEST)
    assert triton_interpreter().executable == fits


def test_the_newest_that_fits_is_taken_otherwise(machine):
    machine.python(f"python{OLDEST}", OLDEST)
    wanted = machine.python(f"python{NEWEST}", NEWEST)
    assert triton_interpreter().executable == wanted


@pytest.mark.parametrize("lack", [{"shared": False}, {"venv": False}])
def test_one_that_cannot_be_embedded_or_has_no_venv_is_passed_over(machine, lack):
    machine.python(f"python{NEWEST}", NEWEST, **lack)
    wanted = machine.python("system-python3", OLDEST)
    assert triton_interpreter().executable == wanted


def test_one_that_is_broken_is_passed_over(machine):
    machine.script(f"python{NEWEST}", "exit 1")
    wanted = machine.python(f"python{OLDEST}", OLDEST)
    assert triton_interpreter().executable == wanted


@pytest.fixture
def uv(machine, monkeypatch) -> Path:
    """A ``uv`` in the place where the plan "tools" puts it; the calls that it got are written into a file."""
    monkeypatch.setattr(environments, "make", lambda name: None if name == "tools" else pytest.fail(name))
    calls = machine.folder.parent / "calls"
    fetched = machine.python("fetched", NEWEST)
    place = os.path.relpath(machine.folder.parent / environments.PLANS["tools"].folder / "bin" / "uv", machine.folder)
    machine.script(place, f'echo "$UV_PYTHON_INSTALL_DIR $*" >> {calls}\n[ "$2" = install ] || echo {fetched}')
    return calls


def test_where_none_fits_one_is_fetched_into_the_cache(machine, uv, capsys):
    assert triton_interpreter().executable == str(machine.folder / "fetched")
    cache = machine.folder.parent / ".cache" / "pythons"
    assert uv.read_text().splitlines() == [
        f"{cache} python install {NEWEST}",
        f"{cache} python find --managed-python {NEWEST}",
    ]
    assert "fetching one with uv" in capsys.readouterr().out


@pytest.mark.usefixtures("uv")
def test_where_none_can_be_fetched_it_says_what_to_install(machine):
    machine.script("../.cache/tools/bin/uv", "echo no network; exit 2")
    with pytest.raises(NotPossible, match=r"no network[\s\S]*apt-get install libpython3"):
        triton_interpreter()


def test_a_python_without_venv_is_told_of(machine, monkeypatch):
    monkeypatch.setattr("sys.executable", machine.python("bare", "3.13", venv=False))
    with pytest.raises(NotPossible, match="python3-venv"):
        own_interpreter()


@pytest.mark.usefixtures("machine")
class TestPostgresAndTheBrowser:
    @pytest.fixture(autouse=True)
    def elsewhere(self, monkeypatch, tmp_path):
        monkeypatch.setattr(environments, "POSTGRES_HOME", tmp_path / "postgresql")
        monkeypatch.setattr(os, "geteuid", lambda: 0)

    def apt(self, machine, then="true"):
        machine.script("apt-get", f'echo "$@ $DEBIAN_FRONTEND" >> {machine.folder}/orders; {then}')

    def orders(self, machine):
        written = machine.folder / "orders"
        return written.read_text().splitlines() if written.exists() else []

    def test_what_is_there_is_left_alone(self, machine, tmp_path):
        self.apt(machine)
        (tmp_path / "postgresql/15/bin").mkdir(parents=True)
        (tmp_path / "postgresql/15/bin/initdb").touch()
        environments.install_postgres()
        assert self.orders(machine) == []

    def test_root_installs_it_without_questions(self, machine, capsys):
        self.apt(machine)
        environments.install_postgres()
        update, install = self.orders(machine)
        assert update.startswith("update")
        assert install.startswith("install -y")
        assert install.endswith("postgresql noninteractive")
        assert "ready" in capsys.readouterr().out

    @pytest.mark.parametrize("missing", ["root", "apt-get"])
    def test_where_it_cannot_be_the_tests_go_on_without(self, machine, monkeypatch, capsys, missing):
        if missing == "root":
            self.apt(machine)
            monkeypatch.setattr(os, "geteuid", lambda: 1000)
        environments.install_postgres()
        assert self.orders(machine) == []
        said = capsys.readouterr().out
        assert f"for want of {missing}" in said
        assert "skipped" in said

    def test_a_failure_is_told_and_ends_nothing(self, machine, capsys):
        self.apt(machine, "echo no network; exit 100")
        environments.install_postgres()
        said = capsys.readouterr().out
        assert "no network" in said
        assert "skipped" in said

    def test_the_browser_is_installed_the_same_way(self, machine, capsys):
        self.apt(machine)
        environments.install_browser()
        _, install = self.orders(machine)
        assert install.endswith("chromium fonts-noto-cjk noninteractive")
        assert "ready" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("name", "program", "package"),
        [("prometheus", "promtool", "prometheus"), ("compose", "docker-compose", "docker-compose")],
    )
    def test_and_so_are_the_programs_that_tests_ask(self, machine, monkeypatch, name, program, package):
        self.apt(machine)
        monkeypatch.setattr(sys, "argv", ["environments.py", name])
        assert environments.main() == 0
        _, install = self.orders(machine)
        assert install.endswith(f" {package} noninteractive")
        machine.script(program, "true")
        assert environments.main() == 0
        assert len(self.orders(machine)) == 2

    def test_a_browser_that_is_there_is_left_alone(self, machine):
        self.apt(machine)
        machine.script("google-chrome", "true")
        environments.install_browser()
        assert self.orders(machine) == []
