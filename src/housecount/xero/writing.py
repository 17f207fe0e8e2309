"""One push's hands: each intent brought as far as it can go, every step committed before the next begins.

Every step begins by looking: a document that is there and equal is taken for ours, one that differs is left alone and
shown. A document is made as a draft, compared to the cent, and approved only when it is the same.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from housecount.core.money import to_major
from housecount.platforms.base.errors import CircuitOpen, Gone, Transient
from housecount.platforms.http.errors import ServerFailed
from housecount.sync.database import DatabaseThread
from housecount.xero import ledger, wire
from housecount.xero.client import Xero
from housecount.xero.contacts import Contacts
from housecount.xero.errors import Blocked, Conflict, Differs, Rejected
from housecount.xero.keys import key_of
from housecount.xero.ledger import Sheet
from housecount.xero.mapping import Books
from housecount.xero.models import Connection, Intent, Stage, What
from housecount.xero.paper import differences, place_of
from housecount.xero.planning import intent_of

T = TypeVar("T")
Now = Callable[[], datetime]
#: A payment of ours may turn up with so much earlier a time than we think: clocks differ.
_OVERLAP = timedelta(minutes=5)
#: After so many ends without an answer in a row the push gives up.
_GIVE_UP = 3
_LIVE = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID")


class Writer:
    """One push's hands."""

    def __init__(
        self,
        xero: Xero,
        database: DatabaseThread,
        row: Connection,
        books: Books,
        contacts: Contacts,
        now: Now,
    ) -> None:
        self.xero = xero
        self.database = database
        self.row = row
        self.books = books
        self.contacts = contacts
        self.now = now
        # How many ended without an answer, of which so many in a row.
        self.unsure = 0
        self._in_a_row = 0
        self._payments: list[wire.Payment] | None = None

    async def write(self, intent: Intent) -> None:
        """Bring one intent as far as it can go. Raises what stops the whole push: limits, sign-in, an outage."""
        steps: dict[str, Callable[[Intent], Awaitable[None]]] = {
            What.DOCUMENT: self._document,
            What.ALLOCATION: self._allocation,
            What.PAYMENT: self._payment,
            What.VOID: self._void,
        }
        try:
            await steps[intent.what](intent)
        except Rejected as error:
            await self.database.run(ledger.heard, intent)
            await self._stay(intent, Stage.REJECTED, error.message)
        except Conflict as error:
            await self._stay(intent, Stage.CONFLICT, error.message)
        except Differs as error:
            await self._stay(intent, Stage.DIFFERS, error.message)
        except Blocked as error:
            await self._stay(intent, Stage.BLOCKED, error.message)
        except Gone as error:
            await self._stay(intent, Stage.CONFLICT, error.message)
        except Transient as error:
            # Whether it was done is not known; the next push looks before it does anything.
            await self._stay(intent, Stage.UNKNOWN, error.message)
            self._payments = None
            self.unsure += 1
            self._in_a_row += 1
            if isinstance(error, CircuitOpen) or self._in_a_row >= _GIVE_UP:
                raise
            return
        self._in_a_row = 0

    async def _stay(self, intent: Intent, stage: Stage, reason: str) -> None:
        # What has an id stays where it is: only why it goes no further is kept.
        kept = Stage(intent.stage) if intent.stage in (Stage.DRAFTED, Stage.APPROVED) else stage
        await self.database.run(ledger.advance, intent, kept, self.now(), reason=reason)

    # Documents

    async def _document(self, intent: Intent) -> None:
        sheet = await self.database.run(ledger.sheet, intent, self.row, self.books)
        if intent.stage not in (Stage.DRAFTED, Stage.APPROVED) and not await self._draft(intent, sheet):
            return
        if intent.stage == Stage.DRAFTED:
            await self._approve(intent, sheet)
        await self._attach(intent, sheet)
        await self.database.run(ledger.advance, intent, Stage.DONE, self.now())

    async def _draft(self, intent: Intent, sheet: Sheet) -> bool:
        """Whether there is one now: of a document that is void by now, none is made."""
        contact = await self.contacts.of(sheet.document.party)
        found = await self._look(sheet, contact)
        if found is None and sheet.void:
            await self.database.run(ledger.advance, intent, Stage.DONE, self.now())
            return False
        if found is None:
            fields = {**sheet.paper.fields, "Contact": {"ContactID": contact}, "Status": "DRAFT"}
            attempt = await self.database.run(ledger.begin_attempt, intent, self.now())
            key = key_of(self.row.tenant_id, intent.what, intent.target, attempt, fields)
            found = await self._heard(intent, self.xero.create_document(sheet.paper.place, fields, key))
        await self.database.run(ledger.advance, intent, Stage.DRAFTED, self.now(), xero_id=found.id)
        return True

    async def _heard(self, intent: Intent, creation: Awaitable[T]) -> T:
        """What a creation gave. An answer, also one that says it failed, ends the attempt."""
        try:
            made = await creation
        except ServerFailed:
            await self.database.run(ledger.heard, intent)
            raise
        await self.database.run(ledger.heard, intent)
        return made

    async def _look(self, sheet: Sheet, contact: str) -> wire.Document | None:
        """What Xero has under this number, if it is ours. Raises `Conflict` for what is not."""
        paper = sheet.paper
        number = sheet.document.number or ""
        if paper.type == "ACCREC":
            query = {"InvoiceNumbers": number}
        elif paper.place == "Invoices":
            # The numbers of bills are not unique, and it is not sure that a search by number finds them.
            query = {"ContactIDs": contact}
        else:
            query = {}
        rows = await self.xero.documents(paper.place, query)
        same = [each for each in rows if each.number == number and each.type == paper.type]
        live = [each for each in same if each.status != "DELETED"]
        equal = [each for each in live if each.status in _LIVE and not differences(paper, each, contact)]
        if equal:
            return equal[0]
        # A bill of the same number that a supplier sent is another's only when it is not for the same contact.
        if live:
            said = "; ".join(
                f"{name}: ours {mine}, Xero's {theirs}"
                for name, mine, theirs in differences(paper, live[0], contact)
            )
            raise Conflict(
                f"Xero already has {number} ({live[0].status.lower()}), and it is not the same. "
                f"{said or 'It was voided there.'} Look at both, and correct Xero's or void ours."
            )
        return None

    async def _approve(self, intent: Intent, sheet: Sheet) -> None:
        paper = sheet.paper
        found = await self.xero.document(paper.place, intent.xero_id)
        wrong = [] if found.status == "DELETED" else differences(paper, found, None)
        if wrong:
            said = "; ".join(f"{name}: ours {mine}, Xero's {theirs}" for name, mine, theirs in wrong)
            if found.status in ("DRAFT", "SUBMITTED"):
                # Under another number first: nobody has shown whether a deleted draft gives its number back.
                await self.xero.withdraw(
                    paper.place, intent.xero_id, f"{sheet.document.number} withdrawn {intent.attempt}"
                )
                await self.database.run(ledger.advance, intent, Stage.PLANNED, self.now(), xero_id="")
            raise Differs(
                f"Xero came to other figures for {sheet.document.number}, and nothing was approved. {said}."
            )
        if found.status in ("DRAFT", "SUBMITTED"):
            found = await self.xero.set_status(paper.place, intent.xero_id, "AUTHORISED")
            if wrong := differences(paper, found, None):
                said = "; ".join(f"{name}: ours {mine}, Xero's {theirs}" for name, mine, theirs in wrong)
                raise Differs(f"Xero changed {sheet.document.number} while it was approved. {said}.")
        elif found.status == "DELETED":
            await self.database.run(ledger.advance, intent, Stage.PLANNED, self.now(), xero_id="")
            raise Blocked(
                f"The draft of {sheet.document.number} was deleted in Xero. Push again to write it anew."
            )
        elif found.status not in ("AUTHORISED", "PAID"):
            raise Conflict(f"{sheet.document.number} is {found.status.lower()} in Xero.")
        await self.database.run(ledger.advance, intent, Stage.APPROVED, self.now())

    async def _attach(self, intent: Intent, sheet: Sheet) -> None:
        if sheet.pdf is None:
            return
        name = f"{sheet.document.number}.pdf"
        kept = await self.xero.attach(sheet.paper.place, intent.xero_id, name, sheet.pdf)
        if kept != len(sheet.pdf):
            raise Differs(
                f"Xero kept {kept} bytes of {name}, and it has {len(sheet.pdf)}. It is attached again."
            )

    # What is set against documents

    async def _allocation(self, intent: Intent) -> None:
        move = await self.database.run(ledger.move, intent, self.row, "")
        amount = to_major(abs(move.allocation.amount), move.document.currency)
        note = await self.xero.document("CreditNotes", move.credit)
        ours = await self.database.run(ledger.done_ids, self.row, What.ALLOCATION, move.document.pk)
        there = [
            each
            for each in note.allocations
            if each.invoice is not None
            and each.invoice.invoice_id == move.theirs
            and each.amount == amount
            and (each.allocation_id not in ours or each.allocation_id == intent.xero_id)
        ]
        if there:
            made = there[0].allocation_id
        else:
            assert move.allocation.credit_note is not None
            fields = {
                "Amount": amount,
                "Date": move.allocation.credit_note.issue_date.isoformat(),
                "Invoice": {"InvoiceID": move.theirs},
            }
            attempt = await self.database.run(ledger.begin_attempt, intent, self.now())
            key = key_of(self.row.tenant_id, intent.what, intent.target, attempt, fields)
            made = (await self._heard(intent, self.xero.allocate(move.credit, fields, key))).allocation_id
        await self.database.run(ledger.advance, intent, Stage.DONE, self.now(), xero_id=made)

    async def _payment(self, intent: Intent) -> None:
        bank = self.books.mapped("bank").code
        move = await self.database.run(ledger.move, intent, self.row, bank)
        reference = f"HC-{move.allocation.pk.hex[:16]}"
        made = await self._paid(reference)
        if made is None:
            assert move.allocation.payment is not None
            name = move.place.removesuffix("s")
            fields = {
                name: {f"{name}ID": move.theirs},
                "Account": {"Code": move.bank},
                "Date": move.allocation.payment.paid_on.isoformat(),
                "Amount": to_major(abs(move.allocation.amount), move.document.currency),
                "Reference": reference,
            }
            attempt = await self.database.run(ledger.begin_attempt, intent, self.now())
            key = key_of(self.row.tenant_id, intent.what, intent.target, attempt, fields)
            made = (await self._heard(intent, self.xero.create_payment(fields, key))).payment_id
        await self.database.run(ledger.advance, intent, Stage.DONE, self.now(), xero_id=made)

    async def _paid(self, reference: str) -> str | None:
        """Our own payment, if an attempt we did not hear of was done after all."""
        if self._payments is None:
            oldest = await self.database.run(ledger.oldest_payment, self.row) or self.now()
            since = (oldest.astimezone(UTC) - _OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._payments = await self.xero.payments(since)
        for each in self._payments:
            if each.reference == reference and each.status != "DELETED":
                return each.payment_id
        return None

    async def _void(self, intent: Intent) -> None:
        known = await self.database.run(_written, self.row, intent)
        if known is None:
            # It never came into being there.
            await self.database.run(ledger.advance, intent, Stage.DONE, self.now())
            return
        place, identity, number = known
        found = await self.xero.document(place, identity)
        if found.status in ("DRAFT", "SUBMITTED"):
            await self.xero.set_status(place, identity, "DELETED")
        elif found.status == "AUTHORISED":
            await self.xero.set_status(place, identity, "VOIDED")
        elif found.status not in ("VOIDED", "DELETED"):
            raise Blocked(
                f"{number} is void with us and {found.status.lower()} in Xero. Undo its payments there first."
            )
        await self.database.run(ledger.advance, intent, Stage.DONE, self.now(), xero_id=identity)


def _written(row: Connection, intent: Intent) -> tuple[str, str, str] | None:
    found = intent_of(row, intent.target)
    if found is not None and found.stage not in (Stage.APPROVED, Stage.DONE):
        raise Blocked(f"It waits until it is known whether {found.document.number} is in Xero.")
    if found is None or not found.xero_id:
        return None
    return place_of(found.document), found.xero_id, found.document.number or ""
