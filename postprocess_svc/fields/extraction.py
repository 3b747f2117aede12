"""All fields of a document, each family on its own feet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ocr_core.contracts.page import Notice
from ocr_core.contracts.result import BankAccount, DocumentType, FieldAnswer, FieldValue, MoneyValue, Schema
from postprocess_svc.classify import classify
from postprocess_svc.fields.candidate import BankDetails, Choice, FieldFamily, FieldName
from postprocess_svc.fields.context import DocumentContext, build_context
from postprocess_svc.fields.families.amounts import AmountFamily
from postprocess_svc.fields.families.banks import BankFamily
from postprocess_svc.fields.families.dates import DateFamily
from postprocess_svc.fields.families.issuers import IssuerFamily
from postprocess_svc.fields.families.numbers import DocumentNumberFamily
from postprocess_svc.fields.families.phones import PhoneFamily
from postprocess_svc.fields.families.recipients import RecipientFamily
from postprocess_svc.fields.families.registration import RegistrationFamily
from postprocess_svc.fields.scorer import choose, choose_all
from postprocess_svc.lines import PageLines

log = logging.getLogger(__name__)

FIELD_NAMES: tuple[str, ...] = tuple(FieldName)
FIELD_FAILED = "field_failed"

# In this order: a family may look at what those before it chose (the issuer's place helps with the phone number).
FAMILIES: tuple[FieldFamily, ...] = (
    AmountFamily(),
    DateFamily(),
    DocumentNumberFamily(),
    RecipientFamily(),
    RegistrationFamily(),
    BankFamily(),
    IssuerFamily(),
    PhoneFamily(),
)

_TYPE_BY_SCHEMA = {Schema.INVOICE: DocumentType.INVOICE, Schema.RECEIPT: DocumentType.RECEIPT}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldsOutcome:
    """A document's fields, every name of api.md present, and what went wrong on the way."""

    fields: dict[str, FieldAnswer]
    warnings: tuple[Notice, ...] = ()


def extract(pages: Sequence[PageLines], *, schema: Schema, families: Sequence[FieldFamily] = FAMILIES) -> FieldsOutcome:
    """Find the fields of a document.

    Args:
        pages: The pages that could be read, in page order.
        schema: What kind of document to look for; ``auto`` decides from the document itself.
        families: The families to ask, in order.

    Returns:
        Every field; None where the document does not print it. Confidence is not cut off here beyond noise: the
        caller's threshold does that. A family that fails leaves its fields None and a ``field_failed`` notice.
    """
    fields: dict[str, FieldAnswer] = dict.fromkeys(FIELD_NAMES)
    if schema is Schema.NONE or not any(page.lines for page in pages):
        return FieldsOutcome(fields=fields)
    context = build_context(pages, document_type=_TYPE_BY_SCHEMA.get(schema) or classify(pages))
    chosen: dict[FieldName, Choice] = {}
    warnings: list[Notice] = []
    for family in families:
        try:
            fields.update(_ask(family, context, chosen))
        except Exception as error:
            # One family's fault must not cost the others' answers. The error's text may quote the document: no logging.
            log.warning(
                "field family failed",
                extra={"action": FIELD_FAILED, "family": family.name, "error": type(error).__name__},
            )
            warnings.append(Notice(code=FIELD_FAILED, detail=f"the fields of '{family.name}' could not be looked for"))
    return FieldsOutcome(fields=fields, warnings=tuple(warnings))


def _ask(family: FieldFamily, context: DocumentContext, chosen: dict[FieldName, Choice]) -> dict[str, FieldAnswer]:
    answers: dict[str, FieldAnswer] = {}
    for field in family.fields:
        candidates = family.propose(field, context, chosen)
        if field is FieldName.BANK_ACCOUNTS:
            choices = choose_all(field, candidates)
            accounts = [_account(choice) for choice in choices]
            answers[field] = tuple(account for account in accounts if account is not None) or None
            if choices:
                chosen[field] = choices[0]
            continue
        choice = choose(field, candidates)
        if choice is not None:
            chosen[field] = choice
            answers[field] = _answer(choice)
    return answers


def _answer(choice: Choice) -> FieldValue | MoneyValue | None:
    candidate = choice.candidate
    if isinstance(candidate.value, BankDetails):
        return None
    text, page, quad = candidate.text(), candidate.page, candidate.quad()
    if candidate.currency is not None:
        return MoneyValue(
            value=candidate.value,
            currency=candidate.currency,
            text=text,
            confidence=choice.confidence,
            page=page,
            quad=quad,
        )
    return FieldValue(value=candidate.value, text=text, confidence=choice.confidence, page=page, quad=quad)


def _account(choice: Choice) -> BankAccount | None:
    candidate = choice.candidate
    details = candidate.value
    if not isinstance(details, BankDetails):
        return None
    return BankAccount(
        bank=details.bank,
        branch=details.branch,
        type=details.type,
        number=details.number,
        holder=details.holder,
        text=candidate.text(),
        confidence=choice.confidence,
        page=candidate.page,
        quad=candidate.quad(),
    )
