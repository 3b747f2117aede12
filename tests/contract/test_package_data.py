"""An installed wheel holds what its packages read beside their code."""

from __future__ import annotations

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_PACKAGED = {"Dockerfile.lambda", "Dockerfile", "README.md"}
"""Told of the folder to who reads the repository."""


def test_every_file_of_a_package_is_code_or_package_data() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = [pattern.removesuffix("*") for pattern in setuptools["packages"]["find"]["include"]]
    patterns = setuptools["package-data"]["*"]
    listed = subprocess.run(["git", "ls-files", *packages], cwd=ROOT, capture_output=True, text=True, check=True)
    names = {path: PurePath(path).name for path in listed.stdout.splitlines()}
    assert names
    left_out = [
        path
        for path, name in names.items()
        if not name.endswith(".py") and name not in NOT_PACKAGED and not any(fnmatch(name, p) for p in patterns)
    ]
    assert left_out == []
