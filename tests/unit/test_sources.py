"""``s3://`` addresses and the allow-list: nothing passes that no entry covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.areas import OWN_AREAS, OwnAreas
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import Forbidden, InvalidRequest
from ocr_core.settings import ObjectStoreSettings, StorageSettings
from preprocess_svc.sources import AllowList, S3Location, Sources


@pytest.mark.parametrize(
    "source",
    [
        "",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key",
        "s3:/bucket/key",
        "S3://bucket/key",
        "http://bucket/key",
        "s3://UPPER/key",
        "s3://b/key",
        "s3://bucket@host/key",
        "s3://bucket:9000/key",
        "s3://bucket/../key",
        "s3://bucket/a/../b",
        "s3://bucket/a/./b",
        "s3://bucket/a//b",
        "s3://bucket/a/",
        "s3://bucket//a",
        "s3://bucket/a\\b",
        "s3://bucket/a\nb",
        "s3://bucket/a\x00b",
        "s3://bucket/" + "k" * 1_025,
    ],
)
def test_what_is_no_address(source: str) -> None:
    with pytest.raises(InvalidRequest, match="source"):
        S3Location.parse(source)


def test_a_key_is_taken_literally() -> None:
    location = S3Location.parse("s3://my-bucket/a folder/%2e%2e/請求書 1.pdf?x=1#y")
    assert location.bucket == "my-bucket"
    assert location.key == "a folder/%2e%2e/請求書 1.pdf?x=1#y"


@pytest.mark.parametrize(
    ("key", "file_name"),
    [
        ("in/請求書 1.pdf", "請求書 1.pdf"),
        ("in/invoice\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "invoicefdp.exe"),
        ("in/\N{ZERO WIDTH SPACE}", None),
        ("x" * 400, "x" * 255),
    ],
)
def test_a_keys_file_name_is_fit_to_be_repeated(key: str, file_name: str | None) -> None:
    assert S3Location.parse(f"s3://my-bucket/{key}").file_name == file_name


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ("bucket", "s3://bucket/anything/at/all"),
        ("bucket/in", "s3://bucket/in/a.pdf"),
        ("bucket/in/", "s3://bucket/in/deep/a.pdf"),
        ("bucket/in/one.pdf", "s3://bucket/in/one.pdf"),
    ],
)
def test_what_an_entry_covers(entry: str, source: str) -> None:
    AllowList(["other", entry]).check(S3Location.parse(source))


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ("bucket/in", "s3://bucket/inside/a.pdf"),
        ("bucket/in", "s3://bucket/a.pdf"),
        ("bucket/in", "s3://bucket/IN/a.pdf"),
        ("bucket/in", "s3://bucket2/in/a.pdf"),
        ("bucket", "s3://bucket2/a.pdf"),
        ("bucket/in/one.pdf", "s3://bucket/in/one.pdf.bak"),
    ],
)
def test_what_it_does_not(entry: str, source: str) -> None:
    with pytest.raises(Forbidden):
        AllowList([entry]).check(S3Location.parse(source))


def test_by_default_nothing_is_covered() -> None:
    with pytest.raises(Forbidden):
        AllowList([]).check(S3Location.parse("s3://bucket/key"))


@given(st.text(max_size=60))
def test_whatever_passes_lies_under_the_prefix(rest: str) -> None:
    try:
        location = S3Location.parse(f"s3://bucket/{rest}")
        AllowList(["bucket/in"]).check(location)
    except (InvalidRequest, Forbidden):
        return
    assert location.key == "in" or location.key.startswith("in/")
    assert ".." not in location.key.split("/")


class Storage:
    """Gives whatever it is asked for."""

    async def fetch(self, bucket: str, key: str, **_: object) -> bytes:
        return f"{bucket}/{key}".encode()


@pytest.mark.parametrize("prefix", ["", "bulk/"])
async def test_what_the_house_keeps_itself_is_read_by_nobody(prefix: str) -> None:
    objects = S3ObjectStore(ObjectStoreSettings(bucket="house", prefix=prefix), StorageSettings())
    sources = Sources(storage=Storage(), own_areas=OwnAreas(objects))

    async def fetch(key: str) -> bytes:
        location = S3Location.parse(f"s3://house/{prefix}{key}")
        allow_list = AllowList(["house"])  # the whole bucket
        return await sources.fetch(location, allow_list=allow_list, max_bytes=100, deadline=Deadline.after(1))

    for area in OWN_AREAS:
        with pytest.raises(Forbidden):
            await fetch(f"{area}/globex/doc_{'a' * 32}/pages/1")
    assert await fetch("inbox/a.pdf") == f"house/{prefix}inbox/a.pdf".encode()
    assert await fetch("documents-of-ours/a.pdf")
