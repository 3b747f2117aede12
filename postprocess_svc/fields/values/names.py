"""What names and forms of company look like. No place on a page, no label."""

from __future__ import annotations

import operator
import re
import unicodedata

from postprocess_svc.fields.accounts import zengin
from postprocess_svc.fields.values.folding import alternatives, has_cjk, listed

_JAPANESE_FORM = re.compile(
    alternatives(
        r"""
        株式会社 | 有限会社 | 合同会社 | 合資会社 | 合名会社 | 相互会社 |
        \((?:株|有|同|合|資|名|財|社|医|学|福)\) | 一般社団法人 | 公益社団法人 | 一般財団法人 | 公益財団法人 |
        社団法人 | 財団法人 | 医療法人 | 学校法人 | 社会福祉法人 | 宗教法人 | NPO法人 | 特定非営利活動法人 |
        独立行政法人 | 国立大学法人 | 税理士法人 | 弁護士法人 | 司法書士法人 | 監査法人 | 社会保険労務士法人 |
        協同組合 | 生活協同組合 | \(株(?=[^主価券数\d)]) | \(有(?=[^効料無りる限償\d)]) | (?<=[^\s(無・])[株有]\)$
        """
    ),
)
"""The last three are ㈱ and ㈲ that lost a bracket in the reading."""
_FORM_BEFORE = re.compile(r"(?:SARL|SASU?|EURL|S\.A\.R\.L\.?|S\.A\.S\.?|SCI|SCP|EARL) [^\W\d_]{2}")
"""France puts it before the name as often as behind."""
_JAPANESE_FORM_ALONE = re.compile(
    r"(?:株式|有限|合同|合資|合名|相互)会社|(?:一般|公益)?(?:社団|財団)法人|"
    r"(?:医療|学校|宗教|社会福祉|特定非営利活動|NPO|独立行政|国立大学|税理士|弁護士|司法書士|監査|社会保険労務士)法人|"
    r"(?:生活|企業|事業|農業)?協同組合|企業組合"
)
_LONGEST_REST = 40
_HALF_FORMS = ("株式", "有限", "合同", "合資")
_LATIN_WORD = re.compile(r"[^\W\d_]+")
_JAPANESE_ENDINGS = listed(
    """
    商店 | 商会 | 商事 | 工務店 | 製作所 | 工業 | 産業 | 物産 | 事務所 | 薬局 | 医院 | クリニック | 病院 |
    書店 | 酒店 | 食堂 | 旅館 | ホテル | 大学 | 市役所 | 県庁 | 協会 | 組合 | 連合会 | 研究所 | 工房 |
    サービス | カンパニー | センター | スタジオ | デザイン | タクシー | 交通 | 運輸 | 運送 | 建設 | 建築 | 塗装 |
    電気 | 電機 | 電器 | 印刷 | 製麺 | 製菓 | 製薬 | 農園 | 牧場 | 水産 | 不動産 | 自動車 | 石油 | 設備 | 造園 |
    鉄工所 | 木工所 | 診療所 | 歯科 | 整骨院 | 接骨院 | 美容室 | 理容室 | 学園 | 保育園 | 幼稚園 | 神社 | ストア |
    マート | ショップ | ベーカリー | ドラッグ | レストラン | カフェ | スーパー | コンビニ |
    パーク | 百貨店 |
    専門店 | 量販店 | 料理店 | 喫茶店 | 菓子店 | 塗料店 | 文具店 | 薬店 | 金物店 | 生花店 | 精肉店 |
    鮮魚店 | 青果店 |
    青果 | 鮮魚 | 精肉 | 同期会 | 校友会 | 後援会 |
    電器店 | 洋品店 | 家具店 | 呉服店 | 時計店 | 眼鏡店 | 楽器店 | 自転車店 | 写真店 |
    理髪店 | 代理店 | 免税店 | 町内会 | 自治会 | 商店街 | 同窓会 | PTA | 写真館 | 設計室 | デザイン室 | 企画室 |
    教室 | 学院 | 小学校 | 中学校 | 高校 | 高等学校 | 内科 | 外科 | 小児科 | 皮膚科 | 眼科 | 水道局 |
    急便 | 農場 | 果樹園 | りんご園 | 商店会 | 商工会 | 商工会議所 | 土地改良区 | 管理組合 | スクール | サロン |
    ワークス | ファーム | モータース
    """
)
_TRADE_WORDS = frozenset(_JAPANESE_ENDINGS)
_TRADES_ALONE = frozenset(
    {"ドラッグストア", "スーパーマート", "カフェレストラン", "コーヒーショップ", "ベーカリーカフェ"}
)
_BRANCH = re.compile(r"(?P<place>[^\s]{1,8})(?:店|支店|営業所|出張所|支社|支所)")
_TRADE_BEFORE_SHOP = re.compile(
    r"(?:[薬書酒商茶靴鞄物貨品販務具料服計鏡器真髪肉魚果車税食麺菓装畳瓦石米穀豆材鉄糸布染紙芸燃油団寝苗餅卵乳鮮壇刷]|生花|料理|専門|菓子|代理|百貨)$"
)
"""What 店 makes a trade of: 酒店, 工務店, 塗料店; behind other characters it is one of a chain's shops."""
_MEASURE = re.compile(
    r"\d ?(?:kg|g|mg|ml|cl|l|pcs?|pc|stk|cm|mm|m|oz|lb|本|個|枚|袋|点|名|人|杯|缶|冊|台|箱|号車|号室)\.?$",
    re.IGNORECASE,
)
_LATIN_FORMS = alternatives(
    r"""
    (?:GmbH|GMBH|G\.?m\.?b\.?H)(?: ?& ?Co\.? ?KG)? | mbH | eG | LTD | INC |
    CORP | CORPORATION | LIMITED | AG | KG | OHG | UG | e\.? ?K\.? | e\. ?V\. | a\. ?G\. | GbR | Ltd |
        Limited | LLC | L\.L\.C | LLP | Inc | Incorporated | Corp | Corporation | PLC | SARL | S\.A\.R\.L | SAS |
        SASU | EURL | S\.A\.S | S\.A | SA | B\.? ?V | N\.? ?V | VOF | S\.? ?r\.? ?l | SRL | S\.? ?p\.? ?A | SpA |
        (?i:S[DB8][NM]\.?,? ?B[HN][DO0]) | S/B | BHD | Bhd | Berhad | Pte | Pty | ApS | A/S | Oy | Oyj |
        Lda | S\.L | SL | Ltda | S\.n\.c | S\.a\.s | Sp\.? ?z ?o\.? ?o | s\.r\.o | d\.o\.o | a\.s | K\.K | GK |
        vzw | VZW | Genossenschaft | OÜ | AB | Kft |
        Co\.? ?KG | Co\., ?Ltd | Co\. | Company | & ?Co
    """
)
_LATIN_FORM = re.compile(rf"(?<![A-Za-z])(?=[A-Zademsv&]){_LATIN_FORMS}(?![A-Za-z])\.?")
_FORM_ALONE = re.compile(rf"(?:& ?)?(?:(?:{_LATIN_FORMS}|CO\.|\([A-Z]\)|mbB)(?![A-Za-z])[ .,]*)+")
_TRADES = listed(
    """
    enterprise | trading | restaurant | restoran | shop | store | stores | mart | market | supermarket |
    hypermarket | cafe | café | bakery | bakeries | hotel | kedai | syarikat | perniagaan | pasaraya |
    pharmacy | farmasi | book | books | bookstore | service | services | solutions | group | international |
    industries | holdings | studio | consulting | food | foods | kitchen | bistro | clinic | hardware | electrical |
    motor | motors | garage | florist | stationery | handicraft | associates | partners | systems | technologies |
    logistics | university | cash & carry | gallery | salon | agency | partner | consultants | engineering | printing |
    media | digital | software | design | travel | transport | atelier | cabinet | imprimerie | librairie |
    boulangerie | pharmacie | boutique | maison | établissements | etablissements | société | societe | bäckerei |
    gärtnerei | tischlerei | schreinerei | metzgerei | apotheke | verlag | autohaus | buchhandlung | praxis |
    kanzlei | ingenieurbüro | architekturbüro | steuerberater | verein | stiftung | hausverwaltung
    """
)
"""Words that a shop's or firm's name ends in or holds where no legal form is printed."""
_GERMAN_ENDINGS = listed(
    "betrieb | handel | handlung | verein | verlag | werk | werke | werkstatt | technik | dienst | verband | haus | bau"
)
"""German names glue the trade together: Malerbetrieb, Versicherungsverein, Möbelhaus."""
_GLUED_ENDINGS = listed(
    """
    enterprise | trading | restaurant | restoran | shop | store | mart | market | cafe | bakery | hotel |
    pharmacy | farmasi | stationery | hardware | services | solutions | holdings | industries
    """
)
"""The recogniser loses the spaces of headings that are set tight: SANYUSTATIONERYSHOP."""
_LATIN_TRADE = re.compile(
    rf"(?<![A-Za-z])(?:{'|'.join(_TRADES)})(?![A-Za-z])|[a-zäöüß]{{3}}(?:{'|'.join(_GERMAN_ENDINGS)})(?![a-zäöüß])",
    re.IGNORECASE,
)
_GLUED_TRADE = re.compile(rf"[A-Za-z]{{3,}}(?:{'|'.join(_GLUED_ENDINGS)})(?![A-Za-z])", re.IGNORECASE)
_LEAST_BEFORE_ENDING = 3
_ASCII_TRADES, _ASCII_ENDINGS = frozenset(_TRADES), _GERMAN_ENDINGS + _GLUED_ENDINGS
_ASCII_WORD = re.compile(r"[a-z]+")
_LATIN_LETTERS = re.compile(r"[A-Za-z]{2}|[A-Za-z]\.")
_LATIN_WORD_OF_FOUR = re.compile(r"[A-Za-zÀ-ÿ]{4}")
HONORIFIC = re.compile(r"\s*(御中|様方|様|樣|殿|さま|先生|宛て?)\s*(?:\(.{0,12}\))?[\s、,.:]*$")
"""樣 is the old form of 様 and what some print is read as; 宛 is how one writes to oneself or to a department; doctors,
lawyers and authors are 先生."""
_NOT_A_NAME_BEFORE_HONORIFIC = re.compile(
    r"^(?:お客|お客さ|皆|各|会員|あなた|貴|御|お宛名|宛名|お名前|氏名|上|お得意|お)?$|お客$|皆$"
    r"|(?:^|\D)\d{1,3} ?[名人]$"  # a table's guests
)
_DEPARTMENT_BEHIND = re.compile(
    r" (?:[^ ]{0,8}(?:部|課|室|係|本部|グループ|チーム)|代表取締役|取締役|代表者?|社長|支店長)(?: .*|[^ ]{0,8})$"
    r"|(?<=.{3}) ?(?:経理|総務|購買|財務|人事|資材|調達|営業|管理|業務)(?:部|課|室|係|本部).{0,10}$"
)
DEPARTMENT = re.compile(
    r"(?:部|課|室|係|担当|担当者|ご担当者|御担当者|経理|総務|本部|グループ|チーム|支店長|部長|課長|社長|代表取締役|代表者|委員会|事務局)$"
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
_REGISTERED_END = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz) ")
_DOUBLE_FORM = re.compile(r"[(（]{2}(株|有)[)）]{1,2}")
_OPEN_FORM = re.compile(r"[(（](株|有)(?![)）])")
_CLOSED_FORM = re.compile(r"(?<![(（])(株|有)[)）]")
_KANA_BEFORE_FORM = re.compile(r"(?<=[ァ-ヶー])[有侑](?:[)）]?$)|(?<=..)侑[)）]$")
"""侑 is what ㈲ is read as, and a given name elsewhere."""
_CAPITAL_O = re.compile(r"(?<=[A-Z]{2})0(?![0-9-])")
_BARE_FORM = re.compile(r"^株(?=[^式主価券])(?=..)|(?<=..)(?<!式)株$")
_NO_CAPITAL = re.compile(r"(?<=[a-zà-ÿ])[I1|](?=[a-zà-ÿ])")
_LETTER = re.compile(r"[^\W\d_]")
_LEAST_ALIKE = 6
_FORM_IN_KANA = re.compile(
    r"^\(?(?:カブシキ|ユウゲン|ゴウドウ)ガイシヤ[) ]|[( ](?:カブシキ|ユウゲン|ゴウドウ)ガイシヤ\)?$"
)


def has_letters(folded_text: str) -> bool:
    """Any letter at all: a cell of figures names nobody."""
    return _LETTER.search(folded_text) is not None


def has_japanese_form(folded_name: str) -> bool:
    """A legal form of Japan is part of the name."""
    return _JAPANESE_FORM.search(folded_name) is not None


def has_latin_form(folded_name: str) -> bool:
    """A legal form written in Latin letters is part of the name, and is not all of it."""
    if _LATIN_LETTERS.search(folded_name) is None:
        return False
    match = _LATIN_FORM.search(folded_name)
    return match is not None and (match.start() > 1 or _FORM_BEFORE.match(folded_name) is not None)


def is_form_alone(folded_name: str) -> bool:
    """Nothing but a legal form: the end of a name that began on the line before."""
    return _FORM_ALONE.fullmatch(folded_name.strip()) is not None


def is_japanese_form_alone(folded_name: str) -> bool:
    """Nothing but a legal form of Japan: the name stands on the next line, or on the one before."""
    return _JAPANESE_FORM_ALONE.fullmatch(folded_name) is not None


def begins_with_form(folded_text: str) -> bool:
    """A legal form of Japan, and more behind it."""
    match = _JAPANESE_FORM.match(folded_text)
    return match is not None and match.end() < len(folded_text)


def ends_in_half_a_form(folded_name: str) -> bool:
    """A legal form that was broken after its first word: …株式, and 会社 on the next line."""
    return folded_name.endswith(_HALF_FORMS) and len(folded_name) > 3


def may_be_rest(folded_text: str) -> bool:
    """What the second line of a name may look like: 会社, 株式会社, & Co. KG, Solutions Limited."""
    if has_cjk(folded_text):
        return folded_text.endswith(("会社", "法人")) and (folded_text == "会社" or is_japanese_form_alone(folded_text))
    if len(folded_text) > _LONGEST_REST or _LATIN_FORM.search(folded_text) is None:
        return False
    return is_form_alone(folded_text) or is_trade_with_form(folded_text)


def is_trade_with_form(folded_name: str) -> bool:
    """Trade words and a legal form, and no more: the rest of a name that begins on the line before."""
    match = _LATIN_FORM.search(folded_name)
    if match is None or match.start() < 2:
        return False
    words = _LATIN_WORD.findall(folded_name[: match.start()])
    return bool(words) and all(_LATIN_TRADE.fullmatch(word) is not None for word in words)


def has_trade_word(folded_name: str) -> bool:
    """Ends like a firm's or shop's name without a legal form, or holds a word that such names hold."""
    if folded_name.isascii():
        return _has_ascii_trade(folded_name.lower())
    if folded_name.endswith(_JAPANESE_ENDINGS) and _is_more_than_ending(folded_name):
        return folded_name not in _TRADES_ALONE
    return _LATIN_WORD_OF_FOUR.search(folded_name) is not None and (
        _LATIN_TRADE.search(folded_name) is not None or _GLUED_TRADE.search(folded_name) is not None
    )


def is_trade(folded_text: str) -> bool:
    """A trade's word alone: 塗装."""
    return folded_text in _TRADE_WORDS


def _has_ascii_trade(lower: str) -> bool:
    """The same word by word, without patterns: for texts without accents, which most are, at a fifth of the cost."""
    for word in _ASCII_WORD.findall(lower):
        if word in _ASCII_TRADES or (word.endswith(_ASCII_ENDINGS) and _is_glued(word)):
            return True
    return "cash & carry" in lower and _LATIN_TRADE.search(lower) is not None


def _is_glued(word: str) -> bool:
    return any(word.endswith(ending) and len(word) - len(ending) >= _LEAST_BEFORE_ENDING for ending in _ASCII_ENDINGS)


def _is_more_than_ending(name: str) -> bool:
    """Something that is no space stands before what the name ends in."""
    return any(name.endswith(ending) and name[: -len(ending)][-1:] not in {"", " "} for ending in _JAPANESE_ENDINGS)


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


def is_branch(folded_text: str) -> bool:
    """Which shop or office of a firm, and no more: 駅前店, 大阪支店; whose, another line may say."""
    match = _BRANCH.fullmatch(folded_text)
    if match is None or has_japanese_form(folded_text):
        return False
    return not folded_text.endswith("店") or _TRADE_BEFORE_SHOP.search(match["place"]) is None


def is_measured(folded_text: str) -> bool:
    """Ends in a quantity with its unit, as goods do: Bananas 1kg, 木ネジ 50本."""
    return _MEASURE.search(folded_text) is not None


def without_department(folded_name: str) -> str:
    """A firm's name without its department, officer or person in charge behind it, in one line with it."""
    match = _DEPARTMENT_BEHIND.search(folded_name)
    if match is None or match.start() < 2:
        return folded_name
    name = folded_name[: match.start()]
    return name if not match[0].startswith(" ") or has_japanese_form(name) else folded_name


def is_department(folded_text: str) -> bool:
    """A department or a desk of somebody's, and not who has it."""
    return DEPARTMENT.search(folded_text) is not None


def end_of_latin_form(folded_text: str) -> int:
    """Where the last legal form in Latin letters ends; 0 where there is none."""
    return max((match.end() for match in _LATIN_FORM.finditer(folded_text)), default=0)


def strip_registration(printed_name: str) -> str:
    """The name without the company's register number in brackets behind it."""
    name = _REGISTERED.sub("", printed_name) if printed_name[-1:] in _REGISTERED_END else printed_name
    return name.strip(" ,;:-·・|")


_MIDDLE_DOT = re.compile(r"(?<=[\u3040-\u9fff])[·•･](?=[\u3040-\u9fff])")
"""The dot of 宮崎・八戸法律事務所 as a recogniser of Latin letters too may read it."""


def mended(printed_name: str) -> str:
    """The name with what no writing has put right.

    A capital I or a one inside a small Latin word is an l. ㈱ is read as a 株 that lost one of its brackets or both;
    without any it is taken for the form only where the name has no other.
    """
    name = _CAPITAL_O.sub("O", _NO_CAPITAL.sub("l", printed_name))
    if name.isascii():
        return name
    name = _MIDDLE_DOT.sub("・", name)
    name = _DOUBLE_FORM.sub(r"(\1)", name)
    name = _OPEN_FORM.sub(r"(\1)", name)
    name = _CLOSED_FORM.sub(r"(\1)", name)
    if name.endswith("有") and has_trade_word(name[:-1]):
        return f"{name[:-1]}(有)"  # DUO印刷㈲
    return name if has_japanese_form(name) else _KANA_BEFORE_FORM.sub("(有)", _BARE_FORM.sub("(株)", name))


def comparable(name: str) -> str:
    """A name for comparing: NFKC, lower case, nothing but letters and digits."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).lower()))


def core(name: str) -> str:
    """``comparable`` without legal forms, small kana made large, as accounts' holders are written.

    ``カ)ヤマダシヨウジ`` and ``株式会社ヤマダショウジ`` have the same; a name in kanji and its reading have not.
    """
    folded = zengin.large(unicodedata.normalize("NFKC", name).replace("-", "ー"))
    folded = _FORM_IN_KANA.sub("", zengin.without_marks(folded))
    return comparable(_JAPANESE_FORM.sub("", folded))


def without_form(name: str) -> str:
    """``comparable`` without legal forms of any country."""
    return core(_LATIN_FORM.sub("", name) if has_latin_form(name) else name)


_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}


def in_kana(name: str) -> str:
    """``core`` with hiragana as katakana: さくらビルクリーン is サクラビルクリーン where a bank writes it."""
    return core(name.translate(_TO_KATAKANA))


def are_readings_of_one(first: str, second: str) -> bool:
    """Two ``comparable`` names that differ in one character of six or more, two of twelve: one was misread."""
    length = len(first)
    if length != len(second) or length < _LEAST_ALIKE:
        return False
    wrong: int = sum(map(operator.ne, first, second))
    return wrong <= (1 if length < 2 * _LEAST_ALIKE else 2)
