"""Reading what changed in Xero: contacts that were merged, payments, documents.

Each list is read from its cursor, page by page, each page kept before the next is asked for. The cursor moves only
when a list was read to its end and whole, and by Xero's own clock; it stands five minutes behind it, and whatever is
read twice changes nothing. What a hint names is read by its id, and moves no cursor.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar
from uuid import UUID, uuid5

from django.db.models import Min, Q

from housecount.platforms.base.errors import ConfigError, Gone, PlatformError, RateLimited, Transient
from housecount.platforms.http.client import Limits
from housecount.sync.database import DatabaseThread
from housecount.sync.lock import AlreadyBeingRead, account_lock
from housecount.tenancy.identity import Identity
from housecount.xero import advances, agenda, connecting, copies, ledger, receipts, wire
from housecount.xero.client import Xero, opened, renewing
from housecount.xero.errors import Busy, NotConnected
from housecount.xero.models import Came, Connection, Cursor, Intent, PartyContact, XeroPayment
from housecount.xero.receipts import Seen

Now = Callable[[], datetime]
Row = TypeVar("Row", wire.Document, wire.Payment, wire.Contact)
Place = Literal["Invoices", "CreditNotes", "Payments", "Contacts"]

#: A cursor stands so far behind the time at which its list was read: clocks of one service differ.
OVERLAP = timedelta(minutes=5)
#: Before the first cursor: nothing of ours is in Xero from earlier than our first attempt, whatever the clocks say.
_BEFORE_THE_FIRST = timedelta(days=1)
#: Contacts are merged seldom, and calls are few.
_CONTACTS_EVERY = timedelta(hours=1)
#: A list that changes while it is read is read so often.
_TRIES = 3
#: So many ids fit into one address.
_AT_ONCE = 40
#: Of more hints than this, the lists are read instead.
MOST_BY_ID = 200
#: So many payments that a document does not name any more are asked for one by one in one pull.
_MOST_MISSED = 20
_PLACES: tuple[Literal["CreditNotes", "Invoices"], ...] = ("CreditNotes", "Invoices")


@dataclass(slots=True)
class Pulled:
    """What a pull brought. `rows`: what Xero listed; `payments`, `taken_back`: taken over, taken back here; `waiting`:
    payments that cannot be taken over so far; `drift`: documents that differ. `stopped` says why it ended early."""

    rows: int = 0
    payments: int = 0
    taken_back: int = 0
    waiting: int = 0
    drift: int = 0
    requests: int = 0
    stopped: str = ""
    resumes_at: datetime | None = None


def utc_now() -> datetime:
    return datetime.now(UTC)


async def pull(
    organisation_id: UUID,
    *,
    full: bool = False,
    only: Collection[str] | None = None,
    now: Now = utc_now,
    limits: Limits | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Pulled:
    """Read what changed; with `full` all of it anew; with `only`, what stands under these ids in Xero.

    `on_progress` is told how many rows were read so far. One pull at a time reads for an organisation; another raises
    `Busy`. Raises `NotConnected` without a connection that works; what stops it on the way is in the outcome, and what
    was read until then is kept.
    """
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        row = await database.run(connecting.connected, organisation_id)
        try:
            async with account_lock(uuid5(row.pk, "pull"), wait=0.0):
                return await _pull(database, row, _Wish(full, only), now, limits, on_progress)
        except AlreadyBeingRead:
            raise Busy("Xero is being read for this organisation at this moment. Try again soon.") from None


async def pull_due(
    organisation_id: UUID, *, now: Now = utc_now, limits: Limits | None = None
) -> Pulled | None:
    """Read what changed, if that is due; None when it is not. Raises as `pull` does."""
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        if not await database.run(agenda.is_due, organisation_id, now()):
            return None
    return await pull(organisation_id, now=now, limits=limits)


@dataclass(frozen=True, slots=True)
class _Wish:
    full: bool
    only: Collection[str] | None


async def _pull(
    database: DatabaseThread,
    row: Connection,
    wish: _Wish,
    now: Now,
    limits: Limits | None,
    on_progress: Callable[[int], None] | None,
) -> Pulled:
    outcome = Pulled()
    if row.parked_until is not None and row.parked_until > now():
        outcome.stopped, outcome.resumes_at = "Xero's limits are used up.", row.parked_until
        return await _finish(database, row, outcome, wish, now())
    try:
        async with _puller(database, row, outcome, now, limits, on_progress) as puller:
            if wish.only is None:
                await puller.everything(full=wish.full)
            else:
                await puller.by_id(wish.only)
            await puller.settle()
    except RateLimited as error:
        outcome.stopped = error.message
        outcome.resumes_at = now() + timedelta(seconds=error.after)
        await database.run(ledger.park, row, outcome.resumes_at)
    except ConfigError as error:
        outcome.stopped = error.message
        await database.run(ledger.needs_reconnect, row, error.message)
    except (PlatformError, NotConnected) as error:
        outcome.stopped = error.message
    return await _finish(database, row, outcome, wish, now())


async def _finish(
    database: DatabaseThread, row: Connection, outcome: Pulled, wish: _Wish, now: datetime
) -> Pulled:
    def count() -> None:
        outcome.drift = agenda.drifted(row)
        outcome.waiting = receipts.waiting(row).count()
        if wish.only is None:
            agenda.pulled(row.organisation_id, now, outcome.stopped, outcome.resumes_at)

    await database.run(count)
    return outcome


@asynccontextmanager
async def _puller(
    database: DatabaseThread,
    row: Connection,
    outcome: Pulled,
    now: Now,
    limits: Limits | None,
    on_progress: Callable[[int], None] | None,
) -> "AsyncIterator[_Puller]":
    async with opened(
        row.organisation_id,
        renewing(database, row.organisation_id),
        tenant_id=None if row.custom else row.tenant_id,
        credential=row.tenant_id,
        limits=limits,
    ) as xero:
        try:
            yield _Puller(xero, database, row, outcome, now, on_progress)
        finally:
            outcome.requests = xero.requests


class _Puller:
    """One pull's hands."""

    def __init__(
        self,
        xero: Xero,
        database: DatabaseThread,
        row: Connection,
        outcome: Pulled,
        now: Now,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self.xero, self.database, self.row, self.outcome, self.now = xero, database, row, outcome, now
        self._on_progress = on_progress
        self._missed: set[str] = set()

    async def everything(self, *, full: bool) -> None:
        """Every list from its cursor on."""
        origin = await self.database.run(self._origin)
        if origin is None:
            return
        if full or await self.database.run(self._contacts_due):
            archived_too = {"includeArchived": "true"}
            await self._list("Contacts", wire.Contact, archived_too, origin, full, self._contacts)
        await self._list("Payments", wire.Payment, {}, origin, full, self._payments)
        for place in _PLACES:
            if place == "Invoices" or await self.database.run(self._has_notes):
                await self._list(place, wire.Document, {"unitdp": "4"}, origin, full, self._documents)

    async def by_id(self, ids: Collection[str]) -> None:
        """The documents and contacts of ours among these; others cost nothing."""
        documents, contacts = await self.database.run(self._known, list(ids))
        if len(documents) + len(contacts) > MOST_BY_ID:
            await self.everything(full=False)
            return
        for some in _groups(contacts):
            query = {"IDs": ",".join(some), "includeArchived": "true"}
            async for page in self.xero.pages("Contacts", wire.Contact, query):
                await self._keep(page.rows, self._contacts)
        await self._read(documents)

    async def settle(self) -> None:
        """What is left when the lists were read: documents never read, payments that vanished, what waited."""
        fresh = await self.database.run(copies.without_copy, self.row, MOST_BY_ID)
        await self._read(await self.database.run(self._places, fresh))
        for payment_id in sorted(self._missed)[:_MOST_MISSED]:
            try:
                found = await self.xero.payment(payment_id)
            except Gone:
                continue
            await self._keep([found], self._payments)
        await self.database.run(self._again)

    async def _list(
        self,
        place: Place,
        kind: type[Row],
        query: Mapping[str, str],
        origin: datetime,
        full: bool,
        keep: Callable[[Sequence[Row]], None],
    ) -> None:
        """Read one list to its end and move its cursor. Raises `Transient` for one that does not stand still."""
        kept = None if full else await self.database.run(self._cursor, place)
        since = {"If-Modified-Since": f"{kept or origin:%Y-%m-%dT%H:%M:%SZ}"}
        for _ in range(_TRIES):
            seen: set[str] = set()
            times: list[datetime] = []
            told: datetime | None = None
            count: int | None = None
            async for page in self.xero.pages(place, kind, query, since):
                await self._keep(page.rows, keep)
                told, count = told or page.at, page.count
                seen |= {each.id for each in page.rows}
                times += [time for each in page.rows if (time := wire.moment(each.updated)) is not None]
            # What changed meanwhile moved to the end of the list, and another row to a page that was read already.
            if count is None or len(seen) >= count:
                break
        else:
            raise Transient("Xero's list changed each time while it was read. It is read again soon.")
        read_at = told or max(times, default=None)
        if read_at is not None:
            # Xero's clock, unless it is ahead of ours: then it may yet be set back.
            await self.database.run(self._move, place, min(read_at, self.now()) - OVERLAP)

    async def _read(self, documents: Mapping[str, str]) -> None:
        """Documents by their ids in Xero, which are given with their place."""
        for place in _PLACES:
            for some in _groups([key for key, where in documents.items() if where == place]):
                rows = await self.xero.documents(place, {"IDs": ",".join(some)})
                await self._keep(rows, self._documents)

    async def _keep(self, rows: Sequence[Row], keep: Callable[[Sequence[Row]], None]) -> None:
        """One page, in one transaction."""
        await self.database.run(keep, rows)
        self.outcome.rows += len(rows)
        if self._on_progress is not None:
            self._on_progress(self.outcome.rows)

    # In the database

    def _contacts(self, rows: Sequence[wire.Contact]) -> None:
        """A contact that was merged into another is the other from now on."""
        for each in rows:
            if each.merged_to_contact_id and each.merged_to_contact_id != each.contact_id:
                PartyContact.objects.filter(
                    organisation_id=self.row.organisation_id,
                    tenant_id=self.row.tenant_id,
                    contact_id=each.contact_id,
                ).update(contact_id=each.merged_to_contact_id)

    def _payments(self, rows: Sequence[wire.Payment]) -> None:
        there = {_document_of(each): each for each in rows}
        known = receipts.documents_by_id(self.row, [key for key in there if key])
        for each in rows:
            if document_id := known.get(_document_of(each)):
                ref = each.invoice or each.credit_note
                self._receive(
                    Seen(
                        each.payment_id, document_id, each.amount, ref.currency_code if ref else "",
                        wire.day(each.date), each.reference or "", each.status,
                    )
                )  # fmt: skip

    def _documents(self, rows: Sequence[wire.Document]) -> None:
        known = receipts.documents_by_id(self.row, [each.id for each in rows])
        found = {known[each.id]: each for each in rows if each.id in known}
        for document_id, each in found.items():
            for paid in each.payments:
                self._receive(
                    Seen(
                        paid.payment_id, document_id, paid.amount, each.currency_code, wire.day(paid.date),
                        paid.reference or "", "AUTHORISED",
                    )
                )  # fmt: skip
        for seen in advances.seen(self.row, found):
            self._receive(seen)
        self._notice_missing(found)
        copies.keep(self.row, found, self.now())

    def _receive(self, seen: Seen) -> None:
        became = receipts.receive(self.row, seen, self.now())
        self.outcome.payments += became == Came.TAKEN
        self.outcome.taken_back += became == Came.TAKEN_BACK

    def _notice_missing(self, found: Mapping[UUID, wire.Document]) -> None:
        """Payments that we know and a document does not name any more: whether they are deleted is asked of each."""
        rows = XeroPayment.objects.filter(
            organisation_id=self.row.organisation_id,
            tenant_id=self.row.tenant_id,
            document_id__in=list(found),
        ).exclude(status="DELETED")
        for each in rows:
            there = found[each.document_id]
            listed = {paid.payment_id for paid in there.payments}
            total = sum((paid.amount for paid in there.payments), wire.ZERO)
            # A list that does not come to what was paid is not whole.
            if advances.is_one(each.payment_id):
                continue
            if each.payment_id not in listed and (there.credit_note_id or total == there.amount_paid):
                self._missed.add(each.payment_id)

    def _again(self) -> None:
        for entry in receipts.waiting(self.row):
            self._receive(receipts.again(entry))
        copies.compare_again(self.row, self.now())

    def _known(self, ids: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        contacts = PartyContact.objects.filter(
            organisation_id=self.row.organisation_id, tenant_id=self.row.tenant_id, contact_id__in=ids
        )
        documents = receipts.documents_by_id(self.row, ids)
        return self._places(documents), sorted(set(contacts.values_list("contact_id", flat=True)))

    def _places(self, documents: Mapping[str, UUID]) -> dict[str, str]:
        return receipts.places(self.row, documents)

    def _origin(self) -> datetime | None:
        """When the first of ours can have come to be in Xero; None when nothing of ours is there."""
        rows = Intent.objects.filter(organisation_id=self.row.organisation_id, tenant_id=self.row.tenant_id)
        first: datetime | None = rows.filter(~Q(xero_id="")).aggregate(found=Min("created_at"))["found"]
        return first - _BEFORE_THE_FIRST if first is not None else None

    def _contacts_due(self) -> bool:
        kept = self._row_of("Contacts")
        return kept is None or not kept.read_at <= self.now() < kept.read_at + _CONTACTS_EVERY

    def _has_notes(self) -> bool:
        return receipts.has_notes(self.row)

    def _cursor(self, place: Place) -> datetime | None:
        kept = self._row_of(place)
        return kept.since if kept is not None else None

    def _row_of(self, place: Place) -> Cursor | None:
        return Cursor.objects.filter(
            organisation_id=self.row.organisation_id, tenant_id=self.row.tenant_id, resource=place
        ).first()

    def _move(self, place: Place, since: datetime) -> None:
        kept = self._cursor(place)
        Cursor.objects.update_or_create(
            organisation_id=self.row.organisation_id,
            tenant_id=self.row.tenant_id,
            resource=place,
            defaults={"since": max(kept or since, since), "read_at": self.now()},
        )


def _document_of(payment: wire.Payment) -> str:
    """The id in Xero of what was paid; empty for a prepayment or an overpayment."""
    if payment.invoice is not None:
        return payment.invoice.invoice_id
    return payment.credit_note.credit_note_id if payment.credit_note is not None else ""


def _groups(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[begin : begin + _AT_ONCE] for begin in range(0, len(ids), _AT_ONCE)]
