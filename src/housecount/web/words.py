"""Times, money and ages as people read them. Everything takes the moment it is asked at."""

from datetime import datetime, timedelta
from typing import NamedTuple

from housecount.core.money import format_money
from housecount.platforms.registry import SOURCES
from housecount.sync.queries import ListingCount, ShowCount

#: A show that began less than this ago still counts as tonight's.
STILL_ON = timedelta(hours=4)


class Age(NamedTuple):
    """How fresh something is: `state` is fresh, stale or gone; `words` stand on their own; `exact` is the moment."""

    state: str
    words: str
    exact: str = ""


def money(minor: int, currency: str) -> str:
    """`format_money` with a true minus sign."""
    return format_money(minor, currency).replace("-", "\N{MINUS SIGN}")


def number(value: int) -> str:
    """With thousands set apart."""
    return f"{value:,}".replace("-", "\N{MINUS SIGN}")


def signed(value: int) -> str:
    """ "+3", "−2": a change."""
    return f"{value:+,}".replace("-", "\N{MINUS SIGN}")


def platform_label(key: str) -> str:
    """The platform's name for people."""
    source = SOURCES.get(key)
    return source.label if source else key.capitalize() or "Unknown platform"


def platform_slot(key: str) -> int:
    """The number of the platform's colour and pattern on pages, from 1; 9 for one that is not known."""
    keys = list(SOURCES)
    return keys.index(key) % 5 + 1 if key in SOURCES else 9


def day(moment: datetime, now: datetime) -> str:
    """ "Fri 27 Nov", with the year when it is not this one. In the moment's own zone."""
    text = f"{moment:%a} {moment.day} {moment:%b}"
    return text if moment.year == now.astimezone(moment.tzinfo).year else f"{text} {moment.year}"


def clock(moment: datetime) -> str:
    """ "7:30 pm AEDT", in the moment's own zone."""
    return f"{moment.hour % 12 or 12}:{moment:%M} {'am' if moment.hour < 12 else 'pm'} {moment:%Z}"


def nearness(moment: datetime, now: datetime) -> str:
    """ "Tonight", "Today", "Tomorrow" by the calendar of the moment's own zone; "" further off."""
    days = (moment.date() - now.astimezone(moment.tzinfo).date()).days
    if days == 0:
        return "Tonight" if moment.hour >= 17 else "Today"
    return "Tomorrow" if days == 1 else ""


def ago(moment: datetime, now: datetime) -> str:
    """ "just now", "12 min ago", "3 h ago", "5 days ago"."""
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "just now"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min ago"
    hours = minutes // 60
    if hours < 48:
        return f"{hours} h ago"
    return f"{hours // 24} days ago"


def ahead(moment: datetime, now: datetime) -> str:
    """ "now", "in 40 s", "in 12 min", "in 3 h", "in 5 days"."""
    seconds = int((moment - now).total_seconds())
    if seconds <= 0:
        return "now"
    if seconds < 60:
        return f"in {seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"in {minutes} min"
    hours = round(minutes / 60)
    return f"in {hours} h" if hours < 48 else f"in {round(hours / 24)} days"


def exact(moment: datetime | None) -> str:
    """The moment for a `<time>` element; "" for none."""
    return moment.isoformat(timespec="seconds") if moment else ""


def listing_age(count: ListingCount, now: datetime) -> Age:
    """How fresh one listing's figures are."""
    if count.listing.gone_at is not None:
        return Age(
            "gone", f"Gone at the platform since {ago(count.listing.gone_at, now)}".replace(" ago", "")
        )
    fresh = count.freshness
    read = f"Read {ago(fresh.as_of, now)}" if fresh.as_of else "Never read"
    if fresh.stale:
        return Age("stale", f"Stale: {fresh.stale_reason}", exact(fresh.as_of))
    return Age("fresh", read, exact(fresh.as_of))


def show_age(count: ShowCount, now: datetime) -> Age:
    """How fresh a show's figures are: as fresh as its oldest listing, stale as soon as one of them is."""
    there = [listing for listing in count.listings if listing.listing.gone_at is None]
    if not there:
        return Age("gone", "Gone at every platform" if count.listings else "No listing")
    stale = [listing for listing in there if listing.freshness.stale]
    oldest = min((each.freshness.as_of for each in there if each.freshness.as_of), default=None)
    if stale:
        reasons = dict.fromkeys(
            f"{platform_label(each.platform)}: {each.freshness.stale_reason}" for each in stale
        )
        return Age("stale", f"Stale. {' '.join(reasons)}", exact(oldest))
    return Age("fresh", f"Read {ago(oldest, now)}" if oldest else "Never read", exact(oldest))
