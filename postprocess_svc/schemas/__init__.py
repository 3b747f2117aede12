"""Schemas: which fields a caller wants, under which names, and what must hold of them; one TOML file each.

To add one, write a file like ``receipt.toml``, here or in the operator's own folder (docs/schemas.md).
"""

from postprocess_svc.schemas.answering import answer_schema
from postprocess_svc.schemas.catalogue import Catalogue, SchemasInvalid, load_schemas, shipped_schemas
from postprocess_svc.schemas.schema import Schema

__all__ = ["Catalogue", "Schema", "SchemasInvalid", "answer_schema", "load_schemas", "shipped_schemas"]
