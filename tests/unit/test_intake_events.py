"""What may lie in the intake queue, and what it is taken for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_worker.intake.events import decode
from ocr_core.contracts.errors import InvalidRequest


def record(key: str = "in/a.pdf", *, event: str = "ObjectCreated:Put", **marks: str) -> dict[str, Any]:
    return {"eventName": event, "s3": {"bucket": {"name": "inbox"}, "object": {"key": key, **marks}}}


def sources(body: object, message_id: str = "m1") -> list[str]:
    return [each.untrusted_source for each in decode(json.dumps(body), message_id)]


def event_key(body: object, message_id: str = "m1") -> str:
    (announced,) = decode(json.dumps(body), message_id)
    return announced.event_key


def test_a_producers_message() -> None:
    (announced,) = decode('{"schema_version": 1, "source": "s3://inbox/a b+c%20.pdf", "reference": "r"}', "m1")
    assert (announced.untrusted_source, announced.reference) == ("s3://inbox/a b+c%20.pdf", "r")
    assert not announced.by_bucket


def test_a_buckets_keys_are_unescaped_as_forms_are() -> None:
    body = {"Records": [record("in/%E8%AB%8B%E6%B1%82+1%2B2.pdf"), record("in/b.pdf")]}
    assert sources(body) == ["s3://inbox/in/請求 1+2.pdf", "s3://inbox/in/b.pdf"]


def test_only_writing_counts() -> None:
    assert sources({"Records": [record(event="ObjectRemoved:Delete"), record(event="s3:ObjectCreated:Copy")]}) == [
        "s3://inbox/in/a.pdf"
    ]
    assert sources({"Records": []}) == []
    assert sources({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "inbox"}) == []
    assert sources({"detail-type": "Object Deleted", "detail": {}}) == []


def test_notifications_in_wrappings() -> None:
    inside = {"Records": [record("a+b.pdf")]}
    wrapped = {"Type": "Notification", "MessageId": "x", "TopicArn": "arn", "Message": json.dumps(inside)}
    assert sources(wrapped) == ["s3://inbox/a b.pdf"]
    asked = {"Type": "Notification", "Message": json.dumps({"schema_version": 1, "source": "s3://inbox/a.pdf"})}
    assert sources(asked) == ["s3://inbox/a.pdf"]
    bridge = {"detail-type": "Object Created", "detail": {"bucket": {"name": "inbox"}, "object": {"key": "a+b.pdf"}}}
    assert sources(bridge) == ["s3://inbox/a+b.pdf"]


def test_repeats_of_an_event_are_known_by_what_it_says() -> None:
    event = {"Records": [record(eTag="e", sequencer="1")]}
    assert event_key(event, "m1") == event_key(event, "m2")
    for other in (
        {"Records": [record(eTag="e", sequencer="2")]},
        {"Records": [record(eTag="f", sequencer="1")]},
        {"Records": [record("in/b.pdf", eTag="e", sequencer="1")]},
        {"Records": [record(eTag="e", sequencer="1", versionId="v")]},
    ):
        assert event_key(other) != event_key(event)
    bare = {"Records": [record()]}
    assert event_key(bare, "m1") != event_key(bare, "m2")
    message = {"schema_version": 1, "source": "s3://inbox/a.pdf"}
    assert event_key(message, "m1") == event_key(message, "m1")
    assert event_key(message, "m1") != event_key(message, "m2")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "{}",
        "[" * 100_000,
        '{"schema_version": 2, "source": "s3://a/b"}',
        '{"schema_version": 1, "source": "https://a/b"}',
        '{"schema_version": 1}',
        '{"Records": {}}',
        '{"Records": [1]}',
        '{"Records": [{"eventName": 1}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": 1}, "object": {"key": "k"}}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {}}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "%FF"}}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "%00"}}}]}',
        '{"Type": "Notification", "Message": "{}"}',
        '{"Type": "Notification", "Message": 3}',
        '{"Event": "s3:Other"}',
        '{"detail-type": "Object Created", "detail": 3}',
    ],
)
def test_what_is_malformed_says_so(body: str) -> None:
    with pytest.raises(InvalidRequest):
        decode(body, "m1")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "s3", "bucket", "object", "key", "name", "eventName", "Event", "Type", "Message"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_comes_is_read_or_refused(body: object) -> None:
    try:
        decode(json.dumps(body), "m1")
    except InvalidRequest:
        return
