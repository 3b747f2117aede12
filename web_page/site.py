"""The page's files as they are served: read once, named by a digest of them all."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Self

_INDEX = "index.html"
_DIGEST_CHARACTERS = 16
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
ASSETS_PATH = "/page"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFile:
    """One file."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All of them."""

    index: str
    """HTML with places for what differs between servers: ``{{assets}}``, ``{{bulk_url}}``, ``{{version}}``."""
    files: Mapping[str, SiteFile]
    """By name: modules, styles, the icon."""
    digest: str
    """Changes with any of them, so that what is served below it may be kept for ever. One for all, since modules name
    each other by relative addresses: a browser never mixes two versions."""

    @classmethod
    def load(cls) -> Self:
        """Read the package's ``static`` folder."""
        folder = resources.files(__package__) / "static"
        contents = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
        index = contents.pop(_INDEX)
        hashed = hashlib.sha256(index)
        files = {}
        for name, content in sorted(contents.items()):
            hashed.update(b"%s\0%d\0" % (name.encode(), len(content)) + content)
            files[name] = SiteFile(content=content, media_type=_MEDIA_TYPES[name.rpartition(".")[2]])
        return cls(index=index.decode(), files=files, digest=hashed.hexdigest()[:_DIGEST_CHARACTERS])

    def page(self, *, bulk_url: str, version: str) -> bytes:
        """The HTML of ``/``.

        Args:
            bulk_url: Where a browser finds the bulk API; empty for the page's own origin.
            version: Of the service, for its foot.
        """
        places = {"assets": f"{ASSETS_PATH}/{self.digest}", "bulk_url": bulk_url, "version": version}
        filled = self.index
        for place, value in places.items():
            filled = filled.replace(f"{{{{{place}}}}}", html.escape(value))
        return filled.encode()
