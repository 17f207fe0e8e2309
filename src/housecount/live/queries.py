"""Reading the change feed. Each runs as whoever acts, and sees what they may see: acts see nothing of it."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from housecount.live.errors import CursorTooOld
from housecount.live.models import Changed, Counter

#: The most changes that are handed over at a time.
MOST = 1_000


class Change(NamedTuple):
    """One thing that changed: read it anew, or forget it when `removed`. `sequence` is the cursor after it."""

    sequence: int
    kind: str
    id: str
    removed: bool
    at: datetime


def latest(organisation_id: UUID) -> int:
    """The cursor now: what is committed after this call comes after it. 0 before the first change."""
    found = Counter.objects.filter(organisation_id=organisation_id).values_list("last", flat=True).first()
    return found or 0


def changes_since(organisation_id: UUID, cursor: int, limit: int = MOST) -> tuple[list[Change], int]:
    """The changes after `cursor`, at most `limit` (1 to `MOST`) of them, in the order of their commits; and the
    cursor to go on from. None are left out and none come twice, whatever else is being written.

    Raises `CursorTooOld` when changes after it are not kept any more, or when it lies ahead of every change, as after
    a database was put back to an earlier state: then read everything anew, and go on from `latest`.
    """
    limit = max(1, min(limit, MOST))
    # The changes first: what is forgotten between the two questions is noticed by the second.
    rows = list(
        Changed.objects.filter(organisation_id=organisation_id, sequence__gt=cursor)
        .order_by("sequence")
        .values_list("sequence", "kind", "ids", "removed", "at")[:limit]
    )
    counter = Counter.objects.filter(organisation_id=organisation_id).values_list("last", "forgotten").first()
    last, forgotten = counter or (0, 0)
    if cursor < forgotten or cursor > last:
        raise CursorTooOld(
            "Changes are kept for 30 days, and this cursor is older than that or not one of ours. Read everything"
            " that you keep anew, then follow from the cursor that is given without one."
        )
    changes: list[Change] = []
    for sequence, kind, ids, removed, at in rows:
        first = sequence - len(ids) + 1
        changes += [
            Change(number, kind, id_, removed, at)
            for number, id_ in enumerate(ids, first)
            if number > cursor and number <= cursor + limit
        ]
        if len(changes) == limit:
            break
    return changes, changes[-1].sequence if changes else cursor
