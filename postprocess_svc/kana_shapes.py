"""Shapes that are two characters: 力 is a kanji and カ is not, 一 is "one" and ー a long vowel, ホ° was printed ポ.

The recogniser tells them apart by their neighbours, and at times does not. Here one is put right where its neighbours
leave no choice (口 in 国産豚口ース is ロ, エ in エ業 is 工). Where both are printed, what was read stays: プレス工,
フロア一覧, 第二ビル, 口コミ, ハム一パック.

Made on documents of the generator's train and develop layouts and on ``jp-receipts-synth``, where no line came out
worse. Of the 1,445 company names of ``japoc`` no rule changes one; of the 758,074 words of two large dictionaries
(Debian's `mecab-ipadic` and `skkdic`) they change eleven, ten of which mix the two kana by mistake (べトナム).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from postprocess_svc.lines import TextLine

_KATAKANA = "[ァ-ヺ]"
_KATAKANA_OR_MARK = "[ァ-ヺー]"
_KANJI = "[㐀-鿿々]"
_KANA_FOLLOWS = "(?=ー[ァ-ヺ]|[ァィゥェォッャュョヮン])"
"""No Japanese word begins so: the character before is kana too. A mere ー may be a dash (東口ー西口)."""
_KANA_FOLLOWS_NUMBER = "(?=ー[ァ-ヺ]|[ァィゥェォャュョヮン])"
"""Without ッ: 八ッ場, 二ッ森."""
_WORD_STARTS = "(?<![ぁ-ゖァ-ヺー㐀-鿿々0-9０-９])(?<![)）」』】])"
"""Before it stands nothing that a word could be made of, no number and no end of a bracket."""
_COUNTED = (
    # What one or two of may be sold.
    "(?:パック|ケース|セット|ダース|ボトル|グラス|ページ|メートル|キロ|リットル|ポイント|ロット|トン|ドル|リン酸|ケ|ヶ|ヵ|"
    "カ[月所国年])"
)
_KANJI_WORDS_IN_KATAKANA = "(?:口(?:コミ|パク|グセ|ゲンカ|ゴム|ベタ|ヒゲ)|力(?:ウドン|ワザ|コブ))"
_BEFORE_A_FORCE = "[電能体魔動火水馬圧握筋視聴出入重効努学協威権実気引弾浮張磁勢戦風念推揚]"
_COMPANY = "(?:株式|有限|合同|合資|合名|御中|様)"


def _in_words_of_katakana(kanji: str) -> tuple[str, ...]:
    """Where the kanji has katakana around it, or starts a word that goes on in katakana."""
    no_word = f"(?!{_KANJI_WORDS_IN_KATAKANA})"
    return (
        f"(?<={_KATAKANA_OR_MARK}){no_word}{kanji}(?={_KATAKANA_OR_MARK})",
        f"{kanji}{_KANA_FOLLOWS}",
        f"{_WORD_STARTS}{no_word}{kanji}(?={_KATAKANA}{_KATAKANA_OR_MARK})",
    )


# What was read, what it may stand for, and where it does: any of the patterns is enough.
_SHAPES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "一",
        "ー",
        (
            f"(?<={_KATAKANA})一(?!{_COUNTED})(?={_KATAKANA})",
            # At a word's end. Other kanji behind it make it "one": フロア一覧, カーテックス一畑.
            f"(?<={_KATAKANA})(?<!ノ)一(?![ァ-ヺーぁ-ゖ]|{_KANJI})",
            f"(?<={_KATAKANA})一(?={_COMPANY})",
        ),
    ),
    (
        "力",
        "カ",
        (
            *_in_words_of_katakana("力"),
            f"{_WORD_STARTS}力(?=ナ[名氏義表])",
            "力(?=一ド(?!ル))",
            # 配線カバー, and not 電力バー.
            f"(?<!{_BEFORE_A_FORCE})力(?=バー)",
            # The legal form in an account holder's name: カ)ハママツ, ハママツ(カ.
            r"(?<![^\s:：])力(?=[)）])",
            r"(?<=[(（])力(?![^\s)）])",
        ),
    ),
    ("口", "ロ", _in_words_of_katakana("口")),
    ("工", "エ", _in_words_of_katakana("工")),
    (
        "才",
        "オ",
        (
            f"(?<={_KATAKANA_OR_MARK})才(?={_KATAKANA_OR_MARK})",
            f"(?<![0-9０-９])才{_KANA_FOLLOWS}",
            f"{_WORD_STARTS}才(?={_KATAKANA}{_KATAKANA_OR_MARK})",
        ),
    ),
    (
        "夕",
        "タ",
        (
            f"(?<={_KATAKANA_OR_MARK})夕(?![方食刊日陽暮べ])",
            f"夕{_KANA_FOLLOWS}",
            f"{_WORD_STARTS}夕(?={_KATAKANA}{_KATAKANA_OR_MARK})",
        ),
    ),
    # As a kanji (to divine) it stands in few names, and in none beside katakana.
    ("卜", "ト", (f"(?<={_KATAKANA_OR_MARK})卜", f"卜(?={_KATAKANA_OR_MARK})")),
    (
        "二",
        "ニ",
        (
            f"(?<={_KATAKANA_OR_MARK})二(?!{_COUNTED})(?={_KATAKANA_OR_MARK})",
            f"二{_KANA_FOLLOWS_NUMBER}",
            f"(?<=ミ)(?<!{_KATAKANA_OR_MARK}ミ)二",
        ),
    ),
    (
        "八",
        "ハ",
        (
            f"(?<={_KATAKANA_OR_MARK})八(?!{_COUNTED})(?={_KATAKANA_OR_MARK})",
            f"八{_KANA_FOLLOWS_NUMBER}",
        ),
    ),
    ("了", "ア", (f"(?<![終完修満校読魅])了{_KANA_FOLLOWS}",)),
    ("ｰ", "ー", (f"(?<={_KATAKANA})ｰ",)),
    # The other way round: kana that stand in kanji words.
    (
        "ー",
        "一",
        (
            "(?<=[第統唯均])ー",
            f"(?<={_KANJI})ー(?=[番丁号般式部括郎級覧])",
            f"{_WORD_STARTS}ー(?=[般式括覧])",
        ),
    ),
    ("ロ", "口", (f"(?<!{_KATAKANA_OR_MARK})ロ(?=座)", f"(?<=[東西南北入出窓戸河])ロ(?!{_KATAKANA_OR_MARK})")),
    ("エ", "工", (f"(?<!{_KATAKANA})エ(?=業|務店|場|程|事)",)),
    ("カ", "力", ("(?<=[入出協電能努省圧馬魅威])カ(?![ァ-ヺー月所国年条村])",)),
    # へ, べ, ぺ are drawn alike in both kana.
    *(
        (
            hiragana,
            katakana,
            (f"{hiragana}(?=ー[ァ-ヺ]|[ッン])", f"{_WORD_STARTS}{hiragana}(?={_KATAKANA}{_KATAKANA_OR_MARK})"),
        )
        for hiragana, katakana in ("へヘ", "べベ", "ぺペ")
    ),
    ("ヘ", "へ", ("(?<=[ぁ-ゖ㐀-鿿々])ヘ(?=[ぁ-ゖ])", f"(?<=様)ヘ(?!{_KATAKANA_OR_MARK})")),
    *((katakana, hiragana, (f"(?<=[ぁ-ゖ]){katakana}(?=[ぁ-ゖ])",)) for katakana, hiragana in ("ベべ", "ペぺ")),
    # Single words, of those that every invoice and receipt has.
    ("よ", "ょ", ("(?<=ゆうち)よ",)),
    ("曰", "日", ("(?<!子)曰(?![ぁ-ゖ佐])", "(?<=[平休祝本当毎前翌納期曜])曰")),
    ("拔", "抜", ("(?<=税)拔",)),
    ("圾", "扱", ("(?<=取)圾",)),
    ("極", "扱", ("(?<=取)極(?=[店者い])",)),
    ("緑", "録", ("(?<=登)緑",)),
    ("錶", "録", ("(?<=登)錶",)),
    ("捆", "梱", ("捆(?=包)",)),
    ("ポ", "ボ", ("(?<=イン)ポ(?=イス)",)),
    ("ピ", "ビ", ("(?<=サー)ピ(?=ス)",)),
    ("エ", "ェ", ("(?<=チ)エ(?=[アッ])",)),
    # The recogniser has both dots; Japanese has one.
    ("·", "・", ("(?<=[ぁ-ゖァ-ヺー㐀-鿿々])·(?=[ぁ-ゖァ-ヺ㐀-鿿])",)),
)

_MEANT = {
    read: [(meant, re.compile("|".join(where))) for each, meant, where in _SHAPES if each == read]
    for read in dict.fromkeys(shape[0] for shape in _SHAPES)
}
_AMBIGUOUS = re.compile(f"[{''.join(_MEANT)}]")

_NARROW_THEN_WIDE = re.compile(r"\(([^()（）]*)）")
_WIDE_THEN_NARROW = re.compile(r"（([^()（）]*)\)")

_VOICING = "゛ﾞ\u3099"
_SEMI_VOICING = "゜ﾟ\u309a°"
_QUOTES = "\"'`´’”"
_QUOTATION = re.compile(f"(?<![ァ-ヺ])[{_QUOTES}]|[‘“]")
"""What opens one: the same shapes behind kana may then close it."""
_MARKED = re.compile(f"(?<=[ぁ-ゖァ-ヺ])[{_VOICING}{_SEMI_VOICING}{_QUOTES}]")
_COMBINING = dict.fromkeys(_VOICING, "\u3099") | dict.fromkeys(_SEMI_VOICING, "\u309a")


def with_settled_shapes(text: str) -> str:
    """The text with each ambiguous character as its neighbours want it, brackets as they opened; its length stays.

    Args:
        text: A line of a Japanese page.
    """
    text = _with_brackets_of_one_width(text)
    settled = _AMBIGUOUS.sub(_settled, text)
    # What was settled is a neighbour too: 力一ド is カ一ド, then カード.
    return settled if settled == text else _AMBIGUOUS.sub(_settled, settled)


def _with_brackets_of_one_width(text: str) -> str:
    """A bracket closes as it opened: (10%） was read by its end's neighbours."""
    if ("(" in text and "）" in text) or ("（" in text and ")" in text):
        text = _NARROW_THEN_WIDE.sub(r"(\1)", text)
        text = _WIDE_THEN_NARROW.sub(r"（\1）", text)
    return text


def _settled(match: re.Match[str]) -> str:
    read = match[0]
    return next((meant for meant, where in _MEANT[read] if where.match(match.string, match.start())), read)


def with_joined_marks(line: TextLine) -> TextLine:
    """The line with each kana joined with the voicing mark that was read as a character of its own.

    ホ° is ポ; the mark behind ザ in カナザ`ワ is part of it and goes. Half-width kana (ｶﾞ) are two characters in print
    and stay. The joined character stands in the middle of the two and is as sure as the less sure one.
    """
    joined = dict(_joined_kana(line.text))
    if not joined:
        return line
    text = list(line.text)
    positions, confidences = list(line.positions), list(line.character_confidences)
    for at, kana in joined.items():
        text[at - 1] = kana
        if positions:
            positions[at - 1] = (positions[at - 1] + positions[at]) / 2
        if confidences:
            confidences[at - 1] = min(confidences[at - 1 : at + 1])
    kept = [at for at in range(len(text)) if at not in joined]
    confidences = [confidences[at] for at in kept] if confidences else []
    return replace(
        line,
        text="".join([text[at] for at in kept]),
        positions=tuple([positions[at] for at in kept]) if positions else (),
        character_confidences=tuple(confidences),
        confidence=sum(confidences) / len(confidences) if confidences else line.confidence,
    )


def _joined_kana(text: str) -> Iterator[tuple[int, str]]:
    """Where a mark belongs to the kana before it, and the two as one character."""
    marks = list(_MARKED.finditer(text))
    has_quotation = bool(marks) and _QUOTATION.search(text) is not None
    for match in marks:
        at, mark, kana = match.start(), match[0], text[match.start() - 1]
        parts = unicodedata.normalize("NFD", kana)
        if mark in _QUOTES:
            # A shape of many uses: only within a word, behind a kana that has its voicing already.
            if len(parts) == 2 and not has_quotation and "ァ" <= text[at + 1 : at + 2] <= "ー":
                yield at, kana
            continue
        joined = unicodedata.normalize("NFC", parts[0] + _COMBINING[mark])
        if len(joined) == 1:
            yield at, joined
        elif len(parts) == 2:
            yield at, kana
