"""The world the servers show: one clock, one seed, two platforms, a Xero, and the happenings that move it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

from housecount_sandbox.eventbrite.model import Attendee
from housecount_sandbox.eventbrite.model import Event as EventbriteEvent
from housecount_sandbox.eventbrite.model import Order as EventbriteOrder
from housecount_sandbox.eventbrite.shop import Eventbrite
from housecount_sandbox.humanitix.shop import Humanitix
from housecount_sandbox.limits import Limits
from housecount_sandbox.stage import Stage
from housecount_sandbox.trickle import Trickle
from housecount_sandbox.truth import ListingTruth, truth, truth_document
from housecount_sandbox.xero.books import Xero

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housecount_sandbox.clock import Now
    from housecount_sandbox.eventbrite.model import TicketClass
    from housecount_sandbox.humanitix.model import Event as HumanitixEvent
    from housecount_sandbox.humanitix.model import EventDate, Package, Ticket, TicketType
    from housecount_sandbox.humanitix.model import Order as HumanitixOrder
    from housecount_sandbox.venues import Room

PROMOTER = "Laughing Stock Comedy"
_GENERAL = (("General Admission", 2500),)


class World:
    """Everything the sandbox knows. Make one with `World.full`, `World.small` or `World.blank`.

    The methods here do what is common on either platform; `world.eventbrite` and `world.humanitix` can do
    everything. All of them may be called from any thread while servers run.
    """

    def __init__(self, seed: int = 1, now: Now | None = None) -> None:
        self.stage = Stage(seed, now)
        self.limits = Limits()
        self.eventbrite = Eventbrite(self.stage)
        self.humanitix = Humanitix(self.stage)
        self.xero = Xero(self.stage)
        self.trickle = Trickle(self)

    @classmethod
    def blank(cls, *, seed: int = 1, now: Now | None = None) -> World:
        """Two Eventbrite accounts and one Humanitix account without any listing."""
        world = cls(seed, now)
        world.eventbrite.add_account(f"{PROMOTER} Melbourne")
        world.eventbrite.add_account(f"{PROMOTER} Sydney")
        world.humanitix.add_account(PROMOTER)
        return world

    @classmethod
    def full(
        cls, *, seed: int = 1, today: datetime | None = None, orders: int = 25_000, now: Now | None = None
    ) -> World:
        """A season around `today` (default: the clock's now) with about `orders` orders, never fewer."""
        from housecount_sandbox.season import build_season

        world = cls.blank(seed=seed, now=now)
        build_season(world, today or world.stage.now(), orders)
        return world

    @classmethod
    def small(cls, *, seed: int = 1, today: datetime | None = None, now: Now | None = None) -> World:
        """A handful of shows and about 180 orders in which every special case occurs."""
        from housecount_sandbox.small_season import build_small_season

        world = cls.blank(seed=seed, now=now)
        build_small_season(world, today or world.stage.now())
        return world

    @property
    def revision(self) -> int:
        """The number of changes so far."""
        return self.stage.revision

    def add_eventbrite_event(
        self,
        name: str,
        start: datetime,
        *,
        tickets: Sequence[tuple[str, int]] = _GENERAL,
        account: int = 0,
        include_fee: bool = False,
        tax_rate: int = 0,
        room: Room | None = None,
        currency: str = "AUD",
        show: str | None = None,
    ) -> EventbriteEvent:
        """A listing that sells admissions: `tickets` are (name, price in minor units). Listings with the
        same `show` are one real show."""
        with self.stage.lock:
            shop = self.eventbrite
            event = shop.add_event(
                shop.accounts[account], name, start, room=room, currency=currency, show=show
            )
            for ticket_name, price in tickets:
                shop.add_ticket_class(event, ticket_name, price, include_fee=include_fee, tax_rate=tax_rate)
            return event

    def add_humanitix_event(
        self,
        name: str,
        start: datetime | Sequence[datetime],
        *,
        tickets: Sequence[tuple[str, int]] = _GENERAL,
        account: int = 0,
        fee_mode: str = "passed_on",
        tax_rate: int = 0,
        rebate: int = 0,
        room: Room | None = None,
        currency: str = "AUD",
        location: str | None = None,
        show: str | None = None,
    ) -> HumanitixEvent:
        """A listing with one date, or several, that sells admissions: `tickets` as (name, minor units)."""
        with self.stage.lock:
            shop = self.humanitix
            event = shop.add_event(
                shop.accounts[account],
                name,
                room=room,
                currency=currency,
                location=location,
                fee_mode=fee_mode,
                tax_rate=tax_rate,
                rebate=rebate,
            )
            for moment in [start] if isinstance(start, datetime) else start:
                shop.add_date(event, moment, show=show)
            for ticket_name, price in tickets:
                shop.add_ticket_type(event, ticket_name, price)
            return event

    @overload
    def buy(
        self,
        event: EventbriteEvent,
        quantity: int = 1,
        *,
        ticket: str | None = None,
        date: EventDate | str | None = None,
        comp: bool = False,
        percent_off: int = 0,
        at: datetime | None = None,
        promo_code: str | None = None,
    ) -> EventbriteOrder: ...

    @overload
    def buy(
        self,
        event: HumanitixEvent,
        quantity: int = 1,
        *,
        ticket: str | None = None,
        date: EventDate | str | None = None,
        comp: bool = False,
        percent_off: int = 0,
        at: datetime | None = None,
        promo_code: str | None = None,
    ) -> HumanitixOrder: ...

    def buy(
        self,
        event: EventbriteEvent | HumanitixEvent,
        quantity: int = 1,
        *,
        ticket: str | None = None,
        date: EventDate | str | None = None,
        comp: bool = False,
        percent_off: int = 0,
        at: datetime | None = None,
        promo_code: str | None = None,
    ) -> EventbriteOrder | HumanitixOrder:
        """An order for `quantity` of `ticket` (name or id; default: the first). `date` (Humanitix; the date
        or its id) defaults to the first; `comp` gives them away. LookupError when there is no such thing."""
        with self.stage.lock:
            code = promo_code or ("TENOFF" if percent_off else None)
            if isinstance(event, EventbriteEvent):
                sold = _named(event.ticket_classes, ticket)
                return self.eventbrite.buy(
                    event,
                    [(sold, quantity)],
                    at=at,
                    guest=comp,
                    percent_off=percent_off,
                    promo_code=code,
                )
            wanted = date if date is None or isinstance(date, str) else date.id
            item: TicketType | Package = _named([*event.ticket_types, *event.packages], ticket)
            return self.humanitix.buy(
                event,
                next((each for each in event.dates if wanted in (None, each.id)), None)
                or _missing("session"),
                [(item, quantity)],
                at=at,
                prices=[0] if comp else None,
                payment_type="complimentary" if comp else None,
                percent_off=percent_off,
                discount_code=code,
            )

    def refund(
        self,
        order: EventbriteOrder | HumanitixOrder,
        tickets: Sequence[Any] | None = None,
        *,
        amount: int | None = None,
        void: bool = True,
    ) -> None:
        """Give money back: for `tickets` (default: all that can be), or `amount` in part, which leaves the
        tickets valid. `void` False leaves refunded tickets valid too."""
        with self.stage.lock:
            if isinstance(order, EventbriteOrder):
                if amount is not None:
                    self.eventbrite.refund_part(order, amount, tickets[0] if tickets else None)
                else:
                    self.eventbrite.refund(order, tickets, void=void)
            else:
                self.humanitix.refund(order, tickets, amount=amount, void=void and amount is None)

    def cancel(self, order: EventbriteOrder | HumanitixOrder, tickets: Sequence[Any] | None = None) -> None:
        """Void tickets (default: all) and keep their money."""
        with self.stage.lock:
            if isinstance(order, EventbriteOrder):
                self.eventbrite.cancel(order, tickets)
            else:
                self.humanitix.cancel(order, tickets)

    def check_in(self, ticket: Attendee | Ticket) -> None:
        """Someone walks in."""
        with self.stage.lock:
            if isinstance(ticket, Attendee):
                self.eventbrite.check_in(ticket)
            else:
                self.humanitix.check_in(ticket)

    def delete_order(self, order: EventbriteOrder | HumanitixOrder) -> None:
        """The order vanishes. No Humanitix host can do this, but a platform's accident can."""
        with self.stage.lock:
            if isinstance(order, EventbriteOrder):
                self.eventbrite.delete_order(order)
            else:
                self.humanitix.lose_order(order)

    def delete_event(self, event: EventbriteEvent | HumanitixEvent, date: EventDate | None = None) -> None:
        """The listing and its orders vanish; with `date`, that date is only flagged and keeps its orders."""
        with self.stage.lock:
            if isinstance(event, EventbriteEvent):
                self.eventbrite.delete_event(event)
            elif date is not None:
                self.humanitix.delete_date(event, date)
            else:
                self.humanitix.delete_event(event)

    def cancel_event(self, event: EventbriteEvent | HumanitixEvent) -> None:
        """Everyone is refunded and the show is off."""
        with self.stage.lock:
            if isinstance(event, EventbriteEvent):
                self.eventbrite.cancel_event(event)
            else:
                self.humanitix.cancel_event(event)

    def move(
        self, event: EventbriteEvent | HumanitixEvent, start: datetime, date: EventDate | None = None
    ) -> None:
        """The show gets another start."""
        with self.stage.lock:
            if isinstance(event, EventbriteEvent):
                self.eventbrite.move_event(event, start)
            else:
                self.humanitix.move_date(event, date or event.dates[0], start)

    def toggle_include_fee(self, ticket_class: TicketClass) -> None:
        """Put the fees into the price, or take them out (Eventbrite)."""
        with self.stage.lock:
            self.eventbrite.toggle_include_fee(ticket_class)

    def advance(self, happenings: int) -> list[dict[str, Any]]:
        """So many happenings at once, now: see `Trickle.advance`."""
        return self.trickle.advance(happenings)

    def truth(
        self, *, first_read: int | None = None, reads: Sequence[int] | None = None
    ) -> list[ListingTruth]:
        """What a perfect reader would count: see `housecount_sandbox.truth.truth`."""
        return truth(self, first_read=first_read, reads=reads)

    def truth_document(
        self, *, first_read: int | None = None, reads: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """The same as JSON-ready data, with the shows that belong together."""
        return truth_document(self, first_read=first_read, reads=reads)

    def credentials(self) -> dict[str, list[dict[str, Any]]]:
        """What a promoter would type in: tokens and keys by platform."""
        return {
            "eventbrite": [
                {"name": account.name, "token": account.token} for account in self.eventbrite.accounts
            ],
            "humanitix": [
                {"name": each.name, "key": each.key, "regions": each.regions}
                for each in self.humanitix.accounts
            ],
            "xero": self.xero.credentials(),
        }


def _missing(what: str) -> Any:
    raise LookupError(f"there is no such {what}")


def _named(kinds: Sequence[Any], wanted: str | None) -> Any:
    for kind in kinds:
        if wanted in (None, kind.id, kind.name):
            return kind
    return _missing(f"ticket: {wanted}")
