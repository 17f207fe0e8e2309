"""Business numbers: the Australian ABN, the New Zealand NZBN and GST number, the UK VAT number.

A number that passes is well formed, and says nothing of whether its holder exists, trades or is registered.
Sources: ABR, "Format of the ABN" (modulus 89); NZBN, GS1 check digit; Inland Revenue, "IRD number validation"
(modulus 11, two sets of weights); HMRC, VAT number (modulus 97, since 2010 also with 55 added or taken off, from
100 0000 00 on).
"""

from housecount.core.errors import HousecountError, NextStep

_ABN_WEIGHTS = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
_IRD_WEIGHTS = ((3, 2, 7, 6, 5, 4, 3, 2), (7, 4, 3, 2, 5, 2, 7, 6))
_VAT_WEIGHTS = (8, 7, 6, 5, 4, 3, 2)


class NotAnIdentifier(HousecountError):
    """A business number that cannot be one."""

    code = "not_an_identifier"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


def abn(text: str) -> str:
    """The 11 digits of an ABN, without spaces. Raises `NotAnIdentifier`."""
    digits = _digits(text, "an ABN", (11,))
    weighed = zip(_ABN_WEIGHTS, (int(digits[0]) - 1, *map(int, digits[1:])), strict=True)
    # The two check digits in front lie between 11 and 99.
    if digits[:2] < "11" or sum(weight * digit for weight, digit in weighed) % 89:
        raise NotAnIdentifier(f"{show_abn(digits)} is not an ABN: a digit is wrong or two are swapped.")
    return digits


def show_abn(digits: str) -> str:
    """An ABN as it is printed: 51 824 753 556."""
    return " ".join((digits[:2], digits[2:5], digits[5:8], digits[8:]))


def nzbn(text: str) -> str:
    """The 13 digits of an NZBN. Raises `NotAnIdentifier`."""
    digits = _digits(text, "an NZBN", (13,))
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    if weighed % 10:
        raise NotAnIdentifier(f"{digits} is not an NZBN: a digit is wrong or two are swapped.")
    return digits


def nz_gst_number(text: str) -> str:
    """The 8 or 9 digits of a New Zealand GST (IRD) number. Raises `NotAnIdentifier`."""
    digits = _digits(text, "a GST number", (8, 9))
    if not 10_000_000 <= int(digits) <= 150_000_000 or _ird_check(digits.zfill(9)[:8]) != int(digits[-1]):
        raise NotAnIdentifier(
            f"{digits} is not a New Zealand GST number: a digit is wrong or two are swapped."
        )
    return digits


def _ird_check(base: str) -> int | None:
    """The check digit that belongs to eight digits; None when there is none."""
    for weights in _IRD_WEIGHTS:
        check = -sum(weight * int(digit) for weight, digit in zip(weights, base, strict=True)) % 11
        if check < 10:
            return check
    return None


def uk_vat_number(text: str) -> str:
    """The 9 digits of a UK VAT number, without its GB. Raises `NotAnIdentifier`."""
    digits = _digits(text.strip().upper().removeprefix("GB"), "a VAT number", (9,))
    weighed = sum(weight * int(digit) for weight, digit in zip(_VAT_WEIGHTS, digits, strict=False))
    remainders = (0, 42, 55) if digits >= "1" else (0,)
    if int(digits) == 0 or (weighed + int(digits[7:])) % 97 not in remainders:
        raise NotAnIdentifier(f"{digits} is not a UK VAT number: a digit is wrong or two are swapped.")
    return digits


def _digits(text: str, what: str, lengths: tuple[int, ...]) -> str:
    digits = "".join(text.split()).replace("-", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) in lengths):
        number = " or ".join(map(str, lengths))
        raise NotAnIdentifier(f"{what.capitalize()} has {number} digits and nothing else.")
    return digits
