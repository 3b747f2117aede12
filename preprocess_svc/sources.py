"""Documents that are named by an ``s3://`` address, and who may name which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ocr_core.contracts.areas import OwnAreas
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import Forbidden, InvalidRequest
from preprocess_svc.file_names import clean_file_name

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html and .../object-keys.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MAX_KEY_BYTES = 1_024
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Location:
    """An object's address, taken apart. The key is taken literally: nothing in it is percent-decoded."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, untrusted_source: str) -> S3Location:
        """Read ``s3://bucket/key``.

        A key with ``.``, ``..`` or empty segments is refused although S3 would take it literally: HTTP clients and
        stores that keep objects as files resolve such segments, and then a permitted prefix leads anywhere.

        Raises:
            InvalidRequest: it is not such an address.
        """
        scheme, separator, rest = untrusted_source.partition("://")
        bucket, slash, key = rest.partition("/")
        if scheme != "s3" or not separator or not slash or not key or not _BUCKET.fullmatch(bucket):
            raise InvalidRequest("parameter 'source' is an address like s3://bucket/key")
        if len(key.encode()) > _MAX_KEY_BYTES or _CONTROL_CHARACTERS.search(key) or "\\" in key:
            raise InvalidRequest("parameter 'source': the key is too long or holds characters that no key should")
        if any(segment in {"", ".", ".."} for segment in key.split("/")):
            raise InvalidRequest("parameter 'source': the key holds an empty, '.' or '..' segment")
        return cls(bucket=bucket, key=key)

    @property
    def uri(self) -> str:
        """The address as a whole."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def file_name(self) -> str | None:
        """The key's last segment, fit to be repeated in the answer."""
        return clean_file_name(self.key)


class AllowList:
    """Which addresses may be read: ``bucket`` alone, or ``bucket/prefix`` up to a path boundary."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._entries = tuple((bucket, prefix.rstrip("/")) for bucket, _, prefix in (e.partition("/") for e in entries))

    def check(self, location: S3Location) -> None:
        """Let a permitted address pass.

        Raises:
            Forbidden: no entry covers it. The answer does not tell whether the object exists.
        """
        if not any(self._covers(bucket, prefix, location) for bucket, prefix in self._entries):
            raise _forbidden()

    @staticmethod
    def _covers(bucket: str, prefix: str, location: S3Location) -> bool:
        if bucket != location.bucket:
            return False
        return not prefix or location.key == prefix or location.key.startswith(f"{prefix}/")


def check_source(location: S3Location, *, allow_list: AllowList, own_areas: OwnAreas) -> None:
    """Let an address pass that a caller of either road may name.

    What the house keeps itself of all its tenants is never that, even where an allow-list covers the whole bucket.

    Raises:
        Forbidden: it may not. The answer does not tell whether the object exists.
    """
    if own_areas.hold(location.uri):
        raise _forbidden()
    allow_list.check(location)


def _forbidden() -> Forbidden:
    return Forbidden("parameter 'source': that bucket and prefix are not on the allow-list")


class Storage(Protocol):
    """What is asked of object storage here."""

    async def fetch(self, bucket: str, key: str, *, max_bytes: int, deadline: Deadline) -> bytes:
        """Read one whole object."""
        ...


class Sources:
    """Fetches what its caller's allow-list permits."""

    def __init__(self, *, storage: Storage, own_areas: OwnAreas) -> None:
        self._storage = storage
        self._own_areas = own_areas

    async def fetch(self, location: S3Location, *, allow_list: AllowList, max_bytes: int, deadline: Deadline) -> bytes:
        """Read the object at ``location``, if the list covers it and it is none that the house keeps itself.

        Raises:
            Forbidden, InvalidRequest, DocumentTooLarge, NotReady, DeadlineExceeded.
        """
        check_source(location, allow_list=allow_list, own_areas=self._own_areas)
        return await self._storage.fetch(location.bucket, location.key, max_bytes=max_bytes, deadline=deadline)
