"""A real Prometheus on loopback, with our own rules at a quicker pace: minutes are seconds."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest
import yaml

from ocr_core.telemetry import Metrics
from tests.support.alerts import RULES
from tests.support.aws import free_port
from tests.support.faults_process import FaultyProcess
from tests.support.waiting import wait_until

SCRAPE = "500ms"
PATIENCE_S = 90.0
_SHORTER = {"2m": "3s", "5m": "4s", "15m": "4s", "30m": "4s", "1h": "6s", "1d": "90s"}
"""Of the windows that the rules look back; each holds several scrapes."""
_WINDOW = re.compile(r"(\[|offset )(\d+[mhd])\b")


def quick_rules() -> str:
    """The rules, each window shorter, and none waited out."""
    quick = _WINDOW.sub(lambda found: f"{found[1]}{_SHORTER[found[2]]}", RULES.read_text())
    return re.sub(r"^( +)for: \S+$", r"\1for: 500ms", quick, flags=re.MULTILINE)


def run_promtool(*arguments: str) -> None:
    """Fail the test with what promtool says, where it finds something wrong; skip it where there is none."""
    if (command := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    answer = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def run_promtool_cases(cases: Mapping[str, Any], folder: Path) -> None:
    """The content of a file for ``promtool test rules``."""
    (file := folder / "cases.yaml").write_text(yaml.safe_dump(cases))
    run_promtool("test", "rules", str(file))


@dataclass(slots=True, kw_only=True)
class Prometheus:
    """Start it as a context manager."""

    folder: Path
    targets: Mapping[str, str]
    """``host:port`` by the service that listens there."""
    _process: FaultyProcess = field(init=False)
    _http: httpx.Client = field(init=False)

    def __enter__(self) -> Self:
        if (command := shutil.which("prometheus")) is None:
            pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
        config = {
            "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [
                {
                    "job_name": "yomitori",
                    "static_configs": [
                        {"targets": [target], "labels": {"service": service, "part_of": "yomitori"}}
                        for service, target in self.targets.items()
                    ],
                }
            ],
        }
        (self.folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        (self.folder / "rules.yaml").write_text(quick_rules())
        port = free_port()
        self._process = FaultyProcess(
            name="prometheus",
            command=[
                command,
                f"--config.file={self.folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            environment={},
            log=self.folder / "prometheus.log",
        )
        self._process.start()
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0, trust_env=False)
        try:
            wait_until(self._is_ready, "Prometheus", patience_s=PATIENCE_S)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._process.kill()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What it answers now."""
        answer = self._http.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    def exemplars(self, expression: str) -> list[dict[str, Any]]:
        """Of the last minute."""
        now_s = time.time()
        parameters = {"query": expression, "start": str(now_s - 60), "end": str(now_s)}
        return list(self._http.get("/api/v1/query_exemplars", params=parameters).json()["data"])

    def firing(self) -> set[str]:
        """Names of the alerts that fire."""
        alerts = self._http.get("/api/v1/alerts").json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def wait_fires(self, alert: str, cause: Callable[[], object] = lambda: None) -> None:
        """Bring the cause about, again and again, until the rule fires, or has fired while the cause lasted."""
        started_s = time.monotonic()

        def fires() -> bool:
            cause()
            return alert in self.firing() or self._has_fired(alert, math.ceil(time.monotonic() - started_s))

        wait_until(fires, f"{alert} (firing: {', '.join(sorted(self.firing())) or 'nothing'})", patience_s=PATIENCE_S)

    def _has_fired(self, alert: str, within_s: int) -> bool:
        """A cause that ended by itself may be over before somebody looks."""
        return bool(self.query(f'count_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[{within_s}s])'))

    def wait_silent(self, alert: str) -> None:
        """Until it fires no more."""
        wait_until(lambda: alert not in self.firing(), f"the end of {alert}", patience_s=PATIENCE_S)

    def wait_seen(self) -> None:
        """Until every target has been scraped, twice."""
        count = f"count(count_over_time(up[1m]) >= 2) == {len(self.targets)}"
        wait_until(lambda: bool(self.query(count)), "the first scrapes", patience_s=PATIENCE_S)

    def _is_ready(self) -> bool:
        assert self._process.alive, f"Prometheus has ended:\n{self._process.last_lines()}"
        try:
            return self._http.get("/-/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class ServedMetrics:
    """``/metrics`` of a registry that is filled inside the test."""

    def __init__(self, metrics: Metrics) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content, content_type = metrics.exposition_for(self.headers.get("Accept", ""))
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> str:
        """Where, as a target."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
