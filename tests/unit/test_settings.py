"""Settings: defaults, what stops the start, and that the example file tells all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from ocr_core.adapters.file_opener import OpenerSettings
from ocr_core.contracts.document import OpenLimits
from ocr_core.settings import (
    GROUPS,
    AccessSettings,
    BulkSettings,
    ExposureSettings,
    FileOpenerSettings,
    LimitSettings,
    LogSettings,
    PostprocessSettings,
    PreprocessSettings,
    SettingsError,
    SettingsGroup,
    StorageSettings,
    TritonSettings,
    check_exposure,
    load,
    variable_name,
)

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
DEPENDS_ON_THE_PLACE = {
    "OCR_ACCESS_KEYS",
    "OCR_OPENER_LAUNCHER",
    "OCR_OPENER_SOCKET_PATH",
    "OCR_PREPROCESS_CPU_THREADS",
    "OCR_PREPROCESS_MAX_DOCUMENTS_READING",
    "OCR_POSTPROCESS_CPU_THREADS",
    "OCR_BULK_DATABASE_URL",
}
"""Commented out in the example: the machine's cores, and docker-compose's own database, decide."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for group in GROUPS:
        for field in group.model_fields:
            monkeypatch.delenv(variable_name(group, field), raising=False)


def test_the_defaults_are_those_of_the_contract() -> None:
    assert load(LimitSettings).to_open_limits() == OpenLimits()
    assert load(PreprocessSettings).host == "127.0.0.1"
    assert load(StorageSettings).allow == ()


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_PREPROCESS_PORT", "9000")
    monkeypatch.setenv("OCR_STORAGE_ALLOW", "incoming/scans, archive ,")
    monkeypatch.setenv("OCR_POSTPROCESS_CHARSET_FILES", "a.txt,b.txt")
    assert load(PreprocessSettings).port == 9000
    assert load(StorageSettings).allow == ("incoming/scans", "archive")
    assert load(PostprocessSettings).charset_files == (Path("a.txt"), Path("b.txt"))


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        (PreprocessSettings, "OCR_PREPROCESS_PORT", "http"),
        (PreprocessSettings, "OCR_PREPROCESS_PORT", "70000"),
        (PreprocessSettings, "OCR_PREPROCESS_MAX_DOCUMENTS", "0"),
        (PreprocessSettings, "OCR_PREPROCESS_STRUCTURE_URL", "localhost:8002"),
        (LimitSettings, "OCR_LIMIT_MAX_CPU_S", "-1"),
        (LogSettings, "OCR_LOG_LEVEL", "loud"),
        (TritonSettings, "OCR_TRITON_GRPC_URL", "http://127.0.0.1:8001"),
        (StorageSettings, "OCR_STORAGE_ALLOW", "NOT_A_BUCKET/x"),
        (StorageSettings, "OCR_STORAGE_ALLOW", "bucket/a/../b"),
        (StorageSettings, "OCR_STORAGE_ALLOW", "bucket//a"),
        (PreprocessSettings, "OCR_PREPROCESS_PROT", "9000"),
        (TritonSettings, "OCR_TRITON_MAX_SHARED_BYTES", "0"),
        (BulkSettings, "OCR_BULK_TENANT", "_x"),
        *((BulkSettings, "OCR_BULK_INTAKE_TENANT", value) for value in ("_x", "-x", ".a", "..", ".", "a/b", "a\n")),
        (FileOpenerSettings, "OCR_OPENER_MAX_CHILDREN", "0"),
        (FileOpenerSettings, "OCR_OPENER_MAX_WAITING", "-1"),
        (AccessSettings, "OCR_ACCESS_METRICS_TOKEN", "short"),
        (AccessSettings, "OCR_ACCESS_CACHE_S", "0"),
        (AccessSettings, "OCR_ACCESS_KEY", "true"),
    ],
)
def test_a_bad_value_or_name_stops_the_start_and_names_itself(
    monkeypatch: pytest.MonkeyPatch, group: type[SettingsGroup], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load(group)


def test_the_file_openers_defaults_are_those_of_its_adapter() -> None:
    settings = load(FileOpenerSettings)
    adapter = OpenerSettings()
    assert (settings.max_children, settings.max_waiting) == (adapter.max_children, adapter.max_waiting)


def test_secrets_show_neither_in_values_nor_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_STORAGE_SECRET_ACCESS_KEY", "hush-hush")
    settings = load(StorageSettings)
    assert isinstance(settings.secret_access_key, SecretStr)
    assert "hush-hush" not in repr(settings)
    monkeypatch.setenv("OCR_STORAGE_MAX_DOWNLOADS", "none")
    with pytest.raises(SettingsError) as caught:
        load(StorageSettings)
    assert "hush-hush" not in str(caught.value)


def test_a_group_cannot_be_changed() -> None:
    settings = load(PreprocessSettings)
    with pytest.raises(ValidationError):
        settings.port = 1


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str) -> None:
    check_exposure(host, load(ExposureSettings))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.org"])  # noqa: S104
def test_listening_for_strangers_must_be_meant(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(SettingsError, match="OCR_ALLOW_UNAUTHENTICATED"):
        check_exposure(host, load(ExposureSettings))
    monkeypatch.setenv("OCR_ALLOW_UNAUTHENTICATED", "1")
    check_exposure(host, load(ExposureSettings))


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org"])  # noqa: S104
def test_who_checks_keys_may_listen_for_strangers(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(SettingsError, match="OCR_ACCESS_KEYS"):
        check_exposure(host, load(ExposureSettings), load(AccessSettings))
    monkeypatch.setenv("OCR_ACCESS_KEYS", "1")
    check_exposure(host, load(ExposureSettings), load(AccessSettings))
    with pytest.raises(SettingsError, match="network of its own"):  # the text side never checks any
        check_exposure(host, load(ExposureSettings))


def test_the_example_file_names_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.strip() for line in EXAMPLE.read_text().splitlines()]
    commented = {line.lstrip("#").partition("=")[0] for line in lines if line.startswith("#OCR_")}
    given = dict(line.split("=", 1) for line in lines if line.startswith("OCR_"))
    known = {variable_name(group, field) for group in GROUPS for field in group.model_fields}
    assert given.keys() | commented == known
    assert commented == DEPENDS_ON_THE_PLACE
    defaults = [load(group) for group in GROUPS]
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert [load(group) for group in GROUPS] == defaults
