"""``ocr read``: documents in, results on standard output or one file each."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ocr_client.batch import Answer, Outcome, read_all
from ocr_client.client import OcrClient
from ocr_client.console import print_error, reason
from ocr_client.document_calls import DEFAULT_URL
from ocr_client.documents import DocumentFile, find_documents, output_paths, readable_name
from ocr_client.errors import ServerUnreachable
from ocr_client.exit_status import EXIT_STATUS_HELP, ExitStatus
from ocr_client.show import result_tables
from ocr_client.types import Format

FORMATS: dict[str, tuple[Format, str]] = {
    # What is asked of the server, and the suffix of output files; tables are drawn here.
    "json": ("json", ".json"),
    "text": ("text", ".txt"),
    "markdown": ("markdown", ".md"),
    "hocr": ("hocr", ".hocr.html"),
    "alto": ("alto", ".alto.xml"),
    "pdf": ("pdf", ".pdf"),
    "table": ("json", ".table.txt"),
}
_BINARY = "pdf"
"""What is no text: it stands alone on standard output, and not on a terminal."""
MAX_JOBS = 64


def run(arguments: Sequence[str]) -> ExitStatus:
    """Read what the arguments name."""
    parser = _parser()
    options = parser.parse_args(arguments)
    documents = find_documents(options.documents)
    if not documents:
        print("ocr: no document of a known kind in the folders named", file=sys.stderr)
        return ExitStatus.USAGE
    output_format: str = options.format or _default_format(documents, options.output)
    if output_format == _BINARY and options.output is None and (len(documents) > 1 or sys.stdout.isatty()):
        parser.error("--format pdf: name a folder with --output, or send one document's to a file: > a.pdf")
    try:
        client = OcrClient(options.url)
    except ValueError as error:
        parser.error(f"--url: {error}")
    with client:
        read = partial(_read, client, output_format=output_format, options=options)
        answers = read_all(documents, read, jobs=options.jobs)
        writer = _Writer(documents, output_format=output_format, folder=options.output)
        return _write_all(_with_progress(answers, total=len(documents)), writer)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ocr",
        description="Read documents with a running server: lines and fields, or plain text. "
        "For many in the background: ocr jobs --help.",
        epilog=EXIT_STATUS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("documents", nargs="+", type=Path, metavar="FILE|FOLDER", help="folders are searched")
    parser.add_argument(
        "--url",
        default=os.environ.get("OCR_URL") or DEFAULT_URL,
        help=f"the server (default: $OCR_URL, or {DEFAULT_URL})",
    )
    parser.add_argument(
        "--format",
        choices=sorted(FORMATS),
        help="default: table for one document on a terminal, otherwise json (one result a line)",
    )
    parser.add_argument("--schema", help="auto, none, or schemas with commas: invoice, receipt, your own")
    parser.add_argument("--pages", help="such as 1-3,7")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="deadline of each document, at most 30")
    parser.add_argument("--text-layer", choices=["ignore", "prefer"], help="what to do with a PDF's own text")
    parser.add_argument("--min-confidence", type=float, metavar="0–1", help="fields below it are left out")
    parser.add_argument("--output", type=Path, metavar="DIR", help="one file for each document instead of stdout")
    parser.add_argument("--jobs", type=_job_count, default=2, metavar="N", help="documents at a time (default: 2)")
    return parser


def _job_count(text: str) -> int:
    jobs = int(text)
    if not 1 <= jobs <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"between 1 and {MAX_JOBS}")
    return jobs


def _default_format(documents: Sequence[DocumentFile], folder: Path | None) -> str:
    return "table" if len(documents) == 1 and folder is None and sys.stdout.isatty() else "json"


def _read(client: OcrClient, document: DocumentFile, *, output_format: str, options: argparse.Namespace) -> Answer:
    return client.read(
        document.path,
        format=FORMATS[output_format][0],
        schema=options.schema,
        pages=options.pages,
        timeout_s=options.timeout,
        text_layer=options.text_layer,
        min_confidence=options.min_confidence,
    )


def _with_progress(outcomes: Iterable[Outcome], *, total: int) -> Iterable[Outcome]:
    """The outcomes as they come, with a bar on standard error where many are read at a terminal."""
    if total == 1 or not sys.stderr.isatty():
        yield from outcomes
        return
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as progress:
        task = progress.add_task("reading", total=total)
        for outcome in outcomes:
            progress.advance(task)
            yield outcome


def _write_all(outcomes: Iterable[Outcome], writer: _Writer) -> ExitStatus:
    status = ExitStatus.ALL_READ
    for outcome in outcomes:
        if outcome.answer is not None:
            try:
                writer.write(outcome.document, outcome.answer)
            except BrokenPipeError:
                raise
            except OSError as error:
                print_error(f"cannot write: {error}")
                status = ExitStatus.SOME_FAILED
            continue
        print_error(f"{readable_name(outcome.document.path)}: {reason(outcome.error)}")
        if isinstance(outcome.error, ServerUnreachable):
            return ExitStatus.SERVER_UNREACHABLE
        status = ExitStatus.SOME_FAILED
    return status


class _Writer:
    """Puts answers where they belong."""

    def __init__(self, documents: list[DocumentFile], *, output_format: str, folder: Path | None) -> None:
        self._format = output_format
        self._targets = output_paths(documents, folder, FORMATS[output_format][1]) if folder is not None else {}
        self._titled = len(documents) > 1

    def write(self, document: DocumentFile, answer: Answer) -> None:
        """Write one answer to its file, or to standard output."""
        target = self._targets.get(document.path)
        if target is None:
            self._print(document, answer)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(answer, bytes):
            target.write_bytes(answer)
        elif self._format == "table":
            with target.open("w", encoding="utf-8") as file:
                Console(file=file, width=120).print(result_tables(answer))
        else:
            target.write_text(json.dumps(answer, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def _print(self, document: DocumentFile, answer: Answer) -> None:
        if self._titled and self._format != "json":
            print(f"==> {readable_name(document.path)} <==", flush=True)
        if isinstance(answer, bytes):
            is_whole = self._format == _BINARY or answer.endswith(b"\n")
            sys.stdout.buffer.write(answer if is_whole else answer + b"\n")
            sys.stdout.buffer.flush()
        elif self._format == "table":
            Console().print(result_tables(answer))
        else:
            # One result is laid out for reading, many are one a line for other programs.
            print(json.dumps(answer, ensure_ascii=False, indent=None if self._titled else 1), flush=True)
