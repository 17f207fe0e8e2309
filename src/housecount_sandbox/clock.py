"""Time as the sandbox sees it: a function that says what time it is, so that tests can hold it still."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

Now = Callable[[], datetime]


def system_now() -> datetime:
    """The machine's clock, aware, in UTC."""
    return datetime.now(UTC)


class MachineClock:
    """The machine's clock, set right or wrong: `advance` makes it go so much ahead, or behind, from now on."""

    def __init__(self) -> None:
        self._wrong = timedelta()

    def __call__(self) -> datetime:
        return system_now() + self._wrong

    def advance(self, **step: float) -> datetime:
        """Step by `timedelta(**step)`, forwards or backwards, and return the new time."""
        self._wrong += timedelta(**step)
        return self()


class HandClock:
    """A clock that moves only when told: `clock()` reads it, `clock.advance(...)` moves it on."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = start.astimezone(UTC)

    def __call__(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to an aware moment, forwards or backwards."""
        if moment.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = moment.astimezone(UTC)

    def advance(self, **step: float) -> datetime:
        """Move on by `timedelta(**step)` and return the new time."""
        self._now += timedelta(**step)
        return self._now


def whole_seconds(moment: datetime) -> datetime:
    """`moment` without its fraction of a second, as Eventbrite keeps times."""
    return moment.replace(microsecond=0)


def whole_millis(moment: datetime) -> datetime:
    """`moment` cut to milliseconds, as Humanitix keeps times."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def millis_text(moment: datetime) -> str:
    """`2026-03-01T08:04:11.690Z`; `moment` must already be in UTC."""
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def http_date(moment: datetime) -> str:
    """The form of the `Date` and `Retry-After` headers."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def parse_moment(text: str) -> datetime:
    """An aware UTC datetime from ISO 8601 text; ValueError when it has no zone or is no date."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC)
