"""Puts a document's parts into its frame and many documents into one file for the browser."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jinja2
from markupsafe import Markup

from evaluation.generator.account_blocks import AccountBlock, account_blocks
from evaluation.generator.blocks import Blocks
from evaluation.generator.japanese_content import draw_content as draw_japanese_content
from evaluation.generator.latin_content import draw_content as draw_latin_content
from evaluation.generator.layouts import PAPERS, Layout, layouts
from evaluation.generator.printout import Printout, Row
from evaluation.generator.splits import Split
from evaluation.generator.stamps import stamp_image
from evaluation.generator.style import draw_style
from evaluation.generator.sums import balance_rows, receipt_rows, receipt_tax_rows, sum_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedDocument:
    """A document ready to print: its markup, and what its links mean."""

    index: int
    attempt: int
    printout: Printout
    markup: Markup

    @property
    def layout(self) -> Layout:
        """What it is printed with."""
        return self.printout.layout


class Parts:
    """What a frame puts where it wants: the layout's parts, and the blocks that they are made of."""

    def __init__(self, printout: Printout, blocks: Blocks) -> None:
        self._page = printout
        self._blocks = blocks
        layout = printout.layout
        file = f"{printout.split}/{layout.template}_parts.html"
        module = _templates().get_template(file).module if layout.parts else None
        self._macros = {kind: getattr(module, name) for kind, name in layout.parts.items()}

    def part(self, kind: str, **options: object) -> Markup:
        """A part of the page, by its kind, such as ``meta`` or ``total``.

        Raises:
            KeyError: the layout names no part of this kind.
        """
        return Markup(self._macros[kind](self._page, self._blocks, self, **options))  # noqa: S704

    def sums(self) -> list[Row]:
        """The rows under the items."""
        return sum_rows(self._page)

    def balance(self) -> list[Row]:
        """The rows of a running account."""
        return balance_rows(self._page)

    def receipt(self) -> list[Row]:
        """The rows of a receipt above its total."""
        return receipt_rows(self._page)

    def receipt_tax(self) -> list[Row]:
        """The rows of a receipt below its total."""
        return receipt_tax_rows(self._page)

    def accounts(self) -> list[AccountBlock]:
        """The bank accounts."""
        return account_blocks(self._page)

    def stamp(self) -> str:
        """A red seal of the issuer's name as a data URI; by chance none."""
        if self._page.draw.random() < 0.35:
            return ""
        return stamp_image(self._page.content.issuer.name, family=self._page.style.stamp_font)


def compose(*, index: int, seed: int, split: Split, layout: Layout | None = None, attempt: int = 0) -> ComposedDocument:
    """Draw one document.

    Args:
        index: Its place in the run; with seed and split it decides everything.
        seed: The run's seed.
        split: Which part of the world it comes from.
        layout: A certain layout; by default each in its turn.
        attempt: How often the document did not fit its sheets; each time it is another one with fewer items.
    """
    draw = random.Random(f"{seed}:{split}:{index}:{attempt}")  # noqa: S311
    layout = layout or _layout_in_turn(layouts(split), index)
    draw_content = draw_japanese_content if layout.language == "ja" else draw_latin_content
    content = draw_content(draw, split, layout, most_items=max(layout.items[1] >> attempt, 1))
    style = draw_style(draw, split, layout, currency=content.currency)
    printout = Printout(index=index, split=split, layout=layout, content=content, style=style, draw=draw)
    blocks = Blocks(printout)
    frame = getattr(_templates().get_template(f"{split}/{layout.template}.html").module, layout.frame)
    opening = printout.sheet()
    body = Markup(frame(printout, blocks, Parts(printout, blocks)))  # noqa: S704
    end = printout.mark("end", "")
    markup = Markup('<div class="document {}" lang="{}">{}{}{}</section></div>').format(
        layout.language, layout.language, opening, body, end
    )
    return ComposedDocument(index=index, attempt=attempt, printout=printout, markup=markup)


def print_file(documents: Sequence[ComposedDocument]) -> str:
    """The HTML of many documents, each sheet on paper of its own."""
    return _templates().get_template("print.html").render(documents=documents, papers=PAPERS)


def _layout_in_turn(of_split: Sequence[Layout], index: int) -> Layout:
    """Every layout in turn, each round in another order, so that a small run has them all."""
    turn, place = divmod(index, len(of_split))
    order = list(of_split)
    random.Random(turn).shuffle(order)  # noqa: S311
    return order[place]


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("evaluation.generator", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
