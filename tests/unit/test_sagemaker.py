"""What goes together with SageMaker's contract, and how parameters come through its headers."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.settings import (
    AccessSettings,
    BulkSettings,
    DocumentSettings,
    PreprocessSettings,
    SettingsError,
    StorageSettings,
    check_exposure,
    load,
)
from ocr_core.settings import ExposureSettings as Exposure
from preprocess_svc.parameters import OcrParameters
from preprocess_svc.sagemaker import ATTRIBUTES_HEADER, MAX_ATTRIBUTES_CHARACTERS, read_parameters
from preprocess_svc.sagemaker_settings import (
    Contract,
    SageMakerPlatformSettings,
    SageMakerSettings,
    settle_contract,
)


def settle(monkeypatch: pytest.MonkeyPatch, serve: bool = True, **environment: str) -> Contract | None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return settle_contract(
        load(SageMakerSettings),
        load(SageMakerPlatformSettings),
        is_asked_to_serve=serve,
        settings=load(PreprocessSettings),
        access=load(AccessSettings),
        storage=load(StorageSettings),
        bulk=load(BulkSettings),
        documents=load(DocumentSettings),
    )


def test_it_is_off_and_serve_alone_does_not_switch_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settle(monkeypatch, serve=False) is None
    assert settle(monkeypatch, serve=False, OCR_SAGEMAKER_TENANT="") is None
    with pytest.raises(SettingsError, match="OCR_SAGEMAKER_TENANT"):
        settle(monkeypatch)


def test_it_serves_where_sagemaker_calls_and_ends_before_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = settle(monkeypatch, OCR_SAGEMAKER_TENANT="acme", OCR_STORAGE_ALLOW="inbox", SAGEMAKER_REGION="x")
    assert contract is not None
    assert (contract.host, contract.port, contract.shutdown_grace_s) == ("0.0.0.0", 8080, 25.0)  # noqa: S104
    assert (contract.house.name, contract.house.policy.source_prefixes) == ("acme", ("inbox",))
    moved = settle(monkeypatch, SAGEMAKER_BIND_TO_PORT="18080", OCR_PREPROCESS_SHUTDOWN_GRACE_S="10")
    assert moved is not None
    assert (moved.port, moved.shutdown_grace_s) == (18080, 10.0)


def test_that_strangers_reach_it_must_be_meant_as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = settle(monkeypatch, OCR_SAGEMAKER_TENANT="acme")
    assert contract is not None
    with pytest.raises(SettingsError, match="OCR_ALLOW_UNAUTHENTICATED"):
        check_exposure(contract.host, load(Exposure), load(AccessSettings))
    monkeypatch.setenv("OCR_ALLOW_UNAUTHENTICATED", "1")
    check_exposure(contract.host, load(Exposure), load(AccessSettings))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OCR_ACCESS_KEYS", "true"),
        ("OCR_BULK_TENANT", "globex"),
        ("OCR_PREPROCESS_PORT", "8000"),
        ("OCR_PREPROCESS_SHUTDOWN_GRACE_S", "30"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settle(monkeypatch, OCR_SAGEMAKER_TENANT="acme", **{name: value})


@pytest.mark.parametrize("value", ["a/b", "..", "_x"])
def test_a_tenants_name_is_one(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(SettingsError, match="OCR_SAGEMAKER_TENANT"):
        settle(monkeypatch, OCR_SAGEMAKER_TENANT=value)


def parameters(attributes: str | None = None, accept: str | None = None) -> OcrParameters:
    sent = {ATTRIBUTES_HEADER: attributes, "Accept": accept}
    headers = [(name.lower().encode(), value.encode()) for name, value in sent.items() if value is not None]
    return OcrParameters.parse(read_parameters(Request({"type": "http", "headers": headers})))


def test_attributes_are_written_as_the_query_is() -> None:
    wanted = parameters("schema=invoice,receipt&pages=1-2&timeout_s=20&min_confidence=0.3")
    assert (wanted.schemas, wanted.pages, wanted.timeout_s) == (("invoice", "receipt"), "1-2", 20.0)
    assert wanted.min_confidence == 0.3
    assert parameters("pages=1-3%2C7").pages == "1-3,7"
    assert (
        parameters() == parameters("") == OcrParameters.parse(read_parameters(Request({"type": "http", "headers": []})))
    )


@pytest.mark.parametrize(
    ("accept", "written"),
    [
        (None, "json"),
        ("*/*", "json"),
        ("application/json", "json"),
        ("text/plain; charset=utf-8", "text"),
        ("image/png, application/pdf;q=0.8", "pdf"),
        ("Application/XML", "alto"),
    ],
)
def test_accept_decides_the_format(accept: str | None, written: str) -> None:
    assert parameters(accept=accept).format == written


def test_a_format_that_is_named_goes_before_what_an_sdk_accepts_by_habit() -> None:
    assert parameters("format=markdown", accept="application/json").format == "markdown"


@pytest.mark.parametrize("attributes", ["c000b4f9-df62-4c85", "schema", "=&=", "&".join(["a=1"] * 100)])
def test_attributes_that_are_no_parameters_are_refused(attributes: str) -> None:
    with pytest.raises(InvalidRequest):
        parameters(attributes)


def test_nothing_that_is_not_written_is_promised() -> None:
    with pytest.raises(InvalidRequest, match="Accept"):
        parameters(accept="image/png")


def test_the_headers_limit_holds_all_parameters() -> None:
    assert len("&".join(f"{name}={'x' * 20}" for name in OcrParameters.model_fields)) < MAX_ATTRIBUTES_CHARACTERS
