"""Letting Housecount into an organisation in Xero, and out again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from housecount.platforms.base.errors import PlatformError
from housecount.sync.database import DatabaseThread
from housecount.tenancy import crypto
from housecount.tenancy.identity import Identity
from housecount.tenancy.models import Organisation
from housecount.xero import mapping, tokens, wire
from housecount.xero.client import Xero, holding, opened, renewing
from housecount.xero.errors import DoesNotFit, NotConnected
from housecount.xero.models import Connection, State

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Found:
    """What an organisation in Xero has, read before anything is kept."""

    organisation: wire.Organisation
    accounts: Sequence[wire.Account]
    tax_rates: Sequence[wire.TaxRate]
    tenant_id: str
    connection_id: str

    @property
    def locked_until(self) -> date | None:
        """The later of its two lock dates."""
        days = [
            wire.day(self.organisation.period_lock_date),
            wire.day(self.organisation.end_of_year_lock_date),
        ]
        return max((day for day in days if day is not None), default=None)


async def connect_custom(
    organisation_id: UUID, *, bank: str | None = None, since: date | None = None, now: datetime | None = None
) -> Connection:
    """Connect by the custom connection of `XERO_CLIENT_ID` and `XERO_CLIENT_SECRET`.

    It takes the place of a connection that was there; what was written to the same organisation stays known. `bank`
    is the code of the account that payments move through. Raises `NotConnected`, `DoesNotFit`, a `PlatformError`.
    """
    app = tokens.configured_app()
    given = await asyncio.to_thread(tokens.by_client_credentials, app)
    found = await look(organisation_id, given, None, credential=app.client_id)
    return await keep(organisation_id, app, given, found, bank, since, now, custom=True)


async def read_again(organisation_id: UUID, now: datetime | None = None) -> Connection:
    """Take over accounts, tax rates and lock dates as they are in Xero now. The mapping stays; what had none gets
    a proposal. Raises as a push does."""
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        row = await database.run(connected, organisation_id)
        async with opened(
            organisation_id,
            renewing(database, organisation_id),
            tenant_id=None if row.custom else row.tenant_id,
            credential=row.tenant_id,
        ) as xero:
            found = await _settings(xero, row.tenant_id, row.connection_id)
        _check_fits(found, await database.run(_organisation, organisation_id))
        return await database.run(_take_over, organisation_id, found, now or datetime.now(UTC))


async def disconnect(organisation_id: UUID) -> Connection:
    """Forget the tokens and end the consent at Xero, when it can be reached; what was written stays, and stays known.

    Raises `NotConnected`.
    """
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        row = await database.run(_connection, organisation_id)
        if row.refresh_token:
            app = tokens.App(row.client_id, crypto.decrypt(row.client_secret))
            try:
                await asyncio.to_thread(tokens.revoke, app, crypto.decrypt(row.refresh_token))
            except PlatformError:
                row.trouble = (
                    "Xero could not be told: remove Housecount under Connected apps in Xero as well."
                )
        return await database.run(_forget, row)


def connected(organisation_id: UUID) -> Connection:
    """The connection, if it works as far as we know. Raises `NotConnected`."""
    row = _connection(organisation_id)
    if row.state != State.CONNECTED:
        raise NotConnected(row.trouble or "Xero is disconnected: housecount xero connect.")
    return row


def books(row: Connection) -> mapping.Books:
    """What the connected organisation has, as it was last read."""
    return mapping.Books(
        row.country,
        msgspec.convert(row.accounts, list[wire.Account]),
        msgspec.convert(row.tax_rates, list[wire.TaxRate]),
        row.mapping,
    )


def set_mapping(organisation_id: UUID, changes: dict[str, str]) -> Connection:
    """Map purposes (`mapping.purposes`) to accounts or tax types. Raises `DoesNotFit` for what Xero does not have."""
    row = connected(organisation_id)
    had = books(row)
    for purpose, code in changes.items():
        if purpose not in mapping.purposes():
            raise DoesNotFit(f"There is no {purpose} to map. There are: {', '.join(mapping.purposes())}.")
        if purpose in mapping.ACCOUNTS:
            account = had.account(code)
            if account is None or (purpose == "bank" and not mapping.takes_payments(account)):
                raise DoesNotFit(f"Xero has no active account {code} that could serve as {purpose}.")
        elif not any(each.tax_type == code and each.status == "ACTIVE" for each in had.tax_rates):
            raise DoesNotFit(f"Xero has no active tax rate {code}.")
    row.mapping = {**row.mapping, **changes}
    row.save(update_fields=["mapping"])
    return row


async def look(
    organisation_id: UUID, given: tokens.Tokens, chosen: wire.Tenant | None, *, credential: str
) -> Found:
    """What the organisation behind tokens has (`chosen`: of those that let us in). Raises `DoesNotFit`."""
    tenant = chosen.tenant_id if chosen else None
    async with opened(organisation_id, holding(given), tenant_id=tenant, credential=credential) as xero:
        found = await _settings(xero, tenant or "", chosen.id if chosen else "")
    with_us = await in_database(organisation_id, _organisation)
    _check_fits(found, with_us)
    return found


async def _settings(xero: Xero, tenant_id: str, connection_id: str) -> Found:
    organisation = await xero.organisation()
    # A custom connection belongs to one organisation, whose own id tells it from others.
    tenant = tenant_id or organisation.organisation_id
    return Found(organisation, await xero.accounts(), await xero.tax_rates(), tenant, connection_id)


def _check_fits(found: Found, ours: Organisation) -> None:
    """Refuses in a sentence what our documents could not be written to."""
    theirs = found.organisation
    if theirs.country_code not in mapping.COUNTRIES:
        known = ", ".join(mapping.COUNTRIES.values())
        raise DoesNotFit(
            f"{theirs.name} keeps its books in a country whose taxes Housecount does not know "
            f"({theirs.country_code or 'none'}). It knows {known}."
        )
    if theirs.country_code != ours.country:
        raise DoesNotFit(
            f"{theirs.name} in Xero is in {mapping.COUNTRIES[theirs.country_code]}, and {ours.name} is not: its tax "
            "would be booked wrongly. Choose the organisation that belongs to it."
        )
    if theirs.base_currency != ours.currency:
        raise DoesNotFit(
            f"{theirs.name} keeps its books in {theirs.base_currency}, and {ours.name} counts in {ours.currency}. "
            "Choose the organisation that belongs to it."
        )
    proposal = mapping.proposed(theirs.country_code, found.accounts, found.tax_rates, None)
    missing = [purpose for purpose in ("sales", "costs") if purpose not in proposal]
    if missing:
        raise DoesNotFit(f"{theirs.name} has no active account for {' or '.join(missing)}. Add one in Xero.")


async def keep(
    organisation_id: UUID,
    app: tokens.App,
    given: tokens.Tokens,
    found: Found,
    bank: str | None,
    since: date | None,
    now: datetime | None,
    *,
    custom: bool,
) -> Connection:
    """Make the connection of what was found, or put it in the place of the one that is there."""
    moment = now or datetime.now(UTC)

    def store() -> Connection:
        row = Connection.objects.select_for_update().filter(organisation_id=organisation_id).first()
        row = row or Connection(organisation_id=organisation_id)
        if row.tenant_id != found.tenant_id:
            row.mapping = {}
        row.custom, row.client_id, row.client_secret = custom, app.client_id, crypto.encrypt(app.secret)
        row.tenant_id, row.connection_id = found.tenant_id, found.connection_id
        row.state, row.trouble, row.parked_until, row.since = State.CONNECTED, "", None, since
        tokens.keep(row, given, moment)
        _fill(row, found, moment, bank)
        row.save()
        return row

    return await in_database(organisation_id, lambda _: store())


def _take_over(organisation_id: UUID, found: Found, now: datetime) -> Connection:
    row = Connection.objects.select_for_update().get(organisation_id=organisation_id)
    _fill(row, found, now, None)
    row.save()
    return row


def _fill(row: Connection, found: Found, now: datetime, bank: str | None) -> None:
    if bank is not None and not any(
        each.code == bank and mapping.takes_payments(each) for each in found.accounts
    ):
        raise DoesNotFit(f"{found.organisation.name} has no account {bank} that payments can move through.")
    theirs = found.organisation
    row.tenant_name, row.country, row.currency = theirs.name, theirs.country_code, theirs.base_currency
    row.pays_tax, row.locked_until, row.read_at = theirs.pays_tax, found.locked_until, now
    # Rates stay text in JSON: no float touches them.
    row.accounts = msgspec.to_builtins(list(found.accounts))
    row.tax_rates = msgspec.to_builtins(list(found.tax_rates))
    proposal = mapping.proposed(theirs.country_code, found.accounts, found.tax_rates, bank)
    row.mapping = {**proposal, **row.mapping, **({"bank": bank} if bank else {})}


def _connection(organisation_id: UUID) -> Connection:
    row = Connection.objects.filter(organisation_id=organisation_id).first()
    if row is None:
        raise NotConnected("Xero is not connected: housecount xero connect.")
    return row


def _organisation(organisation_id: UUID) -> Organisation:
    return Organisation.objects.get(pk=organisation_id)


def _forget(row: Connection) -> Connection:
    row.state = State.DISCONNECTED
    row.access_token = row.refresh_token = row.client_secret = b""
    row.access_expires_at = None
    row.save()
    return row


async def in_database(organisation_id: UUID, work: Callable[[UUID], Result]) -> Result:
    """What `work` makes of the organisation's id, in a transaction of its system's."""
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        return await database.run(work, organisation_id)
