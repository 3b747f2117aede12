"""What can be set, as one frozen group for each concern, read from the environment once at start.

``load`` is called in a service's ``main.py`` and nowhere else; nothing here reads the environment at import. A bad
value, and a misspelt name under a group's prefix, stops the start and names itself.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ocr_core.contracts.access import MAX_RETENTION_DAYS
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.jobs import TENANT_PATTERN
from ocr_core.contracts.lambda_wire import MAX_PAGES_PER_CALL

_TENANT = f"^{TENANT_PATTERN}$"
_DEFAULT_LIMITS = OpenLimits()
_MIN_TOKEN_CHARACTERS = 16
_SHARED_PREFIXES = frozenset({"OCR_", "SAGEMAKER_"})
"""Of variables that other programs read too: the project's common one, and SageMaker's own in its containers."""
_OTEL_VARIABLES = (
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)
"""Of OpenTelemetry's own, those that switch it on or off:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/"""

Port = Annotated[int, Field(ge=1, le=65_535)]
PositiveCount = Annotated[int, Field(ge=1, le=4_096)]


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def empty_to_none(value: object) -> object:
    """For settings that may be unset."""
    # docker-compose writes `NAME=` for a variable that is not set.
    return None if value == "" else value


class SettingsError(Exception):
    """The environment does not make a valid configuration; the message names each offending variable."""


class LogFormat(StrEnum):
    """How a log line is written."""

    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    """The least important line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SettingsGroup(BaseSettings):
    """Base of the groups: frozen; the environment is its only source besides the defaults."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ExposureSettings(SettingsGroup):
    """Who may reach the services."""

    model_config = SettingsConfigDict(env_prefix="OCR_")

    allow_unauthenticated: bool = False
    """Listen beyond loopback although no API keys are checked: behind a mesh or a gateway that does the asking, and for
    the text side, which only the house's own services reach."""


class AccessSettings(SettingsGroup):
    """API keys: whose requests are answered (docs/access.md). All services of a house have the same."""

    model_config = SettingsConfigDict(env_prefix="OCR_ACCESS_")

    keys: bool = False
    """Answer requests with a good API key only. Keys and tenants are in the job database."""
    cache_s: float = Field(default=5.0, gt=0, le=300)
    """How long a key that was looked up holds: a revoked one is dead after that, in every process."""
    outage_s: float = Field(default=120.0, ge=0, le=86_400)
    """How much longer a key that was good goes on being good while the database does not answer."""
    metrics_token: SecretStr | None = None
    """What a scraper sends as ``Authorization: Bearer …`` to read ``/metrics``, beside keys with the scope admin."""
    metrics_open: bool = False
    """Let everybody read ``/metrics``: only where nobody but the scraper reaches it."""
    keep_audit_days: float = Field(default=400.0, gt=0, le=36_500)
    """How long lines of the audit log are kept."""

    _empty_is_unset = field_validator("metrics_token", mode="before")(empty_to_none)

    @field_validator("metrics_token")
    @classmethod
    def _check_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value()) < _MIN_TOKEN_CHARACTERS:
            raise ValueError(f"a token has at least {_MIN_TOKEN_CHARACTERS} random characters")
        return token


class LogSettings(SettingsGroup):
    """What the services write to standard error."""

    model_config = SettingsConfigDict(env_prefix="OCR_LOG_")

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.JSON


class TracingSettings(SettingsGroup):
    """Traces (docs/observability.md). Off unless there is an address to send them to."""

    model_config = SettingsConfigDict(env_prefix="OCR_TRACING_")

    endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Base URL of whatever takes OTLP over HTTP, mostly a collector's port 4318. Empty: where the standard's own
    ``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``…_TRACES_ENDPOINT`` says; nowhere, and off, without either."""
    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """Share of the traces that are recorded; the service where a trace begins decides, the others follow."""
    trust_callers: bool = False
    """Make a caller's ``traceparent`` the parent of what is done for it. Otherwise a trace of ours only links to it:
    strangers neither decide how much is recorded, nor write into traces of others whose ids they know."""

    _empty_is_unset = field_validator("endpoint", mode="before")(empty_to_none)

    @property
    def is_on(self) -> bool:
        """Whether spans go anywhere, by the standard's variables too."""
        # docker-compose hands variables on empty.
        standard = {name: os.environ.get(name, "").strip().lower() for name in _OTEL_VARIABLES}
        if standard["OTEL_SDK_DISABLED"] == "true" or standard["OTEL_TRACES_EXPORTER"] == "none":
            return False
        endpoints = (standard["OTEL_EXPORTER_OTLP_ENDPOINT"], standard["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
        return self.endpoint is not None or any(endpoints)


class LimitSettings(SettingsGroup):
    """What one document of the sync API may cost (the limits of api.md)."""

    model_config = SettingsConfigDict(env_prefix="OCR_LIMIT_")

    max_body_bytes: int = Field(default=_DEFAULT_LIMITS.max_body_bytes, ge=1)
    max_pages: int = Field(default=_DEFAULT_LIMITS.max_pages, ge=1)
    max_image_pixels: int = Field(default=_DEFAULT_LIMITS.max_image_pixels, ge=1)
    max_rendered_page_pixels: int = Field(default=_DEFAULT_LIMITS.max_rendered_page_pixels, ge=1)
    max_document_pixels: int = Field(default=_DEFAULT_LIMITS.max_document_pixels, ge=1)
    max_memory_bytes: int = Field(default=_DEFAULT_LIMITS.max_memory_bytes, ge=1 << 28)
    """Beside what a file's process shares with its pool, some 120 MB."""
    max_cpu_s: float = Field(default=_DEFAULT_LIMITS.max_cpu_s, gt=0, le=3_600)
    """Processor time, of all of a document's children together."""
    max_wall_s: float = Field(default=_DEFAULT_LIMITS.max_wall_s, gt=0, le=3_600)
    """Time in which the service waits for the opening."""
    render_dpi: int = Field(default=_DEFAULT_LIMITS.render_dpi, ge=50, le=600)

    def to_open_limits(self) -> OpenLimits:
        """The same values as the sandbox takes them."""
        return OpenLimits(**self.model_dump())


class TritonSettings(SettingsGroup):
    """Where the models are served."""

    model_config = SettingsConfigDict(env_prefix="OCR_TRITON_")

    grpc_url: str = Field(default="127.0.0.1:8011", pattern=r"^[^/\s]+:[0-9]+$")
    """``host:port`` of Triton's gRPC endpoint."""
    shared_memory: bool = True
    """Hand images over through POSIX shared memory. Only where Triton sees this host's ``/dev/shm``."""
    max_shared_bytes: int = Field(default=512 << 20, ge=1 << 20)
    """The most shared memory that this process takes; what does not fit goes over the socket."""
    control_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """For the calls that carry no document: readiness, versions, registering memory."""


class OpenerLauncher(StrEnum):
    """How the file opener runs."""

    PROCESS = "process"
    SOCKET = "socket"
    LAMBDA = "lambda"


class BwrapUse(StrEnum):
    """Whether the file opener's process runs inside bwrap."""

    AUTO = "auto"
    """Where it is installed and this user may make namespaces; in containers he mostly may not."""
    ALWAYS = "always"
    NEVER = "never"


class FileOpenerSettings(SettingsGroup):
    """The sandbox that files are opened in; one child process a file."""

    model_config = SettingsConfigDict(env_prefix="OCR_OPENER_")

    max_children: PositiveCount = 8
    """Files open at once. Each may use ``OCR_LIMIT_MAX_MEMORY_BYTES``."""
    max_waiting: int = Field(default=64, ge=0, le=4_096)
    """Files that wait for one of these places; one more is answered 429 at once."""
    launcher: OpenerLauncher = OpenerLauncher.PROCESS
    """Where files are opened: in a process of the service's own, by a server in a container beside it (``socket``), or
    by an AWS Lambda function."""
    bwrap: BwrapUse = BwrapUse.AUTO
    """With ``process``: whether inside namespaces of its own."""
    socket_path: Path = Path("/run/file-opener/socket")
    """With ``socket``: where the server listens."""
    lambda_function: str = Field(default="", max_length=170)
    """With ``lambda``: name or ARN of the function, with a version or alias where one is meant."""
    lambda_bucket: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    """With ``lambda``: through which documents and pages pass. Endpoint, region and keys are ``OCR_STORAGE_``'s."""
    lambda_prefix: str = Field(default="openings/", pattern=r"^([A-Za-z0-9._=-]+/)+$")
    """Before every key there."""
    lambda_region: str = "us-east-1"
    """Of the function."""
    lambda_endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Another server than AWS, for the function."""
    lambda_pages_per_call: int = Field(default=4, ge=1, le=MAX_PAGES_PER_CALL)
    """The first page is waited for until all of these are there; each further call opens the document anew."""
    lambda_max_call_s: float = Field(default=120.0, gt=0, le=900)
    """How long the function may run, as its deployment says."""

    _empty_is_unset = field_validator("lambda_bucket", "lambda_endpoint_url", mode="before")(empty_to_none)

    @model_validator(mode="after")
    def _check_lambda(self) -> Self:
        if self.launcher is OpenerLauncher.LAMBDA and not (self.lambda_function and self.lambda_bucket):
            raise ValueError("launcher 'lambda' needs lambda_function and lambda_bucket")
        return self


class StorageSettings(SettingsGroup):
    """Object storage that ``s3://`` sources are read from."""

    model_config = SettingsConfigDict(env_prefix="OCR_STORAGE_")

    allow: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """``bucket/prefix`` entries, separated by commas, that may be read. Empty: nothing may."""
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Another store than AWS."""
    region: str = "us-east-1"
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    """Both empty: the usual AWS chain (environment, profile, instance role)."""
    max_downloads: PositiveCount = 4
    """Downloads that run at the same time."""

    @field_validator("allow")
    @classmethod
    def _check_entries(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            bucket, _, prefix = entry.partition("/")
            if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
                raise ValueError(f"'{entry}' does not start with a bucket name")
            if any(segment in {"", ".", ".."} for segment in prefix.rstrip("/").split("/")) and prefix:
                raise ValueError(f"'{entry}' holds an empty, '.' or '..' path segment")
        return entries

    _empty_is_unset = field_validator("endpoint_url", "access_key_id", "secret_access_key", mode="before")(
        empty_to_none
    )


class PreprocessSettings(SettingsGroup):
    """The pixel side: the public sync API."""

    model_config = SettingsConfigDict(env_prefix="OCR_PREPROCESS_")

    host: str = "127.0.0.1"
    port: Port = 8000
    structure_url: str = Field(default="http://127.0.0.1:8002", pattern=r"^https?://[^\s]+$")
    """The text side."""
    max_documents: PositiveCount = 32
    """Documents in the house at once; one more is answered 429 at once."""
    max_documents_reading: PositiveCount = Field(default_factory=lambda: max(3, math.ceil(1.5 * (os.cpu_count() or 2))))
    """Of those, documents that are being opened and read; of the others, who is due first is next. More than keep the
    models busy only make each other late."""
    deadline_share: float = Field(default=0.75, gt=0, le=1)
    """A document is let in if, by the estimate, it can be answered in this share of the time until its deadline. More
    lets in more of a burst, and more of those are answered too late."""
    cpu_threads: PositiveCount = Field(default_factory=lambda: max(2, os.cpu_count() or 2))
    """Threads for pixel work outside the event loop."""
    second_look: bool = True
    """Read doubtful narrow print (half-width kana) a second time, stretched; on the bulk road too."""
    shutdown_grace_s: float = Field(default=30.0, ge=0, le=600)
    """How long running requests may go on after SIGTERM."""


class PageSettings(SettingsGroup):
    """The page at ``/`` of the sync API."""

    model_config = SettingsConfigDict(env_prefix="OCR_PAGE_")

    enabled: bool = True
    """Whether there is one."""
    bulk_url: str | None = Field(default=None, pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$")
    """Where a browser finds the bulk API. Empty: on this machine at ``bulk_port``, else at the page's own origin, where
    a load balancer puts both. At another origin ``OCR_BULK_CORS_ORIGINS`` must name the page's."""
    bulk_port: Port | None = None
    """The bulk API's port on the machine of a browser that opened the page by a loopback name. Empty: the bulk API's
    usual port, and that only where this service listens on loopback alone, which one in a container does not."""

    _empty_is_unset = field_validator("bulk_url", "bulk_port", mode="before")(empty_to_none)


class PdfSettings(SettingsGroup):
    """Searchable PDFs (``format=pdf``): their page images."""

    model_config = SettingsConfigDict(env_prefix="OCR_PDF_")

    jpeg_quality: int = Field(default=80, ge=1, le=100)
    """Of pages in colour or grey; pages of black and white alone are written without loss."""
    max_document_bytes: int = Field(default=64_000_000, ge=1)
    """Of one document's page images on the sync road, which are held in memory until its PDF is written, or until it
    is stored."""
    max_held_bytes: int = Field(default=256_000_000, ge=1)
    """Of the page images of all documents of one process at once; what would not fit is answered 429. Images of
    documents that are stored are counted apart, up to as much again; what would not fit there is not kept."""
    max_bulk_document_bytes: int = Field(default=4_000_000_000, ge=1, le=9_000_000_000)
    """Of one document's PDF on the bulk road; it and a range's page images are in temporary files meanwhile."""

    @model_validator(mode="after")
    def _check_held(self) -> Self:
        if self.max_held_bytes < self.max_document_bytes:
            raise ValueError("max_held_bytes is below max_document_bytes: no such document could be held")
        return self


class RememberSettings(SettingsGroup):
    """Answers that are remembered: the same bytes again are not read again (docs/remembered.md)."""

    model_config = SettingsConfigDict(env_prefix="OCR_REMEMBER_")

    enabled: bool = False
    """Remember answers. What a document says then outlives its request, in the process's memory at least."""
    shared: bool = False
    """In object storage (``OCR_OBJECTS_``), for all replicas: for tenants whose documents are kept."""
    max_bytes: int = Field(default=256_000_000, ge=1_000_000)
    """What one process remembers; what was longest not asked for goes first."""
    max_entry_bytes: int = Field(default=8_000_000, ge=1_000)
    """A larger answer is not remembered: page images, most of all."""
    keep_s: float = Field(default=3_600.0, gt=0, le=86_400)
    """For how long, at most."""
    wait_s: float = Field(default=0.05, gt=0, le=5)
    """How long object storage may take to say what it has; later, the document is read."""
    generation: str = Field(default="", max_length=200)
    """A part of every key: another one forgets everything. For what the house cannot see (docs/remembered.md)."""

    @model_validator(mode="after")
    def _check_shared(self) -> Self:
        if self.shared and not self.enabled:
            raise ValueError("shared is on and enabled is not: nothing would be remembered")
        return self


class PostprocessSettings(SettingsGroup):
    """The text side: internal."""

    model_config = SettingsConfigDict(env_prefix="OCR_POSTPROCESS_")

    host: str = "127.0.0.1"
    port: Port = 8002
    max_readings: PositiveCount = 64
    """Readings in the house at once; one more is answered 429 at once."""
    max_body_bytes: int = Field(default=64_000_000, ge=1)
    """The largest Reading that is taken in."""
    charset_files: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split)] = (
        Path("model_repository/text_recognition/charset.txt"),
    )
    """What the recognisers' class ids stand for, separated by commas: one file a charset that Readings may refer to."""
    schemas_dir: Path | None = None
    """A folder with schemas of the operator's own, ``<name>.toml`` each, read once at start."""
    partners_file: Path | None = None
    """The table of business partners, as CSV. Empty: there is none."""
    partners_look_s: float = Field(default=5.0, gt=0, le=3_600)
    """How often that file is looked at; a new one is taken up when it has rested for so long."""
    cpu_threads: PositiveCount = Field(default_factory=lambda: max(2, os.cpu_count() or 2))
    shutdown_grace_s: float = Field(default=30.0, ge=0, le=600)

    _empty_is_unset = field_validator("schemas_dir", "partners_file", mode="before")(empty_to_none)


class QueueSettings(SettingsGroup):
    """SQS, or a server that speaks like it."""

    model_config = SettingsConfigDict(env_prefix="OCR_QUEUE_")

    endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Another server than AWS."""
    region: str = "us-east-1"
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    """Both empty: the usual AWS chain (environment, profile, instance role)."""
    name_prefix: str = Field(default="yomitori-", pattern=r"^[A-Za-z0-9_-]{0,50}$")
    """The queues are ``<prefix>read``, ``…structure``, ``…intake``, and each with ``-dead`` for its dead letters."""
    create: bool = False
    """Make queues that are missing, also in the middle: for a local server, which forgets them when it crashes.
    In production the deployment makes them, and the services need no right to."""
    max_receives: int = Field(default=10, ge=1, le=1_000)
    """Of the queues that ``create`` makes: afterwards the queue itself puts a message among the dead letters. A
    backstop for messages that kill a worker before it can count the attempt, so above ``OCR_BULK_MAX_ATTEMPTS``."""
    max_polls: PositiveCount = 4
    """Receives of one process that may wait at the same time, each on a thread of its own."""
    max_calls: PositiveCount = 4
    """Other calls of one process at the same time."""
    delete_delay_s: float = Field(default=0.5, ge=0, le=10)
    """How long a message that is done may wait to be deleted together with others. Zero: each at once, by itself."""

    _empty_is_unset = field_validator("endpoint_url", "access_key_id", "secret_access_key", mode="before")(
        empty_to_none
    )


class ObjectStoreSettings(SettingsGroup):
    """Where the house keeps its own objects. Endpoint and keys are those of ``OCR_STORAGE_``."""

    model_config = SettingsConfigDict(env_prefix="OCR_OBJECTS_")

    bucket: str = Field(default="yomitori", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field(default="", pattern=r"^([A-Za-z0-9._=-]+/)*$")
    """Before every key; empty, or ends in a slash."""
    create_bucket: bool = False
    """Make the bucket if it is missing: for a local server."""
    public_endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Where callers reach the store, if elsewhere than this service does: presigned URLs name it."""
    max_transfers: PositiveCount = 8
    """Calls of one process at the same time."""

    _empty_is_unset = field_validator("public_endpoint_url", mode="before")(empty_to_none)


class DocumentSettings(SettingsGroup):
    """Stored documents (docs/stored-documents.md). All services of a house have the same."""

    model_config = SettingsConfigDict(env_prefix="OCR_DOCUMENTS_")

    retention_days: float = Field(default=0.0, ge=0, le=MAX_RETENTION_DAYS)
    """How long documents that were read are kept of the tenant that ``OCR_BULK_TENANT`` names, where its own policy
    does not say it; with keys off, of everybody. 0: nothing is kept. What was kept goes when this is switched off."""
    keep_timeout_s: float = Field(default=1.0, gt=0, le=30)
    """How long an answer of the sync API waits, when all else is done, for its document to be kept; then it goes out
    with a warning in place of it."""


class BulkSettings(SettingsGroup):
    """The bulk road: its API, dispatcher and workers."""

    model_config = SettingsConfigDict(env_prefix="OCR_BULK_")

    host: str = "127.0.0.1"
    port: Port = 8001
    tenant: str = Field(default="default", pattern=_TENANT)
    """To whom everything belongs that comes by the APIs while keys are off. With keys on it is the tenant to whom
    ``OCR_STORAGE_ALLOW`` and ``OCR_WEBHOOK_SECRET`` belong, and that the first key is made for."""
    vitals_port: Port | None = None
    """Where a process without the API serves health and metrics. Empty: it serves none."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """Origins whose pages may call the bulk API from a browser, separated by commas."""
    database_url: SecretStr = SecretStr("sqlite:///.run/bulk/jobs.sqlite3")
    """As SQLAlchemy writes it; for production ``postgresql+psycopg://…``. It may hold a password."""
    migrate: bool = True
    """Bring the database's tables to the newest version at start; any number of processes may try at once. Switch it
    off where the deployment does it, and the services have no right to."""
    max_body_bytes: int = Field(default=200_000_000, ge=1)
    """Of one document."""
    max_request_bytes: int = Field(default=2_000_000_000, ge=1)
    """Of one multipart request, all its files together."""
    max_json_bytes: int = Field(default=64_000_000, ge=1)
    """Of one JSON request: 100,000 documents with addresses of some 500 bytes."""
    max_pages: int = Field(default=3_000, ge=1)
    """Of one document."""
    max_documents: int = Field(default=100_000, ge=1)
    """Of one job."""
    max_submissions: PositiveCount = 32
    """Requests with jobs in them at the same time; one more is answered 429 at once."""
    max_spool_bytes: int = Field(default=4_000_000_000, ge=1)
    """What all of these may keep in temporary files on their way to object storage; more is answered 429."""
    body_timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """How long one request's body may take to arrive."""
    max_result_streams: PositiveCount = 64
    """Answers with results at the same time; one more is answered 429 at once."""
    stream_stall_s: float = Field(default=60.0, gt=0, le=3_600)
    """How long a caller may read nothing of such an answer; then it is cut."""
    max_event_streams: PositiveCount = 64
    """Server-sent event streams at the same time; one more is answered 429 at once."""
    url_ttl_s: int = Field(default=3_600, ge=1, le=604_800)
    """How long presigned uploads and links to results are good."""
    window: PositiveCount = 512
    """Documents and page ranges of one tenant that are sent or worked on, at most: its share of a large house. How
    many wait in the queue before a quiet tenant's own follows the pace of the workers."""
    resend_first_s: float = Field(default=30.0, gt=0)
    resend_max_s: float = Field(default=600.0, gt=0)
    """A message that no worker has taken up is sent again after the first, then after twice as long each time."""
    lease_s: int = Field(default=30, ge=2, le=43_200)
    """How long a silent worker keeps a document: lease and visibility timeout alike. Its heartbeat beats three times
    as often."""
    max_attempts: int = Field(default=5, ge=1, le=100)
    """Of one document and stage; then it has failed, and its message is a dead letter."""
    retry_first_s: float = Field(default=2.0, ge=0)
    retry_max_s: float = Field(default=120.0, ge=0)
    """A document that failed for a reason that may pass is tried again after the first, then after twice as long."""
    range_pages: int = Field(default=50, ge=1)
    """A document with more pages is read in ranges of so many, by several workers."""
    stage_timeout_s: float = Field(default=900.0, gt=0)
    """The deadline of one attempt at one stage of a document or page range."""
    read_documents: PositiveCount = 3
    """Documents that one read worker has in hand."""
    structure_documents: PositiveCount = 2
    """Documents that one structure worker has in hand."""
    nice: int = Field(default=19, ge=0, le=19)
    """By how much read and structure workers yield the processors to the sync road on the same machine. Alone there,
    they have all of them whatever this says."""
    poll_wait_s: int = Field(default=5, ge=0, le=20)
    """How long one receive waits. A worker that is told to stop waits no longer than this for the last one."""
    intake_tenant: str = Field(default="default", pattern=_TENANT)
    """To whom documents belong that come by the intake queue: never taken from the message."""
    keep_jobs_days: float = Field(default=30.0, gt=0, le=3_650)
    """A job that ended longer ago is deleted with its documents, uploads and results."""
    keep_uploads_days: float = Field(default=37.0, ge=1, le=3_650)
    """A presigned upload is deleted when it is older, whether or not a job has named it. Longer than jobs are kept, so
    that a job may be redriven for as long as it is there."""
    shutdown_grace_s: float = Field(default=30.0, ge=0, le=600)
    """How long running work may go on after SIGTERM; then it is released."""

    _empty_is_unset = field_validator("vitals_port", mode="before")(empty_to_none)

    @property
    def heartbeat_s(self) -> float:
        """Between two extensions of a lease: two may be lost before it lapses."""
        return self.lease_s / 3


class WebhookSettings(SettingsGroup):
    """Calls to the callers' own servers when a job ends."""

    model_config = SettingsConfigDict(env_prefix="OCR_WEBHOOK_")

    secret: SecretStr | None = None
    """Signs deliveries, as Standard Webhooks has it: ``whsec_`` and base64. Empty: jobs with a webhook are refused."""
    allow_private: bool = False
    """Deliver to addresses inside the network too: loopback, private and link-local ones. For tests and development."""
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    """Of one delivery, from resolving the name to the end of the answer."""
    max_attempts: int = Field(default=10, ge=1, le=100)
    retry_first_s: float = Field(default=5.0, gt=0)
    retry_max_s: float = Field(default=3_600.0, gt=0)
    max_deliveries: PositiveCount = 8
    """Deliveries at the same time, so that slow servers do not hold up the others for long."""

    _empty_is_unset = field_validator("secret", mode="before")(empty_to_none)


GROUPS: tuple[type[SettingsGroup], ...] = (
    ExposureSettings,
    AccessSettings,
    LogSettings,
    TracingSettings,
    LimitSettings,
    TritonSettings,
    FileOpenerSettings,
    StorageSettings,
    PreprocessSettings,
    PageSettings,
    PdfSettings,
    RememberSettings,
    PostprocessSettings,
    QueueSettings,
    ObjectStoreSettings,
    DocumentSettings,
    BulkSettings,
    WebhookSettings,
)
"""All of them; every one is read by a service."""

Group = TypeVar("Group", bound=SettingsGroup)


def variable_name(group: type[SettingsGroup], field: str) -> str:
    """The environment variable that sets ``field`` of ``group``."""
    return f"{group.model_config.get('env_prefix', '')}{field}".upper()


def load(group: type[Group]) -> Group:
    """Read one group from the environment.

    Raises:
        SettingsError: a value is not valid, or a variable under the group's own prefix names no setting.
    """
    problems = [f"{name}: there is no such setting" for name in _unknown_variables(group)]
    try:
        settings = group()
    except ValidationError as error:
        problems += [_explain(group, item["loc"], item["msg"]) for item in error.errors(include_input=False)]
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def check_exposure(host: str, exposure: ExposureSettings, access: AccessSettings | None = None) -> None:
    """Refuse to listen where strangers could reach a service that checks no keys.

    Args:
        host: Where it would listen.
        exposure: What the operator says to that.
        access: Whether it checks keys; null for a service that never does.

    Raises:
        SettingsError: ``host`` is not a loopback address and the operator has not said that this is meant.
    """
    if is_loopback(host) or exposure.allow_unauthenticated or (access is not None and access.keys):
        return
    way_out = "set OCR_ACCESS_KEYS=1 (docs/access.md)" if access is not None else "keep it on a network of its own"
    raise SettingsError(
        f"the service would listen on {host}, beyond this machine, without checking any key; "
        f"{way_out}, listen on 127.0.0.1, or set OCR_ALLOW_UNAUTHENTICATED=1 if another layer guards it"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _explain(group: type[SettingsGroup], location: tuple[int | str, ...], message: str) -> str:
    field = str(location[0]) if location else ""
    return f"{variable_name(group, field)}: {message}"


def _unknown_variables(group: type[SettingsGroup]) -> list[str]:
    prefix = group.model_config.get("env_prefix", "").upper()
    if prefix in _SHARED_PREFIXES:
        return []
    known = {variable_name(group, field) for field in group.model_fields}
    return sorted(name for name in os.environ if name.upper().startswith(prefix) and name.upper() not in known)
