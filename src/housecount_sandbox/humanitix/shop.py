"""Everything that can happen on Humanitix's side: tickets sold, given back, voided, swapped; listings taken down."""

from __future__ import annotations

from bisect import insort
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from housecount_sandbox.amounts import proportion, share
from housecount_sandbox.clock import whole_millis
from housecount_sandbox.humanitix.listings import Listings
from housecount_sandbox.humanitix.model import (
    AMEX_RATE,
    Event,
    EventDate,
    Order,
    Package,
    Ticket,
    TicketType,
    pack_prices,
)
from housecount_sandbox.people import Buyer, invent_buyer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SYMBOLS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_RESERVATION = timedelta(minutes=22)


class Humanitix(Listings):
    """All accounts, listings and orders. Every method that changes something begins a new revision."""

    def buy(
        self,
        event: Event,
        date: EventDate,
        lines: Sequence[tuple[TicketType | Package, int]],
        *,
        at: datetime | None = None,
        buyer: Buyer | None = None,
        prices: Sequence[int] | None = None,
        percent_off: int = 0,
        discount_code: str | None = None,
        channel: str = "online",
        payment_type: str | None = None,
        gateway: str | None = None,
        amex: bool = False,
        client_donation: int = 0,
        totals_v2: bool | None = None,
    ) -> Order:
        """An order for one date. `percent_off` without a code is an automatic discount; `prices` sets each
        line's price (pay what you want, donations); a `payment_type` makes it a manual order."""
        random = self._random
        completed = whole_millis(at or self.stage.now())
        manual = payment_type is not None or channel == "manual"
        created = completed - timedelta(milliseconds=40 if manual else 20_000 + int(random.random() * 90_000))
        order = Order(
            id=self._ids.next(created),
            name="".join(random.choices(_SYMBOLS, k=8)),
            event=event,
            date=date,
            buyer=buyer or invent_buyer(random),
            created=created,
            completed=completed,
            updated=completed,
            revision=self.stage.step(),
            sales_channel="manual" if manual else channel,
            manual=manual,
            payment_type=payment_type,
            gateway=gateway or ("manual" if manual else "braintree"),
            discount_code=discount_code,
            auto_discount=bool(percent_off) and discount_code is None,
            client_donation=client_donation,
            has_totals_v2=random.random() < 0.5 if totals_v2 is None else totals_v2,
        )
        for index, (item, quantity) in enumerate(lines):
            price = prices[index] if prices else item.price
            for _ in range(quantity):
                if isinstance(item, Package):
                    self._add_package(order, item, price, percent_off)
                else:
                    self._add_ticket(order, item, price, percent_off)
        if amex:
            fees = sum(ticket.fees.passed_on for ticket in order.tickets)
            order.amex_fee = share(order.payable + fees, AMEX_RATE)
        if event.orders and event.orders[-1].created > created:
            insort(event.orders, order, key=lambda each: each.created)
        else:
            event.orders.append(order)
        self.orders[order.id] = order
        return order

    def _add_package(self, order: Order, package: Package, price: int, percent_off: int) -> None:
        group = self._ids.next(order.created)
        seats = [ticket_type for ticket_type, count in package.contents for _ in range(count)]
        for ticket_type, part in zip(seats, pack_prices(price, len(seats)), strict=True):
            ticket = self._add_ticket(order, ticket_type, part, percent_off)
            ticket.package, ticket.package_group = package, group

    def _add_ticket(self, order: Order, ticket_type: TicketType, price: int, percent_off: int) -> Ticket:
        event = order.event
        discount = 0
        if percent_off and not ticket_type.is_donation:
            discount = proportion(price, percent_off, 100)
        # Offline sales and donations carry no booking fee.
        feeless = order.manual or ticket_type.is_donation
        paid = price - discount
        # 90 ms before the order for the first of them, never less than 20.
        made = order.created - timedelta(milliseconds=max(90 - 3 * len(order.tickets), 20))
        ticket = Ticket(
            self._ids.next(made),
            order,
            len(order.tickets) + 1,
            ticket_type,
            price,
            discount,
            event.fees(0 if feeless else paid),
            0 if ticket_type.is_donation else event.tax(paid),
            made,
            order.updated + timedelta(milliseconds=15),
            order.buyer.first_name,
            order.buyer.last_name,
        )
        order.tickets.append(ticket)
        order.date.sold += not ticket_type.is_donation
        self.tickets[ticket.id] = ticket
        return ticket

    def refund(
        self,
        order: Order,
        tickets: Iterable[Ticket] | None = None,
        *,
        amount: int | None = None,
        void: bool = True,
    ) -> None:
        """Give back what was paid for `tickets` (default: all still refundable), or `amount` in all.

        `void` also cancels them; without it they stay complete and admit. Booking fees are kept, so
        `totals.refunds` never holds any. ValueError when more would go back than was paid.
        """
        chosen = self._chosen(order, tickets)
        admissions = [ticket for ticket in chosen if not ticket.ticket_type.is_donation]
        donations = sum(ticket.paid - ticket.refund for ticket in chosen if ticket.ticket_type.is_donation)
        value = sum(ticket.paid - ticket.refund for ticket in admissions) if amount is None else amount
        limit = sum(ticket.paid for ticket in order.bought() if not ticket.ticket_type.is_donation)
        if value + order.refunds > limit or value < 0:
            raise ValueError("more would be given back than was paid")
        self._begin(order)
        order.refunds += value
        if amount is None:
            order.donation_ticket_refunds += donations
            for ticket in chosen:
                ticket.refund = ticket.paid
        else:
            left = value
            for ticket in admissions:
                part = min(left, ticket.paid - ticket.refund)
                ticket.refund += part
                left -= part
        if void:
            self._void(order, chosen, zeroed=True)

    def refund_client_donation(self, order: Order) -> None:
        """Give the donation to the host back."""
        self._begin(order)
        order.client_donation_refunds = order.client_donation

    def cancel(self, order: Order, tickets: Iterable[Ticket] | None = None, *, zeroed: bool = True) -> None:
        """Void tickets and keep their money. `zeroed` False: they go on showing their price."""
        chosen = self._chosen(order, tickets)
        self._begin(order)
        self._void(order, chosen, zeroed=zeroed)

    def swap(self, ticket: Ticket, ticket_type: TicketType | None = None) -> Ticket:
        """Exchange a ticket at no cost: the old one is cancelled, a new one of channel `swap` is made."""
        order = ticket.order
        self._begin(order)
        moment = order.updated
        new = Ticket(
            self._ids.next(moment),
            order,
            len(order.tickets) + 1,
            ticket_type or ticket.ticket_type,
            ticket.price,
            ticket.discount,
            ticket.fees,
            ticket.tax,
            moment,
            ticket.updated,
            ticket.first_name,
            ticket.last_name,
            swapped_from=ticket.id,
            swapped_at=moment,
            sales_channel="swap",
        )
        self._void(order, [ticket], zeroed=True)
        ticket.swapped_to, ticket.swapped_at = new.id, moment
        order.tickets.append(new)
        order.date.sold += not new.ticket_type.is_donation
        self.tickets[new.id] = new
        return new

    def check_in(self, ticket: Ticket) -> None:
        """Someone walks in."""
        self._begin(ticket.order)
        ticket.checked_in = whole_millis(self.stage.now())

    def check_out(self, ticket: Ticket) -> None:
        """Someone walks out again."""
        self._begin(ticket.order)
        ticket.checked_in = None

    def lose_order(self, order: Order) -> None:
        """The order and its tickets vanish. A host cannot do this; a platform's accident can."""
        self.stage.step()
        order.gone = True
        order.event.orders.remove(order)
        del self.orders[order.id]
        for ticket in order.tickets:
            order.date.sold -= ticket.valid and not ticket.ticket_type.is_donation
            del self.tickets[ticket.id]

    def delete_event(self, event: Event) -> None:
        """The listing and all in it vanish."""
        for order in list(event.orders):
            self.lose_order(order)
        self.stage.step()
        event.account.events.remove(event)
        self.gone_events[event.id] = self.events.pop(event.id)

    def cancel_event(self, event: Event) -> None:
        """Refund and void every valid ticket, and take the listing off sale."""
        for order in list(event.orders):
            valid = [ticket for ticket in order.tickets if ticket.valid]
            if valid:
                self.refund(order, valid)
        event.published, event.suspend_sales = False, True
        self.touch_event(event)

    @staticmethod
    def _chosen(order: Order, tickets: Iterable[Ticket] | None) -> list[Ticket]:
        if tickets is not None:
            return list(tickets)
        return [ticket for ticket in order.tickets if ticket.valid and ticket.refund < max(ticket.paid, 1)]

    def _begin(self, order: Order) -> None:
        """Open the order's next version. All its tickets share one new `updatedAt`, 20 ms before its own."""
        order.remember(self.stage.step())
        moment = max(whole_millis(self.stage.now()), order.updated + timedelta(milliseconds=1))
        for ticket in order.tickets:
            ticket.updated = moment
        order.updated = moment + timedelta(milliseconds=20)

    @staticmethod
    def _void(order: Order, tickets: Iterable[Ticket], *, zeroed: bool) -> None:
        for ticket in tickets:
            if ticket.valid:
                order.date.sold -= not ticket.ticket_type.is_donation
                ticket.cancelled_at = order.updated - timedelta(milliseconds=20)
                ticket.zeroed = zeroed


def reservation_end(order: Order) -> datetime:
    """`incompleteAt`: the creation of the purchase's last ticket plus the 22 minutes a cart is held."""
    return max(ticket.created for ticket in order.bought()) + _RESERVATION
