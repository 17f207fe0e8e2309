"""Eventbrite's answers: who asks, how often, and what for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from housecount_sandbox.eventbrite import listings as draw
from housecount_sandbox.eventbrite import reports, sales
from housecount_sandbox.eventbrite.answers import (
    bad_argument,
    choice,
    names,
    not_authorized,
    not_found,
    page,
    refuse,
)
from housecount_sandbox.exchange import Answer, Question, Refusal, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from housecount_sandbox.eventbrite.model import Account, Event
    from housecount_sandbox.world import World

    Handler = Callable[["World", Account, Question, str, str], Any]

_STATUSES = ("draft", "live", "started", "ended", "completed", "canceled", "all")
_DEFAULT_ACTIONS = ["order.placed", "event.published", "event.unpublished"]


class EventbriteApi:
    """Answers questions below `/v3`. One object per server; it keeps the count of calls per token."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._hours: dict[str, tuple[datetime, int]] = {}

    def respond(self, question: Question) -> Answer:
        """The platform's answer. Never raises for anything a client can send."""
        with self._world.stage.lock:
            headers: dict[str, str] = {}
            try:
                answer = self._respond(question, headers)
            except Refusal as refusal:
                answer = refusal.answer
            answer.headers |= headers
            return answer

    def _respond(self, question: Question, headers: dict[str, str]) -> Answer:
        path = question.path.removeprefix("/v3")
        if not path.endswith("/"):
            moved = refuse(301, "PERMANENTLY_MOVED", "The URL you requested has moved.").answer
            query = urlencode({name: value for name, value in question.query.items() if name != "token"})
            moved.headers["Location"] = question.path + "/" + (f"?{query}" if query else "")
            return moved
        account = self._account(question, path)
        self._ration(account, headers)
        if question.method == "GET" and "json" in question.headers.get("content-type", ""):
            question.query = {}
        for pattern, handlers in _ROUTES:
            if match := pattern.fullmatch(path):
                handler = handlers.get(question.method)
                if handler is None:
                    raise refuse(405, "METHOD_NOT_ALLOWED", "Method not allowed")
                groups = (*match.groups(), "", "")
                found = handler(self._world, account, question, groups[0], groups[1])
                return found if isinstance(found, Answer) else json_answer(found)
        raise not_found("path")

    def _account(self, question: Question, path: str) -> Account:
        header = question.headers.get("authorization")
        if header is None:
            token = question.query.get("token", "")
            if not token:
                raise refuse(401, "NO_AUTH", "An OAuth token is required for all requests")
        else:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise refuse(400, "INVALID_AUTH_HEADER", "The Authorization header was malformed.")
        for account in self._world.eventbrite.accounts:
            if account.token == token and not account.revoked:
                return account
            if account.public_token == token:
                if path.startswith("/events/") and path.count("/") == 3:
                    return account
                raise not_authorized()
        status = self._world.limits.eventbrite_invalid_token_status
        raise refuse(status, "INVALID_AUTH", "The OAuth token you provided was invalid.")

    def _ration(self, account: Account, headers: dict[str, str]) -> None:
        """Count the call within its hour; the header tells the token itself, as the real one does."""
        now = self._world.stage.clock()
        limit = self._world.limits.eventbrite_per_hour
        begun, used = self._hours.get(account.token, (now, 0))
        if (now - begun).total_seconds() >= 3600:
            begun, used = now, 0
        left = 3600 - int((now - begun).total_seconds())
        over = bool(limit) and used >= limit
        used += not over
        self._hours[account.token] = (begun, used)
        told = f"{used}/{limit or 2_000} reset={left}s"
        headers["x-rate-limit"] = f"token:{account.token} {told}, key:{account.api_key} {told}"
        if over:
            raise refuse(429, "HIT_RATE_LIMIT", "Your application has hit its rate limit.")


def _own_organization(account: Account, organization: str) -> None:
    if organization not in (account.organization_id, account.user_id):
        raise not_authorized()


def _me(_world: World, account: Account, _question: Question, _a: str, _b: str) -> Any:
    return draw.user(account)


def _organizations(_world: World, account: Account, question: Question, _a: str, _b: str) -> Any:
    rows = [account] if account.lists_organization else []
    return page(question, "organizations", rows, draw.organization)


def _no_description(question: Question) -> bool:
    return "OMIT_DESCRIPTION_FROM_EVENT_CONTAINER" in question.headers.get("eb-api-switches-enabled", "")


def _event_row(world: World, question: Question) -> Callable[[Event], Any]:
    now, expand = world.stage.clock(), names(question, "expand")
    quiet = _no_description(question)
    return lambda event: draw.event(event, now, expand, no_description=quiet)


def _organization_events(
    world: World, account: Account, question: Question, organization: str, _b: str
) -> Any:
    _own_organization(account, organization)
    now = world.stage.clock()
    wanted = names(question, "status")
    for status in wanted:
        if status not in _STATUSES:
            raise bad_argument("status", status)
    rows = _series_filter(account.events, question)
    if not wanted:
        rows = [event for event in rows if event.end > now]
    elif "all" not in wanted:
        rows = [event for event in rows if event.status(now) in wanted]
    time_filter = choice(question, "time_filter", ("all", "past", "current_future"), "all")
    if time_filter != "all":
        rows = [event for event in rows if (event.end <= now) == (time_filter == "past")]
    rows = _plain_filters(rows, question)
    orders = [f"{field}_{way}" for field in ("start", "created", "name") for way in ("asc", "desc")]
    field, _, way = (choice(question, "order_by", orders, "start_asc") or "start_asc").partition("_")
    rows.sort(key=lambda event: (getattr(event, field), event.id), reverse=way == "desc")
    return page(question, "events", rows, _event_row(world, question), sized=True, opaque=True)


def _series_filter(events: list[Event], question: Question) -> list[Event]:
    kinds = ("children", "parents", "nonseries", "allseries", "allevents")
    wanted = choice(question, "series_filter", kinds)
    if wanted is None:
        show_parent = question.query.get("show_series_parent", "false").lower() == "true"
        if show_parent:
            return [event for event in events if event.series is None]
        return [event for event in events if event.children is None]
    keep: dict[str, Callable[[Event], bool]] = {
        "children": lambda event: event.series is not None,
        "parents": lambda event: event.children is not None,
        "nonseries": lambda event: event.series is None and event.children is None,
        "allseries": lambda event: event.series is not None or event.children is not None,
        "allevents": lambda event: True,  # noqa: ARG005 - one shape for all
    }
    return [event for event in events if keep[wanted](event)]


def _plain_filters(rows: list[Event], question: Question) -> list[Event]:
    if name := question.query.get("name_filter"):
        rows = [event for event in rows if name.lower() in event.name.lower()]
    if currency := question.query.get("currency_filter"):
        rows = [event for event in rows if event.currency == currency]
    if venue := question.query.get("venue_filter"):
        rows = [event for event in rows if event.venue is not None and event.venue.id in venue.split(",")]
    if wanted := names(question, "event_ids"):
        rows = [event for event in rows if event.id in wanted]
    if unwanted := names(question, "event_ids_to_exclude"):
        rows = [event for event in rows if event.id not in unwanted]
    return rows


def _public_event(world: World, account: Account, identity: str) -> Event:
    """Anyone's event that is not a draft: reading one proves no ownership."""
    event = world.eventbrite.events.get(identity)
    if event is None:
        raise not_found("event")
    if event.account is not account and event.state == "draft":
        raise not_authorized()
    return event


def _event(world: World, account: Account, question: Question, identity: str, _b: str) -> Any:
    return _event_row(world, question)(_public_event(world, account, identity))


def _description(world: World, account: Account, _question: Question, identity: str, _b: str) -> Any:
    return {"description": f"<div>{_public_event(world, account, identity).summary}</div>"}


def _events_batch(world: World, account: Account, question: Question, _a: str, _b: str) -> Any:
    wanted = names(question, "event_ids")
    if not wanted:
        raise bad_argument("event_ids", None)
    rows = [_public_event(world, account, identity) for identity in wanted]
    return page(question, "events", rows, _event_row(world, question), sized=True)


def _series(world: World, account: Account, question: Question, identity: str, _b: str) -> Any:
    event = _public_event(world, account, identity)
    if event.children is None:
        raise not_found("series")
    return _event_row(world, question)(event)


def _series_events(world: World, account: Account, question: Question, identity: str, _b: str) -> Any:
    parent = _public_event(world, account, identity)
    if parent.children is None:
        raise not_found("series")
    now = world.stage.clock()
    rows = sorted(parent.children, key=lambda event: event.start)
    time_filter = choice(question, "time_filter", ("all", "past", "current_future"), "all")
    if time_filter != "all":
        rows = [event for event in rows if (event.end <= now) == (time_filter == "past")]
    order = choice(question, "order_by", ("start_asc", "start_desc", "created_asc", "created_desc"))
    if order in ("start_desc", "created_desc"):
        rows.reverse()
    return page(question, "events", rows, _event_row(world, question))


def _venue(world: World, _account: Account, _question: Question, identity: str, _b: str) -> Any:
    venue = world.eventbrite.venues.get(identity)
    if venue is None:
        raise not_found("venue")
    return draw.venue(venue)


def _venues(_world: World, account: Account, question: Question, organization: str, _b: str) -> Any:
    _own_organization(account, organization)
    return page(question, "venues", account.venues, draw.venue)


def _webhooks(_world: World, account: Account, question: Question, organization: str, _b: str) -> Any:
    _own_organization(account, organization)
    return page(question, "webhooks", account.webhooks, lambda each: draw.webhook(account, each))


def _create_webhook(world: World, account: Account, question: Question, organization: str, _b: str) -> Any:
    _own_organization(account, organization)
    sent = sales.body(question)
    url, actions, event = sent.get("endpoint_url"), sent.get("actions", ""), sent.get("event_id")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise bad_argument("endpoint_url", url if isinstance(url, str) else None)
    if not isinstance(actions, str):
        raise bad_argument("actions", str(actions))
    wanted = [action.strip() for action in actions.split(",") if action.strip()]
    made = world.eventbrite.add_webhook(account, url, wanted or list(_DEFAULT_ACTIONS), event or None)
    return draw.webhook(account, made)


def _webhook(_world: World, account: Account, _question: Question, identity: str, _b: str) -> Any:
    for webhook in account.webhooks:
        if webhook.id == identity:
            return draw.webhook(account, webhook)
    raise not_found("webhook")


def _delete_webhook(_world: World, account: Account, _question: Question, identity: str, _b: str) -> Any:
    for webhook in account.webhooks:
        if webhook.id == identity:
            account.webhooks.remove(webhook)
            return {"id": identity, "success": True}
    raise not_found("webhook")


def _forbidden(_world: World, _account: Account, _question: Question, _a: str, _b: str) -> Any:
    raise not_authorized()


def _routes(*table: tuple[str, dict[str, Handler]]) -> list[tuple[re.Pattern[str], dict[str, Handler]]]:
    return [(re.compile(pattern, re.ASCII), handlers) for pattern, handlers in table]


_ROUTES = _routes(
    (r"/events/(\d+)/orders/", {"GET": sales.event_orders}),
    (r"/events/(\d+)/attendees/", {"GET": sales.event_attendees}),
    (r"/events/(\d+)/attendees/(\d+(?:-\d+)?)/", {"GET": sales.attendee}),
    (r"/orders/(\d+)/", {"GET": sales.order}),
    (r"/organizations/(\d+)/orders/", {"GET": sales.organization_orders}),
    (r"/organizations/(\d+)/attendees/", {"GET": sales.organization_attendees}),
    (r"/organizations/(\d+)/events/", {"GET": _organization_events}),
    (r"/events/(\d+)/", {"GET": _event}),
    (r"/events/(\d+)/description/", {"GET": _description}),
    (r"/events/", {"GET": _events_batch}),
    (r"/series/(\d+)/", {"GET": _series}),
    (r"/series/(\d+)/events/", {"GET": _series_events}),
    (r"/events/(\d+)/ticket_classes/", {"GET": sales.ticket_classes}),
    (r"/events/(\d+)/ticket_classes/for_sale/", {"GET": sales.ticket_classes_for_sale}),
    (r"/events/(\d+)/ticket_classes/(\d+)/", {"GET": sales.ticket_class}),
    (r"/events/(\d+)/capacity_tier/", {"GET": sales.capacity_tier}),
    (r"/events/(\d+)/inventory_tiers/", {"GET": sales.inventory_tiers}),
    (r"/users/me/", {"GET": _me}),
    (r"/users/me/organizations/", {"GET": _organizations}),
    (r"/venues/(\d+)/", {"GET": _venue}),
    (r"/organizations/(\d+)/venues/", {"GET": _venues}),
    (r"/organizations/(\d+)/discounts/", {"GET": reports.discounts}),
    (r"/organizations/(\d+)/reports/sales/", {"GET": reports.organization_sales}),
    (r"/organizations/(\d+)/reports/attendees/", {"GET": reports.organization_attendees}),
    (r"/reports/sales/", {"GET": reports.sales}),
    (r"/reports/attendees/", {"GET": reports.attendees}),
    (r"/organizations/(\d+)/webhooks/", {"GET": _webhooks, "POST": _create_webhook}),
    (r"/webhooks/(\d+)/", {"GET": _webhook, "DELETE": _delete_webhook}),
    # Gone, and refused rather than unknown.
    (r"/webhooks/", {"GET": _forbidden, "POST": _forbidden}),
    (r"/organizations/", {"GET": _forbidden}),
)
