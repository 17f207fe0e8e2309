"""The filter of the list of shows, as an address holds it."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict

from housecount.box_office.show_lists import ShowFilter
from housecount.box_office.show_runs import split_key

PERIODS: Final = (
    ("", "Any date"),
    ("today", "Today"),
    ("7", "Next 7 days"),
    ("30", "Next 30 days"),
    ("-30", "Last 30 days"),
    ("-365", "Last 12 months"),
)
SORTS: Final = (
    ("", "By date"),
    ("recent", "Most sold in 24 h"),
    ("sold", "Most sold"),
    ("share", "Fullest house"),
    ("gross", "Highest gross"),
)
_LONGEST_SEARCH = 100
_LAST_PAGE = 10_000


class Chosen(NamedTuple):
    """What a person chose: `wanted` for the queries, the rest as it stands in the form. `address` is the query of an
    address with the same choice, without pages."""

    wanted: ShowFilter
    text: str
    period: str
    room: str
    platform: str
    run: str
    sort: str
    address: str

    @property
    def sorts(self) -> dict[str, str]:
        """The addresses of the same choice in each other order, by its key ("date" for the usual one)."""
        query = QueryDict(self.address, mutable=True)
        addresses = {}
        for key, _ in SORTS:
            query["sort"] = key
            addresses[key or "date"] = f"?{query.urlencode()}"
        return addresses

    @property
    def choices(self) -> int:
        """How many choices beside the words of the search were made."""
        return sum(map(bool, (self.period, self.room, self.platform, self.run, self.sort)))

    @property
    def filtered(self) -> bool:
        """Whether anything is left out."""
        return self.wanted != ShowFilter()


def page_number(text: str) -> int:
    """A page's number from an address, from 1."""
    return min(int(text), _LAST_PAGE) if text.isascii() and text.isdigit() and int(text) > 0 else 1


def day_of(now: datetime, zone: str) -> datetime:
    """When the day of `now` began by the calendar of `zone`."""
    return now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


def period(name: str, now: datetime, zone: str) -> tuple[datetime | None, datetime | None]:
    """The span of a period by the calendar of `zone`: from, until."""
    today = day_of(now, zone)
    tomorrow = today + timedelta(days=1)
    if name == "today":
        return today, tomorrow
    if name not in {value for value, _ in PERIODS if value}:
        return None, None
    days = int(name)
    return (today, today + timedelta(days=days)) if days > 0 else (today + timedelta(days=days), tomorrow)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def chosen(query: QueryDict, now: datetime, zone: str) -> Chosen:
    """What `query` asks for; what it says that makes no sense is left out. `zone` is the organisation's."""

    def said(name: str, longest: int = _LONGEST_SEARCH) -> str:
        return query.get(name, "")[:longest].replace("\x00", "").strip()

    text, platform, sort, span = said("q"), said("platform", 40), said("sort"), said("period")
    since, until = period(span, now, zone)
    run_venue, run = split_key(said("run", 400))
    room = _id(said("room"))
    # A run by title has its venue: another room as well would be a contradiction, and finds nothing.
    apart = run_venue and room and run_venue != room
    address = query.copy()
    for page in ("page", "past"):
        address.pop(page, None)
    return Chosen(
        wanted=ShowFilter(
            text=text,
            since=since,
            until=until,
            venue_id=UUID(int=0) if apart else run_venue or room,
            platform=platform,
            run=run,
        ),
        text=text,
        period=span,
        room=str(room or ""),
        platform=platform,
        run=f"{run_venue or ''}:{run}" if run else "",
        sort=sort if sort in {value for value, _ in SORTS} else "",
        address=address.urlencode(),
    )
