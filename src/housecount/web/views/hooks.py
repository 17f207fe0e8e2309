"""The webhook log: what arrived, what became of it, and doing it again."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from housecount.box_office.models import Account
from housecount.intake import queries, services
from housecount.intake.models import Hook, Status, Verdict
from housecount.sync import watching
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.web import keyset
from housecount.web.context import SELLERS
from housecount.web.views.sync import names_of, pager

_SIZE = 50
#: So many are handled again at the press of one button; pressing it again takes the next.
MOST_REPLAYED = 1_000
#: Counting further would take long where years of hooks fit.
_MOST_COUNTED = 10_000
_SESSION_KEY = "replayed"
_LONGEST = 100
_LARGEST_ID = 2**63 - 1

STATUS_WORDS = {
    Status.WAITING: "Waiting",
    Status.DONE: "Handled",
    Status.IGNORED: "Ignored",
    Status.DEAD: "Given up",
}
_VERDICT_WORDS = {
    Verdict.UNDERSTOOD: "Understood: it names what has changed",
    Verdict.TEST: "A test of the platform's",
    Verdict.NOT_UNDERSTOOD: "Not understood: at most, the account is read in the ordinary way",
}
_SINCE = {
    "1h": ("the last hour", timedelta(hours=1)),
    "24h": ("the last 24 hours", timedelta(hours=24)),
    "7d": ("the last 7 days", timedelta(days=7)),
    "30d": ("the last 30 days", timedelta(days=30)),
}


class Search(NamedTuple):
    """What is looked for; "" or None: anything."""

    account: UUID | None
    status: str
    action: str
    object_id: str
    since: str

    @property
    def fields(self) -> dict[str, str]:
        """As the fields of a form, without those that are empty."""
        found = {
            "account": str(self.account or ""),
            "status": self.status,
            "action": self.action,
            "object": self.object_id,
            "since": self.since,
        }
        return {name: value for name, value in found.items() if value}


def _search(given: QueryDict, accounts: dict[UUID, Account]) -> Search:
    def text(name: str) -> str:
        return given.get(name, "").replace("\0", "").strip()[:_LONGEST]

    try:
        account: UUID | None = UUID(given.get("account", ""))
    except ValueError:
        account = None
    status, since = given.get("status", ""), given.get("since", "")
    return Search(
        account if account in accounts else None,
        status if status in Status.values else "",
        text("action"),
        text("object"),
        since if since in _SINCE else "",
    )


def _found(organisation_id: UUID, search: Search, now: datetime) -> QuerySet[Hook]:
    found = queries.hooks_of(
        organisation_id,
        account_id=search.account,
        statuses=[search.status] if search.status else (),
        since=now - _SINCE[search.since][1] if search.since else None,
        object_id=search.object_id,
    )
    return found.filter(action__istartswith=search.action) if search.action else found


def _of(hook: Hook, accounts: dict[UUID, Account]) -> Account | None:
    return accounts.get(hook.account_id) if hook.account_id else None


def _engine(request: MemberRequest) -> Identity:
    # What became of a hook is the engine's to write; the person asked for it.
    return Identity(Role.SYSTEM, request.organisation.pk, request.user.pk)


@require_safe
@require_role(*SELLERS)
def hooks(request: MemberRequest) -> HttpResponse:
    """The log, searched, the newest first."""
    here, now = request.organisation.pk, timezone.now()
    accounts = names_of(here)
    search = _search(request.GET, accounts)
    found = _found(here, search, now)
    part = keyset.part_of(found.defer("body", "headers"), "received_at", request.GET.get("before", ""), _SIZE)
    number = found.order_by()[: _MOST_COUNTED + 1].count() if search.fields else 0
    return render(
        request,
        "web/sync/hooks.html",
        {
            "rows": [(hook, _of(hook, accounts), STATUS_WORDS[Status(hook.status)])
                     for hook in part.rows],
            "accounts": accounts.values(),
            "search": search,
            "statuses": [(status.value, said) for status, said in STATUS_WORDS.items()],
            "spans": [(key, said) for key, (said, _) in _SINCE.items()],
            "number": min(number, _MOST_COUNTED),
            "countless": number > _MOST_COUNTED,
            "most": MOST_REPLAYED,
            **pager(request, part.older),
        },
    )  # fmt: skip


def _find(request: MemberRequest, hook_id: int) -> Hook:
    found = None
    if 0 < hook_id <= _LARGEST_ID:
        found = queries.of_organisation(request.organisation.pk).filter(pk=hook_id).first()
    if found is None:
        raise Http404("There is no such webhook in the log, or not any more.")
    return found


@require_safe
@require_role(*SELLERS)
def hook(request: MemberRequest, hook_id: int) -> HttpResponse:
    """One webhook: what it said, what was made of it, and what became of it."""
    found = _find(request, hook_id)
    return render(
        request,
        "web/sync/hook.html",
        {
            "hook": found,
            "account": _of(found, names_of(request.organisation.pk)),
            "status": STATUS_WORDS[Status(found.status)],
            "verdict": _VERDICT_WORDS.get(Verdict(found.verdict), found.verdict),
            "body": queries.readable_body(found),
            "headers": sorted((str(name), str(value)) for name, value in found.headers.items()),
            "touches": [each for each in found.touches if isinstance(each, dict)],
        },
    )


@require_POST
@require_role(*SELLERS)
def replay(request: MemberRequest, hook_id: int) -> HttpResponse:
    """Has one webhook handled again."""
    found = _find(request, hook_id)
    _replay(request, [found.pk])
    return redirect("hooks_replayed")


@require_POST
@require_role(*SELLERS)
def dismiss(request: MemberRequest, hook_id: int) -> HttpResponse:
    """Lets a webhook that was given up rest."""
    found = _find(request, hook_id)
    with acting_as(_engine(request)):
        done = services.dismiss(queries.of_organisation(request.organisation.pk).filter(pk=found.pk))
    if done:
        messages.success(request, f"Webhook {found.pk} is dismissed: nothing waits for you about it.")
    else:
        messages.info(request, "Only a webhook that was given up can be dismissed.")
    return redirect("hook", found.pk)


@require_POST
@require_role(*SELLERS)
def replay_found(request: MemberRequest) -> HttpResponse:
    """Has all webhooks handled again that fit what was searched for, the newest `MOST_REPLAYED` of them."""
    accounts = names_of(request.organisation.pk)
    search = _search(request.POST, accounts)
    if not search.fields:
        messages.error(request, "Search first: what fits the search is handled again, and not the whole log.")
        return redirect("hooks")
    found = _found(request.organisation.pk, search, timezone.now())
    ids = list(found.values_list("pk", flat=True)[: MOST_REPLAYED + 1])
    if not ids:
        messages.info(request, "No webhook fits any more: nothing was done.")
        return redirect(_log(search))
    _replay(request, ids[:MOST_REPLAYED])
    if len(ids) > MOST_REPLAYED:
        messages.info(
            request,
            f"More fit: the newest {MOST_REPLAYED:,} were taken. When they are done, replay the rest from the log.",
        )
    return redirect("hooks_replayed")


def _log(search: Search) -> str:
    from django.urls import reverse

    return f"{reverse('hooks')}?{urlencode(search.fields)}"


def _replay(request: MemberRequest, ids: list[int]) -> None:
    with acting_as(_engine(request)):
        services.replay(queries.of_organisation(request.organisation.pk).filter(pk__in=ids))
    _remember(request, ids)


def _remember(request: HttpRequest, ids: list[int]) -> None:
    request.session[_SESSION_KEY] = {"ids": ids, "at": timezone.now().isoformat()}


@require_safe
@require_role(*SELLERS)
def replayed(request: MemberRequest) -> HttpResponse:
    """How far the webhooks are that this person last had handled again, and what became of them."""
    kept: Any = request.session.get(_SESSION_KEY)
    ids = kept["ids"] if isinstance(kept, dict) else []
    here = queries.of_organisation(request.organisation.pk).filter(pk__in=ids)
    counted = dict(here.order_by().values_list("status").annotate(number=Count("pk")))
    total = sum(counted.values())
    waiting = counted.get(Status.WAITING, 0)
    stuck = list(
        here.filter(status=Status.DEAD).order_by("-received_at", "-id").defer("body", "headers")[:20]
    )
    return render(
        request,
        "web/sync/replayed.html",
        {
            "total": total,
            "waiting": waiting,
            "done": total - waiting,
            "at": datetime.fromisoformat(kept["at"]) if total else None,
            "counts": [
                (said, counted[status]) for status, said in STATUS_WORDS.items() if counted.get(status)
            ],
            "dead": stuck,
            "only": ids[0] if len(ids) == 1 else None,
            "no_worker": bool(waiting) and not watching.alive(timezone.now()),
        },
    )
