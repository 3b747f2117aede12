"""What a caller wants of a job beside its documents: the same in JSON and in a form."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import JobPriority
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import AUTO
from preprocess_svc.parameters import SchemaList

MAX_URL_CHARACTERS = 2_048
_MAX_ECHOED_CHARACTERS = 40
_PUBLIC_HTTPS = r"^https://([a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\.)+(com|net|org|dev|[a-z]{2})(/[A-Za-z0-9._~/-]*)?$"


def _check_is_text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("schemas", "Input should be a string like invoice,receipt")
    return value


def _check_formats(formats: tuple[OutputFormat, ...]) -> tuple[OutputFormat, ...]:
    if len(set(formats)) != len(formats):
        raise PydanticCustomError("formats", "names a format twice")
    return formats


def _describe_webhook(schema: dict[str, Any]) -> None:
    """What nearly every webhook's address looks like; ``check_webhook_url`` decides, and knows more."""
    of_text, _ = schema["anyOf"]
    of_text |= {"format": "uri", "pattern": _PUBLIC_HTTPS}


class JobOptions(BaseModel):
    """Options of ``POST /v1/jobs``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schemas: Annotated[SchemaList, BeforeValidator(_check_is_text, json_schema_input_type=str)] = Field(
        default=(AUTO,),
        alias="schema",
        min_length=1,
        json_schema_extra={"default": AUTO},
        description="Which fields to extract: the names of schemas, several with commas; `auto` classifies first, "
        "`none` gives lines only.",
    )
    formats: Annotated[tuple[OutputFormat, ...], AfterValidator(_check_formats)] = Field(
        default=(),
        json_schema_extra={"uniqueItems": True},
        description="Further formats, each as a link in the JSON result, which there always is.",
    )
    webhook_url: str | None = Field(
        default=None,
        max_length=MAX_URL_CHARACTERS,
        description="Told when the job has ended, signed: an https address that is public, by default.",
        json_schema_extra=_describe_webhook,
    )
    priority: JobPriority = Field(default=JobPriority.NORMAL, description="`low` goes after your own normal jobs.")

    @property
    def further_formats(self) -> tuple[OutputFormat, ...]:
        """Those beside JSON."""
        return tuple(wanted for wanted in self.formats if wanted is not OutputFormat.JSON)

    @classmethod
    def parse(cls, untrusted_options: dict[str, object]) -> JobOptions:
        """Check options, whatever they came in.

        Raises:
            InvalidRequest: naming each that is off.
        """
        try:
            return cls.model_validate(untrusted_options)
        except ValidationError as error:
            problems = [explain(item["type"], item["loc"], item["msg"]) for item in error.errors(include_input=False)]
            raise InvalidRequest("; ".join(problems)) from None


def explain(error_type: str, location: tuple[int | str, ...], message: str) -> str:
    """What is wrong with a value, and where it stands: ``documents[3].source: Field required``."""
    where = echo("".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip("."))
    return f"{where} is not known" if error_type == "extra_forbidden" else f"{where}: {message}"


def echo(untrusted_name: str) -> str:
    """A caller's name as it may stand in a message: short and printable."""
    return "".join(c if c.isprintable() else "?" for c in untrusted_name[:_MAX_ECHOED_CHARACTERS])
