"""Whether two listings are the same show: a score of 0 to 100 with the reasons that add up to it.

Three things are looked at: when it starts, where it is, and what it is called. A wrong link mixes the money
of two shows, a missed one costs a person one click; so a match is *sure* only when all three agree and
nothing speaks against it. Sources of the rules: doors and show time are often entered for one another, an
early and a late show share everything but the time, and a touring title plays many towns on one night.
"""

from collections.abc import Hashable, Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from housecount.core.titles import compare_titles
from housecount.core.venues import compare_places

K = TypeVar("K", bound=Hashable)

#: What each part can give; together 100. The title weighs most because a venue and a start are shared by
#: every show of a festival bar's evening.
TITLE_POINTS = 50
#: Up to so many minutes apart gives so many points. 5: rounding by hand. 15 and 30: doors against show time,
#: still good enough beside an equal title and venue. 60 and 90: only a person can tell.
START_POINTS = ((5, 30), (15, 26), (30, 22), (60, 12), (90, 5))
PLACE_POINTS = {
    "venue_same": 20,
    # One name holds the other: a room, a city or an address added.
    "venue_within": 16,
    # No venue on one side, but both name the same city.
    "venue_city_only": 12,
    "venue_unknown": 8,
    # Some words shared, others contradict: two rooms of one house, or one name in two cities.
    "venue_unclear": 5,
    "same_name_other_city": 5,
    "city_differs": 0,
    "venue_differs": 0,
    "venue_and_city_differ": 0,
}

#: Sure needs all three parts: an equal title with the venue written longer, half an hour apart, just gets
#: there (50 + 22 + 16); an hour apart never does (50 + 12 + 20).
SURE = 88
#: Above what venue and start alone can give: some of the title must agree before a person is asked.
DOUBTFUL = 55
#: By how much the best must beat the second best. Half an hour is worth 8: two shows that close are a
#: question for a person, an hour (18) is not.
MARGIN = 10
#: What a person is shown at most.
MOST_SUGGESTIONS = 5

#: A show that starts up to now belongs to the night before.
_NIGHT_ENDS = time(4)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class Subject(NamedTuple):
    """What is known of a listing or a show. `starts_at` is aware; `timezone` is an IANA name; "" is unknown."""

    title: str
    starts_at: datetime
    timezone: str
    venue_name: str = ""
    venue_city: str = ""


class Verdict(StrEnum):
    """What to do with a match: link it, ask a person, or leave it."""

    SURE = "sure"
    DOUBTFUL = "doubtful"
    NO = "no"


class Reason(NamedTuple):
    """One part of a score: a stable code, its points (below zero where it takes away), a sentence to show."""

    code: str
    points: int
    sentence: str


class Match(NamedTuple):
    """`score` is 0 to 100 and the sum of the points of `reasons`; `verdict` follows from it alone."""

    score: int
    verdict: Verdict
    reasons: tuple[Reason, ...]


class Suggestion(NamedTuple, Generic[K]):
    """A candidate and how well it matches."""

    key: K
    match: Match


class Choice(NamedTuple, Generic[K]):
    """What was chosen among candidates.

    `sure`: `suggestions[0]` is the one. `doubtful`: a person chooses among `suggestions`, the best first.
    `no`: there is none and `suggestions` is empty.
    """

    verdict: Verdict
    suggestions: tuple[Suggestion[K], ...]

    @property
    def key(self) -> K | None:
        """The key of the one to link, None unless sure."""
        return self.suggestions[0].key if self.verdict is Verdict.SURE else None


def score(a: Subject, b: Subject) -> Match:
    """How surely `a` and `b` are the same show. The same for (b, a), but for the order of names in sentences.

    Raises ValueError for a start without a time zone.
    """
    start = _compare_starts(a, b)
    if start.points == 0:
        return Match(0, Verdict.NO, (start,))
    same_start = start.points == START_POINTS[0][1]
    place = compare_places(a.venue_name, a.venue_city, b.venue_name, b.venue_city)
    title = compare_titles(a.title, b.title, place.mentions)
    equal = title.percent == 100
    reasons = [
        start,
        Reason(title.code, TITLE_POINTS * title.percent // 100, title.sentence),
        Reason(place.code, PLACE_POINTS[place.code], place.sentence),
    ]
    doubts = list(title.doubts)
    if title.slot and not same_start:
        doubts.append(("title_slot", f"only one title says {title.slot}, and the starts differ"))
    if place.doubt:
        doubts.append((place.code, place.doubt))
    elif place.code == "venue_city_only" and not (equal and title.telling):
        doubts.append(("venue_unknown", "the titles are not telling enough without a venue"))
    # Another venue in the same city: only an equal title at the same start may be a venue entered wrongly.
    elsewhere = place.code == "venue_differs" and not (equal and same_start)
    if elsewhere or place.code == "venue_and_city_differ":
        reasons.append(_held_below(DOUBTFUL, reasons, "Ruled out", [(place.code, place.doubt)]))
    elif doubts:
        reasons.append(_held_below(SURE, reasons, "For a person to decide", doubts))
    points = sum(reason.points for reason in reasons)
    return Match(points, verdict_of(points), tuple(reasons))


def verdict_of(points: int) -> Verdict:
    """The verdict of a score of 0 to 100."""
    if points >= SURE:
        return Verdict.SURE
    return Verdict.DOUBTFUL if points >= DOUBTFUL else Verdict.NO


def choose(listing: Subject, candidates: Iterable[tuple[K, Subject]]) -> Choice[K]:
    """The candidate that is the same show as `listing`, when one is clearly it.

    A key may be given several times, once for each listing of its show: its best match counts. Sure only when
    the best match is sure and the second best is behind by `MARGIN`. Equal scores keep the given order.
    """
    best: dict[K, Match] = {}
    for key, candidate in candidates:
        match = score(listing, candidate)
        if match.verdict is not Verdict.NO and (key not in best or match.score > best[key].score):
            best[key] = match
    ranked = sorted((Suggestion(key, match) for key, match in best.items()), key=lambda s: -s.match.score)
    if not ranked:
        return Choice(Verdict.NO, ())
    clear = len(ranked) == 1 or ranked[0].match.score - ranked[1].match.score >= MARGIN
    sure = clear and ranked[0].match.verdict is Verdict.SURE
    return Choice(Verdict.SURE if sure else Verdict.DOUBTFUL, tuple(ranked[:MOST_SUGGESTIONS]))


def night_of(starts_at: datetime, timezone: str) -> date:
    """The night a show belongs to, in its own time zone: until 04:00 it is the night before."""
    return _night(_local(starts_at, _zone(timezone) or UTC))


def _held_below(limit: int, reasons: list[Reason], what: str, why: list[tuple[str, str]]) -> Reason:
    """A reason that keeps the sum of `reasons` under `limit`: its code is that of the first cause."""
    excess = sum(reason.points for reason in reasons) - (limit - 1)
    sentence = f"{what}: {'; '.join(cause for _, cause in why)}"
    return Reason(f"held_{why[0][0]}", min(0, -excess), sentence)


def _compare_starts(a: Subject, b: Subject) -> Reason:
    """The start's part; no points at all where it alone rules the match out."""
    for subject in (a, b):
        if subject.starts_at.tzinfo is None:
            raise ValueError("starts_at must be an aware datetime.")
    zones: list[tzinfo] = [zone for zone in (_zone(a.timezone), _zone(b.timezone)) if zone] or [UTC]
    here = zones[0]
    mine, theirs = _local(a.starts_at, here), _local(b.starts_at, here)
    # In UTC: two times of one zone subtract by the clock, wrong over a change to daylight saving.
    apart = abs(a.starts_at.astimezone(UTC) - b.starts_at.astimezone(UTC))
    if not any(_night(_local(a.starts_at, zone)) == _night(_local(b.starts_at, zone)) for zone in zones):
        return Reason("night_differs", 0, f"Different nights: {_day(mine)} / {_day(theirs)}")
    points = next((points for limit, points in START_POINTS if apart <= timedelta(minutes=limit)), 0)
    minutes = apart // timedelta(minutes=1)
    if points == START_POINTS[0][1]:
        off = f", {minutes} min apart" if minutes else ""
        return Reason("start_same", points, f"Same start, {_day(mine)} {_clock(mine)}{off}{_abroad(a, b)}")
    code = "start_near" if points else "start_differs"
    sentence = f"Starts {minutes} min apart, {_clock(mine)} / {_clock(theirs)} on {_day(min(mine, theirs))}"
    return Reason(code, points, sentence + _abroad(a, b))


def _abroad(a: Subject, b: Subject) -> str:
    """What each side's own clock says, where the clocks differ."""
    own = [(_local(s.starts_at, zone), s.timezone) for s in (a, b) if (zone := _zone(s.timezone))]
    if len(own) < 2 or own[0][0].utcoffset() == own[1][0].utcoffset():
        return ""
    return " (" + " / ".join(f"{_clock(local)} in {name}" for local, name in own) + ")"


def _night(local: datetime) -> date:
    return local.date() - timedelta(days=1) if local.time() <= _NIGHT_ENDS else local.date()


def _day(local: datetime) -> str:
    # Not strftime's names: they follow the machine's locale.
    return f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"


def _clock(local: datetime) -> str:
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def _local(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:  # the first and the last day of the calendar
        return moment


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo | None:
    """None for a name that is no time zone: the other side's is used, or UTC."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
