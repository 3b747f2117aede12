"""The compose file: accepted by docker-compose, and agreeing with the settings and images that it names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ocr_core.settings import (
    GROUPS,
    ExposureSettings,
    FileOpenerSettings,
    LimitSettings,
    LogSettings,
    PostprocessSettings,
    PreprocessSettings,
    SettingsGroup,
    StorageSettings,
    TritonSettings,
    variable_name,
)

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
READS: dict[str, tuple[type[SettingsGroup], ...]] = {
    "preprocess": (
        ExposureSettings,
        LogSettings,
        LimitSettings,
        TritonSettings,
        FileOpenerSettings,
        StorageSettings,
        PreprocessSettings,
    ),
    "postprocess": (ExposureSettings, LogSettings, PostprocessSettings),
}
"""What each service's ``main`` loads."""


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE_FILE.read_text())["services"])


def _resolved(profile: str, folder: Path, settings: dict[str, str]) -> dict[str, Any]:
    """The services as docker-compose understands them; the machine's own .env and exports are left out."""
    if (command := shutil.which("docker-compose")) is None:
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    (empty := folder / "empty.env").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    answer = subprocess.run(
        [command, "--env-file", str(empty), "--file", str(COMPOSE_FILE), "--profile", profile, "config"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | settings,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return dict(yaml.safe_load(answer.stdout)["services"])


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_docker_compose_accepts_it(profile: str, tmp_path: Path) -> None:
    assert _resolved(profile, tmp_path, {}).keys() >= {f"triton-{profile}", "preprocess", "postprocess"}


def test_every_setting_of_the_example_reaches_the_service_that_reads_it(services: dict[str, Any]) -> None:
    example = (ROOT / ".env.example").read_text()
    told = set(re.findall(r"^#?(OCR_[A-Z_]+)=", example, flags=re.MULTILINE))
    read = {
        name: {variable_name(group, field) for group in groups for field in group.model_fields}
        for name, groups in READS.items()
    }
    assert told == set().union(*read.values())
    assert {group for groups in READS.values() for group in groups} == set(GROUPS)
    for name, variables in read.items():
        given = {variable for variable in services[name]["environment"] if variable.startswith("OCR_")}
        assert given == variables


def test_docker_compose_hands_a_setting_through_and_leaves_defaults_alone(tmp_path: Path) -> None:
    services = _resolved("cpu", tmp_path, {"OCR_LIMIT_MAX_PAGES": "7", "OCR_POSTPROCESS_MAX_READINGS": "9"})
    assert services["preprocess"]["environment"]["OCR_LIMIT_MAX_PAGES"] == "7"
    assert services["postprocess"]["environment"]["OCR_POSTPROCESS_MAX_READINGS"] == "9"
    # Unset stays unset in the container: an empty value would stop the start.
    assert services["preprocess"]["environment"].get("OCR_LIMIT_RENDER_DPI") is None


def test_the_python_services_run_without_privileges(services: dict[str, Any]) -> None:
    for name in ("preprocess", "postprocess"):
        service = services[name]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
        assert re.search(r"^USER 10001", dockerfile, flags=re.MULTILINE)


def test_only_the_public_api_is_published_and_on_loopback(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"preprocess": ["127.0.0.1:${OCR_PREPROCESS_PORT:-8000}:8000"]}


def test_base_images_are_pinned() -> None:
    dockerfiles = sorted(ROOT.glob("*/Dockerfile"))
    images = [
        image for file in dockerfiles for image in re.findall(r"^FROM (\S+)", file.read_text(), flags=re.MULTILINE)
    ]
    images += re.findall(r"image: (nvcr\S+)", COMPOSE_FILE.read_text())
    assert images
    for image in images:
        assert re.search(r":[0-9]+\.[0-9]+", image), f"{image} names no version"
