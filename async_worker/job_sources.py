"""Which objects a tenant's jobs may name: what its allow-list has, and its own uploads."""

from __future__ import annotations

from ocr_core.contracts.areas import OwnAreas
from ocr_core.contracts.objects import ObjectStore
from preprocess_svc.sources import AllowList, S3Location, check_source


class JobSources:
    """Asked when a job comes, and again before a document is fetched: the allow-list may have become shorter."""

    def __init__(self, objects: ObjectStore) -> None:
        self._own_areas = OwnAreas(objects)

    def check(self, tenant: str, untrusted_source: str, *, allow_list: AllowList) -> S3Location:
        """Take the address apart that a job of this tenant names.

        The areas where we keep uploads, readings and results ourselves are open for the tenant's own uploads alone,
        which need no entry of the allow-list.

        Raises:
            InvalidRequest: it is no ``s3://bucket/key``.
            Forbidden: this tenant may not name it. The answer does not tell whether the object exists.
        """
        location = S3Location.parse(untrusted_source)
        if not self._own_areas.hold_upload_of(tenant, location.uri):
            check_source(location, allow_list=allow_list, own_areas=self._own_areas)
        return location
