"""Connecting accounts: a key is checked with its platform before it is kept, and kept encrypted."""

import asyncio
import secrets
from collections.abc import Sequence
from uuid import UUID

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.installation import environment
from housecount.platforms import registry
from housecount.platforms.base.source import CheckResult, TicketSource
from housecount.platforms.http.budget import LocalBreaker, LocalBudget
from housecount.platforms.http.client import Client
from housecount.sync import agenda, doors
from housecount.sync.clients import ClientOf, profile_of
from housecount.sync.database import DatabaseThread
from housecount.sync.errors import AlreadyConnected, UnknownAccount
from housecount.sync.models import HookDoor
from housecount.sync.progress import utc_now
from housecount.tenancy import crypto
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity, Role, acting_as


async def check(
    source: TicketSource, secret: Secret, regions: Sequence[str], client_of: ClientOf = Client
) -> CheckResult:
    """What the key opens. Raises a `PlatformError`: `ConfigError` when it opens nothing."""
    profile = profile_of(source, secret)
    async with client_of(
        profile, LocalBudget(profile.rate, label=source.label), LocalBreaker(label=source.label)
    ) as client:
        return await source.check(client, regions)


async def connect(
    organisation_id: UUID,
    platform: str,
    secret: Secret,
    *,
    name: str = "",
    regions: Sequence[str] = (),
    by: UUID | None = None,
    client_of: ClientOf = Client,
) -> Account:
    """A new account, after its key was checked; with a public address, its webhook is registered too. That this failed
    is told by `doors.state_of` and tried again later. `by` is the user who asked for it, for the audit log;
    `client_of` makes the client that checks the key. Raises a `PlatformError`, or `AlreadyConnected`."""
    source = registry.source(platform)
    result = await check(source, secret, regions, client_of)
    async with DatabaseThread(_engine(organisation_id, by)) as database:
        account = await database.run(_create, organisation_id, source, secret, name, result)
    await _register(account)
    return account


def _engine(organisation_id: UUID, by: UUID | None) -> Identity:
    return Identity(Role.SYSTEM, organisation_id, by)


async def _register(account: Account) -> None:
    # A new token is known to nobody yet: without a public address there is nothing to look for.
    if environment.load().public_url is not None:
        await doors.ensure_webhooks(AccountKey(account.organisation_id, account.pk))


def _create(
    organisation_id: UUID, source: TicketSource, secret: Secret, name: str, result: CheckResult
) -> Account:
    fingerprint = crypto.fingerprint(secret)
    token = secrets.token_urlsafe(32)
    here = Account.objects.filter(organisation_id=organisation_id, platform=source.key)
    twin = here.filter(fingerprint=fingerprint).first()
    if twin is not None:
        raise AlreadyConnected(f"This key is connected already, as “{twin.name}” ({twin.id}).")
    account = Account.objects.create(
        organisation_id=organisation_id,
        platform=source.key,
        name=name or result.name,
        credential=crypto.encrypt(secret),
        fingerprint=fingerprint,
        hook_token=crypto.encrypt(token),
        organisation_ids=list(result.scope.organisation_ids),
        regions=list(result.scope.regions),
    )
    doors.open_door(account, token)
    agenda.begin(AccountKey(organisation_id, account.pk), utc_now())
    return account


async def reconnect(
    account: Account, secret: Secret, *, by: UUID | None = None, client_of: ClientOf = Client
) -> Account:
    """The account with a new key, after that was checked; it is read again. `by` and `client_of` as in `connect`.
    Raises a `PlatformError`."""
    source = registry.source(account.platform)
    result = await check(source, secret, [region for region in account.regions if region], client_of)
    async with DatabaseThread(_engine(account.organisation_id, by)) as database:
        renewed = await database.run(_renew, account, secret, result)
    await _register(renewed)
    return renewed


def _renew(account: Account, secret: Secret, result: CheckResult) -> Account:
    if not account.hook_token:
        token = secrets.token_urlsafe(32)
        account.hook_token = crypto.encrypt(token)
        doors.open_door(account, token)
    account.credential = crypto.encrypt(secret)
    account.fingerprint = crypto.fingerprint(secret)
    account.organisation_ids = list(result.scope.organisation_ids)
    account.regions = list(result.scope.regions)
    account.state = AccountState.ACTIVE
    account.state_reason = ""
    account.save()
    agenda.begin(AccountKey(account.organisation_id, account.pk), utc_now())
    return account


def disconnect(account: Account, *, by: UUID | None = None) -> None:
    """Forgets the account's key and reads it no more. What was read stays. Its webhook is removed at the platform
    first, as far as that can be done: should it stay, its hooks find no door. `by` as in `connect`."""
    asyncio.run(doors.remove_webhooks(AccountKey(account.organisation_id, account.pk)))
    with acting_as(_engine(account.organisation_id, by)):
        Account.objects.filter(organisation_id=account.organisation_id, pk=account.pk).update(
            credential=b"", fingerprint="", hook_token=b"",
            state=AccountState.DISCONNECTED, state_reason="Disconnected by a person.",
        )  # fmt: skip
        HookDoor.objects.filter(organisation_id=account.organisation_id, account=account).delete()
        agenda.end(AccountKey(account.organisation_id, account.pk))


def find(account_id: str) -> Account:
    """The account of that id, in whatever organisation: for commands, which act for the whole installation.

    Raises `UnknownAccount`.
    """
    from housecount.tenancy.queries import all_organisations

    try:
        key = UUID(account_id)
    except ValueError:
        raise UnknownAccount(
            f"“{account_id}” is not the id of an account: see housecount account list."
        ) from None
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.id)):
            account = Account.objects.filter(organisation_id=organisation.id, pk=key).first()
            if account is not None:
                return account
    raise UnknownAccount(f"There is no account {account_id}: see housecount account list.")


def accounts_of(organisation_id: UUID) -> list[Account]:
    """The organisation's accounts, the oldest first."""
    with acting_as(Identity.system(organisation_id)):
        return list(Account.objects.filter(organisation_id=organisation_id).order_by("connected_at", "id"))
