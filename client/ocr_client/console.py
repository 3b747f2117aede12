"""What every command says on standard error."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ocr_client.errors import ApiError


def print_error(message: str) -> None:
    """One line, red where that can be seen."""
    Console(stderr=True, soft_wrap=True).print(Text(f"ocr: {message}", style="red"))


def print_note(message: str) -> None:
    """One line that is no error."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(f"ocr: {message}"))


def reason(error: Exception | None) -> str:
    """What went wrong, for whoever started the command."""
    if isinstance(error, ApiError) and error.request_id is not None:
        return f"{error} [request {error.request_id}]"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
