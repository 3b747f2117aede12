"""The migrations by themselves: what a deployment runs before the services, as a user who may change tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.jobs import StoreRules

COMMAND = (sys.executable, "-m", "async_worker.migrate")
EX_CONFIG = 78


def migrate(url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    return subprocess.run(
        COMMAND,
        env={**environment, "OCR_BULK_DATABASE_URL": url, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_makes_the_tables_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'folder' / 'jobs.sqlite3'}"
    for _ in range(2):
        answer = migrate(url)
        assert answer.returncode == 0, answer.stderr
    with SqlJobStore(url, rules=StoreRules(lease_s=30, max_attempts=5, resend_first_s=30, resend_max_s=600)) as store:
        store.check()


def test_a_database_that_does_not_answer_ends_it_and_its_password_is_not_told() -> None:
    answer = migrate("postgresql+psycopg://nobody:a-secret-word@127.0.0.1:1/none?connect_timeout=2")
    assert answer.returncode == 1
    assert "migrate.failed" in answer.stderr
    assert "a-secret-word" not in answer.stderr + answer.stdout


def test_a_bad_setting_names_itself() -> None:
    answer = migrate("sqlite://", OCR_BULK_WINDOWS="512")
    assert answer.returncode == EX_CONFIG
    assert "OCR_BULK_WINDOWS" in answer.stderr
