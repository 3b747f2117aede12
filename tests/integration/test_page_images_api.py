"""``page_images=true`` over the running stack: the pixels that the quads mean."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import numpy as np
from PIL import Image

from evaluation.datasets import SAMPLES_DIR
from tests.support.pdf_reading import pixels
from tests.support.stage_house import pages_pdf

INVOICE = (SAMPLES_DIR / "invoice_ja.pdf").read_bytes()


def read(api: httpx.Client, content: bytes, **parameters: str) -> dict[str, Any]:
    answer = api.post("/v1/ocr", params={"timeout_s": "30", **parameters}, content=content)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def picture(page: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(page["image"]["data"]))).convert("L")


def test_a_page_comes_with_its_pixels(api: httpx.Client) -> None:
    (page,) = read(api, INVOICE, page_images="true")["pages"]
    image = picture(page)
    assert image.size == (page["width_px"], page["height_px"])
    assert (page["image"]["width_px"], page["image"]["height_px"]) == image.size
    original = np.asarray(Image.fromarray(pixels(INVOICE, dpi=200)).convert("L").resize(image.size)).astype(int)
    assert np.abs(np.asarray(image).astype(int) - original).mean() < 4


def test_a_page_that_lay_on_its_side_is_shown_upright_under_its_quads(api: httpx.Client) -> None:
    scan = io.BytesIO()
    Image.fromarray(pixels(INVOICE, dpi=200)).rotate(90, expand=True).save(scan, "PNG", dpi=(200, 200))
    (page,) = read(api, scan.getvalue(), page_images="true")["pages"]
    assert page["rotation_deg"] != 0
    image = picture(page)
    assert image.size == (page["width_px"], page["height_px"])
    for line in page["lines"]:
        xs, ys = [x for x, _ in line["quad"]], [y for _, y in line["quad"]]
        darkest, _ = image.crop((min(xs), min(ys), max(xs), max(ys))).getextrema()
        assert darkest < 140, line["text"]


def test_only_who_asks_gets_them_and_a_page_that_was_not_opened_has_none(api: httpx.Client) -> None:
    document = pages_pdf(["one 111", "two 222"], broken=[2])
    assert all("image" not in page for page in read(api, document)["pages"])
    first, second = read(api, document, page_images="true")["pages"]
    assert "image" in first
    assert second.keys() == {"number", "error"}
