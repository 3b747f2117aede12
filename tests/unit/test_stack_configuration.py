"""What `make up` makes of .env and the environment: honoured, or refused with the variable's name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.aws import ACCESS_KEY_ID, AwsUnavailable
from local_stack.configuration import (
    bulk_plan_from_settings,
    check_addresses,
    database_from_settings,
    ports_from_settings,
    read_dot_env,
)
from local_stack.plan import BulkPlan, StackPlan, service_specs
from local_stack.ports import Ports
from local_stack.service import ServiceSpec
from local_stack.stack import REPOSITORY_ROOT
from local_stack.triton import TritonUnavailable
from ocr_core.settings import GROUPS, PreprocessSettings, SettingsError, variable_name


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for group in GROUPS:
        for field in group.model_fields:
            name = variable_name(group, field)
            monkeypatch.setenv(name, "")  # remembered, so that what a test adds is taken back
            monkeypatch.delenv(name)


def test_what_is_exported_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("OCR_PREPROCESS_PORT=9001\nOCR_POSTPROCESS_PORT=9002\n")
    monkeypatch.setenv("OCR_PREPROCESS_PORT", "9100")
    read_dot_env(file)
    assert os.environ["OCR_PREPROCESS_PORT"] == "9100"
    assert os.environ["OCR_POSTPROCESS_PORT"] == "9002"


def test_without_settings_the_ports_are_the_usual_ones() -> None:
    check_addresses()
    assert ports_from_settings() == Ports()


def test_the_example_file_changes_nothing() -> None:
    read_dot_env(REPOSITORY_ROOT / ".env.example")
    check_addresses()
    assert ports_from_settings() == Ports()
    assert bulk_plan_from_settings(Path("data"), read_workers=1, structure_workers=1) == BulkPlan(data_dir=Path("data"))
    assert database_from_settings() == {}


def test_ports_that_are_set_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_PREPROCESS_PORT", "9100")
    monkeypatch.setenv("OCR_POSTPROCESS_PORT", "9102")
    monkeypatch.setenv("OCR_PREPROCESS_STRUCTURE_URL", "http://127.0.0.1:9102")
    monkeypatch.setenv("OCR_TRITON_GRPC_URL", "localhost:9111")
    monkeypatch.setenv("OCR_BULK_PORT", "9101")
    monkeypatch.setenv("OCR_BULK_VITALS_PORT", "9120")
    check_addresses()
    assert ports_from_settings(bulk_vitals=4) == Ports(
        preprocess=9100,
        bulk_api=9101,
        postprocess=9102,
        triton_http=9110,
        triton_grpc=9111,
        triton_metrics=9112,
        bulk_vitals=(9120, 9121, 9122, 9123),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OCR_PREPROCESS_HOST", "0.0.0.0"),  # noqa: S104
        ("OCR_PREPROCESS_HOST", "::1"),
        ("OCR_POSTPROCESS_HOST", "10.0.0.7"),
        ("OCR_BULK_HOST", "0.0.0.0"),  # noqa: S104
        ("OCR_BULK_PORT", "8020"),  # the local SQS and S3 server's
        ("OCR_BULK_VITALS_PORT", "65534"),
        ("OCR_BULK_VITALS_PORT", "8010"),
        ("OCR_TRITON_GRPC_URL", "triton.example.org:8001"),
        ("OCR_TRITON_GRPC_URL", "127.0.0.1:8002"),
        ("OCR_TRITON_GRPC_URL", "127.0.0.1:65535"),
        ("OCR_PREPROCESS_PORT", "8002"),
        ("OCR_PREPROCESS_STRUCTURE_URL", "http://127.0.0.1:9102"),
        ("OCR_PREPROCESS_STRUCTURE_URL", "http://text.example.org:8002"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    def configure() -> None:
        check_addresses()
        ports_from_settings()

    with pytest.raises(SettingsError, match=name):
        configure()


def test_the_command_says_so_and_starts_nothing(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "local_stack", "up", "--state-file", str(tmp_path / "state.json")],
        env={**os.environ, "OCR_PREPROCESS_PORT": "8002", "PYTHONPATH": str(REPOSITORY_ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 78
    assert "OCR_PREPROCESS_PORT" in answer.stderr


class TestBulkPlan:
    """What the processes of the bulk road are started with."""

    @staticmethod
    def specs(plan: BulkPlan, environment: dict[str, str] | None = None) -> dict[str, ServiceSpec]:
        stack = StackPlan(ports=Ports.free(bulk_vitals=plan.vitals), environment=environment or {}, bulk=plan)
        try:
            return {spec.name: spec for spec in service_specs(stack)}
        except (AwsUnavailable, TritonUnavailable) as error:
            pytest.skip(str(error))

    def plan(self, tmp_path: Path, **counts: int) -> BulkPlan:
        workers = {"read_workers": 1, "structure_workers": 1} | counts
        return bulk_plan_from_settings(tmp_path, **workers)

    def test_by_default_it_has_servers_and_a_database_of_its_own(self, tmp_path: Path) -> None:
        specs = self.specs(self.plan(tmp_path))
        assert [name for name in specs if name == "aws" or name.startswith("bulk-")] == [
            "aws",
            "bulk-api",
            "bulk-dispatcher",
            "bulk-read",
            "bulk-structure",
        ]
        for name in ("bulk-api", "bulk-dispatcher", "bulk-read", "bulk-structure", "preprocess"):
            given = specs[name].environment
            assert given["OCR_QUEUE_ENDPOINT_URL"] == given["OCR_STORAGE_ENDPOINT_URL"]
            assert given["OCR_STORAGE_ACCESS_KEY_ID"] == ACCESS_KEY_ID
        assert specs["bulk-read"].environment["OCR_BULK_DATABASE_URL"] == f"sqlite:///{tmp_path}/bulk/jobs.sqlite3"
        assert specs["bulk-read"].environment["OCR_STORAGE_ALLOW"] == "yomitori/inbox/"

    def test_any_number_of_workers_each_with_a_port_of_its_own(self, tmp_path: Path) -> None:
        specs = self.specs(self.plan(tmp_path, read_workers=3, structure_workers=2))
        workers = [name for name in specs if name.startswith(("bulk-read", "bulk-structure"))]
        assert workers == ["bulk-read", "bulk-read-2", "bulk-read-3", "bulk-structure", "bulk-structure-2"]
        assert len({specs[name].environment["OCR_BULK_VITALS_PORT"] for name in workers}) == len(workers)

    def test_whoever_names_queues_keeps_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OCR_QUEUE_ENDPOINT_URL", "https://sqs.eu-central-1.amazonaws.com")
        plan = self.plan(tmp_path)
        assert (plan.embedded_queue, plan.embedded_storage, plan.has_inbox) == (False, True, False)
        given = self.specs(plan)["bulk-read"].environment
        assert given["OCR_QUEUE_ENDPOINT_URL"] == "https://sqs.eu-central-1.amazonaws.com"
        assert "OCR_QUEUE_ACCESS_KEY_ID" not in given
        assert "OCR_QUEUE_CREATE" not in given
        assert given["OCR_STORAGE_ENDPOINT_URL"].startswith("http://127.0.0.1:")
        assert "OCR_STORAGE_ALLOW" not in given

    def test_whoever_names_both_gets_no_server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OCR_QUEUE_ACCESS_KEY_ID", "mine")
        monkeypatch.setenv("OCR_STORAGE_ENDPOINT_URL", "http://127.0.0.1:9000")
        specs = self.specs(self.plan(tmp_path))
        assert "aws" not in specs
        assert specs["bulk-api"].environment["OCR_STORAGE_ENDPOINT_URL"] == "http://127.0.0.1:9000"
        assert "OCR_OBJECTS_CREATE_BUCKET" not in specs["bulk-api"].environment

    def test_a_database_that_is_named_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OCR_BULK_DATABASE_URL", "postgresql+psycopg://me@db/jobs")
        specs = self.specs(self.plan(tmp_path), database_from_settings())
        assert specs["bulk-api"].environment["OCR_BULK_DATABASE_URL"] == "postgresql+psycopg://me@db/jobs"

    def test_it_may_take_longer_to_stop_than_it_gives_its_work(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OCR_BULK_SHUTDOWN_GRACE_S", "50")
        specs = self.specs(self.plan(tmp_path))
        assert specs["bulk-read"].stop_grace_s > 50
        assert specs["preprocess"].stop_grace_s > PreprocessSettings.model_fields["shutdown_grace_s"].default
