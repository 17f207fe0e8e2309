"""Reading the webhook log. Each runs as whoever acts, and sees what they may see."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Count, Min, QuerySet

from housecount.box_office import bulk
from housecount.box_office.ledger import AccountKey
from housecount.intake.decisions import Waiting
from housecount.intake.models import Hook, Status
from housecount.platforms import registry
from housecount.platforms.base.hooks import Touch

#: So many hooks of one account are handled in one go.
MOST_AT_ONCE = 2_000
_LONGEST_BODY = 20_000


class Due(NamedTuple):
    """Hooks that are due at one account; without one where a relay sent them and nobody knows yet whose they are."""

    organisation_id: UUID | None
    account_id: UUID | None
    platform: str

    @property
    def key(self) -> AccountKey:
        """The account, where it is known."""
        assert self.organisation_id is not None
        assert self.account_id is not None
        return AccountKey(self.organisation_id, self.account_id)


def of_organisation(organisation_id: UUID | None) -> QuerySet[Hook]:
    """Its hooks; without one, those that a relay sent and whose account is not known."""
    if organisation_id is None:
        return Hook.objects.filter(organisation_id__isnull=True)
    return Hook.objects.filter(organisation_id=organisation_id)


def database_time() -> datetime:
    """The database's clock."""
    [(now,)] = bulk.fetch("SELECT clock_timestamp()", [])
    moment: datetime = now
    return moment


def due(now: datetime) -> list[Due]:
    """Where hooks of ticketing platforms are due at `now`, the longest waiting first. Acts in no organisation, as the
    system. The books' own hooks are followed by whoever reads the books."""
    rows = (
        Hook.objects.filter(status=Status.WAITING, next_try_at__lte=now, platform__in=registry.SOURCES)
        .values_list("organisation_id", "account_id", "platform")
        .annotate(since=Min("next_try_at"))
        .order_by("since")
    )
    return [Due(*row[:3]) for row in rows]


def next_due(now: datetime) -> datetime | None:
    """When the next hook that waits will be due after `now`. Acts as `due`."""
    later = Hook.objects.filter(status=Status.WAITING, next_try_at__gt=now, platform__in=registry.SOURCES)
    return later.order_by("next_try_at").values_list("next_try_at", flat=True).first()


def waiting(of: Due, now: datetime) -> list[Waiting]:
    """The hooks that are due there, the longest waiting first, `MOST_AT_ONCE` of them."""
    here = of_organisation(of.organisation_id).filter(
        platform=of.platform, status=Status.WAITING, next_try_at__lte=now
    )
    here = (
        here.filter(account_id__isnull=True)
        if of.account_id is None
        else here.filter(account_id=of.account_id)
    )
    rows = here.order_by("next_try_at", "id").only(
        "id", "received_at", "webhook_id", "action", "verdict", "touches", "attempts", "headers"
    )
    return [
        Waiting(
            id=row.pk,
            received_at=row.received_at,
            webhook_id=row.webhook_id,
            action=row.action,
            verdict=row.verdict,
            touches=_touches(row.touches),
            attempts=row.attempts,
            relayed="x-platform" in row.headers,
        )
        for row in rows[:MOST_AT_ONCE]
    ]


def _touches(kept: object) -> tuple[Touch, ...]:
    try:
        return msgspec.convert(kept, tuple[Touch, ...])
    except msgspec.ValidationError:
        return ()


def hooks_of(
    organisation_id: UUID | None,
    *,
    account_id: UUID | None = None,
    statuses: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    object_id: str = "",
) -> QuerySet[Hook]:
    """The organisation's hooks (without one: those whose account is not known), the newest first."""
    found = of_organisation(organisation_id).order_by("-received_at", "-id")
    if account_id is not None:
        found = found.filter(account_id=account_id)
    if statuses:
        found = found.filter(status__in=list(statuses))
    if since is not None:
        found = found.filter(received_at__gte=since)
    if until is not None:
        found = found.filter(received_at__lt=until)
    if object_id:
        found = found.filter(touches__contains=[{"object_id": object_id}])
    return found


def counts(organisation_id: UUID) -> dict[str, int]:
    """How many hooks of the organisation have each status."""
    rows = Hook.objects.filter(organisation_id=organisation_id).values("status").annotate(number=Count("pk"))
    return {row["status"]: row["number"] for row in rows}


def document(hook: Hook, slugs: dict[UUID, str]) -> dict[str, Any]:
    """A hook as the command shows it; its organisation by its slug."""
    return {
        "id": hook.pk,
        "organisation": slugs.get(hook.organisation_id) if hook.organisation_id else None,
        "account": hook.account_id,
        "platform": hook.platform,
        "received_at": hook.received_at.isoformat(),
        "action": hook.action,
        "verdict": hook.verdict,
        "status": hook.status,
        "attempts": hook.attempts,
        "next_try_at": hook.next_try_at.isoformat() if hook.next_try_at else None,
        "handled_at": hook.handled_at.isoformat() if hook.handled_at else None,
        "outcome": hook.outcome,
        "explanation": hook.explanation,
        "touches": hook.touches,
    }


_TOKEN = re.compile(r"(/hooks/[\w-]{1,40}/)[\w.~-]{8,}", re.ASCII)


def readable_body(hook: Hook) -> str:
    """The body as text. Secrets and addresses were taken out before it was stored; what cannot be shown is replaced."""
    text = bytes(hook.body).decode("utf-8", "replace")
    shown = "".join(
        character if character.isprintable() or character in "\n\t" else "�" for character in text
    )
    shown = _TOKEN.sub(r"\1[token]", shown)
    return shown if len(shown) <= _LONGEST_BODY else shown[:_LONGEST_BODY] + "… (cut off here)"
