"""How a document of a layout looks this time: fonts, sizes, rules, colours, forms of numbers and dates."""

from __future__ import annotations

import random
from dataclasses import dataclass

from evaluation.generator.forms import DATE_STYLES_JA
from evaluation.generator.layouts import Layout
from evaluation.generator.splits import Split
from evaluation.generator.vocabulary import vocabulary

ACCENTS = ("#000000", "#1f3a68", "#0b6b3a", "#7a1f2b", "#444444", "#b35c00", "#2a6f97", "#5b3a8c")
INKS = ("#000000", "#111111", "#222222", "#1a1a2e")
TABLES = ("ruled", "half", "zebra", "plain", "ruled", "heavy")
SEPARATORS = ("：", ":", " ", "\N{IDEOGRAPHIC SPACE}", ": ")
TOTAL_STYLES = ("yen", "wide_yen", "yen_dash", "en", "yen_dash", "spaced_yen", "wide_en", "kin_en")
ROW_STYLES = ("yen", "bare", "bare", "en", "wide_yen")
ITEM_STYLES = ("bare", "bare", "bare", "yen", "en")
RECEIPT_STYLES = ("yen", "yen", "wide_yen", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """One document's looks, ready for CSS; money and date styles are those of ``forms.py``."""

    font: str
    hand_font: str
    stamp_font: str
    size_pt: float
    line_height: float
    ink: str
    accent: str
    table: str
    margin_mm: float
    separator: str
    total_money: str
    row_money: str
    item_money: str
    date: str
    letter_spacing_em: float
    """Of titles and some labels: 0.6 prints 請 求 書."""

    @property
    def css(self) -> str:
        """The style as custom properties."""
        return (
            f"--font:'{self.font}';--hand:'{self.hand_font}';--size:{self.size_pt}pt;--lead:{self.line_height};"
            f"--ink:{self.ink};--accent:{self.accent};--margin:{self.margin_mm}mm;--spread:{self.letter_spacing_em}em"
        )


LATIN_DATES = {
    "GBP": ("long", "short_month", "dmy_slash", "iso", "long"),
    "USD": ("us_long", "us_long", "iso", "short_month"),
    "en": ("long", "dmy_slash", "short_month", "dmy_hyphen"),
    "de": ("dmy_dot", "dmy_dot", "long"),
    "fr": ("dmy_slash", "dmy_slash", "long", "dmy_hyphen"),
}
LATIN_MARKS = {"en": "us", "de": "eu", "fr": "fr"}


def draw_style(draw: random.Random, split: Split, layout: Layout, *, currency: str) -> Style:
    """A style that the split's fonts, the layout's paper and the content's currency allow."""
    fonts = vocabulary("fonts")
    total_money, row_money, item_money, date = _forms(draw, layout, currency)
    if layout.language == "ja":
        kind = "mono" if layout.is_roll and draw.random() < 0.7 else draw.choices(("sans", "serif"), (7, 3))[0]
    else:
        kind = "latin_mono" if layout.is_roll else "latin"
    small = layout.is_roll or layout.paper == "slip"
    return Style(
        font=draw.choice(fonts.choices(kind, split)),
        hand_font=draw.choice(fonts.choices("hand", split)),
        stamp_font=draw.choice(fonts.choices("stamp", split)),
        size_pt=draw.choice((7.5, 8, 8.5) if small else (8.5, 9, 9.5, 10, 10.5)),
        line_height=draw.choice((1.3, 1.4, 1.5, 1.6)),
        ink=draw.choice(INKS),
        accent="#000000" if small else draw.choice(ACCENTS),
        table=draw.choice(TABLES),
        margin_mm=draw.choice((3, 4, 5)) if small else draw.choice((12, 14, 16, 18, 20)),
        separator=draw.choice(SEPARATORS),
        total_money=total_money,
        row_money=row_money,
        item_money=item_money,
        date=date,
        letter_spacing_em=draw.choice((0, 0, 0.2, 0.5, 1.0)),
    )


def _forms(draw: random.Random, layout: Layout, currency: str) -> tuple[str, str, str, str]:
    """Forms of the total, of sums, of items, and of dates."""
    if layout.language != "ja":
        marks = LATIN_MARKS[layout.language]
        dates = LATIN_DATES.get(currency) or LATIN_DATES[layout.language]
        rows = draw.choice((marks, f"{marks}_sign", f"{marks}_sign"))
        total = draw.choice((f"{marks}_sign", f"{marks}_sign", f"{marks}_code"))
        return total, rows, draw.choice((marks, rows)), draw.choice(dates)
    if layout.is_roll:
        money = draw.choice(RECEIPT_STYLES)
        dates = ("weekday", "kanji", "slash", "kanji_padded", "hyphen")
        return draw.choice((money, "yen")), money, draw.choice((money, "bare", "yen")), draw.choice(dates)
    styles = draw.choice(TOTAL_STYLES), draw.choice(ROW_STYLES), draw.choice(ITEM_STYLES)
    return *styles, draw.choice(DATE_STYLES_JA)
