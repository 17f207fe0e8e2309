"""Whole minor units: rates, shares and the ways the platforms write money. No float touches an amount."""

from functools import lru_cache

import msgspec

# ISO 4217 currencies without minor units that a promoter could meet.
_NO_MINOR_UNITS = frozenset({"JPY", "KRW", "VND", "CLP", "XPF"})
_SIGNS = {"AUD": "A$", "NZD": "NZ$", "USD": "$", "CAD": "CA$", "GBP": "£", "EUR": "€", "JPY": "¥"}


def share(amount: int, basis_points: int) -> int:
    """`amount` times `basis_points` / 10,000, half rounded up. Both are zero or more."""
    return (amount * basis_points + 5_000) // 10_000


def proportion(amount: int, part: int, whole: int) -> int:
    """`amount` times part / whole, half rounded up; 0 when `whole` is 0."""
    return (2 * amount * part + whole) // (2 * whole) if whole else 0


def spread(amount: int, pieces: int) -> list[int]:
    """`amount` in `pieces` nearly equal whole parts that sum to it exactly."""
    base, rest = divmod(amount, pieces)
    return [base + 1] * rest + [base] * (pieces - rest)


def major_text(currency: str, value: int) -> str:
    """`5762` AUD as `57.62`; currencies without minor units as they are."""
    if currency in _NO_MINOR_UNITS:
        return str(value)
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"


@lru_cache(maxsize=50_000)
def eventbrite_money(currency: str, value: int) -> msgspec.Raw:
    """Eventbrite's money object, encoded: currency, value in minor units, major_value, display."""
    major = major_text(currency, value)
    return msgspec.Raw(
        msgspec.json.encode(
            {
                "currency": currency,
                "value": value,
                "major_value": major,
                "display": f"{_SIGNS.get(currency, currency + ' ')}{major}",
            }
        )
    )


@lru_cache(maxsize=50_000)
def humanitix_number(value: int) -> msgspec.Raw:
    """Humanitix's amount, encoded: a JSON number in major units, an int where it can be (`200`, `200.5`)."""
    text = major_text("AUD", value)
    return msgspec.Raw((text.rstrip("0").rstrip(".") if "." in text else text).encode())
