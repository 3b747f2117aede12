"""Whether a service can answer: alive at all, and ready with everything it depends on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from ocr_core.contracts.errors import NotReady, OcrError
from ocr_core.telemetry import Metrics

Check = Callable[[], Awaitable[None]]
"""Returns when the dependency answers; raises an ``OcrError`` or an ``OSError`` that says why it does not."""

_CHECK_TIMEOUT_S = 2.0
_logger = logging.getLogger(__name__)


class Readiness:
    """The dependencies of a service, asked side by side."""

    def __init__(self, checks: Mapping[str, Check] | None = None) -> None:
        self._checks = dict(checks or {})
        self._metrics: Metrics | None = None

    def report_to(self, metrics: Metrics) -> None:
        """Have each answer shown as a metric, from the first time that anybody asks."""
        self._metrics = metrics

    async def check(self) -> list[str]:
        """The names of the dependencies that answered.

        Raises:
            NotReady: naming each one that did not.
        """
        answers = await asyncio.gather(*(self._ask(name, check) for name, check in self._checks.items()))
        missing = [answer for answer in answers if answer is not None]
        if missing:
            raise NotReady("; ".join(missing))
        return list(self._checks)

    async def _ask(self, name: str, check: Check) -> str | None:
        problem = await _problem(name, check)
        if self._metrics is not None:
            self._metrics.dependency_up.labels(name).set(problem is None)
        return problem


async def _problem(name: str, check: Check) -> str | None:
    """Why a dependency does not answer; null where it does."""
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            await check()
    except TimeoutError:
        return f"{name} did not answer within {_CHECK_TIMEOUT_S:g} s"
    except OcrError as error:
        return f"{name}: {error.detail}"
    except Exception:
        _logger.exception("A readiness check failed", extra={"action": "readiness.failed", "dependency": name})
        return f"{name} does not answer"
    return None
