"""What the columns of a table hold where its header does not say so, or there is none: arithmetic says it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations, permutations

from postprocess_svc.fields.line_items.headers import Column, Headers
from postprocess_svc.fields.line_items.item import PrintedItem
from postprocess_svc.fields.line_items.numbers import find_number, split_quantity
from postprocess_svc.fields.line_items.table_rows import LETTERS, Columns, RowCells, read_rows
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.tables.values import is_value

MIN_PRODUCTS = 0.6
"""Columns without a header are quantity, price and amount where this share of the rows multiplies."""
_FACTORS = (Column.QUANTITY, Column.UNIT_PRICE, Column.AMOUNT)
_MAX_UNKNOWN = 5
"""Columns of numbers without a known header that are tried."""
_MAX_TRIED_ROWS = 60
_ROUNDING = Decimal(1)
_AS_OFTEN = 0.7
"""Of two columns that promise the same, the likelier one is filled in so often at least as the other."""
_FEWEST_NUMBERS = 3
"""One in so many texts of a column of numbers is one: names of sums stand there too."""
_CODE = re.compile(r"[A-Za-z]{0,5}[-/.]?[\dA-Z]*\d[-\dA-Za-z/.]*|[A-Z]{1,4}(?:-[A-Z\d]{1,5})*")
_COUNTED = re.compile(r"[-▲]?\d[\d.,]* ?[^\W\d][^\d\t]{0,11}[23]?|一式")


def completed(headers: Headers, rows: Sequence[RowCells]) -> Columns:
    """What the columns hold: of those that a header promises for one thing the one whose cells keep the promise.

    Then those that no header names, or by a word that is not known: the widest words are the description, what
    multiplies is quantity, price and amount, the last values are amounts.
    """
    found = _kept_promises(headers, rows)
    others = sorted({column for row in rows for column in row.by_column} - set(found.values()))
    if Column.DESCRIPTION not in found:
        _find_description(found, others, rows)
        if Column.DESCRIPTION not in found and Column.DESCRIPTION in headers:
            found[Column.DESCRIPTION] = headers[Column.DESCRIPTION][0]
    missing = [factor for factor in _FACTORS if factor not in found]
    if not missing:
        _seat_beside_headers(found, rows)
        _correct_factors(found, others, rows)
    elif len(missing) < len(_FACTORS):
        _find_factors(found, missing, others, rows)
    if Column.AMOUNT not in found and Column.UNIT_PRICE in found:
        behind = [column for column in others if column > found[Column.UNIT_PRICE]]
        if behind and 2 * sum(is_value(row.text(behind[-1])) for row in rows) > len(rows):
            found[Column.AMOUNT] = behind[-1]
    return found


def _kept_promises(headers: Headers, rows: Sequence[RowCells]) -> dict[Column, int]:
    """Each header's column; of several that promise the same, the first that is filled in about as often as any.

    Charges may be the header of what is charged for, and Item that of its number.
    """
    tried = rows[:_MAX_TRIED_ROWS]
    found: dict[Column, int] = {}
    for column, listed in headers.items():
        if column is Column.DESCRIPTION:
            counts = {at: sum(_is_name(row.text(at)) for row in tried) for at in listed}
        elif column in _FACTORS:
            texts = {at: [text for row in tried if (text := row.text(at))] for at in listed}
            counts = {
                at: len(filled) if _FEWEST_NUMBERS * sum(map(_is_counted, filled)) >= len(filled) else -1
                for at, filled in texts.items()
            }
        else:
            counts = dict.fromkeys(listed, 0)
        most = max(counts.values())
        if most > 0 or (most == 0 and column is not Column.DESCRIPTION):
            found[column] = next(at for at in listed if counts[at] >= 0 and counts[at] >= _AS_OFTEN * most)
    return found


def _is_name(text: str) -> bool:
    """Whether a text may say what an item is: words, and no code."""
    return len(LETTERS.findall(text)) > 1 and _CODE.fullmatch(text) is None


def _is_counted(text: str) -> bool:
    """Whether a text is a number, whatever it counts: 8ページ, 3 試料, 一式."""
    return is_value(text) or _COUNTED.fullmatch(fold(text)) is not None


def _find_description(found: dict[Column, int], others: list[int], rows: Sequence[RowCells]) -> None:
    """Add the column with the widest words, be it one whose header promises numbers of items (Position)."""
    letters = {
        column: sum(len(LETTERS.findall(row.text(column))) for row in rows)
        for column in (*others, *(found[each] for each in (Column.CODE, Column.REMARKS) if each in found))
    }
    widest = max(letters, key=lambda column: (letters[column], -column), default=None)
    if widest is None or letters[widest] <= 2 * len(rows):
        return
    if widest in others:
        others.remove(widest)
    for column in [each for each, at in found.items() if at == widest]:
        del found[column]
    found[Column.DESCRIPTION] = widest


def _find_factors(found: dict[Column, int], missing: list[Column], others: list[int], rows: Sequence[RowCells]) -> None:
    """Add the columns with which quantity times price is the amount; a column of codes may be that of quantities."""
    # Unit (US$) is a price, and a number of the item may be that of its pieces.
    open_columns = [*others, *(found[each] for each in (Column.CODE, Column.UNIT) if each in found)]
    tried = rows[:_MAX_TRIED_ROWS]
    known = [found[factor] for factor in _FACTORS if factor in found]
    numbers = {column: _numbers(tried, column) for column in (*open_columns[-_MAX_UNKNOWN:], *known)}
    filled = [column for column in open_columns if any(numbers.get(column, ()))]
    best: tuple[float, int, dict[Column, int]] = (MIN_PRODUCTS, 0, {})
    for chosen in permutations(filled, len(missing)):
        trial = {**found, **dict(zip(missing, chosen, strict=True))}
        share = _share(*(numbers[trial[factor]] for factor in _FACTORS))
        counted = _looks_counted(tried, trial[Column.QUANTITY]) - _looks_counted(tried, trial[Column.UNIT_PRICE])
        if share >= best[0] and (share > best[0] or not best[2] or counted > best[1]):
            best = share, counted, trial
    if not best[2]:
        return
    found.update(best[2])
    for each in (Column.CODE, Column.UNIT):
        if found.get(each) in [found[factor] for factor in missing]:
            del found[each]
    for factor in missing:
        if found[factor] in others:
            others.remove(found[factor])


def _seat_beside_headers(found: dict[Column, int], rows: Sequence[RowCells]) -> None:
    """Where headers stand beside their numbers, not above them: give each the column of numbers that it is next to."""
    tried = rows[:_MAX_TRIED_ROWS]
    taken = {column for each, column in found.items() if each not in _FACTORS}
    columns = sorted({column for row in tried for column in row.by_column} - taken)
    numbers = {column: _numbers(tried, column) for column in columns}
    filled = [column for column in columns if any(numbers[column])]
    if all(found[factor] in filled for factor in _FACTORS) or len(filled) > _MAX_UNKNOWN:
        return
    in_order = sorted(_FACTORS, key=lambda factor: found[factor])
    for chosen in combinations(filled, len(_FACTORS)):
        trial = dict(zip(in_order, chosen, strict=True))
        if _share(*(numbers[trial[factor]] for factor in _FACTORS)) >= MIN_PRODUCTS:
            found.update(trial)
            return


def _correct_factors(found: dict[Column, int], others: Sequence[int], rows: Sequence[RowCells]) -> None:
    """Where quantity, price and amount do not multiply: take the columns beside them that do (a list price, net)."""
    tried = rows[:_MAX_TRIED_ROWS]
    numbers = {column: _numbers(tried, column) for column in [*others, *(found[factor] for factor in _FACTORS)]}
    open_columns = [column for column in others if any(numbers[column])][-_MAX_UNKNOWN:]
    amounts = numbers[found[Column.AMOUNT]]
    quantity, price = found[Column.QUANTITY], found[Column.UNIT_PRICE]
    share = _share(numbers[quantity], numbers[price], amounts)
    if share >= MIN_PRODUCTS or not open_columns:
        return
    trials = [(quantity, column) for column in open_columns]
    trials += [(column, price) for column in open_columns]
    trials += list(permutations(open_columns, 2))
    best = max(trials, key=lambda trial: _share(numbers[trial[0]], numbers[trial[1]], amounts))
    if _share(numbers[best[0]], numbers[best[1]], amounts) >= max(MIN_PRODUCTS, 2 * share):
        found[Column.QUANTITY], found[Column.UNIT_PRICE] = best


def _numbers(rows: Sequence[RowCells], column: int) -> list[Decimal | None]:
    """The numbers of a column, row by row; none where a cell is more than a number."""
    found = []
    for row in rows:
        text = row.text(column)
        number = find_number(fold(text)) if text and _is_counted(text) else None
        found.append(None if number is None else number.value)
    return found


def _share(
    quantities: Sequence[Decimal | None], prices: Sequence[Decimal | None], amounts: Sequence[Decimal | None]
) -> float:
    """The share of rows in which the first two multiplied are the third; nothing where no row has all."""
    checks = [
        abs(quantity * price - amount) <= _ROUNDING
        for quantity, price, amount in zip(quantities, prices, amounts, strict=True)
        if quantity is not None and price is not None and amount is not None and amount
    ]
    return sum(checks) / len(checks) if checks else 0.0


def _products(rows: Sequence[RowCells], columns: Columns) -> float:
    """The share of rows in which quantity times price is the amount; nothing where the rows do not say."""
    return share_that_multiplies(read_rows(rows, columns, 1).items)


def share_that_multiplies(items: Iterable[PrintedItem]) -> float:
    """Of the items that say all three, the share in which quantity times price is the amount."""
    checks = [check for item in items if (check := item.multiplies()) is not None]
    return sum(checks) / len(checks) if checks else 0.0


def guessed(rows: Sequence[RowCells]) -> Columns | None:
    """Columns without a header: words at the left, and values that multiply, or one of amounts at the right."""
    for is_number in (is_value, _is_counted):
        found = _multiplying(rows, is_number)
        if found is not None:
            return found
    count, values, words = _values_and_words(rows, is_value)
    letters = _letters(rows, words)
    if not values or not words or words[0] > values[-1]:
        return None
    description = max(words, key=lambda column: letters[column])
    if len(words) + len(values) == count and description < values[-1] and letters[description] > 2 * len(rows):
        return {Column.DESCRIPTION: description, Column.AMOUNT: values[-1]}
    return None


def _multiplying(rows: Sequence[RowCells], is_number: Callable[[str], bool]) -> Columns | None:
    _, values, words = _values_and_words(rows, is_number)
    if len(values) < len(_FACTORS) or not words or words[0] > values[-1]:
        return None
    letters = _letters(rows, words)
    description = max(words, key=lambda column: letters[column])
    for quantity, price, amount in _triples(values):
        columns = {
            Column.DESCRIPTION: description,
            Column.QUANTITY: quantity,
            Column.UNIT_PRICE: price,
            Column.AMOUNT: amount,
        }
        if _products(rows, columns) >= MIN_PRODUCTS:
            swapped = {**columns, Column.QUANTITY: price, Column.UNIT_PRICE: quantity}
            whole = [row for row in rows if is_value(row.text(amount))]
            return swapped if _looks_counted(whole, price) > _looks_counted(whole, quantity) else columns
    return None


def _values_and_words(
    rows: Sequence[RowCells], is_number: Callable[[str], bool]
) -> tuple[int, Sequence[int], Sequence[int]]:
    """How many columns there are, which of them hold numbers, and which do not."""
    count = 1 + max((column for row in rows for column in row.by_column), default=0)
    values = [
        column
        for column in range(count)
        if (texts := [text for row in rows if (text := row.text(column))])
        and 2 * sum(map(is_number, texts)) >= len(texts)
    ]
    return count, values, [column for column in range(count) if column not in values]


def _letters(rows: Sequence[RowCells], columns: Sequence[int]) -> Mapping[int, int]:
    return {column: sum(len(LETTERS.findall(row.text(column))) for row in rows) for column in columns}


def _triples(values: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(quantity, price, amount) from left to right; the first two may be the other way round."""
    yield from combinations(values[-5:], 3)


def _looks_counted(rows: Sequence[RowCells], column: int) -> int:
    """How many cells of a column have a unit, or no decimals."""
    read = [split_quantity(text) for row in rows if (text := row.text(column))]
    return sum(unit is not None or (number is not None and number.decimals == 0) for number, unit in read)
