"""``s3://`` addresses and the allow-list: nothing passes that no entry covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.errors import Forbidden, InvalidRequest
from preprocess_svc.sources import AllowList, S3Location


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
