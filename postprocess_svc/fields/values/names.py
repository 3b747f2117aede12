"""What names, addresses and forms of company look like. No place on a page, no label."""

from __future__ import annotations

import re
import unicodedata

from postprocess_svc.fields.values.folding import alternatives, has_cjk

_JAPANESE_FORM = re.compile(
    alternatives(
        r"""
        株式会社 | 有限会社 | 合同会社 | 合資会社 | 合名会社 | 相互会社 |
        \((?:株|有|同|合|資|名|財|社|医|学|福)\) | 一般社団法人 | 公益社団法人 | 一般財団法人 | 公益財団法人 |
        社団法人 | 財団法人 | 医療法人 | 学校法人 | 社会福祉法人 | 宗教法人 | NPO法人 | 特定非営利活動法人 |
        独立行政法人 | 国立大学法人 | 税理士法人 | 弁護士法人 | 司法書士法人 | 監査法人 | 社会保険労務士法人 |
        協同組合 | 生活協同組合
        """
    ),
)
_JAPANESE_ENDING = re.compile(
    alternatives(
        r"""
        商店 | 商会 | 商事 | 工務店 | 製作所 | 工業 | 産業 | 物産 | 事務所 | 薬局 | 医院 | クリニック | 病院 |
        書店 | 酒店 | 食堂 | 旅館 | ホテル | 大学 | 市役所 | 県庁 | 協会 | 組合 | 連合会 | 研究所 | 工房 |
        サービス | カンパニー | センター | スタジオ | デザイン
        """
    )
    + r"$",
)
_LATIN_FORM = re.compile(
    r"(?<![A-Za-z])"
    + alternatives(
        r"""
        GmbH(?: ?& ?Co\.? ?KG)? | mbH | AG | KG | OHG | UG | e\.? ?K\.? | e\. ?V\. | a\. ?G\. | GbR | Ltd |
        Limited | LLC | L\.L\.C | LLP | Inc | Incorporated | Corp | Corporation | PLC | SARL | S\.A\.R\.L | SAS |
        SASU | EURL | S\.A\.S | S\.A | SA | B\.? ?V | N\.? ?V | VOF | S\.? ?r\.? ?l | SRL | S\.? ?p\.? ?A | SpA |
        (?i:S[DB8][NM]\.?,? ?B[HN][DO0]) | S/B | BHD | Bhd | Berhad | Pte | Pty | ApS | A/S | Oy | Oyj |
        Lda | S\.L | SL | Ltda |
        Co\.? ?KG | Co\., ?Ltd | Co\. | Company | & ?Co
        """
    )
    + r"(?![A-Za-z])\.?",
)
# Words that a shop's or firm's name ends in or holds where no legal form is printed.
_LATIN_TRADE = re.compile(
    r"(?<![A-Za-z])"
    + alternatives(
        r"""
        enterprise | trading | restaurant | restoran | shop | stores? | mart | market | supermarket |
        hypermarket | cafe | café | bakery | bakeries | hotel | kedai | syarikat | perniagaan | pasaraya |
        pharmacy | farmasi | books? | bookstore | services? | solutions | group | international | industries |
        holdings | studio | consulting | foods? | kitchen | bistro | clinic | hardware | electrical | motors? |
        garage | florist | stationery | handicraft | associates | partners | systems | technologies | logistics |
        university | cash & carry
        """
    )
    + r"(?![A-Za-z])",
    re.IGNORECASE,
)
# The recogniser loses the spaces of headings that are set tight: SANYUSTATIONERYSHOP.
_GLUED_TRADE = re.compile(
    r"[A-Za-z]{3,}"
    + alternatives(
        r"""
        enterprise | trading | restaurant | restoran | shop | store | mart | market | cafe | bakery | hotel |
        pharmacy | farmasi | stationery | hardware | services | solutions | holdings | industries
        """
    )
    + r"(?![A-Za-z])",
    re.IGNORECASE,
)
HONORIFIC = re.compile(r"\s*(御中|様方|様|殿|さま)\s*(?:\(.{0,12}\))?[\s、,.:]*$")
_NOT_A_NAME_BEFORE_HONORIFIC = re.compile(
    r"^(?:お客|お客さ|皆|各|会員|あなた|貴|御|お宛名|宛名|お名前|氏名|上|お得意)?$|お客$|皆$"
)
DEPARTMENT = re.compile(
    r"(?:部|課|室|係|担当|担当者|ご担当者|御担当者|経理|総務|本部|グループ|チーム|支店長|部長|課長|社長|代表取締役|代表者)$"
)

_JAPANESE_ADDRESS = re.compile(
    alternatives(
        r"""
        〒 | ^\d{3}-\d{4} | (?:都|道|府|県)[^ ]{0,12}(?:市|区|郡|町|村) | (?:市|区|町|村)[^ ]{0,16}\d |
        \d+(?:-\d+){1,3}(?:号|F|階|$) | 丁目 | 番地 | ビル\d? | \d階 | \dF$
        """
    ),
)
_STREET_WORD = re.compile(
    r"(?<![A-Za-z])"
    + alternatives(
        r"""
        street | road | avenue | boulevard | blvd | lane | drive | suite | floor | rue | allée | chemin | jalan |
        jln | lorong | taman | lot | p\.?o\.? ?box | postfach | straat | laan | weg | via | piazza | calle |
        plaza | building | tower | level | kawasan | persiaran | lebuh | bandar | unit | highway | hwy | quai |
        cedex
        """
    )
    + r"(?![A-Za-z])",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"jalan"
    r"|(?:straße|strasse|str\.|gasse|platz|allee)(?![a-z])"
    r"|(?<![A-Za-z])(?:st|rd|ave|dr)\.?(?:,|$)"
    r"|^\d{1,5}[a-z]? [A-Z][a-z]+ [A-Z]",
    re.IGNORECASE,
)
_ADDRESS_START = re.compile(r"^(?:no|lot|blk|unit|block)[. :]{0,2}\d|^\d{5,6}[ .,]|^\d{4} [A-Z]", re.IGNORECASE)
_COUNTRY = re.compile(
    r"^"
    + alternatives(
        r"""
        malaysia | singapore | united states | usa | united kingdom | germany | deutschland | france | nederland |
        the netherlands | netherlands | österreich | schweiz | switzerland | belgium | belgië | spain | españa |
        italy | italia | india | japan | 日本
        """
    )
    + r"\W*$",
    re.IGNORECASE,
)
POSTCODE_TOWN = re.compile(
    r"(?<![\w])(?:[A-Z]{1,3}[- ])?\d{4,6}(?: ?[A-Z]{2})?,? +[A-ZÄÖÜÉ][A-Za-zäöüßéèçáí.\- ]{2,}"  # 80333 München
    r"|[A-Za-z.]{3,},? +(?:[A-Z]{2} +)?\d{5}(?:-\d{4})?(?!\d)"  # Fremont CA 94538
    r"|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"  # SW1A 1AA
)
_WEB = re.compile(r"@|https?:|www\.|\.(?:com|net|org|co\.jp|jp|de|fr|nl)\b", re.IGNORECASE)
_POLITE = re.compile(
    alternatives(
        r"""
        ありがとう | いらっしゃい | 毎度 | ご来店 | お買い?上げ | 下さい | ください | ます | ました | です |
        ません | お待ち | thank | welcome | please | visit | again | 営業時間 | 年中無休 | 定休 | 再発行 | 本券 |
        上記 | 下記 | ※ | ♪ | !
        """
    ),
    re.IGNORECASE,
)
_REGISTERED = re.compile(
    r"\s*[\[(](?:co\.?(?:mpany)? ?(?:reg)?\.? ?(?:no\.?)? ?:?)?[ :]*[0-9]{4,}[- ]?[A-Z0-9]?[- ]?[A-Z]?\)?\s*$",
    re.IGNORECASE,
)

_DOUBLE_FORM = re.compile(r"[(（]{2}(株|有)[)）]{2}")
_OPEN_FORM = re.compile(r"[(（](株|有)(?![)）])")
_CLOSED_FORM = re.compile(r"(?<![(（])(株|有)[)）]")
_KANA_BEFORE_FORM = re.compile(r"(?<=[ァ-ヶー])有$")
_CAPITAL_O = re.compile(r"(?<=[A-Z]{2})0(?![0-9-])")
_BARE_FORM = re.compile(r"^株(?=[^式主価券])(?=..)|(?<=..)(?<!式)株$")
_NO_CAPITAL = re.compile(r"(?<=[a-zà-ÿ])[I1|](?=[a-zà-ÿ])")


_LETTER = re.compile(r"[^\W\d_]")


def has_letters(folded_text: str) -> bool:
    """Any letter at all: a cell of figures names nobody."""
    return _LETTER.search(folded_text) is not None


def has_japanese_form(folded_name: str) -> bool:
    """A legal form of Japan is part of the name."""
    return _JAPANESE_FORM.search(folded_name) is not None


def has_latin_form(folded_name: str) -> bool:
    """A legal form written in Latin letters is part of the name, and is not all of it."""
    match = _LATIN_FORM.search(folded_name)
    return match is not None and match.start() > 1


def is_form_alone(folded_name: str) -> bool:
    """Nothing but a legal form: the end of a name that began on the line before."""
    match = _LATIN_FORM.match(folded_name.strip())
    return match is not None and len(folded_name.strip()) - match.end() <= 1


def has_trade_word(folded_name: str) -> bool:
    """Ends like a firm's or shop's name without a legal form, or holds a word that such names hold."""
    return any(pattern.search(folded_name) is not None for pattern in (_JAPANESE_ENDING, _LATIN_TRADE, _GLUED_TRADE))


def is_address(folded_text: str) -> bool:
    """A postal address or a part of one."""
    return (
        _JAPANESE_ADDRESS.search(folded_text) is not None
        or _STREET_WORD.search(folded_text) is not None
        or _STREET.search(folded_text) is not None
        or POSTCODE_TOWN.search(folded_text) is not None
        or _ADDRESS_START.search(folded_text) is not None
        or _COUNTRY.search(folded_text) is not None
    )


def is_web(folded_text: str) -> bool:
    """A mail or web address."""
    return _WEB.search(folded_text) is not None


def is_phrase(folded_text: str) -> bool:
    """Thanks, requests and notices, which stand where names stand on receipts."""
    if _POLITE.search(folded_text) is not None or folded_text.count(" ") > 8:
        return True
    if folded_text.endswith(("。", "、")) and has_cjk(folded_text):
        return True
    # Words that end in a full stop are a sentence, unless the stop closes an abbreviation (Co., Inc.).
    return folded_text.endswith((".", "。", "、")) and folded_text.count(" ") >= 2 and not has_latin_form(folded_text)


def is_name_before_honorific(folded_text: str) -> bool:
    """What stands before 様 names somebody: not お客様, not an empty form."""
    return _NOT_A_NAME_BEFORE_HONORIFIC.search(folded_text.strip()) is None


def strip_registration(printed_name: str) -> str:
    """The name without the company's register number in brackets behind it."""
    return _REGISTERED.sub("", printed_name).strip(" ,;:-·・|")


def mended(printed_name: str) -> str:
    """The name with what no writing has put right.

    A capital I or a one inside a small Latin word is an l. ㈱ is read as a 株 that lost one of its brackets or both;
    without any it is taken for the form only where the name has no other.
    """
    name = _CAPITAL_O.sub("O", _NO_CAPITAL.sub("l", printed_name))
    name = _DOUBLE_FORM.sub(r"(\1)", name)
    name = _OPEN_FORM.sub(r"(\1)", name)
    name = _CLOSED_FORM.sub(r"(\1)", name)
    return name if has_japanese_form(name) else _KANA_BEFORE_FORM.sub("(有)", _BARE_FORM.sub("(株)", name))


def comparable(name: str) -> str:
    """A name for comparing: NFKC, lower case, nothing but letters and digits."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).lower() if c.isalnum())
