"""A show as a row of a list and as the head of its page: the count, ready to be written down."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from housecount.box_office.show_lists import NOT_LATELY, Recent
from housecount.insights.pace import Pace
from housecount.sync.queries import ListingCount, ShowCount
from housecount.web import words
from housecount.web.charts import Bar, Spark, bar, spark
from housecount.web.words import Age


class ShowRow(Struct, frozen=True, kw_only=True):
    """One show. Times are in the venue's zone."""

    count: ShowCount
    day: str
    clock: str
    near: str
    bar: Bar
    age: Age
    spark: Spark
    recent: Recent = NOT_LATELY
    pace: Pace | None = None


class ListingRow(Struct, frozen=True, kw_only=True):
    """One listing of a show."""

    count: ListingCount
    slot: int
    age: Age
    last_sweep: str
    link: str


def show_row(
    count: ShowCount, now: datetime, recent: Recent = NOT_LATELY, pace: Pace | None = None
) -> ShowRow:
    """The row of a show. `recent`: how it sold lately; `pace`: how it does beside others like it."""
    taken: dict[str, int] = defaultdict(int)
    for each in count.listings:
        if each.listing.gone_at is None:
            taken[each.platform] += each.figures.sold + each.figures.comps
    return ShowRow(
        count=count,
        day=words.day(count.starts_at, now),
        clock=words.clock(count.starts_at),
        near=words.nearness(count.starts_at, now),
        bar=bar(taken, count.seats),
        age=words.show_age(count, now),
        recent=recent,
        spark=spark(recent.days),
        pace=pace,
    )


def listing_rows(count: ShowCount, now: datetime) -> Sequence[ListingRow]:
    """The rows of a show's listings; those that are gone come last."""
    ordered = sorted(count.listings, key=lambda each: (each.listing.gone_at is not None, each.platform))
    return [
        ListingRow(
            count=each,
            slot=words.platform_slot(each.platform),
            age=words.listing_age(each, now),
            last_sweep=words.ago(each.freshness.last_sweep_at, now)
            if each.freshness.last_sweep_at
            else "never",
            link=each.listing.url if each.listing.url.startswith("https://") else "",
        )
        for each in ordered
    ]
