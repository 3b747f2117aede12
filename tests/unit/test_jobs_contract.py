"""Messages are decoded from untrusted bodies; values refuse what no database could hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.errors import ERRORS_BY_CODE, IdempotencyMismatch, InvalidRequest
from ocr_core.contracts.jobs import (
    MAX_REFERENCE_CHARACTERS,
    MAX_SOURCE_CHARACTERS,
    DocumentStatus,
    IdempotencyKey,
    NewDocument,
    NewJob,
    PageRange,
    Stage,
    new_job_id,
)
from ocr_core.contracts.messages import MAX_DECODED_BYTES, IntakeMessage, StageMessage

DOCUMENT_ID = "doc_" + "0a" * 16

TENANTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
RANGES = st.tuples(st.integers(1, 999_999), st.integers(1, 999_999)).map(
    lambda pages: PageRange(first=min(pages), last=max(pages))
)
MESSAGES = st.one_of(
    st.builds(
        StageMessage,
        kind=st.sampled_from([Stage.READ, Stage.STRUCTURE]),
        tenant=TENANTS,
        document_id=st.just(DOCUMENT_ID),
    ),
    st.builds(
        StageMessage, kind=st.just(Stage.READ_RANGE), tenant=TENANTS, document_id=st.just(DOCUMENT_ID), pages=RANGES
    ),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


def body(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {"schema_version": 1, "kind": "read", "tenant": "acme", "document_id": DOCUMENT_ID}
    return {**fields, **changes}


@given(MESSAGES)
def test_a_message_comes_back_as_it_was_sent_and_is_short(message: StageMessage) -> None:
    encoded = message.encode()
    assert StageMessage.decode(encoded) == message
    assert StageMessage.decode(encoded.encode()) == message
    assert len(encoded.encode()) < 512


def test_the_longest_intake_message_is_read_however_it_is_escaped() -> None:
    source = "s3://" + "\N{PAGE FACING UP}" * (MAX_SOURCE_CHARACTERS - 5)
    reference = "\N{PAGE FACING UP}" * MAX_REFERENCE_CHARACTERS
    message = json.dumps({"schema_version": 1, "source": source, "reference": reference}, ensure_ascii=True)
    assert IntakeMessage.decode(message) == IntakeMessage(source=source, reference=reference)


@pytest.mark.parametrize(
    "untrusted",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b"[" * 4_000,
        b"1" * 5_000,
        b'{"schema_version":1,"pad":"' + b"x" * MAX_DECODED_BYTES + b'"}',
        json.dumps(body(schema_version=2)),
        json.dumps(body(schema_version=True)),
        json.dumps(body(schema_version="1")),
        json.dumps(body(kind="open")),
        json.dumps(body(kind=["read"])),
        json.dumps(body(tenant="")),
        json.dumps(body(tenant="../other")),
        json.dumps(body(tenant="a" * 65)),
        json.dumps(body(tenant="acme\n")),
        json.dumps(body(tenant="\ud800")),
        json.dumps(body(document_id="doc_1")),
        json.dumps(body(document_id=f"{DOCUMENT_ID}/..")),
        json.dumps(body(pages=[1, 2])),
        json.dumps(body(kind="read_range")),
        json.dumps(body(kind="read_range", pages=[1])),
        json.dumps(body(kind="read_range", pages=[1, 2, 3])),
        json.dumps(body(kind="read_range", pages=[0, 2])),
        json.dumps(body(kind="read_range", pages=[3, 2])),
        json.dumps(body(kind="read_range", pages=[1, 10**7])),
        json.dumps(body(kind="read_range", pages=[1.0, 2])),
        json.dumps(body(kind="read_range", pages="12")),
        '{"schema_version":1,"kind":"read","tenant":"acme"}',
    ],
)
def test_what_is_no_message_is_refused(untrusted: str | bytes) -> None:
    with pytest.raises(InvalidRequest):
        StageMessage.decode(untrusted)


@given(st.binary(max_size=300) | JSON_VALUES.map(json.dumps))
def test_no_body_does_more_than_be_refused(untrusted: str | bytes) -> None:
    for decode in (StageMessage.decode, IntakeMessage.decode):
        with pytest.raises(InvalidRequest):
            decode(untrusted)


@given(st.sampled_from(sorted(body())), JSON_VALUES)
def test_a_message_with_one_wrong_field_is_refused_or_right(name: str, value: object) -> None:
    try:
        message = StageMessage.decode(json.dumps(body(**{name: value})))
    except InvalidRequest:
        return
    assert StageMessage.decode(message.encode()) == message


def test_fields_of_a_later_minor_version_are_passed_over() -> None:
    assert StageMessage.decode(json.dumps(body(trace="abc"))).tenant == "acme"


def test_intake_messages() -> None:
    message = IntakeMessage.decode('{"schema_version":1,"source":"s3://inbox/a.pdf","reference":"請求書-1"}')
    assert message == IntakeMessage(source="s3://inbox/a.pdf", reference="請求書-1")
    assert IntakeMessage.decode('{"schema_version":1,"source":"s3://inbox/a.pdf"}').reference is None
    assert IntakeMessage.decode('{"schema_version":1,"source":"s3://inbox/a.pdf","reference":null}').reference is None


@pytest.mark.parametrize(
    "untrusted",
    [
        '{"schema_version":1}',
        '{"schema_version":1,"source":"https://inside/a.pdf"}',
        '{"schema_version":1,"source":"file:///etc/passwd"}',
        '{"schema_version":1,"source":"s3://inbox/\\u0000"}',
        '{"schema_version":1,"source":"s3://inbox/a.pdf","reference":7}',
        '{"schema_version":1,"source":"s3://inbox/a.pdf","reference":"\\ud800"}',
        json.dumps({"schema_version": 1, "source": "s3://inbox/" + "a" * 2_048}),
        json.dumps({"schema_version": 1, "source": "s3://inbox/a", "reference": "a" * 1_001}),
    ],
)
def test_what_is_no_intake_message_is_refused(untrusted: str) -> None:
    with pytest.raises(InvalidRequest):
        IntakeMessage.decode(untrusted)


@pytest.mark.parametrize(("first", "last"), [(0, 1), (-1, 1), (2, 1)])
def test_a_page_range_runs_upwards_from_one(first: int, last: int) -> None:
    with pytest.raises(InvalidRequest):
        PageRange(first=first, last=last)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "x" * 3_000])
def test_what_a_database_would_refuse_is_refused_before(text: str) -> None:
    with pytest.raises(InvalidRequest):
        NewDocument(source=text)
    with pytest.raises(InvalidRequest):
        NewDocument(source="s3://a/b", reference=text)
    with pytest.raises(InvalidRequest):
        NewDocument(source="s3://a/b", file_name=text)
    with pytest.raises(InvalidRequest):
        IdempotencyKey(route="POST /v1/jobs", key=text, body_digest="")


@pytest.mark.parametrize("tenant", ["", ".", "..", ".a", "_x", "-x", "a/b", "a" * 65, "acme\n", "\u00e9"])
def test_no_job_and_no_message_is_made_for_what_is_no_tenant(tenant: str) -> None:
    with pytest.raises(InvalidRequest, match="tenant"):
        NewJob(id=new_job_id(), tenant=tenant, documents=())
    sent = StageMessage(kind=Stage.READ, tenant=tenant, document_id=DOCUMENT_ID).encode()
    with pytest.raises(InvalidRequest, match="tenant"):
        StageMessage.decode(sent)


def test_ids_are_not_repeated() -> None:
    assert len({new_job_id() for _ in range(100)}) == 100


def test_what_has_ended() -> None:
    assert {status for status in DocumentStatus if status.ended} == {"done", "failed", "cancelled"}


def test_the_idempotency_error_is_in_the_tree() -> None:
    assert ERRORS_BY_CODE["idempotency_mismatch"] is IdempotencyMismatch
    assert IdempotencyMismatch.http_status == 422
    assert not IdempotencyMismatch.retryable
