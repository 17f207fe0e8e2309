"""Consent at Xero: giving out an address to open, and what the browser brings back from it."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from housecount.installation import environment
from housecount.sync.database import DatabaseThread
from housecount.tenancy import crypto
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity
from housecount.xero import tokens, wire
from housecount.xero.client import holding, opened
from housecount.xero.connecting import keep, look
from housecount.xero.errors import DoesNotFit, NotConnected
from housecount.xero.models import Connection, Consent
from housecount.xero.speaking import host_root

#: Where Xero sends the browser back to; enter it with Xero as a redirect address.
CALLBACK = "/xero/callback"
_CONSENT_LIFE = timedelta(minutes=30)
_NOT_OURS = (
    "This way back from Xero was not opened by us for this organisation, or is used up or too old. "
    "Connect again."
)
_SAID = {
    "access_denied": "You did not let Housecount in, so nothing was connected. Connect again when you want to.",
    "invalid_scope": "Xero does not let this application ask for what Housecount needs. Enable these scopes for it in "
    f"Xero's developer portal, then connect again: {', '.join(tokens.SCOPES)}.",
    "unauthorized_client": "This application may not ask for consent. A custom connection is connected without it.",
    "temporarily_unavailable": "Xero could not answer just now. Connect again in a few minutes.",
    "server_error": "Something failed at Xero. Connect again in a few minutes.",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Several organisations in Xero let us in: one of `tenants` (id, name) is to be chosen, under `state`."""

    state: str
    tenants: list[tuple[str, str]]


class _Kept(msgspec.Struct):
    access: str
    refresh: str
    expires_at: datetime
    scopes: str


def redirect_address() -> str:
    """Where Xero sends the browser back to; Xero must know it, to the letter."""
    return (environment.load().public_url or "http://localhost:8000").rstrip("/") + CALLBACK


def begin_consent(
    organisation_id: UUID,
    redirect_uri: str | None = None,
    now: datetime | None = None,
    *,
    by: UUID | None = None,
) -> str:
    """The address at which a person lets us in. It can be used once, within half an hour.

    `redirect_uri` defaults to our own, which Xero must know; `by` is the user who alone may come back with it, None
    for any admin. Raises `NotConnected`. Wrap in `acting_as` the organisation's system.
    """
    app = tokens.configured_app()
    moment = now or datetime.now(UTC)
    uri = redirect_uri or redirect_address()
    state, verifier = secrets.token_urlsafe(32), tokens.new_verifier()
    Consent.objects.filter(organisation_id=organisation_id, expires_at__lt=moment).delete()
    Consent.objects.create(
        organisation_id=organisation_id,
        by=by,
        state=state,
        verifier=crypto.encrypt(verifier),
        redirect_uri=uri,
        expires_at=moment + _CONSENT_LIFE,
    )
    return tokens.address_to_open(app, uri, state, verifier)


async def finish_consent(
    organisation_id: UUID,
    state: str,
    code: str,
    *,
    tenant_id: str | None = None,
    bank: str | None = None,
    since: date | None = None,
    now: datetime | None = None,
) -> Connection:
    """What the browser brought back becomes a connection. With several organisations ticked, `tenant_id` says which.

    Raises `NotConnected` for a state we did not give out, or gave out too long ago or for somebody else;
    `DoesNotFit`, a `PlatformError`.
    """
    found = await come_back(
        organisation_id, state, code, tenant_id=tenant_id, bank=bank, since=since, now=now
    )
    if isinstance(found, Choice):
        names = ", ".join(f"{name} ({tenant})" for tenant, name in found.tenants)
        raise DoesNotFit(
            f"Several organisations in Xero let us in: {names}. Connect again and say which, or tick one."
        )
    return found


async def come_back(
    organisation_id: UUID,
    state: str,
    code: str,
    *,
    by: UUID | None = None,
    tenant_id: str | None = None,
    bank: str | None = None,
    since: date | None = None,
    now: datetime | None = None,
) -> Connection | Choice:
    """Like `finish_consent`; with several organisations and no `tenant_id` a `Choice`, which `choose` takes.

    `by` is the user who came back. The state is used up whatever comes of it.
    """
    app = tokens.configured_app()
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        verifier, uri = await database.run(_use_up, organisation_id, state, by, now or datetime.now(UTC))
        given = await asyncio.to_thread(tokens.by_code, app, code, verifier, uri)
        ticked = await _ticked(organisation_id, given, tenant_id)
        if len(ticked) > 1:
            await database.run(_hold, organisation_id, state, given, ticked)
            return Choice(state, [(each.tenant_id, each.tenant_name) for each in ticked])
        chosen = ticked[0]
        found = await look(organisation_id, given, chosen, credential=chosen.tenant_id)
        row = await keep(organisation_id, app, given, found, bank, since, now, custom=False)
        await database.run(_forget, organisation_id, state)
    return row


async def choose(
    organisation_id: UUID, state: str, tenant_id: str, *, by: UUID | None = None, now: datetime | None = None
) -> Connection:
    """Connect the chosen one of the organisations that let us in. What does not fit leaves the choice open.

    Raises `NotConnected` when there is nothing to choose (any more); `DoesNotFit`, a `PlatformError`.
    """
    app = tokens.configured_app()
    moment = now or datetime.now(UTC)
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        given, ticked = await database.run(_held, organisation_id, state, by, moment)
        chosen = next((each for each in ticked if each.tenant_id == tenant_id), None)
        if chosen is None:
            raise DoesNotFit("Choose one of the organisations that let Housecount in.")
        found = await look(organisation_id, given, chosen, credential=chosen.tenant_id)
        row = await keep(organisation_id, app, given, found, None, None, now, custom=False)
        await database.run(_forget, organisation_id, state)
    return row


def choice(organisation_id: UUID, state: str, by: UUID | None, now: datetime) -> Choice:
    """What there is to choose under `state`. Raises `NotConnected`. Wrap in `acting_as` the organisation's system."""
    row = _read(Consent.objects.all(), organisation_id, state, by, now)
    ticked = msgspec.convert(row.tenants, list[wire.Tenant])
    if not ticked:
        raise NotConnected(_NOT_OURS)
    return Choice(state, [(each.tenant_id, each.tenant_name) for each in ticked])


def refused_consent(organisation_id: UUID, state: str, error: str, *, by: UUID | None = None) -> str:
    """Why a consent came to nothing, in words; its state is used up. Wrap in `acting_as` the organisation's system.

    An answer to a state that is not theirs is none, and ends nothing.
    """
    mine = Consent.objects.filter(Q(by=None) | Q(by=by), organisation_id=organisation_id, state=state)
    if not mine.delete()[0]:
        return _NOT_OURS
    return _SAID.get(error, "Xero did not give its consent and did not say why. Connect again.")


async def _ticked(organisation_id: UUID, given: tokens.Tokens, tenant_id: str | None) -> list[wire.Tenant]:
    async with opened(
        organisation_id, holding(given), tenant_id=None, credential="connections", base_url=host_root()
    ) as xero:
        rows = await xero.tenants()
    # Those of earlier consents are listed too. Which are of this one is told by the token, where it is told.
    event = tokens.consent_of(given.access)
    fresh = [each for each in rows if event and each.auth_event_id == event]
    ticked = {each.tenant_id: each for each in (fresh if fresh and tenant_id is None else rows)}
    found = [each for each in ticked.values() if tenant_id in (None, each.tenant_id)]
    if not found:
        raise DoesNotFit("No organisation was ticked in Xero. Connect again and choose one.")
    return found


def _of(organisation_id: UUID, state: str, by: UUID | None, now: datetime) -> Consent:
    return _read(Consent.objects.select_for_update(), organisation_id, state, by, now)


def _read(
    rows: QuerySet[Consent], organisation_id: UUID, state: str, by: UUID | None, now: datetime
) -> Consent:
    row = rows.filter(organisation_id=organisation_id, state=state, expires_at__gt=now).first()
    if row is None or row.by not in (None, by):
        raise NotConnected(_NOT_OURS)
    return row


def _use_up(organisation_id: UUID, state: str, by: UUID | None, now: datetime) -> tuple[str, str]:
    row = _of(organisation_id, state, by, now)
    if not row.verifier:
        raise NotConnected(_NOT_OURS)
    verifier = crypto.decrypt(row.verifier).reveal()
    row.verifier = b""
    row.save(update_fields=["verifier"])
    return verifier, row.redirect_uri


def _hold(organisation_id: UUID, state: str, given: tokens.Tokens, ticked: list[wire.Tenant]) -> None:
    kept = _Kept(given.access.reveal(), given.refresh.reveal(), given.expires_at, given.scopes)
    Consent.objects.filter(organisation_id=organisation_id, state=state).update(
        tokens=crypto.encrypt(msgspec.json.encode(kept).decode()), tenants=msgspec.to_builtins(ticked)
    )


def _held(
    organisation_id: UUID, state: str, by: UUID | None, now: datetime
) -> tuple[tokens.Tokens, list[wire.Tenant]]:
    row = _of(organisation_id, state, by, now)
    if not row.tokens:
        raise NotConnected(_NOT_OURS)
    kept = msgspec.json.decode(crypto.decrypt(row.tokens).reveal(), type=_Kept)
    given = tokens.Tokens(Secret(kept.access), Secret(kept.refresh), kept.expires_at, kept.scopes)
    return given, msgspec.convert(row.tenants, list[wire.Tenant])


def _forget(organisation_id: UUID, state: str) -> None:
    Consent.objects.filter(organisation_id=organisation_id, state=state).delete()
