"""Where answers are remembered: in the process, or in object storage."""

from ocr_core.adapters.remembered.memory import Kind, Memory
from ocr_core.adapters.remembered.shared import forget

__all__ = ["Kind", "Memory", "forget"]
