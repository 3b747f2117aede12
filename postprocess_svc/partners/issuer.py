"""Which partner the issuer of a document is: by registration number, else by name; the printed form is kept.

``value`` becomes the partner's name as the table has it; ``text``, ``page`` and ``quad`` stay what is printed. The
recipient is left alone: it is the reader's own firm, which is in no table of partners.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace

from ocr_core.contracts.page import Notice
from ocr_core.contracts.result import BankAccount, FieldAnswer, FieldValue, PartnerEvidence, PartnerOfName
from postprocess_svc.fields.candidate import Choice, FieldName
from postprocess_svc.fields.extraction import FIELD_FAILED, FieldsOutcome
from postprocess_svc.fields.scorer import model_of, sigmoid
from postprocess_svc.partners.match import Known, Match, PartnerMatcher
from postprocess_svc.partners.normalise import normalise

log = logging.getLogger(__name__)

ISSUER = FieldName.ISSUER_NAME
CONTEXT = frozenset({FieldName.REGISTRATION_NUMBER, FieldName.PHONE, FieldName.BANK_ACCOUNTS, FieldName.RECIPIENT_NAME})
"""What else of a document tells the issuer: to be found wherever the issuer is."""
PARTNER_CONFLICT = "partner_conflict"
MIN_CONTEXT_CONFIDENCE = 0.5
"""A number that is less sure to be the issuer's own settles nothing."""


def settle_issuer(outcome: FieldsOutcome, matcher: PartnerMatcher) -> FieldsOutcome:
    """The outcome with the issuer's name as the table has it, where the table knows the issuer.

    A fault leaves the field as it was read, with a ``field_failed`` notice. Where the registration number is one
    partner's and the name another's, nothing is changed, and a ``partner_conflict`` notice says so.
    """
    try:
        return _settle(outcome, matcher)
    except Exception as error:
        # A fault here must not cost the document its answer. The error's text may quote the document: no logging.
        log.warning("partner look-up failed", extra={"action": FIELD_FAILED, "error": type(error).__name__})
        detail = f"the field '{ISSUER}' could not be looked up in the table of partners"
        return replace(outcome, warnings=(*outcome.warnings, Notice(code=FIELD_FAILED, detail=detail)))


def _settle(outcome: FieldsOutcome, matcher: PartnerMatcher) -> FieldsOutcome:
    answer, choice = outcome.fields.get(ISSUER), outcome.chosen.get(ISSUER)
    if not isinstance(answer, FieldValue) or choice is None:
        return outcome
    known = _known(outcome.fields)
    match = matcher.find(answer.text, known)
    if match is None or _is_recipient(match, outcome.fields):
        return outcome
    if match.by_registration_number:
        named = matcher.find(answer.text, replace(known, registration_number=None))
        if named is not None and named.partner is not match.partner:
            if named.partner.registration_number is not None:
                detail = "the issuer's name and registration number are of two different partners; neither was taken"
                notice = Notice(code=PARTNER_CONFLICT, detail=detail, page=answer.page)
                return replace(outcome, warnings=(*outcome.warnings, notice))
            match = named  # a branch, say, with a row of its own that does not repeat the number
    if match.by_registration_number:
        number = outcome.chosen[FieldName.REGISTRATION_NUMBER]
        evidence, confidence = PartnerEvidence.REGISTRATION_NUMBER, number.confidence * match.confidence
    else:
        evidence, confidence = PartnerEvidence.NAME, _confidence_of_place(choice) * match.confidence
    settled = replace(
        answer,
        value=match.partner.name,
        confidence=round(confidence, 4),
        partner=PartnerOfName(
            name=match.partner.name,
            code=match.partner.code,
            registration_number=match.partner.registration_number,
            matched_by=evidence,
            confidence=round(match.confidence, 4),
        ),
    )
    return replace(outcome, fields={**outcome.fields, ISSUER: settled})


def _known(fields: Mapping[str, FieldAnswer]) -> Known:
    accounts = fields.get(FieldName.BANK_ACCOUNTS)
    listed = accounts if isinstance(accounts, tuple) else ()
    numbers = [one.number for one in listed if isinstance(one, BankAccount) and _is_sure(one)]
    return Known(
        registration_number=_text(fields.get(FieldName.REGISTRATION_NUMBER)),
        phone=_text(fields.get(FieldName.PHONE)),
        account_numbers=tuple(numbers),
    )


def _text(answer: FieldAnswer) -> str | None:
    return str(answer.value) if isinstance(answer, FieldValue) and _is_sure(answer) else None


def _is_sure(answer: FieldValue | BankAccount) -> bool:
    return answer.confidence >= MIN_CONTEXT_CONFIDENCE


def _is_recipient(match: Match, fields: Mapping[str, FieldAnswer]) -> bool:
    """The table holds the reader's own firm, and its number or name was taken for the issuer's."""
    recipient = fields.get(FieldName.RECIPIENT_NAME)
    if not isinstance(recipient, FieldValue):
        return False
    read = normalise(str(recipient.value)).key
    return any(normalise(name).key == read for name in match.partner.names)


def _confidence_of_place(choice: Choice) -> float:
    """How sure it is that the name printed there is the issuer's, however badly it was read: the table has read it."""
    reading = choice.candidate.reading_confidence()
    calibration = model_of(ISSUER).calibration
    cost = _log_odds(calibration.confidence(0.0, 1.0)) - _log_odds(calibration.confidence(0.0, reading))
    return sigmoid(_log_odds(choice.confidence) + cost)


def _log_odds(probability: float) -> float:
    bounded = min(1 - 1e-6, max(1e-6, probability))
    return math.log(bounded / (1 - bounded))
