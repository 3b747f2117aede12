"""Which partner a name as read means, or none.

A name that is in no table must be left as it is read: a wrong partner is worse than a slip. So the nearest name is
taken only where a small model, learned from real readings of names in and out of a table, is sure enough; every
answer says what spoke for it and against.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Protocol

import numpy as np

from postprocess_svc.partners.channel import Channel, Confusions, load_confusions
from postprocess_svc.partners.index import NameIndex
from postprocess_svc.partners.master import Partner, PartnerTable, digits_of
from postprocess_svc.partners.normalise import CompanyName, LegalForm, normalise
from postprocess_svc.partners.plausibility import Plausibility

CANDIDATES = 48
"""Names whose distance is measured. Of japoc's weaker readings the true name is among 24 for 94.6 %, among 48 for
95.1 %, among 128 for 95.4 %."""
OTHER_FORM_COST = 8.0
"""Nats for a legal form of another kind or at the other end. 21 of 8,685 readings
of japoc show one elsewhere, mostly behind stray characters; people move them in tables."""
NO_FORM_COST = 3.0
"""Nats where the table's name has no legal form and the reading has one."""
MAX_MARGIN = 8.0
SAME = "same"
REGISTERED = "registration_number"
SURE = 0.999
"""Confidence of a registration number, whose check digit holds, that one partner has."""
PHONE_LOG_ODDS = 4.0
ACCOUNT_LOG_ODDS = 5.0
"""What a phone or account number shared with the partner adds. japoc has neither; a number of ten digits is shared by
chance far more rarely, but offices share phones and payment agents share accounts."""
_TIE_COST = 1e-4
_RESIDUE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What else the document says about the partner; None is not known."""

    registration_number: str | None = None
    """``T`` and 13 digits with a check digit that holds."""
    phone: str | None = None
    account_numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A name of the table beside a reading."""

    entry: int
    """Number of the name in the matcher."""
    cost: float
    """Nats; 0 where both fold to the same."""
    shared: float
    """Information of the n-grams that both have, in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The partner that a reading means."""

    partner: Partner
    name: str
    """The name or alias of the partner that was matched."""
    confidence: float
    """0 to 1; calibrated on names that nothing was fitted to."""
    reasons: Mapping[str, float]
    """What each feature adds to the log odds."""

    @property
    def by_registration_number(self) -> bool:
        """The number decided; the name was not looked at."""
        return REGISTERED in self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What was learned: costs of slips, and the weights that make a confidence of them."""

    confusions: Confusions
    weights: Mapping[str, float]
    """By feature; ``bias`` included."""
    same: float
    """Log odds that a name is the one where both fold to the same, whatever the table."""
    threshold: float
    """A match below this confidence is none."""

    def reasons(self, features: Mapping[str, float]) -> dict[str, float]:
        """What each feature adds to the log odds."""
        if features[SAME]:
            return {SAME: self.same}
        return {name: value * self.weights[name] for name, value in features.items() if name != SAME}


NO_KNOWLEDGE = Known()


@cache
def load_model() -> Model:
    """The model that comes with the package."""
    learned = json.loads((files("postprocess_svc.partners") / "learned.json").read_text(encoding="utf-8"))
    return Model(
        confusions=load_confusions(), weights=learned["weights"], same=learned["same"], threshold=learned["threshold"]
    )


class PartnerMatcher:
    """Finds partners by name; built once for a table, and read by any number of threads."""

    def __init__(self, table: PartnerTable, model: Model | None = None) -> None:
        self.table = table
        self.model = model or load_model()
        self._channel = Channel(self.model.confusions)
        named = [(number, name) for number, partner in enumerate(table.partners) for name in partner.names]
        self._owner_of = [number for number, _ in named]
        names = [normalise(name) for _, name in named]
        self._index = NameIndex(names)
        self._plausibility = Plausibility([name.key for name in names])

    def find(self, name: str, known: Known = NO_KNOWLEDGE) -> Match | None:
        """The partner that ``name`` means, or None: not in the table, unclear, or two alike.

        Args:
            name: As read.
            known: A registration number that a partner has decides alone; phone and account add to the odds.
        """
        registered = self.table.by_registration_number.get(known.registration_number or "")
        if registered is not None:
            return Match(
                partner=registered,
                name=registered.name,
                confidence=SURE,
                reasons={REGISTERED: math.log(SURE / (1 - SURE))},
            )
        reading = normalise(name)
        ranked = self.rank(reading)
        chosen = self.choose(reading, ranked, known)
        if chosen is None:
            return None
        best, second = chosen
        reasons = self.model.reasons(self.features(reading, best, second)) | _supports(self.partner_of(best), known)
        confidence = 1.0 / (1.0 + math.exp(-sum(reasons.values())))
        if confidence < self.model.threshold:
            return None
        return Match(
            partner=self.partner_of(best), name=self.name_of(best).printed, confidence=confidence, reasons=reasons
        )

    @property
    def nbytes(self) -> int:
        """Memory of the index and the counts; the table's own strings come on top."""
        return self._index.nbytes + self._plausibility.nbytes

    def partner_of(self, ranked: Ranked) -> Partner:
        """Whose name it is."""
        return self.table.partners[self._owner_of[ranked.entry]]

    def name_of(self, ranked: Ranked) -> CompanyName:
        """The name itself."""
        return self._index.names[ranked.entry]

    def rank(self, reading: CompanyName, limit: int = CANDIDATES) -> list[Ranked]:
        """The nearest names, the nearest first; equal ones in the table's order."""
        hits = self._index.search(reading, limit)
        if not hits.entries.size or not reading.key:
            return []
        costs = self._channel.costs(reading.key, self._index.written(hits.entries))
        form = reading.form
        if form is not None:
            others = [self._index.names[entry].form for entry in hits.entries]
            penalties = np.array([_form_cost(form, other) for other in others])
            moved = np.flatnonzero(penalties > 0)
            if moved.size and reading.core:
                cores = self._channel.costs(reading.core, self._index.written_cores(hits.entries[moved]))
                costs[moved] = np.minimum(costs[moved], cores + penalties[moved])
        order = np.lexsort((hits.entries, costs))
        return [
            Ranked(entry=int(hits.entries[place]), cost=float(costs[place]), shared=float(hits.shared[place]))
            for place in order
        ]

    def choose(
        self, reading: CompanyName, ranked: Sequence[Ranked], known: Known = NO_KNOWLEDGE
    ) -> tuple[Ranked, Ranked | None] | None:
        """The nearest name and the nearest of another partner that is not folded alike; None where two are alike.

        Names that fold to the same (冨士 and 富士, (株) and 株式会社) are told apart by what is printed, or by what
        else is known; where that does not either, the answer is none.
        """
        if not ranked:
            return None
        nearest = [other for other in ranked if other.cost - ranked[0].cost < _TIE_COST]
        best = min(nearest, key=lambda other: self._apart(reading, other, known))
        place = self._apart(reading, best, known)
        owner = self.partner_of(best)
        if any(
            self.partner_of(other) is not owner and self._apart(reading, other, known) == place for other in nearest
        ):
            return None
        key = self.name_of(best).key
        second = next(
            (other for other in ranked if self.partner_of(other) is not owner and self.name_of(other).key != key),
            None,
        )
        return best, second

    def _apart(self, reading: CompanyName, other: Ranked, known: Known) -> tuple[float, int]:
        supports = sum(_supports(self.partner_of(other), known).values())
        return -supports, edits(printed_form(reading.printed), printed_form(self.name_of(other).printed))

    def features(self, reading: CompanyName, best: Ranked, second: Ranked | None) -> dict[str, float]:
        """What speaks for and against ``best``, by the names of the model's weights."""
        name = self.name_of(best)
        margin = MAX_MARGIN if second is None else min(MAX_MARGIN, second.cost - best.cost)
        missing, foreign = _difference(name.core, reading.core)
        form_same = _has_form_of(reading, name)
        residue = name.form is not None and reading.form is None and _has_residue(reading.key, name.form.name)
        whole = bool(name.core) and name.core in reading.key
        surprise = self._plausibility.surprise(reading.key)
        surprise_of_name = self._plausibility.surprise(name.key)
        return {
            "bias": 1.0,
            SAME: float(reading.key == name.key),
            "cost": best.cost / 10,
            "margin": margin / MAX_MARGIN,
            "shared": min(8.0, best.shared / math.log1p(len(self._index.names))) / 4,
            "length": math.log(max(1, len(name.core or name.key))) / 3,
            "form_lost": float(name.form is not None and reading.form is None and not residue),
            "form_mangled": float(residue),
            "form_mangled_core_whole": float(residue and whole),
            "form_other": float(not form_same and reading.form is not None),
            "core_whole": float(whole),
            "core_missing": min(6, missing) / 6,
            "core_foreign": min(6, foreign) / 6,
            "core_exchanged": float(missing > 0 and foreign > 0),
            "odd": min(3.0, odd_characters(reading.printed, name.printed)) / 3,
            "surprise_for_cost": (surprise - best.cost) / 20,
            "surprise_for_name": (surprise - surprise_of_name) / 10,
            "cut_off": float(reading.key != name.key and name.key.startswith(reading.key)),
        }


class PartnersInUse(Protocol):
    """Where the newest table's matcher is to be had."""

    @property
    def matcher(self) -> PartnerMatcher:
        """Of the table in use now."""
        ...


def _difference(written: str, read: str) -> tuple[int, int]:
    """How many characters are missing in the reading, and how many are foreign to the name."""
    first, second = Counter(written), Counter(read)
    return (first - second).total(), (second - first).total()


def _has_form_of(reading: CompanyName, name: CompanyName) -> bool:
    if reading.form is None or name.form is None:
        return reading.form is name.form
    return (reading.form.name, reading.form.position) == (name.form.name, name.form.position)


def _has_residue(key: str, form: str) -> bool:
    """At either end, two characters of a form that is not whole: 株式会, 式会社."""
    return any(sum(character in form for character in end) >= _RESIDUE for end in (key[:4], key[-4:]))


def _form_cost(form: LegalForm, other: LegalForm | None) -> float:
    if other is None:
        return NO_FORM_COST
    return 0.0 if (form.name, form.position) == (other.name, other.position) else OTHER_FORM_COST


def _supports(partner: Partner, known: Known) -> dict[str, float]:
    reasons = {}
    if known.phone and partner.phone and digits_of(known.phone) == digits_of(partner.phone):
        reasons["phone"] = PHONE_LOG_ODDS
    account = partner.account
    if account and digits_of(account.number) in map(digits_of, known.account_numbers):
        reasons["account_number"] = ACCOUNT_LOG_ODDS
    return reasons


def printed_form(name: str) -> str:
    """A printed name for comparing printings: width and spaces say nothing."""
    return "".join(unicodedata.normalize("NFKC", name).split())


def edits(first: str, second: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(second) + 1))
    for number, character in enumerate(first, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(second, 1):
            before, row[place] = row[place], min(before + (character != other), row[place] + 1, row[place - 1] + 1)
    return row[-1]


@cache
def _oddness(character: str) -> float:
    """1 outside of JIS X 0208, which prints nearly all of Japan's names; a half for its rarer second level."""
    if not character.isalnum():
        return 0.0
    try:
        code = character.encode("euc_jp")
    except UnicodeEncodeError:
        return 1.0
    if len(code) > 2:
        return 1.0
    return 0.5 if len(code) == 2 and code[0] >= 0xD0 else 0.0


def odd_characters(read: str, written: str) -> float:
    """Characters that were read, are not in the written name, and that hardly a name has."""
    return sum(_oddness(character) for character in printed_form(read) if character not in written)
