"""Eventbrite's answers about what was sold: orders, attendees, ticket classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from housecount_sandbox.eventbrite import listings
from housecount_sandbox.eventbrite import render as draw
from housecount_sandbox.eventbrite.answers import (
    choice,
    moment,
    names,
    not_authorized,
    not_found,
    page,
    refuse,
)

Row = TypeVar("Row")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from housecount_sandbox.eventbrite.model import Account, Attendee, Event, Order
    from housecount_sandbox.exchange import Question
    from housecount_sandbox.world import World


def body(question: Question) -> dict[str, Any]:
    """The JSON object that was sent; refuses anything else."""
    try:
        return msgspec.json.decode(question.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise refuse(400, "INVALID_BODY", "The request body could not be parsed.") from None


def own_event(world: World, account: Account, identity: str) -> Event:
    """The account's event; somebody else's is 403, nobody's 404."""
    event = world.eventbrite.events.get(identity)
    if event is None:
        raise not_found("event")
    if event.account is not account:
        raise not_authorized()
    return event


def _versions(orders: Sequence[Order], question: Question) -> Sequence[Order]:
    """Newest first, as of the revision the conditions ask for."""
    revision = question.conditions.revision
    if revision is None:
        return orders[::-1]
    found = (order.as_of(revision) for order in reversed(orders))
    return [order for order in found if order is not None]


def _walk(world: World, question: Question, pick: Callable[[], Sequence[Row]]) -> Sequence[Row]:
    return world.stage.walks.rows(world.revision, question.walk(), pick)


def _filter_orders(orders: Sequence[Order], question: Question) -> Sequence[Order]:
    status = choice(question, "status", ("active", "inactive", "all_not_deleted"), "all_not_deleted")
    since = moment(question, "changed_since")
    rows = orders
    if status != "all_not_deleted":
        rows = [each for each in rows if any(one.valid for one in each.attendees) == (status == "active")]
    if since is not None:
        rows = [each for each in rows if each.changed >= since]
        if last := question.query.get("last_item_seen"):
            rows = [each for each in rows if last.isdecimal() and int(each.id) > int(last)]
    if only := names(question, "only_emails"):
        rows = [each for each in rows if each.buyer.email in only]
    if without := names(question, "exclude_emails"):
        rows = [each for each in rows if each.buyer.email not in without]
    return rows


def event_orders(world: World, account: Account, question: Question, identity: str, _b: str) -> Any:
    """An event's orders with all cost fields. `status=both` is refused, whatever the documents say."""
    event = own_event(world, account, identity)
    rows = _walk(world, question, lambda: _filter_orders(_versions(event.orders, question), question))
    expand = names(question, "expand")
    return page(question, "orders", rows, lambda order: draw.order_data(order, expand))


def organization_orders(
    world: World, account: Account, question: Question, organization: str, _b: str
) -> Any:
    """All of the organization's orders with the five cost fields only."""
    _own(account, organization)
    if question.query.get("status") == "both":
        question.query = {**question.query, "status": "all_not_deleted"}
    rows = _walk(world, question, lambda: _filter_orders(_versions(account.orders, question), question))
    time_filter = choice(question, "time_filter", ("all", "past", "current_future"), "all")
    if time_filter != "all":
        now = world.stage.clock()
        rows = [each for each in rows if (each.event.end <= now) == (time_filter == "past")]
    expand = names(question, "expand")
    return page(question, "orders", rows, lambda order: draw.order_data(order, expand, reduced=True))


def order(world: World, account: Account, question: Question, identity: str, _b: str) -> Any:
    """One order, all cost fields."""
    current = world.eventbrite.orders.get(identity)
    found = current.as_of(question.conditions.revision) if current is not None else None
    if found is None:
        raise not_found("order")
    if found.event.account is not account:
        raise not_authorized()
    if found.status == "abandoned":
        raise refuse(400, "ORDER_EXPIRED", "The order you requested has expired.")
    return draw.order_data(found, names(question, "expand"))


def _attendees(orders: Iterable[Order], question: Question) -> list[Attendee]:
    status = choice(question, "status", ("attending", "not_attending", "unpaid"))
    since = moment(question, "changed_since")
    placed = status != "unpaid"
    rows = [one for each in orders if (each.status == "placed") == placed for one in each.attendees]
    if status in ("attending", "not_attending"):
        rows = [one for one in rows if one.valid == (status == "attending")]
    if since is not None:
        rows = [one for one in rows if one.changed >= since]
    if wanted := names(question, "attendee_ids"):
        rows = [one for one in rows if one.id in wanted]
    return rows


def event_attendees(world: World, account: Account, question: Question, identity: str, _b: str) -> Any:
    """An event's tickets, refunded ones too unless a status is asked for."""
    event = own_event(world, account, identity)
    rows = _walk(world, question, lambda: _attendees(_versions(event.orders, question), question))
    expand = names(question, "expand")
    return page(question, "attendees", rows, lambda one: draw.attendee(one, expand))


def organization_attendees(
    world: World, account: Account, question: Question, organization: str, _b: str
) -> Any:
    """All of the organization's tickets."""
    _own(account, organization)
    rows = _walk(world, question, lambda: _attendees(_versions(account.orders, question), question))
    expand = names(question, "expand")
    return page(question, "attendees", rows, lambda one: draw.attendee(one, expand))


def attendee(world: World, account: Account, question: Question, event_id: str, identity: str) -> Any:
    """One ticket."""
    event = own_event(world, account, event_id)
    for each in _versions(event.orders, question):
        for one in each.attendees:
            if one.id == identity:
                return draw.attendee(one, names(question, "expand"))
    raise not_found("attendee_id")


def ticket_classes(world: World, account: Account, question: Question, identity: str, _b: str) -> Any:
    """An event's ticket classes: admissions only, unless another category is asked for."""
    event = own_event(world, account, identity)
    category = choice(question, "category", ("all", "admission", "add_on", "donation"), "admission")
    choice(question, "pos", ("online", "at_the_door"))
    rows = [each for each in event.ticket_classes if category in ("all", each.category)]
    now = world.stage.clock()
    return page(question, "ticket_classes", rows, lambda each: listings.ticket_class(each, now))


def ticket_classes_for_sale(
    world: World, account: Account, question: Question, identity: str, _b: str
) -> Any:
    """The classes a buyer could buy now; anyone may ask about a public event."""
    event = world.eventbrite.events.get(identity)
    if event is None or (event.account is not account and event.state == "draft"):
        raise not_found("event")
    now = world.stage.clock()
    rows = [each for each in event.ticket_classes if not each.hidden and now < event.start]
    return page(question, "ticket_classes", rows, lambda each: listings.ticket_class(each, now))


def ticket_class(world: World, account: Account, _question: Question, event_id: str, identity: str) -> Any:
    """One ticket class of any category."""
    event = own_event(world, account, event_id)
    for each in event.ticket_classes:
        if each.id == identity:
            return listings.ticket_class(each, world.stage.clock())
    raise not_found("ticket_class")


def capacity_tier(world: World, account: Account, _question: Question, identity: str, _b: str) -> Any:
    """How many seats there are and how many are gone."""
    event = own_event(world, account, identity)
    admissions = [each for each in event.ticket_classes if each.category == "admission"]
    total = event.capacity if event.capacity is not None else sum(each.capacity or 0 for each in admissions)
    return {
        "event_id": event.id,
        "capacity_total": total,
        "capacity_sold": sum(each.sold for each in admissions),
    }


def inventory_tiers(world: World, account: Account, question: Question, identity: str, _b: str) -> Any:
    """No event here is tiered."""
    own_event(world, account, identity)
    rows: list[dict[str, Any]] = []
    return page(question, "inventory_tiers", rows, lambda row: row)


def _own(account: Account, organization: str) -> None:
    if organization not in (account.organization_id, account.user_id):
        raise not_authorized()
