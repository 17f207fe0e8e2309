"""How fresh a figure is, in words: as of when it is true, when it was last proved, and why it is late. Pure."""

from datetime import datetime, timedelta

from msgspec import Struct

#: Figures of a show that may still sell or be refunded are late after this; older shows are read with sweeps.
LATE = timedelta(minutes=15)
LATE_AFTERWARDS = timedelta(hours=36)
#: How long after a show refunds are still looked for in every read.
REFUND_WINDOW = timedelta(days=60)


class EventFreshness(Struct, frozen=True):
    """What `sync.models.Freshness` says of one event, or of a whole account."""

    as_of: datetime | None = None
    swept_at: datetime | None = None
    failing_since: datetime | None = None
    reason: str = ""


class ListingFreshness(Struct, frozen=True):
    """As of when a listing's figures are true (None: never read), the last sweep, and why they are stale."""

    as_of: datetime | None
    last_sweep_at: datetime | None
    stale_reason: str | None

    @property
    def stale(self) -> bool:
        return self.stale_reason is not None


def listing_freshness(
    event: EventFreshness | None,
    account: EventFreshness | None,
    *,
    account_trouble: str,
    ends_at: datetime,
    now: datetime,
) -> ListingFreshness:
    """What is known of a listing from its event's own reads and from those of its whole account.

    `account_trouble` is why the account is not read at all ("" when it is). A reason is given whenever the
    figures may not be what the platform says now; an age alone is enough.
    """
    event = event or EventFreshness()
    account = account or EventFreshness()
    swept_at = event.swept_at
    if event.reason:
        return ListingFreshness(event.as_of, swept_at, event.reason)
    # A read of the whole account says nothing of an event that was never read itself.
    as_of = max(filter(None, (event.as_of, account.as_of)), default=None) if event.as_of else None
    reason: str | None = account_trouble or account.reason
    if not reason and as_of is None:
        reason = "It was not read yet."
    if not reason and as_of is not None:
        allowed = LATE if now < ends_at + REFUND_WINDOW else LATE_AFTERWARDS
        if now - as_of > allowed:
            reason = f"It was last read {_ago(now - as_of)} ago. Is the worker running?"
    return ListingFreshness(as_of, swept_at, reason or None)


def _ago(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
