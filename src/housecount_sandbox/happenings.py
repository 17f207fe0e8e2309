"""What can be made to happen from outside, by name: the control API's verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from housecount_sandbox.clock import parse_moment
from housecount_sandbox.xero.happenings import VERBS

if TYPE_CHECKING:
    from collections.abc import Callable

    from housecount_sandbox.world import World


class BadHappening(ValueError):
    """Something that cannot happen: the message says why."""


def do(world: World, what: Any) -> dict[str, Any]:
    """Make `{"do": verb, ...}` happen; see the how-to page for the verbs. Returns the ids concerned."""
    if not isinstance(what, dict) or what.get("do") not in _VERBS:
        raise BadHappening(f"a happening is an object with do: one of {', '.join(sorted(_VERBS))}")
    with world.stage.lock:
        try:
            return {"do": what["do"], **_VERBS[what["do"]](world, what)}
        except LookupError as error:
            raise BadHappening(f"unknown or missing: {error.args[0]}") from None


def _event(world: World, what: dict[str, Any]) -> Any:
    identity = str(what["event"])
    return world.eventbrite.events.get(identity) or world.humanitix.events[identity]


def _order(world: World, what: dict[str, Any]) -> Any:
    identity = str(what["order"])
    return world.eventbrite.orders.get(identity) or world.humanitix.orders[identity]


def _tickets_of(order: Any) -> list[Any]:
    return list(order.attendees if hasattr(order, "attendees") else order.tickets)


def _chosen(order: Any, what: dict[str, Any]) -> list[Any] | None:
    """The named tickets, or None when none are named."""
    if "tickets" not in what:
        return None
    by_id = {ticket.id: ticket for ticket in _tickets_of(order)}
    return [by_id[identity] for identity in what["tickets"]]


def _date(event: Any, what: dict[str, Any]) -> Any:
    if "session" not in what:
        return None
    return {date.id: date for date in event.dates}[what["session"]]


def _buy(world: World, what: dict[str, Any], *, comp: bool = False) -> dict[str, Any]:
    order = world.buy(
        _event(world, what),
        int(what.get("quantity", 1)),
        ticket=what.get("ticket"),
        date=what.get("session"),
        percent_off=int(what.get("percent_off", 0)),
        comp=comp,
    )
    return {"order": order.id, "tickets": [ticket.id for ticket in _tickets_of(order)]}


def _comp(world: World, what: dict[str, Any]) -> dict[str, Any]:
    return _buy(world, what, comp=True)


def _refund(world: World, what: dict[str, Any]) -> dict[str, Any]:
    order = _order(world, what)
    if what.get("zero_costs") and hasattr(order, "attendees"):
        world.eventbrite.refund(order, _chosen(order, what), zero_costs=True)
    else:
        world.refund(order, _chosen(order, what), void=bool(what.get("void", True)))
    return {"order": order.id}


def _refund_part(world: World, what: dict[str, Any]) -> dict[str, Any]:
    order = _order(world, what)
    world.refund(order, _chosen(order, what), amount=int(what["amount"]))
    return {"order": order.id}


def _cancel(world: World, what: dict[str, Any]) -> dict[str, Any]:
    order = _order(world, what)
    world.cancel(order, _chosen(order, what))
    return {"order": order.id}


def _check_in(world: World, what: dict[str, Any]) -> dict[str, Any]:
    order = _order(world, what)
    for ticket in _chosen(order, what) or _tickets_of(order)[:1]:
        world.check_in(ticket)
    return {"order": order.id}


def _delete_order(world: World, what: dict[str, Any]) -> dict[str, Any]:
    order = _order(world, what)
    world.delete_order(order)
    return {"order": order.id}


def _delete_event(world: World, what: dict[str, Any]) -> dict[str, Any]:
    event = _event(world, what)
    world.delete_event(event, _date(event, what))
    return {"event": event.id}


def _cancel_event(world: World, what: dict[str, Any]) -> dict[str, Any]:
    event = _event(world, what)
    world.cancel_event(event)
    return {"event": event.id}


def _move(world: World, what: dict[str, Any]) -> dict[str, Any]:
    event = _event(world, what)
    world.move(event, parse_moment(str(what["start"])), _date(event, what))
    return {"event": event.id}


def _toggle_include_fee(world: World, what: dict[str, Any]) -> dict[str, Any]:
    event = world.eventbrite.events[str(what["event"])]
    wanted = what.get("ticket")
    found = [each for each in event.ticket_classes if wanted in (None, each.id, each.name)]
    world.toggle_include_fee(found[0])
    return {"ticket_class": found[0].id, "include_fee": found[0].include_fee}


def _add_event(world: World, what: dict[str, Any]) -> dict[str, Any]:
    name, start = str(what["name"]), parse_moment(str(what["start"]))
    tickets = [("General Admission", int(what.get("price", 2500)))]
    number, currency = int(what.get("account", 0)), str(what.get("currency", "AUD"))
    if what["platform"] == "eventbrite":
        event = world.add_eventbrite_event(name, start, tickets=tickets, account=number, currency=currency)
        return {"event": event.id, "session": None, "ticket": event.ticket_classes[0].id}
    if what["platform"] == "humanitix":
        listing = world.add_humanitix_event(name, start, tickets=tickets, account=number, currency=currency)
        return {"event": listing.id, "session": listing.dates[0].id, "ticket": listing.ticket_types[0].id}
    raise BadHappening(f"no such platform: {what['platform']!r}")


def _revoke(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """End (or with `revoked` false restore) an account's credential."""
    number, revoked = int(what.get("account", 0)), bool(what.get("revoked", True))
    platforms: dict[str, list[Any]] = {
        "eventbrite": list(world.eventbrite.accounts),
        "humanitix": list(world.humanitix.accounts),
    }
    account = platforms[what["platform"]][number]
    account.revoked = revoked
    return {"account": account.name, "revoked": revoked}


_VERBS: dict[str, Callable[[World, dict[str, Any]], dict[str, Any]]] = {
    **VERBS,
    "buy": _buy,
    "comp": _comp,
    "refund": _refund,
    "refund_part": _refund_part,
    "cancel": _cancel,
    "check_in": _check_in,
    "delete_order": _delete_order,
    "delete_event": _delete_event,
    "cancel_event": _cancel_event,
    "move": _move,
    "toggle_include_fee": _toggle_include_fee,
    "add_event": _add_event,
    "revoke": _revoke,
}
