"""Time that moves: invented buyers buy, and now and then somebody gives back, on the shows to come."""

from __future__ import annotations

import asyncio
import re
from random import Random
from typing import TYPE_CHECKING, Any

from housecount_sandbox.clock import parse_moment

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from housecount_sandbox.eventbrite.model import Event as EventbriteEvent
    from housecount_sandbox.eventbrite.model import TicketClass
    from housecount_sandbox.humanitix.model import Event as HumanitixEvent
    from housecount_sandbox.humanitix.model import EventDate
    from housecount_sandbox.world import World

_SIZES = (1, 1, 2, 2, 2, 2, 2, 3, 4, 4)


def _for_sale(event: EventbriteEvent) -> list[TicketClass]:
    """What a buyer is offered: admissions with seats left."""
    return [
        each
        for each in event.ticket_classes
        if each.category == "admission"
        and not each.hidden
        and (each.capacity is None or each.sold < each.capacity)
    ]


class Trickle:
    """Happenings by the dice of the world's seed. `per_minute` is the rate `run` keeps; 0 pauses it."""

    def __init__(self, world: World, per_minute: float = 0.0) -> None:
        self.world = world
        self.per_minute = per_minute
        self._random = Random(f"trickle {world.stage.seed}")
        # Dice of their own, so that happenings can be repeated without the pauses and the faults.
        self._pauses = Random(f"pauses {world.stage.seed}")
        self._arrivals = Random(f"arrivals {world.stage.seed}")
        self._journal: TextIO | None = None

    def keep(self, journal: Path, season: str) -> int:
        """Repeat what `journal` holds, and write down in it what happens from now on; close with `close`.

        Only moments are kept: the dice give the rest again, so the season must be the same, and nothing
        may have been made to happen by hand. Returns how many happenings were repeated; ValueError when
        the journal belongs to another season. An unfinished last line is dropped.
        """
        text = journal.read_text("utf-8") if journal.exists() else ""
        head, *lines = text[: text.rfind("\n") + 1].splitlines() or [season]
        if head != season:
            raise ValueError(f"the journal belongs to another season: {head}")
        stage = self.world.stage
        with stage.lock:
            for line in lines:
                stage.pretend = parse_moment(line)
                self._happen()
            stage.pretend = None
        journal.write_text("".join(f"{line}\n" for line in (season, *lines)), "utf-8")
        self._journal = journal.open("a", encoding="utf-8", buffering=1)
        return len(lines)

    def close(self) -> None:
        """Write nothing down any more."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    async def run(self) -> None:
        """Let things happen at the rate, with the irregular pauses of real buyers, until cancelled."""
        while True:
            if self.per_minute <= 0:
                await asyncio.sleep(0.2)
                continue
            await asyncio.sleep(min(self._pauses.expovariate(self.per_minute / 60), 30.0))
            if self.per_minute > 0:
                self.advance(1)

    def advance(self, happenings: int) -> list[dict[str, Any]]:
        """So many happenings at once, now; each says what it was: `{"do", "platform", "order"}`."""
        with self.world.stage.lock:
            return [self._happen_now() for _ in range(happenings)]

    def _happen_now(self) -> dict[str, Any]:
        stage = self.world.stage
        stage.held = stage.clock()
        try:
            if self._journal is not None:
                self._journal.write(f"{stage.held.isoformat()}\n")
            return self._happen()
        finally:
            stage.held = None

    def arrive(self, platform: str, path: str, orders: int) -> None:
        """New orders on the listing that `path` names (or on any): what shifts a walk that is under way."""
        random = self._arrivals
        with self.world.stage.lock:
            for _ in range(orders):
                if platform == "eventbrite":
                    found = re.search(r"/events/(\d+)/", path)
                    event = self.world.eventbrite.events.get(found[1]) if found else None
                    self._buy_eventbrite(event or random.choice(self._eventbrite_on_sale()))
                else:
                    hit = re.search(r"/events/([0-9a-f]{24})/", path)
                    listing = self.world.humanitix.events.get(hit[1]) if hit else None
                    if listing is not None:
                        self._buy_humanitix(listing, random.choice(listing.dates))

    def _eventbrite_on_sale(self) -> list[EventbriteEvent]:
        now = self.world.stage.now()
        return [
            event
            for event in self.world.eventbrite.events.values()
            if event.children is None and event.state == "live" and event.start > now and _for_sale(event)
        ]

    def _humanitix_on_sale(self) -> list[tuple[HumanitixEvent, EventDate]]:
        now = self.world.stage.now()
        return [
            (event, date)
            for event in self.world.humanitix.events.values()
            if event.published and not event.suspend_sales and event.ticket_types
            for date in event.dates
            if date.start > now
            and not (date.deleted or date.disabled)
            and (event.total_capacity == 0 or date.sold < event.total_capacity)
        ]

    def _release_seats(self) -> None:
        """Everything is sold out: the promoter lets fifty more into each show to come."""
        now = self.world.stage.now()
        for event in self.world.eventbrite.events.values():
            if event.start > now and event.state == "live" and event.ticket_classes:
                for ticket_class in event.ticket_classes:
                    ticket_class.capacity = (
                        None if ticket_class.capacity is None else ticket_class.capacity + 50
                    )
                self.world.eventbrite.touch_event(event)
        for listing in self.world.humanitix.events.values():
            if listing.total_capacity and any(date.start > now for date in listing.dates):
                listing.total_capacity += 50
                self.world.humanitix.touch_event(listing)

    def _happen(self) -> dict[str, Any]:
        on_eventbrite, on_humanitix = self._eventbrite_on_sale(), self._humanitix_on_sale()
        if not on_eventbrite and not on_humanitix:
            self._release_seats()
            on_eventbrite, on_humanitix = self._eventbrite_on_sale(), self._humanitix_on_sale()
            if not on_eventbrite and not on_humanitix:
                return {"do": "nothing"}
        random = self._random
        pick = random.randrange(len(on_eventbrite) + len(on_humanitix))
        # Sooner shows sell faster: the better of two draws.
        if pick < len(on_eventbrite):
            events = sorted(random.choices(on_eventbrite, k=2), key=lambda event: event.start)
            return {"platform": "eventbrite", **self._happen_eventbrite(events[0])}
        listings = sorted(random.choices(on_humanitix, k=2), key=lambda listing: listing[1].start)
        return {"platform": "humanitix", **self._happen_humanitix(*listings[0])}

    def _happen_eventbrite(self, event: EventbriteEvent) -> dict[str, Any]:
        shop, random = self.world.eventbrite, self._random
        roll = random.random()
        if roll < 0.14 and event.orders:
            order = random.choice(event.orders)
            valid = [one for one in order.attendees if one.valid and one.ticket_class.category == "admission"]
            paid = [one for one in valid if one.costs.base > 300]
            if order.status == "placed" and valid:
                if roll < 0.05:
                    shop.refund(order, valid)
                    return {"do": "refund", "order": order.id}
                if roll < 0.08 and paid:
                    shop.refund_part(order, paid[0].costs.base // 4, paid[0])
                    return {"do": "refund_part", "order": order.id}
                if roll < 0.11:
                    shop.cancel(order, valid[:1])
                    return {"do": "cancel", "order": order.id}
        if roll > 0.97:
            made = shop.buy(event, [(event.ticket_classes[0], 2)], guest=True)
            return {"do": "comp", "order": made.id}
        return {"do": "buy", "order": self._buy_eventbrite(event)}

    def _buy_eventbrite(self, event: EventbriteEvent) -> str:
        admissions = [
            each for each in event.ticket_classes if each.category == "admission" and not each.hidden
        ]
        ticket = self._random.choice(admissions)
        return self.world.eventbrite.buy(event, [(ticket, self._random.choice(_SIZES))]).id

    def _happen_humanitix(self, event: HumanitixEvent, date: EventDate) -> dict[str, Any]:
        shop, random = self.world.humanitix, self._random
        roll = random.random()
        orders = [order for order in event.orders if order.date is date] if roll < 0.14 else []
        if orders:
            order = random.choice(orders)
            plain = not any(each.ticket_type.is_donation for each in order.tickets)
            valid = [each for each in order.tickets if each.valid and each.refund == 0]
            if plain and valid and order.refunds == 0:
                if roll < 0.05:
                    shop.refund(order, valid)
                    return {"do": "refund", "order": order.id}
                if roll < 0.08 and valid[0].paid > 300:
                    shop.refund(order, valid[:1], amount=valid[0].paid // 4, void=False)
                    return {"do": "refund_part", "order": order.id}
                if roll < 0.11:
                    shop.cancel(order, valid[:1])
                    return {"do": "cancel", "order": order.id}
        if roll > 0.97:
            types = [each for each in event.ticket_types if not each.is_donation]
            lines = [(types[0], 2)]
            made = shop.buy(event, date, lines, prices=[0], payment_type="complimentary")
            return {"do": "comp", "order": made.id}
        return {"do": "buy", "order": self._buy_humanitix(event, date)}

    def _buy_humanitix(self, event: HumanitixEvent, date: EventDate) -> str:
        types = [
            each for each in event.ticket_types if not (each.is_donation or each.disabled or each.deleted)
        ]
        size = self._random.choice(_SIZES)
        return self.world.humanitix.buy(event, date, [(self._random.choice(types), size)]).id
