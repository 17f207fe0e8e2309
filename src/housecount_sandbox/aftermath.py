"""What becomes of an order in a season: most are left alone, a few are given back, voided or walked in with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from housecount_sandbox.eventbrite.model import Order as EventbriteOrder
    from housecount_sandbox.humanitix.model import Order as HumanitixOrder
    from housecount_sandbox.world import World


def _later(random: Random, bought: datetime, until: datetime) -> datetime:
    """A moment after the purchase and before the show, or before today."""
    room = max((until - bought) / timedelta(seconds=1), 1.0)
    return bought + timedelta(seconds=1 + int(random.random() * room))


def afterwards_eventbrite(world: World, random: Random, order: EventbriteOrder, until: datetime) -> None:
    """About 4 in 100 orders are refunded, in part or whole, or voided."""
    roll = random.random()
    if roll >= 0.04:
        return
    shop = world.eventbrite
    world.stage.pretend = _later(random, order.created, until)
    admissions = [each for each in order.attendees if each.ticket_class.category == "admission"]
    paid = [each for each in admissions if each.costs.base]
    if roll < 0.017:
        shop.refund(order)
    elif roll < 0.026:
        shop.refund(order, admissions[:1])
    elif roll < 0.031 and paid:
        shop.refund_part(order, paid[0].costs.base // 3, paid[0])
    else:
        shop.cancel(order, admissions[:1])


def afterwards_humanitix(world: World, random: Random, order: HumanitixOrder, until: datetime) -> None:
    """About 4 in 100 orders are refunded, with or without voiding, voided without refund, or swapped."""
    roll = random.random()
    if roll >= 0.042:
        return
    shop = world.humanitix
    world.stage.pretend = _later(random, order.completed, until)
    # A cancelled donation ticket is shown with zeroes, and then nobody can tell what was for admission.
    admissions = [each for each in order.tickets if not each.ticket_type.is_donation]
    if len(admissions) < len(order.tickets) and roll < 0.03:
        admissions = admissions[: len(admissions) - 1]
        if not admissions:
            return
    if roll < 0.012:
        shop.refund(order, admissions)
    elif roll < 0.02:
        shop.refund(order, admissions[:1])
    elif roll < 0.025:
        shop.refund(order, admissions, void=False)
    elif roll < 0.03 and admissions[0].paid > 300:
        shop.refund(order, admissions[:1], amount=admissions[0].paid // 3, void=False)
    elif roll < 0.04:
        shop.cancel(order, admissions[:1])
    else:
        shop.swap(admissions[0])
