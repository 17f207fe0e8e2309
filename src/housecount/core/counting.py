"""How an order becomes figures: the counting rules, the same for every platform.

A platform's mapping says what an order and its tickets *are* (`OrderFacts`, `TicketFacts`); this module
says what they *count*. Figures are a vector: they add, subtract, and a total is a sum of them.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple


class Figures(NamedTuple):
    """What is counted. Numbers of orders and admissions, and money in minor units of one currency."""

    orders: int = 0
    sold: int = 0
    comps: int = 0
    cancelled: int = 0
    gross: int = 0
    discounts: int = 0
    refunds: int = 0
    absorbed_fees: int = 0
    passed_on_fees: int = 0
    tax: int = 0
    rebates: int = 0
    extras: int = 0

    @property
    def net(self) -> int:
        """NBOR: what the platform owes the promoter, before tax is remitted."""
        return self.gross - self.absorbed_fees + self.rebates

    def plus(self, other: "Figures") -> "Figures":
        return Figures._make(mine + theirs for mine, theirs in zip(self, other, strict=True))

    def minus(self, other: "Figures") -> "Figures":
        return Figures._make(mine - theirs for mine, theirs in zip(self, other, strict=True))


NOTHING = Figures()


def total(figures: Iterable[Figures]) -> Figures:
    """The sum; `NOTHING` of nothing."""
    columns = list(zip(*figures, strict=True))
    return Figures(*map(sum, columns)) if columns else NOTHING


class Validity(StrEnum):
    """Whether a ticket still admits; a refunded one does not."""

    VALID = "valid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Category(StrEnum):
    """What was bought. Only an admission fills a seat."""

    ADMISSION = "admission"
    ADD_ON = "add_on"
    DONATION = "donation"


class TicketFacts(NamedTuple):
    """One ticket as it stands now. Money is in minor units and zero where the platform keeps it on the order.

    `gross` is what its buyer paid for it without passed-on fees, as the platform tells it now; `peak_gross`
    the most any version of it told. `in_order` is this ticket's part of its order's own gross: set only for
    what is not an admission, so that it can be taken out.
    """

    category: Category
    validity: Validity
    paid: bool
    gross: int = 0
    peak_gross: int = 0
    absorbed_fees: int = 0
    passed_on_fees: int = 0
    tax: int = 0
    in_order: int = 0
    gone: bool = False


class OrderFacts(NamedTuple):
    """One order as it stands now, with the money its platform keeps on the order.

    `nothing_paid` says that in the end nothing was paid for the whole order: free, discounted to nothing, or
    refunded in full. `gross` is after discounts and refunds and without passed-on fees.
    """

    completed: bool
    nothing_paid: bool = False
    gross: int = 0
    discounts: int = 0
    refunds: int = 0
    absorbed_fees: int = 0
    passed_on_fees: int = 0
    tax: int = 0
    rebates: int = 0
    extras: int = 0
    gone: bool = False


def count_ticket(ticket: TicketFacts, order: OrderFacts) -> Figures:
    """What one ticket of `order` counts, apart from the money that is kept on the order.

    A refunded ticket leaves sold and gross; what it had cost is in refunds. Its fees stay as they stand. A
    cancelled ticket that was not refunded leaves the count and keeps its money in gross. A fall of a valid
    ticket's price between two versions is a refund in part.
    """
    if ticket.gone or order.gone or not order.completed:
        return NOTHING
    kept = 0 if ticket.validity is Validity.REFUNDED else ticket.gross
    if ticket.category is not Category.ADMISSION:
        # Of an order that was given back in full nothing is left to take out.
        in_order = 0 if order.nothing_paid else ticket.in_order
        return Figures(extras=kept + in_order, gross=-in_order)
    valid = ticket.validity is Validity.VALID
    sold = valid and ticket.paid and not order.nothing_paid
    return Figures(
        sold=int(sold),
        comps=int(valid and not sold),
        cancelled=int(not valid),
        gross=kept,
        refunds=max(ticket.peak_gross, ticket.gross) - kept,
        absorbed_fees=ticket.absorbed_fees,
        passed_on_fees=ticket.passed_on_fees,
        tax=0 if ticket.validity is Validity.REFUNDED else ticket.tax,
    )


def count_order(order: OrderFacts, tickets: Sequence[TicketFacts]) -> Figures:
    """What the order itself counts, apart from its tickets: its own money, and one order once an admission is known."""
    if order.gone or not order.completed:
        return NOTHING
    admitted = any(t.category is Category.ADMISSION and not t.gone for t in tickets)
    return Figures(
        orders=int(admitted),
        gross=order.gross,
        discounts=order.discounts,
        refunds=order.refunds,
        absorbed_fees=order.absorbed_fees,
        passed_on_fees=order.passed_on_fees,
        tax=order.tax,
        rebates=order.rebates,
        extras=order.extras,
    )


def in_terms_of(now: TicketFacts, then: TicketFacts, price: int) -> int:
    """A `price` told by a version `then`, in terms of the version `now`.

    When the organiser starts or stops absorbing the same fees, they move into gross or out of it. The buyer
    paid and got back nothing by that, so it must not look like a refund.
    """
    same_fees = now.absorbed_fees + now.passed_on_fees == then.absorbed_fees + then.passed_on_fees
    return price + now.absorbed_fees - then.absorbed_fees if same_fees else price


class EntryKind(StrEnum):
    """Why a figure changed."""

    SALE = "sale"
    COMP = "comp"
    REFUND = "refund"
    CANCELLATION = "cancellation"
    REINSTATEMENT = "reinstatement"
    FEE = "fee"
    CORRECTION = "correction"


def entry_kind(change: Figures, *, first: bool) -> EntryKind:
    """The kind of a ledger entry for `change` of one ticket or order; `first` when it had counted nothing before."""
    if change.refunds > 0:
        return EntryKind.REFUND
    if change.cancelled > 0:
        return EntryKind.CANCELLATION
    if change.cancelled < 0:
        return EntryKind.REINSTATEMENT
    if first and (change.sold > 0 or change.gross > 0 or change.extras > 0):
        return EntryKind.SALE
    if first and (change.comps > 0 or change.orders > 0):
        return EntryKind.COMP
    fees_apart = change._replace(absorbed_fees=0, passed_on_fees=0, rebates=0)
    if fees_apart == NOTHING:
        return EntryKind.FEE
    return EntryKind.CORRECTION


def as_sold(ticket: TicketFacts) -> TicketFacts:
    """The ticket as it stood when it was bought, as far as can be told: valid, at the most it ever cost."""
    price = max(ticket.peak_gross, ticket.gross)
    if ticket.validity is Validity.VALID and ticket.gross == ticket.peak_gross and not ticket.gone:
        return ticket
    return ticket._replace(
        validity=Validity.VALID, paid=ticket.paid or price > 0, gross=price, peak_gross=price, gone=False
    )


def as_bought(order: OrderFacts) -> OrderFacts:
    """The order's own money as it stood when it was bought, as far as can be told: nothing refunded yet."""
    if not order.refunds:
        return order
    gross = order.gross + order.refunds
    return order._replace(gross=gross, refunds=0, nothing_paid=False)
