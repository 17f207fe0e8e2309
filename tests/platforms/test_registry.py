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


def test_every_platform_says_how_a_person_connects_it() -> None:
    for made in SOURCES.values():
        assert len(made.connect_steps) >= 2
        assert all(step.endswith(".") for step in made.connect_steps)
        codes = [region.code for region in made.regions]
        assert len(set(codes)) == len(codes)
        assert all(region.name for region in made.regions)


def test_no_header_that_is_kept_could_hold_a_secret() -> None:
    for made in SOURCES.values():
        for header in made.hook_headers:
            assert header == header.lower()
            assert not any(word in header for word in ("sign", "token", "auth", "cookie", "secret", "key"))
