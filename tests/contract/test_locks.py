"""The locks: each holds what its environment imports, and they agree with one another."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"

_LIST_MODULES = """
import sys, {imports}
print("\\n".join(name for name in sys.modules if "." not in name))
"""

_NOT_NEEDED = {
    "yomitori",
    "yomitori-client",
    "setuptools",  # its import hook comes with every environment that has it
    "brotli",  # httpx and urllib3 load it where it is there: locust brings it, images have none
    "python-multipart",  # starlette loads it where it is there, for forms: the pixel side takes them
}


def pins(name: str) -> set[tuple[str, str]]:
    """Distributions of a lock with their versions; two where the Python version decides."""
    return set(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (REQUIREMENTS / name).read_text(), flags=re.MULTILINE))


def distributions(name: str) -> set[str]:
    return {distribution for distribution, _ in pins(name)}


def imported_distributions(*modules: str) -> set[str]:
    """What a process loads with these modules that is neither the standard library nor the project."""
    listed = subprocess.run(
        [sys.executable, "-c", _LIST_MODULES.format(imports=", ".join(modules))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    by_module = packages_distributions()
    others = [module for module in listed if module not in sys.stdlib_module_names]
    found = {re.sub(r"[-_.]+", "-", name).lower() for module in others for name in by_module.get(module, [])}
    return found - _NOT_NEEDED


@pytest.mark.parametrize(
    ("service", "lock"), [("postprocess_svc", "postprocess.lock"), ("preprocess_svc", "services.lock")]
)
def test_an_image_installs_what_its_service_imports(service: str, lock: str) -> None:
    # The two of uvicorn are what serve() names.
    imported = imported_distributions(
        f"{service}.main", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl"
    )
    assert {"fastapi", "uvicorn", "uvloop", "httptools"} <= imported
    assert imported <= distributions(lock)
    assert f"requirements/{lock}" in (ROOT / service / "Dockerfile").read_text()


def test_the_file_openers_image_installs_the_decoders_and_nothing_else() -> None:
    imported = imported_distributions("lambda_file_open.server")
    assert imported == distributions("opener.lock") == {"numpy", "pi-heif", "pillow", "pypdfium2"}


def test_the_text_sides_image_knows_nothing_of_pixels() -> None:
    pixels = {"opencv-python-headless", "pypdfium2", "pillow", "pi-heif", "tritonclient", "boto3"}
    assert pixels <= distributions("services.lock")
    assert not pixels & distributions("postprocess.lock")


@pytest.mark.parametrize(
    ("smaller", "larger"), [("postprocess", "services"), ("services", "dev"), ("opener", "services")]
)
def test_one_lock_is_part_of_the_other(smaller: str, larger: str) -> None:
    assert pins(f"{smaller}.lock") <= pins(f"{larger}.lock")


def test_make_lock_writes_every_lock_and_the_readme_tells_of_each() -> None:
    locks = {file.name for file in REQUIREMENTS.glob("*.lock")}
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"-o requirements/(\S+\.lock)", makefile)) == locks
    assert set(re.findall(r"^\| `(\S+\.lock)`", (REQUIREMENTS / "README.md").read_text(), flags=re.MULTILINE)) == locks


@pytest.mark.parametrize("name", sorted(file.name for file in REQUIREMENTS.glob("*.lock")))
def test_a_lock_carries_hashes_and_no_index_address(name: str) -> None:
    text = (REQUIREMENTS / name).read_text()
    assert pins(name)
    assert text.count("==") <= text.count("--hash=sha256:")
    assert "://" not in text
