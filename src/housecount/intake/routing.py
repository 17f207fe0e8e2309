"""Whose a relay's hook is: it came without an account, and is given to the one that sells what it names."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Listing, Order, Ticket
from housecount.intake import decisions, services
from housecount.intake.decisions import Decision, Waiting
from housecount.intake.models import Status
from housecount.intake.queries import Due
from housecount.platforms.base.hooks import Touch
from housecount.sync.asking import ask_soon
from housecount.sync.database import DatabaseThread
from housecount.sync.models import HookDoor
from housecount.tenancy.identity import Identity


async def route(database: DatabaseThread, due: Due, hooks: Sequence[Waiting], now: datetime) -> int:
    """Gives each of `hooks` to its account, where it waits to be read. What nobody's ledger knows has every account
    of the platform read in the ordinary way. `database` acts in no organisation."""
    doors = await database.run(_doors, due.platform)
    made: dict[int, Decision] = {}
    left: list[Waiting] = []
    for hook in hooks:
        decision = decisions.at_once(hook)
        if decision is None and not doors:
            decision = decisions.ended(
                Status.IGNORED, "no_account", "No account of this platform is connected."
            )
        if decision is None:
            left.append(hook)
        else:
            made[hook.id] = decision
    if len(doors) == 1:
        await database.run(services.assign, [hook.id for hook in left], doors[0])
        left = []
    owners = await _owners(doors, {touch for hook in left for touch in hook.touches})
    by_account: dict[AccountKey, list[int]] = {}
    unknown = False
    for hook in left:
        found = list(dict.fromkeys(key for touch in hook.touches for key in owners.get(touch, ())))
        if found:
            by_account.setdefault(found[0], []).append(hook.id)
            # The same event may be sold through a second account: that one is read in its turn, soon.
            await _ask(found[1:], now)
        else:
            unknown = True
            made[hook.id] = decisions.ended(
                Status.DONE,
                "read_asked",
                "No account is known to sell what it names: an ordinary read of each was asked for.",
            )
    for key, ids in by_account.items():
        await database.run(services.assign, ids, key)
    if unknown:
        await _ask(doors, now)
    await database.run(services.settle, due, made)
    return len(hooks)


def _doors(platform: str) -> list[AccountKey]:
    rows = HookDoor.objects.filter(platform=platform).order_by("account_id")
    return [AccountKey(*row) for row in rows.values_list("organisation_id", "account_id")]


async def _owners(doors: Sequence[AccountKey], touches: Collection[Touch]) -> dict[Touch, list[AccountKey]]:
    owners: dict[Touch, list[AccountKey]] = {}
    if not touches:
        return owners
    for organisation_id in dict.fromkeys(key.organisation_id for key in doors):
        mine = {key.account_id for key in doors if key.organisation_id == organisation_id}
        async with DatabaseThread(Identity.system(organisation_id)) as database:
            found = await database.run(_known, organisation_id, mine, touches)
        for touch, account_id in found:
            owners.setdefault(touch, []).append(AccountKey(organisation_id, account_id))
    return owners


def _known(
    organisation_id: UUID, accounts: Collection[UUID], touches: Collection[Touch]
) -> list[tuple[Touch, UUID]]:
    """Which of the accounts has what is named, in one organisation."""
    here = {"organisation_id": organisation_id, "account_id__in": list(accounts)}
    tables = {
        "event": (Listing, "event_id", {touch.event_id for touch in touches if touch.event_id}),
        "order": (Order, "external_id", {touch.object_id for touch in touches if touch.kind == "order"}),
        "ticket": (Ticket, "external_id", {touch.object_id for touch in touches if touch.kind == "ticket"}),
    }
    owners: dict[tuple[str, str], list[UUID]] = {}
    for kind, (model, column, ids) in tables.items():
        if ids:
            rows = model._default_manager.filter(**here, **{f"{column}__in": list(ids)})
            for object_id, account_id in rows.values_list(column, "account_id").distinct():
                owners.setdefault((kind, object_id), []).append(account_id)
    return [
        (touch, account_id)
        for touch in touches
        for account_id in dict.fromkeys(
            (*owners.get(("event", touch.event_id), ()), *owners.get((touch.kind, touch.object_id), ()))
        )
    ]


async def _ask(keys: Sequence[AccountKey], now: datetime) -> None:
    for organisation_id in dict.fromkeys(key.organisation_id for key in keys):
        async with DatabaseThread(Identity.system(organisation_id)) as database:
            for key in keys:
                if key.organisation_id == organisation_id:
                    await database.run(ask_soon, key, now)
