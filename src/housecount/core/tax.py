"""The arithmetic of documents: lines, their tax, totals, credits. Integers only; rounding happens in
`half_up` and nowhere else.

Source: A New Tax System (GST) Act 1999 s 9-90: half a cent up, on each line or once on the total; the rule is
the supplier's choice and is kept on the document. Half *away from zero*, so that a credit mirrors its invoice.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from housecount.core.errors import HousecountError, NextStep
from housecount.core.money import check_minor

_WHOLE = 10_000
#: Quantities have at most this many decimals.
QUANTITY_DECIMALS = 4


class NotALine(HousecountError):
    """A line of a document that cannot be."""

    code = "not_a_line"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


class Treatment(StrEnum):
    """How a supply is taxed. It is chosen for each line, never derived from a rate of nothing."""

    TAXABLE = "taxable"
    GST_FREE = "gst_free"
    INPUT_TAXED = "input_taxed"
    OUT_OF_SCOPE = "out_of_scope"


class PriceMode(StrEnum):
    """Whether prices hold the tax. One that does stays so: 60.00 taken for 54.55 + tax would come to 60.01."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"


class RoundingRule(StrEnum):
    """Where tax is rounded: on every line, or once on the sum of the lines of one rate."""

    PER_LINE = "per_line"
    TOTAL = "total"


class Priced(NamedTuple):
    """A line before tax. `unit_price` in minor units; `discount` is taken off the line, in minor units."""

    quantity: Decimal
    unit_price: int
    treatment: Treatment = Treatment.TAXABLE
    discount: int = 0


class Amounts(NamedTuple):
    """Money in minor units, with gross = net + tax."""

    net: int
    tax: int
    gross: int

    def plus(self, other: "Amounts") -> "Amounts":
        return Amounts(self.net + other.net, self.tax + other.tax, self.gross + other.gross)

    def negated(self) -> "Amounts":
        return Amounts(-self.net, -self.tax, -self.gross)


NO_AMOUNT = Amounts(0, 0, 0)


def half_up(numerator: int, denominator: int) -> int:
    """The quotient to the nearest whole number, halves away from zero; `denominator` above zero."""
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


def parse_quantity(text: str) -> Decimal:
    """A quantity such as "1" or "2.5"; negative ones are for deductions. Raises `NotALine`."""
    try:
        quantity = Decimal(text.strip())
    except ArithmeticError:
        raise NotALine(f"“{text[:40]}” is not a quantity.") from None
    if not quantity.is_finite() or abs(quantity) >= 10**9:
        raise NotALine(f"“{text[:40]}” is not a quantity.")
    if quantity != quantity.quantize(Decimal(1).scaleb(-QUANTITY_DECIMALS)):
        raise NotALine(f"A quantity has at most {QUANTITY_DECIMALS} decimals.")
    return quantity


def line_price(line: Priced) -> int:
    """Quantity times price, rounded to minor units, less the discount. Raises `NotALine`, `NotMoney`."""
    numerator, denominator = line.quantity.as_integer_ratio()
    price = check_minor(half_up(numerator * line.unit_price, denominator))
    if line.discount and (line.discount < 0 or line.discount > abs(price)):
        raise NotALine("A discount lies between nothing and the price of its line.")
    return price - line.discount if price >= 0 else price + line.discount


def line_amounts(lines: Sequence[Priced], mode: PriceMode, rate: int, rule: RoundingRule) -> list[Amounts]:
    """Each line's amounts, at `rate` hundredths of a per cent on what is taxable.

    Under `TOTAL` the tax is rounded once, on the sum, and shared out to the lines so that they add up to it:
    each gets its own tax rounded down, and the cents that are left go where most was cut off.
    """
    prices = [line_price(line) for line in lines]
    taxable = [line.treatment is Treatment.TAXABLE for line in lines]
    denominator = _WHOLE + rate if mode is PriceMode.INCLUSIVE else _WHOLE
    if rule is RoundingRule.PER_LINE:
        taxes = [
            half_up(price * rate, denominator) if due else 0
            for price, due in zip(prices, taxable, strict=True)
        ]
    else:
        taxes = _shared(
            [price * rate if due else 0 for price, due in zip(prices, taxable, strict=True)], denominator
        )
    if mode is PriceMode.INCLUSIVE:
        return [Amounts(price - tax, tax, price) for price, tax in zip(prices, taxes, strict=True)]
    return [Amounts(price, tax, price + tax) for price, tax in zip(prices, taxes, strict=True)]


def _shared(numerators: Sequence[int], denominator: int) -> list[int]:
    sign = 1 if sum(numerators) >= 0 else -1
    parts = [sign * numerator // denominator for numerator in numerators]
    left = half_up(sign * sum(numerators), denominator) - sum(parts)
    cut_off = sorted(range(len(parts)), key=lambda i: (-(sign * numerators[i] % denominator), i))
    for place in cut_off[:left]:
        parts[place] += 1
    return [sign * part for part in parts]


def total(amounts: Sequence[Amounts]) -> Amounts:
    """The sum of the lines: exactly what is printed."""
    result = NO_AMOUNT
    for each in amounts:
        result = result.plus(each)
    return result


def credited(line: Amounts, quantity: Decimal, before: Decimal, now: Decimal) -> Amounts:
    """What crediting `now` of a line's `quantity` gives back, when `before` of it was credited already.

    Credits of parts add up exactly to the line, whatever the parts. Raises `NotALine` for more than is left.
    """
    if quantity == 0 or now <= 0 or abs(before) + now > abs(quantity):
        raise NotALine("There is not so much of this line left to credit.")
    gross = _part(line.gross, quantity, before + now) - _part(line.gross, quantity, before)
    tax = _part(line.tax, quantity, before + now) - _part(line.tax, quantity, before)
    return Amounts(gross - tax, tax, gross)


def _part(amount: int, whole: Decimal, part: Decimal) -> int:
    numerator, denominator = part.as_integer_ratio()
    whole_numerator, whole_denominator = abs(whole).as_integer_ratio()
    return half_up(amount * numerator * whole_denominator, denominator * whole_numerator)
