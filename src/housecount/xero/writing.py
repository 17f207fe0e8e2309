"""One push's hands: each intent brought as far as it can go, every step committed before the next begins.

Every step begins by looking: a document that is there and equal is taken for ours, one that differs is left alone and
shown. A document is made as a draft, compared to the cent, and approved only when it is the same.
"""

from collections.abc import Awaitable, Callable

from housecount.platforms.base.errors import CircuitOpen, Gone, Transient
from housecount.sync.database import DatabaseThread
from housecount.xero import ledger, wire
from housecount.xero.client import Xero
from housecount.xero.contacts import Contacts
from housecount.xero.errors import Blocked, Conflict, Differs, Rejected
from housecount.xero.ledger import Sheet
from housecount.xero.mapping import Books
from housecount.xero.models import Connection, Intent, Stage, What
from housecount.xero.moving import Mover
from housecount.xero.paper import differences, place_of
from housecount.xero.planning import intent_of
from housecount.xero.trying import Now, Tries
from housecount.xero.writing_off import WritingOff

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
        # How many ended without an answer, one after the other.
        self._in_a_row = 0
        self._tries = Tries(database, row, now)
        self._mover = Mover(xero, database, row, books, self._tries, now)
        self._writing_off = WritingOff(xero, database, row, books, self._tries, self._mover)

    async def write(self, intent: Intent) -> bool:
        """Bring one intent as far as it can go: False when no answer came. Raises what stops the whole push: limits,
        sign-in, an outage."""
        steps: dict[str, Callable[[Intent], Awaitable[None]]] = {
            What.DOCUMENT: self._document,
            What.ALLOCATION: self._mover.allocation,
            What.PAYMENT: self._mover.payment,
            What.VOID: self._void,
            What.WRITE_OFF: self._writing_off.write,
        }
        try:
            await steps[intent.what](intent)
        except Rejected as error:
            await self._tries.stay(
                intent,
                Stage.REJECTED,
                f"{error.message} Put that right in Xero; it is tried again by itself, or at once by a push.",
            )
        except Conflict as error:
            await self._tries.stay(intent, Stage.CONFLICT, error.message)
        except Differs as error:
            await self._tries.stay(intent, Stage.DIFFERS, error.message)
        except Blocked as error:
            await self._tries.stay(intent, Stage.BLOCKED, error.message)
        except Gone as error:
            await self._tries.stay(intent, Stage.CONFLICT, error.message)
        except Transient as error:
            # Whether it was done is not known; the next push looks before it does anything.
            await self._tries.stay(intent, Stage.UNKNOWN, error.message)
            self._mover.forget()
            self._in_a_row += 1
            if isinstance(error, CircuitOpen) or self._in_a_row >= _GIVE_UP:
                raise
            return False
        self._in_a_row = 0
        return True

    # Documents

    async def _document(self, intent: Intent) -> None:
        sheet = await self.database.run(ledger.sheet, intent, self.row, self.books)
        if intent.stage not in (Stage.DRAFTED, Stage.APPROVED) and not await self._draft(intent, sheet):
            return
        if intent.stage == Stage.DRAFTED:
            await self._approve(intent, sheet)
        await self._attach(intent, sheet)
        await self._tries.advance(intent, Stage.DONE)

    async def _draft(self, intent: Intent, sheet: Sheet) -> bool:
        """Whether there is one now: of a document that is void by now, none is made."""
        contact = await self.contacts.of(sheet.document.party)
        found = await self._look(sheet, contact)
        if found is None and sheet.void:
            await self._tries.advance(intent, Stage.DONE)
            return False
        if found is None:
            fields = {**sheet.paper.fields, "Contact": {"ContactID": contact}, "Status": "DRAFT"}
            try:
                found = await self._tries.create(
                    intent,
                    fields,
                    lambda sent, key: self.xero.create_document(sheet.paper.place, sent, key),
                )
            except Rejected as error:
                await self._explain(sheet, contact, error)
                raise
        await self._tries.advance(intent, Stage.DRAFTED, xero_id=found.id)
        return True

    async def _explain(self, sheet: Sheet, contact: str, error: Rejected) -> None:
        """Why Xero may have refused a document, found out by looking: its words come without codes, and are only
        shown. Raises `Blocked` or `Conflict` for what is known."""
        await self.contacts.check(sheet.document.party, contact)
        await self._look(sheet, contact)
        if sheet.document.currency != self.row.currency:
            raise Blocked(
                f"{sheet.document.number} is in {sheet.document.currency}, and the books in Xero are kept in "
                f"{self.row.currency}. Add {sheet.document.currency} to the currencies in Xero (not every plan has "
                f"several) and push again, or enter it there by hand. {error.message}"
            ) from None

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
                await self._tries.advance(intent, Stage.PLANNED, xero_id="")
            raise Differs(
                f"Xero came to other figures for {sheet.document.number}, and nothing was approved. {said}."
            )
        if found.status in ("DRAFT", "SUBMITTED"):
            try:
                found = await self.xero.set_status(paper.place, intent.xero_id, "AUTHORISED")
            except Rejected:
                if found.contact is not None:
                    await self.contacts.check(sheet.document.party, found.contact.contact_id)
                raise
            if wrong := differences(paper, found, None):
                said = "; ".join(f"{name}: ours {mine}, Xero's {theirs}" for name, mine, theirs in wrong)
                raise Differs(f"Xero changed {sheet.document.number} while it was approved. {said}.")
        elif found.status == "DELETED":
            await self._tries.advance(intent, Stage.PLANNED, xero_id="")
            raise Blocked(
                f"The draft of {sheet.document.number} was deleted in Xero. Push again to write it anew."
            )
        elif found.status not in ("AUTHORISED", "PAID"):
            raise Conflict(f"{sheet.document.number} is {found.status.lower()} in Xero.")
        await self._tries.advance(intent, Stage.APPROVED)

    async def _attach(self, intent: Intent, sheet: Sheet) -> None:
        if sheet.pdf is None:
            return
        name = f"{sheet.document.number}.pdf"
        kept = await self.xero.attach(sheet.paper.place, intent.xero_id, name, sheet.pdf)
        if kept != len(sheet.pdf):
            raise Differs(
                f"Xero kept {kept} bytes of {name}, and it has {len(sheet.pdf)}. It is attached again."
            )

    async def _void(self, intent: Intent) -> None:
        known = await self.database.run(_written, self.row, intent)
        if known is None:
            # It never came into being there.
            await self._tries.advance(intent, Stage.DONE)
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
        await self._tries.advance(intent, Stage.DONE, xero_id=identity)


def _written(row: Connection, intent: Intent) -> tuple[str, str, str] | None:
    found = intent_of(row, intent.target)
    if found is not None and found.stage not in (Stage.APPROVED, Stage.DONE):
        raise Blocked(f"It waits until it is known whether {found.document.number} is in Xero.")
    if found is None or not found.xero_id:
        return None
    return place_of(found.document), found.xero_id, found.document.number or ""
