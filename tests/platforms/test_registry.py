"""The list of platforms."""

import pytest

from housecount.platforms.base.source import TicketSource
from housecount.platforms.registry import SOURCES, UnknownPlatform, source


def test_every_platform_is_there_under_its_own_key() -> None:
    found: dict[str, TicketSource] = dict(SOURCES)
    assert sorted(found) == ["eventbrite", "humanitix"]
    assert all(key == made.key and source(key) is made and made.label for key, made in found.items())


def test_every_platform_needs_exactly_one_secret() -> None:
    for made in SOURCES.values():
        assert [(setting.name, setting.secret) for setting in made.settings] == [("api_key", True)]


def test_an_unknown_platform_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownPlatform, match=r'"trybooking" is no platform .* eventbrite, humanitix\.'):
        source("trybooking")
