"""What stands behind an account's reads, for the page of accounts: its plan, its budget, its webhooks.

A fixed number of queries each, however many accounts there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count

from housecount.box_office.models import Account, AccountState
from housecount.core.errors import HousecountError
from housecount.intake.models import Hook, Status
from housecount.platforms.registry import SOURCES
from housecount.sync import doors
from housecount.sync.alerts import open_alerts
from housecount.sync.clients import profile_of
from housecount.sync.letters import page_of
from housecount.sync.models import Alert, CredentialBudget, HookDoor
from housecount.tenancy import crypto
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.web import words

_RECENT = timedelta(hours=24)
_HOOK_WORDS = {
    Status.DONE: "handled",
    Status.WAITING: "waiting",
    Status.IGNORED: "ignored",
    Status.DEAD: "given up",
}


class AlertRow(NamedTuple):
    """An open alert; `link` leads to where something can be done about it."""

    alert: Alert
    since: str
    link: str


class WebhookRow(NamedTuple):
    """How an account's webhook is. `address` is secret, and there only for who may enter it at the platform."""

    words: str
    bad: bool
    address: str
    recent: str
    dead: int


def alert_rows(organisation_id: UUID, now: datetime) -> list[AlertRow]:
    """The organisation's open alerts, the newest first."""
    return [
        AlertRow(alert, words.ago(alert.opened_at, now), _link(alert))
        for alert in open_alerts(organisation_id)
    ]


def _link(alert: Alert) -> str:
    return page_of(alert) or (f"#account-{alert.subject}" if alert.subject else "")


def budget_words(accounts: Iterable[Account], now: datetime) -> dict[UUID, str]:
    """How much of its calls each account's key has used in this period, by account; shared by all with that key."""
    profiles = {}
    for account in accounts:
        source = SOURCES.get(account.platform)
        if source is None or account.state == AccountState.DISCONNECTED:
            continue
        try:
            profiles[account.pk] = profile_of(source, crypto.decrypt(account.credential))
        except HousecountError:
            continue  # a key that cannot be used is told of elsewhere
    rows = CredentialBudget.objects.filter(credential__in={each.credential for each in profiles.values()})
    budgets = {row.credential: row for row in rows}
    found = {}
    for account_id, profile in profiles.items():
        row = budgets.get(profile.credential)
        used = row.used if row is not None and row.ends_at > now else 0
        allowed = row.allowed if row is not None else profile.rate.allowed
        period = {60: "this minute", 3600: "this hour"}.get(int(profile.rate.seconds), "now")
        text = f"{used:,} of {allowed:,} calls {period}"
        if row is not None and row.held_until is not None and row.held_until > now:
            text += f"; the platform asked us to wait, {words.ahead(row.held_until, now)} it goes on"
        found[account_id] = text
    return found


def webhook_rows(accounts: Iterable[Account], identity: Identity, now: datetime) -> dict[UUID, WebhookRow]:
    """How each account's webhook is, by account, as far as `identity` may know: its address is for admins, what came
    in for who may see the log."""
    assert identity.organisation_id is not None
    with acting_as(Identity.system(identity.organisation_id)):
        found = HookDoor.objects.filter(organisation_id=identity.organisation_id)
        known = {door.account_id: door for door in found.defer("token_hash")}
    counts: dict[UUID, dict[str, int]] = defaultdict(dict)
    log = Hook.objects.filter(organisation_id=identity.organisation_id)
    recent = log.filter(received_at__gt=now - _RECENT).values("account_id", "status").order_by()
    for account_id, status, number in recent.annotate(number=Count("pk")).values_list(
        "account_id", "status", "number"
    ):
        if account_id is not None:
            counts[account_id][status] = number
    died = log.filter(status=Status.DEAD).values("account_id").order_by().annotate(number=Count("pk"))
    dead = dict(died.values_list("account_id", "number"))
    sees_log = identity.role in {Role.ADMIN, Role.PROMOTER}
    rows = {}
    for account in accounts:
        door = known.get(account.pk)
        if door is None or account.state == AccountState.DISCONNECTED:
            continue
        said, bad, by_hand = _state(account, door)
        rows[account.pk] = WebhookRow(
            words=said,
            bad=bad,
            address=doors.address_of(account) if by_hand and identity.role is Role.ADMIN else "",
            recent=_recent(counts[account.pk]) if sees_log else "",
            dead=dead.get(account.pk, 0),
        )
    return rows


def _state(account: Account, door: HookDoor) -> tuple[str, bool, bool]:
    """In words, whether that is bad, and whether its address is to be entered by hand."""
    source = SOURCES.get(account.platform)
    label = source.label if source else account.platform
    if door.trouble:
        return f"Not in order: {door.trouble}", True, True
    if door.webhook_ids:
        return f"Registered at {label}", False, False
    if source is None or source.webhooks is None:
        return f"{label} has none; a relay can send them", False, True
    return f"Not registered at {label}", True, True


def _recent(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    if not total:
        return "none in the last 24 h"
    parts = [f"{counts[status]:,} {said}" for status, said in _HOOK_WORDS.items() if counts.get(status)]
    return f"{total:,} in the last 24 h: {', '.join(parts)}"
