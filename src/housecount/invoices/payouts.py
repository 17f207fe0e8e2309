"""What is to be paid to suppliers by a bank's file, and what of it cannot be."""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

import msgspec

from housecount.invoices.aba import NotPayable, Payee, Sender, aba_file
from housecount.invoices.models import Direction, Document, Party, Step
from housecount.invoices.printed import BankAccount, bank_account
from housecount.invoices.queries import situations


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """A document to be paid: `amount` in cents, without what is withheld for the tax office. `trouble` says in words
    why the bank's file leaves it out; "" when it is in it."""

    document: UUID
    number: str
    party: str
    due: date | None
    amount: int
    bank: BankAccount | None
    trouble: str = ""


def payouts(
    organisation_id: UUID, *, due_by: date | None = None, documents: Iterable[UUID] | None = None
) -> list[Payout]:
    """What we owe in Australian dollars and have not paid, by party: all of it that is due by a day, or what is
    named. The supplier's account is decrypted: this is for those who pay."""
    rows = Document.objects.filter(
        organisation_id=organisation_id,
        direction=Direction.PAYABLE,
        step=Step.ISSUED,
        currency="AUD",
        ending=None,
    ).select_related("party", "agreement")
    if due_by is not None:
        rows = rows.filter(due_date__lte=due_by)
    if documents is not None:
        rows = rows.filter(pk__in=list(documents))
    found = [each for each in rows.order_by("party__name", "due_date", "number") if not each.gives_credit]
    known = situations(found)
    result = []
    for each in found:
        amount = known[each.pk].balance
        if amount > 0:
            result.append(_payout(each, amount))
    return result


def _payout(document: Document, amount: int) -> Payout:
    bank = bank_account(document.party) if document.party.bank_details else None
    trouble = "" if bank and bank.bsb and bank.account else "No bank account is on file."
    if document.agreement is not None and document.agreement.objected_on is not None:
        trouble = "The supplier objected to it: it is to be cancelled."
    return Payout(
        document=document.pk,
        number=document.number or "",
        party=document.party.name,
        due=document.due_date,
        amount=amount,
        bank=bank,
        trouble=trouble,
    )


def own_account(organisation_id: UUID) -> tuple[str, BankAccount]:
    """The organisation's own name and account. Raises `NotPayable` where none is on file."""
    own = Party.objects.filter(organisation_id=organisation_id, is_self=True).first()
    if own is None or not own.bank_details:
        raise NotPayable("The organisation's own party has no bank account to pay from: give it one first.")
    return own.legal_name or own.name, bank_account(own)


def bank_file(
    organisation_id: UUID,
    wanted: Sequence[Payout],
    on: date,
    *,
    institution: str,
    user_id: int = 0,
    description: str = "PAYMENTS",
    balanced: bool = False,
) -> bytes:
    """The ABA file that pays what of `wanted` can be paid, from the organisation's own account, on a day. It records
    no payment: that is done when the bank has made it. Raises `NotPayable`."""
    name, account = own_account(organisation_id)
    sender = Sender(
        bank=account, name=name, institution=institution, user_id=user_id, description=description
    )
    payees = [
        Payee(bank=each.bank, name=each.party, amount=each.amount, reference=each.number)
        for each in wanted
        if each.bank is not None and not each.trouble
    ]
    return aba_file(sender, payees, on, balanced=balanced)
