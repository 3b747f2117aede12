"""Makes the text pipeline of settings: for this service, and for the bulk road's structure workers."""

from __future__ import annotations

from ocr_core.settings import PostprocessSettings, SettingsError, variable_name
from ocr_core.telemetry import Metrics
from postprocess_svc.ctc import Charsets
from postprocess_svc.fields.registry import shipped_families
from postprocess_svc.partners.master import PartnersInvalid
from postprocess_svc.partners.store import PartnerStore
from postprocess_svc.pipeline import TextPipeline
from postprocess_svc.quality import Quality
from postprocess_svc.schemas import Catalogue, SchemasInvalid, load_schemas


def make_pipeline(settings: PostprocessSettings, partners: PartnerStore | None, metrics: Metrics) -> TextPipeline:
    """The pipeline; how well it reads goes to the metrics.

    Raises:
        SettingsError: a charset or a schema cannot be read.
    """
    try:
        charsets = Charsets.load(settings.charset_files)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{_variable('charset_files')}: {error} (`make models` makes it)") from None
    return TextPipeline(
        charsets=charsets,
        families=shipped_families(),
        schemas=make_catalogue(settings),
        partners=partners,
        quality=Quality(metrics),
    )


def make_catalogue(settings: PostprocessSettings) -> Catalogue:
    """The shipped schemas and the operator's own.

    Raises:
        SettingsError: one of them is none.
    """
    try:
        return load_schemas(settings.schemas_dir, kinds=shipped_families().kinds)
    except SchemasInvalid as error:
        raise SettingsError(f"{_variable('schemas_dir')}: {error}") from None


def make_partners(settings: PostprocessSettings, metrics: Metrics) -> PartnerStore | None:
    """The table of business partners, loaded and watched; none where no file is set. Whoever asks closes it.

    Raises:
        SettingsError: the file is no such table.
    """
    if settings.partners_file is None:
        return None
    store = PartnerStore(settings.partners_file, look_every_s=settings.partners_look_s, metrics=metrics)
    try:
        store.start()
    except PartnersInvalid as error:
        raise SettingsError(f"{_variable('partners_file')}: {error}") from None
    return store


def _variable(name: str) -> str:
    return variable_name(PostprocessSettings, name)
