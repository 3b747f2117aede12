"""The query parameters of ``POST /v1/ocr``: one declaration that is checked, and shown in ``/openapi.json``."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from starlette.datastructures import QueryParams

from ocr_core.contracts.document import PageSelection, TextLayerUse
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import AUTO, MAX_SCHEMAS, NAME_PATTERN, SchemaName, parse_schema_names

DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 30.0

_MAX_ECHOED_CHARACTERS = 40


def _parse_schemas(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_schema_names(value)
    except InvalidRequest as error:
        raise PydanticCustomError("schemas", "{detail}", {"detail": error.detail}) from None


SchemaList = Annotated[
    tuple[Annotated[SchemaName, Field(pattern=f"^{NAME_PATTERN}$")], ...],
    Field(max_length=MAX_SCHEMAS, examples=["invoice,receipt"]),
    BeforeValidator(_parse_schemas),
]
"""Schemas as callers write them: ``invoice,receipt``. Whether there are such is for the text side to say."""


def _check_selection(text: str) -> str:
    try:
        PageSelection.parse(text)
    except InvalidRequest:
        raise PydanticCustomError(
            "pages", "Input should be a list like 1-3,7; pages start at 1 and ranges run upwards"
        ) from None
    return text


_SWITCH = {"true": True, "false": False}


def _parse_switch(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in _SWITCH:
        raise PydanticCustomError("switch", "Input should be true or false")
    return _SWITCH[value]


class OcrParameters(BaseModel):
    """What a caller asks for, beside the document."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schemas: SchemaList = Field(
        default=(AUTO,),
        alias="schema",
        min_length=1,
        description="Which fields to extract: the names of schemas (`/v1/schemas` lists them), several with commas; "
        "`auto` classifies first, `none` gives lines only.",
    )
    pages: Annotated[str, AfterValidator(_check_selection)] = Field(
        default="all", max_length=1_000, description="Page selection, 1-based: `1-3,7`."
    )
    format: OutputFormat = Field(default=OutputFormat.JSON, description="How the answer is written down.")
    timeout_s: float = Field(
        default=DEFAULT_TIMEOUT_S,
        gt=0,
        le=MAX_TIMEOUT_S,
        allow_inf_nan=False,
        description="The whole request's deadline in seconds, from the moment its headers arrive.",
    )
    text_layer: TextLayerUse = Field(
        default=TextLayerUse.IGNORE,
        description="`ignore` recognises pixels always, `prefer` uses a PDF's own text where it is sound.",
    )
    min_confidence: float = Field(
        default=0.5, ge=0, le=1, allow_inf_nan=False, description="Fields below this confidence are null."
    )
    page_images: Annotated[bool, BeforeValidator(_parse_switch)] = Field(
        default=False,
        description="`true` gives each page of the JSON result an `image`: its pixels, upright, for a browser.",
    )

    store: Annotated[bool, BeforeValidator(_parse_switch)] = Field(
        default=True,
        description="`false` keeps nothing of this document, also where the tenant has retention. Without retention "
        "nothing is kept anyway.",
    )

    @model_validator(mode="after")
    def _check_images(self) -> Self:
        if self.page_images and self.format is not OutputFormat.JSON:
            raise PydanticCustomError("page_images", "page_images is for format=json alone")
        return self

    @classmethod
    def parse(cls, untrusted_query: QueryParams) -> OcrParameters:
        """Check a query.

        A parameter that is not known is refused: were it ignored, `?timeout=30` would silently mean five seconds.

        Raises:
            InvalidRequest: naming every parameter that is off.
        """
        repeated = [name for name, count in Counter(k for k, _ in untrusted_query.multi_items()).items() if count > 1]
        problems = [f"parameter {_echo(name)} comes more than once" for name in repeated]
        try:
            parameters = cls.model_validate(dict(untrusted_query))
        except ValidationError as error:
            problems += [_explain(item["type"], item["loc"], item["msg"]) for item in error.errors(include_input=False)]
            raise InvalidRequest("; ".join(problems)) from None
        if problems:
            raise InvalidRequest("; ".join(problems))
        return parameters

    @property
    def selection(self) -> PageSelection:
        """The wanted pages."""
        return PageSelection.parse(self.pages)

    @property
    def structure_options(self) -> StructureOptions:
        """What concerns the text side."""
        return StructureOptions(schemas=self.schemas, min_confidence=self.min_confidence, output_format=self.format)


def openapi_parameters(ref_template: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The parameters for ``/openapi.json``, and the schemas that they refer to."""
    schema = OcrParameters.model_json_schema(ref_template=ref_template)
    parameters = []
    for name, declared in schema["properties"].items():
        declared.pop("title", None)
        parameter = {"name": name, "in": "query", "required": False, "description": declared.pop("description")}
        if declared.get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        parameters.append({**parameter, "schema": declared})
    return parameters, schema.get("$defs", {})


def _explain(error_type: str, location: tuple[int | str, ...], message: str) -> str:
    if not location:
        return message  # of two parameters that do not go together
    name = str(location[0])
    if error_type == "extra_forbidden":
        known = sorted(field.alias or field_name for field_name, field in OcrParameters.model_fields.items())
        return f"parameter {_echo(name)} is not known; known are {', '.join(known)}"
    return f"parameter {_echo(name)}: {message}"


def _echo(untrusted_name: str) -> str:
    """A caller's name as it may stand in a message: short and printable."""
    printable = "".join(c if c.isprintable() else "?" for c in untrusted_name[:_MAX_ECHOED_CHARACTERS])
    return f"'{printable}'"
