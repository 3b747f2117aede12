"""Fields of the drawn pages beside the truth: ``python -m evaluation.mockups [SET…]``.

Prints figures by set and by field, and with ``--failures`` what is wrong, which is refused for the held-out sets: what
has been looked at measures nothing any more.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence

from evaluation.accuracy.figures import figures_of
from evaluation.accuracy.judged import DEFAULT_THRESHOLD, JudgedDocument, judge
from evaluation.accuracy.tables import field_table, line_item_table, set_table
from evaluation.accuracy.through import ALL_CONFIDENCES
from evaluation.api_reader import DocumentRead, as_read
from evaluation.markdown import table
from evaluation.mockups.documents import HOLDOUTS, SETS, Mockup, load_mockups
from evaluation.mockups.reading import charset_of, reading_of
from ocr_core.contracts.ports import StructureOptions
from postprocess_svc import formats
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.pipeline import TextPipeline


def main(arguments: Sequence[str] | None = None) -> int:
    """Read and print."""
    options = _options(arguments)
    judged = {name: judge_set(name) for name in options.sets}
    groups = [group for documents in judged.values() for group in figures_of(documents)]
    print(set_table(groups))
    print()
    print(line_item_table(groups))
    print()
    print(kind_table(judged))
    for group in groups:
        print(f"\n### {group.name}\n\n{field_table(group)}")
    if options.failures:
        for name, documents in judged.items():
            print(f"\n### {name}: what is wrong\n")
            for document in documents:
                print(describe(document), end="")
    return 0


def judge_set(name: str) -> list[JudgedDocument]:
    """Every document of a set, read and put beside its truth."""
    mockups = load_mockups(name)
    charset = charset_of(mockup.text for mockup in mockups)
    pipeline = TextPipeline(charsets=Charsets([charset]))
    return [judge(mockup.labels, read(pipeline, mockup, charset)) for mockup in mockups]


def read(pipeline: TextPipeline, mockup: Mockup, charset: Charset) -> DocumentRead:
    """What a caller is answered, with every confidence."""
    reading = reading_of(mockup.labels.path.name, [mockup.drawing], charset)
    structured = StructureOptions(min_confidence=ALL_CONFIDENCES)
    result = pipeline.structure(reading, options=structured, request_id="mockup")
    return as_read(json.loads(formats.render(result, structured.output_format).body))


def kind_table(judged: Mapping[str, Sequence[JudgedDocument]]) -> str:
    """What kind of document each is taken for: right of all, set by set."""
    kinds = sorted({str(document.document.document_type) for documents in judged.values() for document in documents})
    rows = [
        [name, *(_right_of([each for each in documents if each.document.document_type == kind]) for kind in kinds)]
        for name, documents in judged.items()
    ]
    return table(["kind", *kinds], rows)


def _right_of(documents: Sequence[JudgedDocument]) -> str:
    return f"{sum(map(_is_kind_right, documents))} of {len(documents)}"


def _is_kind_right(document: JudgedDocument) -> bool:
    return document.read.document_type == document.document.document_type


def describe(document: JudgedDocument) -> str:
    """Its kind where it is taken for another, its wrong fields, and rows of items that differ."""
    kinds = document.document.document_type, document.read.document_type
    lines = [] if _is_kind_right(document) else [f"  kind: wanted {kinds[0]}, got {kinds[1]}"]
    lines += [
        f"  {field.name}: wanted {json.dumps(field.truth, ensure_ascii=False, default=str)}, got "
        + (
            "; ".join(
                f"{json.dumps(answer.value, ensure_ascii=False, default=str)} ({answer.confidence:.2f})"
                for answer in field.answers
            )
            or "nothing"
        )
        for field in document.wrong_at(DEFAULT_THRESHOLD)
    ]
    rows = document.line_items
    if rows is not None and not rows.documents_right:
        lines.append(f"  line_items: {rows.rows.right} rows right, {rows.rows.given} given, {rows.rows.wanted} wanted")
        lines += [f"    read: {json.dumps(row, ensure_ascii=False)}" for row in _rows(document.read)]
    return "".join(f"{line}\n" for line in ([document.name, *lines] if lines else []))


def _rows(document: DocumentRead) -> list[dict[str, object]]:
    shown = ("description", "quantity", "unit_price", "amount", "confidence")
    return [{name: row.get(name) for name in shown} for row in document.line_items or ()]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.mockups", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", metavar="SET", default=SETS, help=f"of {', '.join(SETS)}; default: all")
    parser.add_argument("--failures", action="store_true", help=f"also what is wrong; not of {' or '.join(HOLDOUTS)}")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.sets) - set(SETS))
    if unknown:
        parser.error(f"no such set: {', '.join(unknown)}")
    held_out = [name for name in HOLDOUTS if name in options.sets]
    if options.failures and held_out:
        parser.error(f"for measuring: {', '.join(held_out)}; name the sets to look at")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
