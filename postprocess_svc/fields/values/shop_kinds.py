"""What stands on a shop's sign beside its name, and in every street."""

from __future__ import annotations

from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import listed

_KINDS = frozenset(
    listed(
        """
        すし処 | 寿司処 | 鮨処 | 食事処 | お食事処 | そば処 | 居酒屋 | 酒場 | ラーメン | らーめん | 中華料理 |
        焼肉 | 焼鳥 | やきとり | うどん | そば | 喫茶 | 珈琲 | コーヒー | パン | ケーキ | 洋菓子 | 和菓子 | 弁当 |
        お弁当 | 惣菜 | ヘアサロン | ヘアケア | 美容院 | 理髪 | クリーニング | 生花 | フラワーショップ | 古着 |
        アパレル | 雑貨 | 文具 | 書籍 | 化粧品 | 家電 | 衣料品 | SHOP | STORE | CAFE | BAKERY | HAIR SALON | SALON |
        RESTAURANT | BAR | SUSHI | RAMEN | COFFEE | BOOKS | MARKET
        """
    )
)


def is_kind_of_shop(folded_text: str) -> bool:
    """What a shop is, and not which: ベーカリー, すし処, SHOP."""
    return names.is_trade(folded_text) or folded_text.upper() in _KINDS
