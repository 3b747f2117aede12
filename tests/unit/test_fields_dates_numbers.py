"""Dates and numbers of documents: sentences, misread labels, periods, other people's numbers; on pages made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_core.contracts.result import DocumentType, FieldValue
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.misread_labels import label_span_before, nearly_role
from postprocess_svc.fields.vocabulary import Role
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import HEIGHT, WIDTH, Placed, line, page, read

HEAD: list[Placed] = [
    (700, 120, "請求書", 56),
    (120, 260, "株式会社アルファ商事　御中", 40),
    (1000, 300, "株式会社サンプルテック", 36),
]
ENGLISH: list[Placed] = [
    (100, 100, "INVOICE", 48),
    (100, 200, "Highfield Services Ltd"),
    (1000, 200, "Date of issue: 12 March 2026"),
]


def found(name: str, *placed: list[Placed]) -> str | int | None:
    """A field's answer at the default threshold."""
    answer = read(page([item for part in placed for item in part])).fields[name]
    return answer.value if isinstance(answer, FieldValue) and answer.confidence >= 0.5 else None


def role_of(text: str, *, confidence: float) -> Role | None:
    """What a line of this text is nearly a label of, every character read with the same confidence."""
    pages = [
        PageLines(number=1, width_px=WIDTH, height_px=HEIGHT, lines=(line(100, 100, text, confidence=confidence),))
    ]
    context = build_context(pages, document_type=DocumentType.INVOICE)
    return nearly_role(context, context.facts[0].row, 0, len(text))


@pytest.mark.parametrize(
    "sentence",
    [
        [(120, 500, "恐れ入りますが、2026年11月30日までに下記口座へお振り込みください。")],
        [(120, 500, "お支払いは2026/11/30迄にお願いいたします。")],
        # The sentence runs on into the next line, or まで itself does.
        [
            (120, 500, "恐れ入りますが、2026年11月30日までに下記口座"),
            (120, 545, "へお振込みくださいますようお願い申し上げます。"),
        ],
        [(120, 500, "恐れ入りますが、2026年11月30"), (120, 545, "日までに下記口座へお振込みください。")],
    ],
)
def test_a_due_date_in_a_sentence(sentence: list[Placed]) -> None:
    assert found("due_date", HEAD, [(1000, 180, "発行日 2026年10月31日")], sentence) == "2026-11-30"


@pytest.mark.parametrize(
    "sentence",
    ["Kindly settle this invoice by 30 April 2026.", "Payment is due no later than 30 April 2026."],
)
def test_a_due_date_in_an_english_sentence(sentence: str) -> None:
    assert found("due_date", ENGLISH, [(100, 700, sentence)]) == "2026-04-30"


@pytest.mark.parametrize(
    "note",
    [
        "登録情報の変更は2026年11月20日までにご連絡ください。",
        "お見積りの有効期限は2026年11月20日です。",
        "次回クーポン期限 2026年11月20日",
        "お支払期限:請求日より30日以内",
    ],
)
def test_a_day_that_is_not_for_payment_is_no_due_date(note: str) -> None:
    assert found("due_date", HEAD, [(1000, 180, "発行日 2026年10月31日"), (120, 500, note)]) is None


def test_an_order_mentioned_in_passing_gives_no_due_date() -> None:
    note = "Goods remain our property until paid in full. Order placed on 1 March 2026."
    assert found("due_date", ENGLISH, [(100, 700, note)]) is None


@pytest.mark.parametrize(
    ("printed", "day"),
    [
        ("令和八年十月三十一日", "2026-10-31"),
        ("二〇二六年十月三十一日", "2026-10-31"),
        ("平成三十年元年", None),
        ("令和８年１０月３１日", "2026-10-31"),
    ],
)
def test_a_document_dated_in_kanji(printed: str, day: str | None) -> None:
    assert found("document_date", HEAD, [(1000, 180, printed)]) == day


def test_days_of_items_do_not_date_the_document() -> None:
    items: list[Placed] = [
        (120, 500, "伝票日付"),
        (400, 500, "品名"),
        (800, 500, "数量"),
        (1000, 500, "単価"),
        (1300, 500, "金額"),
        (120, 550, "2026/10/02"),
        (400, 550, "会場費"),
        (820, 550, "1"),
        (1000, 550, "¥5,000"),
        (1300, 550, "¥5,000"),
    ]
    assert found("document_date", HEAD, items, [(1000, 180, "2026年10月31日")]) == "2026-10-31"


@pytest.mark.parametrize("label", ["人金期限", "振達期限", "お数込み期限"])
def test_a_due_date_under_a_misread_label(label: str) -> None:
    made = page([*HEAD, (1000, 180, "発行日 2026年10月31日")])
    doubtful = line(1000, 225, f"{label} 2026年11月30日", confidence=0.8)
    answer = read(replace(made, lines=(*made.lines, doubtful))).fields["due_date"]
    assert isinstance(answer, FieldValue)
    assert (answer.value, answer.confidence > 0.5) == ("2026-11-30", True)


@pytest.mark.parametrize("label", ["講求書番号", "講求書ナンバー", "請求共番号"])
def test_a_number_behind_a_misread_label(label: str) -> None:
    assert found("document_number", HEAD, [(1000, 180, f"{label}:K2606-641")]) == "K2606-641"


@pytest.mark.parametrize(
    "line",
    [
        "顆客番号 88123-45",  # 顧客番号
        "お見積番号:E-7516",
        "登録番号 T7000012050002",
        "適格事業者発録番号:T8 7722 2304 4041",
        "ゆうちょ銀行 記号17590 番号15972721",
        "お客様INo 88123",
    ],
)
def test_a_number_of_something_else_is_not_the_documents(line: str) -> None:
    assert found("document_number", HEAD, [(1000, 180, line)]) is None


@pytest.mark.parametrize("label", ["請求№", "取引INo:", "請求書番号", "請求書ナンバー"])
def test_the_sign_for_number_is_read_as_several_things(label: str) -> None:
    assert found("document_number", HEAD, [(1000, 180, f"{label} 2026-0042")]) == "2026-0042"


def test_a_date_in_the_place_of_a_number_is_no_number() -> None:
    invoice: list[Placed] = [(100, 100, "Rechnung", 48), (900, 200, "Rg.-Nr"), (1200, 200, "28.02.2026")]
    assert found("document_number", invoice) is None


def test_a_readers_own_reference_is_not_the_documents_number() -> None:
    invoice: list[Placed] = [(100, 100, "Facture", 48), (900, 200, "Votre référence"), (1200, 200, "R841")]
    assert found("document_number", invoice) is None


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("人金期限", Role.DUE_DATE),
        ("Settie by", Role.DUE_DATE),
        ("お支払い\\期限", Role.DUE_DATE),
        ("発行門付", Role.ISSUE_DATE),
        ("伝票器号", Role.INVOICE_NUMBER),
        ("Rechmungs Nr", Role.INVOICE_NUMBER),
        ("お兒積番号", Role.OTHER_NUMBER),
        ("電気配線工事", None),
        ("Delivery", None),
        ("2026", None),
    ],
)
def test_labels_with_a_character_or_two_misread(text: str, role: Role | None) -> None:
    assert role_of(text, confidence=0.7) is role


@pytest.mark.parametrize("text", ["人金期限", "Settie by", "ご講求日"])
def test_characters_that_look_alike_are_misread_without_a_doubt(text: str) -> None:
    assert role_of(text, confidence=0.99) in {Role.DUE_DATE, Role.ISSUE_DATE}


@pytest.mark.parametrize(
    "text",
    ["お振分期限", "お支度期限", "決算期限日", "請負番号", "発行年度日", "Payment rate", "Invoice data", "Sue date"],
)
def test_a_word_that_was_read_well_is_no_misread_label(text: str) -> None:
    assert role_of(text, confidence=0.99) in {None, Role.OTHER_DATE, Role.OTHER_NUMBER}


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ("請求番号: 12", "請求番号"),
        ("請求番号\t12", "請求番号"),
        ("〒100-0001\t請求番号 12", "請求番号"),
        ("TEL:03 請求番号 12", "03 請求番号"),
        ("12", ""),
    ],
)
def test_what_stands_before_a_value(row: str, label: str) -> None:
    start, end = label_span_before(row, row.rindex("12"))
    assert row[start:end].strip() == label
