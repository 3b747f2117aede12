"""``model_tools.triton_entry``: which configuration Triton is started with in a container."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from model_tools.choice import Choice, this_cpu, write_config
from model_tools.triton_entry import with_config

ENTRY = Path(__file__).resolve().parents[2] / "model_tools" / "triton_entry.py"
CHOICE = Choice(cpu=this_cpu(), precisions={"text_recognition": "int8"})
CPU_CONFIG = "instance_group [ { count: 2 kind: KIND_CPU } ]\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One model, tuned on this machine."""
    (configs := tmp_path / "text_recognition" / "configs").mkdir(parents=True)
    (configs / "cpu.pbtxt").write_text(CPU_CONFIG)
    write_config(configs.parent, "tuned", precision="int8")
    CHOICE.write(tmp_path)
    return tmp_path


def _command(repository: Path, name: str = "auto") -> list[str]:
    return ["tritonserver", f"--model-repository={repository}", f"--model-config-name={name}", "--load-model=x"]


def test_auto_is_what_was_tuned_on_such_a_cpu(repository: Path) -> None:
    assert with_config(_command(repository), {}) == _command(repository, "tuned")


def test_on_another_cpu_and_without_a_choice_it_is_cpu(repository: Path) -> None:
    dataclasses.replace(CHOICE, cpu="Another avx2").write(repository)
    assert with_config(_command(repository), {}) == _command(repository, "cpu")
    (repository / ".tuned.json").unlink()
    assert with_config(_command(repository), {}) == _command(repository, "cpu")


@pytest.mark.parametrize(("precision", "chosen"), [("auto", "tuned"), ("", "tuned"), ("f32", "cpu"), ("int8", "cpu")])
def test_what_is_asked_for_goes_first(repository: Path, precision: str, chosen: str) -> None:
    # There is no int8.pbtxt here: INT8 did not pass its gate.
    assert with_config(_command(repository), {"OCR_MODEL_PRECISION": precision}) == _command(repository, chosen)


def test_another_name_stays(repository: Path) -> None:
    assert with_config(_command(repository, "gpu"), {}) == _command(repository, "gpu")


def test_auto_without_a_repository_is_refused() -> None:
    answer = _run("tritonserver", "--model-config-name=auto")
    assert answer.returncode == 64
    assert "--model-repository=" in answer.stderr


def test_the_server_is_started_with_it_and_its_status_handed_on(repository: Path) -> None:
    answer = _run("/bin/sh", "-c", 'echo "$2"; exit 3', "server", *_command(repository)[1:])
    assert answer.stdout == "--model-config-name=tuned\n"
    assert "the configuration is tuned" in answer.stderr
    assert answer.returncode == 3


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    """As the image does: an isolated interpreter, in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(ENTRY), *command],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
