"""What a question about sales is limited to, and the span it is compared with. Pure."""

from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct, structs


class Dimension(StrEnum):
    """What sales are told apart by. Days, platforms and hours are of sales as they happened; rooms, weekdays and runs
    are of shows, with all that each sold until now."""

    DAY = "day"
    PLATFORM = "platform"
    ROOM = "room"
    WEEKDAY = "weekday"
    RUN = "run"


class Per(StrEnum):
    """How long the steps of a time series are; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def next(self, day: date) -> date:
        """The first day of the step after the one that begins on `day`."""
        if self is Per.MONTH:
            return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        return day + timedelta(days=7 if self is Per.WEEK else 1)

    def start(self, day: date) -> date:
        """The first day of the step that holds `day`."""
        if self is Per.MONTH:
            return day.replace(day=1)
        return day - timedelta(days=day.weekday()) if self is Per.WEEK else day


class Filters(Struct, frozen=True, kw_only=True):
    """`since` and `until` are days, both included: of sales by the clock of their listing, of shows by that of their
    venue. One currency: amounts of two are never added up. "" and None let everything through; `run` is a run's name as
    `box_office.show_runs` has it."""

    since: date
    until: date
    currency: str
    platform: str = ""
    venue_id: UUID | None = None
    run: str = ""

    @property
    def days(self) -> int:
        """How many days the span has."""
        return (self.until - self.since).days + 1

    @property
    def per(self) -> Per:
        """Steps that make a chart that can be read."""
        if self.days <= 100:
            return Per.DAY
        return Per.WEEK if self.days <= 400 else Per.MONTH

    def before(self) -> "Filters":
        """The span of the same length just before."""
        return structs.replace(
            self, since=self.since - timedelta(days=self.days), until=self.since - timedelta(days=1)
        )

    def last_year(self) -> "Filters":
        """The same days a year before; a 29 February becomes a 28."""
        return structs.replace(self, since=year_before(self.since), until=year_before(self.until))


def year_before(day: date) -> date:
    """The same day a year before; a 29 February becomes a 28."""
    if (day.month, day.day) == (2, 29):
        return day.replace(year=day.year - 1, day=28)
    return day.replace(year=day.year - 1)
