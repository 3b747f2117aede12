"""Which file opener a service gets: the one that its settings name."""

from __future__ import annotations

from typing import Protocol

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.sandbox_launch import ConnectingLauncher, ExecutingLauncher, Launcher
from ocr_core.contracts.ports import FileOpener
from ocr_core.settings import FileOpenerSettings, OpenerLauncher


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


def make_file_opener(settings: FileOpenerSettings) -> ManagedOpener:
    """The opener that the settings describe, not started."""
    launcher: Launcher
    match settings.launcher:
        case OpenerLauncher.SOCKET:
            launcher = ConnectingLauncher(settings.socket_path)
        case _:
            launcher = ExecutingLauncher(bwrap=settings.bwrap)
    return LocalFileOpener(
        OpenerSettings(max_children=settings.max_children, max_waiting=settings.max_waiting, launcher=launcher)
    )
