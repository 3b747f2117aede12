"""Look-alikes of kana and kanji: put right where neighbours leave no choice, left where both are printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.geometry import Box
from postprocess_svc.kana_shapes import with_joined_marks, with_settled_shapes
from postprocess_svc.lines import TextLine


def line(text: str, *, placed: bool = True) -> TextLine:
    count = len(text) if placed else 0
    confidences = tuple(0.5 + 0.4 * at / max(1, count) for at in range(count))
    return TextLine(
        text=text,
        confidence=sum(confidences) / count if count else 0.8,
        quad=Box(left=0, top=0, right=30 * len(text) + 1, bottom=30).to_quad(),
        positions=tuple((at + 0.5) / count for at in range(count)),
        character_confidences=confidences,
    )


@pytest.mark.parametrize(
    ("read", "printed"),
    [
        ("仙台ハーモニ一有限会社 様", "仙台ハーモニー有限会社 様"),
        ("株式会社ハ一ト工務店", "株式会社ハート工務店"),
        ("駐車場サ一", "駐車場サー"),
        ("会員力一ド番号", "会員カード番号"),
        ("機械力ード", "機械カード"),
        ("力ナ名義", "カナ名義"),
        ("力タログ代", "カタログ代"),
        ("サツポロシウジ(力", "サツポロシウジ(カ"),
        ("力)ハママツ", "カ)ハママツ"),
        ("オ力モ卜ユミ", "オカモトユミ"),
        ("国産豚口ース", "国産豚ロース"),
        ("配線力バー 2m", "配線カバー 2m"),
        ("消費税(10%）", "消費税(10%)"),
        ("（株)山田 (支店）", "（株）山田 (支店)"),
        ("スタッキングチエア", "スタッキングチェア"),
        ("チエックイン", "チェックイン"),
        ("搬入·組立作業費", "搬入・組立作業費"),
        ("口ボット", "ロボット"),
        ("ア口エ", "アロエ"),
        ("工アコン工事", "エアコン工事"),
        ("アリ工ル", "アリエル"),
        ("イ才ン銀行", "イオン銀行"),
        ("才ーシャンフーズ", "オーシャンフーズ"),
        ("デー夕入力", "データ入力"),
        ("夕オル", "タオル"),
        ("アスファル卜工事", "アスファルト工事"),
        ("軽卜ラック", "軽トラック"),
        ("*発酵めか床ミ二", "*発酵めか床ミニ"),
        ("ア二メ", "アニメ"),
        ("二ュース", "ニュース"),
        ("八ンバーグ", "ハンバーグ"),
        ("ア八ト", "アハト"),
        ("有限会社了ース会計", "有限会社アース会計"),
        ("タクシｰ", "タクシー"),
        ("青葉区ー番町", "青葉区一番町"),
        ("第ー営業部", "第一営業部"),
        ("ー式", "一式"),
        ("ロ座番号", "口座番号"),
        ("給油所西ロSS", "給油所西口SS"),
        ("ハーモニーエ業", "ハーモニー工業"),
        ("番号を入カして下さい", "番号を入力して下さい"),
        ("へルプデスク", "ヘルプデスク"),
        ("こちらヘお願い", "こちらへお願い"),
        ("お客様ヘ", "お客様へ"),
        ("べッド", "ベッド"),
        ("すベて", "すべて"),
        ("ゆうちよ銀行", "ゆうちょ銀行"),
        ("納入曰", "納入日"),
        ("2026年10月31曰", "2026年10月31日"),
        ("税拔合計額", "税抜合計額"),
        ("取圾店", "取扱店"),
        ("取極者", "取扱者"),
        ("登緑番号", "登録番号"),
        ("登錶番号", "登録番号"),
        ("捆包袋", "梱包袋"),
        ("インポイス制度", "インボイス制度"),
        ("駐車場サーピス", "駐車場サービス"),
    ],
)
def test_neighbours_settle_a_shape(read: str, printed: str) -> None:
    assert with_settled_shapes(read) == printed
    assert with_settled_shapes(printed) == printed


@pytest.mark.parametrize(
    "printed",
    [
        "株式会社カーテックス一畑",
        "フロア一覧",
        "ビル一階",
        "グループ一同",
        "ハム一パック",
        "ビール一ケース",
        "アデノシン二リン酸",
        "岡ノ一",
        "第一営業部",
        "口コミサイト",
        "グルメ口コミ",
        "口ゴム",
        "力ウドン",
        "西口モール店",
        "東口ー西口",
        "ガス口 交換",
        "入力フォーム",
        "入カ所",
        "能力テスト",
        "体力バー",
        "カサイチエ",
        "チエコ",
        "Müller · Köln",
        "プレス工",
        "ハート工務店",
        "トラスト工業",
        "テスト工程",
        "加工センター",
        "ソムリエ業",
        "第二ビル",
        "二トン車",
        "八ッ場ダム",
        "八ツ橋",
        "ベスト八",
        "5才ー8才",
        "夕食バイキング",
        "ホテル夕食",
        "卜部商店",
        "終了ー",
        "修了ッ",
        "セブン-イレブン・ジャパン",
        "セブン‐イレブン",
        "マクロ座標",
        "ゼロ座",
        "6カ月",
        "東京へ",
        "東京へアクセス",
        "（株）へアクセス",
        "金沢市三小牛町ヘ７２",
        "ヘ短調",
        "食べログ",
        "子曰く",
        "曰佐",
        "北極圏",
        "緑茶",
        "抜拔",
        "キヤノン",
        "ユウチヨギンコウ",
        "ポイント",
        "ピース",
    ],
)
def test_what_is_printed_with_either_shape_stays(printed: str) -> None:
    assert with_settled_shapes(printed) == printed
    assert with_joined_marks(line(printed)).text == printed


@pytest.mark.parametrize(
    ("read", "printed"),
    [
        ("サツホ°ロ", "サツポロ"),
        ("ハ゜ン", "パン"),
        ("カ゛ス", "ガス"),
        ("ボ゜ンプ", "ポンプ"),
        ("か\u3099く", "がく"),
        ("ウ゛ィラ", "ヴィラ"),
        ("ガ゛ス", "ガス"),
        ("カナザ`ワシヨウカイ(カ", "カナザワシヨウカイ(カ"),
        ('アド"バ"ンス(1', "アドバンス(1"),
    ],
)
def test_a_voicing_mark_joins_its_kana(read: str, printed: str) -> None:
    assert with_joined_marks(line(read)).text == printed


@pytest.mark.parametrize(
    "printed",
    [
        '"ミルク"ケーキ',
        '"カード"バンク',
        "“カード”バンク",
        "ソフト'97",
        "ザ'90",
        "カ'ス",
        "36.5°",
        "ア°ア",
        "ｶﾞｽ",
        "ﾎﾟﾝﾌﾟ",
        "A゛",
    ],
)
def test_other_marks_stay(printed: str) -> None:
    before = line(printed)
    assert with_joined_marks(before) is before


def test_a_joined_character_stands_in_the_middle_and_is_as_sure_as_the_less_sure() -> None:
    before = TextLine(
        text="ホ°ロ",
        confidence=0.8,
        quad=Box(left=0, top=0, right=90, bottom=30).to_quad(),
        positions=(0.2, 0.4, 0.8),
        character_confidences=(0.9, 0.6, 0.9),
    )
    after = with_joined_marks(before)
    assert after.text == "ポロ"
    assert after.positions == pytest.approx((0.3, 0.8))
    assert after.character_confidences == (0.6, 0.9)
    assert after.confidence == pytest.approx(0.75)
    assert after.quad == before.quad


def test_a_line_without_places_of_its_characters_keeps_its_confidence() -> None:
    after = with_joined_marks(line("サツホ°ロ", placed=False))
    assert (after.text, after.positions, after.character_confidences, after.confidence) == ("サツポロ", (), (), 0.8)


_ALPHABET = st.sampled_from(
    "一力口工才夕卜二八了ｰーロエカへヘべベぺペよ曰拔圾極緑錶捆ポピアザホウかは゛゜ﾞﾟ°\"'`´’”“ A1第様)(ッド"
)


@given(st.text(_ALPHABET, max_size=40))
def test_a_settled_text_keeps_its_length(text: str) -> None:
    assert len(with_settled_shapes(text)) == len(text)


@given(st.text(_ALPHABET, max_size=40))
def test_lists_by_character_stay_aligned_and_in_order(text: str) -> None:
    before = line(text)
    after = with_joined_marks(before)
    assert len(after.positions) == len(after.character_confidences) == len(after.text) <= len(text)
    assert list(after.positions) == sorted(after.positions)
    assert set(after.character_confidences) <= set(before.character_confidences)
    # What was not joined stands where it stood, with the confidence that it had.
    kept = set(zip(before.text, before.positions, before.character_confidences, strict=True))
    joined = [
        entry
        for entry in zip(after.text, after.positions, after.character_confidences, strict=True)
        if entry not in kept
    ]
    assert len(joined) == len(text) - len(after.text)
