"""Accounts, reads, gaps and alerts over HTTP: how fresh the count is, and why."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status

from housecount.api import bodies, openapi, paging
from housecount.api.access import SELLERS, member
from housecount.api.errors import NoSuchAddress
from housecount.api.paging import Next, PageAsked
from housecount.api.schema_office import AlertsOut, AsidesOut, ReadNowOut
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.box_office.queries import set_aside
from housecount.core.errors import HousecountError
from housecount.sync import agenda, watching
from housecount.sync.alerts import open_alerts
from housecount.sync.models import Gap, ReadRun
from housecount.sync.queries import account_documents
from housecount.tenancy.identity import Identity, acting_as

router = Router(tags=["sync"])
_READ, _WRITE = "sync:read", "sync:write"
_MOST_ASIDE = 200


class NotRead(HousecountError):
    """An account that waits for a person, and is not read before."""

    code = "account_stopped"
    http_status = 409


class AccountOut(Schema):
    """An account with its freshness. Times are ISO 8601 with their offset."""

    account: UUID
    platform: str
    name: str
    state: AccountState
    regions: list[str]
    connected_at: str
    as_of: str | None
    last_sweep_at: str | None
    next_read_at: str | None
    next_read_why: str
    next_sweep_at: str | None
    failing_since: str | None
    stale: bool
    stale_reason: str | None


class AccountsOut(Schema):
    """Every account, in the order in which they were connected."""

    accounts: list[AccountOut]


class AskedOut(Schema):
    """A read was asked for. `full`: a sweep. It begins within seconds, unless the platform is to be left alone."""

    account: UUID
    full: bool


class RunOut(Schema):
    """One read of an account: what it did and how it ended."""

    id: UUID
    account: UUID
    full: bool
    started_at: datetime
    finished_at: datetime
    complete: bool
    requests: int
    orders_read: int
    orders_changed: int
    tickets_changed: int
    error_code: str | None
    error: str | None


class RunsOut(Schema):
    """A page of reads, the latest first."""

    runs: list[RunOut]
    next: Next


class GapOut(Schema):
    """A change that the reads of its time had missed, found and closed by a sweep."""

    id: UUID
    account: UUID
    event: str
    kind: str
    external_id: str
    changed_at: datetime
    covered_until: datetime
    found_at: datetime


class GapsOut(Schema):
    """A page of gaps, the latest first."""

    gaps: list[GapOut]
    next: Next


class OfAccount(PageAsked):
    """Which account's, and which page."""

    account: UUID | None = None


@router.get(
    "/accounts", **openapi.reads(AccountsOut, scope=_READ, name="accounts", summary="Accounts with freshness")
)
def accounts(request: HttpRequest) -> dict[str, Any]:
    """Every account: whether it is read, as of when its figures are true, and why not now."""
    return {"accounts": account_documents(member(request).organisation.pk)}


@router.get(
    "/accounts/{uuid:account_id}",
    **openapi.reads(AccountOut, scope=_READ, name="account", summary="An account"),
)
def account(request: HttpRequest, account_id: UUID) -> dict[str, Any]:
    """One account with its freshness."""
    for each in account_documents(member(request).organisation.pk):
        if each["account"] == str(account_id):
            return each
    raise _no_account()


def _no_account() -> NoSuchAddress:
    return NoSuchAddress("There is no such account.")


@router.post(
    "/accounts/{uuid:account_id}/read",
    **openapi.writes(
        AskedOut,
        scope=_WRITE,
        roles=SELLERS,
        name="read_account",
        summary="Read an account now",
        status=202,
        body=openapi.fields(full={"type": "boolean", "description": "Sweep it: read everything."}),
        body_needed=False,
    ),
)
def read_account(request: HttpRequest, account_id: UUID) -> Any:
    """Asks for a read; the worker begins it within seconds. 409 for an account that waits for a person."""
    full = bodies.read_object(request, "full").get("full", False)
    if not isinstance(full, bool):
        raise bodies.BadBody("full: true or false is expected.")
    organisation_id = member(request).organisation.pk
    found = Account.objects.filter(organisation_id=organisation_id, pk=account_id).first()
    if found is None:
        raise _no_account()
    if found.state != AccountState.ACTIVE:
        raise NotRead(found.state_reason or f"“{found.name}” is {found.state}: connect it again to read it.")
    # The agenda is the engine's own: people ask, and it decides.
    with acting_as(Identity.system(organisation_id)):
        key, now = AccountKey(organisation_id, account_id), timezone.now()
        if full:
            agenda.begin(key, now)
        else:
            agenda.ask(key, now)
    return Status(202, {"account": account_id, "full": full})


@router.get("/runs", **openapi.reads(RunsOut, scope=_READ, name="runs", summary="Reads that were made"))
def runs(request: HttpRequest, asked: Query[OfAccount]) -> dict[str, Any]:
    """Reads and sweeps with what they found, the latest first."""
    rows = ReadRun.objects.filter(organisation_id=member(request).organisation.pk)
    if asked.account is not None:
        rows = rows.filter(account_id=asked.account)
    if asked.cursor:
        moment, key = paging.moment_and_id(asked.cursor)
        rows = rows.filter(Q(started_at__lt=moment) | Q(started_at=moment, pk__lt=key))
    found = list(rows.order_by("-started_at", "-pk")[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "runs": [
            {
                "id": each.pk,
                "account": each.account_id,
                "full": each.full,
                "started_at": each.started_at,
                "finished_at": each.finished_at,
                "complete": each.complete,
                "requests": each.requests,
                "orders_read": each.orders_read,
                "orders_changed": each.orders_changed,
                "tickets_changed": each.tickets_changed,
                "error_code": each.error_code or None,
                "error": each.error or None,
            }
            for each in page
        ],
        "next": paging.encode(page[-1].started_at, page[-1].pk) if len(found) > asked.limit else None,
    }


@router.get("/gaps", **openapi.reads(GapsOut, scope=_READ, name="gaps", summary="Gaps found and closed"))
def gaps(request: HttpRequest, asked: Query[OfAccount]) -> dict[str, Any]:
    """Changes that reads had missed and sweeps found, the latest first."""
    rows = Gap.objects.filter(organisation_id=member(request).organisation.pk)
    if asked.account is not None:
        rows = rows.filter(account_id=asked.account)
    if asked.cursor:
        moment, key = paging.moment_and_id(asked.cursor)
        rows = rows.filter(Q(found_at__lt=moment) | Q(found_at=moment, pk__lt=key))
    found = list(rows.order_by("-found_at", "-pk")[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "gaps": [
            {
                "id": each.pk,
                "account": each.account_id,
                "event": each.event_id,
                "kind": each.kind,
                "external_id": each.external_id,
                "changed_at": each.changed_at,
                "covered_until": each.covered_until,
                "found_at": each.found_at,
            }
            for each in page
        ],
        "next": paging.encode(page[-1].found_at, page[-1].pk) if len(found) > asked.limit else None,
    }


@router.post(
    "/accounts/read",
    **openapi.writes(
        ReadNowOut,
        scope=_WRITE,
        roles=SELLERS,
        name="read_accounts",
        summary="Read all accounts now",
        status=202,
        body=openapi.fields(),
        body_needed=False,
    ),
)
def read_accounts(request: HttpRequest) -> Any:
    """Every account that holds a key that works; those that wait for a person are left out."""
    bodies.nothing(request)
    caller = member(request)
    found = watching.ask_now(caller.organisation.pk, timezone.now(), by=caller.user.pk)
    return Status(202, {"accounts": [each.pk for each in found]})


@router.get("/alerts", **openapi.reads(AlertsOut, scope=_READ, name="alerts", summary="What is wrong now"))
def alerts(request: HttpRequest) -> dict[str, Any]:
    """What a person should know, as long as it is not over: the latest first."""
    names = ("id", "cause", "subject", "text", "advice", "opened_at")
    return {
        "alerts": [
            {name: getattr(each, name) for name in names}
            for each in open_alerts(member(request).organisation.pk)
        ]
    }


@router.get(
    "/set-aside",
    **openapi.reads(AsidesOut, scope=_READ, name="set_aside", summary="Records that could not be read"),
)
def list_set_aside(request: HttpRequest) -> dict[str, Any]:
    """What could not be read, or was odd in what could, and why."""
    return {
        "records": [
            {
                "account": each.account_id,
                "kind": each.kind,
                "external_id": each.external_id,
                "event": each.event_id,
                "kept": each.notice,
                "reason": each.reason,
                "first_seen": each.first_seen,
            }
            for each in set_aside(member(request).organisation.pk, _MOST_ASIDE)
        ]
    }
