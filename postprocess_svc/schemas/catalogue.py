"""The schemas that there are: the shipped ones and the operator's own, each a TOML file that bears its name."""

from __future__ import annotations

import hashlib
import logging
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ocr_core.contracts.result import DocumentType
from ocr_core.contracts.schema_names import AUTO, NAME_PATTERN, NONE, SchemaName, check_known, is_schema_name
from postprocess_svc.fields.candidate import FieldKind
from postprocess_svc.fields.registry import shipped_families
from postprocess_svc.schemas.checks import parse_check
from postprocess_svc.schemas.field_files import FIELD_FILES, AnyFieldFile, SchemaFile
from postprocess_svc.schemas.schema import Schema, WantedField

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 100_000
MAX_FILES = 1_000
_EXTENSION = ".toml"


class SchemasInvalid(Exception):
    """Files that are no schemas; ``problems`` tells the file and the key of each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Catalogue:
    """Schemas, in the order of their names."""

    def __init__(self, schemas: Iterable[Schema], *, sha256: str) -> None:
        """Order them.

        Args:
            schemas: All of them, each of another name.
            sha256: Of the files that they were made of.
        """
        self.sha256 = sha256
        by_name = sorted(schemas, key=lambda schema: schema.name)
        self._schemas: dict[str, Schema] = {schema.name: schema for schema in by_name}

    def __iter__(self) -> Iterator[Schema]:
        return iter(self._schemas.values())

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._schemas)

    def check(self, wanted: Sequence[SchemaName]) -> None:
        """Refuse names of schemas that there are not.

        Raises:
            InvalidRequest: naming them, and those that there are.
        """
        check_known(wanted, self.names)

    def named(self, name: SchemaName, document_type: DocumentType) -> Schema:
        """The schema of a name that ``check`` has let pass; ``auto`` is the one named like the document's type."""
        return self._schemas[document_type.value if name == AUTO else name]


@lru_cache(maxsize=1)
def shipped_schemas() -> Catalogue:
    """Those that come with the package, for the shipped families."""
    return load_schemas(None, kinds=shipped_families().kinds)


def load_schemas(folder: Path | None, *, kinds: Mapping[str, FieldKind]) -> Catalogue:
    """Load the shipped schemas, and an operator's own.

    Args:
        folder: Where the operator's lie, as ``<name>.toml``. One that has a shipped one's name takes its place, also
            in what ``auto`` means.
        kinds: The families' fields, and what kind of value each has.

    Raises:
        SchemasInvalid: with every problem of every file.
    """
    problems: list[str] = []
    schemas: dict[str, Schema] = {}
    digest = hashlib.sha256()
    for path in (*_shipped_files(), *_own_files(folder)):
        name = path.name.removesuffix(_EXTENSION)
        try:
            text = _read(path)
            schema = parse_schema(name, text, kinds=kinds)
        except SchemasInvalid as error:
            problems += [f"{path.name}: {problem}" for problem in error.problems]
            continue
        if name in schemas:
            log.info("a shipped schema is replaced", extra={"action": "schema.replaced", "schema": name})
        schemas[name] = schema
        content = text.encode("utf-8")
        digest.update(f"{name} {len(content)}\n".encode() + content)
    if problems:
        raise SchemasInvalid(problems)
    return Catalogue(schemas.values(), sha256=digest.hexdigest())


def parse_schema(name: str, untrusted_text: str, *, kinds: Mapping[str, FieldKind]) -> Schema:
    """Make a schema of a file's text.

    Raises:
        SchemasInvalid: with every problem, each behind its key.
    """
    if not is_schema_name(name) or name in {AUTO, NONE}:
        raise SchemasInvalid([f"a schema's file is named like it: {NAME_PATTERN}{_EXTENSION}, neither auto nor none"])
    try:
        content = tomllib.loads(untrusted_text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SchemasInvalid([f"is no TOML: {error}"]) from None
    try:
        file = SchemaFile.model_validate(content)
    except ValidationError as error:
        raise SchemasInvalid([_explain(item, content) for item in error.errors(include_input=False)]) from None
    problems: list[str] = []
    fields = {key: _wanted(key, declared, kinds, problems) for key, declared in file.fields.items()}
    checks = []
    for position, text in enumerate(file.checks):
        try:
            checks.append(parse_check(text, fields))
        except ValueError as error:
            problems.append(f"checks[{position}]: {error}")
    if problems:
        raise SchemasInvalid(problems)
    return Schema(
        name=SchemaName(name),
        title=file.title,
        description=file.description,
        document_type=file.document_type,
        fields=tuple(fields.values()),
        checks=tuple(checks),
    )


def _wanted(key: str, declared: AnyFieldFile, kinds: Mapping[str, FieldKind], problems: list[str]) -> WantedField:
    source, kind = declared.source or key, FieldKind(declared.type)
    if source not in kinds:
        problems.append(f"fields.{key}.from: there is no field '{source}'; there are {', '.join(sorted(kinds))}")
    elif kinds[source] is not kind:
        problems.append(f"fields.{key}.type: '{source}' is {kinds[source]}, not {kind}")
    return WantedField(
        name=key,
        source=source,
        kind=kind,
        required=declared.required,
        min_confidence=declared.min_confidence,
        rules=tuple(declared.rules()),
    )


def _shipped_files() -> list[Traversable]:
    found = files("postprocess_svc.schemas").iterdir()
    return sorted((path for path in found if path.name.endswith(_EXTENSION)), key=lambda path: path.name)


def _own_files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == _EXTENSION)
    except OSError as error:
        raise SchemasInvalid([f"{folder}: the folder cannot be read: {error.strerror}"]) from None
    if len(found) > MAX_FILES:
        raise SchemasInvalid([f"{folder}: more than {MAX_FILES} schemas"])
    return found


def _read(path: Traversable) -> str:
    try:
        with path.open("rb") as file:
            untrusted_bytes = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SchemasInvalid([f"cannot be read: {error.strerror}"]) from None
    if len(untrusted_bytes) > MAX_FILE_BYTES:
        raise SchemasInvalid([f"is larger than {MAX_FILE_BYTES} bytes"])
    try:
        return untrusted_bytes.decode("utf-8")
    except UnicodeDecodeError:
        raise SchemasInvalid(["is not UTF-8"]) from None


def _explain(problem: ErrorDetails, content: dict[str, Any]) -> str:
    """A problem behind its key, as the file writes it."""
    location = [part for part in problem["loc"] if part != "[key]"]
    if location[0] == "fields" and len(location) > 2:
        del location[2]  # the type by which the kind of field was told
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    match problem["type"]:
        case "extra_forbidden":
            return f"{key}: there is no such key; there are {', '.join(_allowed(location, content))}"
        case "missing":
            return f"{key}: is missing"
        case "union_tag_invalid" | "union_tag_not_found":
            return f"{key}.type: is missing or none of {', '.join(sorted(FieldKind))}"
        case "value_error":
            return f"{key}: {problem['ctx']['error']}"
        case _:
            return f"{key}: {problem['msg']}"


def _allowed(location: Sequence[int | str], content: dict[str, Any]) -> list[str]:
    """The keys that may stand where one stood that may not."""
    if len(location) == 1:
        return sorted(SchemaFile.model_fields)
    model = FIELD_FILES[content["fields"][location[1]]["type"]]
    return sorted(declared.alias or name for name, declared in model.model_fields.items())
