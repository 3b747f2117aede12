"""A run as Markdown tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evaluation.accuracy.failures import Failure, FailureKind
from evaluation.accuracy.figures import ALL_FIELDS, GroupFigures
from evaluation.accuracy.judged import DEFAULT_THRESHOLD, JudgedDocument
from evaluation.accuracy.line_items import PARTS
from evaluation.accuracy.names import NAME_FIELDS
from evaluation.accuracy.reliability import Reliability
from evaluation.accuracy.targets import TargetFigure
from evaluation.field_metrics import Matches
from evaluation.markdown import compared, number, table
from evaluation.scores import NO_FIGURES

Rows = list[list[str]]
NONE = "–"


def text_table(groups: Sequence[GroupFigures], *, pooled: bool) -> str:
    """CER and word F1, beside the peer's where there is one."""
    has_peer = any(group.peer is not None for group in groups)
    rows: Rows = []
    for group in groups:
        peer = group.peer or NO_FIGURES
        figures = (
            compared(group.text.accuracy, peer.accuracy, pooled=pooled),
            compared(group.text.word_f1, peer.word_f1, pooled=pooled),
            compared(group.text.accuracy_as_returned, peer.accuracy_as_returned, pooled=pooled),
        )
        rows.append([group.name, str(group.documents), *_beside_peer(figures, has_peer=has_peer)])
    return table(["set", "documents", *_headings("1−CER", "word F1", "1−CER as returned", has_peer=has_peer)], rows)


def other_text_table(groups: Sequence[GroupFigures]) -> str:
    """Strings that must occur, and detection."""
    has_peer = any(group.peer is not None for group in groups)
    rows: Rows = []
    for group in groups:
        peer = group.peer or NO_FIGURES
        figures = (
            compared(group.text.string_recall, peer.string_recall),
            compared(group.text.detection_hmean, peer.detection_hmean),
        )
        rows.append([group.name, *_beside_peer(figures, has_peer=has_peer)])
    return table(["set", *_headings("recall", "H-mean", has_peer=has_peer)], rows)


def _headings(*measures: str, has_peer: bool) -> list[str]:
    return [f"{measure}{column}" for measure in measures for column in (("", " peer", " Δ") if has_peer else ("",))]


def _beside_peer(figures: Iterable[tuple[str, str, str]], *, has_peer: bool) -> list[str]:
    return [cell for cells in figures for cell in (cells if has_peer else cells[:1])]


def set_table(groups: Sequence[GroupFigures]) -> str:
    """Micro figures, documents fully right, the five, line items."""
    rows: Rows = []
    for group in groups:
        fields = group.fields
        if not fields.documents:
            continue
        share = fields.documents_right / fields.documents
        rows.append(
            [
                group.name,
                str(fields.documents),
                *_precision_recall_f1(fields.micro),
                number(group.tolerant.micro.f1, digits=3),
                f"{share:.3f} ({fields.documents_right})",
                NONE if group.five.value is None else f"{group.five.value:.3f} ({group.five.right} of {group.five.of})",
            ]
        )
    headings = ["set", "documents", "precision", "recall", "micro F1", "micro F1, tolerant names", "all right", "five"]
    return table(headings, rows)


def field_table(group: GroupFigures) -> str:
    """One set's fields."""
    rows: Rows = []
    for name, matches in sorted(group.fields.by_field.items()):
        tolerant = group.tolerant.by_field[name].f1 if name in NAME_FIELDS else None
        reliability = group.reliability.get(name)
        error = None if reliability is None else reliability.expected_calibration_error
        rows.append(
            [
                name,
                str(matches.wanted),
                str(matches.given),
                str(matches.right),
                *_precision_recall_f1(matches),
                number(tolerant, digits=3),
                number(error, digits=3),
            ]
        )
    headings = ["field", "wanted", "given", "right", "precision", "recall", "F1", "F1, tolerant names", "ECE"]
    return table(headings, rows)


def damage_table(groups: Sequence[GroupFigures]) -> str:
    """One set's F1 by field and damage level."""
    names = sorted({name for group in groups for name in group.fields.by_field})
    rows = [[name, *(number(_f1(group.fields.by_field.get(name)), digits=3) for group in groups)] for name in names]
    rows.append(["**micro F1**", *(number(group.fields.micro.f1, digits=3) for group in groups)])
    return table(["field", *(group.damage or "all" for group in groups)], rows)


def threshold_table(groups: Sequence[GroupFigures]) -> str:
    """Micro precision / recall at every threshold."""
    labelled = [group for group in groups if group.fields.documents]
    if not labelled:
        return ""
    headings = [f"{each.threshold:g}" for each in labelled[0].thresholds]
    rows = [
        [group.name, *(f"{each.micro.precision:.3f} / {each.micro.recall:.3f}" for each in group.thresholds)]
        for group in labelled
    ]
    return table(["set", *headings], rows)


def reliability_table(groups: Sequence[GroupFigures]) -> str:
    """All fields' answers in ten bins: how many, what they claim, what they are worth."""
    pooled = [(group, group.reliability[ALL_FIELDS]) for group in groups if ALL_FIELDS in group.reliability]
    if not pooled:
        return ""
    headings = [f"{each.low:.1f}–{each.high:.1f}" for each in pooled[0][1].bins]
    rows = [[group.name, *_bins(each), number(each.expected_calibration_error, digits=3)] for group, each in pooled]
    return table(["set", *headings, "ECE"], rows)


def _bins(reliability: Reliability) -> list[str]:
    return [
        NONE if each.share_right is None else f"{each.answers}: {each.mean_confidence:.2f} → {each.share_right:.2f}"
        for each in reliability.bins
    ]


def line_item_table(groups: Sequence[GroupFigures]) -> str:
    """Rows, and each of their parts: precision / recall / F1."""
    rows: Rows = []
    for group in groups:
        found = group.line_items
        if found is not None:
            cells = [_in_one_cell(matches) for matches in (found.rows, *(found.parts[part] for part in PARTS))]
            rows.append([group.name, *cells, f"{found.documents_right} of {found.documents}"])
    return table(["set", "rows", *PARTS, "documents with every row right"], rows) if rows else ""


def target_table(targets: Sequence[TargetFigure]) -> str:
    """What was to be reached."""
    rows: Rows = []
    for target in targets:
        beside = "" if target.beside is None else f" ({target.beside:.3f})"
        rows.append(
            [
                f"{target.group}: {target.name}",
                str(target.documents),
                f"{target.at_least:.2f}",
                f"{target.figure:.3f}{beside}",
                "met" if target.is_met else "**missed**",
            ]
        )
    return table(["target", "documents", "at least", "figure", ""], rows)


def failure_table(failures: Sequence[tuple[str, Failure]]) -> str:
    """How often each kind of failure occurs, by set and field; the most frequent first.

    Args:
        failures: Each with the name of its set.
    """
    counts = Counter((name, failure.field, failure.kind) for name, failure in failures)
    totals = Counter((name, failure.field) for name, failure in failures)
    kinds = [kind for kind in FailureKind if any(kind is counted for _, _, counted in counts)]
    rows = [
        [f"{name}: {field}", str(total), *(str(counts[name, field, kind] or "") for kind in kinds)]
        for (name, field), total in totals.most_common()
    ]
    return table(["field", "failures", *kinds], rows) if rows else ""


def unread_list(documents: Sequence[JudgedDocument]) -> str:
    """Documents that were not read whole, and why."""
    failed = [each for each in documents if each.read.error is not None]
    return "\n".join(f"- {each.document.set_name}/{each.name}: {each.read.error}" for each in failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table under its heading."""

    heading: str
    content: str
    is_summary: bool = False
    """What one looks at first."""


def sections_of(
    documents: Sequence[JudgedDocument],
    groups: Sequence[GroupFigures],
    targets: Sequence[TargetFigure],
    failures: Sequence[tuple[str, Failure]],
    *,
    peer: str,
) -> list[Section]:
    """Every table that has something to say; what one looks at first comes last, where a terminal shows it."""
    wholes = [group for group in groups if group.damage is None and group.fields.documents]
    found = [
        Section(heading=f"Text: mean over documents (peer: {peer})", content=text_table(groups, pooled=False)),
        Section(heading="Text: pooled over each set", content=text_table(groups, pooled=True)),
        Section(heading="Strings that must occur; detection by the labels' lines", content=other_text_table(groups)),
        *(Section(heading=f"Fields of {group.name}", content=field_table(group)) for group in wholes),
    ]
    for whole in wholes:
        levels = [group for group in groups if group.set_name == whole.set_name]
        if len(levels) > 1:
            found.append(Section(heading=f"Fields of {whole.name} by damage: F1", content=damage_table(levels)))
    found += [
        Section(heading="Precision / recall of all fields by threshold", content=threshold_table(groups)),
        Section(heading="Confidences: answers: mean confidence → share right", content=reliability_table(groups)),
        Section(heading="Line items: precision / recall / F1", content=line_item_table(groups)),
        Section(heading="Documents that were not read whole", content=unread_list(documents)),
        Section(heading="What goes wrong", content=failure_table(failures), is_summary=True),
        Section(
            heading=f"Fields by set, at the threshold {DEFAULT_THRESHOLD:g}",
            content=set_table(groups) if wholes else "",
            is_summary=True,
        ),
        Section(heading="Targets", content=target_table(targets) if targets else "", is_summary=True),
    ]
    return [section for section in found if section.content]


def as_markdown(sections: Iterable[Section]) -> str:
    """Sections as one text."""
    return "\n\n".join(f"### {section.heading}\n\n{section.content}" for section in sections)


def _precision_recall_f1(matches: Matches) -> list[str]:
    return [f"{matches.precision:.3f}", f"{matches.recall:.3f}", f"{matches.f1:.3f}"]


def _in_one_cell(matches: Matches) -> str:
    return " / ".join(_precision_recall_f1(matches)) if matches.wanted or matches.given else NONE


def _f1(matches: Matches | None) -> float | None:
    return None if matches is None else matches.f1
