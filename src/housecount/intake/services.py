"""Writing the webhook log: what became of hooks, replay, and forgetting old ones. The caller sets the identity."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from housecount.box_office.ledger import AccountKey
from housecount.intake.decisions import Decision
from housecount.intake.models import Hook, Status
from housecount.intake.queries import Due, of_organisation
from housecount.sync import tally

#: Old hooks are removed in steps: no statement takes long.
STEP = 5_000
_FINISHED = (Status.DONE, Status.IGNORED)
_IDS_AT_ONCE = 1_000


def settle(of: Due, decisions: Mapping[int, Decision]) -> None:
    """Keeps what became of hooks, by their ids. One that somebody else has settled meanwhile stays as it is."""
    alike: dict[Decision, list[int]] = {}
    for key, decision in decisions.items():
        alike.setdefault(decision, []).append(key)
    counted: dict[str, int] = {}
    for decision, keys in alike.items():
        for start in range(0, len(keys), _IDS_AT_ONCE):
            some = keys[start : start + _IDS_AT_ONCE]
            here = of_organisation(of.organisation_id).filter(pk__in=some, status=Status.WAITING)
            ended = decision.status != Status.WAITING
            number = here.update(
                status=decision.status,
                outcome=decision.outcome,
                explanation=decision.explanation,
                next_try_at=decision.next_try_at,
                attempts=F("attempts") + int(decision.counted),
                handled_at=Now() if ended else None,
            )
            if ended:
                counted[f"hooks_{decision.status}"] = counted.get(f"hooks_{decision.status}", 0) + number
    if of.organisation_id is not None and of.account_id is not None:
        tally.count(of.key, **counted)


def assign(hook_ids: Collection[int], account: AccountKey) -> None:
    """Gives hooks that a relay sent to the account they are for. Acts in no organisation, as the system."""
    of_organisation(None).filter(pk__in=list(hook_ids)).update(
        organisation_id=account.organisation_id, account_id=account.account_id
    )


def replay(hooks: QuerySet[Hook]) -> int:
    """Has hooks handled again, from the start; how many. Those that wait anyway are tried at once."""
    # Their order does not matter, and an UPDATE takes none.
    return hooks.order_by().update(
        status=Status.WAITING, attempts=0, next_try_at=Now(), handled_at=None, outcome="replayed", explanation=""
    )  # fmt: skip


def dismiss(hooks: QuerySet[Hook]) -> int:
    """Has hooks that were given up rest: nothing waits for a person any more; how many. Their account is read in the
    ordinary way, so that nothing is missed by it. Replaying one begins it again."""
    return (
        hooks.order_by()
        .filter(status=Status.DEAD)
        .update(status=Status.IGNORED, next_try_at=None, handled_at=Now(), outcome="dismissed")
    )


def forget_some(organisation_id: UUID | None, before: datetime) -> int:
    """Removes hooks that ended and were received before then, at most `STEP` of them; how many. Dead ones and those
    that wait stay until they are handled."""
    here = of_organisation(organisation_id)
    old = here.filter(status__in=_FINISHED, received_at__lt=before).values_list("pk", flat=True)
    number, _ = here.filter(pk__in=list(old[:STEP])).delete()
    return number
