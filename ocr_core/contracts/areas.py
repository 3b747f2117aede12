"""The areas of the house's own bucket: all that it keeps of its tenants lies in one of them, by tenant."""

from __future__ import annotations

from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.remembered import REMEMBERED
from ocr_core.contracts.stored_documents import DOCUMENTS

UPLOADS = "uploads"
READINGS = "readings"
RESULTS = "results"
EXPORTS = "exports"

OWN_AREAS = (UPLOADS, READINGS, RESULTS, DOCUMENTS, EXPORTS, REMEMBERED)


class OwnAreas:
    """Knows which addresses lie there: other tenants' documents are beside one's own."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._areas = tuple(self._below(area) for area in OWN_AREAS)

    def hold(self, address: str) -> bool:
        """Whether an ``s3://`` address lies in any of them."""
        return address.startswith(self._areas)

    def hold_upload_of(self, tenant: str, address: str) -> bool:
        """Whether it is something that the tenant itself has uploaded."""
        return address.startswith(self._below(f"{UPLOADS}/{tenant}"))

    def _below(self, area: str) -> str:
        return f"{self._objects.uri(area)}/"
