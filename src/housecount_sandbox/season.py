"""The promoter's full season: 60 days behind `today` and 90 ahead, the same for the same seed and day."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from housecount_sandbox import venues
from housecount_sandbox.aftermath import afterwards_eventbrite, afterwards_humanitix
from housecount_sandbox.curve import sale_moment, sold_by
from housecount_sandbox.programme import GALA_TITLES, NIGHTS, Night
from housecount_sandbox.specials import build_specials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housecount_sandbox.eventbrite.model import Event as EventbriteEvent
    from housecount_sandbox.eventbrite.model import TicketClass
    from housecount_sandbox.humanitix.model import Event as HumanitixEvent
    from housecount_sandbox.humanitix.model import EventDate, Package, TicketType
    from housecount_sandbox.venues import Room
    from housecount_sandbox.world import World

DAYS_BEHIND, DAYS_AHEAD = 60, 90
ON_SALE_DAYS = 56
# How many tickets an order has, a hundred times drawn.
_SIZES = (1,) * 18 + (2,) * 53 + (3,) * 10 + (4,) * 12 + (5,) * 3 + (6,) * 3 + (8,)


@dataclass(slots=True)
class Shelf:
    """A listing to be sold and its relative pull."""

    weight: float
    opens: datetime
    closes: datetime
    zone: ZoneInfo
    eventbrite: EventbriteEvent | None = None
    humanitix: tuple[HumanitixEvent, EventDate] | None = None


def build_season(world: World, today: datetime, orders: int) -> None:
    """Fill a blank world. Takes about 60 microseconds an order."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        random = Random(f"season {world.stage.seed}")
        today = today.astimezone(UTC).replace(microsecond=0)
        world.stage.pretend = today - timedelta(days=DAYS_BEHIND + ON_SALE_DAYS + 14)
        shelves = list(_regular_nights(world, today))
        shelves += _galas(world, today)
        for platform in ("eventbrite", "humanitix"):
            on_platform = [
                shelf for shelf in shelves if (shelf.eventbrite is None) == (platform == "humanitix")
            ]
            _sell_all(world, random, on_platform, today, (orders + 1) // 2)
        build_specials(world, today)
        _size_rooms(world)
    finally:
        world.stage.pretend = None
        if collecting:
            gc.enable()


def local_moment(day: date, hour: int, minute: int, room: Room) -> datetime:
    """The room's local time on `day`, in UTC."""
    return datetime.combine(day, time(hour, minute), ZoneInfo(room.timezone)).astimezone(UTC)


def _regular_nights(world: World, today: datetime) -> Iterator[Shelf]:
    for night in NIGHTS:
        zone = ZoneInfo(night.room.timezone)
        first = today.astimezone(zone).date() - timedelta(days=DAYS_BEHIND)
        days = [first + timedelta(days=n) for n in range(DAYS_BEHIND + DAYS_AHEAD)]
        days = [day for day in days if day.weekday() in night.weekdays]
        if night.humanitix is not None:
            yield from _humanitix_run(world, night, days)
        if night.eventbrite is not None:
            yield from _eventbrite_run(world, night, days)


def _show_key(title: str, starts: datetime) -> str:
    return f"{title} {starts:%Y-%m-%dT%H:%MZ}"


def _opens(starts: datetime, title: str) -> datetime:
    """When tickets go on sale: ten in the morning, about eight weeks before."""
    extra = sum(title.encode()) % 9
    return (starts - timedelta(days=ON_SALE_DAYS + extra)).replace(hour=0, minute=5, second=0)


def _eventbrite_run(world: World, night: Night, days: list[date]) -> Iterator[Shelf]:
    shop = world.eventbrite
    assert night.eventbrite is not None
    account = shop.accounts[night.eventbrite]
    zone = ZoneInfo(night.room.timezone)
    parent = None
    if night.series:
        starts = local_moment(days[0], night.hour, night.minute, night.room)
        parent = shop.add_event(account, night.title, starts, room=night.room, is_series=True)
    for day in days:
        curtain = local_moment(day, night.hour, night.minute, night.room)
        opens = _opens(curtain, night.title)
        event = shop.add_event(
            account,
            night.title,
            curtain - timedelta(minutes=night.doors),
            end=curtain + timedelta(hours=2),
            room=night.room,
            currency=night.currency,
            series=parent,
            created=opens - timedelta(days=2),
            show=_show_key(night.title, curtain),
        )
        sell = shop.add_ticket_class
        sell(event, "General Admission", night.price, include_fee=night.absorbed, tax_rate=night.tax_rate)
        sell(
            event,
            "Concession",
            night.price * 3 // 4,
            include_fee=night.absorbed,
            tax_rate=night.tax_rate,
        )
        sell(event, "Guest list", 0, hidden=True)
        if night.add_on:
            sell(event, night.add_on, 2400, category="add_on")
        yield Shelf(night.weight, opens, curtain, zone, eventbrite=event)


def _humanitix_run(world: World, night: Night, days: list[date]) -> Iterator[Shelf]:
    shop = world.humanitix
    assert night.humanitix is not None
    zone = ZoneInfo(night.room.timezone)
    first = local_moment(days[0], night.hour, night.minute, night.room)
    event = shop.add_event(
        shop.accounts[0],
        night.humanitix,
        room=night.room,
        currency=night.currency,
        location=night.location,
        fee_mode=night.fee_mode,
        tax_rate=night.tax_rate,
        rebate=night.rebate,
        created=_opens(first, night.title) - timedelta(days=2),
    )
    general = shop.add_ticket_type(event, "General Admission", night.price)
    shop.add_ticket_type(event, "Concession", night.price * 3 // 4)
    shop.add_ticket_type(event, "Early Bird", night.price * 8 // 10, disabled=True)
    shop.add_package(event, "Table of Four", night.price * 7 // 2 + 2, [(general, 4)], shown=50)
    for day in days:
        curtain = local_moment(day, night.hour, night.minute, night.room)
        show = shop.add_date(event, curtain, show=_show_key(night.title, curtain))
        yield Shelf(night.weight, _opens(curtain, night.title), curtain, zone, humanitix=(event, show))


def _galas(world: World, today: datetime) -> list[Shelf]:
    shelves = []
    room = venues.HARBOUR_LANTERN
    zone = ZoneInfo(room.timezone)
    for number, (title, other_title) in enumerate(GALA_TITLES):
        day = today.astimezone(zone).date() + timedelta(days=28 * number - 45)
        curtain = local_moment(day, 19, 30, room)
        opens = _opens(curtain, title)
        event = world.eventbrite.add_event(
            world.eventbrite.accounts[1],
            title,
            curtain,
            room=room,
            created=opens - timedelta(days=2),
            show=_show_key(title, curtain),
        )
        for name, price in (("Stalls", 5900), ("Circle", 4900)):
            world.eventbrite.add_ticket_class(event, name, price, include_fee=number % 2 == 0)
        world.eventbrite.add_ticket_class(
            event, "Gift to the foyer fund", 0, category="donation", capacity=None
        )
        shelves.append(Shelf(8.0, opens, curtain, zone, eventbrite=event))
        twin = world.humanitix.add_event(
            world.humanitix.accounts[0],
            other_title,
            room=room,
            created=opens - timedelta(days=2),
            tax_rate=1000,
        )
        stalls = world.humanitix.add_ticket_type(twin, "Stalls", 5950)
        world.humanitix.add_ticket_type(twin, "Circle", 4950)
        world.humanitix.add_ticket_type(
            twin, "Support the foyer", 0, is_donation=True, price_range=(500, None)
        )
        world.humanitix.add_package(twin, "Family of Five", 25_000, [(stalls, 5)])
        show = world.humanitix.add_date(twin, curtain, show=_show_key(title, curtain))
        shelves.append(Shelf(8.0, opens, curtain, zone, humanitix=(twin, show)))
    return shelves


def _sell_all(world: World, random: Random, shelves: list[Shelf], today: datetime, orders: int) -> None:
    """Share `orders` out over the shelves by pull and by how far each is into its sales."""
    weights = []
    for shelf in shelves:
        length = (shelf.closes - shelf.opens) / timedelta(days=1)
        gone = (today - shelf.opens) / timedelta(days=1) / length
        weights.append(shelf.weight * sold_by(gone) * (0.75 + 0.45 * random.random()) if gone > 0 else 0.0)
    total = sum(weights)
    for shelf, weight in zip(shelves, weights, strict=True):
        # One more than the share, so that rounding never leaves the season short.
        count = int(orders * weight / total) + 1 if weight else 0
        until = min(today, shelf.closes)
        moments = sorted(
            sale_moment(random, shelf.opens, shelf.closes, until, shelf.zone) for _ in range(count)
        )
        for moment in moments:
            if shelf.eventbrite is not None:
                _sell_eventbrite(world, random, shelf.eventbrite, moment, until)
            elif shelf.humanitix is not None:
                _sell_humanitix(world, random, *shelf.humanitix, moment, until)


def _sell_eventbrite(
    world: World, random: Random, event: EventbriteEvent, moment: datetime, until: datetime
) -> None:
    size = _SIZES[int(random.random() * 100)]
    roll = random.random()
    admissions = [each for each in event.ticket_classes if each.category == "admission" and each.price]
    main = admissions[0] if roll < 0.72 else admissions[-1]
    lines: list[tuple[TicketClass, int]] = [(main, size)]
    prices: list[int] | None = None
    others = [each for each in event.ticket_classes if each.category != "admission"]
    if others and roll < 0.08:
        lines.append((others[0], 1))
        prices = [main.price, others[0].price or 1000]
    percent, code, guest = 0, None, False
    kind = random.random()
    if kind < 0.05:
        percent, code = (20, "LAUGH20")
    elif kind < 0.056:
        percent, code = (100, "ONTHEHOUSE")
    elif kind < 0.07:
        free = [each for each in event.ticket_classes if each.category == "admission" and not each.price]
        guest, lines, prices = True, [((free or admissions)[0], min(size, 2))], None
    order = world.eventbrite.buy(
        event, lines, at=moment, prices=prices, promo_code=code, percent_off=percent, guest=guest
    )
    afterwards_eventbrite(world, random, order, until)


def _sell_humanitix(
    world: World,
    random: Random,
    event: HumanitixEvent,
    date: EventDate,
    moment: datetime,
    until: datetime,
) -> None:
    size = _SIZES[int(random.random() * 100)]
    roll, kind = random.random(), random.random()
    types = [each for each in event.ticket_types if not (each.is_donation or each.disabled)]
    lines: list[tuple[TicketType | Package, int]] = [(types[0] if roll < 0.72 else types[-1], size)]
    prices: list[int] | None = None
    payment: str | None = None
    gateway: str | None = None
    channel, percent, code, gift = "online", 0, None, 0
    if kind < 0.04:
        percent, code = 15, "CHUCKLE"
    elif kind < 0.045:
        percent, code = 100, "PRESSPASS"
    elif kind < 0.055:
        payment, prices = "complimentary", [0]
    elif kind < 0.065:
        payment = "cash" if kind < 0.06 else "cheque"
    elif kind < 0.08:
        lines = [(event.packages[0], 1)]
    elif kind < 0.09:
        channel, gateway = "boxOffice", "tillTerminal"
    elif kind < 0.1:
        gift = 500
    elif kind < 0.12:
        percent = 10
    elif kind < 0.14 and event.ticket_types[-1].is_donation:
        prices = [event.ticket_types[0].price, 1500]
        lines = [(event.ticket_types[0], size), (event.ticket_types[-1], 1)]
    order = world.humanitix.buy(
        event,
        date,
        lines,
        at=moment,
        prices=prices,
        percent_off=percent,
        discount_code=code,
        channel=channel,
        payment_type=payment,
        gateway=gateway,
        amex=roll > 0.95,
        client_donation=gift,
    )
    afterwards_humanitix(world, random, order, until)


def _size_rooms(world: World) -> None:
    """Share each room's seats over the listings of its show; a bench's huge season plays in arenas."""
    shows = Counter(event.show for event in world.eventbrite.events.values())
    shows += Counter(date.show for event in world.humanitix.events.values() for date in event.dates)
    for event in world.eventbrite.events.values():
        if event.children is None and event.venue is not None and event.capacity is None:
            sold = sum(each.sold for each in event.ticket_classes if each.category == "admission")
            event.capacity = max(event.venue.room.capacity // shows[event.show], sold)
            for each in event.ticket_classes:
                if each.capacity is not None:
                    each.capacity = max(each.capacity, event.capacity)
    for listing in world.humanitix.events.values():
        if listing.total_capacity or listing.room is None:
            continue
        share = listing.room.capacity // max(shows[date.show] for date in listing.dates)
        listing.total_capacity = max(share, *(date.sold for date in listing.dates))
        for ticket_type in listing.ticket_types:
            ticket_type.quantity = max(ticket_type.quantity, listing.total_capacity)
