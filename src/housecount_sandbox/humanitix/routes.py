"""Humanitix's answers: who asks, how often, in which region, and what for."""

from __future__ import annotations

import re
from collections import Counter, deque
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from housecount_sandbox.exchange import Answer, Question, Refusal, json_answer
from housecount_sandbox.humanitix import render as draw
from housecount_sandbox.humanitix.answers import check_query, page, refuse, since

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from housecount_sandbox.humanitix.model import Account, Event, Order, Ticket
    from housecount_sandbox.world import World

    Handler = Callable[["HumanitixApi", Account, Question, str, str], Any]

_KEY = re.compile(r"[0-9a-f]{64,128}", re.ASCII)
_PAGING = ("page", "pageSize")


class HumanitixApi:
    """Answers questions below `/v1`. One object per server; it keeps the calls of the last minute per key."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._minutes: dict[str, deque[datetime]] = {}
        self._last_call: datetime | None = None

    def respond(self, question: Question) -> Answer:
        """The platform's answer. Never raises for anything a client can send."""
        with self.world.stage.lock:
            try:
                answer = self._respond(question)
            except Refusal as refusal:
                answer = refusal.answer
            answer.delay += self._cold_start()
            return answer

    def _respond(self, question: Question) -> Answer:
        account = self._account(question)
        self._ration(account)
        for pattern, method, handler in _ROUTES:
            if method == question.method and (match := pattern.fullmatch(question.path)):
                groups = (*match.groups(), "", "")
                return json_answer(handler(self, account, question, groups[0], groups[1]))
        raise refuse(404, f"Route {question.method}:{question.path} not found")

    def _account(self, question: Question) -> Account:
        key = question.headers.get("x-api-key")
        if not key:
            raise refuse(403, "Missing api key.")
        if not _KEY.fullmatch(key):
            raise refuse(400, "Invalid api key format provided.")
        for account in self.world.humanitix.accounts:
            if account.key == key and not account.revoked:
                return account
        raise refuse(401, "Invalid API Key.")

    def _ration(self, account: Account) -> None:
        limits = self.world.limits
        now = self.world.stage.clock()
        calls = self._minutes.setdefault(account.key, deque())
        while calls and (now - calls[0]).total_seconds() >= 60:
            calls.popleft()
        if limits.humanitix_per_minute and len(calls) >= limits.humanitix_per_minute:
            refusal = refuse(429, "Rate limit exceeded.")
            if limits.humanitix_retry_after is not None:
                refusal.answer.headers["Retry-After"] = str(limits.humanitix_retry_after)
            raise refusal
        calls.append(now)

    def _cold_start(self) -> float:
        now, last = self.world.stage.clock(), self._last_call
        self._last_call = now
        limits = self.world.limits
        quiet = last is None or (now - last).total_seconds() > limits.humanitix_cold_after
        return limits.humanitix_cold_seconds if quiet else 0.0

    def page(
        self, question: Question, key: str, rows: Sequence[Any], render: Callable[[Any], Any]
    ) -> dict[str, Any]:
        """One page, refusing or lowering a size above 100 as the world's limits say."""
        refuses = self.world.limits.humanitix_refuses_large_pages
        return page(question, key, rows, render, refuses_large=refuses)


def _region(account: Account, question: Question) -> str:
    return question.query.get("overrideLocation", account.home)


def _own_event(api: HumanitixApi, account: Account, question: Question, identity: str) -> Event:
    """The account's event in the region that is read; anything else does not exist."""
    event = api.world.humanitix.events.get(identity)
    if event is None or event.account is not account or event.location != _region(account, question):
        raise refuse(404, f"Event with id: {identity} not found.")
    return event


def _events(api: HumanitixApi, account: Account, question: Question, _a: str, _b: str) -> Any:
    check_query(question, (*_PAGING, "inFutureOnly", "since", "overrideLocation"), ("page",))
    region = _region(account, question)
    rows = [event for event in account.events if event.location == region]
    after = since(question.query)
    if after is not None:
        rows = [event for event in rows if event.updated >= after]
    if question.query.get("inFutureOnly") == "true":
        now = api.world.stage.clock()
        rows = [event for event in rows if any(date.end > now for date in event.dates)]
    rows.sort(key=lambda event: event.created, reverse=True)
    return api.page(question, "events", rows, draw.event)


def _event(api: HumanitixApi, account: Account, question: Question, identity: str, _b: str) -> Any:
    check_query(question, ("overrideLocation",))
    return draw.event(_own_event(api, account, question, identity))


def _versions(event: Event, question: Question) -> list[Order]:
    """The event's orders, newest first, as of the revision the conditions ask for."""
    revision = question.conditions.revision
    date = question.query.get("eventDateId")
    found = (order.as_of(revision) for order in reversed(event.orders))
    return [order for order in found if order is not None and (date is None or order.date.id == date)]


def _orders(api: HumanitixApi, account: Account, question: Question, identity: str, _b: str) -> Any:
    check_query(question, (*_PAGING, "eventDateId", "since", "overrideLocation"), ("page",))
    event = _own_event(api, account, question, identity)
    after = since(question.query)

    def pick() -> list[Order]:
        rows = _versions(event, question)
        return rows if after is None else [order for order in rows if order.updated >= after]

    rows = api.world.stage.walks.rows(api.world.revision, question.walk(), pick)
    return api.page(question, "orders", rows, draw.order)


def _order(api: HumanitixApi, account: Account, question: Question, identity: str, order_id: str) -> Any:
    check_query(question, ("overrideLocation",))
    event = _own_event(api, account, question, identity)
    if not re.fullmatch(r"[0-9a-f]{24}", order_id):
        raise refuse(500, "Something went wrong.")
    current = api.world.humanitix.orders.get(order_id)
    found = current.as_of(question.conditions.revision) if current is not None else None
    if found is None or found.event is not event:
        raise refuse(404, f"Order with id: {order_id} not found.")
    return draw.order(found)


def _tickets(api: HumanitixApi, account: Account, question: Question, identity: str, _b: str) -> Any:
    allowed = (*_PAGING, "eventDateId", "status", "since", "overrideLocation")
    check_query(question, allowed, ("page",))
    event = _own_event(api, account, question, identity)
    status = question.query.get("status")
    after = since(question.query)

    def pick() -> list[Ticket]:
        rows = [ticket for order in _versions(event, question) for ticket in reversed(order.tickets)]
        if status is not None:
            rows = [ticket for ticket in rows if ticket.valid == (status == "complete")]
        if after is not None:
            rows = [ticket for ticket in rows if ticket.updated >= after]
        rows.sort(key=attrgetter("created"), reverse=True)
        return rows

    rows = api.world.stage.walks.rows(api.world.revision, question.walk(), pick)
    return api.page(question, "tickets", rows, draw.ticket)


def _own_ticket(
    api: HumanitixApi, account: Account, question: Question, identity: str, ticket_id: str
) -> Ticket:
    event = _own_event(api, account, question, identity)
    current = api.world.humanitix.tickets.get(ticket_id)
    if current is not None and current.order.event is event:
        version = current.order.as_of(question.conditions.revision)
        for ticket in version.tickets if version is not None else ():
            if ticket.id == ticket_id:
                return ticket
    raise refuse(404, f"Ticket with id: {ticket_id} not found.")


def _ticket(api: HumanitixApi, account: Account, question: Question, identity: str, ticket_id: str) -> Any:
    check_query(question, ("overrideLocation",))
    return draw.ticket(_own_ticket(api, account, question, identity, ticket_id))


def _scan(
    api: HumanitixApi, account: Account, question: Question, identity: str, ticket_id: str, *, entering: bool
) -> Any:
    check_query(question, ("overrideLocation",))
    ticket = _own_ticket(api, account, question, identity, ticket_id)
    if not ticket.valid:
        message = f"Ticket with id: {ticket_id} has invalid status: cancelled, must be status: completed."
        raise refuse(422, message)
    shop = api.world.humanitix
    if entering:
        shop.check_in(ticket)
    else:
        shop.check_out(ticket)
    header = "Checked in" if entering else "Checked out"
    return {"scanningMessages": [{"header": header, "message": f"<b>{header}</b>"}]}


def _check_in(api: HumanitixApi, account: Account, question: Question, identity: str, ticket_id: str) -> Any:
    return _scan(api, account, question, identity, ticket_id, entering=True)


def _check_out(api: HumanitixApi, account: Account, question: Question, identity: str, ticket_id: str) -> Any:
    return _scan(api, account, question, identity, ticket_id, entering=False)


def _check_in_count(api: HumanitixApi, account: Account, question: Question, identity: str, _b: str) -> Any:
    check_query(question, ("eventDateId",), ("eventDateId",))
    event = api.world.humanitix.events.get(identity)
    if event is None or event.account is not account:
        raise refuse(404, f"Event with id: {identity} not found.")
    date = question.query["eventDateId"]
    tickets = [
        each for order in event.orders if order.date.id == date for each in order.tickets if each.valid
    ]
    inside = Counter(each.ticket_type.id for each in tickets if each.checked_in is not None)
    types = {each.ticket_type.id: each.ticket_type.name for each in tickets}
    rows = sorted(types, key=lambda each: (-inside[each], each))
    return {
        "eventId": event.id,
        "eventDateId": date,
        "checkedIn": sum(inside.values()),
        "ticketTypes": [
            {"ticketTypeId": each, "ticketTypeName": types[each], "checkedIn": inside[each]} for each in rows
        ],
    }


def _tags(api: HumanitixApi, account: Account, question: Question, _a: str, _b: str) -> Any:
    check_query(question, _PAGING, ("page",))
    return api.page(question, "tags", account.tags[::-1], lambda each: draw.tag(each, account))


def _tag(_api: HumanitixApi, account: Account, question: Question, identity: str, _b: str) -> Any:
    check_query(question, ())
    for tag in account.tags:
        if tag.id == identity:
            return draw.tag(tag, account)
    raise refuse(404, f"Tag with id: {identity} not found.")


def _global_events(api: HumanitixApi, account: Account, question: Question, _a: str, _b: str) -> Any:
    allowed = (*_PAGING, "type", "category", "subcategory", "withArtistsOnly", "overrideLocation")
    check_query(question, allowed, ("page",))
    if "subcategory" in question.query and "category" not in question.query:
        raise refuse(400, "query should have property category when property subcategory is present")
    if not account.may_read_global:
        raise refuse(403, f"User: {account.user_id} does not have permission to read global events.")
    region = _region(account, question)
    events = api.world.humanitix.events.values()
    rows = [event for event in events if event.location == region and event.published]
    rows.sort(key=lambda event: event.created, reverse=True)
    return api.page(question, "events", rows, draw.event)


def _routes(*table: tuple[str, str, Handler]) -> list[tuple[re.Pattern[str], str, Handler]]:
    return [(re.compile("/v1" + pattern, re.ASCII), method, handler) for method, pattern, handler in table]


_ROUTES = _routes(
    ("GET", r"/events/([^/]+)/orders", _orders),
    ("GET", r"/events/([^/]+)/tickets", _tickets),
    ("GET", r"/events", _events),
    ("GET", r"/events/([^/]+)", _event),
    ("GET", r"/events/([^/]+)/orders/([^/]+)", _order),
    ("GET", r"/events/([^/]+)/tickets/([^/]+)", _ticket),
    ("POST", r"/events/([^/]+)/tickets/([^/]+)/check-in", _check_in),
    ("POST", r"/events/([^/]+)/tickets/([^/]+)/check-out", _check_out),
    ("GET", r"/events/([^/]+)/check-in-count", _check_in_count),
    ("GET", r"/tags", _tags),
    ("GET", r"/tags/([^/]+)", _tag),
    ("GET", r"/global/events", _global_events),
)
