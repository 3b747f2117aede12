"""The compose file: accepted by docker-compose, and agreeing with the settings and images that it names."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ocr_core.settings import GROUPS, variable_name

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE_FILE.read_text())["services"])


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_docker_compose_accepts_it(profile: str) -> None:
    if (command := shutil.which("docker-compose")) is None:
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    answer = subprocess.run(
        [command, "--file", str(COMPOSE_FILE), "--profile", profile, "config"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    resolved = yaml.safe_load(answer.stdout)["services"]
    assert resolved.keys() >= {f"triton-{profile}", "preprocess", "postprocess"}


def test_it_sets_only_what_can_be_set(services: dict[str, Any]) -> None:
    known = {variable_name(group, field) for group in GROUPS for field in group.model_fields}
    for service in services.values():
        names = {name for name in service.get("environment", {}) if name.startswith("OCR_")}
        assert names <= known


def test_the_python_services_run_without_privileges(services: dict[str, Any]) -> None:
    for name in ("preprocess", "postprocess"):
        service = services[name]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
        assert re.search(r"^USER 10001", dockerfile, flags=re.MULTILINE)


def test_only_the_public_api_is_published_and_on_loopback(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"preprocess": ["127.0.0.1:8000:8000"]}


def test_base_images_are_pinned() -> None:
    dockerfiles = sorted(ROOT.glob("*/Dockerfile"))
    images = [
        image for file in dockerfiles for image in re.findall(r"^FROM (\S+)", file.read_text(), flags=re.MULTILINE)
    ]
    images += re.findall(r"image: (nvcr\S+)", COMPOSE_FILE.read_text())
    assert images
    for image in images:
        assert re.search(r":[0-9]+\.[0-9]+", image), f"{image} names no version"
