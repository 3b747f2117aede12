"""A digest of the code that runs here: what an answer depends on beside the document, the models and the settings."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path


@cache
def code_sha256(*packages: str) -> str:
    """Of every file of these packages, and of the names and versions of all libraries that are installed beside them.

    The same wherever the same is installed: folders and moments play no part. Some 50 ms, once a process.

    Args:
        packages: Of this project; whatever they import of it must be among them.

    Raises:
        ModuleNotFoundError: there is no such package.
    """
    digest = hashlib.sha256()
    for package in sorted(packages):
        for folder in _folders(package):
            for file in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
                if file.is_file() and "__pycache__" not in file.parts:
                    _add(digest, f"{package}/{file.relative_to(folder).as_posix()}", file.read_bytes())
    installed = {(each.name.lower(), each.version) for each in distributions()}
    _add(digest, "libraries", repr(sorted(installed)).encode())
    return digest.hexdigest()


def _folders(package: str) -> list[Path]:
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"there is no package {package}", name=package)
    return [Path(folder) for folder in spec.submodule_search_locations]


def _add(digest: hashlib._Hash, name: str, content: bytes) -> None:
    digest.update(f"{len(name)} {name} {len(content)}\n".encode())
    digest.update(content)
