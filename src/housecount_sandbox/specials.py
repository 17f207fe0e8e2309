"""Shows in which the special cases happen. The full season ends with them; the small one is made of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from housecount_sandbox import venues
from housecount_sandbox.special_orders import odd_eventbrite_orders, odd_humanitix_orders

if TYPE_CHECKING:
    from housecount_sandbox.world import World

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def build_specials(world: World, today: datetime) -> None:
    """All special shows, around `today` (aware, UTC)."""
    world.stage.pretend = today - 30 * DAY
    try:
        _everything_night(world, today)
        _daylight_saving_night(world, today)
        _cancelled_show(world, today)
        _deleted_dates(world, today)
        _free_shows(world, today)
        _sold_out(world, today)
        _abroad(world, today)
        _not_yet_public(world, today)
    finally:
        world.stage.pretend = None


def clock_change(today: datetime, timezone: str) -> datetime:
    """The midnight (UTC moment) that begins the night nearest `today` on which `timezone` changes its clocks."""
    zone = ZoneInfo(timezone)
    noon = today.astimezone(zone).replace(hour=12, minute=0, second=0, microsecond=0)
    for days in range(200):
        for step in (days, -days):
            before = noon + timedelta(days=step - 1)
            if before.utcoffset() != (before + DAY).utcoffset():
                return before.replace(hour=22).astimezone(today.tzinfo)
    raise ValueError(f"{timezone} never changes its clocks")


def _evening(today: datetime, days: int, hour: int, timezone: str, minute: int = 30) -> datetime:
    local = today.astimezone(ZoneInfo(timezone)) + timedelta(days=days)
    return local.replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(today.tzinfo)


def _everything_night(world: World, today: datetime) -> None:
    """One show on both platforms on which every odd order occurs; doors on one, curtain on the other."""
    room = venues.VELVET_ROOM
    curtain = _evening(today, 12, 21, room.timezone)
    show = "the everything night"
    shop = world.eventbrite
    event = shop.add_event(
        shop.accounts[0],
        "The Everything Night 🎤",
        curtain - timedelta(minutes=30),
        end=curtain + 3 * HOUR,
        room=room,
        show=show,
    )
    shop.add_ticket_class(event, "General Admission", 3500, capacity=240)
    shop.add_ticket_class(event, "Fees in the price", 4000, include_fee=True, tax_rate=1000)
    shop.add_ticket_class(event, "Guest list", 0, hidden=True)
    shop.add_ticket_class(event, "Souvenir mug", 1800, category="add_on")
    shop.add_ticket_class(event, "Tip the stage crew", 0, category="donation", capacity=None)
    odd_eventbrite_orders(world, event, today)

    twin = world.humanitix.add_event(
        world.humanitix.accounts[0],
        "Everything Night @ The Velvet Room",
        room=room,
        tax_rate=1000,
        rebate=40,
        total_capacity=240,
    )
    twin.tag_ids = [world.humanitix.add_tag(world.humanitix.accounts[0], "Specials").id]
    add = world.humanitix.add_ticket_type
    general = add(twin, "General Admission", 3550)
    concession = add(twin, "Concession", 2625)
    add(twin, "Pay what you want", 0, price_range=(None, None))
    add(twin, "Choose a price", 0, price_options=(1000, 2050))
    add(twin, "Buy the band a drink", 0, is_donation=True, price_range=(500, 10_000))
    add(twin, "Early Bird", 2800, disabled=True)
    add(twin, "Mistake", 1, deleted=True)
    add(twin, "Friends", 1500, hidden=True)
    world.humanitix.add_package(twin, "Table of Four", 12_499, [(general, 4)], shown=50)
    world.humanitix.add_package(twin, "Parent and child", 5000, [(general, 1), (concession, 1)])
    date = world.humanitix.add_date(twin, curtain, show=show)
    odd_humanitix_orders(world, twin, date, today)


def _daylight_saving_night(world: World, today: datetime) -> None:
    """A marathon across the night on which Melbourne changes its clocks, on both platforms."""
    room = venues.FIG_LANE
    starts = clock_change(today, room.timezone)
    sold = min(today, starts) - 3 * DAY
    shop = world.eventbrite
    event = shop.add_event(
        shop.accounts[0],
        "The Lost Hour Marathon",
        starts,
        end=starts + 6 * HOUR,
        room=room,
        created=sold - 20 * DAY,
        show="the lost hour",
    )
    ticket = shop.add_ticket_class(event, "All-nighter", 2500)
    listing = world.humanitix.add_event(
        world.humanitix.accounts[0],
        "Lost Hour Marathon",
        room=room,
        created=sold - 20 * DAY,
        fee_mode="split",
    )
    date = world.humanitix.add_date(listing, starts, end=starts + 6 * HOUR, show="the lost hour")
    ticket_type = world.humanitix.add_ticket_type(listing, "All-nighter", 2500)
    for number in range(8):
        at = sold + number * 3 * HOUR
        shop.buy(event, [(ticket, 1 + number % 3)], at=at)
        world.humanitix.buy(listing, date, [(ticket_type, 1 + number % 2)], at=at + HOUR)


def _cancelled_show(world: World, today: datetime) -> None:
    """Sold on both platforms, then called off: everyone refunded."""
    room = venues.LARKSPUR_HALL
    curtain = _evening(today, 5, 20, room.timezone)
    shop = world.eventbrite
    event = shop.add_event(
        shop.accounts[0], "Captain Biscuit Live", curtain, room=room, show="captain biscuit"
    )
    ticket = shop.add_ticket_class(event, "General Admission", 3900)
    listing = world.humanitix.add_event(world.humanitix.accounts[0], "CAPTAIN BISCUIT — Live!", room=room)
    date = world.humanitix.add_date(listing, curtain, show="captain biscuit")
    ticket_type = world.humanitix.add_ticket_type(listing, "General Admission", 3900)
    for number in range(6):
        at = today - (20 - number) * DAY
        shop.buy(event, [(ticket, 2)], at=at)
        world.humanitix.buy(listing, date, [(ticket_type, 2)], at=at + HOUR)
    world.stage.pretend = today - 4 * DAY
    shop.cancel_event(event)
    world.humanitix.cancel_event(listing)
    world.stage.pretend = today - 30 * DAY


def _deleted_dates(world: World, today: datetime) -> None:
    """Four dates: one plain, one disabled and one deleted that both have orders, one deleted without."""
    room = venues.FIG_LANE
    shop = world.humanitix
    event = shop.add_event(shop.accounts[0], "The Tuesday Trial 'n' Error", room=room, total_capacity=90)
    ticket_type = shop.add_ticket_type(event, "Entry", 1500)
    dates = [shop.add_date(event, _evening(today, days, 19, room.timezone)) for days in (-9, 3, 10, 17)]
    for number in range(12):
        shop.buy(event, dates[number % 3], [(ticket_type, 1 + number % 4)], at=today - (14 + number) * DAY)
    dates[1].disabled = True
    world.stage.pretend = today - 2 * DAY
    shop.delete_date(event, dates[2])
    shop.delete_date(event, dates[3])
    world.stage.pretend = today - 30 * DAY


def _free_shows(world: World, today: datetime) -> None:
    """Nobody pays: one title runs right to left, one is in the past."""
    room = venues.COPPER_TAP
    shop = world.eventbrite
    event = shop.add_event(
        shop.accounts[1],
        "ليلة الضحك العربية",
        _evening(today, 8, 19, room.timezone),
        room=room,
        show="free in arabic",
    )
    entry = shop.add_ticket_class(event, "دخول مجاني", 0)
    listing = world.humanitix.add_event(
        world.humanitix.accounts[0], "Free Comedy in the Park 🌳", old_style=True
    )
    date = world.humanitix.add_date(listing, _evening(today, -20, 14, "Australia/Melbourne"))
    free = world.humanitix.add_ticket_type(listing, "Free entry", 0, quantity=500)
    for number in range(10):
        order = shop.buy(event, [(entry, 1 + number % 3)], at=today - (9 - number % 9) * DAY)
        bought = world.humanitix.buy(listing, date, [(free, 2)], at=today - (40 - number) * DAY)
        world.stage.pretend = today - 20 * HOUR
        if number == 4:
            shop.refund(order)
            world.humanitix.cancel(bought, bought.tickets[:1])
        world.stage.pretend = today - 30 * DAY


def _sold_out(world: World, today: datetime) -> None:
    """A series of three dates, all sold out: orders live on the children, the parent sells nothing."""
    room = venues.FIG_LANE
    shop = world.eventbrite
    account = shop.accounts[0]
    starts = _evening(today, -2, 18, room.timezone)
    parent = shop.add_event(account, "Nadia Quill: Final Hour", starts, room=room, is_series=True)
    for number in range(3):
        event = shop.add_event(
            account, parent.name, starts + number * 2 * DAY, end=None, room=room, series=parent, capacity=20
        )
        ticket = shop.add_ticket_class(event, "General Admission", 4400, capacity=20, include_fee=True)
        for hour in range(5):
            shop.buy(event, [(ticket, 4)], at=today - 12 * DAY + (5 * number + hour) * HOUR, percent_off=0)


def _abroad(world: World, today: datetime) -> None:
    """A listing in another region and currency, and one in a currency the documents do not name."""
    shop = world.humanitix
    account = shop.accounts[0]
    for name, room, currency, location, tax in (
        ("Kia Ora Comedy Hui", venues.TUI_STREET, "NZD", "NZ", 1500),
        ("Gilded Ferret Previews", venues.GILDED_FERRET, "GBP", "AU", 2000),
    ):
        event = shop.add_event(
            account, name, room=room, currency=currency, location=location, tax_rate=tax, total_capacity=60
        )
        date = shop.add_date(event, _evening(today, 20, 19, room.timezone))
        ticket_type = shop.add_ticket_type(event, "General", 2250)
        for number in range(6):
            order = shop.buy(event, date, [(ticket_type, 1 + number)], at=today - (8 - number) * DAY)
        world.stage.pretend = today - DAY
        shop.refund(order, order.tickets[:2])
        world.stage.pretend = today - 30 * DAY


def _not_yet_public(world: World, today: datetime) -> None:
    """Drafts on both platforms: nothing sold, no room booked."""
    starts = today + 60 * DAY
    shop = world.eventbrite
    draft = shop.add_event(shop.accounts[1], "Untitled hour (working title)", starts, state="draft")
    shop.add_ticket_class(draft, "General Admission", 3000)
    listing = world.humanitix.add_event(
        world.humanitix.accounts[0], "Untitled hour (working title)", published=False
    )
    world.humanitix.add_date(listing, starts)
    world.humanitix.add_ticket_type(listing, "General Admission", 3000)
