"""What of a printed text is the holder's name: no sentence that it stands in, no reading, no word on whose accounts."""

from __future__ import annotations

import re

from postprocess_svc.fields.accounts import zengin
from postprocess_svc.fields.values.names import has_japanese_form

OTHER_COLUMN = re.compile(
    r"\s+(?=[※*■●◆・])|[\s(\[]*(?:TEL|電話|℡|FAX|〒|担当)(?=[^ァ-ヶ])|(?<=[カユドイ])\s+(?=[^ァ-ヶ()]+。?$)"
    r"|[)」』\]]?\s*(?:宛|あて[にへの]|まで(?=[にへごお振]|$)|へ(?=[ごお]|の?振)|に(?=お[願振支]|て|振)|です|となります|と?なっており|へ$)"
)
"""Where a holder ends: what follows is another column, or the rest of the sentence that the account stands in."""
SAME_AS_BEFORE = re.compile(
    r"(?:口座)?(?:名義)?(?:は|人)?(?:同上|同名義人?|同じ|同人|〃|々|仝上?|上記に?同じ|上に同じ)"
)
_OF_ALL = re.compile(r"\s*[(\[][^()\[\]]{0,8}(?:共通|とも|いずれも|同じ|同名義)[)\]]\s*$")
"""マルトミサケテン (2行共通)."""
_LEADING_OF_ALL = re.compile(
    r"\s*[(\[]?(?:いずれも|どちらも|すべて|[両各]口座とも|共通"
    r"|für (?:beide|alle) Konten|for (?:both|all)(?: accounts)?)\s*:?\s*(?=.)"
)
"""いずれも ミワ タクミ."""
_LEADING_ASIDE = re.compile(r"\s*[(\[][^()\[\]]{0,12}(?:口座|専用|番号|料)[)\]]\s*(?=.)")
"""(お客様専用口座) カ)サンプル."""
_MARK = "(?:" + "|".join(sorted(zengin.FORMS, key=len, reverse=True)) + ")"
_READING = re.compile(rf"\s*[(\[](?:{_MARK}\))?[ァ-ヶー・ ]{{4,}}(?:\({_MARK})?[)\]]?$")
"""大河内 正彦 (オオコウチ マサヒコ)."""
_IN_KANJI = re.compile(r"(?<=[ァ-ヶー) ])\s*[(\[][^()\[\]]*[\u4e00-\u9fff]{2}[^()\[\]]*[)\]]$")
"""カ)サンプル (株式会社サンプル)."""
_BANKS_FORM = re.compile(rf"(?<=[\u4e00-\u9fffぁ-ん) ])(?:{_MARK}\)[ァ-ヶー・ ]{{3,}}|[ァ-ヶー・ ]{{3,}}\({_MARK}\)?)$")
_WITHOUT_KANA = re.compile(r"[A-Za-z\u4e00-\u9fffぁ-ん]")


def name_within(folded: str) -> tuple[int, int]:
    """Where the name begins and ends in what a holder's key names or an account's line ends with.

    Of a name in kanji with its reading in brackets the kanji are it; where a firm stands in kanji and then, beside it,
    as banks write it, the banks' form is it: that is what a payer fills in.
    """
    aside = _LEADING_ASIDE.match(folded) or _LEADING_OF_ALL.match(folded)
    if aside is not None:
        is_closed = (
            aside[0].lstrip()[:1] in {"(", "["} and folded[-1:] in {")", "]"} and aside[0].rstrip()[-1:] not in ")]"
        )
        start, end = name_within(folded[aside.end() : -1 if is_closed else None])
        return aside.end() + start, aside.end() + end
    end = len(folded)
    if (aside := _OF_ALL.search(folded)) is not None and aside.start() > 1:
        end = aside.start()
    text = folded[:end]
    if (reading := _READING.search(text)) is not None and _WITHOUT_KANA.search(text[: reading.start()]) is not None:
        return 0, reading.start()
    if (kanji := _IN_KANJI.search(text)) is not None and zengin.is_kana_name(text[: kanji.start()]):
        return 0, kanji.start()
    form = _BANKS_FORM.search(text)
    if form is not None and form.start() and has_japanese_form(text[: form.start()].strip()):
        return form.start(), end
    return 0, end
