"""The platforms Housecount can read. Adding one is a folder beside this file and one line here."""

from collections.abc import Mapping
from typing import Final

from housecount.core.errors import HousecountError, NextStep
from housecount.platforms.base.source import TicketSource
from housecount.platforms.eventbrite.source import Eventbrite
from housecount.platforms.humanitix.source import Humanitix

SOURCES: Final[Mapping[str, TicketSource]] = {
    "eventbrite": Eventbrite(),
    "humanitix": Humanitix(),
}


class UnknownPlatform(HousecountError):
    """A platform that Housecount cannot read."""

    code = "unknown_platform"
    http_status = 404
    next_step = NextStep.ASK_A_PERSON


def source(key: str) -> TicketSource:
    """The source of the platform `key`. Raises `UnknownPlatform`, naming those there are."""
    try:
        return SOURCES[key]
    except KeyError:
        raise UnknownPlatform(
            f'"{key[:40]}" is no platform Housecount can read. There are: {", ".join(sorted(SOURCES))}.'
        ) from None
