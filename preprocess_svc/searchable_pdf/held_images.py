"""Page images in memory, on the sync road, from a page's reading until the answer is written; bounded."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from ocr_core.contracts.errors import DocumentTooLarge, Overloaded


class PageData(Protocol):
    """A page's image, compressed."""

    @property
    def number(self) -> int:
        """1-based."""
        ...

    @property
    def data(self) -> bytes:
        """What is counted."""
        ...


Image = TypeVar("Image", bound=PageData)


class ImageBudget:
    """The bytes of page images that a process holds at once, of one document and of all. For any threads."""

    def __init__(self, *, max_document_bytes: int, max_held_bytes: int) -> None:
        self.max_document_bytes = max_document_bytes
        self._max_held_bytes = max_held_bytes
        self._lock = threading.Lock()
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Of all documents, at this moment."""
        return self._held_bytes

    def take(self, size_bytes: int) -> None:
        """Count bytes in.

        Raises:
            Overloaded: the other documents hold too many.
        """
        with self._lock:
            if self._held_bytes + size_bytes > self._max_held_bytes:
                raise Overloaded("the page images of other documents fill the memory that there is for them")
            self._held_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Count bytes out."""
        with self._lock:
            self._held_bytes -= size_bytes


class HeldImages(Generic[Image]):
    """One document's page images, for as long as it is being answered: a context manager. For any threads."""

    def __init__(self, budget: ImageBudget) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._images: dict[int, Image] = {}
        self._taken_bytes = 0
        self._is_released = False

    def __enter__(self) -> Self:
        """Hold what comes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it, whatever has happened."""
        self.release()

    def add(self, image: Image) -> None:
        """Hold a page's image; nothing once the document is given up.

        Raises:
            DocumentTooLarge: the document's images together are over the limit.
            Overloaded: the other documents' are.
        """
        size_bytes = len(image.data)
        with self._lock:
            if self._is_released:
                return
            limit_bytes = self._budget.max_document_bytes
            if self._taken_bytes + size_bytes > limit_bytes:
                raise DocumentTooLarge(
                    f"the document's page images are over the limit of {limit_bytes} bytes (max_document_bytes)"
                )
            self._budget.take(size_bytes)
            self._taken_bytes += size_bytes
            self._images[image.number] = image

    @property
    def size_bytes(self) -> int:
        """Of all that it holds, or has given into the answer."""
        return self._taken_bytes

    def take(self, number: int) -> Image | None:
        """A page's image, no longer held here: by now it goes into the answer, and stays counted with it."""
        with self._lock:
            return self._images.pop(number, None)

    def release(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._is_released = True
            self._images.clear()
            self._budget.give_back(self._taken_bytes)
            self._taken_bytes = 0
