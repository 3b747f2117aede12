"""Whole documents: Japanese invoices of several layouts, every field."""

from __future__ import annotations

from datetime import date

import pytest

from ocr_core.contracts.page import Notice
from ocr_core.contracts.result import AccountType, BankAccount, DocumentType, FieldValue, MoneyValue
from postprocess_svc.fields import FIELD_NAMES, FieldsOutcome, extract
from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.registry import Families, shipped_families
from tests.support.fields_layout import Placed, page, read

SINGLE = tuple(name for name in FIELD_NAMES if name not in {"bank_accounts", "line_items"})
Account = tuple[str | None, str | None, AccountType | None, str, str | None]

AMOUNT_BOX: list[Placed] = [
    (700, 120, "請　求　書", 60),
    (1150, 130, "No. INV-20261031-01"),
    (1150, 180, "発行日：2026年10月31日"),
    (120, 260, "株式会社アルファ商事　御中", 40),
    (1000, 300, "株式会社サンプルテック", 36),
    (1000, 350, "〒150-0002"),
    (1000, 395, "東京都渋谷区渋谷1-2-3 サンプルビル5F"),
    (1000, 440, "TEL：03-1234-5678　FAX：03-1234-5679"),
    (1000, 485, "登録番号：T7000012050002"),
    (1000, 530, "担当：山田"),
    (120, 420, "下記のとおりご請求申し上げます。"),
    (120, 520, "ご請求金額", 36),
    (420, 510, "¥385,000-", 52),
    (120, 600, "お支払期限：2026年11月30日"),
    (120, 720, "品名"),
    (800, 720, "数量"),
    (1000, 720, "単価"),
    (1350, 720, "金額"),
    (120, 780, "Webサイト制作"),
    (820, 780, "1"),
    (1000, 780, "300,000"),
    (1350, 780, "300,000"),
    (120, 830, "保守サポート"),
    (820, 830, "1"),
    (1000, 830, "50,000"),
    (1350, 830, "50,000"),
    (1000, 1200, "小計"),
    (1350, 1200, "350,000"),
    (1000, 1250, "消費税(10%)"),
    (1350, 1250, "35,000"),
    (1000, 1300, "合計"),
    (1350, 1300, "385,000"),
    (120, 1500, "【お振込先】"),
    (120, 1550, "みずほ銀行　渋谷支店　普通　1234567"),
    (120, 1600, "口座名義　カ）サンプルテック"),
    (120, 1700, "備考"),
    (120, 1750, "お振込手数料は貴社にてご負担願います。"),
]

STATEMENT: list[Placed] = [
    (620, 100, "御請求書", 56),
    (1200, 110, "請求番号"),
    (1200, 150, "2026-0915"),
    (1420, 110, "請求日"),
    (1400, 150, "令和8年9月30日"),
    (120, 200, "〒530-0001"),
    (120, 240, "大阪府大阪市北区梅田1-1-1"),
    (120, 300, "大和物産株式会社", 36),
    (120, 350, "経理部　御中", 32),
    (1000, 260, "有限会社 山本工務店", 36),
    (1000, 310, "代表取締役 山本一郎"),
    (1000, 350, "〒540-0012 大阪市中央区谷町2-3-4"),
    (1000, 390, "電話 06-6123-4567"),
    (1000, 430, "FAX 06-6123-4568"),
    (1000, 470, "登録番号 T1234567890123"),
    (120, 560, "前回御請求額"),
    (380, 560, "御入金額"),
    (600, 560, "繰越金額"),
    (820, 560, "今回御買上額"),
    (1060, 560, "消費税額"),
    (1300, 560, "今回御請求額"),
    (140, 610, "720,000"),
    (390, 610, "720,000"),
    (660, 610, "0"),
    (840, 610, "150,000"),
    (1080, 610, "15,000"),
    (1320, 610, "165,000", 36),
    (120, 700, "日付"),
    (260, 700, "伝票No."),
    (460, 700, "品名"),
    (900, 700, "数量"),
    (1050, 700, "単価"),
    (1250, 700, "金額"),
    (120, 750, "09/05"),
    (260, 750, "10231"),
    (460, 750, "ボルト M8"),
    (910, 750, "100"),
    (1050, 750, "500"),
    (1250, 750, "50,000"),
    (120, 800, "09/18"),
    (260, 800, "10255"),
    (460, 800, "工事一式"),
    (910, 800, "1"),
    (1050, 800, "100,000"),
    (1250, 800, "100,000"),
    (120, 1800, "お振込先：三菱UFJ銀行 梅田支店 当座 7654321 ユ)ヤマモトコウムテン"),
    (120, 1850, "お支払期日：令和8年10月末日"),
]

FREELANCER: list[Placed] = [
    (120, 80, "請求書", 50),
    (120, 200, "株式会社みらい出版 御中", 36),
    (1100, 80, "請求日"),
    (1300, 80, "2026/08/31"),
    (1100, 120, "請求書番号"),
    (1300, 120, "A-0042"),
    (1100, 240, "佐藤デザイン事務所", 32),
    (1100, 290, "佐藤 花子"),
    (1100, 330, "〒604-8001 京都市中京区木屋町1"),
    (1100, 370, "075-123-4567"),
    (1100, 410, "登録番号:T9876543210987"),
    (120, 400, "件名：8月分 イラスト制作費"),
    (120, 480, "ご請求額"),
    (420, 470, "99,790円", 44),
    (120, 560, "支払期限"),
    (420, 560, "2026/09/30"),
    (120, 700, "イラスト制作"),
    (800, 700, "10点"),
    (1000, 700, "@10,000"),
    (1350, 700, "100,000"),
    (1000, 1000, "小計"),
    (1350, 1000, "100,000"),
    (1000, 1050, "消費税 10%"),
    (1350, 1050, "10,000"),
    (1000, 1100, "源泉徴収税額"),
    (1350, 1100, "▲10,210"),
    (1000, 1150, "差引請求額"),
    (1350, 1150, "99,790"),
    (120, 1400, "振込先"),
    (300, 1400, "ゆうちょ銀行"),
    (300, 1445, "記号 14450　番号 12345671"),
    (300, 1490, "サトウ ハナコ"),
]

TWO_RATES: list[Placed] = [
    (100, 100, "ご請求書", 48),
    (100, 180, "請求先"),
    (100, 220, "合同会社ベータ"),
    (100, 260, "代表社員 鈴木太郎 様"),
    (1000, 180, "発行元"),
    (1000, 220, "株式会社オーガニック青果"),
    (1000, 260, "神奈川県横浜市港北区新横浜2-5-1"),
    (1000, 300, "Tel 045-111-2222"),
    (1000, 340, "適格請求書発行事業者登録番号 T5555555555555"),
    (100, 350, "請求書No."),
    (350, 350, "2026-10-0031"),
    (100, 390, "発行日"),
    (350, 390, "R8.10.20"),
    (100, 430, "お支払い期限"),
    (350, 430, "R8.11.20"),
    (100, 520, "ご請求合計金額（税込）"),
    (600, 510, "￥54,600", 40),
    (100, 620, "摘要"),
    (700, 620, "数量"),
    (900, 620, "単価"),
    (1100, 620, "金額"),
    (1300, 620, "税率"),
    (100, 660, "有機野菜セット ※"),
    (720, 660, "10"),
    (900, 660, "3,000"),
    (1100, 660, "30,000"),
    (1300, 660, "8%"),
    (100, 700, "配送用資材"),
    (720, 700, "20"),
    (900, 700, "1,000"),
    (1100, 700, "20,000"),
    (1300, 700, "10%"),
    (800, 900, "小計"),
    (1200, 900, "50,000円"),
    (800, 950, "10%対象"),
    (1000, 950, "20,000円"),
    (1200, 950, "消費税 2,000円"),
    (800, 1000, "8%対象"),
    (1000, 1000, "30,000円"),
    (1200, 1000, "消費税 2,400円"),
    (800, 1050, "送料"),
    (1200, 1050, "200円"),
    (800, 1100, "合計"),
    (1200, 1100, "54,600円"),
    (100, 1300, "銀行名"),
    (350, 1300, "支店名"),
    (550, 1300, "種別"),
    (700, 1300, "口座番号"),
    (900, 1300, "口座名義"),
    (100, 1340, "横浜信用金庫"),
    (350, 1340, "新横浜支店"),
    (550, 1340, "普通"),
    (700, 1340, "0123456"),
    (900, 1340, "ｶ)ｵｰｶﾞﾆｯｸｾｲｶ"),
    (100, 1380, "三井住友銀行"),
    (350, 1380, "横浜支店"),
    (550, 1380, "普通"),
    (700, 1380, "7654321"),
    (900, 1380, "ｶ)ｵｰｶﾞﾆｯｸｾｲｶ"),
]

EXPECTED: list[tuple[list[Placed], dict[str, str | int | None], list[Account]]] = [
    (
        AMOUNT_BOX,
        {
            "issuer_name": "株式会社サンプルテック",
            "recipient_name": "株式会社アルファ商事",
            "document_number": "INV-20261031-01",
            "document_date": "2026-10-31",
            "due_date": "2026-11-30",
            "total_amount": 385000,
            "subtotal": 350000,
            "tax_amount": 35000,
            "registration_number": "T7000012050002",
            "phone": "03-1234-5678",
        },
        [("みずほ銀行", "渋谷支店", AccountType.ORDINARY, "1234567", "カ）サンプルテック")],
    ),
    (
        STATEMENT,
        {
            "issuer_name": "有限会社 山本工務店",
            "recipient_name": "大和物産株式会社",
            "document_number": "2026-0915",
            "document_date": "2026-09-30",
            "due_date": "2026-10-31",
            "total_amount": 165000,
            "subtotal": 150000,
            "tax_amount": 15000,
            "registration_number": "T1234567890123",
            "phone": "06-6123-4567",
        },
        [("三菱UFJ銀行", "梅田支店", AccountType.CHECKING, "7654321", "ユ)ヤマモトコウムテン")],
    ),
    (
        FREELANCER,
        {
            "issuer_name": "佐藤デザイン事務所",
            "recipient_name": "株式会社みらい出版",
            "document_number": "A-0042",
            "document_date": "2026-08-31",
            "due_date": "2026-09-30",
            "total_amount": 99790,
            "subtotal": 100000,
            "tax_amount": 10000,
            "registration_number": "T9876543210987",
            "phone": "075-123-4567",
        },
        [("ゆうちょ銀行", None, AccountType.ORDINARY, "14450-12345671", "サトウ ハナコ")],
    ),
    (
        TWO_RATES,
        {
            "issuer_name": "株式会社オーガニック青果",
            "recipient_name": "合同会社ベータ",
            "document_number": "2026-10-0031",
            "document_date": "2026-10-20",
            "due_date": "2026-11-20",
            "total_amount": 54600,
            "subtotal": 50000,
            "tax_amount": 4400,
            "registration_number": "T5555555555555",
            "phone": "045-111-2222",
        },
        [
            ("横浜信用金庫", "新横浜支店", AccountType.ORDINARY, "0123456", "ｶ)ｵｰｶﾞﾆｯｸｾｲｶ"),
            ("三井住友銀行", "横浜支店", AccountType.ORDINARY, "7654321", "ｶ)ｵｰｶﾞﾆｯｸｾｲｶ"),
        ],
    ),
]
NAMES = ["amount box", "statement with carry-over", "freelancer with withholding", "two rates"]


def values(outcome: FieldsOutcome, at_least: float = 0.5) -> dict[str, str | int | None]:
    """The single values that are sure enough, as a caller gets them."""
    found: dict[str, str | int | None] = {}
    for name in SINGLE:
        answer = outcome.fields[name]
        assert answer is None or isinstance(answer, FieldValue | MoneyValue)
        found[name] = None if answer is None or answer.confidence < at_least else answer.value
    return found


def accounts(outcome: FieldsOutcome) -> list[Account]:
    listed = outcome.fields["bank_accounts"]
    if listed is None:
        return []
    assert isinstance(listed, tuple)
    return [(a.bank, a.branch, a.type, a.number, a.holder) for a in listed if a.confidence >= 0.5]


@pytest.mark.parametrize(("placed", "fields", "banks"), EXPECTED, ids=NAMES)
def test_every_field_of_an_invoice(
    placed: list[Placed], fields: dict[str, str | int | None], banks: list[Account]
) -> None:
    outcome = read(page(placed))
    assert values(outcome) == fields
    assert accounts(outcome) == banks
    assert outcome.warnings == ()


@pytest.mark.parametrize(("placed", "fields", "banks"), EXPECTED, ids=NAMES)
def test_order_of_lines_and_splitting_of_boxes_change_nothing(
    placed: list[Placed], fields: dict[str, str | int | None], banks: list[Account]
) -> None:
    shuffled = sorted(placed, key=lambda item: (item[2], item[0]))
    outcome = read(page(shuffled))
    assert (values(outcome), accounts(outcome)) == (fields, banks)


def test_a_skewed_page_reads_the_same() -> None:
    placed, fields, banks = EXPECTED[0]
    tilted = page(placed).lines
    slope = 0.035
    lines = tuple(
        type(line)(
            text=line.text,
            confidence=line.confidence,
            quad=tuple((x, y + slope * x) for x, y in line.quad),  # type: ignore[arg-type]
            positions=line.positions,
            character_confidences=line.character_confidences,
        )
        for line in tilted
    )
    skewed = page([])
    skewed = type(skewed)(number=1, width_px=1654, height_px=2339, lines=lines, skew_deg=2.0045)
    outcome = read(skewed)
    assert (values(outcome), accounts(outcome)) == (fields, banks)


def test_evidence_lies_on_the_value_not_on_its_label() -> None:
    outcome = read(page(AMOUNT_BOX))
    due = outcome.fields["due_date"]
    assert isinstance(due, FieldValue)
    assert (due.text, due.page) == ("2026年11月30日", 1)
    # The label is five characters and a colon of 30 px, from x = 120.
    assert due.quad[0][0] == pytest.approx(120 + 6 * 30, abs=16)
    assert due.quad[0][1] == pytest.approx(600)
    phone = outcome.fields["phone"]
    assert isinstance(phone, FieldValue)
    assert phone.quad[1][0] < 1000 + 400, "the fax number is not part of the evidence"


def test_confidence_follows_the_recogniser() -> None:
    sure = read(page(AMOUNT_BOX)).fields["total_amount"]
    blurred = [(*item[:2], item[2], item[3] if len(item) > 3 else 30.0, 0.6) for item in AMOUNT_BOX]
    unsure = read(page(blurred)).fields["total_amount"]  # type: ignore[arg-type]
    assert isinstance(sure, MoneyValue)
    assert isinstance(unsure, MoneyValue)
    assert unsure.confidence < 0.85 * sure.confidence
    assert sure.confidence > 0.9


def test_previous_balances_never_win() -> None:
    placed: list[Placed] = [
        (600, 80, "請求書", 50),
        (100, 200, "株式会社甲 御中"),
        (1000, 200, "株式会社乙"),
        (100, 400, "前月繰越額"),
        (500, 400, "¥990,000", 44),
        (100, 460, "差引残高"),
        (500, 460, "¥880,000"),
        (100, 520, "合計"),
        (500, 520, "¥110,000"),
    ]
    assert values(read(page(placed)))["total_amount"] == 110000


def test_a_page_without_fields_gives_nulls() -> None:
    outcome = read(page([(100, 100, "吾輩は猫である。"), (100, 150, "名前はまだ無い。")]))
    assert set(outcome.fields) == set(FIELD_NAMES)
    assert values(outcome) == dict.fromkeys(SINGLE)
    assert outcome.fields["bank_accounts"] is None
    assert set(extract([]).fields) == set(FIELD_NAMES)


def test_a_name_is_answered_in_one_width_beside_what_is_printed() -> None:
    placed: list[Placed] = [
        (600, 60, "請求書", 50),
        (100, 200, "㈱ｶﾞｲｱ食品　御中", 36),
        (1000, 250, "ＡＢＣ商事（株）"),
        (1000, 290, "登録番号 T7000012050002"),
        (100, 400, "ご請求金額 ¥385,000-", 40),
    ]
    fields = read(page(placed)).fields
    issuer, recipient = fields["issuer_name"], fields["recipient_name"]
    assert isinstance(issuer, FieldValue)
    assert isinstance(recipient, FieldValue)
    assert (issuer.value, issuer.text) == ("ABC商事(株)", "ＡＢＣ商事（株）")
    assert (recipient.value, recipient.text) == ("(株)ガイア食品", "㈱ｶﾞｲｱ食品")


class _Broken(FieldFamily):
    name = "dates"
    kind = FieldKind.DATE
    fields = (FieldName.DOCUMENT_DATE, FieldName.DUE_DATE)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> list[Candidate]:
        raise RuntimeError(f"{context.text} {field} {len(chosen)}")


def test_a_family_that_fails_leaves_the_others_intact() -> None:
    families = Families(_Broken() if family.name == "dates" else family for family in shipped_families())
    outcome = extract([page(AMOUNT_BOX)], document_type=DocumentType.INVOICE, families=families)
    assert outcome.fields["document_date"] is None
    assert outcome.fields["due_date"] is None
    assert values(outcome)["total_amount"] == 385000
    assert outcome.warnings == (Notice(code="field_failed", detail="the fields of 'dates' could not be looked for"),), (
        "and the notice quotes nothing of the document"
    )


def test_labels_and_values_that_the_recogniser_ran_together() -> None:
    placed: list[Placed] = [
        (600, 80, "御請求書", 50),
        (100, 200, "株式会社架空フーズ御中"),
        (1000, 200, "伝票番号8841-0207"),
        (1000, 250, "発行日令和8年11月5日"),
        (1000, 300, "電話017-000-5678"),
        (100, 300, "合計金額(税込) ¥187,480", 40),
        (1000, 600, "小計"),
        (1300, 600, "173,400"),
        (1000, 650, "消費税"),
        (1300, 650, "14,080"),
        (900, 700, "(8%対象 163,000 税 13,040)"),
        (900, 750, "(10%対象 10,400税1,040)"),
        (100, 900, "振込先例示信用金庫本店営業部当座0098765ユ)タトエバセイカ"),
    ]
    outcome = read(page(placed))
    found = values(outcome)
    assert found["recipient_name"] == "株式会社架空フーズ"
    assert found["document_number"] == "8841-0207"
    assert found["document_date"] == "2026-11-05"
    assert found["phone"] == "017-000-5678"
    assert (found["subtotal"], found["tax_amount"], found["total_amount"]) == (173400, 14080, 187480)
    assert accounts(outcome) == [("例示信用金庫", "本店営業部", AccountType.CHECKING, "0098765", "ユ)タトエバセイカ")]


def test_due_after_issue_across_the_turn_of_the_year() -> None:
    placed: list[Placed] = [
        (600, 80, "請求書", 50),
        (1100, 120, "発行日 2026年12月20日"),
        (100, 200, "株式会社甲 御中"),
        (100, 300, "お支払期限 1月31日"),
    ]
    due = read(page(placed)).fields["due_date"]
    assert isinstance(due, FieldValue)
    assert date.fromisoformat(str(due.value)) == date(2027, 1, 31)


def test_bank_accounts_carry_their_evidence() -> None:
    listed = read(page(AMOUNT_BOX)).fields["bank_accounts"]
    assert isinstance(listed, tuple)
    (account,) = listed
    assert isinstance(account, BankAccount)
    assert account.quad[0][1] == pytest.approx(1550)
    assert account.quad[2][1] == pytest.approx(1630)
    assert "1234567" in account.text
