"""Which shows are a run: several that are sold or settled together.

By itself a run is the shows of one title, whatever its case, at one venue. A person may put shows together under a name
of their own, wherever they are, and take them out again; what a person said stays. The caller owns the transaction and
the identity.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Case, CharField, F, TextField, Value, When
from django.db.models.functions import Cast, Concat, Lower, Trim

from housecount.box_office import bulk
from housecount.box_office.errors import NotPossible
from housecount.box_office.models import Show

#: Shows further apart than this are not offered as one run.
SEASON: Final = timedelta(days=365)
#: The longest name of a run.
LONGEST: Final = 200
#: Before the name of a run that a person made, and before the id of a show that a person took out of every run.
_BY_HAND, _NONE = "=", "-"
#: No more runs than this are offered to choose from, and no more shows of one are looked at.
_MOST_RUNS, _MOST_SHOWS = 200, 500


class Run(NamedTuple):
    """Several shows. `key` is what the filters of pages take; `venue` is "" where a person made it."""

    key: str
    title: str
    venue: str
    shows: int
    by_hand: bool

    @property
    def label(self) -> str:
        """What to call it."""
        return self.title if self.by_hand else f"{self.title}, {self.venue or 'no venue'}"


def run_of(title: str) -> str:
    """The name of the run that a show of this title belongs to at its venue, as long as nobody says otherwise."""
    return title.strip().lower()


def asked_run(text: str) -> str:
    """The name of a run as somebody gives it to a filter: a title, or `=` and the name of one that a person made."""
    text = text.replace("\x00", "").strip()
    return text if text.startswith(_BY_HAND) else run_of(text)


def run_sql(show: str) -> str:
    """An SQL expression: the name of the run of the row `show` of `box_office_show`. A show in no run has one alone."""
    return (
        f"CASE WHEN {show}.run IS NULL THEN lower(btrim({show}.title)) WHEN {show}.run = '' THEN '{_NONE}' || {show}.id"
        f" ELSE '{_BY_HAND}' || {show}.run END"
    )


def run_name() -> Case:
    """The same, as an expression of a query on shows."""
    return Case(
        When(run__isnull=True, then=Lower(Trim("title"))),
        When(run="", then=Concat(Value(_NONE), Cast("id", TextField()))),
        default=Concat(Value(_BY_HAND), F("run")),
        output_field=CharField(),
    )


def filter_of(show: Show) -> str:
    """What `asked_run` takes for the run of this show; "" when a person took it out of every run."""
    if show.run is None:
        return run_of(show.title)
    return f"{_BY_HAND}{show.run}" if show.run else ""


def key_of(show: Show) -> str:
    """The key of the run of this show, as in `Run`; "" when a person took it out of every run."""
    if not (name := filter_of(show)):
        return ""
    return f"{show.venue_id if show.run is None else ''}:{name}"


def split_key(key: str) -> tuple[UUID | None, str]:
    """The venue (None: anywhere) and the name of the run that `key` means; no name where it means none."""
    venue, _, name = key.partition(":")
    try:
        return UUID(venue), name
    except ValueError:
        return None, name if not venue and name.startswith(_BY_HAND) else ""


def runs(organisation_id: UUID, now: datetime) -> list[Run]:
    """The runs within a season of now, those that end last first: titles that are put on more than once at one venue,
    and what people put together."""
    found = bulk.fetch(
        f"""
        SELECT g.venue_id, g.run, g.title, coalesce(v.name, ''), g.shows
          FROM (SELECT CASE WHEN s.run IS NULL THEN s.venue_id END AS venue_id, {run_sql("s")} AS run,
                       min(coalesce(s.run, s.title)) AS title, count(*) AS shows, max(s.starts_at) AS last
                  FROM box_office_show s
                 WHERE s.organisation_id = %(organisation)s AND s.merged_into_id IS NULL
                   AND s.starts_at BETWEEN %(since)s AND %(until)s AND s.run IS DISTINCT FROM ''
                 GROUP BY 1, 2 HAVING count(*) > 1 OR max(s.run) IS NOT NULL) g
          LEFT JOIN box_office_venue v ON v.organisation_id = %(organisation)s AND v.id = g.venue_id
         ORDER BY g.last DESC, g.title LIMIT %(most)s""",  # noqa: S608 - our own expression
        {
            "organisation": organisation_id,
            "since": now - SEASON,
            "until": now + SEASON,
            "most": _MOST_RUNS,
        },
    )
    return [
        Run(f"{venue_id or ''}:{run}", title, venue, shows, venue_id is None)
        for venue_id, run, title, venue, shows in found
    ]


def shows_of(show: Show) -> list[Show]:
    """The shows of the run of this one, itself among them, with their venues, by their start; only it when it is in no
    run. Those that begin later than a season from it, or earlier, are left out."""
    name = filter_of(show)
    within = (show.starts_at - SEASON, show.starts_at + SEASON)
    found = Show.objects.filter(
        organisation_id=show.organisation_id, merged_into=None, starts_at__range=within
    )
    if not name:
        found = found.filter(pk=show.pk)
    elif show.run is None:
        found = found.annotate(run_name=run_name()).filter(run_name=name, run=None, venue_id=show.venue_id)
    else:
        found = found.filter(run=show.run)
    return list(found.select_related("venue").order_by("starts_at", "title", "id")[:_MOST_SHOWS])


def put_together(organisation_id: UUID, shows: Iterable[Show], name: str) -> str:
    """A person says that these shows are in the run `name`; returns the name as it is written from now on: a run that
    is there already keeps its own. Raises `NotPossible` for a name that is none."""
    name = " ".join(name.replace("\x00", "").split())
    if not name:
        raise NotPossible("A run needs a name. Give it one.")
    if len(name) > LONGEST:
        raise NotPossible(f"A run's name has at most {LONGEST} characters.")
    there = (
        Show.objects.filter(organisation_id=organisation_id, run__iexact=name)
        .order_by("created_at", "id")
        .first()
    )
    called = there.run if there is not None and there.run else name
    _say(organisation_id, shows, called)
    return called


def put_into(show: Show, name: str | None) -> None:
    """A person says which run one show is in: None leaves it to its title, "" is none. Raises `NotPossible`."""
    if name is None or not name.strip():
        _say(show.organisation_id, [show], None if name is None else "")
    else:
        put_together(show.organisation_id, [show], name)


def take_out(organisation_id: UUID, shows: Iterable[Show]) -> None:
    """A person says that these shows are not in their run. What they were put into by hand they leave for the run of
    their title; of that they are taken out altogether."""
    for show in shows:
        by_title = show.run is None or run_of(show.run) == run_of(show.title)
        _say(organisation_id, [show], "" if by_title else None)


def _say(organisation_id: UUID, shows: Iterable[Show], run: str | None) -> None:
    changed = [show for show in shows if show.run != run]
    Show.objects.filter(organisation_id=organisation_id, pk__in=[show.pk for show in changed]).update(run=run)
    for show in changed:
        show.run = run


def join(show: Show) -> None:
    """A show that is new goes where a person put the last one of its title at its venue, within a season. Not saved."""
    alike = (
        Show.objects.filter(
            organisation_id=show.organisation_id,
            venue_id=show.venue_id,
            merged_into=None,
            run__gt="",
            title__iexact=show.title,
            starts_at__range=(show.starts_at - SEASON, show.starts_at + SEASON),
        )
        .order_by("-starts_at", "id")
        .first()
    )
    if alike is not None:
        show.run = alike.run
