"""Changes that the reads of their time should have shown and did not: found, closed and written down by sweeps.

A read claims to know everything that the platform changed until its bookmark, but for the overlap in which lists
may still lag. A sweep that meets a change older than that claim has found a gap. The caller sets the identity.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from msgspec import Struct, field

from housecount.box_office.ledger import AccountKey, Change
from housecount.platforms.base.source import KnownEvent, Slice
from housecount.sync import tally
from housecount.sync.models import Gap


class Claims(Struct):
    """Until when, by event, reads had claimed to know everything when a sweep began. An event without a claim has no
    gaps. `noted` are the orders of which this sweep wrote one down already: what was missed of one order is one gap,
    not one for each of its tickets."""

    until: Mapping[str, datetime] = {}
    noted: set[str] = field(default_factory=set)

    def broken_by(self, changes: Iterable[Change]) -> list[tuple[Change, datetime]]:
        """Those of `changes` that break a claim, with the claim."""
        found = []
        for change in changes:
            until = self.until.get(change.event_id)
            if until is not None and change.changed_at < until and change.order_id not in self.noted:
                self.noted.add(change.order_id)
                found.append((change, until))
        return found


def claims(
    events: Sequence[KnownEvent],
    slices: Sequence[Slice],
    bookmarks: Mapping[str, datetime],
    lookback: timedelta,
) -> Claims:
    """What the ordinary reads that `slices` describe claim by their `bookmarks`; nothing for events of which a read
    failed, or that were never read."""
    known = {event.event_id for event in events if not event.new}
    until: dict[str, datetime] = {}
    for part in slices:
        mark = bookmarks.get(part.key)
        if mark is None:
            continue
        for event_id in known if part.event_ids is None else known.intersection(part.event_ids):
            until[event_id] = min(mark - lookback, until.get(event_id, mark))
    return Claims(until)


def record(account: AccountKey, claimed: Claims, changes: Iterable[Change], found_at: datetime) -> int:
    """Writes down which of the `changes` that were just stored are gaps, in the same transaction; how many."""
    rows = [
        Gap(
            id=uuid4(),
            organisation_id=account.organisation_id,
            account_id=account.account_id,
            event_id=change.event_id,
            kind=change.kind,
            external_id=change.external_id,
            changed_at=change.changed_at,
            covered_until=until,
            found_at=found_at,
        )
        for change, until in claimed.broken_by(changes)
    ]
    if rows:
        Gap.objects.bulk_create(rows)
        tally.count(account, gaps=len(rows))
    return len(rows)
