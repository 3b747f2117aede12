"""Searchable PDFs over the running stack: the text lands on the print, and the pages look as they did."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import numpy as np
import pikepdf
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from evaluation.datasets import SAMPLES_DIR
from tests.support.documents import gif, pdf, png, text_image
from tests.support.pdf_reading import (
    characters,
    check_by_command,
    check_sound,
    image,
    labels,
    pixels,
    placement,
    sizes_pt,
    texts,
    without_space,
)
from tests.support.stage_house import pages_pdf
from tests.support.waiting import wait_until

PATIENT = {"timeout_s": "30"}
SAMPLES = sorted(path.name for path in SAMPLES_DIR.glob("*.pdf"))
OF_OTHERS = (
    "ZUGFeRDv1__Mustangproject__MustangGnuaccountingBeispielRE-20140519_499.pdf",
    "ZUGFeRDv2__FNFE-factur-x-examples__Facture_UE_BASICWL.pdf",
    "XML-Rechnung__EN16931_SEPA_Prenotification.pdf",
)
JAPANESE_FONT = Path("/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc")

# Measured on the five samples and six documents of ZUGFeRD's corpus, medians by document in sizes of the type as the
# document's own text layer has it: centres 0.04 to 0.09 apart along the line and 0.01 to 0.06 across it, overlap 0.49
# to 0.75.
MAX_ALONG_THE_LINE, MAX_ACROSS_THE_LINE, MIN_OVERLAP = 0.15, 0.10, 0.40
MIN_FOUND = 0.95


def read(api: httpx.Client, content: bytes, name: str = "a.pdf", **parameters: str) -> httpx.Response:
    answer = api.post("/v1/ocr", params={**PATIENT, **parameters}, files={"file": (name, content)})
    assert answer.status_code == 200, answer.text
    return answer


def searchable(api: httpx.Client, content: bytes, **parameters: str) -> bytes:
    return read(api, content, format="pdf", **parameters).content


def upright(picture: Image.Image, *, degrees: int) -> bytes:
    stream = io.BytesIO()
    picture.rotate(degrees, expand=True).save(stream, "PNG", dpi=(200, 200))
    return stream.getvalue()


@pytest.mark.parametrize("name", SAMPLES)
class TestTheSamples:
    @pytest.fixture
    def original(self, name: str) -> bytes:
        return (SAMPLES_DIR / name).read_bytes()

    def test_the_text_is_that_of_the_result_and_lies_on_the_print(
        self, api: httpx.Client, original: bytes, name: str, tmp_path: Path
    ) -> None:
        content = searchable(api, original)
        check_sound(content)
        (tmp_path / name).write_bytes(content)
        check_by_command(tmp_path / name)
        # Not only the characters: the same words, each line's together. Which of two columns comes first, where a line
        # of one lies between two of the other, is PDFium's own guess.
        result = read(api, original).json()
        words = " ".join(texts(content)).split()
        assert sorted(words) == sorted(result["text"].split())
        spaced = f" {' '.join(words)} "
        for page in result["pages"]:
            for line in page["lines"]:
                assert f" {' '.join(line['text'].split())} " in spaced
        _lies_on_the_print(content, original)

    def test_the_page_looks_as_it_did(self, api: httpx.Client, original: bytes, name: str) -> None:
        del name
        content = searchable(api, original)
        assert sizes_pt(content) == [pytest.approx(size, abs=0.5) for size in sizes_pt(original)]
        # The same pixels but for what a JPEG of this quality leaves out.
        difference = np.abs(image(content).astype(int) - pixels(original, dpi=200))
        assert difference.mean() < 2
        assert np.percentile(difference, 99.9) < 64
        assert np.abs(_from_afar(content) - _from_afar(original)).mean() < 2
        assert len(content) < 400_000


def _from_afar(content: bytes) -> NDArray[np.int64]:
    """The page as a small picture, in which a pixel more or less at its edges does not show."""
    shown = Image.fromarray(pixels(content, dpi=200)).resize((60, 80), Image.Resampling.BOX)
    return np.asarray(shown).astype(np.int64)


def _lies_on_the_print(content: bytes, original: bytes) -> None:
    found = placement(characters(content, loose=True), characters(original, loose=True))
    assert found.found_share > MIN_FOUND, found
    assert found.across < MAX_ALONG_THE_LINE, found
    assert found.along < MAX_ACROSS_THE_LINE, found
    assert found.overlap > MIN_OVERLAP, found


@pytest.mark.parametrize("name", OF_OTHERS)
def test_documents_of_others(api: httpx.Client, shared_data: Path, name: str) -> None:
    original = (shared_data / "zugferd" / "files" / name).read_bytes()
    content = searchable(api, original, pages="1")
    check_sound(content)
    assert without_space(texts(content)[0]) == without_space(read(api, original, pages="1").json()["text"])
    _lies_on_the_print(content, original)


class TestTheAnswer:
    def test_its_head(self, api: httpx.Client) -> None:
        answer = read(api, png("Receipt 20481"), "領収書.png", format="pdf")
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E9%A0%98%E5%8F%8E%E6%9B%B8.pdf"
        assert "write;dur=" in answer.headers["Server-Timing"]
        with pikepdf.open(io.BytesIO(answer.content)) as opened:
            assert str(opened.docinfo["/Title"]) == "領収書.png"

    def test_a_document_without_a_name(self, api: httpx.Client) -> None:
        answer = api.post("/v1/ocr", params={**PATIENT, "format": "pdf"}, content=png("Raw 7731"))
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''document.pdf"
        assert "7731" in without_space(texts(answer.content)[0])

    def test_other_formats_have_no_file_name(self, api: httpx.Client) -> None:
        assert "Content-Disposition" not in read(api, png("Receipt 20481")).headers

    def test_warnings_are_told_in_the_head(self, api: httpx.Client) -> None:
        answer = read(api, gif("Moving 4711", "Moving 4712"), format="pdf")
        assert answer.headers["Yomitori-Warnings"] == "animation_first_frame"

    def test_a_deadline_that_passes(self, api: httpx.Client) -> None:
        answer = api.post("/v1/ocr", params={"timeout_s": "0.05", "format": "pdf"}, content=png("Late 1"))
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


def test_nothing_of_a_pdf_comes_through_but_its_looks(api: httpx.Client) -> None:
    hostile = pikepdf.open(io.BytesIO((SAMPLES_DIR / "receipt_ja.pdf").read_bytes()))
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert('4711')"))
    hostile.Root.OpenAction = script
    hostile.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array())
    hostile.attachments["malware.exe"] = b"4711"
    link = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 500, 500], A=script)
    hostile.pages[0].Annots = hostile.make_indirect(pikepdf.Array([link]))
    stream = io.BytesIO()
    hostile.save(stream)
    with pikepdf.open(io.BytesIO(searchable(api, stream.getvalue()))) as opened:
        assert set(opened.Root.keys()) == {"/Type", "/Pages", "/Lang", "/ViewerPreferences"}
        assert set(opened.docinfo.keys()) == {"/Title", "/Producer"}
        (page,) = opened.pages
        assert set(page.keys()) == {"/Type", "/Parent", "/MediaBox", "/Resources", "/Contents"}


class TestPages:
    def test_selected_pages_keep_their_numbers(self, api: httpx.Client) -> None:
        document = pdf([[f"Page number {number}00"] for number in range(1, 5)])
        content = searchable(api, document, pages="2,4")
        check_sound(content)
        assert labels(content) == ["2", "4"]
        assert ["200" in text for text in texts(content)] == [True, False]
        assert "400" in texts(content)[1]

    def test_a_page_that_could_not_be_read_is_a_page_that_says_so(self, api: httpx.Client) -> None:
        answer = read(api, pages_pdf(["one 1", "two 2", "three 3"], broken=[2]), format="pdf")
        assert answer.headers["Yomitori-Warnings"] == "unreadable_page"
        assert len(texts(answer.content)) == 3
        assert texts(answer.content)[1].startswith("Page 2 could not be read: ")

    @pytest.mark.parametrize("degrees", [90, 180, 270])
    def test_a_page_on_its_side_stands_upright(self, api: httpx.Client, degrees: int) -> None:
        original = (SAMPLES_DIR / "invoice_ja.pdf").read_bytes()
        picture = Image.fromarray(pixels(original, dpi=200))
        content = searchable(api, upright(picture, degrees=degrees))
        assert sizes_pt(content) == [pytest.approx(size, abs=0.5) for size in sizes_pt(original)]
        _lies_on_the_print(content, original)

    def test_a_fax_stays_small_and_as_it_is(self, api: httpx.Client) -> None:
        fax = text_image([f"Line {number} of a fax" for number in range(20)], width_px=1600).convert("1")
        stream = io.BytesIO()
        fax.save(stream, "TIFF", compression="group4", dpi=(200, 200))
        content = searchable(api, stream.getvalue())
        assert np.array_equal(image(content), np.asarray(fax.convert("RGB")))
        assert len(content) < 60_000
        with pikepdf.open(io.BytesIO(content)) as opened:
            assert opened.pages[0].Resources.XObject.Page.Filter == "/CCITTFaxDecode"

    def test_vertical_text_runs_down_its_columns(self, api: httpx.Client) -> None:
        if not JAPANESE_FONT.exists():
            pytest.skip("needs fonts-noto-cjk")
        size_px, pitch_px = 36, 42
        columns = ("拝啓時下ますますご清栄のこと", "お慶び申し上げます。平素は格", "別のご高配を賜り厚く御礼申し")
        page = Image.new("RGB", (700, 900), "white")
        draw = ImageDraw.Draw(page)
        font = ImageFont.truetype(str(JAPANESE_FONT), size_px)
        printed = []
        for at, column in enumerate(columns):
            for row, character in enumerate(column):
                left, top = 560 - 90 * at, 120 + pitch_px * row
                draw.text((left, top), character, fill="black", font=font, anchor="lt")
                box = draw.textbbox((left, top), character, font=font, anchor="lt")
                printed.append((character, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)))
        stream = io.BytesIO()
        page.save(stream, "PNG", dpi=(72, 72))
        content = searchable(api, stream.getvalue())
        check_sound(content)
        rows = [text for row in texts(content)[0].splitlines() if (text := row.strip())]
        assert rows == [line["text"] for line in read(api, stream.getvalue()).json()["pages"][0]["lines"]]
        # Points are pixels here.
        off_px = []
        for found in characters(content):
            x, y = (found.box.left + found.box.right) / 2, (found.box.top + found.box.bottom) / 2
            same = [max(abs(x - px), abs(y - py)) for text, (px, py) in printed if text == found.text]
            off_px += [min(same)] if same else []
        assert len(off_px) > 0.9 * len(printed)
        assert np.median(off_px) < size_px / 4


def test_a_job_makes_the_same_pdf(api: httpx.Client, bulk_api: httpx.Client) -> None:
    name = "receipt_ja.pdf"
    original = (SAMPLES_DIR / name).read_bytes()
    answer = bulk_api.post("/v1/jobs", files={"file": (name, original)}, data={"formats": "pdf,text"})
    assert answer.status_code == 202, answer.text
    job = answer.headers["Location"]
    wait_until(lambda: bulk_api.get(job).json()["status"] == "done", "the end of the job", patience_s=120.0)
    (line,) = [json.loads(line) for line in bulk_api.get(f"{job}/results").text.splitlines()]
    assert line["status"] == "done", line
    with httpx.Client(trust_env=False) as client:
        linked = client.get(line["result"]["links"]["pdf"])
    assert linked.headers["Content-Type"] == "application/pdf"
    assert linked.headers["Content-Disposition"] == "attachment; filename*=UTF-8''receipt_ja.pdf"
    check_sound(linked.content)
    by_sync = searchable(api, original)
    assert texts(linked.content) == texts(by_sync)
    assert np.array_equal(pixels(linked.content), pixels(by_sync))
    assert _title(linked.content) == name


def _title(content: bytes) -> str:
    with pikepdf.open(io.BytesIO(content)) as opened:
        return str(opened.docinfo["/Title"])
