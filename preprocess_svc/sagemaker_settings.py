"""What makes this service a container of SageMaker's, and what does not go together with that."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.jobs import TENANT_PATTERN
from ocr_core.settings import (
    AccessSettings,
    BulkSettings,
    DocumentSettings,
    Port,
    PreprocessSettings,
    SettingsError,
    SettingsGroup,
    StorageSettings,
    empty_to_none,
    variable_name,
)

SERVE = "serve"
"""The argument that SageMaker runs the image with."""

KILLED_AFTER_S = 30
"""SageMaker sends SIGTERM, and so much later SIGKILL."""
SHUTDOWN_GRACE_S = 25.0
"""Where the settings say nothing: what still runs is cancelled and told so before that."""


class SageMakerSettings(SettingsGroup):
    """SageMaker's container contract. In none of the house's own deployments: only an endpoint's model sets it."""

    model_config = SettingsConfigDict(env_prefix="OCR_SAGEMAKER_")

    tenant: str | None = Field(default=None, pattern=f"^{TENANT_PATTERN}$")
    """Serve the contract and nothing else, for this tenant: IAM, in front of the endpoint, decides who that is."""

    _empty_is_unset = field_validator("tenant", mode="before")(empty_to_none)


class SageMakerPlatformSettings(SettingsGroup):
    """What SageMaker itself sets in its containers; of its many variables those that are heeded."""

    model_config = SettingsConfigDict(env_prefix="SAGEMAKER_")

    bind_to_port: Port = 8080
    """Another port where an endpoint has several containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """How the contract is served."""

    house: HouseTenant
    host: str
    port: int
    shutdown_grace_s: float


def settle_contract(
    sagemaker: SageMakerSettings,
    platform: SageMakerPlatformSettings,
    *,
    is_asked_to_serve: bool,
    settings: PreprocessSettings,
    access: AccessSettings,
    storage: StorageSettings,
    bulk: BulkSettings,
    documents: DocumentSettings,
) -> Contract | None:
    """How the contract is served; null where it is not.

    Args:
        sagemaker: Whether it is wanted.
        platform: What SageMaker says.
        is_asked_to_serve: Whether the process was started with ``serve``.
        settings: Of the service; what only its defaults say gives way to the contract.
        access: Keys, which must be off.
        storage: Which sources the tenant may name.
        bulk: Whose tenant must not be another one.
        documents: How long its documents are kept.

    Raises:
        SettingsError: naming what does not go together.
    """
    tenant_variable = variable_name(SageMakerSettings, "tenant")
    if sagemaker.tenant is None:
        if is_asked_to_serve:
            raise SettingsError(f"{tenant_variable}: '{SERVE}' is SageMaker's word, and needs a tenant to serve")
        return None
    problems = []
    if access.keys:
        problems.append(f"{variable_name(AccessSettings, 'keys')}: no API key reaches a container of SageMaker's")
    if "tenant" in bulk.model_fields_set and bulk.tenant != sagemaker.tenant:
        problems.append(f"{variable_name(BulkSettings, 'tenant')}: names another tenant than {tenant_variable}")
    if "port" in settings.model_fields_set and settings.port != platform.bind_to_port:
        port = variable_name(PreprocessSettings, "port")
        problems.append(f"{port}: SageMaker calls port {platform.bind_to_port}")
    is_grace_set = "shutdown_grace_s" in settings.model_fields_set
    if is_grace_set and settings.shutdown_grace_s >= KILLED_AFTER_S:
        grace = variable_name(PreprocessSettings, "shutdown_grace_s")
        problems.append(f"{grace}: SageMaker kills the container {KILLED_AFTER_S} s after SIGTERM")
    if problems:
        raise SettingsError("; ".join(problems))
    return Contract(
        house=HouseTenant(
            name=sagemaker.tenant, source_prefixes=storage.allow, retention_days=documents.retention_days
        ),
        host=settings.host if "host" in settings.model_fields_set else "0.0.0.0",  # noqa: S104
        port=platform.bind_to_port,
        shutdown_grace_s=settings.shutdown_grace_s if is_grace_set else SHUTDOWN_GRACE_S,
    )
