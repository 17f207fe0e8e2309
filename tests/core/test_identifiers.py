"""Business numbers against published examples, and against every single slip."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housecount.core.identifiers import NotAnIdentifier, abn, nz_gst_number, nzbn, show_abn, uk_vat_number
from tests.examples import examples

ABNS = ["51824753556", "53004085616", "47555222000", "91888222000"]


@pytest.mark.parametrize("number", ABNS)
def test_valid_abns_pass_with_and_without_spaces(number: str) -> None:
    assert abn(number) == abn(show_abn(number)) == number


@pytest.mark.parametrize(
    "number",
    ["51 824 753 557", "51 824 735 556", "51 824 753 565", "11 111 111 111", "00 000 000 000", "5182475355",
     "518247535560", "51 824 753 55x", "", "٥١٨٢٤٧٥٣٥٥٦"],
)  # fmt: skip
def test_what_is_no_abn_is_refused(number: str) -> None:
    with pytest.raises(NotAnIdentifier):
        abn(number)


@given(st.sampled_from(ABNS), st.integers(0, 10), st.integers(1, 9))
@settings(max_examples=examples(100))
def test_any_one_wrong_digit_of_an_abn_is_caught(number: str, place: int, shift: int) -> None:
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    with pytest.raises(NotAnIdentifier):
        abn(wrong)


@given(st.sampled_from(ABNS), st.integers(0, 10), st.integers(0, 10))
@settings(max_examples=examples(100))
def test_any_swap_of_two_digits_of_an_abn_is_caught(number: str, one: int, other: int) -> None:
    digits = list(number)
    digits[one], digits[other] = digits[other], digits[one]
    if "".join(digits) != number:
        with pytest.raises(NotAnIdentifier):
            abn("".join(digits))


def test_nzbns() -> None:
    assert nzbn("9429033591476") == "9429033591476"
    assert nzbn("94290338 21733") == "9429033821733"
    with pytest.raises(NotAnIdentifier):
        nzbn("9429033591477")


@pytest.mark.parametrize("number", ["49091850", "35901981", "49098576", "136410132"])
def test_nz_gst_numbers(number: str) -> None:
    assert nz_gst_number(number) == number
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    with pytest.raises(NotAnIdentifier):
        nz_gst_number(wrong)


@pytest.mark.parametrize("number", ["980780684", "GB 980 7806 84"])
def test_uk_vat_numbers(number: str) -> None:
    assert uk_vat_number(number) == "980780684"
    with pytest.raises(NotAnIdentifier):
        uk_vat_number("980780685")


@given(st.text("0123456789", min_size=11, max_size=11) | st.sampled_from(ABNS))
@settings(max_examples=examples(500))
def test_abns_are_judged_as_by_another_library(number: str) -> None:
    from stdnum.au import abn as independent

    assert independent.is_valid(number) == passes(abn, number)


@given(st.text("0123456789", min_size=9, max_size=9).filter(int))
@settings(max_examples=examples(500))
def test_uk_vat_numbers_are_judged_as_by_another_library(number: str) -> None:
    from stdnum.gb import vat as independent

    assert independent.is_valid(number) == passes(uk_vat_number, number)


def passes(check: Callable[[str], str], number: str) -> bool:
    try:
        check(number)
    except NotAnIdentifier:
        return False
    return True
