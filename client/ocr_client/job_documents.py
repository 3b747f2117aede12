"""Which documents ``ocr jobs submit`` means, and what each is called."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TextIO

from ocr_client.documents import DocumentFile, find_documents, readable_name
from ocr_client.submission import JobDocument

ADDRESS_PREFIX = "s3://"

REFERENCES: dict[str, Callable[[str], str]] = {
    # Of the path below the folder that was named, or of the object's address.
    "path": lambda path: path,
    "name": lambda path: PurePosixPath(path).name,
    "stem": lambda path: PurePosixPath(path).stem,
}


def job_documents(named: Sequence[str], *, list_file: str | None, reference_from: str) -> list[JobDocument]:
    """Files, what is in folders, objects, and the lines of a list; references made as ``reference_from`` says.

    Raises:
        OSError: The list cannot be read.
    """
    make_reference = REFERENCES[reference_from]
    documents = [JobDocument(source=name, reference=make_reference(name)) for name in named if _is_address(name)]
    files = find_documents(Path(name) for name in named if not _is_address(name))
    documents += _file_documents(files, make_reference)
    if list_file is not None:
        documents += _listed(list_file, make_reference)
    return documents


def _file_documents(files: list[DocumentFile], make_reference: Callable[[str], str]) -> Iterator[JobDocument]:
    repeats = Counter(file.relative for file in files)
    for file in files:
        # Of two folders' files of one name, each keeps its folder: result lines are to be told apart.
        told = file.path if repeats[file.relative] > 1 else file.relative
        yield JobDocument(source=file.path, reference=make_reference(readable_name(told)))


def _listed(list_file: str, make_reference: Callable[[str], str]) -> list[JobDocument]:
    if list_file == "-":
        return list(_listed_lines(sys.stdin, make_reference))
    with Path(list_file).open(encoding="utf-8", errors="surrogateescape") as lines:
        return list(_listed_lines(lines, make_reference))


def _listed_lines(lines: TextIO, make_reference: Callable[[str], str]) -> Iterator[JobDocument]:
    """A path or an address a line, and behind a tab the document's own reference."""
    for line in lines:
        name, _, reference = line.rstrip("\r\n").partition("\t")
        if name:
            source = name if _is_address(name) else Path(name)
            yield JobDocument(source=source, reference=readable_name(reference or make_reference(name)))


def _is_address(name: str) -> bool:
    return name.startswith(ADDRESS_PREFIX)
