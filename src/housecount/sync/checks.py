"""What `housecount doctor` asks of the engine: (name, state, sentence), where state is ok, warn or fail."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from housecount.box_office import bulk
from housecount.box_office.models import Account, AccountState, SetAside
from housecount.core.errors import HousecountError
from housecount.installation import environment
from housecount.platforms import registry
from housecount.platforms.base.errors import ConfigError
from housecount.platforms.http.budget import LocalBreaker, LocalBudget
from housecount.platforms.http.client import Client
from housecount.sync import accounts, dispatch, doors, queries
from housecount.sync.clients import profile_of
from housecount.sync.models import Alert, HookDoor
from housecount.tenancy import crypto
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation
from housecount.tenancy.queries import all_organisations

Finding = tuple[str, str, str]


#: A platform's clock may be so far from ours: what it calls changed is found by its own time, with some overlap.
MOST_APART = timedelta(seconds=10)
#: Reads that are due for longer are late.
LATE = timedelta(minutes=15)


def platforms() -> Iterable[Finding]:
    """Whether each account's key still opens its platform (one cheap read per account), and whether the platform's
    clock agrees with ours."""
    apart: dict[str, timedelta] = {}
    for organisation in all_organisations():
        for account in accounts.accounts_of(organisation.pk):
            if account.state == AccountState.ACTIVE:
                state, sentence, date = asyncio.run(_answers(account))
                yield _label(organisation, account), state, sentence
                if date is not None:
                    apart[account.platform] = date
    for platform, difference in sorted(apart.items()):
        yield from _clock(registry.source(platform).label, difference)


async def _answers(account: Account) -> tuple[str, str, timedelta | None]:
    """State, sentence, and by how much the platform's clock is ahead of ours, if it told."""
    source = registry.source(account.platform)
    regions = [region for region in account.regions if region]
    try:
        profile = profile_of(source, crypto.decrypt(account.credential))
        budget, breaker = LocalBudget(profile.rate, label=source.label), LocalBreaker(label=source.label)
        async with Client(profile, budget, breaker) as client:
            await source.check(client, regions)
            ahead = None if client.date is None else client.date - dispatch.utc_now()
    except ConfigError as error:
        return "fail", error.message, None
    except HousecountError as error:
        return "warn", error.message, None
    return "ok", f"{source.label} answers and accepts the key.", ahead


def _clock(label: str, ahead: timedelta) -> Iterable[Finding]:
    seconds = abs(ahead.total_seconds())
    if seconds > MOST_APART.total_seconds():
        way = "behind" if ahead > timedelta() else "ahead of"
        yield (
            f"clock of {label}",
            "warn",
            (
                f"this machine is {seconds:.0f} s {way} it. Reads go by the platform's time and miss nothing, but ages "
                "would be told wrong. Run a time service."
            ),
        )
    else:
        yield f"clock of {label}", "ok", "it agrees with this machine's."


def freshness() -> Iterable[Finding]:
    """Whether the accounts' figures are as fresh as they should be, and why not."""
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.pk)):
            documents = queries.account_documents(organisation.pk)
        for document in documents:
            name = f"{organisation.slug}: freshness of {document['name']}"
            if document["stale"]:
                yield name, "warn", f"{document['stale_reason']} Last read: {document['as_of'] or 'never'}."
            else:
                yield name, "ok", f"as of {document['as_of']}, swept {document['last_sweep_at']}."


def records() -> Iterable[Finding]:
    """Whether records were set aside because they could not be read."""
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.pk)):
            count = SetAside.objects.filter(organisation_id=organisation.pk, notice=False).count()
        if count:
            yield (
                f"{organisation.slug}: records",
                "warn",
                f"{count} could not be read and are not counted; the page Sync says why.",
            )


def agenda() -> Iterable[Finding]:
    """Whether what is planned to be read is read in time."""
    with acting_as(Identity.system()):
        ((planned, late, oldest),) = bulk.fetch(
            "SELECT count(*), count(*) FILTER (WHERE next_at < now() - greatest(%s, every * interval '1 second')),"
            " extract(epoch FROM now() - min(next_at))::int / 60 FROM sync_agenda",
            [LATE],
        )
    if late:
        yield (
            "agenda",
            "warn",
            (
                f"{late} of {planned} planned reads are late, the oldest by {oldest} minutes. Is a worker running? If "
                "one is, add another, or read less often (HOUSECOUNT_READ_EVERY)."
            ),
        )
    else:
        yield "agenda", "ok", f"{planned} reads are planned, and none is late."


def webhooks() -> Iterable[Finding]:
    """Whether platforms can tell us of sales as they happen."""
    found = environment.load()
    host = urlsplit(found.public_url or "").hostname
    if host is None:
        yield (
            "webhooks",
            "warn",
            (
                "HOUSECOUNT_PUBLIC_URL is not set, so that no platform can reach this machine: sales are seen when "
                "they are read, within minutes, and not within seconds. Nothing is missed."
            ),
        )
    elif host in {"localhost", "127.0.0.1", "::1"}:
        yield (
            "webhooks",
            "warn",
            (
                f"HOUSECOUNT_PUBLIC_URL names {host}, which only this machine reaches: no platform's webhook arrives. "
                "Name the address at which the world reaches Housecount."
            ),
        )
    elif troubles := [said for each in registry.SOURCES.values() if (said := doors.unreachable_port(each))]:
        for trouble in troubles:
            yield "webhooks", "warn", trouble
    else:
        yield "webhooks", "ok", f"platforms reach Housecount at {host}."
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.pk)):
            rows = HookDoor.objects.filter(organisation_id=organisation.pk).select_related("account")
            for door in rows.order_by("account__connected_at", "account_id"):
                if door.account.state == AccountState.ACTIVE:
                    yield from _door(organisation, door, reachable=host is not None)


def _door(organisation: Organisation, door: HookDoor, *, reachable: bool) -> Iterable[Finding]:
    source = registry.source(door.platform)
    name = f"{_label(organisation, door.account)}: webhook"
    if door.trouble:
        yield name, "warn", f"{door.trouble} It is looked at again within the hour."
    elif door.webhook_ids:
        yield name, "ok", f"registered at {source.label}."
    elif source.webhooks is None:
        yield name, "ok", f"{source.label} has none; its shows are read as often as its limits let us."
    elif reachable:
        yield (
            name,
            "warn",
            (
                f"not registered at {source.label}. The worker does so within the hour, or housecount account "
                f"reconnect {door.account_id} at once."
            ),
        )


def alerts() -> Iterable[Finding]:
    """Whether alerts reach anybody, and which are open."""
    found = environment.load()
    if dispatch.mail_configured():
        yield "alerts by mail", "ok", "they go to those in each organisation who want them."
    else:
        yield (
            "alerts by mail",
            "warn",
            "HOUSECOUNT_EMAIL_URL is not set: nobody is told when something is wrong; the page Sync shows it.",
        )
    if found.alert_url is not None:
        host = urlsplit(found.alert_url).hostname
        if found.alert_secret is None:
            yield (
                "alerts by webhook",
                "fail",
                "HOUSECOUNT_ALERT_SECRET is not set: unsigned, nothing is posted.",
            )
        else:
            yield "alerts by webhook", "ok", f"they are posted to {host}, signed."
    with acting_as(Identity.system()):
        open_now = list(Alert.objects.filter(closed_at=None).values_list("cause", "trouble"))
    troubles = sorted({trouble for _, trouble in open_now if trouble})
    for trouble in troubles:
        yield "alerts", "warn", f"{trouble} It is tried again."
    if open_now:
        causes = sorted({str(cause) for cause, _ in open_now})
        told = ", ".join(f"{cause} {sum(1 for each, _ in open_now if each == cause)}" for cause in causes)
        yield "alerts", "warn", f"{len(open_now)} open ({told}): the page Sync says what to do."
    else:
        yield "alerts", "ok", "none is open."


def _label(organisation: Organisation, account: Account) -> str:
    return f"{organisation.slug}: {account.name}"


CHECKS: list[Callable[[], Iterable[Finding]]] = [platforms, agenda, freshness, records, webhooks, alerts]
