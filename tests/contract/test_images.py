"""The Dockerfiles: small, pinned, without privileges or secrets, and each built and run by ``make images-check``."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from model_tools.choice import CHOICE_FILE
from model_tools.triton_entry import with_config
from ocr_core.contracts.tensors import MODELS
from tests.images.bases import bases_of, can_stand_in
from tests.images.building import recipes
from tests.images.machine import PACKAGES
from tests.images.walk import CHECKS

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted(ROOT.glob("*/Dockerfile*"))
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
MODEL_FOLDER = ROOT / "model_repository"
NEVER = (".git", ".env", ".venv", ".cache", "out", "tests", "evaluation", "deploy", "model_repository", "local_stack")
"""What no image has: history, settings, environments, outputs, documents, weights (they are mounted, or an image of
their own)."""
SECRET_WORDS = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|API_KEY|CREDENTIAL", flags=re.IGNORECASE)

every_dockerfile = pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: f"{file.parent.name}/{file.name}")


def _instructions(file: Path) -> list[tuple[str, str]]:
    """Each instruction and its arguments, lines that go on put together, comments left out."""
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word]


def _last_stage(file: Path) -> list[tuple[str, str]]:
    instructions = _instructions(file)
    return instructions[max(place for place, (word, _) in enumerate(instructions) if word == "FROM") :]


def _context(file: Path) -> Path:
    """The folder that is sent to the builder."""
    return next(recipe.context for recipe in recipes(SERVICES) if recipe.dockerfile == file)


def _sent(context: Path, path: str) -> bool:
    """Whether the builder is given a path of the context: the last line of .dockerignore that meets it decides."""
    given = True
    for pattern in (context / ".dockerignore").read_text().split("\n"):
        if not pattern or pattern.startswith("#"):
            continue
        bare = pattern.removeprefix("!").removeprefix("**/")
        parts = PurePosixPath(path).parts
        anywhere = pattern.removeprefix("!").startswith("**/")
        whole = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        if any(fnmatch(each, bare) for each in (parts if anywhere else whole)):
            given = pattern.startswith("!")
    return given


@every_dockerfile
def test_it_runs_as_a_user_without_privileges(file: Path) -> None:
    users = [rest for word, rest in _last_stage(file) if word == "USER"]
    assert users, "it would run as root"
    assert users[-1] == "10001:10001", "a number, or a cluster that asks for no root cannot tell"


@every_dockerfile
def test_what_is_installed_is_locked_and_leaves_no_caches(file: Path) -> None:
    for word, rest in _instructions(file):
        assert word != "ADD", "it may fetch what no lock names"
        if word != "RUN":
            continue
        for command in re.split(r"&&|;", rest):
            if "pip install" in command:
                assert "--no-cache-dir" in command
                assert "--require-hashes" in command or "--no-deps --no-build-isolation ." in command
            if "apt-get install" in command:
                assert "--no-install-recommends" in command
                assert "rm -rf /var/lib/apt/lists/*" in rest
        assert not re.search(r"\b(curl|wget)\b", rest)


@every_dockerfile
def test_it_has_no_secret(file: Path) -> None:
    for word, rest in _instructions(file):
        if word in {"ENV", "ARG", "LABEL"}:
            assert not SECRET_WORDS.search(rest), rest


@every_dockerfile
def test_what_it_copies_is_sent_and_named(file: Path) -> None:
    copied = [rest.split() for word, rest in _instructions(file) if word == "COPY"]
    assert copied
    for *sources, _target in copied:
        if sources[0].startswith("--from="):
            continue
        for source in sources:
            assert source not in {".", "./", "/"}, "everything, whatever comes to lie there"
            assert _sent(_context(file), source), f"{source} is kept back by .dockerignore"


def test_the_builder_is_sent_nothing_else() -> None:
    copied = {
        source
        for file in DOCKERFILES
        if _context(file) == ROOT
        for word, rest in _instructions(file)
        if word == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    }
    sent = {path.name for path in ROOT.iterdir() if _sent(ROOT, path.name)}
    assert sent == {source.partition("/")[0] for source in copied}
    for name in NEVER:
        assert not _sent(ROOT, name)
    assert not _sent(ROOT, "ocr_core/contracts/__pycache__")


def test_the_image_of_models_gets_what_is_served_and_no_more() -> None:
    for model in MODELS:
        for path in ("configs/cpu.pbtxt", "configs/tuned.pbtxt", "1/model.py", "1/model.xml", "1/model.plan"):
            assert _sent(MODEL_FOLDER, f"{model.name}/{path}")
        assert not _sent(MODEL_FOLDER, f"{model.name}/1/model.onnx")  # what engines are built from
    assert _sent(MODEL_FOLDER, CHOICE_FILE)


@every_dockerfile
def test_images_check_builds_it(file: Path) -> None:
    assert [recipe.dockerfile for recipe in recipes(SERVICES)].count(file) == 1
    assert all(can_stand_in(name) for name in bases_of([file]))


def test_every_service_of_ours_says_whether_it_is_well() -> None:
    for name, service in OURS.items():
        if service["restart"] == "on-failure":
            continue  # it ends
        instructions = [word for word, _ in _last_stage(ROOT / service["build"]["dockerfile"])]
        assert "healthcheck" in service or "HEALTHCHECK" in instructions, name


@pytest.mark.parametrize("name", [*OURS, "triton-gpu", "postgres"])
def test_a_container_can_change_nothing_and_become_nobody(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    if "build" not in service:  # what others make runs as root where nobody says otherwise
        assert service["user"] not in {"root", "0", "0:0"}


def test_the_page_tells_what_images_check_needs_and_asks() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert f"apt-get install {' '.join(sorted(PACKAGES.values()))}" in page
    assert re.search(r"^images-check:.* ## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert all(check.__doc__ for check in CHECKS)


def test_triton_in_a_container_takes_what_fits_its_cpu() -> None:
    command = SERVICES["triton-cpu"]["command"]
    assert "--model-config-name=auto" in command
    assert with_config([*command], {"OCR_MODEL_PRECISION": "f32"})[2] == "--model-config-name=cpu"
    assert {"OCR_MODEL_PRECISION", "OCR_MODEL_THREADS"} <= SERVICES["triton-cpu"]["environment"].keys()
