"""Which fonts and programs the generator needs, and whether they are there."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

from evaluation.generator.vocabulary import vocabulary

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = (
    "chromium", "fontconfig", "fonts-noto-cjk", "fonts-ipafont-gothic", "fonts-ipaexfont-gothic",
    "fonts-ipaexfont-mincho", "fonts-morisawa-bizud-gothic", "fonts-morisawa-bizud-mincho", "fonts-vlgothic",
    "fonts-takao-gothic", "fonts-takao-mincho", "fonts-sawarabi-gothic", "fonts-sawarabi-mincho", "fonts-mplus",
    "fonts-migmix", "fonts-motoya-l-cedar", "fonts-motoya-l-maruberi", "fonts-horai-umefont", "fonts-klee",
    "fonts-yusei-magic", "fonts-kiloji", "fonts-seto", "fonts-yozvox-yozfont-edu", "fonts-kouzan-mouhitsu",
    "fonts-aoyagi-kouzan-t", "fonts-dejavu-core", "fonts-dejavu-extra", "fonts-liberation", "fonts-liberation2",
    "fonts-lato", "fonts-open-sans", "fonts-roboto-unhinted", "fonts-ebgaramond", "fonts-crosextra-carlito",
    "fonts-crosextra-caladea", "fonts-inconsolata",
)  # fmt: skip
"""Debian's packages that bring the browser and every font of ``vocabulary/fonts.toml``."""


class GeneratorNotReady(Exception):
    """The browser or a font is missing; the message says how to install it."""


@cache
def browser() -> str:
    """The browser that prints.

    Raises:
        GeneratorNotReady: none of ``BROWSERS`` is installed.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise GeneratorNotReady(f"no {BROWSERS[0]} found; {install_hint()}")
    return found


def missing_fonts() -> list[str]:
    """The families that the splits name and fontconfig does not know; all of them where there is no fontconfig."""
    wanted = {
        family for by_split in vocabulary("fonts").lists.values() for words in by_split.values() for family in words
    }
    if shutil.which("fc-list") is None:
        return sorted(wanted)
    listed = subprocess.run(["fc-list", "--format=%{family}\\n"], capture_output=True, text=True, check=True)  # noqa: S607
    known = {name.replace("\\", "").strip() for line in listed.stdout.splitlines() for name in line.split(",")}
    return sorted(wanted - known)


def require_all() -> None:
    """See that everything is there.

    Raises:
        GeneratorNotReady: what is missing, and how to install it.
    """
    browser()
    if missing := missing_fonts():
        raise GeneratorNotReady(f"fonts are missing: {', '.join(missing)}; {install_hint()}")


def install_hint() -> str:
    """The command that installs everything on Debian."""
    return f"on Debian: apt-get install --no-install-recommends {' '.join(PACKAGES)}"
