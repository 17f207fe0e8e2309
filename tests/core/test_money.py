"""Money: exact minor units in every currency, and nothing that is not money."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.errors import HousecountError, NextStep
from housecount.core.money import (
    MAX_MINOR,
    NotMoney,
    check_currency,
    check_minor,
    exponent,
    format_money,
    to_major,
    to_minor,
)

_currencies = st.sampled_from(["AUD", "NZD", "GBP", "JPY", "KRW", "BHD", "TND", "XYZ"])
_minors = st.integers(-MAX_MINOR, MAX_MINOR)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("57.62", "AUD", 5762),
        (Decimal("57.6"), "AUD", 5760),
        (57, "AUD", 5700),
        ("57.6200", "AUD", 5762),
        ("-3", "GBP", -300),
        ("0", "AUD", 0),
        ("1200", "JPY", 1200),
        ("1200.00", "JPY", 1200),
        ("1.234", "BHD", 1234),
        ("1e2", "AUD", 10000),
        (Decimal("0.01"), "NZD", 1),
    ],
)
def test_major_units_become_exact_minor_units(amount: Decimal | int | str, currency: str, minor: int) -> None:
    assert to_minor(amount, currency) == minor


@given(_minors, _currencies)
def test_what_goes_to_major_comes_back(minor: int, currency: str) -> None:
    major = to_major(minor, currency)
    assert to_minor(major, currency) == minor
    assert to_minor(str(major), currency) == minor
    assert -major.as_tuple().exponent == exponent(currency)


@given(_minors, _currencies, st.integers(1, 60), st.integers(1, 9))
def test_one_decimal_too_many_is_refused(minor: int, currency: str, deeper: int, digit: int) -> None:
    decimals = exponent(currency) + deeper
    text = f"{abs(minor)}.{'0' * (decimals - 1)}{digit}"
    with pytest.raises(NotMoney, match="more decimals"):
        to_minor(text, currency)


@pytest.mark.parametrize(
    "amount",
    [
        *["", " ", "abc", "NaN", "sNaN", "Infinity", "-Infinity", "1e999999", "-1e999999", "1e-999999"],
        *["12,50", "$5", "1" * 30, -(10**14), Decimal("NaN"), Decimal("1e400")],
        pytest.param("1" * 5000, id="5000 digits of text"),
        pytest.param(10**5000, id="5000 digits"),
    ],
)
def test_what_is_no_amount_is_refused_at_once(amount: Decimal | int | str) -> None:
    with pytest.raises(NotMoney) as refusal:
        to_minor(amount, "AUD")
    assert len(refusal.value.message) < 120


@pytest.mark.parametrize("amount", [57.5, 0.1, True, None, b"5"])
def test_floats_and_other_things_are_no_money(amount: object) -> None:
    with pytest.raises(NotMoney, match="exact"):
        to_minor(amount, "AUD")  # type: ignore[arg-type]


def test_the_largest_amount_is_kept_and_one_more_refused() -> None:
    assert check_minor(MAX_MINOR) == MAX_MINOR
    assert check_minor(-MAX_MINOR) == -MAX_MINOR
    for absurd in (MAX_MINOR + 1, -MAX_MINOR - 1, 10**5000):
        with pytest.raises(NotMoney, match="too large"):
            check_minor(absurd)
    assert to_minor(to_major(MAX_MINOR, "AUD"), "AUD") == MAX_MINOR
    with pytest.raises(NotMoney):
        to_minor(to_major(MAX_MINOR + 1, "AUD"), "AUD")


@pytest.mark.parametrize(
    ("currency", "decimals"), [("AUD", 2), ("JPY", 0), ("KRW", 0), ("BHD", 3), ("KWD", 3), ("QQQ", 2)]
)
def test_decimals_follow_iso_4217(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals


@pytest.mark.parametrize("code", ["AUD", "JPY", "ZZZ"])
def test_a_currency_code_is_three_capital_letters(code: str) -> None:
    assert check_currency(code) == code


@pytest.mark.parametrize("code", ["", "aud", "AU", "AUDD", "A1D", "ÄUD", None, 36, "A" * 10_000])
def test_other_codes_are_refused(code: object) -> None:
    with pytest.raises(NotMoney, match="not a currency code") as refusal:
        check_currency(code)
    assert len(refusal.value.message) < 120


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123450, "AUD", "A$1,234.50"),
        (-300, "GBP", "-£3.00"),
        (1200, "JPY", "JPY 1,200"),
        (1234, "BHD", "BHD 1.234"),
        (0, "NZD", "NZ$0.00"),
        (-5, "AUD", "-A$0.05"),
    ],
)
def test_money_is_shown_as_people_write_it(minor: int, currency: str, text: str) -> None:
    assert format_money(minor, currency) == text


@given(_minors, _currencies)
def test_what_is_shown_holds_every_digit(minor: int, currency: str) -> None:
    digits = "".join(char for char in format_money(minor, currency) if char.isdigit())
    assert int(digits) == abs(minor)


def test_the_refusal_tells_the_caller_what_to_do() -> None:
    assert issubclass(NotMoney, HousecountError)
    assert (NotMoney.code, NotMoney.http_status, NotMoney.next_step) == (
        "not_money",
        422,
        NextStep.ASK_A_PERSON,
    )
