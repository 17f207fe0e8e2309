"""Everything that can happen on Eventbrite's side: listings made, tickets bought, given back, voided."""

from __future__ import annotations

from bisect import insort
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from housecount_sandbox.amounts import proportion
from housecount_sandbox.clock import whole_seconds
from housecount_sandbox.eventbrite.model import (
    FREE,
    Account,
    Attendee,
    Costs,
    Event,
    Order,
    TicketClass,
    Venue,
    Webhook,
)
from housecount_sandbox.people import Buyer, invent_buyer
from housecount_sandbox.stage import Numbers, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from housecount_sandbox.venues import Room

_SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Eventbrite:
    """All accounts, listings and orders. Every method that changes something begins a new revision."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.accounts: list[Account] = []
        self.venues: dict[str, Venue] = {}
        self.events: dict[str, Event] = {}
        self.gone_events: dict[str, Event] = {}
        self.orders: dict[str, Order] = {}
        self.gone_orders: dict[str, Order] = {}
        # Called after a change with the listing, Eventbrite's action name, the path of what changed, and
        # how many seconds after the change its hook leaves.
        self.listeners: list[Callable[[Event, str, str, float], None]] = []
        self._random = Random(stage.seed ^ 0xEB)
        self._event_ids = Numbers(900_000_100_000, 37)
        self._order_ids = Numbers(1_000_000_000, 7)
        self._attendee_ids = Numbers(2_000_000_000, 5)
        self._class_ids = Numbers(3_000_000_000, 11)
        self._other_ids = Numbers(300_000_000_000, 101)

    def add_account(self, name: str, *, lists_organization: bool = True) -> Account:
        """A promoter's account with an invented token of the right form (20 capitals and digits)."""
        account = Account(
            name=name,
            token=self._secret(20),
            api_key=self._secret(18),
            public_token=self._secret(20),
            user_id=self._other_ids.next(),
            organization_id=self._other_ids.next(),
            lists_organization=lists_organization,
        )
        if not lists_organization:
            account.organization_id = account.user_id
        self.accounts.append(account)
        return account

    def _secret(self, length: int) -> str:
        return "".join(self._random.choices(_SYMBOLS, k=length))

    def venue(self, account: Account, room: Room) -> Venue:
        """The account's venue for `room`, made when it has none."""
        for venue in account.venues:
            if venue.room is room:
                return venue
        venue = Venue(self._other_ids.next(), room)
        account.venues.append(venue)
        self.venues[venue.id] = venue
        return venue

    def add_event(
        self,
        account: Account,
        name: str,
        start: datetime,
        *,
        end: datetime | None = None,
        room: Room | None = None,
        currency: str = "AUD",
        timezone: str | None = None,
        state: str = "live",
        series: Event | None = None,
        capacity: int | None = None,
        created: datetime | None = None,
        show: str | None = None,
        is_series: bool = False,
    ) -> Event:
        """A listing without ticket classes. With `series`, a child of it; with `is_series`, a parent."""
        made = whole_seconds(created or self.stage.now())
        identity = self._event_ids.next()
        event = Event(
            id=identity,
            account=account,
            name=name,
            summary=f"{name}, presented by {account.name}.",
            start=whole_seconds(start),
            end=whole_seconds(end or start + timedelta(hours=2)),
            timezone=timezone or (room.timezone if room else "Australia/Melbourne"),
            currency=currency,
            venue=self.venue(account, room) if room else None,
            created=made,
            changed=made,
            show=show or f"eventbrite:{identity}",
            state=state,
            series=series,
            children=[] if is_series else None,
            capacity=capacity,
        )
        if series is not None:
            assert series.children is not None
            series.children.append(event)
            series.start = min(child.start for child in series.children)
            series.end = max(child.end for child in series.children)
        account.events.append(event)
        self.events[identity] = event
        self.stage.step()
        self._tell(event, "event.created", f"events/{identity}/")
        return event

    def add_ticket_class(
        self,
        event: Event,
        name: str,
        price: int,
        *,
        category: str = "admission",
        include_fee: bool = False,
        capacity: int | None = 100,
        tax_rate: int = 0,
        hidden: bool = False,
    ) -> TicketClass:
        """Something to sell: `price` in minor units as the buyer sees it, `tax_rate` in basis points."""
        ticket_class = TicketClass(
            id=self._class_ids.next(),
            event=event,
            name=name,
            price=price,
            category=category,
            include_fee=include_fee,
            capacity=capacity,
            tax_rate=tax_rate,
            hidden=hidden,
        )
        event.ticket_classes.append(ticket_class)
        self.stage.step()
        self._tell(event, "ticket_class.created", f"events/{event.id}/ticket_classes/{ticket_class.id}/")
        return ticket_class

    def buy(
        self,
        event: Event,
        lines: Sequence[tuple[TicketClass, int]],
        *,
        at: datetime | None = None,
        buyer: Buyer | None = None,
        prices: Sequence[int] | None = None,
        promo_code: str | None = None,
        percent_off: int = 0,
        status: str = "placed",
        guest: bool = False,
        dashed: bool | None = None,
    ) -> Order:
        """An order of `lines`. `percent_off` lowers admissions only; `prices` sets each line's (donations)."""
        random = self._random
        moment = whole_seconds(at or self.stage.now())
        order = Order(
            id=self._order_ids.next(),
            event=event,
            buyer=buyer or invent_buyer(random),
            status=status,
            created=moment,
            changed=moment + timedelta(seconds=int(random.random() * 3)),
            revision=self.stage.step(),
            promo_code=promo_code,
        )
        guestlist = self._other_ids.next() if guest else None
        for index, (ticket_class, quantity) in enumerate(lines):
            list_price = prices[index] if prices else ticket_class.price
            off = 0
            if percent_off and ticket_class.category == "admission":
                off = proportion(list_price, percent_off, 100)
            costs = FREE if guest else ticket_class.costs(list_price - off)
            order.discount += off * quantity
            with_dash = random.random() < 0.3 if dashed is None else dashed
            first = self._attendee_ids.next()
            for number in range(quantity):
                identity = first if number == 0 else f"{first}-{number}"
                if number and not with_dash:
                    identity = self._attendee_ids.next()
                order.attendees.append(
                    Attendee(
                        identity,
                        order,
                        ticket_class,
                        list_price,
                        costs,
                        moment,
                        order.changed,
                        guestlist_id=guestlist,
                    )
                )
            if status == "placed":
                ticket_class.sold += quantity
        self._keep(event.orders, order)
        self._keep(event.account.orders, order)
        self.orders[order.id] = order
        self._tell_order(order, "order.updated", "order.placed", "attendee.updated", "order.updated")
        return order

    @staticmethod
    def _keep(orders: list[Order], order: Order) -> None:
        """Put the order in its place by `created`: at the end, unless the past is being made."""
        if orders and orders[-1].created > order.created:
            insort(orders, order, key=lambda each: each.created)
        else:
            orders.append(order)

    def refund(
        self,
        order: Order,
        attendees: Iterable[Attendee] | None = None,
        *,
        void: bool = True,
        zero_costs: bool = False,
    ) -> None:
        """Give everything back for `attendees` (default: all). Their costs stay unless `zero_costs`."""
        chosen = self._chosen(order, attendees)
        self._begin(order, chosen)
        for attendee in chosen:
            given_back = self.kept(attendee)
            attendee.refunded = True
            if void and not attendee.cancelled:
                attendee.cancelled = True
                self._give_seat_back(order, attendee)
            if zero_costs:
                attendee.unseen_refunds += ((order.revision, given_back),)
                attendee.costs = FREE
            order.refund_requests.append((given_back, order.changed))
        self._tell_order(order, "order.refunded", "attendee.updated", "order.updated")

    def refund_part(self, order: Order, amount: int, attendee: Attendee | None = None) -> None:
        """Give `amount` of one still valid ticket's money back: its costs shrink and nothing else shows."""
        chosen = attendee or next(each for each in order.attendees if each.valid and each.costs.base > 0)
        if not 0 < amount < chosen.costs.base:
            raise ValueError("a partial refund is above zero and below the ticket's base price")
        self._begin(order, [chosen])
        base, fee, payment, tax = chosen.costs
        tax_back = proportion(tax, amount, base)
        chosen.costs = Costs(base - amount, fee, payment, tax - tax_back)
        chosen.unseen_refunds += ((order.revision, amount + tax_back),)
        order.refund_requests.append((amount + tax_back, order.changed))
        self._tell_order(order, "order.refunded", "order.updated")

    def cancel(
        self, order: Order, attendees: Iterable[Attendee] | None = None, *, deleted: bool = False
    ) -> None:
        """Void tickets and keep their money; `deleted` gives them the status Deleted."""
        chosen = self._chosen(order, attendees)
        self._begin(order, chosen)
        for attendee in chosen:
            if attendee.valid:
                self._give_seat_back(order, attendee)
            attendee.cancelled = True
            attendee.deleted = deleted
        self._tell_order(order, "attendee.updated", "order.updated")

    @staticmethod
    def kept(attendee: Attendee) -> int:
        """What the organizer was paid for the ticket as its costs stand: base, tax, and fees if inside."""
        costs = attendee.costs
        inside = costs.fee + costs.payment if attendee.ticket_class.include_fee else 0
        return costs.base + costs.tax + inside

    def check_in(self, attendee: Attendee) -> None:
        """Someone walks in. The order's and the ticket's `changed` stay; only the barcode's moves."""
        order = attendee.order
        order.remember(self.stage.step())
        attendee.checked_in = True
        attendee.barcode_changed = whole_seconds(self.stage.now())
        path = f"events/{order.event.id}/attendees/{attendee.id}/"
        self._tell(order.event, "barcode.checked_in", path)

    def set_status(self, order: Order, status: str) -> None:
        """Give the order another status, such as one the documents do not name."""
        self._begin(order, [])
        order.status = status
        self._tell_order(order, "order.updated")

    def delete_order(self, order: Order) -> None:
        """The order vanishes from every list and answers 404."""
        self.stage.step()
        order.gone = True
        order.event.orders.remove(order)
        order.event.account.orders.remove(order)
        self.gone_orders[order.id] = self.orders.pop(order.id)

    def delete_event(self, event: Event) -> None:
        """The listing and its orders vanish."""
        for order in list(event.orders):
            self.delete_order(order)
        self.stage.step()
        event.account.events.remove(event)
        if event.series is not None and event.series.children is not None:
            event.series.children.remove(event)
        self.gone_events[event.id] = self.events.pop(event.id)

    def move_event(self, event: Event, start: datetime) -> None:
        """The show gets another start; its length stays."""
        length = event.end - event.start
        event.start = whole_seconds(start)
        event.end = event.start + length
        self.touch_event(event)

    def cancel_event(self, event: Event) -> None:
        """Refund what is still valid, then cancel: the real service refuses to cancel before."""
        for order in list(event.orders):
            if order.status == "placed" and any(each.valid for each in order.attendees):
                self.refund(order, [each for each in order.attendees if each.valid])
        event.state = "canceled"
        self.touch_event(event)

    def toggle_include_fee(self, ticket_class: TicketClass) -> None:
        """The promoter changes whether fees are inside the price."""
        ticket_class.toggle_include_fee()
        self.touch_event(ticket_class.event)
        path = f"events/{ticket_class.event.id}/ticket_classes/{ticket_class.id}/"
        self._tell(ticket_class.event, "ticket_class.updated", path)

    def touch_event(self, event: Event) -> None:
        """The listing changed: its `changed` moves."""
        self.stage.step()
        event.changed = max(whole_seconds(self.stage.now()), event.changed + timedelta(seconds=1))
        self._tell(event, "event.updated", f"events/{event.id}/")

    def add_webhook(
        self, account: Account, endpoint_url: str, actions: list[str], event_id: str | None
    ) -> Webhook:
        """Register a webhook; duplicates are allowed, as at the real service."""
        moment = whole_seconds(self.stage.now())
        webhook = Webhook(self._other_ids.next(), endpoint_url, actions, event_id, moment)
        account.webhooks.append(webhook)
        return webhook

    def _chosen(self, order: Order, attendees: Iterable[Attendee] | None) -> list[Attendee]:
        if attendees is None:
            return [each for each in order.attendees if not (each.refunded or each.deleted)]
        return list(attendees)

    def _begin(self, order: Order, touched: Iterable[Attendee]) -> None:
        """Open the order's next version: `changed` strictly rises, for it and for the touched tickets."""
        order.remember(self.stage.step())
        order.changed = max(whole_seconds(self.stage.now()), order.changed + timedelta(seconds=1))
        for attendee in touched:
            attendee.changed = order.changed

    @staticmethod
    def _give_seat_back(order: Order, attendee: Attendee) -> None:
        if order.status == "placed":
            attendee.ticket_class.sold -= 1

    def _tell(self, event: Event, action: str, path: str, delay: float = 0.0) -> None:
        for listener in self.listeners:
            listener(event, action, path, delay)

    def _tell_order(self, order: Order, *actions: str) -> None:
        """In the recorded order of one purchase: the last `order.updated` leaves a second late."""
        if not self.listeners:
            return
        for position, action in enumerate(actions):
            if action == "attendee.updated":
                for number, attendee in enumerate(order.attendees):
                    path = f"events/{order.event.id}/attendees/{attendee.id}/"
                    self._tell(order.event, action, path, 0.2 + 0.2 * number / len(order.attendees))
            else:
                delay = 1.1 if position > 1 else 0.03 * position
                self._tell(order.event, action, f"orders/{order.id}/", delay)
