"""What `make up` makes of .env and the environment: honoured, or refused with the variable's name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.configuration import check_addresses, ports_from_settings, read_dot_env
from local_stack.ports import Ports
from local_stack.stack import REPOSITORY_ROOT
from ocr_core.settings import GROUPS, SettingsError, variable_name


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for group in GROUPS:
        for field in group.model_fields:
            name = variable_name(group, field)
            monkeypatch.setenv(name, "")  # remembered, so that what a test adds is taken back
            monkeypatch.delenv(name)


def test_what_is_exported_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("OCR_PREPROCESS_PORT=9001\nOCR_POSTPROCESS_PORT=9002\n")
    monkeypatch.setenv("OCR_PREPROCESS_PORT", "9100")
    read_dot_env(file)
    assert os.environ["OCR_PREPROCESS_PORT"] == "9100"
    assert os.environ["OCR_POSTPROCESS_PORT"] == "9002"


def test_without_settings_the_ports_are_the_usual_ones() -> None:
    check_addresses()
    assert ports_from_settings() == Ports()


def test_the_example_file_changes_nothing() -> None:
    read_dot_env(REPOSITORY_ROOT / ".env.example")
    check_addresses()
    assert ports_from_settings() == Ports()


def test_ports_that_are_set_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_PREPROCESS_PORT", "9100")
    monkeypatch.setenv("OCR_POSTPROCESS_PORT", "9102")
    monkeypatch.setenv("OCR_PREPROCESS_STRUCTURE_URL", "http://127.0.0.1:9102")
    monkeypatch.setenv("OCR_TRITON_GRPC_URL", "localhost:9111")
    check_addresses()
    assert ports_from_settings() == Ports(
        preprocess=9100, postprocess=9102, triton_http=9110, triton_grpc=9111, triton_metrics=9112
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OCR_PREPROCESS_HOST", "0.0.0.0"),  # noqa: S104
        ("OCR_PREPROCESS_HOST", "::1"),
        ("OCR_POSTPROCESS_HOST", "10.0.0.7"),
        ("OCR_TRITON_GRPC_URL", "triton.example.org:8001"),
        ("OCR_TRITON_GRPC_URL", "127.0.0.1:8002"),
        ("OCR_TRITON_GRPC_URL", "127.0.0.1:65535"),
        ("OCR_PREPROCESS_PORT", "8002"),
        ("OCR_PREPROCESS_STRUCTURE_URL", "http://127.0.0.1:9102"),
        ("OCR_PREPROCESS_STRUCTURE_URL", "http://text.example.org:8002"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    def configure() -> None:
        check_addresses()
        ports_from_settings()

    with pytest.raises(SettingsError, match=name):
        configure()


def test_the_command_says_so_and_starts_nothing(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "local_stack", "up", "--state-file", str(tmp_path / "state.json")],
        env={**os.environ, "OCR_PREPROCESS_PORT": "8002", "PYTHONPATH": str(REPOSITORY_ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 78
    assert "OCR_PREPROCESS_PORT" in answer.stderr
