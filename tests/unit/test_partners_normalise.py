"""Names in the form that they are compared in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postprocess_svc.partners.normalise import FormPosition, normalise, variants


@pytest.mark.parametrize(
    ("printed", "key", "form", "position"),
    [
        ("株式会社 髙島物産", "株式会社高島物産", "株式会社", FormPosition.FRONT),
        ("㈱髙島物産", "株式会社高島物産", "株式会社", FormPosition.FRONT),
        ("（株）髙島物産", "株式会社高島物産", "株式会社", FormPosition.FRONT),
        ("カブシキガイシャ髙島物産", "株式会社高島物産", "株式会社", FormPosition.FRONT),
        ("ｶ)ｻﾝﾌﾟﾙ", "株式会社サンプル", "株式会社", FormPosition.FRONT),
        ("ｻﾝﾌﾟﾙ(ｶ", "サンプル株式会社", "株式会社", FormPosition.BACK),
        ("渡邊商店㈲", "渡辺商店有限会社", "有限会社", FormPosition.BACK),
        ("合同会社ＡＢＣ", "合同会社abc", "合同会社", FormPosition.FRONT),
        ("一般社団法人架空協会", "一般社団法人架空協会", "一般社団法人", FormPosition.FRONT),
        ("(一社)架空協会", "一般社団法人架空協会", "一般社団法人", FormPosition.FRONT),
        ("NPO法人あおば", "特定非営利活動法人あおば", "特定非営利活動法人", FormPosition.FRONT),
        ("株式會社山﨑", "株式会社山崎", "株式会社", FormPosition.FRONT),
        ("架空通運(株)東京支店", "架空通運株式会社東京支店", "株式会社", FormPosition.INSIDE),
        ("サ一ビス・センタ―", "サービスセンター", None, None),
        ("キング・ライン", "キングライン", None, None),
        ("キャッチ", "キヤツチ", None, None),
        ("第一商店", "第一商店", None, None),
        ("A-B & C", "ab&c", None, None),
        ("澤邉", "沢辺", None, None),
        ("会社", "会社", None, None),
        ("", "", None, None),
    ],
)
def test_forms(printed: str, key: str, form: str | None, position: FormPosition | None) -> None:
    name = normalise(printed)
    assert name.printed == printed
    assert name.key == key
    assert (name.form.name if name.form else None, name.form.position if name.form else None) == (form, position)
    assert name.core == (key if name.form is None else key[: name.form_start] + key[name.form_end :])


def test_front_and_back_stay_apart() -> None:
    front, back = normalise("株式会社三光"), normalise("三光株式会社")
    assert front.core == back.core
    assert front.key != back.key


def test_variants_lead_to_a_form_that_stays() -> None:
    table = variants()
    assert not [chr(code) for code, form in table.items() if ord(form) in table]


@given(st.text(max_size=60))
def test_any_text_folds(text: str) -> None:
    name = normalise(text)
    if name.form is not None:
        assert name.key[name.form_start : name.form_end] == name.form.name
    assert not any(character.isspace() for character in name.key)
