"""What follows from a document's facts: its series, due date, heading, status, and where its money stands.

Sources: A New Tax System (GST) Act 1999 ss 29-70, 29-75, Div 99; GST Act 1985 (NZ) s 19F; Notice 700/62 (UK).
"""

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from housecount.core.errors import HousecountError, NextStep


class Kind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    RCTI = "rcti"
    DEPOSIT_INVOICE = "deposit_invoice"
    CREDIT_NOTE = "credit_note"
    ADJUSTMENT_NOTE = "adjustment_note"
    PAYMENT_STATEMENT = "payment_statement"


class Direction(StrEnum):
    """Who owes: the party owes us (`receivable`), or we owe the party (`payable`)."""

    RECEIVABLE = "receivable"
    PAYABLE = "payable"


class DepositKind(StrEnum):
    """What a deposit is in tax law: it is chosen, never guessed."""

    PART_PAYMENT = "part_payment"
    SECURITY = "security"


class PaymentStatus(StrEnum):
    """How much of a document is settled."""

    UNPAID = "unpaid"
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERPAID = "overpaid"


class NotTerms(HousecountError):
    """Payment terms from which no date follows."""

    code = "not_terms"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


#: Made for a supplier by whoever pays them: the party is the supplier, we are the buyer.
MADE_FOR_SUPPLIER: Final = frozenset({Kind.RCTI, Kind.PAYMENT_STATEMENT})
#: May come to less than nothing.
NOTES: Final = frozenset({Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE})
#: Days until a document is due when nothing was agreed.
DAYS_TO_PAY: Final = 14

_SERIES: Final = {
    Kind.INVOICE: "INV",
    Kind.RCTI: "RCTI",
    Kind.DEPOSIT_INVOICE: "DEP",
    Kind.CREDIT_NOTE: "CN",
    Kind.ADJUSTMENT_NOTE: "ADJ",
    Kind.PAYMENT_STATEMENT: "PS",
}


def default_direction(kind: Kind) -> Direction:
    """Who owes when nothing is said: what is made for a supplier is payable."""
    return Direction.PAYABLE if kind in MADE_FOR_SUPPLIER else Direction.RECEIVABLE


def series_of(kind: Kind, direction: Direction) -> str:
    """The series whose numbers a document takes. A supplier's own invoice takes none of our invoices'."""
    if kind is Kind.INVOICE and direction is Direction.PAYABLE:
        return "BILL"
    return _SERIES[kind]


def number_text(series: str, number: int) -> str:
    """A number as it is printed: INV-00001."""
    return f"{series}-{number:05d}"


# --- Dates --------------------------------------------------------------------------------------------
class Terms(NamedTuple):
    """When a document is due: `days` after its issue, after the end of that month, before or after the show."""

    kind: str
    days: int


TERMS: Final = ("days", "end_of_month", "before_show", "after_show")


def due_on(terms: Terms, issued_on: date, show_on: date | None) -> date:
    """The day by which to pay. A document is never due before it is issued. Raises `NotTerms`."""
    if terms.kind not in TERMS or not 0 <= terms.days <= 730:
        raise NotTerms(f"Terms are one of {', '.join(TERMS)}, with 0 to 730 days.")
    if terms.kind == "days":
        return issued_on + timedelta(days=terms.days)
    if terms.kind == "end_of_month":
        last = issued_on.replace(day=monthrange(issued_on.year, issued_on.month)[1])
        return last + timedelta(days=terms.days)
    if show_on is None:
        raise NotTerms("Terms that depend on the show need a show.")
    days = timedelta(days=terms.days)
    return max(issued_on, show_on - days if terms.kind == "before_show" else show_on + days)


# --- Money --------------------------------------------------------------------------------------------
class Standing(NamedTuple):
    """Where a document's money stands, in minor units.

    `owed` is what the document as such asks for, never below zero: for a note, what it gives. `paid` is what was paid
    towards it less refunds, `prepaid` the deposits taken off it, `credited` what credit notes took off it; for
    a note, `paid` is what was paid back and `credited` what was taken off other documents by it. `withheld` is the part
    that the supplier never gets from us, because it is paid to the tax office for them: it is settled with that.
    """

    owed: int
    paid: int = 0
    prepaid: int = 0
    credited: int = 0
    withheld: int = 0

    @property
    def settled(self) -> int:
        """What was paid, deposits included."""
        return self.paid + self.prepaid

    @property
    def balance(self) -> int:
        """What is still to be paid to the other side; below zero what is owed back, which is the party's credit."""
        return self.owed - self.withheld - self.settled - self.credited


def gives_credit(kind: Kind, total: int) -> bool:
    """Whether a document lowers what is owed. A credit note does, with whichever sign its lines were written."""
    return kind is Kind.CREDIT_NOTE or (kind is Kind.ADJUSTMENT_NOTE and total < 0)


def payment_status(standing: Standing) -> PaymentStatus:
    """How far a document is settled. One of nothing is paid."""
    if standing.balance < 0:
        return PaymentStatus.OVERPAID
    if standing.balance == 0:
        return PaymentStatus.PAID
    return PaymentStatus.PART_PAID if standing.settled + standing.credited > 0 else PaymentStatus.UNPAID


def status(step: str, ending: str | None, owed: int, credit_notes: int) -> str:
    """What people are told: draft, approved, issued, void, written_off or credited.

    `credit_notes` is the sum of the notes that name the document: it is credited when they take all of it.
    """
    if ending is not None:
        return ending
    return "credited" if step == "issued" and 0 < owed <= credit_notes else step


def is_overdue(balance: int, due: date | None, today: date) -> bool:
    """Whether something is still owed after the day by which it was to be paid."""
    return balance > 0 and due is not None and due < today


# --- Words on top -------------------------------------------------------------------------------------
class Nature(NamedTuple):
    """What the heading of a document depends on. `country` and `registered` are its supplier's; `taxable` whether any
    line is; `of_rcti` whether it is a note on an RCTI."""

    kind: Kind
    country: str
    registered: bool
    taxable: bool
    deposit_kind: DepositKind | None = None
    of_rcti: bool = False


_RCTI_HEADING: Final = {
    "AU": "Recipient created tax invoice",
    "NZ": "Buyer-created taxable supply information",
    "GB": "Self-billing invoice",
}
_RCTI_NOTE_HEADING: Final = {
    "AU": "Recipient created adjustment note",
    "NZ": "Buyer-created supply correction information",
    "GB": "Self-billing credit note",
}
_TAX_HEADING: Final = {"AU": "Tax invoice", "NZ": "Tax invoice", "GB": "VAT invoice"}


def heading(nature: Nature) -> str:
    """The words that stand on top.

    “Tax invoice” only for a registered supplier with something taxable, and never for a deposit held as
    security. On a note that corrects an RCTI the recipient says that they made it.
    """
    if nature.kind is Kind.PAYMENT_STATEMENT:
        return "Payment statement"
    if nature.kind is Kind.RCTI:
        return _RCTI_HEADING.get(nature.country, "Self-billing invoice")
    if nature.kind in NOTES:
        if nature.of_rcti:
            return _RCTI_NOTE_HEADING.get(nature.country, "Self-billing credit note")
        return "Credit note" if nature.kind is Kind.CREDIT_NOTE else "Adjustment note"
    if nature.deposit_kind is DepositKind.SECURITY:
        return "Security deposit"
    if nature.registered and nature.taxable:
        return _TAX_HEADING.get(nature.country, "Invoice")
    return "Invoice"


def statements(nature: Nature) -> list[str]:
    """The sentences that a document must bear."""
    tax = "VAT" if nature.country == "GB" else "GST"
    said = []
    if nature.kind is Kind.RCTI or nature.of_rcti:
        said.append(
            "The VAT shown is your output tax due to HMRC."
            if nature.country == "GB"
            else f"The {tax} shown is payable by the supplier."
        )
    if own := _own_name(nature):
        said.append(f"This is {own}.")
    if not nature.registered and nature.country in _TAX_HEADING:
        said.append(f"No {tax} is charged: the supplier is not registered for {tax}.")
    if nature.deposit_kind is DepositKind.SECURITY:
        said.append(
            f"Held as security. This is not a tax invoice, and no {tax} is charged on it."
            if nature.registered
            else "Held as security."
        )
    return said


def _own_name(nature: Nature) -> str:
    """What the law calls a paper whose heading says it in other words, "" otherwise: an Australian credit note must
    show that it is meant as an adjustment note (s 29-75), and New Zealand's law has new names since 2023 (NZ-3)."""
    if not (nature.registered and nature.taxable) or nature.of_rcti:
        return ""
    if nature.kind in NOTES:
        named = {"AU": "an adjustment note for GST", "NZ": "supply correction information"}
        own = named.get(nature.country, "")
        return "" if nature.country == "AU" and nature.kind is Kind.ADJUSTMENT_NOTE else own
    return "taxable supply information" if (nature.country, heading(nature)) == ("NZ", "Tax invoice") else ""
