"""The report: tables, then every failure by set, field and kind, the most frequent kind first."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib import resources
from pathlib import Path

from markdown_it import MarkdownIt

from evaluation.accuracy.candidates import Considered
from evaluation.accuracy.failures import Failure, FailureKind
from evaluation.accuracy.judged import JudgedDocument
from evaluation.accuracy.record import Failures
from evaluation.accuracy.report.cards import HINTS, card
from evaluation.accuracy.report.pictures import JPEG_QUALITY, DocumentPictures
from evaluation.accuracy.tables import Section, as_markdown

PICTURES = "pictures"

FieldOfSet = tuple[str, str]
ConsideredOf = Callable[[Path], Mapping[str, Sequence[Considered]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    kind: FailureKind
    html: str


def write_report(
    folder: Path,
    documents: Sequence[JudgedDocument],
    failures: Failures,
    *,
    sections: Sequence[Section],
    considered: ConsideredOf,
) -> Path:
    """Write the page and its pictures.

    Args:
        folder: Where; pictures of an older report are removed.
        documents: All that were judged.
        failures: What went wrong, by set and file.
        sections: The figures.
        considered: The candidates of a document, by field.

    Returns:
        The page's path.
    """
    pictures = folder / PICTURES
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    entries: dict[FieldOfSet, list[_Entry]] = defaultdict(list)
    for judged in documents:
        found = failures[judged.document.set_name, judged.name]
        if found:
            candidates = considered(judged.document.path)
            cutter = DocumentPictures(judged.document, judged.read.pages)
            for failure in found:
                html = card(
                    judged,
                    failure,
                    pictures=_write_pictures(folder, judged, failure, cutter),
                    candidates=candidates.get(failure.field, ()),
                )
                entries[judged.document.set_name, failure.field].append(_Entry(kind=failure.kind, html=html))
    content = {
        "made": escape(datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")),
        "documents": str(len(documents)),
        "failures": str(sum(map(len, entries.values()))),
        "summary": _tables(section for section in reversed(sections) if section.is_summary),
        "tables": _tables(section for section in sections if not section.is_summary),
        "contents": _contents(entries),
        "cards": _sections(entries),
    }
    template = resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    page = folder / "index.html"
    page.write_text(re.sub(r"{{(\w+)}}", lambda place: content[place[1]], template), encoding="utf-8")
    return page


def _tables(sections: Iterable[Section]) -> str:
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(as_markdown(sections)))


def _write_pictures(folder: Path, judged: JudgedDocument, failure: Failure, cutter: DocumentPictures) -> list[str]:
    paths = []
    for index, image in enumerate(cutter.cut(failure)):
        key = f"{judged.document.set_name}/{judged.name}/{failure.field}/{index}"
        path = f"{PICTURES}/{hashlib.sha256(key.encode()).hexdigest()[:16]}.jpg"
        image.save(folder / path, quality=JPEG_QUALITY)
        paths.append(path)
    return paths


def _contents(entries: Mapping[FieldOfSet, Sequence[_Entry]]) -> str:
    parts = []
    for set_name in dict.fromkeys(name for name, _ in entries):
        fields = _fields_of(entries, set_name)
        links = "".join(
            f'<li><a href="#{_anchor(set_name, field)}">{escape(field)}</a> <small>{len(found)}</small></li>'
            for field, found in fields
        )
        parts.append(f"<h3>{escape(set_name)}</h3><ul>{links}</ul>")
    return "".join(parts)


def _sections(entries: Mapping[FieldOfSet, Sequence[_Entry]]) -> str:
    parts = []
    for set_name in dict.fromkeys(name for name, _ in entries):
        parts.append(f"<h2>{escape(set_name)}</h2>")
        for field, found in _fields_of(entries, set_name):
            parts.append(
                f'<section id="{_anchor(set_name, field)}"><h3>{escape(field)} <small>{len(found)}</small></h3>'
            )
            for kind, count in Counter(entry.kind for entry in found).most_common():
                cards = "".join(entry.html for entry in found if entry.kind is kind)
                parts.append(f"<h4>{kind} <small>{count}: {HINTS[kind]}</small></h4><div class=cards>{cards}</div>")
            parts.append("</section>")
    return "".join(parts)


def _fields_of(entries: Mapping[FieldOfSet, Sequence[_Entry]], set_name: str) -> list[tuple[str, Sequence[_Entry]]]:
    """A set's fields, those with most failures first."""
    return sorted(
        ((field, found) for (name, field), found in entries.items() if name == set_name),
        key=lambda pair: -len(pair[1]),
    )


def _anchor(set_name: str, field: str) -> str:
    return escape(f"{set_name}-{field}".replace(" ", "-"))
