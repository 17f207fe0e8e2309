"""How times, money and ages are said."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from housecount.web import words
from tests.web.stage import utc

NOW = utc(2026, 11, 22, 3)
MELBOURNE = ZoneInfo("Australia/Melbourne")
AUCKLAND = ZoneInfo("Pacific/Auckland")


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(hours=48), "2 days ago"),
    ],
)
def test_an_age(age: timedelta, said: str) -> None:
    assert words.ago(NOW - age, NOW) == said


def test_a_time_is_told_on_the_venues_clock() -> None:
    moment = utc(2026, 11, 27, 8, 30)
    assert words.clock(moment.astimezone(MELBOURNE)) == "7:30 pm AEDT"
    assert words.clock(moment.astimezone(AUCKLAND)) == "9:30 pm NZDT"
    assert words.day(moment.astimezone(MELBOURNE), NOW) == "Fri 27 Nov"
    assert words.day(utc(2027, 1, 2, 13).astimezone(MELBOURNE), NOW) == "Sun 3 Jan 2027"
    assert words.clock(utc(2026, 11, 27, 13, 5).astimezone(MELBOURNE)) == "12:05 am AEDT"


def test_tonight_is_the_venues_tonight() -> None:
    assert words.nearness(utc(2026, 11, 22, 8, 30).astimezone(MELBOURNE), NOW) == "Tonight"
    assert words.nearness(utc(2026, 11, 22, 3, 30).astimezone(MELBOURNE), NOW) == "Today"
    # Ten in the evening in UTC is tomorrow morning in Melbourne.
    assert words.nearness(utc(2026, 11, 22, 22).astimezone(MELBOURNE), NOW) == "Tomorrow"
    assert words.nearness(utc(2026, 11, 24, 8).astimezone(MELBOURNE), NOW) == ""


def test_money_and_changes_have_a_true_minus() -> None:
    assert words.money(-123450, "AUD") == "−A$1,234.50"
    assert words.signed(-2) == "−2"
    assert words.signed(1200) == "+1,200"


def test_platforms_have_names_and_distinct_slots() -> None:
    assert words.platform_label("humanitix") == "Humanitix"
    assert words.platform_label("") == "Unknown platform"
    slots = {words.platform_slot(key) for key in ("eventbrite", "humanitix", "unknown")}
    assert len(slots) == 3
