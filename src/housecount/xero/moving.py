"""What is set against documents in Xero: credit, payments, and money that goes back.

Xero has no payment below nothing, and none beyond what is due. So a payment that was moved in part to another document
is made anew with what is left of it; money that goes back is paid out of a credit note, or takes its payment back; and
what was paid beyond what is due stays for a person, because Xero takes it as a bank transaction only.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

from housecount.core.money import format_money, to_major
from housecount.platforms.base.errors import Gone
from housecount.sync.database import DatabaseThread
from housecount.xero import advances, ledger, purses, receipts, wire
from housecount.xero.client import Xero
from housecount.xero.errors import Blocked, Rejected
from housecount.xero.ledger import Move
from housecount.xero.mapping import Books
from housecount.xero.models import Connection, Intent, Stage, What
from housecount.xero.purses import Purse
from housecount.xero.trying import Now, Tries

#: A payment of ours may turn up with so much earlier a time than we think: clocks differ.
_OVERLAP = timedelta(minutes=15)
_NOTHING = Decimal(0)


class Mover:
    """One push's hands for allocations and payments."""

    def __init__(
        self, xero: Xero, database: DatabaseThread, row: Connection, books: Books, tries: Tries, now: Now
    ) -> None:
        self.xero = xero
        self.database = database
        self.row = row
        self.books = books
        self.tries = tries
        self.now = now
        self._payments: list[wire.Payment] | None = None

    def forget(self) -> None:
        """Something may have been done that we did not hear of: what was read is too old."""
        self._payments = None

    # Credit

    async def allocation(self, intent: Intent) -> None:
        """Set a note against a document, as far as something is due on it; the rest stays on the note."""
        move = await self.database.run(ledger.move, intent, self.row)
        ours = to_major(abs(move.allocation.amount), move.document.currency)
        assert move.allocation.credit_note is not None
        day = move.allocation.credit_note.issue_date.isoformat()
        made, rest = await self.set_against(intent, move.credit, move.theirs, ours, day)
        left = ""
        if rest:
            left = (
                f"{rest} {move.document.currency} of it stays on {move.allocation.credit_note.number} in Xero: "
                f"no more was due on {move.document.number}."
            )
        await self.tries.advance(intent, Stage.DONE, xero_id=made, reason=left)

    async def set_against(
        self, intent: Intent, credit: str, invoice: str, ours: Decimal, day: str
    ) -> tuple[str, Decimal]:
        """The id of the allocation (empty where nothing was due), and what of `ours` is not in it."""
        note = await self.xero.document("CreditNotes", credit)
        known = await self.database.run(ledger.done_ids, self.row, What.ALLOCATION, intent.document_id)
        there = [
            each
            for each in note.allocations
            if each.invoice is not None
            and each.invoice.invoice_id == invoice
            and each.amount <= ours
            and (each.allocation_id not in known or each.allocation_id == intent.xero_id)
        ]
        if there:
            return there[0].allocation_id, ours - there[0].amount

        async def create(amount: Decimal) -> str:
            fields = {"Amount": amount, "Date": day, "Invoice": {"InvoiceID": invoice}}
            made = await self.tries.create(
                intent, fields, lambda sent, key: self.xero.allocate(credit, sent, key)
            )
            return made.allocation_id

        async def most() -> Decimal:
            return min(note.remaining_credit, await self._due(invoice))

        return await _as_much_as_fits(ours, create, most)

    async def _due(self, invoice: str) -> Decimal:
        return (await self.xero.document("Invoices", invoice)).amount_due

    # Payments

    async def payment(self, intent: Intent) -> None:
        """Bring what an allocation of a payment asks for into Xero."""
        move = await self.database.run(ledger.move, intent, self.row)
        payment = move.allocation.payment
        assert payment is not None
        if move.document.gives_credit:
            await self._paid_back(intent, move)
        elif payment.amount > 0:
            await self._pay(intent, move)
        else:
            await self._refund(intent, move)

    async def _paid_back(self, intent: Intent, move: Move) -> None:
        amount = to_major(abs(move.allocation.amount), move.document.currency)
        reference = reference_of(intent)
        found = await self._ours(reference)
        made = found.payment_id if found else await self._create(intent, move, move.theirs, amount, reference)
        await self.tries.advance(intent, Stage.DONE, xero_id=made)

    async def _pay(self, intent: Intent, move: Move) -> None:
        """The payment as it counts for this document by now, all its moves taken together, is one in Xero."""
        purse = await self.database.run(purses.of, move.document, self.row)
        pair = purse.pair(move.allocation.payment_id)
        lead = pair.lead
        if lead is None or (lead.pk != intent.pk and not lead.xero_id and lead.stage != Stage.DONE):
            raise Blocked(f"It waits until the payment on {move.document.number} is in Xero.")
        if lead.pk == intent.pk:
            lead = intent
        want = to_major(0 if purse.taken_back(lead.xero_id) else pair.amount, move.document.currency)
        reference = reference_of(lead)
        there = await self._there(lead.xero_id) or await self._ours(reference)
        written = there.amount if there else _NOTHING
        made, rest = (there.payment_id if there else lead.xero_id), want - written
        over = rest - to_major(purse.never_came, move.document.currency)
        if there is not None and (rest < 0 or (over > 0 and await self._due(move.theirs) > 0)):
            # Amounts of payments cannot be edited; and what did not fit beside a payment that was taken back does now.
            self._may_delete(there, move)
            # Noted before it is done, so that it is known whatever becomes of us.
            await self.database.run(purses.reopen_credit, self.row, move.document)
            await self.xero.delete_payment(there.payment_id)
            self.forget()
            made, rest, written = "", want, _NOTHING
        if rest > 0 and not written:
            if theirs := await self.database.run(receipts.in_the_way, self.row, move.document):
                raise Blocked(theirs)
            made, rest = await _as_much_as_fits(
                want,
                lambda amount: self._create(lead, move, move.theirs, amount, reference),
                lambda: self._due(move.theirs),
            )
        over = rest - to_major(purse.never_came, move.document.currency)
        if over <= 0 or made != lead.xero_id:
            await self.tries.advance(lead, Stage.DONE, xero_id=made)
        if lead is not intent:
            await self.tries.advance(intent, Stage.DONE)
        if over > 0:
            await self.tries.stay(
                lead,
                Stage.BLOCKED,
                f"{over} {move.document.currency} of this payment is more than was due on {move.document.number}, "
                "and Xero takes such an overpayment only from its bank account: enter it there when you reconcile the "
                "payment. This settles itself when the credit is used for another document or paid back.",
            )

    async def _refund(self, intent: Intent, move: Move) -> None:
        back = to_major(-move.allocation.amount, move.document.currency)
        purse = await self.database.run(purses.of, move.document, self.row)
        if any(not each.settled for each in purse.pairs):
            raise Blocked(f"It waits until the payments on {move.document.number} are in Xero.")
        payments = {
            each.lead.xero_id: await self._there(each.lead.xero_id) for each in purse.pairs if each.lead
        }
        if intent.xero_id and payments.get(intent.xero_id) is None:
            # It was taken back, or paid out of a note, and we did not live to note it.
            await self.tries.advance(intent, Stage.DONE)
            return
        written = sum((each.amount for each in payments.values() if each), _NOTHING)
        if back <= to_major(purse.paid - purse.absorbed, move.document.currency) - written:
            await self.tries.advance(intent, Stage.DONE)
            await self.database.run(purses.look_again, self.row, move.document)
            return
        if made := await self._out_of_note(intent, move, purse, back):
            await self.tries.advance(intent, Stage.DONE, xero_id=made)
            return
        whole = next(
            (
                each
                for each in payments.values()
                if each and each.amount == back and not advances.is_one(each.payment_id)
            ),
            None,
        )
        if whole is None:
            raise Blocked(
                f"Xero knows no refund on {move.document.number} itself. Issue a credit note for what was given back, "
                "and it is paid out of that; or enter it in Xero by hand."
            )
        self._may_delete(whole, move)
        # Noted before it is done: its deletion is our own doing, and no news when it is read back; and what did not fit
        # beside it does so afterwards, also when we do not live to see it.
        await self.database.run(purses.reopen_credit, self.row, move.document)
        await self.database.run(purses.look_again, self.row, move.document)
        await self.tries.advance(intent, Stage.APPROVED, xero_id=whole.payment_id)
        await self.xero.delete_payment(whole.payment_id)
        self.forget()
        await self.tries.advance(intent, Stage.DONE)

    async def _out_of_note(self, intent: Intent, move: Move, purse: Purse, back: Decimal) -> str:
        """The refund as a payment of a credit note that is not used up; empty where there is none."""
        reference = reference_of(intent)
        if purse.notes and (found := await self._ours(reference)):
            return found.payment_id
        for note in purse.notes:
            there = await self.xero.document("CreditNotes", note)
            if there.remaining_credit >= back:
                return await self._create(intent, move, note, back, reference, place="CreditNotes")
        return ""

    async def _create(
        self, intent: Intent, move: Move, document: str, amount: Decimal, reference: str, place: str = ""
    ) -> str:
        payment = move.allocation.payment
        assert payment is not None
        name = (place or move.place).removesuffix("s")
        fields: dict[str, Any] = {
            name: {f"{name}ID": document},
            "Account": {"Code": self.books.bank(move.document.currency).code},
            "Date": payment.paid_on.isoformat(),
            "Amount": amount,
            "Reference": reference,
        }
        return (await self.tries.create(intent, fields, self.xero.create_payment)).payment_id

    def _may_delete(self, there: wire.Payment, move: Move) -> None:
        money = format_money(abs(move.allocation.amount), move.document.currency)
        if advances.is_one(there.payment_id):
            raise Blocked(
                f"A payment on {move.document.number} was changed here by {money}, and in Xero it is a part of an "
                "overpayment or prepayment. Take that off there, and push again; or enter it there by hand."
            )
        if there.is_reconciled:
            raise Blocked(
                f"A payment on {move.document.number} was changed here by {money}, and in Xero it is reconciled with "
                "the bank. Undo the reconciliation there, and push again; or enter it there by hand."
            )

    async def _there(self, payment_id: str) -> wire.Payment | None:
        """A payment that was written, if it still counts."""
        if not payment_id:
            return None
        if advances.is_one(payment_id):
            return await self.database.run(advances.counting, self.row, payment_id)
        try:
            found = await self.xero.payment(payment_id)
        except Gone:
            return None
        return None if found.status == "DELETED" else found

    async def _ours(self, reference: str) -> wire.Payment | None:
        """Our own payment, if an attempt we did not hear of was done after all."""
        if self._payments is None:
            oldest = await self.database.run(ledger.oldest_payment, self.row) or self.now()
            since = (oldest.astimezone(UTC) - _OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._payments = await self.xero.payments(since)
        return next(
            (each for each in self._payments if each.reference == reference and each.status != "DELETED"),
            None,
        )


def reference_of(intent: Intent) -> str:
    """What our payment is called in Xero: found again by it when the answer to its making was lost."""
    return f"HC-{intent.target.hex[:16]}"


async def _as_much_as_fits(
    want: Decimal, create: Callable[[Decimal], Awaitable[str]], most: Callable[[], Awaitable[Decimal]]
) -> tuple[str, Decimal]:
    """Create `want`, or when Xero refuses that the `most` that fits: the id of what was made, and what did not fit."""
    try:
        return await create(want), _NOTHING
    except Rejected:
        fits = await most()
        if fits >= want:
            raise
    if fits <= 0:
        return "", want
    return await create(fits), want - fits
