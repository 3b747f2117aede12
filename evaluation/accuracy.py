"""Accuracy over the labelled sets through the running API, beside RapidOCR: ``python -m evaluation.accuracy``.

Both read the same pages: PDFs at 200 dpi (the API renders them itself and ignores their text layer, which is its
default), images as they are. The sets lie in ``../shared/data`` and are not part of the project.

How it is measured:
  1 − CER   NFKC, no white space. Engines and labels list lines in different orders, so the truth is put in rows and
            each engine's lines are laid along it (``evaluation/ordering.py``), the same for both. "As returned" leaves
            each engine its own order, against the label's.
  word F1   as multisets of words, whatever their order.
  recall    of the strings that a set says must occur, for sets that label no lines.
  fields    exact match after normalising; a wrong value is one false positive and one false negative; fields that
            a set does not label, or that the document does not show, are not judged.
A set's figure is the mean over its documents; figures over pooled counts stand in the JSON and in the second table.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ocr_client import OcrClient
from rich.console import Console
from rich.progress import track

from evaluation.api_reader import DocumentRead, read_document
from evaluation.datasets import REPOSITORY, SETS, LabelledDocument, load_samples, load_set, page_images, shared_data_dir
from evaluation.markdown import compared, number, table
from evaluation.peer import PEER_VERSION, Peer, PeerEngine, PeerSettings
from evaluation.scores import (
    NO_FIGURES,
    FieldFigures,
    TextFigures,
    TextScore,
    field_figures,
    score_fields,
    score_text,
    text_figures,
)
from evaluation.server import measured_server

OUTPUT_DIR = REPOSITORY / "out"
CACHE_DIR = OUTPUT_DIR / "cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentReport:
    """One document in the JSON report: figures and errors, no text."""

    file: str
    error: str | None
    ours: TextScore
    peer: TextScore | None
    wrong_fields: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReport:
    """One set."""

    name: str
    ours: TextFigures
    peer: TextFigures | None
    fields: FieldFigures
    documents: list[DocumentReport]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the report."""
    options = _options(arguments)
    missing = [name for name in options.sets if name != "samples" and not (shared_data_dir() / name).is_dir()]
    if missing:
        print(f"not in {shared_data_dir()}: {', '.join(missing)}", file=sys.stderr)
        return 2
    peer = None
    if options.peer != "none":
        peer = Peer(PeerSettings(engine=PeerEngine(options.peer)), cache_dir=CACHE_DIR)
    with measured_server(options.url, log=OUTPUT_DIR / "accuracy.log") as url, OcrClient(url) as client:
        reports = [_measure_set(name, client, peer, limit=options.limit) for name in options.sets]
    peer_name = f"RapidOCR {PEER_VERSION}, {options.peer}" if peer is not None else "no peer"
    text = render(reports, peer_name=peer_name)
    print(text)
    OUTPUT_DIR.mkdir(exist_ok=True)
    written = {"peer": peer_name, "at_unix_s": int(time.time()), "sets": [asdict(report) for report in reports]}
    (OUTPUT_DIR / "accuracy.json").write_text(json.dumps(written, ensure_ascii=False, indent=1), encoding="utf-8")
    (OUTPUT_DIR / "accuracy.md").write_text(text + "\n", encoding="utf-8")
    return 0


def render(reports: Sequence[SetReport], *, peer_name: str) -> str:
    """Every table, as Markdown."""
    return "\n\n".join(
        [
            f"### Text: mean over documents (peer: {peer_name}, at its defaults)",
            _text_table(reports, pooled=False),
            "### Text: pooled over each set",
            _text_table(reports, pooled=True),
            "### Strings that must occur, and detection against the labels' own lines",
            _other_table(reports),
            "### Fields: precision / recall / F1 of the labelled ones",
            _field_table(reports),
            "### Fields by set",
            _micro_table(reports),
            *_failures(reports),
        ]
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", help="a running server; without it one is started and stopped")
    parser.add_argument("--sets", nargs="+", choices=[*SETS, "samples"], default=[*SETS, "samples"])
    parser.add_argument("--limit", type=int, help="only so many documents of each set")
    parser.add_argument("--peer", choices=[*PeerEngine, "none"], default=PeerEngine.ONNX_RUNTIME.value)
    return parser.parse_args(arguments)


def _measure_set(name: str, client: OcrClient, peer: Peer | None, *, limit: int | None) -> SetReport:
    documents = (load_samples() if name == "samples" else load_set(name))[:limit]
    reports, fields = [], []
    progress = track(documents, description=name, console=Console(stderr=True), disable=not sys.stderr.isatty())
    for document in progress:
        read = read_document(client, document.path)
        theirs = score_text(document, _read_by_peer(peer, document)) if peer is not None else None
        score = score_fields(document, read)
        wrong = [field for field, counts in score.counts.items() if counts.f1 < 1]
        fields.append(score)
        reports.append(
            DocumentReport(
                file=document.path.name,
                error=read.error,
                ours=score_text(document, read),
                peer=theirs,
                wrong_fields=wrong,
            )
        )
    print(f"{name}: {len(reports)} documents measured", file=sys.stderr, flush=True)
    return SetReport(
        name=name,
        ours=text_figures([report.ours for report in reports]),
        peer=text_figures([report.peer for report in reports if report.peer is not None]) if peer is not None else None,
        fields=field_figures(fields),
        documents=reports,
    )


def _read_by_peer(peer: Peer, document: LabelledDocument) -> DocumentRead:
    pages = enumerate(page_images(document.path), start=1)
    return DocumentRead(lines=tuple(line for n, page in pages for line in peer.read(page, page_number=n)))


def _text_table(reports: Sequence[SetReport], *, pooled: bool) -> str:
    rows = []
    for report in reports:
        peer = report.peer or NO_FIGURES
        rows.append(
            [
                report.name,
                str(len(report.documents)),
                *compared(report.ours.accuracy, peer.accuracy, pooled=pooled),
                *compared(report.ours.word_f1, peer.word_f1, pooled=pooled),
                *compared(report.ours.accuracy_as_returned, peer.accuracy_as_returned, pooled=pooled),
            ]
        )
    measures = ("1−CER", "word F1", "1−CER as returned")
    columns = [f"{measure}{column}" for measure in measures for column in ("", " peer", " Δ")]
    return table(["set", "documents", *columns], rows)


def _other_table(reports: Sequence[SetReport]) -> str:
    rows = []
    for report in reports:
        peer = report.peer or NO_FIGURES
        rows.append(
            [
                report.name,
                *compared(report.ours.string_recall, peer.string_recall),
                *compared(report.ours.detection_hmean, peer.detection_hmean),
            ]
        )
    return table(["set", "recall", "recall peer", "recall Δ", "H-mean", "H-mean peer", "H-mean Δ"], rows)


def _field_table(reports: Sequence[SetReport]) -> str:
    names = sorted({name for report in reports for name in report.fields.by_field})
    rows = []
    for name in names:
        cells = []
        for report in reports:
            counts = report.fields.by_field.get(name)
            cells.append("–" if counts is None else f"{counts.precision:.2f} / {counts.recall:.2f} / {counts.f1:.2f}")
        rows.append([name, *cells])
    return table(["field", *(report.name for report in reports)], rows)


def _micro_table(reports: Sequence[SetReport]) -> str:
    rows = [
        [
            report.name,
            number(report.fields.micro.precision, digits=3),
            number(report.fields.micro.recall, digits=3),
            number(report.fields.micro.f1, digits=3),
            f"{report.fields.documents_right} of {report.fields.documents}",
        ]
        for report in reports
        if report.fields.documents
    ]
    return table(["set", "precision", "recall", "micro F1", "documents with every field right"], rows)


def _failures(reports: Sequence[SetReport]) -> list[str]:
    failed = [f"- {r.name}/{d.file}: {d.error}" for r in reports for d in r.documents if d.error is not None]
    return ["### Documents that were not read whole", "\n".join(failed)] if failed else []


if __name__ == "__main__":
    raise SystemExit(main())
