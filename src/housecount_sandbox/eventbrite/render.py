"""Eventbrite's JSON of orders and attendees. Money comes encoded from a cache; nothing else is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from housecount_sandbox.amounts import eventbrite_money as money
from housecount_sandbox.amounts import major_text
from housecount_sandbox.eventbrite.listings import API

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from housecount_sandbox.eventbrite.model import Attendee, Costs, Order

_DISCOUNTED = "coded"
_encode = msgspec.json.encode
_cost_cache: dict[tuple[str, Costs], msgspec.Raw] = {}


def _costs(currency: str, costs: Costs) -> msgspec.Raw:
    key = (currency, costs)
    found = _cost_cache.get(key)
    if found is None:
        found = msgspec.Raw(
            _encode(
                {
                    "base_price": money(currency, costs.base),
                    "eventbrite_fee": money(currency, costs.fee),
                    "payment_fee": money(currency, costs.payment),
                    "tax": money(currency, costs.tax),
                    "gross": money(currency, costs.gross),
                }
            )
        )
        if len(_cost_cache) < 50_000:
            _cost_cache[key] = found
    return found


def attendee(item: Attendee, expand: Collection[str] = ()) -> dict[str, Any]:
    """One ticket. Its status follows from the flags."""
    order = item.order
    buyer = order.buyer
    if item.deleted:
        status = "Deleted"
    elif item.cancelled:
        status = "Not Attending"
    else:
        status = "Checked In" if item.checked_in else "Attending"
    barcode = "refunded" if item.refunded else "used" if item.checked_in else "unused"
    place = f"{API}events/{order.event.id}/attendees/{item.id}/"
    data: dict[str, Any] = {
        "id": item.id,
        "resource_uri": place,
        "order_id": order.id,
        "event_id": order.event.id,
        "ticket_class_id": item.ticket_class.id,
        "ticket_class_name": item.ticket_class.name,
        "variant_id": None,
        "quantity": 1,
        "created": item.created,
        "changed": item.changed,
        "status": status,
        "cancelled": item.cancelled or item.deleted,
        "refunded": item.refunded,
        "checked_in": item.checked_in,
        "costs": _costs(order.event.currency, item.costs),
        "profile": {
            "name": f"{buyer.first_name} {buyer.last_name}",
            "first_name": buyer.first_name,
            "last_name": buyer.last_name,
            "email": buyer.email,
            "addresses": {},
        },
        "barcodes": [
            {
                "barcode": f"{order.id}{item.id.partition('-')[0]}001",
                "status": barcode,
                "created": item.created,
                "changed": item.barcode_changed or item.changed,
                "checkin_type": 1 if item.checked_in else 0,
                "checkin_method": "scan",
                "is_printed": False,
            }
        ],
        "answers": [],
        "team": None,
        "affiliate": None,
        "guestlist_id": item.guestlist_id,
        "invited_by": None,
        "delivery_method": "electronic",
    }
    if "promotional_code" in expand and order.promo_code:
        data["promotional_code"] = promotional_code(order)
    if "order" in expand:
        data["order"] = order_data(order, ())
    return data


def promotional_code(order: Order) -> dict[str, Any]:
    """The code a buyer used; `amount_off` is a decimal string in major units."""
    return {
        "promotion_type": "discount",
        "code": order.promo_code,
        "amount_off": major_text(order.event.currency, order.discount),
    }


def order_data(order: Order, expand: Collection[str], *, reduced: bool = False) -> dict[str, Any]:
    """An order. `reduced`: only the five cost fields that the organization's list carries."""
    currency = order.event.currency
    base = fee = payment = tax = inside = listed = 0
    for ticket in order.attendees:
        one = ticket.costs
        base, fee, payment, tax = base + one.base, fee + one.fee, payment + one.payment, tax + one.tax
        listed += ticket.list_price
        if ticket.ticket_class.include_fee:
            inside += one.fee + one.payment
    costs: dict[str, Any] = {
        "base_price": money(currency, base),
        "eventbrite_fee": money(currency, fee),
        "payment_fee": money(currency, payment),
        "tax": money(currency, tax),
        "gross": money(currency, base + fee + payment + tax),
    }
    if not reduced:
        costs |= {
            "display_price": money(currency, base + inside),
            "display_fee": money(currency, fee + payment - inside),
            "display_tax": {"name": "GST", "tax": money(currency, tax)} if tax else money(currency, 0),
            "fee_components": [],
            "tax_components": [],
            "shipping_components": [],
            "has_gts_tax": tax > 0,
            "tax_name": "GST" if tax else None,
        }
        if order.discount:
            costs |= {
                "price_before_discount": money(currency, listed),
                "discount_amount": money(currency, order.discount),
                "discount_type": _DISCOUNTED,
            }
    buyer = order.buyer
    data: dict[str, Any] = {
        "id": order.id,
        "event_id": order.event.id,
        "resource_uri": f"{API}orders/{order.id}/",
        "created": order.created,
        "changed": order.changed,
        "name": f"{buyer.first_name} {buyer.last_name}",
        "first_name": buyer.first_name,
        "last_name": buyer.last_name,
        "email": buyer.email,
        "status": order.status,
        "time_remaining": None if order.status == "placed" else 0,
        "costs": costs,
    }
    if order.promo_code:
        data["promo_code"] = order.promo_code
    if "attendees" in expand:
        inner = [name.partition(".")[2] for name in expand if name.startswith("attendees.")]
        data["attendees"] = [attendee(each, inner) for each in order.attendees]
    if "refund_requests" in expand:
        data["refund_requests"] = [_refund_request(order, *each) for each in order.refund_requests]
    return data


def _refund_request(order: Order, amount: int, moment: datetime) -> dict[str, Any]:
    sum_back = money(order.event.currency, amount)
    return {
        "from_email": order.buyer.email,
        "from_name": f"{order.buyer.first_name} {order.buyer.last_name}",
        "status": "completed",
        "message": "",
        "reason": "no_longer_able_to_attend",
        "items": [
            {
                "event_id": order.event.id,
                "order_id": order.id,
                "processed_date": moment,
                "item_type": "attendee",
                "amount_requested": sum_back,
                "amount_processed": sum_back,
                "quantity_requested": 1,
                "quantity_processed": 1,
                "refund_reason_code": "no_longer_able_to_attend",
                "status": "processed",
            }
        ],
    }
