"""Which partner a reading means, on made-up names; and on real readings where they are present."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.company_names import made_up_names
from evaluation.partner_names import exact_shares, false_share, is_held_out, load_readings, pairs_file
from evaluation.partner_slips import align
from evaluation.partner_training import look_up, make_matcher
from postprocess_svc.partners.channel import Channel, load_confusions
from postprocess_svc.partners.index import NameIndex
from postprocess_svc.partners.master import Account, Partner, PartnerTable
from postprocess_svc.partners.match import SAME, Known, PartnerMatcher, edits, load_model
from postprocess_svc.partners.normalise import normalise
from postprocess_svc.partners.plausibility import Plausibility

OWN = (
    "株式会社架空倉庫サービス",
    "有限会社髙嶺電装工業",
    "みらい第一税理士法人",
    "ネオサンプルホールディングス株式会社",
)
NUMBER = "T7000012050002"
MIN_GAIN = 0.02


@pytest.fixture(scope="module")
def matcher() -> PartnerMatcher:
    names = [*OWN, *made_up_names(500, seed=3, apart_from=OWN)]
    return PartnerMatcher(PartnerTable(partners=tuple(Partner(name=name) for name in names)))


def of(*partners: Partner) -> PartnerMatcher:
    return PartnerMatcher(PartnerTable(partners=partners))


class TestFinding:
    @pytest.mark.parametrize(
        ("read", "name"),
        [
            ("株式会社架空倉庫サービス", OWN[0]),
            ("㈱架空倉庫サ一ビス", OWN[0]),
            ("有限会社高嶺電裝工業", OWN[1]),
            ("ネオサンプルホールディングス株式会", OWN[3]),
            ("ネオサンプルホールディングス林式会社", OWN[3]),
        ],
    )
    def test_slips_are_mended(self, matcher: PartnerMatcher, read: str, name: str) -> None:
        match = matcher.find(read)
        assert match is not None
        assert match.partner.name == name
        assert matcher.model.threshold <= match.confidence <= 1.0

    @pytest.mark.parametrize(
        "read",
        [
            "",
            " ",
            "・",
            "株式会社",
            "合計金額",
            "株式会社存在しない",
            "大森硝子株式会社本店",
            "\ud800",
            "ご請求書",
            "1234567",
        ],
    )
    def test_absent_names_are_left(self, matcher: PartnerMatcher, read: str) -> None:
        assert matcher.find(read) is None

    def test_an_alias_gives_the_partner(self) -> None:
        partner = Partner(name="株式会社架空倉庫サービス", aliases=("カクウ物流センター",))
        match = of(partner, Partner(name="別商店")).find("カクウ物流センター")
        assert match is not None
        assert (match.partner, match.name) == (partner, "カクウ物流センター")

    def test_reasons_add_up_to_the_confidence(self, matcher: PartnerMatcher) -> None:
        match = matcher.find(OWN[3][:-1])
        assert match is not None
        assert set(match.reasons) == set(matcher.model.weights)
        assert match.confidence == pytest.approx(1 / (1 + math.exp(-sum(match.reasons.values()))))
        same = matcher.find(OWN[0])
        assert same is not None
        assert set(same.reasons) == {SAME}

    def test_same_answers_again(self, matcher: PartnerMatcher) -> None:
        other = PartnerMatcher(matcher.table)
        reads = [name[:-1] for name in made_up_names(50, seed=3, apart_from=OWN)]
        assert [matcher.find(read) for read in reads] == [other.find(read) for read in reads]


class TestTies:
    def test_two_partners_of_one_name_are_none(self) -> None:
        twins = of(Partner(name="山本商店", phone="03-1111-2222"), Partner(name="山本商店", registration_number=NUMBER))
        assert twins.find("山本商店") is None

    def test_what_else_is_known_decides(self) -> None:
        first = Partner(
            name="山本商店",
            phone="03-1111-2222",
            account=Account(bank=None, branch=None, type=None, number="0012", holder=None),
        )
        twins = of(first, Partner(name="山本商店", registration_number=NUMBER))
        for known in (Known(phone="０３（１１１１）２２２２"), Known(account_numbers=("5", "12"))):
            match = twins.find("山本商店", known)
            assert match is not None
            assert match.partner is first

    def test_the_printed_form_decides_between_names_that_fold_alike(self) -> None:
        twins = of(Partner(name="冨士見運送株式会社"), Partner(name="富士見運送株式会社"))
        for name in ("冨士見運送株式会社", "富士見運送株式会社"):
            match = twins.find(name)
            assert match is not None
            assert match.name == name


class TestRegistrationNumber:
    def test_wins_over_the_name(self) -> None:
        partner = Partner(name="株式会社架空倉庫サービス", registration_number=NUMBER)
        both = of(partner, Partner(name="ネオサンプル合同会社"))
        match = both.find("ネオサンプル合同会社", Known(registration_number=NUMBER))
        assert match is not None
        assert match.partner is partner

    def test_one_that_no_partner_has_says_nothing(self) -> None:
        match = of(Partner(name="ネオサンプル合同会社")).find("ネオサンプル合同会社", Known(registration_number=NUMBER))
        assert match is not None


class TestParts:
    @pytest.mark.parametrize(
        ("read", "true"),
        [
            ("株式会社架空倉庫", "株式会社架空倉庫サービス"),
            ("架空倉サービ久式会", "架空倉庫サービス株式会社"),
            ("x架空y", "架空"),
            ("庫サービス", "架空倉庫サービス"),
            ("abc", "架空"),
        ],
    )
    def test_costs_are_those_of_the_steps(self, read: str, true: str) -> None:
        name, confusions = normalise(true), load_confusions()
        index = NameIndex([normalise("長い長い別の名前の株式会社"), name])
        cost = Channel(confusions).costs(normalise(read).key, index.written(np.array([0, 1])))[1]
        steps = align(normalise(read).key, name, confusions)
        assert sum(step.cost for step in steps) == pytest.approx(float(cost), abs=1e-3)
        assert "".join(step.read for step in steps) == normalise(read).key
        assert "".join(step.written for step in steps) == name.key

    def test_the_same_costs_nothing(self) -> None:
        index = NameIndex([normalise(OWN[1])])
        assert Channel(load_confusions()).costs(normalise(OWN[1]).key, index.written(np.array([0])))[0] == 0

    def test_edits(self) -> None:
        assert (edits("kitten", "sitting"), edits("", "ab"), edits("同じ", "同じ")) == (3, 2, 0)

    def test_surprise_is_greater_for_what_no_name_has(self) -> None:
        names = Plausibility(["山田商店", "山田電機", "田中商店"])
        assert names.surprise("山田商店") < names.surprise("山商田店") < names.surprise("xyzw")
        assert Plausibility([]).surprise("a") > 0


def test_made_up_names_are_the_same_again_and_apart() -> None:
    first = made_up_names(300, seed=5, apart_from=[])
    assert first == made_up_names(300, seed=5, apart_from=[])
    assert len({normalise(name).key for name in first}) == 300
    assert not {normalise(name).key for name in made_up_names(300, seed=5, apart_from=first)} & {
        normalise(name).key for name in first
    }


@pytest.mark.skipif(not pairs_file().exists(), reason="the set japoc is not here")
def test_real_readings_of_held_out_names() -> None:
    model = load_model()
    readings = load_readings(pairs_file())
    names = sorted({reading.true for reading in readings})
    fillers = made_up_names(2_000, seed=9, apart_from=names)
    some = [reading for reading in readings if is_held_out(reading.true) and reading.engine == "vision"][::4]
    present = list(look_up(make_matcher([*names, *fillers], model.confusions), some, absent=False))
    before, after = exact_shares(present, model, model.threshold)
    assert after > before + MIN_GAIN
    training = [name for name in names if not is_held_out(name)]
    absent = list(look_up(make_matcher([*training, *fillers], model.confusions), some, absent=True))
    assert false_share(absent, model, model.threshold) < 0.015
