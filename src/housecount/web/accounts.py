"""What is known of an organisation's accounts: how their reads go, and what to do where they do not."""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber

from housecount.box_office.models import Account, AccountState, SetAside
from housecount.sync.models import CircuitBreaker, Freshness, ReadRun
from housecount.sync.queries import account_documents, count_gaps
from housecount.sync.watching import under_way
from housecount.tenancy.identity import Identity, Role
from housecount.web import upkeep, words
from housecount.web.upkeep import WebhookRow
from housecount.web.words import Age

RUNS = 5
_WHY = {
    "asked": "asked for",
    "failed": "after a failure",
    "circuit_open": "after a pause",
    "rate_limited": "when its limit allows it",
}


class Run(NamedTuple):
    """One read of an account."""

    run: ReadRun
    when: str
    seconds: str
    result: str


class Trouble(NamedTuple):
    """Events of an account that could not be read, for one reason."""

    reason: str
    events: int
    since: str


class AccountRow(NamedTuple):
    """One account. `advice` is what to do, "" where nothing is wrong."""

    id: str
    platform: str
    slot: int
    name: str
    state: str
    regions: list[str]
    connected: str
    age: Age
    last_sweep: str
    next_read: str
    next_sweep: str
    budget: str
    webhook: WebhookRow | None
    gaps: int
    breaker: str
    advice: str
    troubles: list[Trouble]
    runs: list[Run]
    rejected: int
    notices: int
    reading: bool
    asked: bool


def account_rows(identity: Identity, now: datetime) -> list[AccountRow]:
    """The accounts of the identity's organisation, the oldest first, with what it may see of them. A fixed number of
    queries, however many there are."""
    organisation_id = identity.organisation_id
    assert organisation_id is not None
    accounts = list(Account.objects.filter(organisation_id=organisation_id))
    budgets = upkeep.budget_words(accounts, now)
    webhooks = upkeep.webhook_rows(accounts, identity, now)
    closed = count_gaps(organisation_id)
    runs = _runs(organisation_id, now)
    busy = under_way(organisation_id)
    troubles = _troubles(organisation_id, now)
    aside = {
        (account_id, notice): number
        for account_id, notice, number in SetAside.objects.filter(organisation_id=organisation_id)
        .values("account_id", "notice")
        .annotate(number=Count("*"))
        .values_list("account_id", "notice", "number")
    }
    breakers = {
        breaker.account_id: _breaker(breaker, now)
        for breaker in CircuitBreaker.objects.filter(organisation_id=organisation_id)
    }
    rows = []
    for document in account_documents(organisation_id, now):
        account_id = UUID(document["account"])
        as_of, swept = _moment(document["as_of"]), _moment(document["last_sweep_at"])
        rows.append(
            AccountRow(
                id=document["account"],
                platform=document["platform"],
                slot=words.platform_slot(document["platform"]),
                name=document["name"],
                state=document["state"],
                regions=document["regions"],
                connected=words.ago(datetime.fromisoformat(document["connected_at"]), now),
                age=_age(as_of, document["stale_reason"], now),
                last_sweep=words.ago(swept, now) if swept else "never",
                next_read=_next(document["next_read_at"], document["next_read_why"], now),
                next_sweep=_next(document["next_sweep_at"], "", now),
                budget=budgets.get(account_id, ""),
                webhook=webhooks.get(account_id),
                gaps=closed.get(account_id, 0),
                breaker=breakers.get(account_id, ""),
                advice=_advice(document, identity, swept is not None or bool(runs[account_id])),
                troubles=troubles[account_id],
                runs=runs[account_id],
                rejected=aside.get((account_id, False), 0),
                notices=aside.get((account_id, True), 0),
                reading=account_id in busy.reading,
                asked=account_id in busy.asked and document["state"] == AccountState.ACTIVE,
            )
        )
    return rows


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _next(at: str | None, why: str, now: datetime) -> str:
    moment = _moment(at)
    if moment is None:
        return ""
    # After a failure the plan names its code.
    said = _WHY.get(why) or ("after a failure" if "_" in why else why)
    return f"{words.ahead(moment, now)} ({said})" if said else words.ahead(moment, now)


def _age(as_of: datetime | None, stale_reason: str | None, now: datetime) -> Age:
    if stale_reason:
        return Age("stale", f"Stale: {stale_reason}", words.exact(as_of))
    return Age("fresh", f"Read {words.ago(as_of, now)}" if as_of else "Read, and empty", words.exact(as_of))


def _advice(document: dict[str, object], identity: Identity, read_before: bool) -> str:
    admin = identity.role is Role.ADMIN
    give = "give it here" if admin else "let an admin of the organisation give it here"
    if document["state"] == AccountState.STOPPED:
        return (
            "It is not read any more until somebody gives it a key that works: make a new key at the platform, and "
            f"{give}."
        )
    if document["state"] == AccountState.DISCONNECTED:
        return f"Somebody disconnected it. What was read stays. To read it again, make a key and {give}."
    if not read_before:
        return "It was never read: the worker does so by itself. If this stays, no worker is running."
    if document["stale"]:
        return "The last good figures stay, with their age. It is tried again by itself; it can be read now, too."
    return ""


def _breaker(breaker: CircuitBreaker, now: datetime) -> str:
    since = f" since {words.ago(breaker.opened_at, now)}".replace(" ago", "") if breaker.opened_at else ""
    if breaker.retry_at is not None and breaker.retry_at > now:
        return (
            f"Left alone{since}: the platform failed {breaker.failures} times in a row. "
            f"The next try is {words.ahead(breaker.retry_at, now)}."
        )
    if breaker.opened_at is not None:
        return f"Being tried again after {breaker.failures} failures in a row."
    return ""


def run_row(run: ReadRun, now: datetime) -> Run:
    """One read in words."""
    seconds = (run.finished_at - run.started_at).total_seconds()
    return Run(
        run=run,
        when=words.ago(run.started_at, now),
        seconds=f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min",
        result="Complete" if run.complete else run.error or "Not complete",
    )


def _runs(organisation_id: UUID, now: datetime) -> dict[UUID, list[Run]]:
    newest = (
        ReadRun.objects.filter(organisation_id=organisation_id)
        .annotate(
            place=Window(RowNumber(), partition_by=[F("account_id")], order_by=F("started_at").desc()),
        )
        .filter(place__lte=RUNS)
        .order_by("account_id", "-started_at")
    )
    runs: dict[UUID, list[Run]] = defaultdict(list)
    for run in newest:
        runs[run.account_id].append(run_row(run, now))
    return runs


def _troubles(organisation_id: UUID, now: datetime) -> dict[UUID, list[Trouble]]:
    reasons: dict[tuple[UUID, str], list[datetime]] = defaultdict(list)
    failing = Freshness.objects.filter(organisation_id=organisation_id).exclude(reason="")
    for account_id, reason, since in failing.values_list("account_id", "reason", "failing_since"):
        reasons[account_id, reason].append(since or now)
    troubles: dict[UUID, list[Trouble]] = defaultdict(list)
    for (account_id, reason), moments in reasons.items():
        troubles[account_id].append(Trouble(reason, len(moments), words.ago(min(moments), now)))
    return troubles


def has_accounts(organisation_id: UUID) -> bool:
    """Whether anything is connected at all."""
    return Account.objects.filter(organisation_id=organisation_id).exists()
