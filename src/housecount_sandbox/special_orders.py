"""One of each odd order: every way to pay, to give back, to void, that the platforms are known to have."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from housecount_sandbox.people import Buyer

if TYPE_CHECKING:
    from housecount_sandbox.eventbrite.model import Event as EventbriteEvent
    from housecount_sandbox.humanitix.model import Event as HumanitixEvent
    from housecount_sandbox.humanitix.model import EventDate
    from housecount_sandbox.world import World

_DAY = timedelta(days=1)
_HEBREW = Buyer("נועה", "צחקני", "noa@example.org")
_EMOJI = Buyer("Zoë 🎭", "O’Plenty", "zoe@example.org")


def odd_eventbrite_orders(world: World, event: EventbriteEvent, today: datetime) -> None:
    """`event` has five ticket classes: paid, paid with fees inside, free, add-on, donation."""
    shop = world.eventbrite
    paid, inside, free, mug, tip = event.ticket_classes
    at = iter([today - 20 * _DAY + timedelta(hours=7 * n) for n in range(40)])
    for size in (1, 2, 2, 4):
        shop.buy(event, [(paid, size)], at=next(at), dashed=size == 4)
        shop.buy(event, [(inside, size)], at=next(at))
    shop.buy(event, [(paid, 60)], at=next(at), buyer=_EMOJI, dashed=True)
    shop.buy(event, [(paid, 2)], at=next(at), percent_off=20, promo_code="LAUGH20", buyer=_HEBREW)
    shop.buy(event, [(inside, 2)], at=next(at), percent_off=50, promo_code="HALFTIME")
    shop.buy(event, [(paid, 2)], at=next(at), percent_off=100, promo_code="ONTHEHOUSE")
    shop.buy(event, [(free, 2)], at=next(at), guest=True)
    shop.buy(event, [(paid, 1), (mug, 2)], at=next(at))
    shop.buy(event, [(paid, 1), (tip, 1)], at=next(at), prices=[paid.price, 1000])
    shop.buy(event, [(tip, 1)], at=next(at), prices=[2500])
    shop.buy(event, [(mug, 1)], at=next(at))
    for status in ("started", "pending", "abandoned"):
        shop.buy(event, [(paid, 2)], at=next(at), status=status)
    whole, part, first, both, void, deleted, free_void, cup, seen = (
        shop.buy(event, lines, at=next(at))
        for lines in (
            [(paid, 2)],
            [(paid, 2)],
            [(inside, 3)],
            [(paid, 1), (inside, 1)],
            [(paid, 2)],
            [(paid, 2)],
            [(free, 1)],
            [(paid, 1), (mug, 1)],
            [(paid, 3)],
        )
    )
    world.stage.pretend = today - 5 * _DAY
    shop.refund(whole)
    shop.refund_part(part, 1200)
    shop.refund(first, first.attendees[:1])
    shop.refund(both, zero_costs=True)
    shop.cancel(void, void.attendees[:1])
    shop.cancel(deleted, deleted.attendees[1:], deleted=True)
    shop.refund(free_void)
    shop.refund(cup, cup.attendees[1:])
    shop.check_in(seen.attendees[0])
    world.stage.pretend = today - 30 * _DAY


def odd_humanitix_orders(world: World, event: HumanitixEvent, date: EventDate, today: datetime) -> None:
    """`event` has general, concession, pay-what-you-want, choose-a-price, donation types and two packages."""
    shop = world.humanitix
    general, concession, any_price, choice, drink = event.ticket_types[:5]
    table, pair = event.packages
    at = iter([today - 20 * _DAY + timedelta(hours=7 * n, milliseconds=171 * n) for n in range(60)])
    for size in (1, 2, 3, 4):
        shop.buy(event, date, [(general, size)], at=next(at))
        shop.buy(event, date, [(concession, size)], at=next(at), amex=size == 2)
    shop.buy(event, date, [(general, 60)], at=next(at), buyer=_EMOJI)
    shop.buy(event, date, [(general, 2)], at=next(at), percent_off=15, discount_code="CHUCKLE", buyer=_HEBREW)
    shop.buy(event, date, [(general, 2)], at=next(at), percent_off=10)
    shop.buy(event, date, [(general, 2)], at=next(at), percent_off=100, discount_code="PRESSPASS")
    shop.buy(event, date, [(any_price, 1), (choice, 1)], at=next(at), prices=[1234, 2050])
    shop.buy(event, date, [(any_price, 1)], at=next(at))
    shop.buy(event, date, [(table, 2)], at=next(at))
    shop.buy(event, date, [(pair, 1), (general, 1)], at=next(at))
    shop.buy(event, date, [(general, 1), (drink, 1)], at=next(at), prices=[general.price, 1500])
    shop.buy(event, date, [(drink, 1)], at=next(at), prices=[2000])
    shop.buy(event, date, [(general, 1)], at=next(at), client_donation=500)
    for payment in ("complimentary", "cash", "cheque", "voucher", "bankDeposit", "eftpos", "other"):
        free = payment == "complimentary"
        shop.buy(event, date, [(general, 2)], at=next(at), prices=[0] if free else None, payment_type=payment)
    shop.buy(event, date, [(general, 2)], at=next(at), channel="boxOffice", gateway="tillTerminal")
    shop.buy(event, date, [(general, 1)], at=next(at), gateway="afterpay")
    whole, kept_seat, one, some, void, shown, swapped, given, packed, seen = (
        shop.buy(event, date, lines, at=next(at), client_donation=gift, totals_v2=v2)
        for lines, gift, v2 in (
            ([(general, 2)], 0, True),
            ([(general, 2)], 0, False),
            ([(general, 3)], 0, True),
            ([(general, 2)], 0, False),
            ([(general, 2)], 0, True),
            ([(general, 2)], 0, False),
            ([(general, 2)], 0, True),
            ([(general, 1)], 1000, False),
            ([(table, 1)], 0, True),
            ([(concession, 2)], 0, False),
        )
    )
    world.stage.pretend = today - 5 * _DAY
    shop.refund(whole)
    shop.refund(kept_seat, void=False)
    shop.refund(one, one.tickets[:1])
    shop.refund(some, some.tickets[:1], amount=1000, void=False)
    shop.cancel(void, void.tickets[:1])
    shop.cancel(shown, shown.tickets[:1], zeroed=False)
    shop.swap(swapped.tickets[0], concession)
    shop.refund_client_donation(given)
    shop.refund(packed, packed.tickets[3:])
    shop.check_in(seen.tickets[0])
    world.stage.pretend = today - 30 * _DAY
