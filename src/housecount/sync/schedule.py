"""When an account is read next. Pure: it is told the time and what was read."""

from datetime import datetime, timedelta

from msgspec import Struct

#: A full sweep proves once a day what the reads between claim.
SWEEP_EVERY = timedelta(hours=24)
#: A sweep that failed is not begun again at once: it costs as much as it did.
SWEEP_AGAIN = timedelta(hours=1)


class AccountReads(Struct, frozen=True, kw_only=True):
    """What decides when an account is read: its last runs, its last sweep, and until when it is left alone."""

    active: bool
    last_started_at: datetime | None = None
    last_full_started_at: datetime | None = None
    swept_at: datetime | None = None
    retry_at: datetime | None = None


class Due(Struct, frozen=True):
    """A read that is due now."""

    full: bool


def due(reads: AccountReads, now: datetime, every: timedelta) -> Due | None:
    """The read that is due at `now`, when accounts are read `every` so often; None when none is."""
    if not reads.active or (reads.retry_at is not None and now < reads.retry_at):
        return None
    if _older(reads.swept_at, SWEEP_EVERY, now) and _older(reads.last_full_started_at, SWEEP_AGAIN, now):
        return Due(full=True)
    if _older(reads.last_started_at, every, now) and reads.swept_at is not None:
        return Due(full=False)
    return None


def _older(moment: datetime | None, age: timedelta, now: datetime) -> bool:
    return moment is None or now - moment >= age
