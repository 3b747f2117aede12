"""Accuracy over labelled documents: ``python -m evaluation.accuracy``.

Two ways of reading, the same scores: ``--through api`` starts a server (or takes ``--url``) and stands beside
RapidOCR; ``--through readings`` runs the text side alone, on kept readings, in seconds. Both read the same pages: PDFs
at 200 dpi (their text layer is ignored, which is the API's default), images as they are. The shared sets lie in
``../shared/data`` and are not part of the project; generated ones are made by ``python -m evaluation.generator``.

How it is measured:
  1 − CER   NFKC, no white space. Engines and labels list lines in different orders, so the truth is put in rows and
            each engine's lines are laid along it (``evaluation/ordering.py``), the same for both. "As returned" leaves
            each engine its own order, against the label's.
  word F1   as multisets of words, whatever their order.
  recall    of the strings that a set says must occur, for sets that label no lines.
  fields    exact match after normalising; a wrong value is one false positive and one false negative; fields that
            a set does not label, or that the document does not show, are not judged; of samples and generated documents
            null is a label too. "Tolerant names" sets capitals and the writing of legal forms aside, beside the strict
            figure. "Five": issuer, date, total, due date and accounts all right.
  ECE       expected calibration error of the confidences, in ten bins.
A set's text figures are means over its documents; figures over pooled counts stand in the second table. Fields are
asked for with every confidence, and cut at thresholds here.

Writes ``figures.json`` (to ``--compare`` a later run with), ``tables.md`` and ``index.html``, the failures with
pictures. Some shared documents show real people and shops: none of it leaves ``out/``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ocr_client import OcrClient

from evaluation.accuracy.comparison import compare, comparison_sections
from evaluation.accuracy.failures import failures_of
from evaluation.accuracy.figures import GroupFigures, figures_of
from evaluation.accuracy.judged import DEFAULT_THRESHOLD, JudgedDocument, judge
from evaluation.accuracy.record import Json, run_record
from evaluation.accuracy.report.page import write_report
from evaluation.accuracy.tables import as_markdown, sections_of
from evaluation.accuracy.targets import target_figures
from evaluation.accuracy.through import ApiReader, DocumentReader, ReadingsReader
from evaluation.api_reader import DocumentRead
from evaluation.datasets import (
    REPOSITORY,
    SETS,
    LabelledDocument,
    load_generated,
    load_samples,
    load_set,
    page_images,
    shared_data_dir,
)
from evaluation.peer import PEER_VERSION, Peer, PeerEngine, PeerSettings
from evaluation.readings import Readings
from evaluation.server import measured_server

OUTPUT_DIR = REPOSITORY / "out" / "evaluation"
CACHE_DIR = REPOSITORY / "out" / "cache"
SAMPLES = "samples"
NO_PEER = "none"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the report."""
    options = _options(arguments)
    missing = [name for name in options.sets if name != SAMPLES and not (shared_data_dir() / name).is_dir()]
    if missing:
        print(f"not in {shared_data_dir()}: {', '.join(missing)}", file=sys.stderr)
        return 2
    older = None if options.compare is None else json.loads(options.compare.read_text(encoding="utf-8"))
    peer = _peer(options)
    with ExitStack() as running:
        reader = _reader(options, running)
        documents = [each for documents in _sets(options) for each in _judged(reader, documents, peer)]
        report(documents, reader, options, older=older)
    return 0


def report(
    documents: Sequence[JudgedDocument],
    reader: DocumentReader,
    options: argparse.Namespace,
    *,
    older: Json | None = None,
) -> None:
    """Add up, print and write everything."""
    sets = dict.fromkeys(each.document.set_name for each in documents)
    groups: list[GroupFigures] = []
    for name in sets:
        groups += figures_of([each for each in documents if each.document.set_name == name])
    targets = target_figures(groups)
    failures = {
        (each.document.set_name, each.name): failures_of(each, threshold=DEFAULT_THRESHOLD) for each in documents
    }
    peer = NO_PEER if options.peer == NO_PEER else f"RapidOCR {PEER_VERSION}, {options.peer}, at its defaults"
    named = [(set_name, failure) for (set_name, _), found in failures.items() for failure in found]
    record = run_record(documents, groups, targets, failures, through=options.through, peer=peer)
    sections = sections_of(documents, groups, targets, named, peer=peer)
    if older is not None:
        sections += comparison_sections(compare(older, record))
    text = as_markdown(sections)
    print(text)
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / "tables.md").write_text(text + "\n", encoding="utf-8")
    if options.pictures:
        page = write_report(folder, documents, failures, sections=sections, considered=reader.considered)
        print(f"report: {page}", file=sys.stderr)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--through", choices=["api", "readings"], default="api")
    parser.add_argument("--url", help="a running server; without it one is started and stopped")
    parser.add_argument("--sets", nargs="*", choices=[*SETS, SAMPLES], default=[*SETS, SAMPLES])
    parser.add_argument("--generated", nargs="*", type=Path, default=[], help="folders of generated documents")
    parser.add_argument("--limit", type=int, help="only so many documents of each set")
    parser.add_argument("--peer", choices=[*PeerEngine, NO_PEER], help="default: onnxruntime, of readings none")
    parser.add_argument("--allow-older", action="store_true", help="readings that older code of the pixel side made do")
    parser.add_argument("--compare", type=Path, help="figures.json of an older run")
    parser.add_argument("--output", type=Path, default=OUTPUT_DIR)
    parser.add_argument("--no-pictures", dest="pictures", action="store_false", help="tables and figures only")
    options = parser.parse_args(arguments)
    if options.peer is None:
        options.peer = PeerEngine.ONNX_RUNTIME.value if options.through == "api" else NO_PEER
    return options


def _peer(options: argparse.Namespace) -> Peer | None:
    if options.peer == NO_PEER:
        return None
    return Peer(PeerSettings(engine=PeerEngine(options.peer)), cache_dir=CACHE_DIR)


def _reader(options: argparse.Namespace, running: ExitStack) -> DocumentReader:
    if options.through == "readings":
        return ReadingsReader(Readings(allow_older=options.allow_older))
    url = running.enter_context(measured_server(options.url, log=OUTPUT_DIR / "services.log"))
    return ApiReader(running.enter_context(OcrClient(url)))


def _sets(options: argparse.Namespace) -> Iterator[list[LabelledDocument]]:
    for name in options.sets:
        yield (load_samples() if name == SAMPLES else load_set(name))[: options.limit]
    for folder in options.generated:
        yield load_generated(folder)[: options.limit]


def _judged(
    reader: DocumentReader, documents: Sequence[LabelledDocument], peer: Peer | None
) -> Iterator[JudgedDocument]:
    if not documents:
        return
    name = documents[0].set_name
    reads = reader.read([document.path for document in documents], description=name)
    for document, read in zip(documents, reads, strict=True):
        yield judge(document, read, peer=None if peer is None else _read_by_peer(peer, document))
    print(f"{name}: {len(documents)} documents measured", file=sys.stderr, flush=True)


def _read_by_peer(peer: Peer, document: LabelledDocument) -> DocumentRead:
    pages = enumerate(page_images(document.path), start=1)
    return DocumentRead(lines=tuple(line for n, page in pages for line in peer.read(page, page_number=n)))
