"""Eventbrite's JSON of accounts, listings and webhooks, made from the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from housecount_sandbox.amounts import eventbrite_money as money

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from housecount_sandbox.eventbrite.model import Account, Event, TicketClass, Venue, Webhook

API = "https://www.eventbriteapi.com/v3/"


def user(account: Account) -> dict[str, Any]:
    return {
        "id": account.user_id,
        "name": account.name,
        "first_name": account.name.split()[0],
        "last_name": account.name.split()[-1],
        "emails": [{"email": "office@laughingstock.example", "verified": True, "primary": True}],
        "is_public": False,
        "image_id": None,
    }


def organization(account: Account) -> dict[str, Any]:
    return {
        "_type": "organization",
        "id": account.organization_id,
        "name": account.name,
        "vertical": "default",
        "parent_id": None,
        "locale": "en_AU",
        "image_id": None,
        "created": "2019-02-11T03:04:05Z",
    }


def venue(place: Venue) -> dict[str, Any]:
    room = place.room
    return {
        "id": place.id,
        "name": room.name,
        "resource_uri": f"{API}venues/{place.id}/",
        "latitude": "-37.8136",
        "longitude": "144.9631",
        "age_restriction": None,
        "capacity": room.capacity,
        "address": {
            "address_1": room.address,
            "address_2": None,
            "city": room.city,
            "region": room.region,
            "postal_code": room.postal_code,
            "country": room.country,
            "latitude": "-37.8136",
            "longitude": "144.9631",
            "localized_address_display": f"{room.address}, {room.city}, {room.region} {room.postal_code}",
            "localized_area_display": f"{room.city}, {room.region}",
            "localized_multi_line_address_display": [room.address, f"{room.city} {room.postal_code}"],
        },
    }


def _when(moment: datetime, timezone: str) -> dict[str, str]:
    local = moment.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    return {"timezone": timezone, "utc": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "local": local.isoformat()}


def event(
    item: Event, now: datetime, expand: Collection[str], *, no_description: bool = False
) -> dict[str, Any]:
    """A listing, a series' child or its parent (whose `resource_uri` says series)."""
    is_parent = item.children is not None
    prices = [each.price for each in item.ticket_classes if each.category == "admission"]
    data: dict[str, Any] = {
        "id": item.id,
        "resource_uri": f"{API}{'series' if is_parent else 'events'}/{item.id}/",
        "name": {"text": item.name, "html": item.name},
        "description": None if no_description else {"text": item.summary, "html": f"<p>{item.summary}</p>"},
        "summary": item.summary,
        "url": f"https://www.eventbrite.com.au/e/{item.id}",
        "start": _when(item.start, item.timezone),
        "end": _when(item.end, item.timezone),
        "created": item.created,
        "changed": item.changed,
        "status": item.status(now),
        "currency": item.currency,
        "capacity": item.capacity if item.capacity is not None else _seats(item),
        "capacity_is_custom": item.capacity is not None,
        "organization_id": item.account.organization_id,
        "organizer_id": "7" + item.account.organization_id[1:],
        "venue_id": item.venue.id if item.venue else None,
        "logo_id": None,
        "logo": None,
        "category_id": "104",
        "subcategory_id": "4007",
        "format_id": "6",
        "is_series": item.series is not None or is_parent,
        "is_series_parent": is_parent,
        "inventory_type": "limited",
        "online_event": item.venue is None,
        "listed": True,
        "shareable": True,
        "invite_only": False,
        "is_free": bool(prices) and not any(prices),
        "is_locked": False,
        "is_reserved_seating": False,
        "show_remaining": False,
        "hide_start_date": False,
        "hide_end_date": False,
        "privacy_setting": "unlocked",
        "locale": "en_AU",
        "source": "coyote",
        "version": "3.7.0",
        "tx_time_limit": 1200,
    }
    if item.state != "draft":
        data["published"] = item.created
    if not is_parent:
        data["is_externally_ticketed"] = False
    if item.series is not None:
        data["series_id"] = item.series.id
    if "venue" in expand:
        data["venue"] = venue(item.venue) if item.venue else None
    if "ticket_classes" in expand:
        data["ticket_classes"] = [ticket_class(each, now) for each in item.ticket_classes]
    if "series_dates" in expand and item.children is not None:
        data["series_dates"] = [
            {"id": child.id, "start": _when(child.start, child.timezone)} for child in item.children
        ]
    if "ticket_availability" in expand and not is_parent:
        data["ticket_availability"] = _availability(item, now)
    if "event_sales_status" in expand and not is_parent:
        status = "sales_ended" if now >= item.start else "sold_out" if _is_sold_out(item) else "on_sale"
        data["event_sales_status"] = {
            "sales_status": status,
            "start_sales_date": None,
            "message": None,
            "message_type": None,
            "message_code": None,
        }
    return data


def _seats(item: Event) -> int | None:
    seats = [each.capacity for each in item.ticket_classes if each.category == "admission"]
    return sum(each or 0 for each in seats) if seats else None


def _is_sold_out(item: Event) -> bool:
    classes = [each for each in item.ticket_classes if each.category == "admission"]
    return bool(classes) and all(each.capacity is not None and each.sold >= each.capacity for each in classes)


def _availability(item: Event, now: datetime) -> dict[str, Any]:
    prices = [each.price for each in item.ticket_classes if each.category == "admission"]
    sold_out = _is_sold_out(item)
    return {
        "has_available_tickets": bool(prices) and not sold_out and now < item.start,
        "minimum_ticket_price": money(item.currency, min(prices)) if prices else None,
        "maximum_ticket_price": money(item.currency, max(prices)) if prices else None,
        "is_sold_out": sold_out,
        "start_sales_date": None,
        "waitlist_available": False,
    }


def ticket_class(item: TicketClass, now: datetime) -> dict[str, Any]:
    currency = item.event.currency
    free = item.price == 0 and item.category != "donation"
    priced = not free and item.category != "donation"
    costs = item.costs(item.price)
    sold_out = item.capacity is not None and item.sold >= item.capacity
    status = "UNAVAILABLE" if now >= item.event.start else "SOLD_OUT" if sold_out else "AVAILABLE"
    return {
        "id": item.id,
        "event_id": item.event.id,
        "resource_uri": f"{API}events/{item.event.id}/ticket_classes/{item.id}/",
        "name": item.name,
        "display_name": item.name,
        "description": None,
        "category": item.category,
        "free": free,
        "donation": item.category == "donation",
        "sorting": item.event.ticket_classes.index(item) + 1,
        "cost": money(currency, item.price) if priced else None,
        "fee": money(currency, 0 if item.include_fee else costs.fee + costs.payment) if priced else None,
        "tax": money(currency, 0 if item.include_fee else costs.tax) if priced else None,
        "actual_cost": money(currency, costs.base) if priced else None,
        "actual_fee": money(currency, costs.fee + costs.payment) if priced else None,
        "capacity": item.capacity,
        "quantity_total": item.capacity or 0,
        "quantity_sold": item.sold,
        "on_sale_status": "HIDDEN" if item.hidden else status,
        "sales_start": item.event.created,
        "sales_end": item.event.start,
        "sales_end_relative": None,
        "sales_start_after": None,
        "minimum_quantity": 1,
        "maximum_quantity": 10,
        "maximum_quantity_per_order": 10,
        "hidden": item.hidden,
        "hidden_currently": item.hidden,
        "include_fee": item.include_fee,
        "split_fee": False,
        "hide_description": True,
        "hide_sale_dates": False,
        "auto_hide": False,
        "has_pdf_ticket": True,
        "secondary_assignment_enabled": False,
        "sales_channels": ["online", "atd"],
        "delivery_methods": ["electronic"],
        "inventory_tier_id": None,
        "variants": [],
    }


def webhook(account: Account, item: Webhook) -> dict[str, Any]:
    return {
        "id": item.id,
        "resource_uri": f"{API}webhooks/{item.id}/",
        "endpoint_url": item.endpoint_url,
        "actions": item.actions,
        "user_id": account.organization_id,
        "created": item.created,
        "event_id": item.event_id,
    }
