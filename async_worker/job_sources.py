"""Which objects a tenant's jobs may name: what its allow-list has, and its own uploads."""

from __future__ import annotations

from async_worker.object_keys import EXPORTS, READINGS, RESULTS, UPLOADS, uploads_prefix
from ocr_core.contracts.errors import Forbidden
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.remembered import REMEMBERED
from ocr_core.contracts.stored_documents import DOCUMENTS
from preprocess_svc.sources import AllowList, S3Location

_OWN_AREAS = (UPLOADS, READINGS, RESULTS, DOCUMENTS, EXPORTS, REMEMBERED)


class JobSources:
    """Asked when a job comes, and again before a document is fetched: the allow-list may have become shorter."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def check(self, tenant: str, untrusted_source: str, *, allow_list: AllowList) -> S3Location:
        """Take the address apart that a job of this tenant names.

        The areas where we keep uploads, readings and results ourselves are open for the tenant's own uploads alone,
        even where the allow-list covers the whole bucket: other tenants' documents lie beside them.

        Raises:
            InvalidRequest: it is no ``s3://bucket/key``.
            Forbidden: this tenant may not name it. The answer does not tell whether the object exists.
        """
        location = S3Location.parse(untrusted_source)
        address = f"s3://{location.bucket}/{location.key}"
        if address.startswith(self._area(uploads_prefix(tenant))):
            return location
        if any(address.startswith(self._area(area)) for area in _OWN_AREAS):
            raise Forbidden("parameter 'source': that bucket and prefix are not on the allow-list")
        allow_list.check(location)
        return location

    def _area(self, prefix: str) -> str:
        return self._objects.uri(prefix.rstrip("/")) + "/"
