"""What stood for election: a field's best candidates, with the features that spoke for and against each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr_core.contracts.geometry import Quad
from postprocess_svc.classify import classify
from postprocess_svc.fields.candidate import BankDetails, Candidate, Choice, FieldKind
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.registry import Picks, shipped_families
from postprocess_svc.fields.scorer import FieldModel, choose_all_by, choose_by, model_of
from postprocess_svc.lines import PageLines

SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A value and why it was, or was not, the answer."""

    value: str
    text: str
    """As printed."""
    page: int
    quad: Quad
    score: float
    """Log odds against the field's not being printed."""
    reasons: Mapping[str, float]
    """What each feature adds to the score, the weightiest first."""


def considered(pages: Sequence[PageLines], *, shown: int = SHOWN) -> dict[str, tuple[Considered, ...]]:
    """Each field's candidates as in service, the best of each value, the best value first."""
    if not any(page.lines for page in pages):
        return {}
    context = build_context(pages, document_type=classify(pages))
    chosen: dict[str, Choice] = {}
    found: dict[str, tuple[Considered, ...]] = {}
    for family in shipped_families():
        if family.kind is FieldKind.LINE_ITEMS:
            continue  # a list that is chosen as a whole
        picks = Picks(chosen, family)
        for field in family.fields:
            model = model_of(field, family.weights.get(field))
            candidates = family.propose(field, context, picks)
            if family.kind is FieldKind.ACCOUNTS:
                choices = choose_all_by(model, candidates)
            else:
                choices = [choice for choice in (choose_by(model, candidates),) if choice is not None]
            if choices:
                chosen[field] = choices[0]
            found[field] = tuple(_considered(model, candidate) for candidate in _best(model, candidates)[:shown])
    return found


def _best(model: FieldModel, candidates: Sequence[Candidate]) -> list[Candidate]:
    best: dict[object, Candidate] = {}
    for candidate in sorted(candidates, key=lambda each: -model.score(each.features)):
        best.setdefault(candidate.value, candidate)
    return list(best.values())


def _considered(model: FieldModel, candidate: Candidate) -> Considered:
    value = candidate.value
    shown = f"{value.bank or ''} {value.branch or ''} {value.number}" if isinstance(value, BankDetails) else value
    return Considered(
        value=str(shown).strip(),
        text=candidate.text(),
        page=candidate.page,
        quad=candidate.quad(),
        score=model.score(candidate.features),
        reasons=model.reasons(candidate.features),
    )
