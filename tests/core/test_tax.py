"""The arithmetic of documents: worked examples of the law, and what must hold for any lines."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housecount.core import rates
from housecount.core.tax import (
    NO_AMOUNT,
    NotALine,
    Priced,
    PriceMode,
    RoundingRule,
    Treatment,
    credited,
    half_up,
    line_amounts,
    line_price,
    parse_quantity,
    total,
)
from tests.examples import examples

GST = 1_000
ONE = Decimal(1)


def lines(*prices: int) -> list[Priced]:
    return [Priced(ONE, price) for price in prices]


def tax(
    priced: list[Priced], rule: RoundingRule, mode: PriceMode = PriceMode.EXCLUSIVE, rate: int = GST
) -> int:
    return total(line_amounts(priced, mode, rate, rule)).tax


@pytest.mark.parametrize(
    ("priced_lines", "per_line", "once"),
    [
        (lines(50_000), 5_000, 5_000),
        (lines(3_333, 3_333, 3_333), 999, 1_000),
        ([Priced(Decimal(3), 3_333)], 1_000, 1_000),
        (lines(*[1_245] * 7), 875, 872),
        (lines(*[874] * 4), 348, 350),
        (lines(10_000, 2_495, 736), 1_324, 1_323),
        (lines(*[3_727] * 5), 1_865, 1_864),
        (lines(*[-1_245] * 7), -875, -872),
    ],
)
def test_exclusive_lines_under_both_rules(priced_lines: list[Priced], per_line: int, once: int) -> None:
    assert tax(priced_lines, RoundingRule.PER_LINE) == per_line
    assert tax(priced_lines, RoundingRule.TOTAL) == once


@pytest.mark.parametrize(
    ("price", "expected"),
    [(500, 45), (1_245, 113), (2_500, 227), (2_750, 250), (3_300, 300), (4_000, 364), (6_000, 545), (8_250, 750),
     (11_000, 1_000), (100_000, 9_091)],
)  # fmt: skip
def test_the_tax_inside_a_price(price: int, expected: int) -> None:
    assert tax(lines(price), RoundingRule.PER_LINE, PriceMode.INCLUSIVE) == expected


def test_inclusive_lines_under_both_rules() -> None:
    inclusive = PriceMode.INCLUSIVE
    assert tax(lines(*[2_500] * 4), RoundingRule.PER_LINE, inclusive) == 908
    assert tax(lines(*[2_500] * 4), RoundingRule.TOTAL, inclusive) == 909
    assert tax(lines(*[4_000] * 3), RoundingRule.PER_LINE, inclusive) == 1_092
    assert tax(lines(*[4_000] * 3), RoundingRule.TOTAL, inclusive) == 1_091


@pytest.mark.parametrize(
    ("country", "price", "expected"),
    [("NZ", 2_300, 300), ("NZ", 11_500, 1_500), ("NZ", 5_000, 652), ("GB", 6_000, 1_000), ("GB", 4_000, 667)],
)
def test_other_countries(country: str, price: int, expected: int) -> None:
    rate = rates.tax_rate(country, date(2026, 11, 22))
    assert tax(lines(price), RoundingRule.PER_LINE, PriceMode.INCLUSIVE, rate) == expected


@pytest.mark.parametrize(
    ("numerator", "expected"), [(1_245, 125), (3_725, 373), (835, 84), (115, 12), (-1_245, -125)]
)
def test_halves_go_away_from_zero(numerator: int, expected: int) -> None:
    assert half_up(numerator, 10) == expected


def test_an_inclusive_price_taken_for_an_exclusive_one_is_a_cent_over_where_the_law_of_elevens_says() -> None:
    for price in range(1, 100_001):
        inside = line_amounts(lines(price), PriceMode.INCLUSIVE, GST, RoundingRule.PER_LINE)[0]
        again = line_amounts(lines(inside.net), PriceMode.EXCLUSIVE, GST, RoundingRule.PER_LINE)[0]
        assert again.gross == price + (1 if price % 11 == 5 else 0)


def test_only_taxable_lines_are_taxed() -> None:
    priced = [Priced(ONE, 1_000, treatment) for treatment in Treatment]
    for rule in RoundingRule:
        amounts = line_amounts(priced, PriceMode.EXCLUSIVE, GST, rule)
        assert [each.tax for each in amounts] == [100, 0, 0, 0]


def test_quantity_times_price_is_rounded_before_the_tax() -> None:
    amounts = line_amounts(
        [Priced(Decimal("0.3333"), 2_593)], PriceMode.EXCLUSIVE, GST, RoundingRule.PER_LINE
    )
    assert amounts == [(864, 86, 950)]


def priced(quantity: Decimal, unit_price: int, treatment: Treatment, share: int) -> Priced:
    """A line with a discount of `share` per cent of its price."""
    plain = Priced(quantity, unit_price, treatment)
    return plain._replace(discount=abs(line_price(plain)) * share // 100)


PRICED = st.builds(
    priced,
    st.decimals(-99, 99, places=4).filter(bool),
    st.integers(0, 1_000_000),
    st.sampled_from(Treatment),
    st.sampled_from([0, 0, 0, 10, 33, 100]),
)
DOCUMENTS = st.tuples(
    st.lists(PRICED, min_size=1, max_size=12),
    st.sampled_from(PriceMode),
    st.sampled_from([0, 1_000, 1_250, 1_500, 2_000]),
    st.sampled_from(RoundingRule),
)
Document = tuple[list[Priced], PriceMode, int, RoundingRule]


@given(DOCUMENTS)
@settings(max_examples=examples(300))
def test_net_and_tax_make_gross_and_printed_lines_add_up(document: Document) -> None:
    amounts = line_amounts(*document)
    assert all(each.net + each.tax == each.gross for each in amounts)
    added = total(amounts)
    assert (added.net, added.tax, added.gross) == tuple(map(sum, zip(*amounts, strict=True)))


@given(DOCUMENTS)
@settings(max_examples=examples(300))
def test_the_opposite_document_is_the_exact_mirror(document: Document) -> None:
    priced, mode, rate, rule = document
    mirrored = [line._replace(quantity=-line.quantity) for line in priced]
    here, there = line_amounts(*document), line_amounts(mirrored, mode, rate, rule)
    assert total(here) == total(there).negated()
    if rule is RoundingRule.PER_LINE:
        assert here == [each.negated() for each in there]


@given(DOCUMENTS)
@settings(max_examples=examples(300))
def test_tax_rounded_once_is_within_half_a_cent_of_the_exact_tax(document: Document) -> None:
    priced, mode, rate, _ = document
    amounts = line_amounts(priced, mode, rate, RoundingRule.TOTAL)
    base = 10_000 + rate if mode is PriceMode.INCLUSIVE else 10_000
    prices = [each.gross if mode is PriceMode.INCLUSIVE else each.net for each in amounts]
    exact = (
        sum(p for p, line in zip(prices, priced, strict=True) if line.treatment is Treatment.TAXABLE) * rate
    )
    assert 2 * abs(total(amounts).tax * base - exact) <= base
    for each, line in zip(amounts, priced, strict=True):
        assert line.treatment is Treatment.TAXABLE or each.tax == 0


@given(PRICED, st.sampled_from(PriceMode), st.lists(st.integers(1, 400), min_size=1, max_size=8))
@settings(max_examples=examples(300))
def test_credits_of_parts_add_up_to_the_line(priced: Priced, mode: PriceMode, weights: list[int]) -> None:
    [line] = line_amounts([priced], mode, GST, RoundingRule.PER_LINE)
    whole = abs(priced.quantity)
    cuts = [whole * sum(weights[:n]) / sum(weights) for n in range(len(weights))] + [whole]
    given_back = NO_AMOUNT
    for before, after in pairwise(cuts):
        given_back = given_back.plus(credited(line, priced.quantity, before, after - before))
    assert given_back == line
    with pytest.raises(NotALine):
        credited(line, priced.quantity, whole, Decimal("0.0001"))


def test_a_discount_is_taken_off_the_line_and_never_more_than_its_price() -> None:
    [amount] = line_amounts(
        [Priced(Decimal(2), 1_000, discount=500)], PriceMode.EXCLUSIVE, GST, RoundingRule.PER_LINE
    )
    assert amount == (1_500, 150, 1_650)
    for discount in (2_001, -1):
        with pytest.raises(NotALine):
            line_amounts(
                [Priced(Decimal(2), 1_000, discount=discount)],
                PriceMode.EXCLUSIVE,
                GST,
                RoundingRule.PER_LINE,
            )


@pytest.mark.parametrize("text", ["", "one", "NaN", "Infinity", "1.00001", "1e12", "0x1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(NotALine):
        parse_quantity(text)


def test_rates_are_dated_and_never_guessed() -> None:
    assert rates.tax_rate("AU", date(2000, 7, 1)) == 1_000
    assert rates.tax_rate("NZ", date(2010, 9, 30)) == 1_250
    assert rates.on(rates.WITHHOLD, date(2026, 11, 22)) == 4_700
    for country, day in [("AU", date(2000, 6, 30)), ("FR", date(2026, 1, 1))]:
        with pytest.raises(rates.NoRate):
            rates.tax_rate(country, day)
