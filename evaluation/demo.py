"""``make demo``: the bundled invoice through the whole stack, and what came of it.

Starts everything, sends the sample PDF to the running sync API, prints its fields and lines, draws them onto the
page, and stops everything. Exit status: 0 if every field is as the truth file says, 1 if not.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ocr_client import OcrClient, OcrResult
from ocr_client.show import fields_table, lines_table
from rich.console import Console
from rich.text import Text

from evaluation.annotate import annotate, page_image
from evaluation.api_reader import plain_fields
from evaluation.datasets import REPOSITORY, SAMPLES_DIR
from evaluation.field_metrics import Value, field_matches
from local_stack.stack import LocalStack, StackError

SAMPLE = "invoice_ja"
# A fresh machine's first reading may still fault pages in; the deadline is not what the demo shows.
TIMEOUT_S = 30.0
SECONDS_BETWEEN_NOTES = 5.0


def main() -> int:
    """Run the demo."""
    console = Console()
    pdf, truth_file = SAMPLES_DIR / f"{SAMPLE}.pdf", SAMPLES_DIR / f"{SAMPLE}.json"
    started_s = time.monotonic()
    try:
        with _progress(console) as say, LocalStack(progress=say) as stack:
            ready_s = time.monotonic() - started_s
            say(f"reading {pdf.name}")
            with OcrClient(stack.api_url) as client:
                first_s, result = _timed(lambda: client.read(pdf, timeout_s=TIMEOUT_S))
                again_s, _ = _timed(lambda: client.read(pdf, timeout_s=TIMEOUT_S))
            say("stopping")
    except StackError as error:
        console.print(Text(f"the stack did not start: {error}", style="red"))
        return 1
    console.print(fields_table(result["fields"] or {}, title=f"{pdf.name}: {result['document_type']}"))
    console.print(lines_table(result))
    for path in _write(result, pdf, REPOSITORY / "out" / "demo"):
        console.print(f"wrote {path.relative_to(REPOSITORY)}")
    console.print(
        f"ready after {ready_s:.1f} s; read over HTTP in {first_s * 1000:.0f} ms, again in {again_s * 1000:.0f} ms;"
        f" {time.monotonic() - started_s:.1f} s in all"
    )
    return _compare(console, result, truth_file)


def _timed(read: Callable[[], OcrResult]) -> tuple[float, OcrResult]:
    start_s = time.perf_counter()
    result = read()
    return time.perf_counter() - start_s, result


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Tells what is waited for: a spinner on a terminal, otherwise a line whenever there is something new to say."""
    if console.is_terminal:
        with console.status("starting") as status:
            yield lambda message: status.update(Text(message))
        return
    said_at_s, said = 0.0, ""

    def say(message: str) -> None:
        nonlocal said_at_s, said
        what = message.partition("(")[0]
        if what != said or time.monotonic() - said_at_s > SECONDS_BETWEEN_NOTES:
            console.print(Text(message))
            said_at_s, said = time.monotonic(), what

    yield say


def _write(result: OcrResult, pdf: Path, folder: Path) -> list[Path]:
    """The answer as JSON and the page as a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    answer, picture = folder / f"{pdf.stem}.json", folder / f"{pdf.stem}.png"
    answer.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    page = result["pages"][0]
    annotate(page_image(pdf, page), page, result).save(picture)
    return [answer, picture]


def _compare(console: Console, result: OcrResult, truth_file: Path) -> int:
    """Say which fields differ from what the sample prints."""
    wanted: dict[str, Value] = json.loads(truth_file.read_text(encoding="utf-8"))["fields"]
    given = plain_fields(result)
    counts = field_matches(wanted, given)
    wrong = [name for name, count in counts.items() if not count.right == count.given == count.wanted]
    for name in wrong:
        console.print(Text(f"{name}: read {given.get(name)!r}, printed {wanted[name]!r}", style="red"))
    if not wrong:
        console.print(Text(f"all {len(counts)} fields are as printed", style="green"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
