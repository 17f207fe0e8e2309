"""Accounts, reads and webhooks over HTTP: how fresh the count is, and why."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status

from housecount.api import bodies, openapi, paging
from housecount.api.access import SELLERS, member
from housecount.api.errors import NoSuchAddress
from housecount.api.paging import Moment, Next, PageAsked
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.core.errors import HousecountError
from housecount.intake import queries as hook_queries
from housecount.intake import services as hook_services
from housecount.intake.models import Hook, Verdict
from housecount.intake.models import Status as HookStatus
from housecount.sync import agenda
from housecount.sync.models import Gap, ReadRun
from housecount.sync.queries import account_documents
from housecount.tenancy.identity import Identity, acting_as

router = Router(tags=["sync"])
_READ, _WRITE = "sync:read", "sync:write"


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


class HookOut(Schema):
    """One webhook as it arrived, with what became of it."""

    id: int
    account: UUID | None
    platform: str
    received_at: str
    action: str
    verdict: Verdict
    status: HookStatus
    attempts: int
    next_try_at: str | None
    handled_at: str | None
    outcome: str
    explanation: str
    touches: list[dict[str, object]]


class HookDetailOut(HookOut):
    """The same with what it said. Secrets and e-mail addresses were taken out before it was stored."""

    webhook_id: str
    headers: dict[str, object]
    body: str


class HooksOut(Schema):
    """A page of webhooks, the latest first."""

    hooks: list[HookOut]
    next: Next


class OfAccount(PageAsked):
    """Which account's, and which page."""

    account: UUID | None = None


class HooksAsked(OfAccount):
    """Which webhooks."""

    status: Literal["", "waiting", "done", "ignored", "dead"] = ""
    since: Moment | None = Field(None, description="Those received then or later; with an offset.")
    until: Moment | None = Field(None, description="Those received before.")
    object: str = Field("", description="Those that point at this object.", max_length=100)


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


# --- The webhook log: for those who decide what belongs together, as its rows are -------------------------
@router.get(
    "/hooks",
    **openapi.reads(HooksOut, scope=_READ, roles=SELLERS, name="hooks", summary="The webhook log"),
)
def hooks(request: HttpRequest, asked: Query[HooksAsked]) -> dict[str, Any]:
    """Webhooks that arrived, the latest first, with what became of them."""
    rows = hook_queries.hooks_of(
        member(request).organisation.pk,
        account_id=asked.account,
        statuses=[asked.status] if asked.status else (),
        since=asked.since,
        until=asked.until,
        object_id=asked.object.replace("\x00", ""),
    )
    if asked.cursor:
        when, number = paging.decode(asked.cursor, 2)
        moment, key = paging.moment(when), paging.number(number)
        rows = rows.filter(Q(received_at__lt=moment) | Q(received_at=moment, pk__lt=key))
    found = list(rows.order_by("-received_at", "-pk")[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "hooks": [hook_queries.document(each, {}) for each in page],
        "next": paging.encode(page[-1].received_at, page[-1].pk) if len(found) > asked.limit else None,
    }


@router.get(
    "/hooks/{int:hook_id}",
    **openapi.reads(HookDetailOut, scope=_READ, roles=SELLERS, name="hook", summary="A webhook"),
)
def hook(request: HttpRequest, hook_id: int) -> dict[str, Any]:
    """What it said, and what became of it."""
    return _detail(_hook(request, hook_id))


def _hook(request: HttpRequest, hook_id: int) -> Hook:
    rows = hook_queries.hooks_of(member(request).organisation.pk)
    found = rows.filter(pk=hook_id).first() if 0 <= hook_id < 2**63 else None
    if found is None:
        raise NoSuchAddress("There is no such webhook in the log.")
    return found


def _detail(found: Hook) -> dict[str, Any]:
    return hook_queries.document(found, {}) | {
        "webhook_id": found.webhook_id,
        "headers": found.headers,
        "body": hook_queries.readable_body(found),
    }


@router.post(
    "/hooks/{int:hook_id}/replay",
    **openapi.writes(
        HookDetailOut,
        scope=_WRITE,
        roles=SELLERS,
        name="replay_hook",
        summary="Have a webhook handled again",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def replay_hook(request: HttpRequest, hook_id: int) -> dict[str, Any]:
    """What it points at is read again; nothing is counted twice by that."""
    bodies.nothing(request)
    found = _hook(request, hook_id)
    organisation_id = member(request).organisation.pk
    with acting_as(Identity.system(organisation_id)):
        hook_services.replay(hook_queries.hooks_of(organisation_id).filter(pk=found.pk))
    found.refresh_from_db()
    return _detail(found)
