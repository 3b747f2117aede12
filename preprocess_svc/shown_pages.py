"""Page images beside a JSON result (``page_images=true``): for who shows a page with what was read of it.

A browser shows no PDF, TIFF or HEIC as a picture, and a page is often turned before it is read: so the pixels come from
here, upright, as the quads mean them. Kept and bounded as those of searchable PDFs are (``pdf_answers.py``).
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from PIL import Image

from ocr_core.contracts.page import PageImage
from preprocess_svc.page_pixels import PixelKind, UprightPixels, upright_pixels
from preprocess_svc.searchable_pdf.held_images import HeldImages, ImageBudget


class ShownMediaType(StrEnum):
    """What every browser shows."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    """Black and white alone: without loss, and a tenth of the size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPage:
    """One page's image, upright."""

    number: int
    media_type: ShownMediaType
    width_px: int
    height_px: int
    data: bytes


class ShownPages:
    """What all answers with page images share."""

    def __init__(self, *, jpeg_quality: int, budget: ImageBudget) -> None:
        """Store what they need.

        Args:
            jpeg_quality: 1 to 100.
            budget: Shared with the other answers that hold page images.
        """
        self._jpeg_quality = jpeg_quality
        self.budget = budget

    def answer(self) -> ShownAnswer:
        """One document's: a context manager; whatever it holds goes at the end."""
        return ShownAnswer(self.budget, jpeg_quality=self._jpeg_quality)


class ShownAnswer(HeldImages[ShownPage]):
    """One document's page images until its result is there."""

    def __init__(self, budget: ImageBudget, *, jpeg_quality: int) -> None:
        super().__init__(budget)
        self._jpeg_quality = jpeg_quality

    def keep(self, page: PageImage, rotation_deg: int) -> None:
        """``pipeline.KeepPage``.

        Raises:
            DocumentTooLarge, Overloaded: see ``HeldImages.add``.
        """
        self.keep_shown(page, rotation_deg)

    def keep_shown(self, page: PageImage, rotation_deg: int) -> ShownPage:
        """The same; what was made of the page, for who else wants it.

        Raises:
            DocumentTooLarge, Overloaded: see ``HeldImages.add``.
        """
        image = shown_page(page, rotation_deg, jpeg_quality=self._jpeg_quality)
        self.add(image)
        return image

    def put_into(self, result: dict[str, Any]) -> None:
        """Give each page of a result its image; a page that could not be opened has none."""
        for page in result["pages"]:
            if (image := self.take(page["number"])) is not None:
                page["image"] = {
                    "media_type": image.media_type.value,
                    "width_px": image.width_px,
                    "height_px": image.height_px,
                    "data": base64.b64encode(image.data).decode("ascii"),
                }


def shown_page(page: PageImage, rotation_deg: int, *, jpeg_quality: int) -> ShownPage:
    """Turn a page upright and compress it; some 24 ms for A4 at 200 dpi."""
    upright = upright_pixels(page.pixels, rotation_deg=rotation_deg)
    media_type, data = _write(upright, jpeg_quality)
    return ShownPage(
        number=page.number,
        media_type=media_type,
        width_px=upright.width_px,
        height_px=upright.height_px,
        data=data,
    )


def _write(upright: UprightPixels, jpeg_quality: int) -> tuple[ShownMediaType, bytes]:
    if upright.kind is not PixelKind.BLACK_AND_WHITE:
        return ShownMediaType.JPEG, upright.jpeg(jpeg_quality)
    file = io.BytesIO()
    Image.fromarray(upright.values > 127).save(file, "PNG")
    return ShownMediaType.PNG, file.getvalue()


IMAGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "PageImage",
    "description": "With `page_images=true`: the page's pixels, upright, in which the quads are. Also of a page that "
    "could be opened but not read.",
    "required": ["media_type", "width_px", "height_px", "data"],
    "properties": {
        "media_type": {"type": "string", "enum": list(ShownMediaType)},
        "width_px": {"type": "integer"},
        "height_px": {"type": "integer"},
        "data": {"type": "string", "contentEncoding": "base64", "description": "The file, in base64."},
    },
}
