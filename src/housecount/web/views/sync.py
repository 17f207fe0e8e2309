"""Sync: the accounts at the platforms, how reading them goes, and having them read now."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from housecount.box_office.models import Account, AccountState
from housecount.box_office.queries import set_aside
from housecount.platforms.registry import SOURCES
from housecount.sync import watching
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web import keyset, upkeep
from housecount.web.accounts import account_rows, run_row
from housecount.web.context import OFFICE, SELLERS

_MOST_ASIDE = 200
_RUNS = 50
_GAPS = 50
_RESULTS = {"complete": True, "failed": False}
_KINDS = {"sweep": True, "read": False}


@never_cache  # an admin's page holds secret addresses
@require_safe
@require_role(*OFFICE)
def sync(request: MemberRequest) -> HttpResponse:
    """Every account with its state, what is being read now, its plan, limit and webhook; open alerts first."""
    now = timezone.now()
    here = request.organisation.pk
    rows = account_rows(request.identity, now)
    busy = any(row.reading or row.asked for row in rows)
    return render(
        request,
        "web/sync/accounts.html",
        {
            "accounts": rows,
            "alerts": upkeep.alert_rows(here, now),
            "platforms": list(SOURCES.values()),
            "busy": busy,
            # Only who waits for a read needs to know whether anybody is there to do it.
            "no_worker": busy and not watching.alive(now),
            "readable": any(row.state == AccountState.ACTIVE for row in rows),
        },
    )


def names_of(organisation_id: UUID) -> dict[UUID, Account]:
    """The organisation's accounts by id, the oldest first."""
    found = Account.objects.filter(organisation_id=organisation_id).order_by("connected_at", "id")
    return {account.pk: account for account in found}


def chosen_account(request: MemberRequest, accounts: dict[UUID, Account]) -> UUID | None:
    """The account that the address names, if it is one of `accounts`."""
    try:
        found = UUID(request.GET.get("account", ""))
    except ValueError:
        return None
    return found if found in accounts else None


@require_safe
@require_role(*OFFICE)
def runs(request: MemberRequest) -> HttpResponse:
    """The reads of all accounts, or of one, the latest first."""
    accounts = names_of(request.organisation.pk)
    account = chosen_account(request, accounts)
    kind, result = request.GET.get("kind", ""), request.GET.get("result", "")
    found = watching.runs_of(
        request.organisation.pk, account_id=account, full=_KINDS.get(kind), complete=_RESULTS.get(result)
    )
    part = keyset.part_of(found, "started_at", request.GET.get("before", ""), _RUNS)
    now = timezone.now()
    return render(
        request,
        "web/sync/runs.html",
        {
            "rows": [(run_row(run, now), accounts.get(run.account_id)) for run in part.rows],
            "accounts": accounts.values(),
            "account": account,
            "kind": kind if kind in _KINDS else "",
            "result": result if result in _RESULTS else "",
            "filtered": bool(account or kind in _KINDS or result in _RESULTS),
            **pager(request, part.older),
        },
    )


def pager(request: MemberRequest, older: str) -> dict[str, str]:
    """What `web/sync/_pager.html` needs: the addresses of the newest part and of the next one, "" for none."""
    kept = [(name, value) for name, value in request.GET.items() if name != "before" and value]
    newest = f"{request.path}?{urlencode(kept)}" if kept else request.path
    return {
        "newest": newest if request.GET.get("before") else "",
        "older": f"{request.path}?{urlencode([*kept, ('before', older)])}" if older else "",
    }


@require_safe
@require_role(*OFFICE)
def gaps(request: MemberRequest) -> HttpResponse:
    """What reads had missed, and sweeps found and closed, the latest first."""
    accounts = names_of(request.organisation.pk)
    account = chosen_account(request, accounts)
    part = keyset.part_of(
        watching.gaps_of(request.organisation.pk, account_id=account),
        "found_at",
        request.GET.get("before", ""),
        _GAPS,
    )
    return render(
        request,
        "web/sync/gaps.html",
        {
            "rows": [(gap, accounts.get(gap.account_id)) for gap in part.rows],
            "accounts": accounts.values(),
            "account": account,
            **pager(request, part.older),
        },
    )


@require_safe
@require_role(*OFFICE)
def aside(request: MemberRequest) -> HttpResponse:
    """Records that could not be read, and what was odd in some that could."""
    found = set_aside(request.organisation.pk, _MOST_ASIDE + 1)
    return render(
        request,
        "web/sync/aside.html",
        {"records": found[:_MOST_ASIDE], "more": len(found) > _MOST_ASIDE, "most": _MOST_ASIDE},
    )


@require_POST
@require_role(*SELLERS)
def read_now(request: MemberRequest, account_id: UUID | None = None) -> HttpResponse:
    """Has every account read now, or one; the page of accounts then shows it happen."""
    here = request.organisation.pk
    named = None
    if account_id is not None:
        named = names_of(here).get(account_id)
        if named is None:
            raise Http404("There is no such account.")
    found = watching.ask_now(here, timezone.now(), account_id=account_id, by=request.user.pk)
    if not found:
        messages.error(
            request,
            f"“{named.name}” is {named.state} and holds no key that works: it needs a new one first."
            if named
            else "No account can be read: connect one, or give one that is stopped a new key.",
        )
    elif named is not None:
        messages.success(request, f"“{named.name}” is read now.")
    else:
        messages.success(
            request, "One account is read now." if len(found) == 1 else f"{len(found)} accounts are read now."
        )
    return redirect("sync")
