"""Money as integer minor units and a currency: how amounts are read and shown.

Minor units per currency follow ISO 4217. Nothing here rounds: an amount with more decimals than its
currency has is refused.
"""

from decimal import Decimal, InvalidOperation

from housecount.core.errors import HousecountError, NextStep

#: ISO 4217 currencies whose minor unit is not a hundredth.
_EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
_SYMBOLS = {
    "AUD": "A$",
    "NZD": "NZ$",
    "USD": "US$",
    "CAD": "C$",
    "FJD": "FJ$",
    "SGD": "S$",
    "GBP": "£",
    "EUR": "€",
}

#: The largest amount kept: it leaves room to add millions of them in PostgreSQL's bigint.
MAX_MINOR = 10**13


#: What an exact amount can be given in; neither floats nor booleans, which Python would take for numbers.
_EXACT: frozenset[type] = frozenset({Decimal, int, str})


class NotMoney(HousecountError):
    """An amount that cannot be money in its currency."""

    code = "not_money"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


def exponent(currency: str) -> int:
    """Decimals of `currency` by ISO 4217: 2 for AUD, 0 for JPY."""
    return _EXPONENTS.get(currency, 2)


def check_currency(code: object) -> str:
    """`code` itself when it has the form of an ISO 4217 code; raises `NotMoney` otherwise."""
    if isinstance(code, str) and len(code) == 3 and code.isascii() and code.isalpha() and code.isupper():
        return code
    raise NotMoney(f"{_shown(code)} is not a currency code.")


def check_minor(value: int) -> int:
    """`value` itself when it is an amount that can be kept; raises `NotMoney` when it is absurd."""
    if -MAX_MINOR <= value <= MAX_MINOR:
        return value
    raise NotMoney(f"{_shown(value)} is too large to be an amount of money.")


def to_minor(amount: Decimal | int | str, currency: str) -> int:
    """Exact minor units of `amount`, given in major units ("57.62", Decimal("57.6"), 57).

    Raises `NotMoney` for what is no number, has more decimals than the currency, or is absurdly large, and for
    floats, which are no money.
    """
    if type(amount) not in _EXACT:
        raise NotMoney(f"{_shown(amount)} is not an exact amount of money.")
    try:
        major = Decimal(amount)
    except (InvalidOperation, ValueError) as error:
        raise NotMoney(f"{_shown(amount)} is not an amount of money.") from error
    if not major.is_finite() or major.adjusted() > 20:
        raise NotMoney(f"{_shown(amount)} is not an amount of money.")
    whole = int(major.scaleb(exponent(currency)))
    # Compared in major units: `scaleb` itself rounds what has more than 28 digits.
    if to_major(whole, currency) != major:
        raise NotMoney(f"{_shown(amount)} has more decimals than {currency} has.")
    return check_minor(whole)


def _shown(value: object) -> str:
    """`value` for a message, of a length that can be read."""
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except ValueError:  # Python writes out no integer of thousands of digits
        return "A number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:40]}…"


def to_major(minor: int, currency: str) -> Decimal:
    """The amount in major units, with all the decimals of its currency."""
    return Decimal(minor).scaleb(-exponent(currency))


def format_money(minor: int, currency: str) -> str:
    """For people: "A$1,234.50", "-£3.00", "¥1,200" as "JPY 1,200"."""
    sign = "-" if minor < 0 else ""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    return f"{sign}{symbol}{abs(to_major(minor, currency)):,.{exponent(currency)}f}"
