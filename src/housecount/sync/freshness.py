"""How fresh a figure is, in words: as of when it is true, when it was last proved, when it is read next, and why it
is late. Pure."""

from datetime import datetime, timedelta

from msgspec import Struct

#: A read that was due may come so much later before the figures count as stale, and so many of its intervals later
#: where these are long: a quiet show that is read every hour is not stale because a quarter of an hour passed.
LATE = timedelta(minutes=15)
LATE_TIMES = 2
#: What is read by sweeps alone may be so old.
LATE_SWEEP = timedelta(hours=36)


class EventFreshness(Struct, frozen=True):
    """What `sync.models.Freshness` and `Agenda` say of one event, or of a whole account: as of when it is true, when
    it was swept, since when and why it could not be read, when it is read next, every how many seconds and by which
    rule, and, for an account, when it is swept next. No `next_at`: by sweeps alone, or with its account."""

    as_of: datetime | None = None
    swept_at: datetime | None = None
    failing_since: datetime | None = None
    reason: str = ""
    next_at: datetime | None = None
    every: int = 0
    why: str = ""
    sweep_at: datetime | None = None


class ListingFreshness(Struct, frozen=True):
    """As of when a listing's figures are true (None: never read), the last sweep, why they are stale, and when they
    are read next (None: not by themselves, as long as nobody acts)."""

    as_of: datetime | None
    last_sweep_at: datetime | None
    stale_reason: str | None
    next_read_at: datetime | None = None

    @property
    def stale(self) -> bool:
        return self.stale_reason is not None


def listing_freshness(
    event: EventFreshness | None,
    account: EventFreshness | None,
    *,
    account_trouble: str,
    closed: bool,
    now: datetime,
) -> ListingFreshness:
    """What is known of a listing from its event's own reads and from those of its whole account.

    `account_trouble` is why the account is not read at all ("" when it is); `closed`: not even refunds are looked for
    any more, but by sweeps. A reason is given whenever the figures may not be what the platform says now; that a read
    is overdue is enough.
    """
    event = event or EventFreshness()
    account = account or EventFreshness()
    # What has no time of its own is read with its account, as long as it may change.
    row = event if event.next_at or closed else account
    next_at = None if account_trouble else row.next_at or account.sweep_at
    # A read of the whole account says nothing of an event that was never read itself.
    as_of = max(filter(None, (event.as_of, account.as_of)), default=None) if event.as_of else None
    if event.reason:
        reason: str | None = account_trouble or told(event, next_at, now)
        return ListingFreshness(event.as_of, event.swept_at, reason, next_at)
    reason = account_trouble or (told(account, account.next_at, now) if account.reason else None)
    if not reason and as_of is None:
        reason = "It was not read yet."
    if not reason and as_of is not None:
        reason = overdue(row, as_of, now)
    return ListingFreshness(as_of, event.swept_at, reason or None, next_at)


def overdue(row: EventFreshness, as_of: datetime, now: datetime) -> str | None:
    """That what `row` plans should have been read long ago; None when it is in time."""
    if row.next_at is None:
        late = now - as_of > LATE_SWEEP
    else:
        late = now - row.next_at > max(LATE, LATE_TIMES * timedelta(seconds=row.every))
    return unread(as_of, now) if late else None


def unread(as_of: datetime, now: datetime) -> str:
    """That what was last read at `as_of` should have been read again by now."""
    return f"It was last read {ago(now - as_of)} ago. Is the worker running?"


def told(row: EventFreshness, next_at: datetime | None, now: datetime) -> str:
    """Why `row` could not be read, since when, and when it is tried again."""
    words = [row.reason]
    if row.failing_since and now - row.failing_since >= timedelta(minutes=1):
        words.append(f"It has failed for {ago(now - row.failing_since)}.")
    if next_at is not None:
        words.append(f"It is tried again {f'in {ago(next_at - now)}' if next_at > now else 'any moment'}.")
    return " ".join(words)


def ago(age: timedelta) -> str:
    """A span of time in words."""
    seconds = max(0, int(age.total_seconds()))
    if seconds < 120:
        return f"{seconds} seconds"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} minutes"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
