"""All fields of a document, each family on its own feet."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ocr_core.contracts.page import Notice
from ocr_core.contracts.result import BankAccount, DocumentType, FieldAnswer, FieldValue, LineItem, MoneyValue
from postprocess_svc.classify import classify
from postprocess_svc.fields.candidate import BankDetails, Choice, FieldFamily, FieldKind, ItemDetails
from postprocess_svc.fields.context import DocumentContext, build_context
from postprocess_svc.fields.registry import Families, Picks, shipped_families
from postprocess_svc.fields.scorer import choose, choose_all
from postprocess_svc.lines import PageLines

log = logging.getLogger(__name__)

FIELD_FAILED = "field_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldsOutcome:
    """The fields that were asked for, and what went wrong on the way."""

    fields: dict[str, FieldAnswer]
    chosen: Mapping[str, Choice] = field(default_factory=dict)
    """The choices behind the answers, and behind fields that only helped to find them."""
    warnings: tuple[Notice, ...] = ()


def extract(
    pages: Sequence[PageLines],
    *,
    document_type: DocumentType | None = None,
    wanted: Collection[str] | None = None,
    families: Families | None = None,
) -> FieldsOutcome:
    """Find the fields of a document; ``find_fields`` for pages that are not indexed yet.

    Args:
        pages: The pages that could be read, in page order.
        document_type: What kind of document to look for; None decides from the document itself.
        wanted: The fields; None is all that there are.
        families: The families to ask; None is those of ``families``.
    """
    asked = families or shipped_families()
    context = build_context(pages, document_type=document_type or classify(pages))
    return find_fields(context, wanted=asked.kinds if wanted is None else wanted, families=asked)


def find_fields(context: DocumentContext, *, wanted: Collection[str], families: Families) -> FieldsOutcome:
    """Find some fields of a document. Only the families that these need are asked.

    Returns:
        Every wanted field; None where the document does not print it. Confidence is not cut off here beyond noise:
        the caller's threshold does that. A family that fails leaves its fields None and a ``field_failed`` notice.
    """
    fields: dict[str, FieldAnswer] = dict.fromkeys(wanted)
    if not any(facts.row.text for facts in context.facts):
        return FieldsOutcome(fields=fields)
    chosen: dict[str, Choice] = {}
    warnings: list[Notice] = []
    for family in families.needed_for(wanted):
        try:
            answers = _ask(family, context, chosen)
        except Exception as error:
            # One family's fault must not cost the others' answers. The error's text may quote the document: no logging.
            log.warning(
                "field family failed",
                extra={"action": FIELD_FAILED, "family": family.name, "error": type(error).__name__},
            )
            warnings.append(Notice(code=FIELD_FAILED, detail=f"the fields of '{family.name}' could not be looked for"))
        else:
            fields.update({field: answer for field, answer in answers.items() if field in fields})
    return FieldsOutcome(fields=fields, chosen=chosen, warnings=tuple(warnings))


def _ask(family: FieldFamily, context: DocumentContext, chosen: dict[str, Choice]) -> dict[str, FieldAnswer]:
    answers: dict[str, FieldAnswer] = {}
    picks = Picks(chosen, family)
    for name in family.fields:
        candidates = family.propose(name, context, picks)
        if family.kind is FieldKind.ACCOUNTS:
            choices = choose_all(name, candidates)
            accounts = [_account(choice) for choice in choices]
            answers[name] = tuple(account for account in accounts if account is not None) or None
            if choices:
                chosen[name] = choices[0]
            continue
        if family.kind is FieldKind.LINE_ITEMS:
            items = [_line_item(choice) for choice in choose_all(name, candidates, family.weights.get(name))]
            answers[name] = tuple(item for item in items if item is not None) or None
            continue
        choice = choose(name, candidates, family.weights.get(name))
        if choice is not None:
            chosen[name] = choice
            answers[name] = _answer(choice)
    return answers


def _answer(choice: Choice) -> FieldValue | MoneyValue | None:
    candidate = choice.candidate
    if isinstance(candidate.value, BankDetails | ItemDetails):
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


def _line_item(choice: Choice) -> LineItem | None:
    candidate = choice.candidate
    details = candidate.value
    if not isinstance(details, ItemDetails):
        return None
    return LineItem(
        description=details.description,
        quantity=details.quantity,
        unit=details.unit,
        unit_price=details.unit_price,
        amount=details.amount,
        tax_rate_percent=details.tax_rate_percent,
        text=candidate.text(),
        confidence=choice.confidence,
        page=candidate.page,
        quad=candidate.quad(),
    )
