"""The filter of the analytics pages, as an address holds it."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict

from housecount.box_office.show_runs import split_key
from housecount.insights.filters import Filters

PERIODS: Final = (
    ("7", "Last 7 days"),
    ("30", "Last 30 days"),
    ("90", "Last 90 days"),
    ("365", "Last 12 months"),
    ("month", "This month"),
    ("last-month", "Last month"),
    ("year", "This year"),
    ("last-year", "Last year"),
    ("all", "Everything"),
    ("custom", "From … to …"),
)
COMPARED: Final = (("before", "the days before"), ("year", "a year before"), ("none", "nothing"))
USUAL_PERIOD: Final = "90"
#: Shows are put on sale no longer ahead than this; "everything" ends there.
_AHEAD: Final = timedelta(days=3 * 366)
_EARLIEST, _LATEST = date(1990, 1, 1), date(2199, 12, 31)


class Chosen(NamedTuple):
    """What a person chose: `filters` for the queries, `before` what they are compared with (None: nothing), the rest
    as it stands in the form. `address` is the query of an address with the same choice."""

    filters: Filters
    before: Filters | None
    period: str
    compared: str
    room: str
    run: str
    address: str

    @property
    def narrowed(self) -> bool:
        """Whether more is left out than by the span."""
        return bool(self.filters.platform or self.room or self.run)


def chosen(
    query: QueryDict,
    now: datetime,
    zone: str,
    currencies: Sequence[str],
    first: date | None,
    *,
    of_shows: bool,
) -> Chosen:
    """The choice that an address holds; what it holds that makes no sense is left out. `zone`: whose calendar the
    span is of. `first`: the day of the first sale. `of_shows`: days are those of shows, which may lie ahead."""
    today = now.astimezone(ZoneInfo(zone)).date()
    period = _one_of(query.get("period", ""), [value for value, _ in PERIODS], USUAL_PERIOD)
    since, until = _span(period, query, today, first, of_shows=of_shows)
    compared = _one_of(query.get("compared", ""), [value for value, _ in COMPARED], "before")
    venue_id = _uuid(query.get("room", ""))
    run_venue_id, run = split_key(query.get("run", "").replace("\x00", "")[:400])
    filters = Filters(
        since=since,
        until=until,
        currency=_one_of(query.get("currency", ""), currencies, currencies[0] if currencies else ""),
        platform=query.get("platform", "").replace("\x00", "")[:40],
        # A run is at one venue, or at those of the shows that a person chose.
        venue_id=run_venue_id if run else venue_id,
        run=run,
    )
    before = None
    if period != "all" and compared != "none" and filters.days < 20 * 366:
        before = filters.before() if compared == "before" else filters.last_year()
    room = str(venue_id) if venue_id is not None and not run else ""
    kept = {
        "period": period, "from": since.isoformat(), "to": until.isoformat(), "compared": compared,
        "platform": filters.platform, "room": room, "run": f"{run_venue_id or ''}:{run}" if run else "",
        "currency": filters.currency if len(currencies) > 1 else "",
    }  # fmt: skip
    usual = {"period": USUAL_PERIOD, "compared": "before"}
    if period != "custom":
        del kept["from"], kept["to"]
    address = urlencode({key: value for key, value in kept.items() if value and usual.get(key) != value})
    return Chosen(filters, before, period, compared, room, kept["run"], address)


def _span(
    period: str, query: QueryDict, today: date, first: date | None, *, of_shows: bool
) -> tuple[date, date]:
    month = today.replace(day=1)
    if period == "month":
        return month, today
    if period == "last-month":
        last = month - timedelta(days=1)
        return last.replace(day=1), last
    if period == "year":
        return month.replace(month=1), today
    if period == "last-year":
        return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)
    if period == "all":
        return min(first or today, today), today + _AHEAD if of_shows else today
    if period == "custom":
        since = _day(query.get("from", ""), today - timedelta(days=89))
        until = _day(query.get("to", ""), today)
        return min(since, until), max(since, until)
    return today - timedelta(days=int(period) - 1), today


def _one_of(text: str, values: Collection[str], usual: str) -> str:
    return text if text in values else usual


def _day(text: str, usual: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return usual
    return min(max(day, _EARLIEST), _LATEST)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
