"""Good documents: the project's own samples, and a few invoices and receipts of the labelled sets where these are."""

from __future__ import annotations

from pathlib import Path

from tests.support.hostile_corpus import SHARED_DATA

OF_THE_SETS = (
    "jp-receipts-synth/files/alpha10_CASE-000014_GEN-CASE-000014-02_clean.png",
    "jp-receipts-synth/files/receipt_v020_parking_001_clean.png",
    "zugferd/files/ZUGFeRDv2__symtrax__zugferd_2p1_EN16931_OEPNV.pdf",
)
"""Small ones, of one page or two."""


def good_documents(samples: Path) -> dict[str, bytes]:
    """Bytes by file name."""
    paths = [*sorted(samples.glob("*.pdf")), *(SHARED_DATA / name for name in OF_THE_SETS)]
    return {path.name: path.read_bytes() for path in paths if path.exists()}
