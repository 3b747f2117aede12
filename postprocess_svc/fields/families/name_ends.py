"""Where a name ends that shares its line with numbers, a seal, its address or a desk."""

from __future__ import annotations

import re

from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import has_digits
from postprocess_svc.fields.values.identifiers import find_registration_numbers
from postprocess_svc.fields.values.phones import find_phones

_SEAL = re.compile(r"[\s(]*[印㊞]\)?$")
_SEAL_BEHIND = re.compile(r"(?:(?<=会社)|(?<=法人)|(?<=\(株\))|(?<=\(有\))) ([\u3400-\u9fffァ-ヶー]{2,6})$")
"""What is read of a seal set beside a name that ends in its form: the name's own characters again, out of order."""
_STRAYS = re.compile(r"(?: [\u3400-\u9fff]{1,2})+$")
_PREFECTURES = (
    r"東京都|北海道|(?:京都|大阪)府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|"
    r"山梨|長野|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|"
    r"熊本|大分|宮崎|鹿児島|沖縄)県"
)
_POSTCODE_BEHIND = re.compile(r"\s*(?:〒|[デテT]?(?<!\d)\d{3}-\d{4}(?!\d))")
_ADDRESS_BEHIND = re.compile(
    rf"\s+(?=(?:{_PREFECTURES})[\u4e00-\u9fff]{{1,6}}[市区郡町村])"
    rf"|(?=(?:{_PREFECTURES})[\u4e00-\u9fffァ-ヶ]{{1,6}}[市区郡町村][^ ]{{0,12}} ?\d)"
    r"|(?:\s+|(?<=会社)|(?<=法人)|(?<=組合))(?=[\u4e00-\u9fffヶ]{1,5}[市郡](?!民)[^ ]{1,14} ?\d)"
)
"""みほん商事株式会社 〒100-0001 東京都…: 〒 is read as デ, テ or T, or not at all, the gap before 東京都 neither; and
local firms leave their prefecture out (浜松市東区有玉北町 1820)."""
_HOURS = re.compile(r"[\s(]*(?:電話)?(?:受付|営業|対応)(?:時間)?[\s:]*(?:[平土日祝]日?\s*)?\d{1,2}(?:時|:\d\d|[-~]).*")
"""お客様センター 受付9-17時: when somebody answers."""
_OPEN = " ([/|・,:"
"""What stands between a name and a label behind it: …株式会社(登録番号 …)."""
_DESK = re.compile(r"\s*お客(?:さま|様|さん)\S{0,10}?(?:係|課|室|センター|窓口|担当|デスク)$")


def before_hours(text: str, begin: int, stop: int) -> int:
    """Where a name ends that the hours follow in which somebody answers."""
    if "受付" not in text and "時間" not in text and "営業" not in text and "対応" not in text:
        return stop
    hours = _HOURS.search(text, begin + 2, stop)
    return stop if hours is None else hours.start()


def before_marks(text: str, begin: int, stop: int) -> int:
    """Where a name ends that a bracket opens behind, or another mark that leads on to what was cut off."""
    return begin + len(text[begin:stop].rstrip(_OPEN))


def before_numbers(text: str, begin: int, stop: int) -> int:
    """Where a name ends that a phone or a register number follows."""
    rest = text[begin:stop]
    if not has_digits(rest, 7):
        return stop
    numbers = [phone.start for phone in find_phones(rest)]
    numbers.extend(number.start for number in find_registration_numbers(rest))
    return min([stop, *(begin + number for number in numbers)])


def before_address(text: str, begin: int, stop: int) -> int:
    """Where a name ends that its address follows in one line, or the desk that answers its customers."""
    if text.isascii():
        return stop
    if "-" in text or "〒" in text:
        postcode = _POSTCODE_BEHIND.search(text, begin + 2, stop)
        stop = stop if postcode is None else postcode.start()
    if any(sign in text for sign in "都道府県市郡"):
        address = _ADDRESS_BEHIND.search(text, begin + 2, stop)
        stop = stop if address is None else address.start()
    desk = _DESK.search(text, begin + 2, stop) if "お客" in text else None
    return stop if desk is None else desk.start()


def has_desk(text: str) -> bool:
    """The text names a desk of somebody's that answers customers: …水道局お客さまサービス係."""
    return "お客" in text and (desk := _DESK.search(text)) is not None and desk.start() > 1


def before_seal(text: str, begin: int, stop: int) -> int:
    """Where a name ends that 印 or characters of the seal set over its end follow."""
    if stop > begin and text[stop - 1] in "印㊞)":
        seal = _SEAL.search(text[begin:stop])
        if seal is not None and seal.start() > 1:
            stop = begin + seal.start()
    if text[stop - 1 : stop] == ")" and text.count("(", begin, stop) < text.count(")", begin, stop):
        without = text[begin : stop - 1]
        stop -= names.has_japanese_form(without) and without.endswith((")", "会社", "法人"))
    seal = _SEAL_BEHIND.search(text[begin:stop]) if " " in text else None
    if seal is not None and sum(sign in text[begin : begin + seal.start()] for sign in seal[1]) * 2 >= len(seal[1]):
        return begin + seal.start()
    strays = _STRAYS.search(text[begin:stop])
    if strays is not None and names.has_japanese_form(name := text[begin : begin + strays.start()]):
        return stop if names.is_japanese_form_alone(name) else begin + strays.start()
    return stop
