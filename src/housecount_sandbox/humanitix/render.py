"""Humanitix's JSON, made from the model: dollars as numbers, and no key for what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from housecount_sandbox.amounts import humanitix_number as number
from housecount_sandbox.amounts import major_text, proportion
from housecount_sandbox.clock import millis_text
from housecount_sandbox.humanitix.shop import reservation_end

if TYPE_CHECKING:
    from housecount_sandbox.humanitix.model import Account, Event, EventDate, Order, Tag, Ticket, TicketType

_ZERO = number(0)
_NO_FEATURES = dict.fromkeys(
    (
        "accessibleParking",
        "auslan",
        "captions",
        "companionCard",
        "elevator",
        "guideDogs",
        "hearingLoop",
        "quietSpace",
        "ramp",
        "stepFree",
        "wheelchair",
    ),
    False,
)


def tag(item: Tag, account: Account) -> dict[str, Any]:
    return {
        "_id": item.id,
        "name": item.name,
        "userId": account.user_id,
        "location": account.home,
        "createdAt": millis_text(item.created),
        "updatedAt": millis_text(item.created),
    }


def event(item: Event) -> dict[str, Any]:
    """A listing. `old_style` ones lack what rows of years ago lack."""
    starts = min((date.start for date in item.dates), default=item.created)
    ends = max((date.end for date in item.dates), default=item.created)
    prices = [each.price for each in item.ticket_types if not (each.deleted or each.is_donation)]
    data: dict[str, Any] = {
        "_id": item.id,
        "userId": item.account.user_id,
        "organiserId": item.account.organiser_id,
        "name": item.name,
        "slug": item.slug,
        "description": f"<p>{item.name}</p>",
        "currency": item.currency,
        "timezone": item.timezone,
        # Junk milliseconds, as seen.
        "startDate": millis_text(starts.replace(microsecond=724_000)),
        "endDate": millis_text(ends),
        "dates": [_date(each) for each in item.dates],
        "public": item.published,
        "published": item.published,
        "suspendSales": item.suspend_sales,
        "markedAsSoldOut": item.sold_out,
        "totalCapacity": item.total_capacity,
        "ticketTypes": [_ticket_type(each) for each in item.ticket_types],
        "packagedTickets": [
            {
                "_id": each.id,
                "name": each.name,
                "price": number(each.price),
                "quantity": each.quantity,
                "disabled": each.disabled,
                "deleted": each.deleted,
                "tickets": [
                    {"ticketTypeId": kind.id, "quantity": each.shown or count}
                    for kind, count in each.contents
                ],
            }
            for each in item.packages
        ],
        "pricing": {
            "minimumPrice": number(min(prices, default=0)),
            "maximumPrice": number(max(prices, default=0)),
        },
        "eventLocation": _place(item),
        "additionalQuestions": [],
        "paymentOptions": {} if item.old_style else {"refundSettings": {"refundPolicy": "7days"}},
        "classification": {
            "type": "concertOrPerformance",
            "category": "performingAndVisualArts",
            "subcategory": "comedy",
        },
        "tagIds": item.tag_ids,
        "keywords": [],
        "artists": [],
        "affiliateCodes": [],
        "location": item.location,
        "createdAt": millis_text(item.created),
        "updatedAt": millis_text(item.updated),
    }
    if item.published:
        data["publishedAt"] = millis_text(item.created)
    if item.old_style:
        del data["classification"]
        data["category"] = "comedy"
    else:
        data["url"] = f"https://events.humanitix.com/{item.slug}"
        data["accessibility"] = {"features": _NO_FEATURES}
    return data


def _date(item: EventDate) -> dict[str, Any]:
    data: dict[str, Any] = {
        "_id": item.id,
        "startDate": millis_text(item.start),
        "endDate": millis_text(item.end),
    }
    if item.disabled:
        data["disabled"] = True
    if item.deleted:
        data["deleted"] = True
    return data


def _place(item: Event) -> dict[str, Any]:
    room = item.room
    if room is None:
        return {"type": "toBeAnnounced"}
    address = f"{room.address}, {room.city} {room.region} {room.postal_code}"
    data = {"type": "address", "venueName": room.name, "address": address, "latLng": []}
    if not item.old_style:
        data |= {"city": room.city, "region": room.region, "country": room.country}
    return data


def _ticket_type(item: TicketType) -> dict[str, Any]:
    data: dict[str, Any] = {
        "_id": item.id,
        "name": item.name,
        "price": number(item.price),
        "quantity": item.quantity,
        "description": "",
        "disabled": item.disabled,
        "deleted": item.deleted,
        "isDonation": item.is_donation,
    }
    if item.price_range is not None:
        bounds = {"enabled": True}
        low, high = item.price_range
        data["priceRange"] = (
            bounds
            | ({} if low is None else {"min": number(low)})
            | ({} if high is None else {"max": number(high)})
        )
    if item.price_options is not None:
        data["priceOptions"] = {
            "enabled": True,
            "options": [{"value": major_text("AUD", value)} for value in item.price_options],
        }
    if item.hidden:
        data["hiddenOptions"] = {"hidden": True, "when": "always", "ticketIds": []}
    return data


def totals(item: Order, *, at_purchase: bool) -> dict[str, msgspec.Raw | bool]:
    """`purchaseTotals`, or `totals` as they are now. The known identities between the fields hold to the cent."""
    subtotal = discounts = passed_on = absorbed = taxes = admissions = rebates = 0
    for ticket in item.bought():
        subtotal += ticket.price
        discounts += ticket.discount
        passed_on += ticket.fees.passed_on
        absorbed += ticket.fees.absorbed
        taxes += ticket.tax
        rebates += item.event.rebate if ticket.fees.passed_on else 0
        admissions += 0 if ticket.ticket_type.is_donation else ticket.paid
    refunds = gift_back = 0
    if not at_purchase:
        refunds = item.refunds + item.donation_ticket_refunds
        gift_back = item.client_donation_refunds
        taxes -= proportion(taxes, item.refunds, admissions)
    fee = passed_on + absorbed
    booking = fee + item.amex_fee
    booking_taxes = proportion(booking, item.event.tax_rate, 10_000 + item.event.tax_rate)
    on_top = passed_on + item.amex_fee
    return {
        "subtotal": number(subtotal),
        "discounts": number(discounts),
        "refunds": number(refunds),
        "humanitixFee": number(fee),
        "bookingFee": number(booking),
        "passedOnFee": number(passed_on),
        "absorbedFee": number(absorbed),
        "rebates": number(rebates),
        "amexFee": number(item.amex_fee),
        "zipFee": _ZERO,
        "bookingTaxes": number(booking_taxes),
        "taxes": number(taxes),
        "totalTaxes": number(taxes + booking_taxes),
        "passedOnTaxes": _ZERO,
        "clientDonation": number(item.client_donation),
        "netClientDonation": number(item.client_donation - gift_back),
        "donation": number(proportion(fee, 30, 100)),
        "dgrDonation": _ZERO,
        "giftCardCredit": _ZERO,
        "credit": _ZERO,
        "feesIncluded": item.manual and fee == 0,
        "netSales": number(subtotal - discounts - refunds - absorbed),
        "grossSales": number(subtotal + on_top),
        "total": number(subtotal - discounts + on_top + item.client_donation - refunds - gift_back),
    }


def _discounts(item: Order, amount: int) -> dict[str, Any]:
    if not amount:
        return {}
    if item.auto_discount:
        return {"autoDiscount": {"discountAmount": number(amount)}}
    return {"discountCode": {"code": item.discount_code or "", "discountAmount": number(amount)}}


def order(item: Order) -> dict[str, Any]:
    """An order: no lines, no ticket count; `status` is complete whatever happened."""
    buyer = item.buyer
    data: dict[str, Any] = {
        "_id": item.id,
        "orderName": item.name,
        "eventId": item.event.id,
        "eventDateId": item.date.id,
        "currency": item.event.currency,
        "location": item.event.location,
        "status": "complete",
        "financialStatus": item.financial_status,
        "salesChannel": item.sales_channel,
        "manualOrder": item.manual,
        "firstName": buyer.first_name,
        "lastName": buyer.last_name,
        "email": buyer.email,
        "organiserMailListOptIn": False,
        "tipFees": False,
        "purchaseTotals": totals(item, at_purchase=True),
        "totals": totals(item, at_purchase=False),
        "additionalFields": [],
        "incompleteAt": millis_text(reservation_end(item)),
        "completedAt": millis_text(item.completed),
        "createdAt": millis_text(item.created),
        "updatedAt": millis_text(item.updated),
    }
    if item.payment_type is not None:
        data["paymentType"] = item.payment_type
    if item.gateway is not None:
        data["paymentGateway"] = item.gateway
    discount = sum(ticket.discount for ticket in item.bought())
    if discount:
        data["discounts"] = _discounts(item, discount)
    if item.client_donation:
        data["clientDonation"] = number(item.client_donation)
    return data


def ticket(item: Ticket) -> dict[str, Any]:
    """A ticket. A cancelled one shows zeroes; its old value is then only in `totalsV2`, on some orders."""
    parent = item.order
    shown = item.valid or not item.zeroed
    price, discount, tax = (item.price, item.discount, item.tax) if shown else (0, 0, 0)
    passed_on, absorbed = item.fees if shown else (0, 0)
    net = price - discount - absorbed
    fee = passed_on + absorbed
    data: dict[str, Any] = {
        "_id": item.id,
        "orderId": parent.id,
        "orderName": parent.name,
        "number": item.number,
        "eventId": parent.event.id,
        "eventDateId": parent.date.id,
        "ticketTypeId": item.ticket_type.id,
        "ticketTypeName": item.ticket_type.name,
        "currency": parent.event.currency,
        "location": parent.event.location,
        "firstName": item.first_name,
        "lastName": item.last_name,
        "price": number(price),
        "discount": number(discount),
        "netPrice": number(net),
        "taxes": number(tax),
        "fee": number(fee),
        "passedOnFee": number(passed_on),
        "absorbedFee": number(absorbed),
        "dgrDonation": _ZERO,
        "total": number(net + fee),
        "status": "complete" if item.valid else "cancelled",
        "isDonation": item.ticket_type.is_donation,
        "salesChannel": item.sales_channel or parent.sales_channel,
        "checkInHistory": [],
        "additionalFields": [],
        "qrCodeData": {"_id": item.id, "eventId": parent.event.id},
        "createdAt": millis_text(item.created),
        "updatedAt": millis_text(item.updated),
    }
    if item.cancelled_at is not None:
        data["cancelledAt"] = millis_text(item.cancelled_at)
    if item.checked_in is not None:
        scan = {
            "checkedIn": True,
            "date": millis_text(item.checked_in),
            "userId": parent.event.account.user_id,
        }
        data["checkIn"] = scan
        data["checkInHistory"] = [scan]
    if item.package is not None:
        data["packageId"] = item.package.id
        data["packageName"] = item.package.name
        data["packageGroupId"] = item.package_group
        data["packagePrice"] = number(item.package.price)
    swap = {"swappedAt": millis_text(item.swapped_at or item.created), "userId": parent.event.account.user_id}
    if item.swapped_from is not None:
        data["swappedFrom"] = {"id": item.swapped_from, **swap}
    if item.swapped_to is not None:
        data["swappedTo"] = {"id": item.swapped_to, **swap}
    if discount:
        data["discounts"] = _discounts(parent, discount)
    if parent.has_totals_v2:
        data["totalsV2"] = _totals_v2(item)
    return data


def _totals_v2(item: Ticket) -> dict[str, Any]:
    """The undocumented second set: keeps a cancelled ticket's old value; `payout` ignores refunds."""
    net = item.paid - item.fees.absorbed
    return {
        "subTotal": {
            "beforeTax": number(item.price - item.tax),
            "tax": number(item.tax),
            "afterTax": number(item.price),
        },
        "discount": number(item.discount),
        "refunds": number(item.refund),
        "credit": {"store": 0, "giftCard": 0, "voucher": 0},
        "totalTaxes": number(item.tax),
        "netSales": number(net - item.refund),
        "grossSales": number(item.price + item.fees.passed_on),
        "total": number(item.paid + item.fees.passed_on - item.refund),
        "earnings": number(net - item.refund),
        "payout": number(net),
        "dgrDonation": 0,
    }
