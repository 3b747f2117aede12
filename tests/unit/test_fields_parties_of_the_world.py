"""Issuers and telephone numbers as other people's documents print them."""

from __future__ import annotations

import pytest

from ocr_core.contracts.result import DocumentType, FieldValue
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import Placed, page, read

HEAD: tuple[Placed, ...] = (
    (700, 80, "請求書", 50.0), (100, 200, "見本物産株式会社 御中"), (1150, 200, "2026年5月31日"),
)  # fmt: skip
BODY: tuple[Placed, ...] = (
    (100, 900, "品名"), (800, 900, "数量"), (1000, 900, "単価"), (1300, 900, "金額"),
    (100, 950, "設計作業"), (800, 950, "1"), (1000, 950, "100,000"), (1300, 950, "100,000"),
    (1000, 1050, "合計"), (1300, 1050, "¥110,000"),
)  # fmt: skip


def value(field: str, *lines: str, left: float = 1050, top: float = 320, foot: tuple[Placed, ...] = ()) -> str | None:
    block = [(left, top + 40 * number, text) for number, text in enumerate(lines)]
    return answers(page([*HEAD, *block, *BODY, *foot])).get(field)


def answers(shown: PageLines) -> dict[str, str | None]:
    found = read(shown).fields
    return {name: fold(str(answer.value)) if isinstance(answer, FieldValue) else None for name, answer in found.items()}


@pytest.mark.parametrize(
    "line",
    [
        "TEL/FAX 03-1234-5678 / 03-1234-5679",
        "TEL・FAX 03-1234-5678 / 03-1234-5679",
        "T 03-1234-5678　F 03-1234-5679",
        "T: 03-1234-5678 F: 03-1234-5679",
        "☎ 03-1234-5678",
        "03-1234-5678",
        "電話：03-1234-5678（代表）",
        "TEL03-1234-5678(代) FAX03-1234-5679",
        "お客様窓口03-1234-5678（10:00-18:00 土日祝除く）",
        "〒100-0001 東京都千代田区千代田1-1 TEL 03-1234-5678",
        "本社 〒100-0001 東京都千代田区千代田1-1 TEL 03-1234-5678 / 北営業所 TEL 011-123-4567",
    ],
)
def test_the_issuers_telephone_number_in_a_line_of_its_block(line: str) -> None:
    assert value("phone", "株式会社サンプル", "〒100-0001", "東京都千代田区千代田1-1", line) == "03-1234-5678"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("見本商事(株", "見本商事(株)"),  # the end of ㈱ was not read
        ("Muster Software UG (haftungsbeschränkt)", "Muster Software UG (haftungsbeschränkt)"),
        ("見本商事株式会社（大阪）", "見本商事株式会社"),
        ("見本商事株式会社　浜松市東区有玉北町 1820", "見本商事株式会社"),
        ("見本商事株式会社松本市蟻ケ崎 4-3-8", "見本商事株式会社"),  # the gap was not read
        ("株式会社 松本市民新聞 3号館", "株式会社 松本市民新聞 3号館"),
    ],
)
def test_a_legal_form_in_brackets_is_part_of_the_name_and_a_remark_or_an_address_is_not(line: str, name: str) -> None:
    assert value("issuer_name", line, "東京都千代田区千代田1-1", "TEL 03-1234-5678") == name


def test_a_number_under_a_faxs_label_is_none() -> None:
    found = value("phone", "株式会社サンプル", "東京都千代田区千代田1-1", "TEL 03-1234-5678 FAX", "03-1234-5679")
    assert found == "03-1234-5678"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["東京都千代田区千代田1-1", "内田税理士事務所", "柴田 恵美", "TEL 03-1234-5678"], "内田税理士事務所"),
        (["みほん町内会", "会計担当 石田 清", "〒100-0001", "東京都千代田区千代田1-1"], "みほん町内会"),
        (["アトリエ見本", "代表 柴田 恵美", "東京都千代田区千代田1-1", "TEL 03-1234-5678"], "アトリエ見本"),
        (["東京都千代田区1-1", "株式会社サンプル", "代表取締役 柴田 恵美", "TEL 03-1234-5678"], "株式会社サンプル"),
        (["株式会社サンプル 〒100-0001 東京都千代田区千代田1-1", "TEL 03-1234-5678"], "株式会社サンプル"),
        (["株式会社サンプル デ100-0001東京都千代田区千代田1-1", "TEL 03-1234-5678"], "株式会社サンプル"),
        (["みほん市上下水道局お客さまサービス係", "フリーダイヤル 0120-123-456"], "みほん市上下水道局"),
        (["東京都千代田区千代田1-1", "DUO印刷有", "四方田 恵美", "TEL 03-1234-5678"], "DUO印刷(有)"),
        (["サンプル工業有限会社 社工業", "〒100-0001 東京都千代田区千代田1-1"], "サンプル工業有限会社"),
        (["株式会社サンプル電力お客さまセンター受付9-17時(土日祝休)", "TEL 03-1234-5678"], "株式会社サンプル電力"),
        (["株式会社サンプル(登録番号 T1234567890123)", "TEL 03-1234-5678"], "株式会社サンプル"),
        (["みほん光株式会社 (登録番号:T1234567890123) 電話 03-1234-5678"], "みほん光株式会社"),
        (["株式会社サンプル旅館和歌山県西牟婁郡白浜町 3308", "TEL 03-1234-5678"], "株式会社サンプル旅館"),
        (["協同組合 見本紙問屋センター", "東京都千代田区千代田1-1"], "協同組合 見本紙問屋センター"),
        (["盛岡市大通 2-4-17 B1", "喫茶 みほん", "店主 見本 太郎", "TEL 03-1234-5678"], "喫茶 みほん"),
        (["見本 管理組合", "理事長 見本 京子", "(管理会社)サンプル管理(株)", "TEL 03-1234-5678"], "見本 管理組合"),
        (["東京都千代田区1-1", "見本通り振興組合", "理 事 長  見 本 久 雄", "会計 石田"], "見本通り振興組合"),
        (["(貸主 見本合名会社 代理人)", "(株)サンプル管理", "東京都千代田区1-1"], "(株)サンプル管理"),
    ],
)  # fmt: skip
def test_the_issuers_name_among_address_and_persons(lines: list[str], name: str) -> None:
    assert value("issuer_name", *lines) == name


def test_the_issuer_may_stand_at_the_foot_of_the_page() -> None:
    foot: tuple[Placed, ...] = (
        (300, 2150, "株式会社サンプル 〒100-0001 東京都千代田区千代田1-1", 22.0),
        (300, 2190, "TEL 03-1234-5678 info@example.jp", 22.0),
    )
    assert value("issuer_name", foot=foot) == "株式会社サンプル"
    assert value("phone", foot=foot) == "03-1234-5678"


@pytest.mark.parametrize(
    "heading",
    [
        "ご利用料金のご案内", "お客さま料金請求書", "保険", "社保 本人 3割", "ご注意事項", "1テーブル33", "今回指針",
        "[社印]", "(理事長印)", "表示対象 2026年12月ご請求分",
    ],
)  # fmt: skip
def test_titles_and_headings_over_a_contact_are_no_issuers(heading: str) -> None:
    assert value("issuer_name", heading, "TEL 03-1234-5678", left=100, top=1800) != heading


def test_who_is_paid_is_the_issuer_and_not_the_recipient() -> None:
    placed: list[Placed] = [
        (100, 80, "TAX INVOICE", 50.0),
        (100, 200, "Vertex Media Group"), (100, 240, "127 Park Drive"), (100, 280, "Tampa, FL 33602"),
        (1150, 200, "Sample Tools Inc."), (1150, 240, "86 Pearl Street"), (1150, 280, "Tampa, FL 33602"),
        (100, 500, "Description"), (900, 500, "Quantity"), (1300, 500, "Amount"),
        (100, 550, "Boiler service"), (900, 550, "2"), (1300, 550, "230.00"),
        (900, 650, "Total due"), (1300, 650, "$230.00"),
        (100, 800, "Please pay Sample Tools Inc., Pacific Coast Credit Union, account 8423088962."),
    ]  # fmt: skip
    found = answers(page(placed))
    assert found["issuer_name"] == "Sample Tools Inc."
    assert found["recipient_name"] == "Vertex Media Group"


@pytest.mark.parametrize(
    "line",
    [
        "A member of the Sample Group", "A Sample Group company", "Part of the Sample Group",
        "Ein Unternehmen der Sample Gruppe", "Une société du groupe Sample",
    ],
)  # fmt: skip
def test_whose_group_a_firm_belongs_to_is_not_the_issuer(line: str) -> None:
    placed: list[Placed] = [
        (100, 80, line), (1150, 80, "TAX INVOICE"),
        (100, 200, "Bill to"), (100, 240, "Vertex Media Ltd"), (100, 280, "Tampa, FL 33602"),
        (100, 500, "Description"), (900, 500, "Quantity"), (1300, 500, "Amount"),
        (100, 550, "Boiler service"), (900, 550, "2"), (1300, 550, "230.00"),
        (900, 650, "Total due"), (1300, 650, "$230.00"),
        (100, 2100, "Sample Data Centres Ltd Co. Reg. No. 1234567"), (100, 2140, "12 Pearl Street, Leeds LS1 4DY"),
    ]  # fmt: skip
    assert answers(page(placed))["issuer_name"] == "Sample Data Centres Ltd"


@pytest.mark.parametrize("label", ["Received from", "Reçu de", "Recibí de"])
@pytest.mark.parametrize("left", [330, 385])
def test_who_a_receipt_says_has_paid_is_its_recipient(label: str, left: int) -> None:
    placed: list[Placed] = [
        (500, 80, "Willow Montessori School"), (500, 130, "(802) 555-0144"), (500, 200, "OFFICIAL RECEIPT"),
        (100, 300, label), (left, 300, "Daniel and Aiko Prentiss"), (1100, 400, "$1,450.00"),
    ]  # fmt: skip
    assert answers(page(placed))["recipient_name"] == "Daniel and Aiko Prentiss"


def test_doctors_and_authors_are_addressed_too() -> None:
    placed: list[Placed] = [(100, 80, "見本 冴子 先生"), (600, 200, "請求書", 50.0), *BODY]
    assert answers(page(placed))["recipient_name"] == "見本 冴子"


@pytest.mark.parametrize(
    ("placed", "name"),
    [
        ([(100, 80, "みほん青果"), (126, 118, "見本 功 殿")], "みほん青果"),
        ([(100, 80, "県立見本高校 同期会"), (100, 118, "幹事 見本 修 様")], "県立見本高校 同期会"),
        ([(100, 80, "みほん歯科医院"), (180, 118, "院長 見本 晶子 先生")], "みほん歯科医院"),
        ([(100, 80, "見本酒造協同組合"), (450, 80, "広報委員会 御中")], "見本酒造協同組合"),
        (
            [(100, 80, "公益社団法人見本教育・"), (220, 118, "環境協議会"), (220, 156, "事務局長 見本 道代 様")],
            "公益社団法人見本教育・環境協議会",
        ),
    ],
)
def test_the_firm_over_or_beside_the_person_addressed_is_the_recipient(placed: list[Placed], name: str) -> None:
    assert answers(page([*placed, (600, 300, "請求書", 50.0), *BODY]))["recipient_name"] == name


def test_a_person_under_an_address_is_the_recipient() -> None:
    placed: list[Placed] = [
        (100, 80, "盛岡市大通 2-4-17 見本ハイツ"),
        (100, 118, "見本 功 様"),
        (600, 300, "請求書", 50.0),
    ]
    assert answers(page([*placed, *BODY]))["recipient_name"] == "見本 功"


def test_who_is_addressed_on_the_stub_to_send_back_is_the_recipient() -> None:
    placed: list[Placed] = [
        (100, 80, "Cedar Ridge Water & Sewer District"), (1150, 80, "UTILITY BILL"),
        (100, 120, "PO Box 118, Cedar Ridge OR 97458"), (1150, 120, "Office (541) 555-0162"),
        (100, 400, "Water"), (900, 400, "128.32"), (100, 440, "TOTAL"), (900, 440, "$128.32"),
        (100, 1900, "Please detach and return with your payment"),
        (150, 1980, "BRANNIGAN AUTO BODY INC"), (150, 2020, "2210 OLD MILL RD"),
        (150, 2060, "CEDAR RIDGE OR 97458-2210"),
    ]  # fmt: skip
    found = answers(page(placed))
    assert found["recipient_name"] == "BRANNIGAN AUTO BODY INC"
    assert found["issuer_name"] == "Cedar Ridge Water & Sewer District"


def test_a_share_capital_in_the_head_is_no_price_that_goods_begin_with() -> None:
    lines = page(
        [
            (300, 60, "Au bon moulin SARL - 12 chemin de l'olive - 84340 Malaucène - France"),
            (300, 90, "SIRET : 99999999800010 - APE : 4778C - SARL au capital de 120 000,00 €"),
            (80, 200, "Invoice FA-2017-0008", 40),
            (90, 300, "Delivery Address"),
            (90, 330, "Sonrisa Olivar"),
            (90, 360, "87 camino de la calor"),
            (90, 390, "41700 Dos Hermanas"),
            (900, 300, "Sonrisa Olivar"),
            (900, 330, "87 camino de la calor"),
            (900, 360, "41700 Dos Hermanas"),
            (80, 700, "Nougat"),
            (1000, 700, "8 Unit(s)"),
            (1200, 700, "4.55 €"),
            (1440, 700, "36.40 €"),
        ]
    )
    recipient = read(lines, document_type=DocumentType.INVOICE).fields["recipient_name"]
    assert isinstance(recipient, FieldValue)
    assert recipient.value == "Sonrisa Olivar"
    assert recipient.confidence > 0.5
