"""Builds every image: those of the compose file, and the two that only clusters and clouds use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.triton import REPOSITORY_ROOT
from tests.images.machine import CommandFailed, Machine

LAMBDA, MODELS = "yomitori/file-opener-lambda", "yomitori/models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an image is built."""

    image: str
    dockerfile: Path
    context: Path = REPOSITORY_ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of it."""

    recipe: Recipe
    seconds: float
    megabytes: float
    """Unpacked, with its base."""
    own_megabytes: float
    """Without it."""


def recipes(services: Mapping[str, Any]) -> list[Recipe]:
    """All images with a Dockerfile of ours, each once."""
    found = {
        service["image"]: Recipe(image=service["image"], dockerfile=REPOSITORY_ROOT / service["build"]["dockerfile"])
        for service in services.values()
        if "build" in service
    }
    found[LAMBDA] = Recipe(image=LAMBDA, dockerfile=REPOSITORY_ROOT / "lambda_file_open" / "Dockerfile.lambda")
    models = REPOSITORY_ROOT / "model_repository"
    found[MODELS] = Recipe(image=MODELS, dockerfile=models / "Dockerfile.models", context=models)
    return list(found.values())


def build(machine: Machine, wanted: Iterable[Recipe], say: Callable[[str], None]) -> list[Built]:
    """Build them one after the other; steps that did not change are taken from the store.

    Raises:
        CommandFailed: one was not built; the log of its build tells why.
    """
    done = []
    for recipe in wanted:
        started_s = time.monotonic()
        log = machine.folder / f"build-{recipe.image.replace('/', '-')}.log"
        try:
            machine.run(
                *("buildah", "bud", "--isolation", "chroot", "--network", "host", "--pull-never", "--layers"),
                # OCI's format knows no HEALTHCHECK.
                *("--format", "docker", "--file", str(recipe.dockerfile), "--tag", f"docker.io/{recipe.image}"),
                str(recipe.context),
                log=log,
            )
        except CommandFailed as failure:
            raise CommandFailed(f"{recipe.image} ({log}): {failure}") from None
        size, base = (machine.image_megabytes(name) for name in (f"docker.io/{recipe.image}", _base_of(recipe)))
        done.append(
            Built(
                recipe=recipe, seconds=time.monotonic() - started_s, megabytes=size, own_megabytes=max(0.0, size - base)
            )
        )
        say(f"{recipe.image}: {size:.0f} MB, {done[-1].seconds:.0f} s")
    return done


def _base_of(recipe: Recipe) -> str:
    """What its last stage is built on."""
    lines = [line.split() for line in recipe.dockerfile.read_text().splitlines() if line.startswith("FROM ")]
    return lines[-1][1]
