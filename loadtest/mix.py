"""What comes in, and how often: the kinds of documents of a load test, declared in a small TOML file (``mixes/``)."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MIXES = Path(__file__).with_name("mixes")


class MixError(ValueError):
    """A mix cannot be used; the message names the file and what is off."""


class Making(StrEnum):
    """How documents are made of files."""

    AS_THEY_ARE = "as they are"
    JOINED_PDF = "joined pdf"
    """First pages of several PDFs in one, with their text and fonts."""
    SCANNED_PDF = "scanned pdf"
    """Pages as pictures in a PDF, JPEG at 200 dpi, as office scanners send them."""
    FAX_TIFF = "fax tiff"
    """Black and white, CCITT group 4, as fax servers send them."""
    PNG = "png"
    """A page as a picture."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kind(_Declared):
    """Documents that are alike."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    files: tuple[str, ...] = Field(min_length=1)
    """Patterns, relative to the repository."""
    made: Making = Making.AS_THEY_ARE
    pages: int = Field(default=1, ge=1, le=100)
    different: int = Field(default=8, ge=1)
    """At most so many different documents are made of the files."""
    sync_weight: Annotated[float, Field(ge=0)] = 0.0
    """Its share of what the sync API is sent, beside the other weights."""
    bulk_weight: Annotated[float, Field(ge=0)] = 0.0
    deadline_s: float | None = Field(default=None, gt=0, le=30)
    """Of who sends this kind; the mix's own where it is null."""


class Mix(_Declared):
    """All kinds, with what holds for every one."""

    name: str
    seed: int = 0
    """Decides which files are taken."""
    deadline_s: float = Field(default=5.0, gt=0, le=30)
    kinds: tuple[Kind, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [kind.name for kind in self.kinds]
        if len(set(names)) != len(names):
            raise ValueError("two kinds have the same name")
        if not any(kind.sync_weight for kind in self.kinds):
            raise ValueError("no kind has a sync_weight")
        return self


def read_mix(name: str) -> Mix:
    """A mix that is shipped, by its name, or one of your own, by its path.

    Raises:
        MixError: it is not there, or off.
    """
    shipped = sorted(file.stem for file in MIXES.glob("*.toml"))
    file = MIXES / f"{name}.toml" if name in shipped else Path(name)
    try:
        declared = tomllib.loads(file.read_text(encoding="utf-8"))
        return Mix.model_validate({"name": file.stem, **declared})
    except FileNotFoundError:
        raise MixError(f"no mix {name!r}: shipped are {', '.join(shipped)}; any other name is a file's path") from None
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise MixError(f"{file}: {error}") from None
