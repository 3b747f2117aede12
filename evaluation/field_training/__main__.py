"""Trains the field scorer on labelled documents: ``python -m evaluation.field_training out/generated/train``.

Drawn pages (``evaluation.mockups``) can stand beside the generated ones; their held-out sets are refused.

Weights are fitted to all documents; what confidences mean is learned from answers of weights that were fitted to other
layouts (cross-validation over layouts, which are never parted). The figures printed are those of the held-out folds.
Writes ``postprocess_svc/fields/learned_weights.json``, which the services read when they start.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from evaluation.accuracy.reliability import Judgement, reliability
from evaluation.datasets import REPOSITORY, LabelledDocument, load_generated
from evaluation.field_training.examples import Example, document_examples
from evaluation.field_training.fit import PRIOR_DEVIATION, Outcome, fit_calibration, fit_weights, outcomes
from evaluation.markdown import table
from evaluation.mockups.documents import HOLDOUTS, SETS, load_mockups
from evaluation.mockups.reading import charset_of, reading_of
from evaluation.readings import Readings, text_pipeline
from postprocess_svc.ctc import Charsets
from postprocess_svc.fields.registry import shipped_families
from postprocess_svc.fields.scorer import Calibration, FieldModel, starting_weights
from postprocess_svc.lines import PageLines
from postprocess_svc.pipeline import TextPipeline

OUTPUT = REPOSITORY / "postprocess_svc" / "fields" / "learned_weights.json"
FOLDS = 5
PASSES = 2
"""Candidates depend on what was chosen before them, so on the weights: they are collected anew with the fitted ones."""
DEFAULT_THRESHOLD = 0.5

Document = tuple[LabelledDocument, Sequence[PageLines]]
Models = Mapping[str, FieldModel]


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, fit, calibrate, write."""
    options = _options(arguments)
    documents = _read([document for folder in options.folders for document in load_generated(folder)], options)
    documents += [drawn for name in options.mockups for drawn in _drawn(name)]
    print(f"{len(documents)} documents", file=sys.stderr)
    models = _starting_models()
    held_out: dict[str, list[Outcome]] = {}
    for at in range(PASSES):
        examples = collect(documents, models)
        last = at == PASSES - 1
        fitted = {}
        for field, found in examples.items():
            start = starting_models_of(field)
            fitted[field] = FieldModel(
                weights=fit_weights(found, start, deviation=options.deviation), calibration=models[field].calibration
            )
            if last:
                held_out[field] = _held_out(found, start, options.deviation)
                fitted[field] = FieldModel(weights=fitted[field].weights, calibration=fit_calibration(held_out[field]))
        models = {**models, **fitted}
    print(_report({field: (models[field], answers) for field, answers in held_out.items()}))
    if not options.dry_run:
        write_models({field: models[field] for field in held_out}, options.output, documents)
    return 0


def collect(documents: Sequence[Document], models: Models) -> dict[str, list[Example]]:
    """Every document's examples, by field."""
    by_field: dict[str, list[Example]] = defaultdict(list)
    for document, pages in documents:
        for example in document_examples(document, pages, models, group=document.layout or document.path.name):
            by_field[example.field].append(example)
    return dict(by_field)


def write_models(models: Models, file: Path, documents: Sequence[Document]) -> None:
    """Write what the services read, in an order that a diff can show."""
    digest = hashlib.sha256("".join(sorted(document.path.name for document, _ in documents)).encode()).hexdigest()
    content = {
        "made_by": "python -m evaluation.field_training",
        "documents": len(documents),
        "documents_sha256": digest,
        "fields": {
            field: {
                "weights": dict(sorted(model.weights.items())),
                "calibration": asdict(model.calibration),
            }
            for field, model in models.items()
        },
    }
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def fold_of(group: str, count: int = FOLDS) -> int:
    """Which fold a group belongs to, the same for ever."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % count


def starting_models_of(field: str) -> Mapping[str, float]:
    """The weights that a field starts with."""
    brought = {name: weights for family in shipped_families() for name, weights in family.weights.items()}
    return starting_weights(field, brought.get(field))


def _starting_models() -> dict[str, FieldModel]:
    return {field: FieldModel(weights=starting_models_of(field)) for field in shipped_families().kinds}


def _held_out(examples: Sequence[Example], start: Mapping[str, float], deviation: float) -> list[Outcome]:
    """The answers to each fold by weights that were fitted to the others."""
    answers: list[Outcome] = []
    for fold in range(FOLDS):
        others = [example for example in examples if fold_of(example.group) != fold]
        own = [example for example in examples if fold_of(example.group) == fold]
        answers += outcomes(own, FieldModel(weights=fit_weights(others, start, deviation=deviation)))
    return answers


def _report(fields: Mapping[str, tuple[FieldModel, Sequence[Outcome]]]) -> str:
    rows = []
    for field, (model, answers) in fields.items():
        sure = [a.certainty * model.calibration.confidence(a.log_odds, a.reading_confidence) for a in answers]
        right = [answer.right for answer in answers]
        given = [r for r, confidence in zip(right, sure, strict=True) if confidence >= DEFAULT_THRESHOLD]
        uncalibrated = [a.certainty * Calibration().confidence(a.log_odds, a.reading_confidence) for a in answers]
        printed = sum(answer.example.printed for answer in answers)
        rows.append(
            [
                field,
                str(len(answers)),
                f"{sum(given) / max(1, len(given)):.3f}",
                f"{sum(given) / max(1, printed):.3f}",
                f"{calibration_error(uncalibrated, right):.3f}",
                f"{calibration_error(sure, right):.3f}",
            ]
        )
    head = ["field", "answers", "precision", "recall", "ECE uncalibrated", "ECE"]
    return "### Held-out folds, at the default threshold\n\n" + table(head, rows)


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error of some answers; 0 without any."""
    judged = [Judgement(confidence=c, right=r) for c, r in zip(confidences, right, strict=True)]
    return reliability(judged).expected_calibration_error or 0.0


def _read(documents: Sequence[LabelledDocument], options: argparse.Namespace) -> list[Document]:
    pipeline = text_pipeline()
    kept = Readings(allow_older=options.allow_older).of([document.path for document in documents])
    return [
        (document, pipeline.page_lines(reading.reading))
        for document, reading in zip(documents, kept, strict=True)
        if reading.reading is not None
    ]


def _drawn(name: str) -> list[Document]:
    mockups = load_mockups(name)
    charset = charset_of(mockup.text for mockup in mockups)
    pipeline = TextPipeline(charsets=Charsets([charset]))
    return [
        (mockup.labels, pipeline.page_lines(reading_of(mockup.labels.path.name, [mockup.drawing], charset)))
        for mockup in mockups
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.field_training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="+", type=Path, help="generated documents, of the training split")
    seen = [name for name in SETS if name not in HOLDOUTS]
    parser.add_argument("--mockups", nargs="*", choices=seen, default=[], help="sets of drawn pages")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--deviation", type=float, default=PRIOR_DEVIATION, help="how far weights may go, in log odds")
    parser.add_argument(
        "--allow-older", action="store_true", help="readings that older code of the pixel side made will do"
    )
    parser.add_argument("--dry-run", action="store_true", help="print, write nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
