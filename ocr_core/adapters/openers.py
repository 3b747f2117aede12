"""Which file opener a service gets: the one that its settings name."""

from __future__ import annotations

from typing import Protocol

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.lambda_opener import LambdaFileOpener, LambdaOpenerSettings
from ocr_core.adapters.opener_metrics import OpenerMetrics
from ocr_core.adapters.sandbox_launch import ConnectingLauncher, ExecutingLauncher, Launcher
from ocr_core.contracts.ports import FileOpener
from ocr_core.settings import FileOpenerSettings, OpenerLauncher, StorageSettings


class ManagedOpener(FileOpener, Protocol):
    """A file opener that is started and closed with its service."""

    async def start(self) -> None:
        """Make sure that files can be opened, which takes no time where they can be already.

        Raises:
            NotReady: they cannot.
        """
        ...

    async def close(self) -> None:
        """End every opening."""
        ...


def make_file_opener(
    settings: FileOpenerSettings, storage: StorageSettings, metrics: OpenerMetrics | None = None
) -> ManagedOpener:
    """The opener that the settings describe, not started.

    Args:
        settings: Which, and how much at once.
        storage: Object storage through which a function gets its documents; of no concern to the others.
        metrics: Where what was opened is counted.
    """
    match settings.launcher:
        case OpenerLauncher.PROCESS:
            return _local(settings, ExecutingLauncher(bwrap=settings.bwrap), metrics)
        case OpenerLauncher.SOCKET:
            return _local(settings, ConnectingLauncher(settings.socket_path), metrics)
        case OpenerLauncher.LAMBDA:
            return LambdaFileOpener(
                LambdaOpenerSettings(
                    function=settings.lambda_function,
                    bucket=settings.lambda_bucket or "",
                    prefix=settings.lambda_prefix,
                    region=settings.lambda_region,
                    endpoint_url=settings.lambda_endpoint_url,
                    pages_per_call=settings.lambda_pages_per_call,
                    max_call_s=settings.lambda_max_call_s,
                    max_documents=settings.max_children,
                    max_waiting=settings.max_waiting,
                ),
                storage,
                metrics,
            )


def _local(settings: FileOpenerSettings, launcher: Launcher, metrics: OpenerMetrics | None) -> LocalFileOpener:
    return LocalFileOpener(
        OpenerSettings(max_children=settings.max_children, max_waiting=settings.max_waiting, launcher=launcher),
        metrics,
    )
