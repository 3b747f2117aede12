"""``ocr jobs``: many documents in the background; submit, watch, fetch results, cancel, run failed ones again."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from ocr_client.console import print_error, print_note, reason
from ocr_client.errors import AnswerTimedOut, OcrClientError, ServerUnreachable
from ocr_client.exit_status import JOBS_EXIT_STATUS_HELP, ExitStatus
from ocr_client.job_calls import DEFAULT_BULK_URL
from ocr_client.job_documents import REFERENCES, job_documents
from ocr_client.job_types import Job, ResultLine
from ocr_client.jobs import JobsClient
from ocr_client.jobs_progress import count_progress, job_progress, summary
from ocr_client.results_file import ResultsFile

URL_VARIABLE = "OCR_JOBS_URL"

Action = Callable[[JobsClient, argparse.Namespace], ExitStatus]


def run(arguments: Sequence[str]) -> ExitStatus:
    """Do what the arguments say."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        jobs = JobsClient(options.url)
    except ValueError as error:
        parser.error(f"--url: {error}")
    action: Action = options.action
    try:
        with jobs:
            return action(jobs, options)
    except (ServerUnreachable, AnswerTimedOut) as error:
        print_error(reason(error))
        return ExitStatus.SERVER_UNREACHABLE
    except OcrClientError as error:
        print_error(reason(error))
        return ExitStatus.REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ocr jobs",
        description="Many documents in the background, by the bulk API.",
        epilog=JOBS_EXIT_STATUS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Every command takes it, also behind its own name.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--url",
        "--server",
        default=os.environ.get(URL_VARIABLE) or DEFAULT_BULK_URL,
        help=f"the bulk API (default: ${URL_VARIABLE}, or {DEFAULT_BULK_URL})",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, action: Action, told: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            parents=[common],
            help=told,
            description=f"{told[0].upper()}{told[1:]}.",
            epilog=JOBS_EXIT_STATUS_HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(action=action)
        return command

    _add_submit(add("submit", _submit, "make a job of files, folders and objects; prints its id"))
    for name, action, told in (
        ("status", _status, "how a job stands, with its webhooks, as JSON"),
        ("results", _results, "a job's results, one line of JSON a document, as they end"),
        ("cancel", _cancel, "drop what has not ended; what is done stays readable"),
        ("redrive", _redrive, "run a job's failed documents again"),
    ):
        command = add(name, action, told)
        command.add_argument("job_id", metavar="ID")
        if name == "results":
            _add_results(command)
        elif name != "cancel":
            _add_wait(command)
    return parser


def _add_submit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "documents", nargs="*", metavar="FILE|FOLDER|s3://…", help="folders are searched; s3:// as the server allows"
    )
    command.add_argument(
        "--from",
        dest="list_file",
        metavar="LIST",
        help="more of them, one a line, each with its reference behind a tab if you like; - for standard input",
    )
    command.add_argument("--schema", help="auto, none, or schemas with commas: invoice, receipt, your own")
    command.add_argument(
        "--format",
        dest="formats",
        metavar="FORMATS",
        help="further formats beside JSON, with commas: text, markdown, hocr, alto, pdf; the results link to them",
    )
    command.add_argument("--priority", choices=["normal", "low"], help="low goes after your own normal jobs")
    command.add_argument("--webhook-url", metavar="URL", help="told when the job has ended")
    command.add_argument(
        "--reference-from",
        choices=sorted(REFERENCES),
        default="path",
        help="what result lines call a document: its path below the folder named or its address (default), "
        "its name, or that without the suffix",
    )
    command.add_argument(
        "--idempotency-key", metavar="KEY", help="the same key and the same documents are the same job, for a day"
    )
    _add_wait(command)


def _add_results(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="append to FILE, behind the last line that it has"
    )
    command.add_argument(
        "--cursor", type=_cursor, metavar="N", help="only lines behind this sequence (without -o, or with a new file)"
    )
    command.add_argument("--follow", action="store_true", help="go on until the job has ended and every line is out")


def _add_wait(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wait", action="store_true", help="watch until the job has ended")


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("a line's sequence, or 0")
    return int(text)


def _submit(jobs: JobsClient, options: argparse.Namespace) -> ExitStatus:
    try:
        documents = job_documents(options.documents, list_file=options.list_file, reference_from=options.reference_from)
        if not documents:
            print_error("no document of a known kind is named")
            return ExitStatus.USAGE
        files = sum(document.address is None for document in documents)
        with count_progress("uploading", total=files) as show:
            job = jobs.submit(
                documents,
                idempotency_key=options.idempotency_key,
                on_uploaded=show,
                schema=options.schema,
                formats=options.formats.split(",") if options.formats else None,
                webhook_url=options.webhook_url,
                priority=options.priority,
            )
    except OSError as error:
        print_error(f"no job was made: {error}")
        return ExitStatus.USAGE
    print(job.id, flush=True)
    return _watched(jobs, job) if options.wait else ExitStatus.ALL_READ


def _status(jobs: JobsClient, options: argparse.Namespace) -> ExitStatus:
    status = _watched(jobs, jobs.status(options.job_id)) if options.wait else ExitStatus.ALL_READ
    _print_job(jobs.status(options.job_id))
    return status


def _cancel(jobs: JobsClient, options: argparse.Namespace) -> ExitStatus:
    _print_job(jobs.cancel(options.job_id))
    return ExitStatus.ALL_READ


def _redrive(jobs: JobsClient, options: argparse.Namespace) -> ExitStatus:
    job = jobs.redrive(options.job_id)
    status = _watched(jobs, job) if options.wait else ExitStatus.ALL_READ
    _print_job(jobs.status(options.job_id) if options.wait else job)
    return status


def _watched(jobs: JobsClient, job: Job) -> ExitStatus:
    try:
        with job_progress() as show:
            for changed in jobs.changes(job.id):
                show(changed)
                job = changed
    except KeyboardInterrupt:
        print_note(f"the job goes on; to watch it again: ocr jobs status --wait {job.id}")
        raise
    if sys.stderr.isatty():
        print_note(summary(job))
    return _status_of(job)


def _status_of(job: Job) -> ExitStatus:
    return ExitStatus.SOME_FAILED if job.documents.failed or job.documents.cancelled else ExitStatus.ALL_READ


def _results(jobs: JobsClient, options: argparse.Namespace) -> ExitStatus:
    try:
        with ResultsFile(options.output) if options.output is not None else nullcontext() as file:
            if file is not None and not file.is_empty and options.cursor is not None:
                print_error(f"--cursor: {options.output} holds lines already, and goes on behind its last one")
                return ExitStatus.USAGE
            return _write_results(jobs, options, file)
    except BrokenPipeError:
        raise
    except OSError as error:
        print_error(f"cannot write: {error}")
        return ExitStatus.SOME_FAILED


def _write_results(jobs: JobsClient, options: argparse.Namespace, file: ResultsFile | None) -> ExitStatus:
    cursor: int = options.cursor or (file.cursor if file is not None else 0)
    # By document: one that failed may have been done by a later run.
    failed: set[str] = set()
    # A bar beside lines on the same terminal would only be torn apart by them.
    total = jobs.status(options.job_id).documents.total if file is not None else 0
    try:
        with count_progress("results", total=total) as show:
            for line in jobs.results(options.job_id, cursor=cursor, follow=options.follow):
                if file is None:
                    _print_line(line)
                else:
                    file.append(line)
                cursor = line.sequence
                show(cursor)
                (failed.discard if line.error is None else failed.add)(line.document_id)
    except KeyboardInterrupt:
        print_note(f"to go on: --cursor {cursor}" if file is None else "to go on, say the same again")
        raise
    if options.follow:
        return _status_of(jobs.status(options.job_id))
    return ExitStatus.SOME_FAILED if failed else ExitStatus.ALL_READ


def _print_line(line: ResultLine) -> None:
    sys.stdout.buffer.write(line.raw + b"\n")
    sys.stdout.buffer.flush()


def _print_job(job: Job) -> None:
    print(json.dumps(asdict(job), ensure_ascii=False, indent=1, default=datetime.isoformat), flush=True)
