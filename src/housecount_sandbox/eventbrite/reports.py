"""Eventbrite's reports (amounts as strings in major units) and discounts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from housecount_sandbox.amounts import major_text
from housecount_sandbox.eventbrite.answers import bad_argument, choice, names, not_authorized, page, refuse
from housecount_sandbox.eventbrite.sales import own_event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from housecount_sandbox.eventbrite.model import Account, Attendee, Event
    from housecount_sandbox.exchange import Question
    from housecount_sandbox.world import World

_FACETS = ("fifteen", "hour", "day", "event_day", "week", "month", "year", "none")


def _events(world: World, account: Account, question: Question) -> list[Event]:
    wanted = names(question, "event_ids")
    status = choice(question, "event_status", ("all", "live", "ended"))
    if not wanted and status is None:
        raise refuse(400, "ARGUMENTS_ERROR", "Please specify event_ids or event_status")
    if wanted:
        return [own_event(world, account, identity) for identity in wanted]
    now = world.stage.clock()
    events = [event for event in account.events if event.children is None]
    if status == "all":
        return events
    return [event for event in events if (event.end > now) == (status == "live")]


def _zone(question: Question) -> ZoneInfo:
    name = question.query.get("timezone", "Australia/Melbourne")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise bad_argument("timezone", name) from None


def _counted(events: Iterable[Event]) -> list[Attendee]:
    """Every ticket of a placed order that was not refunded, whatever its category."""
    return [
        ticket
        for event in events
        for order in event.orders
        if order.status == "placed"
        for ticket in order.attendees
        if not ticket.refunded
    ]


def _totals(currency: str, tickets: Iterable[Attendee]) -> dict[str, Any]:
    gross = net = quantity = 0
    for ticket in tickets:
        costs = ticket.costs
        gross += costs.gross
        net += costs.base + costs.tax
        quantity += 1
    return {
        "currency": currency,
        "gross": major_text(currency, gross),
        "net": major_text(currency, net),
        "quantity": quantity,
        "fees": major_text(currency, gross - net),
    }


def sales(world: World, account: Account, question: Question, _a: str, _b: str) -> Any:
    """Sales by date of purchase: `gross = net + fees`, net with the organizer's tax in it."""
    events = _events(world, account, question)
    currencies = {event.currency for event in events}
    if len(currencies) > 1:
        raise refuse(400, "CURRENCY_MISMATCH", "The events you requested do not share a currency.")
    currency = currencies.pop() if currencies else "AUD"
    facet = choice(question, "date_facet", _FACETS, "day") or "day"
    zone = _zone(question)
    tickets = _counted(events)
    groups: dict[datetime, list[Attendee]] = {}
    if facet != "none":
        for ticket in tickets:
            groups.setdefault(_bucket(ticket.created.astimezone(zone), facet), []).append(ticket)
    data = [
        {
            "date": f"{begin.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "date_localized": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "topics": [],
            "totals": _totals(currency, groups[begin]),
        }
        for begin in sorted(groups)
    ]
    return {
        "timezone": str(zone),
        "event_ids": [event.id for event in events],
        "data": data,
        "totals": _totals(currency, tickets),
    }


def _bucket(local: datetime, facet: str) -> datetime:
    if facet == "fifteen":
        return local.replace(minute=local.minute // 15 * 15, second=0, microsecond=0)
    if facet == "hour":
        return local.replace(minute=0, second=0, microsecond=0)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if facet == "month":
        return day.replace(day=1)
    if facet == "year":
        return day.replace(month=1, day=1)
    if facet == "week":
        return datetime.fromisocalendar(*day.isocalendar()[:2], 1).replace(tzinfo=local.tzinfo)
    return day


def attendees(world: World, account: Account, question: Question, _a: str, _b: str) -> Any:
    """How many tickets and orders there are."""
    events = _events(world, account, question)
    tickets = _counted(events)
    return {
        "timezone": str(_zone(question)),
        "event_ids": [event.id for event in events],
        "data": [],
        "totals": {"num_attendees": len(tickets), "num_orders": len({each.order.id for each in tickets})},
    }


def organization_sales(world: World, account: Account, question: Question, organization: str, _b: str) -> Any:
    """The same below the organization."""
    _own(account, organization)
    return sales(world, account, question, "", "")


def organization_attendees(
    world: World, account: Account, question: Question, organization: str, _b: str
) -> Any:
    """The same below the organization."""
    _own(account, organization)
    return attendees(world, account, question, "", "")


def discounts(world: World, account: Account, question: Question, organization: str, _b: str) -> Any:
    """The codes that were used; `scope` is required."""
    _own(account, organization)
    if "scope" not in question.query:
        raise bad_argument("scope", None)
    scope = choice(question, "scope", ("event", "multi_events", "user"))
    events: list[Event] = []
    if scope == "event":
        if "event_id" not in question.query:
            raise bad_argument("event_id", None)
        events = [own_event(world, account, question.query["event_id"])]
    used = Counter(
        (event.id, order.promo_code) for event in events for order in event.orders if order.promo_code
    )
    rows = [
        {
            "id": f"{event_id}{number:03d}",
            "code": code,
            "type": "coded",
            "event_id": event_id,
            "amount_off": None,
            "percent_off": None,
            "quantity_available": 0,
            "quantity_sold": count,
        }
        for number, ((event_id, code), count) in enumerate(sorted(used.items()))
    ]
    return page(question, "discounts", rows, lambda row: row, sized=True)


def _own(account: Account, organization: str) -> None:
    if organization not in (account.organization_id, account.user_id):
        raise not_authorized()
