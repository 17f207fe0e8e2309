"""The addresses at which accounts' webhooks arrive, and the webhooks that platforms have for them.

A webhook is ours when its address ends in our path with the account's secret token; of others nothing is
touched. What is found is kept in the account's `HookDoor`: its ids tell our deliveries from strangers'.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import F

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.core.errors import HousecountError
from housecount.installation import environment
from housecount.platforms import registry
from housecount.platforms.base.errors import Transient
from housecount.platforms.base.hooks import Webhook, Webhooks
from housecount.platforms.base.source import TicketSource
from housecount.platforms.http.client import Client
from housecount.sync.clients import ClientOf, client_for, hasty_client
from housecount.sync.database import DatabaseThread
from housecount.sync.models import HookDoor
from housecount.sync.reader import Now, utc_now
from housecount.sync.store import load_account
from housecount.tenancy import crypto
from housecount.tenancy.identity import Identity

logger = logging.getLogger(__name__)

#: How often a platform is asked whether our webhook is still there, and how soon after something went wrong.
EVERY = timedelta(days=1)
AGAIN = timedelta(hours=1)
#: Accounts are asked at different times of the day: each a little later than a day after it was asked last.
SPREAD = timedelta(hours=2)
#: So many accounts are checked in one go.
AT_ONCE = 50
#: What stands in for the public address while there is none.
LOCAL_URL = "http://localhost:8000"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Door(NamedTuple):
    """How an account's webhook is: whether the platform has it, and what is wrong, readable, or ""."""

    registered: bool
    trouble: str = ""


def path_of(account: Account) -> str:
    """The path of the account's webhook, with its secret token: never to be logged."""
    return f"/hooks/{account.platform}/{crypto.decrypt(account.hook_token).reveal()}"


def address_of(account: Account) -> str:
    """Where the platform or a relay reaches the account's webhook; at `LOCAL_URL` while no public address is set."""
    return f"{environment.load().public_url or LOCAL_URL}{path_of(account)}"


def unreachable_port(source: TicketSource) -> str:
    """What is wrong with the port of the public address for `source`, readable; "" when nothing is, or it has no
    webhooks."""
    public_url = environment.load().public_url
    if public_url is None or source.webhooks is None or not source.webhooks.default_ports_only:
        return ""
    parts = urlsplit(public_url)
    if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) or parts.hostname in (
        "localhost",
        "127.0.0.1",
        "::1",
    ):
        return ""
    return (
        f"HOUSECOUNT_PUBLIC_URL names port {parts.port}. {source.label} reaches default ports only: its webhooks will "
        "not arrive until Housecount is reached without a port in its address."
    )


def no_public_address() -> str:
    """What is to be done about an address that only this machine knows, readable; "" when a public one is set."""
    if environment.load().public_url is not None:
        return ""
    return (
        f"{LOCAL_URL} in it has to be replaced by the address at which the world reaches this Housecount: set "
        "HOUSECOUNT_PUBLIC_URL."
    )


async def ensure_webhooks(
    account_key: AccountKey, *, client_of: ClientOf = hasty_client, now: Now = utc_now
) -> Door:
    """Sees to it that the platform tells this account's changes to our public address, once and completely: what is
    missing is added, what is out of date replaced, doubles are removed. Without a public address it only learns
    the ids of what a person entered by hand. What the platform refuses is in the answer, not raised."""
    return await _work(account_key, _repaired, client_of, now)


async def learn(account_key: AccountKey, *, client_of: ClientOf = hasty_client, now: Now = utc_now) -> Door:
    """Looks which ids our webhook has at the platform, and changes nothing there."""
    return await _work(account_key, _found, client_of, now)


async def remove_webhooks(account_key: AccountKey, *, client_of: ClientOf = hasty_client) -> Door:
    """Takes our webhook away at the platform, as far as that can be done."""
    return await _work(account_key, _removed, client_of, utc_now)


def state_of(account: Account) -> Door:
    """What is known of the account's webhook. The caller sets the identity."""
    door = _door(AccountKey(account.organisation_id, account.pk))
    return Door(False) if door is None else Door(bool(door.webhook_ids) and not door.trouble, door.trouble)


def open_door(account: Account, token: str) -> None:
    """Lets hooks for a new account in. The caller sets the identity."""
    HookDoor.objects.create(
        organisation_id=account.organisation_id,
        account=account,
        platform=account.platform,
        token_hash=sha256(token.encode()).digest(),
    )


async def check_due(now: datetime, *, client_of: ClientOf = hasty_client) -> int:
    """Checks the webhooks that were not looked at for a day; how many. One that fails keeps nobody waiting."""
    async with DatabaseThread(Identity.system()) as database:
        due = await database.run(_due, now)
    for key in due:
        door = await ensure_webhooks(key, client_of=client_of, now=lambda: now)
        if door.trouble:
            logger.warning("the webhook of account %s is not as it should be", key.account_id)
    return len(due)


def _due(now: datetime) -> list[AccountKey]:
    with_webhooks = [key for key, source in registry.SOURCES.items() if source.webhooks is not None]
    doors = HookDoor.objects.filter(platform__in=with_webhooks)
    # Whoever waited longest first: those that fail at every try keep nobody else waiting.
    rows = doors.order_by(F("checked_at").asc(nulls_first=True)).values_list(
        "organisation_id", "account_id", "checked_at", "trouble"
    )
    return [
        AccountKey(organisation_id, account_id)
        for organisation_id, account_id, checked_at, trouble in rows
        if checked_at is None or now >= checked_at + (AGAIN if trouble else EVERY + _later(account_id))
    ][:AT_ONCE]


def _later(account_id: UUID) -> timedelta:
    return SPREAD * (account_id.int % 1000) / 1000


_Job = Callable[[Webhooks, Client, Account], Awaitable[list[str]]]


async def _work(account_key: AccountKey, job: _Job, client_of: ClientOf, now: Now) -> Door:
    async with DatabaseThread(Identity.system(account_key.organisation_id)) as database:
        account, door = await database.run(_load, account_key)
        if account is None or door is None or account.state == AccountState.DISCONNECTED:
            return Door(False)
        webhooks = registry.source(account.platform).webhooks
        if webhooks is None:
            return Door(False)
        found: list[str] | None = None
        trouble = ""
        try:
            async with client_for(account, client_of) as client:
                found = await job(webhooks, client, account)
        except HousecountError as error:
            trouble = error.message
        await database.run(_keep, account_key, found, now(), trouble)
    return Door(bool(found) and not trouble, trouble)


def _load(account_key: AccountKey) -> tuple[Account | None, HookDoor | None]:
    return load_account(account_key.account_id), _door(account_key)


def _door(key: AccountKey) -> HookDoor | None:
    return HookDoor.objects.filter(organisation_id=key.organisation_id, account_id=key.account_id).first()


def _keep(key: AccountKey, webhook_ids: list[str] | None, now: datetime, trouble: str) -> None:
    here = HookDoor.objects.filter(organisation_id=key.organisation_id, account_id=key.account_id)
    if webhook_ids is None:
        here.update(checked_at=now, trouble=trouble)
    else:
        here.update(checked_at=now, trouble=trouble, webhook_ids=webhook_ids)


async def _ours(webhooks: Webhooks, client: Client, account: Account, organisation_id: str) -> list[Webhook]:
    path = path_of(account)
    listed = await webhooks.listed(client, organisation_id)
    return sorted(
        (each for each in listed if urlsplit(each.url).path.endswith(path)), key=lambda each: each.webhook_id
    )


async def _found(webhooks: Webhooks, client: Client, account: Account) -> list[str]:
    found: dict[str, None] = {}
    for organisation_id in account.organisation_ids:
        for each in await _ours(webhooks, client, account, organisation_id):
            found[each.webhook_id] = None
    return list(found)


async def _removed(webhooks: Webhooks, client: Client, account: Account) -> list[str]:
    for webhook_id in await _found(webhooks, client, account):
        await webhooks.remove(client, webhook_id)
    return []


async def _repaired(webhooks: Webhooks, client: Client, account: Account) -> list[str]:
    if environment.load().public_url is None:
        return await _found(webhooks, client, account)
    kept: dict[str, None] = {}
    for organisation_id in account.organisation_ids:
        ours = await _ours(webhooks, client, account, organisation_id)
        good = _good(webhooks, ours, account)
        if not good:
            good = [await _added(webhooks, client, account, organisation_id)]
        kept[good[0].webhook_id] = None
        # Last, so that no moment passes without one.
        for each in ours:
            if each.webhook_id not in kept:
                await webhooks.remove(client, each.webhook_id)
    return list(kept)


def _good(webhooks: Webhooks, ours: Sequence[Webhook], account: Account) -> list[Webhook]:
    address = address_of(account)
    return [each for each in ours if each.url == address and webhooks.complete(each)]


async def _added(webhooks: Webhooks, client: Client, account: Account, organisation_id: str) -> Webhook:
    try:
        return await webhooks.add(client, organisation_id, address_of(account))
    except Transient:
        # It may have been made all the same, and only the answer was lost.
        made = _good(webhooks, await _ours(webhooks, client, account, organisation_id), account)
        if not made:
            raise
        return made[0]
