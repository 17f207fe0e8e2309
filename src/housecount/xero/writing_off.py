"""What was written off here, in Xero: a credit note on the account that a person mapped to it.

Xero has no write-off of its own but a credit note for what is still owed. Whether the tax in it may be taken back is a
matter of the accounts, so nothing is written until somebody has mapped `bad_debts`: then the note takes the part of
each tax treatment that is still owed, and is set against the document.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from housecount.core.money import to_major
from housecount.core.shares import share
from housecount.core.tax import Amounts, Treatment
from housecount.invoices import here
from housecount.invoices.models import Direction, Document, Ending, Line
from housecount.invoices.queries import situation
from housecount.sync.database import DatabaseThread
from housecount.xero import ledger, wire
from housecount.xero.client import Xero
from housecount.xero.errors import Blocked, Conflict, Differs
from housecount.xero.mapping import Books
from housecount.xero.models import Connection, Intent, PartyContact, Stage
from housecount.xero.moving import Mover
from housecount.xero.trying import Tries

_PLACE = "CreditNotes"


class WritingOff:
    """One push's hands for what was written off."""

    def __init__(
        self,
        xero: Xero,
        database: DatabaseThread,
        row: Connection,
        books: Books,
        tries: Tries,
        mover: Mover,
    ) -> None:
        self.xero = xero
        self.database = database
        self.row = row
        self.books = books
        self.tries = tries
        self.mover = mover

    async def write(self, intent: Intent) -> None:
        """Make the note, approve it, and set it against the document; each only when it is not there yet."""
        fields, total, theirs = await self.database.run(self._drawn, intent)
        note = await self._note(intent, fields)
        if note.total != total or note.status in ("VOIDED", "DELETED"):
            if note.status in ("DRAFT", "SUBMITTED"):
                # As with documents: under another number first, and the next try makes it anew.
                number = f"{fields['CreditNoteNumber']} withdrawn {intent.attempt}"
                await self.xero.withdraw(_PLACE, note.id, number)
                await self.tries.advance(intent, Stage.PLANNED, xero_id="")
            raise Differs(
                f"Xero came to {note.total} for what was written off, and it is {total} ({note.status.lower()}). "
                f"Look at {fields['CreditNoteNumber']} there."
            )
        if note.status in ("DRAFT", "SUBMITTED"):
            await self.xero.set_status(_PLACE, note.id, "AUTHORISED")
        await self.tries.advance(intent, Stage.APPROVED, xero_id=note.id)
        _, rest = await self.mover.set_against(intent, note.id, theirs, total, fields["Date"])
        if rest:
            raise Blocked(
                f"{rest} {fields['CurrencyCode']} more was written off here than is owed in Xero. Look at its payments."
            )
        await self.tries.advance(intent, Stage.DONE)

    async def _note(self, intent: Intent, fields: Mapping[str, Any]) -> wire.Document:
        if intent.xero_id:
            return await self.xero.document(_PLACE, intent.xero_id)
        number = fields["CreditNoteNumber"]
        for each in await self.xero.documents(_PLACE, {}):
            if each.number == number and each.status not in ("VOIDED", "DELETED"):
                if each.contact is None or each.contact.contact_id != fields["Contact"]["ContactID"]:
                    raise Conflict(f"Xero already has {number}, for somebody else. Rename or void it there.")
                return each
        made = await self.tries.create(
            intent, fields, lambda sent, key: self.xero.create_document(_PLACE, sent, key)
        )
        await self.tries.advance(intent, Stage.DRAFTED, xero_id=made.id)
        return made

    def _drawn(self, intent: Intent) -> tuple[dict[str, Any], Decimal, str]:
        document = Document.objects.select_related("organisation", "party").get(
            organisation_id=intent.organisation_id, pk=intent.target
        )
        theirs = ledger.in_xero(self.row, document)
        ending = Ending.objects.get(organisation_id=intent.organisation_id, document=document)
        if not self.books.mapping.get("bad_debts"):
            raise Blocked(
                f"{document.number} was written off. Map an account to that (housecount xero map --account "
                "bad_debts=CODE) and it is written to Xero as a credit note; or write it off there by hand."
            )
        account = self.books.mapped("bad_debts")
        direction, day = Direction(document.direction), here.today(document.organisation, ending.at)
        if self.row.locked_until is not None and day <= self.row.locked_until:
            raise Blocked(
                f"The books in Xero are locked up to {self.row.locked_until}, and {document.number} was written off on "
                f"{day}. Move the lock date in Xero, push again, and lock again."
            )
        owed = situation(document).standing.balance
        contact = PartyContact.objects.get(
            organisation_id=intent.organisation_id, tenant_id=self.row.tenant_id, party_id=document.party_id
        )
        lines = [
            {
                "Description": f"Written off, {document.number}",
                "Quantity": Decimal(1),
                "UnitAmount": to_major(part.net, document.currency),
                "AccountCode": account.code,
                "TaxType": self.books.tax_type(direction, treatment, document.tax_rate, account),
                "TaxAmount": to_major(part.tax, document.currency),
            }
            for treatment, part in _owed_by_treatment(document, owed).items()
        ]
        fields = {
            "Type": "ACCRECCREDIT" if direction is Direction.RECEIVABLE else "ACCPAYCREDIT",
            "CreditNoteNumber": f"{document.number}-WO",
            "Contact": {"ContactID": contact.contact_id},
            "Date": day.isoformat(),
            "CurrencyCode": document.currency,
            "LineAmountTypes": "Exclusive",
            "LineItems": lines,
            "Status": "DRAFT",
        }
        return fields, to_major(owed, document.currency), theirs


def _owed_by_treatment(document: Document, owed: int) -> dict[Treatment, Amounts]:
    """The last part of the document, as far as it is owed."""
    classes: dict[Treatment, Amounts] = {}
    for line in Line.objects.filter(organisation_id=document.organisation_id, document=document):
        before = classes.get(Treatment(line.tax), Amounts(0, 0, 0))
        classes[Treatment(line.tax)] = Amounts(
            before.net + line.net_amount, before.tax + line.tax_amount, before.gross + line.gross_amount
        )
    parts = share(classes, document.total, document.total - owed, document.total)
    return {treatment: part for treatment, part in parts.items() if part.gross}
