"""What Xero's webhooks hint at: which documents to read again. Nothing else of a hook is used.

A hook waits in the webhook log until what it names was read. It belongs to the organisation that is connected to the
one it names; to several, where several are. Duplicates, disorder and losses end the same: what is read is what Xero
has now, and the regular pull reads what no hook told of.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from housecount.intake import decisions, services
from housecount.intake.decisions import Decision
from housecount.intake.models import Hook, Status, Verdict
from housecount.intake.queries import Due
from housecount.platforms.http.client import Limits
from housecount.sync.database import DatabaseThread
from housecount.tenancy.identity import Identity
from housecount.xero import agenda, pulling
from housecount.xero.errors import Busy, NotConnected
from housecount.xero.models import Agenda, Connection
from housecount.xero.pulling import Now, Pulled, utc_now

PLATFORM = "xero"
#: So many hooks are given to their organisations, or followed, in one go.
_MOST = 1_000
_BUSY_PAUSE = timedelta(seconds=10)


class Named(msgspec.Struct, kw_only=True):
    """What a hook names: an object's id in Xero, its kind, and the organisation there (in `event_id`, as the log's
    other hooks name what they belong to)."""

    kind: str = ""
    object_id: str = ""
    event_id: str = ""


async def due(now: datetime) -> list[UUID]:
    """Organisations for which something is to be read: a hint came, or the regular pull is due.

    Hooks that came since are given to their organisations first; those of nobody here end as ignored.
    """
    async with DatabaseThread(Identity.system()) as database:
        others = await database.run(_give_out, now)
        for organisation_id in others:
            async with DatabaseThread(Identity.system(organisation_id)) as theirs:
                await theirs.run(agenda.ask, organisation_id, now)
        return await database.run(_due, now)


async def follow(organisation_id: UUID, *, now: Now = utc_now, limits: Limits | None = None) -> Pulled | None:
    """Read what the waiting hooks of an organisation name, and settle them; None when none is due.

    A failure leaves them waiting, or dead after many. Raises nothing but what a broken database does.
    """
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        hooks, row = await database.run(_waiting, organisation_id, now())
        if not hooks:
            return None
        made: dict[int, Decision]
        outcome: Pulled | None = None
        named = {hook.pk: _named(hook) for hook in hooks}
        ids = {each.object_id for found in named.values() for each in found}
        if row is None:
            end = decisions.ended(Status.IGNORED, "not_connected", "Xero is not connected (any more).")
            made = dict.fromkeys(named, end)
        else:
            try:
                outcome = await pulling.pull(organisation_id, only=sorted(ids), now=now, limits=limits)
                made = {hook.pk: _decide(hook, outcome, now()) for hook in hooks}
            except Busy as error:
                made = dict.fromkeys(named, decisions.wait(now() + _BUSY_PAUSE, error.code, error.message))
            except NotConnected as error:
                made = dict.fromkeys(named, decisions.ended(Status.IGNORED, error.code, error.message))
        await database.run(services.settle, Due(organisation_id, None, PLATFORM), made)
        await database.run(_rest, organisation_id, now() + agenda.HINTS_EVERY)
    return outcome


def _decide(hook: Hook, outcome: Pulled, now: datetime) -> Decision:
    if not outcome.stopped:
        return Decision(status=Status.DONE, outcome="read", explanation="What it names was read in Xero.")
    if outcome.resumes_at is not None:
        return decisions.wait(outcome.resumes_at, "limits", outcome.stopped)
    if hook.attempts + 1 >= decisions.MOST_ATTEMPTS:
        why = f"{outcome.stopped} The regular pull reads it instead."
        return Decision(status=Status.IGNORED, outcome="not_read", explanation=why)
    pause = min(decisions.LONGEST_PAUSE, decisions.FIRST_PAUSE * 4 ** min(hook.attempts, 6))
    return Decision(
        status=Status.WAITING, outcome="not_read", explanation=outcome.stopped, next_try_at=now + pause
    )


# --- In the database -----------------------------------------------------------------------------------
def _give_out(now: datetime) -> set[UUID]:
    """Give hooks that nobody has yet to their organisations; the others that they are for as well. Acts in none, as
    the system."""
    rows = list(
        Hook.objects.filter(
            platform=PLATFORM, organisation__isnull=True, status=Status.WAITING, next_try_at__lte=now
        ).order_by("next_try_at", "id")[:_MOST]
    )
    tenants = {each.event_id for hook in rows for each in _named(hook)}
    owners = agenda.of_tenants(sorted(tenants))
    made: dict[int, Decision] = {}
    others: set[UUID] = set()
    for hook in rows:
        named = _named(hook)
        if hook.verdict == Verdict.TEST:
            made[hook.pk] = decisions.ended(Status.IGNORED, "test", "Xero's test of the address: received.")
        elif not named:
            made[hook.pk] = decisions.ended(
                Status.IGNORED, "not_understood", "It names nothing that Housecount reads. Nothing is lost: Xero is "
                "read regularly."
            )  # fmt: skip
        elif not (found := [one for each in named for one in owners.get(each.event_id, ())]):
            made[hook.pk] = decisions.ended(
                Status.IGNORED, "no_connection", "It is of an organisation in Xero that nobody here is connected to."
            )  # fmt: skip
        else:
            Hook.objects.filter(pk=hook.pk, organisation__isnull=True).update(organisation_id=found[0])
            # Only one can have the row; the others read all that changed.
            others |= set(found[1:]) - {found[0]}
    services.settle(Due(None, None, PLATFORM), made)
    return others


def _due(now: datetime) -> list[UUID]:
    hinted = (
        Hook.objects.filter(
            platform=PLATFORM, organisation__isnull=False, status=Status.WAITING, next_try_at__lte=now
        )
        .order_by("organisation_id")
        .values_list("organisation_id", flat=True)
        .distinct()
    )
    resting = set(Agenda.objects.filter(hints_at__gt=now).values_list("organisation_id", flat=True))
    return list(dict.fromkeys([*agenda.due(now), *(each for each in hinted if each not in resting)]))


def _waiting(organisation_id: UUID, now: datetime) -> tuple[list[Hook], Connection | None]:
    resting = Agenda.objects.filter(organisation_id=organisation_id, hints_at__gt=now).exists()
    rows = Hook.objects.filter(
        organisation_id=organisation_id, platform=PLATFORM, status=Status.WAITING, next_try_at__lte=now
    ).order_by("next_try_at", "id")
    row = Connection.objects.filter(organisation_id=organisation_id).first()
    return ([] if resting else list(rows[:_MOST])), row


def _rest(organisation_id: UUID, until: datetime) -> None:
    Agenda.objects.filter(organisation_id=organisation_id).update(hints_at=until)


def _named(hook: Hook) -> Collection[Named]:
    touches: Any = hook.touches
    try:
        return [each for each in msgspec.convert(touches, list[Named]) if each.object_id]
    except msgspec.ValidationError:
        return []
