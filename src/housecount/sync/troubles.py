"""What is wrong in an organisation now, in words for the people who sell its tickets.

Grouped so that one cause makes one trouble: an account that stopped is one, not one for each of its listings.
Reads only; the caller sets the identity.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from housecount.box_office import bulk
from housecount.box_office.models import Account, AccountState, Listing
from housecount.platforms.base.errors import ConfigError, ContractChanged
from housecount.platforms.registry import SOURCES
from housecount.sync.agenda import WHOLE_ACCOUNT
from housecount.sync.models import Freshness
from housecount.sync.queries import ListingCount, ShowCount, count_shows
from housecount.tenancy.models import Organisation

#: Figures are late for this long before a person hears of it: most trouble is over by then.
PATIENCE = timedelta(minutes=30)
#: How long after its end a show's figures are still watched.
WATCHED_AFTERWARDS = timedelta(hours=48)
_LONGEST_SHOW = timedelta(days=3)
_NAMED = 3


class Cause(StrEnum):
    """Why a person is told. The names are part of what is posted to the operator: keep them."""

    ACCOUNT_STOPPED = "account_stopped"
    LISTING_STALE = "listing_stale"
    CONTRACT_CHANGED = "contract_changed"
    DEAD_HOOKS = "dead_hooks"
    OVERSELL = "oversell"
    RCTI_COPY_DUE = "rcti_copy_due"
    RCTI_COPY_LATE = "rcti_copy_late"
    TAX_INVOICE_DUE = "tax_invoice_due"
    TAX_INVOICE_LATE = "tax_invoice_late"


#: What the bookkeeper answers for: they are told of these unless they say otherwise. Their subject is a document.
OF_THE_BOOKS: Final = frozenset(
    {Cause.RCTI_COPY_DUE, Cause.RCTI_COPY_LATE, Cause.TAX_INVOICE_DUE, Cause.TAX_INVOICE_LATE}
)


class Trouble(NamedTuple):
    """What is wrong. `subject` is the id of the show for `oversell`, of the document for `OF_THE_BOOKS`, of the account
    for the others."""

    cause: Cause
    subject: str
    text: str
    advice: str


class _Failing(NamedTuple):
    since: datetime
    code: str
    reason: str


_Failures = Mapping[tuple[UUID, str], _Failing]
_Look = Callable[[Organisation, datetime], Sequence[Trouble]]
_others: list[_Look] = []


def watch_also(look: _Look) -> None:
    """Have a floor above look for troubles of its own whenever `troubles` does; called once, as its app is loaded."""
    if look not in _others:
        _others.append(look)


def troubles(
    organisation: Organisation, now: datetime, open_already: frozenset[tuple[str, str]] = frozenset()
) -> list[Trouble]:
    """What is wrong now; `open_already` are the (cause, subject) of the alerts there are.

    A number of queries that does not grow with accounts or shows; only shows that are not long over are looked at.
    """
    accounts = {
        account.pk: account
        for account in Account.objects.filter(organisation_id=organisation.pk)
        .only("id", "platform", "name", "state", "state_reason", "connected_at")
        .order_by("connected_at", "id")
    }
    failures = _failures(organisation.pk)
    shows = _shows(organisation.pk, now)
    return [
        *_stopped(accounts),
        *_changed_contracts(accounts, failures, open_already),
        *_stale(organisation, accounts, failures, shows, now),
        *_dead_hooks(organisation.pk, accounts),
        *_oversold(shows, now),
        *(found for look in _others for found in look(organisation, now)),
    ]


def _failures(organisation_id: UUID) -> dict[tuple[UUID, str], _Failing]:
    rows = Freshness.objects.filter(organisation_id=organisation_id).exclude(reason_code="")
    return {
        (account_id, event_id): _Failing(since, code, reason)
        for account_id, event_id, since, code, reason in rows.values_list(
            "account_id", "event_id", "failing_since", "reason_code", "reason"
        )
        if since is not None
    }


def _shows(organisation_id: UUID, now: datetime) -> list[ShowCount]:
    on = Listing.objects.filter(
        organisation_id=organisation_id,
        starts_at__gt=now - _LONGEST_SHOW - WATCHED_AFTERWARDS,
        ends_at__gt=now - WATCHED_AFTERWARDS,
        gone_at=None,
        cancelled=False,
    )
    ids = sorted(set(on.values_list("show_id", flat=True)))
    return (
        [count for count in count_shows(organisation_id, now, ids) if not count.show.cancelled] if ids else []
    )


def name_of(account: Account) -> str:
    """The account as people know it: “Velvet Room” (Eventbrite)."""
    source = SOURCES.get(account.platform)
    return f"“{account.name}” ({source.label if source else account.platform})"


def _stopped(accounts: Mapping[UUID, Account]) -> Iterator[Trouble]:
    for account in accounts.values():
        if account.state == AccountState.STOPPED:
            yield Trouble(
                Cause.ACCOUNT_STOPPED,
                str(account.pk),
                f"{name_of(account)} is not read any more. {account.state_reason}".strip(),
                "Make a new key at the platform and let an admin give it on the page Sync (or run housecount account "
                f"reconnect {account.pk}). Until then its figures stay as they were last read.",
            )


def _changed_contracts(
    accounts: Mapping[UUID, Account], failures: _Failures, open_already: frozenset[tuple[str, str]]
) -> Iterator[Trouble]:
    """One per account. It lasts until the account fails no more: between two attempts another failure, such as a
    break of the circuit, may stand in the place of this one."""
    reasons: dict[UUID, Counter[str]] = defaultdict(Counter)
    for (account_id, _), failing in failures.items():
        reasons[account_id][failing.reason if failing.code == ContractChanged.code else ""] += 1
    for account_id, told in reasons.items():
        account = accounts.get(account_id)
        if account is None or account.state != AccountState.ACTIVE:
            continue
        (reason, _), *_ = sorted(told.items(), key=lambda each: (each[0] == "", -each[1]))
        subject = str(account_id)
        if reason or (Cause.CONTRACT_CHANGED.value, subject) in open_already:
            yield Trouble(
                Cause.CONTRACT_CHANGED,
                subject,
                f"{name_of(account)} answers in a way that Housecount does not know, so that what it says was not "
                f"taken over. {reason}".strip(),
                "Update Housecount; if it is up to date, report this to its makers with the sentence above. "
                "The last good figures stay, with their age.",
            )


def _stale(
    organisation: Organisation,
    accounts: Mapping[UUID, Account],
    failures: _Failures,
    shows: Sequence[ShowCount],
    now: datetime,
) -> Iterator[Trouble]:
    """One per account, for all of its listings whose figures have been late for long enough."""
    waiting: dict[UUID, list[tuple[ShowCount, ListingCount, _Failing | None]]] = defaultdict(list)
    unexplained: list[UUID] = []
    for show in shows:
        for count in show.listings:
            account = accounts.get(count.listing.account_id)
            if account is None or account.state != AccountState.ACTIVE or not _watched(count.listing, now):
                continue
            if not count.freshness.stale:
                continue
            failing = _failing(failures, count.listing)
            if failing is None:
                unexplained.append(show.show.pk)
            elif failing.code in {ContractChanged.code, ConfigError.code} or failing.since > now - PATIENCE:
                continue
            waiting[account.pk].append((show, count, failing))
    late_before = _late_before(organisation.pk, unexplained, now)
    for account_id, late in waiting.items():
        lasting = [each for each in late if each[2] is not None or each[1].listing.pk in late_before]
        if lasting:
            yield _stale_trouble(organisation, accounts[account_id], lasting, now)


def _watched(listing: Listing, now: datetime) -> bool:
    return listing.gone_at is None and not listing.cancelled and listing.ends_at > now - WATCHED_AFTERWARDS


def _failing(failures: _Failures, listing: Listing) -> _Failing | None:
    return failures.get((listing.account_id, listing.event_id)) or failures.get(
        (listing.account_id, WHOLE_ACCOUNT)
    )


def _late_before(organisation_id: UUID, show_ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """The listings whose figures, with what was read since, were late already some time ago."""
    if not show_ids:
        return set()
    then = now - PATIENCE
    return {
        count.listing.pk
        for show in count_shows(organisation_id, then, sorted(set(show_ids)))
        for count in show.listings
        if count.freshness.stale and count.listing.created_at <= then
    }


def _stale_trouble(
    organisation: Organisation,
    account: Account,
    late: Sequence[tuple[ShowCount, ListingCount, _Failing | None]],
    now: datetime,
) -> Trouble:
    late = sorted(late, key=lambda each: (each[0].starts_at < now, each[0].starts_at, each[0].show.title))
    names = [
        f"{show.show.title}, {show.starts_at:%a} {show.starts_at.day} {show.starts_at:%b}"
        for show, _, _ in late
    ]
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    reasons = Counter(failing.reason for _, _, failing in late if failing is not None)
    reason = reasons.most_common(1)[0][0] if reasons else "They were due to be read, and nobody read them."
    read = [count.freshness.as_of for _, count, _ in late if count.freshness.as_of is not None]
    ages = (
        f"The oldest figures are from {in_words(min(read), organisation.timezone)}."
        if len(read) == len(late)
        else "Some were never read."
    )
    listings = f"{len(late)} listing{'s' if len(late) != 1 else ''}"
    verb = "are" if len(late) != 1 else "is"
    advice = (
        f"Housecount goes on trying by itself; housecount sync --account {account.pk} tries now, and housecount "
        "doctor says whether something is wrong on our side. The last good figures stay, with their age."
        if reasons
        else "Check that a worker is running: housecount doctor says so. The last good figures stay, with their age."
    )
    return Trouble(
        Cause.LISTING_STALE,
        str(account.pk),
        f"{listings} at {name_of(account)} {verb} not up to date: {'; '.join(names[:_NAMED])}{more}. {reason} {ages}",
        advice,
    )


#: The log of webhooks is kept a floor above; what died in it is known by these columns alone.
_DEAD = """
    SELECT account_id, count(*) FROM webhook_log WHERE organisation_id = %s AND status = 'dead'
    GROUP BY account_id ORDER BY account_id
"""


def _dead_hooks(organisation_id: UUID, accounts: Mapping[UUID, Account]) -> Iterator[Trouble]:
    for account_id, number in bulk.fetch(_DEAD, [organisation_id]):
        account = accounts.get(account_id)
        whose = f" of {name_of(account)}" if account else ""
        chosen = f"--account {account_id} " if account else ""
        yield Trouble(
            Cause.DEAD_HOOKS,
            str(account_id or ""),
            f"{number:,} webhook{'s' if number != 1 else ''}{whose} could not be handled, after many attempts.",
            "See why on the page Sync, under Webhooks, and replay them there (or run housecount webhooks replay "
            f"{chosen}--status dead). The next full sweep reads what they pointed at in any case.",
        )


def _oversold(shows: Sequence[ShowCount], now: datetime) -> Iterator[Trouble]:
    for count in shows:
        if count.starts_at < now - timedelta(days=1):
            continue
        taken = count.figures.sold + count.figures.comps
        seats, sure = _house(count, taken)
        if seats is None or taken <= seats:
            continue
        where = ", ".join(
            f"{each.account_name} {each.figures.sold + each.figures.comps:,}"
            for each in count.listings
            if each.listing.gone_at is None
        )
        show = f"“{count.show.title}” on {count.starts_at:%a} {count.starts_at.day} {count.starts_at:%b}"
        verb = "has" if sure else "may be oversold: it has"
        yield Trouble(
            Cause.OVERSELL,
            str(count.show.pk),
            f"{show} {verb} {taken:,} admissions for {seats:,} seats, {taken - seats:,} too many ({where}).",
            "Stop selling it where you can. If the house has more seats, or each platform sells a part of it, say on "
            "the show's page how many seats there are.",
        )


def _house(count: ShowCount, taken: int) -> tuple[int | None, bool]:
    """The seats to measure the house against, and whether they are surely all there are.

    Platforms that were all told the same number were most likely each told the whole house.
    """
    if count.seats is not None:
        return count.seats, True
    told = {each.listing.capacity for each in count.listings if each.listing.gone_at is None}
    if count.capacity is not None and taken > count.capacity and told == {count.capacity}:
        return count.capacity, False
    return None, False


def in_words(moment: datetime, zone: str) -> str:
    """ "Fri 27 Nov 2026, 7:30 pm AEDT", on the clock of the IANA time zone `zone`."""
    local = moment.astimezone(ZoneInfo(zone))
    half = "am" if local.hour < 12 else "pm"
    return f"{local:%a} {local.day} {local:%b %Y}, {local.hour % 12 or 12}:{local:%M} {half} {local:%Z}"
