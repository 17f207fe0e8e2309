"""Humanitix's records as neutral ones: every status, fee mode, refund form and oddity that is known."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.counting import Category, Figures, Validity, count_order, count_ticket, total
from housecount.core.money import NotMoney
from housecount.platforms.base.errors import RecordRejected
from housecount.platforms.base.records import Event, Order, Ticket
from housecount.platforms.humanitix import mapping, wire
from housecount.platforms.humanitix.source import Humanitix
from housecount.platforms.reading import read_one
from tests.platforms import humanitix_examples as hx
from tests.platforms.mutations import mutated

SOURCE = Humanitix()


def order(sent: hx.Json, currency: str = "AUD") -> Order:
    def made(data: bytes) -> Order:
        read = wire.order.decode(data)
        read.event_currency = currency
        return mapping.order_record(read, hx.EVENT_ID)

    return read_one(json.dumps(sent).encode(), made)


def ticket(sent: hx.Json) -> Ticket:
    return read_one(
        json.dumps(sent).encode(), lambda data: mapping.ticket_record(wire.ticket.decode(data), hx.EVENT_ID)
    )


def event(sent: hx.Json, region: str = "") -> Event:
    return read_one(
        json.dumps(sent).encode(), lambda data: mapping.event_record(wire.event.decode(data), region)
    )


def figures(sent: hx.Json, *tickets: hx.Json) -> Figures:
    facts = [ticket(one).facts for one in tickets]
    whole = order(sent).facts
    return total([count_order(whole, facts), *(count_ticket(fact, whole) for fact in facts)])


# --- Money ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("200", "AUD", 20000),
        ("200.5", "AUD", 20050),
        ("12.50", "AUD", 1250),
        ("124.93", "AUD", 12493),
        ("1200", "JPY", 1200),
        ("59.99999999999999", "AUD", 6000),
        ("0.30000000000000004", "AUD", 30),
        ("1E-30", "AUD", 0),
    ],
)
def test_amounts_in_major_units_are_exact(amount: str, currency: str, expected: int) -> None:
    assert mapping.minor(Decimal(amount), currency) == expected


@pytest.mark.parametrize("amount", ["0.005", "12.345", "1E+30", "NaN", "sNaN", "-Infinity", "12.3401"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(NotMoney):
        mapping.minor(Decimal(amount), "AUD")


def test_fees_passed_on_are_never_taken_off() -> None:
    sent = hx.order(hx.totals(60, passedOnFee=4.98))
    assert figures(sent, hx.ticket(1), hx.ticket(2)) == Figures(
        orders=1, sold=2, gross=6000, passed_on_fees=498
    )
    assert order(sent).notices == ()


def test_fees_absorbed_are_taken_off_net_only() -> None:
    counted = figures(hx.order(hx.totals(60, absorbedFee=4.98)), hx.ticket(1), hx.ticket(2))
    assert counted == Figures(orders=1, sold=2, gross=6000, absorbed_fees=498)
    assert counted.net == 5502


def test_fees_split() -> None:
    facts = order(hx.order(hx.totals(60, passedOnFee=2.5, absorbedFee=2.48))).facts
    assert (facts.passed_on_fees, facts.absorbed_fees) == (250, 248)


def test_old_rows_that_do_not_tell_what_was_absorbed() -> None:
    old = hx.totals(60, passedOnFee=2, absorbedFee=2.98)
    del old["absorbedFee"]
    assert order(hx.order(old)).facts.absorbed_fees == 298
    older = hx.totals(60, passedOnFee=4.98)
    del older["passedOnFee"], older["absorbedFee"]
    facts = order(hx.order(older)).facts
    assert (facts.passed_on_fees, facts.absorbed_fees) == (498, 0)


def test_amex_is_the_buyers_and_other_surcharges_too() -> None:
    assert order(hx.order(hx.totals(60, passedOnFee=4, amexFee=1.17))).facts.passed_on_fees == 517
    more = hx.totals(60, passedOnFee=4, amexFee=1.17, bookingFee=6.17)
    assert order(hx.order(more)).facts.passed_on_fees == 617


def test_rebates_are_added_to_net() -> None:
    counted = figures(hx.order(hx.totals(60, passedOnFee=4.98, rebates=1)), hx.ticket(1))
    assert (counted.gross, counted.rebates, counted.net) == (6000, 100, 6100)


def test_discounts_with_cents() -> None:
    sent = hx.order(
        hx.totals(60, discounts=12.5),
        discounts={"discountCode": {"code": "HALFTIME", "discountAmount": 12.50}},
    )
    assert figures(sent, hx.ticket(1, discount=12.5, netPrice=17.5)) == Figures(
        orders=1, sold=1, gross=4750, discounts=1250
    )


def test_taxes_on_tickets_are_told_and_those_on_fees_are_not_ours() -> None:
    assert order(hx.order(hx.totals(60, taxes=5.45, totalTaxes=5.9))).facts.tax == 545


def test_a_donation_to_the_host_is_an_extra_and_no_sale() -> None:
    sent = hx.order(hx.totals(30, clientDonation=10, netClientDonation=7, total=37))
    assert figures(sent, hx.ticket(1)) == Figures(orders=1, sold=1, gross=3000, extras=700)
    without = hx.totals(30, clientDonation=10, total=37)
    del without["netClientDonation"]
    assert order(hx.order(without)).facts.extras == 1000


def test_identities_that_break_are_noticed_and_the_order_is_kept() -> None:
    broken = order(hx.order(hx.totals(60, netSales=1, total=2)))
    assert len(broken.notices) == 2
    assert broken.facts.gross == 6000


# --- Refunds, cancellations -------------------------------------------------------------------------------
def test_the_recorded_refund_with_a_cancelled_ticket() -> None:
    sent = hx.order(hx.totals(60, refunds=30, passedOnFee=4.98), financialStatus="partiallyRefunded")
    assert figures(sent, hx.ticket(1), hx.cancelled(2)) == Figures(
        orders=1, sold=1, cancelled=1, gross=3000, refunds=3000, passed_on_fees=498
    )


def test_refunded_in_full_and_not_cancelled_are_comps() -> None:
    sent = hx.order(hx.totals(60, refunds=60), financialStatus="refunded")
    assert figures(sent, hx.ticket(1), hx.ticket(2)) == Figures(orders=1, comps=2, refunds=6000)


def test_refunded_in_full_and_cancelled() -> None:
    sent = hx.order(hx.totals(60, refunds=60), financialStatus="refunded")
    assert figures(sent, hx.cancelled(1), hx.cancelled(2)) == Figures(orders=1, cancelled=2, refunds=6000)


def test_nothing_left_is_nothing_paid_whatever_the_financial_status_says() -> None:
    sent = hx.order(hx.totals(60, refunds=60), financialStatus="partiallyRefunded")
    assert figures(sent, hx.ticket(1), hx.ticket(2)) == Figures(orders=1, comps=2, refunds=6000)


def test_refunded_in_part_and_not_cancelled_stays_sold() -> None:
    sent = hx.order(hx.totals(60, refunds=10), financialStatus="partiallyRefunded")
    assert figures(sent, hx.ticket(1), hx.ticket(2)) == Figures(orders=1, sold=2, gross=5000, refunds=1000)


@pytest.mark.parametrize("price", [0, 30])
def test_cancelled_without_a_refund_keeps_its_money_whatever_price_it_shows(price: int) -> None:
    gone = hx.ticket(2, price, status="cancelled", cancelledAt="2026-03-04T01:00:00.000Z")
    assert figures(hx.order(), hx.ticket(1), gone) == Figures(orders=1, sold=1, cancelled=1, gross=6000)


def test_called_refunded_with_money_left_is_noticed() -> None:
    made = order(hx.order(hx.totals(60, refunds=40), financialStatus="refunded"))
    assert made.facts.nothing_paid
    assert made.notices == ("It is called refunded and money of it is left.",)


# --- Comps, manual orders, channels -----------------------------------------------------------------------
def test_a_free_order_is_comps() -> None:
    sent = hx.order(hx.totals(0), financialStatus="free", feesIncluded=False)
    assert figures(sent, hx.ticket(1, 0), hx.ticket(2, 0)) == Figures(orders=1, comps=2)


def test_a_free_ticket_beside_a_paid_one_is_a_comp() -> None:
    assert figures(hx.order(hx.totals(30)), hx.ticket(1), hx.ticket(2, 0)) == Figures(
        orders=1, sold=1, comps=1, gross=3000
    )


def test_a_ticket_discounted_to_nothing_is_a_comp() -> None:
    sent = hx.order(hx.totals(60, discounts=30))
    free = hx.ticket(2, 30, discount=30, netPrice=0, total=0)
    assert figures(sent, hx.ticket(1), free) == Figures(orders=1, sold=1, comps=1, gross=3000, discounts=3000)


def test_a_ticket_whose_price_the_absorbed_fee_eats_up_was_still_paid_for() -> None:
    cheap = hx.ticket(1, 1, netPrice=0, absorbedFee=1)
    assert figures(hx.order(hx.totals(1, absorbedFee=1)), cheap).sold == 1


def test_without_a_net_price_the_price_less_the_discount_says_whether_it_was_paid() -> None:
    sparse = {key: value for key, value in hx.ticket(1, 30, discount=30).items() if key != "netPrice"}
    assert not ticket(sparse).facts.paid
    assert ticket(sparse | {"discount": 29.99}).facts.paid


@pytest.mark.parametrize(
    ("channel", "kind", "gateway"),
    [
        ("manual", "cash", "manual"),
        ("boxOffice", "cheque", "tillTerminal"),
        ("swap", None, None),
        ("carrier", "x", "y"),
    ],
)
def test_values_that_only_live_accounts_show_are_kept(
    channel: str, kind: str | None, gateway: str | None
) -> None:
    made = order(hx.order(salesChannel=channel, paymentType=kind, paymentGateway=gateway, manualOrder=True))
    assert (made.channel, made.facts.gross, made.notices) == (channel, 6000, ())


def test_a_complimentary_order_with_a_price_is_noticed() -> None:
    assert "complimentary" in order(hx.order(paymentType="complimentary", manualOrder=True)).notices[0]
    assert order(hx.order(hx.totals(0), financialStatus="free", paymentType="complimentary")).notices == ()


@pytest.mark.parametrize("status", ["pending", "", "😀", None])
def test_an_unknown_status_is_not_counted_and_noticed(status: str | None) -> None:
    assert figures(hx.order(status=status), hx.ticket(1)) == Figures()
    assert "unknown to us" in order(hx.order(status=status)).notices[0]


def test_an_unknown_financial_status_is_noticed_and_counted() -> None:
    made = order(hx.order(financialStatus="disputed"))
    assert made.facts.gross == 6000
    assert made.notices == ('Its financial status "disputed" is unknown to us.',)


# --- Packages, donations, swaps ---------------------------------------------------------------------------
def test_the_tickets_of_a_package_are_tickets_and_its_price_is_never_summed() -> None:
    shares = (124.92, 124.92, 125.23, 124.93)
    table = [
        hx.ticket(number, share, packageId="p", packageGroupId="g", packageName="Table", packagePrice=500)
        for number, share in enumerate(shares, 1)
    ]
    assert figures(hx.order(hx.totals(500)), *table) == Figures(orders=1, sold=4, gross=50000)
    assert [made.name for made in event(hx.event()).ticket_types] == ["General Admission", "Gift"]


GIFT = {"isDonation": True, "ticketTypeId": hx.DONATION}


def test_a_donation_ticket_is_no_seat_and_its_money_no_gross() -> None:
    assert figures(hx.order(hx.totals(50)), hx.ticket(1), hx.ticket(2, 20, **GIFT)) == Figures(
        orders=1, sold=1, gross=3000, extras=2000
    )


def test_a_donation_in_an_order_refunded_in_full_is_no_extra_although_its_ticket_stands() -> None:
    sent = hx.order(hx.totals(50, refunds=50), financialStatus="refunded")
    assert figures(sent, hx.ticket(1), hx.ticket(2, 20, **GIFT)) == Figures(orders=1, comps=1, refunds=5000)


def test_a_donation_ticket_alone_is_no_order_of_the_show() -> None:
    assert figures(hx.order(hx.totals(20)), hx.ticket(2, 20, **GIFT)) == Figures(extras=2000)


def test_a_donation_whose_fee_was_absorbed_counts_whole() -> None:
    gift = hx.ticket(2, 20, netPrice=19, absorbedFee=1, **GIFT)
    assert figures(hx.order(hx.totals(20, absorbedFee=1)), gift).extras == 2000


V2 = {"subTotal": {"beforeTax": 20, "tax": 0, "afterTax": 20}, "discount": 0, "payout": 20}


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, 0),  # rewritten to 0 and nothing else told: given back
        ({"totalsV2": {**V2, "refunds": 20}}, 0),
        ({"totalsV2": {**V2, "refunds": 5}}, 1500),
        ({"totalsV2": {**V2, "refunds": 0}}, 2000),
        ({"totalsV2": {"payout": 20}}, 0),
        ({"price": 20, "netPrice": 20}, 2000),
    ],
)
def test_every_form_of_a_cancelled_donation(changes: hx.Json, kept: int) -> None:
    assert ticket(hx.cancelled(1, **GIFT) | changes).facts.in_order == kept


def test_the_old_ticket_of_a_swap_does_not_admit_whatever_its_status() -> None:
    swap = {"id": "65f1000000000000000000b9", "swappedAt": "2026-03-04T01:00:00.000Z", "userId": "u"}
    assert ticket(hx.ticket(1, swappedTo=swap)).facts.validity is Validity.CANCELLED
    assert ticket(hx.ticket(1, swappedFrom=swap, salesChannel="swap")).facts.validity is Validity.VALID


@pytest.mark.parametrize(
    ("changes", "validity"),
    [
        ({"status": "cancelled"}, Validity.CANCELLED),
        ({"status": "complete", "cancelledAt": "2026-03-04T01:00:00Z"}, Validity.CANCELLED),
        ({"status": "transferred"}, Validity.VALID),
        ({"status": None}, Validity.VALID),
    ],
)
def test_every_status_of_a_ticket(changes: hx.Json, validity: Validity) -> None:
    assert ticket(hx.ticket(1, **changes)).facts.validity is validity


# --- Records ----------------------------------------------------------------------------------------------
def test_times_and_ids_of_an_order() -> None:
    made = order(hx.order())
    assert made.placed_at == datetime(2026, 3, 1, 8, 5, 10, tzinfo=UTC)
    assert made.changed_at == datetime(2026, 3, 4, 1, 0, 0, 142_000, tzinfo=UTC)
    assert (made.external_id, made.event_id, made.session_id) == (hx.ORDER_ID, hx.EVENT_ID, hx.DATE_ID)
    assert made.tickets is None
    sparse = hx.order()
    del sparse["completedAt"], sparse["updatedAt"], sparse["eventId"], sparse["eventDateId"], sparse["email"]
    made = order(sparse)
    assert made.placed_at == made.changed_at == datetime(2026, 3, 1, 8, 4, 0, 40_000, tzinfo=UTC)
    assert (made.event_id, made.session_id, made.buyer_key) == (hx.EVENT_ID, "", "")


def test_nothing_personal_and_no_secret_is_kept() -> None:
    made = order(hx.order())
    assert made.buyer_key == "alex@example.com"
    for raw in (made.raw, ticket(hx.ticket(1)).raw, event(hx.event()).raw):
        for private in (
            b"Alex",
            b"example",
            b"0400000000",
            b"SESAME",
            b"peanuts",
            b"QRSECRET",
            b"front",
            b"AB12CD34",
        ):
            assert private not in raw


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"_id": "a/b"}, "no usable id"),
        ({"totals": {"subtotal": 1}}, "lack the subtotal"),
        ({"totals": None}, "unknown shape"),
        ({"totals": hx.totals(-5)}, "below zero"),
        ({"totals": hx.totals(1e15)}, "too large|not an amount"),
        ({"totals": hx.totals(60, total=0.001)}, "more decimals"),
        ({"purchaseTotals": {"subtotal": 1e300}}, "not an amount"),
        ({"currency": "dollars"}, "not a currency"),
        ({"currency": "NZD"}, "in NZD, its event in AUD"),
        ({"createdAt": None, "completedAt": None, "updatedAt": None}, "no usable time"),
        ({"updatedAt": "later"}, "unknown shape"),
        ({"eventDateId": "../x"}, "no usable date id"),
    ],
)
def test_an_order_that_cannot_be_read_says_why(changes: hx.Json, reason: str) -> None:
    with pytest.raises(RecordRejected, match=reason):
        order(hx.order(**changes))


def test_an_unknown_currency_of_an_event_is_no_reason_to_refuse() -> None:
    assert order(hx.order(currency="GBP"), currency="").currency == "GBP"


# --- Events -----------------------------------------------------------------------------------------------
def test_an_event_has_a_listing_for_each_date() -> None:
    made = event(
        hx.event(
            dates=[
                hx.date(),
                hx.date(hx.OTHER_DATE, startDate="2026-11-28T08:30:00.000Z", disabled=True),
                hx.date("65f1000000000000000000d3", deleted=True),
            ]
        ),
        "NZ",
    )
    assert [(one.session_id, one.state, one.deleted) for one in made.listings] == [
        (hx.DATE_ID, "published", False),
        (hx.OTHER_DATE, "disabled", False),
        ("65f1000000000000000000d3", "deleted", True),
    ]
    first = made.listings[0]
    assert first.starts_at == datetime(2026, 11, 27, 8, 30, 0, 724_000, tzinfo=UTC)
    assert (first.timezone, first.venue_name, first.venue_city) == (
        "Australia/Melbourne",
        "The Velvet Room",
        "Melbourne",
    )
    assert made.region == first.region == "NZ"
    # Of a capacity for the whole event nothing follows for one of its dates.
    assert first.capacity is None


def test_the_capacity_of_an_events_only_date_is_the_events() -> None:
    gone = hx.date(hx.OTHER_DATE, deleted=True)
    assert event(hx.event(dates=[hx.date(), gone])).listings[0].capacity == 120
    assert event(hx.event(totalCapacity=0)).listings[0].capacity is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"published": False, "public": False}, "draft"),
        ({"suspendSales": True}, "suspended"),
        ({"markedAsSoldOut": True}, "sold out"),
    ],
)
def test_every_state_of_an_event(changes: hx.Json, state: str) -> None:
    assert event(hx.event(**changes)).listings[0].state == state


@pytest.mark.parametrize("dates", [[], None])
def test_an_event_without_dates_is_one_listing(dates: list[Any] | None) -> None:
    (listing,) = event(hx.event(dates=dates)).listings
    assert (listing.session_id, listing.starts_at.minute) == ("", 30)


def test_old_rows_without_url_city_or_country() -> None:
    sparse = hx.event(eventLocation={"type": "toBeAnnounced", "latLng": []})
    del sparse["url"]
    (listing,) = event(sparse).listings
    assert (listing.url, listing.venue_name) == ("https://events.humanitix.com/friday-night-laughs", "")


def test_ticket_types_deleted_disabled_and_pay_what_you_want() -> None:
    types = [
        {"_id": "c1", "name": "Old", "deleted": True, "price": 20},
        {"_id": "c2", "name": "PWYW", "price": 0, "priceRange": {"enabled": True, "min": 5}},
        {"_id": "c3", "name": "Options", "priceOptions": {"enabled": True, "options": [{"value": "12.5"}]}},
        {"_id": "c4", "name": "Absurd", "price": 1e300, "quantity": -4},
        {"name": "No id"},
    ]
    made = event(hx.event(ticketTypes=types)).ticket_types
    assert [(one.name, one.price, one.quantity, one.deleted) for one in made] == [
        ("Old", 2000, None, True),
        ("PWYW", 0, None, False),
        ("Options", None, None, False),
        ("Absurd", None, None, False),
    ]
    assert {one.category for one in event(hx.event()).ticket_types} == {Category.ADMISSION, Category.DONATION}


@pytest.mark.parametrize("changes", [{"_id": ""}, {"currency": None}, {"dates": [{"_id": "x"}]}, {"name": 5}])
def test_an_event_that_cannot_be_read_says_why(changes: hx.Json) -> None:
    with pytest.raises(RecordRejected):
        event(hx.event(**changes))


# --- Raw records ------------------------------------------------------------------------------------------
ORDERS = [
    hx.order(hx.totals(60, refunds=30, passedOnFee=4.98, amexFee=1.1), financialStatus="partiallyRefunded"),
    hx.order(hx.totals(60, absorbedFee=0.3, clientDonation=5), status="strange", manualOrder=True),
]
TICKETS = [
    hx.ticket(1),
    hx.cancelled(2, **GIFT, totalsV2={**V2, "refunds": 0}),
    hx.ticket(3, packageId="p", packageGroupId="g", swappedTo={"id": "x"}),
]
EVENTS = [hx.event(), hx.event(dates=[hx.date(), hx.date(hx.OTHER_DATE, deleted=True)])]


def sorted_everywhere(value: object) -> bool:
    if isinstance(value, dict):
        return list(value) == sorted(value) and all(map(sorted_everywhere, value.values()))
    return all(map(sorted_everywhere, value)) if isinstance(value, list) else True


def check_restores(made: Order | Ticket | Event, kind: str) -> None:
    expected = msgspec.structs.replace(made, buyer_key="") if isinstance(made, Order) else made
    assert SOURCE.restore(kind, made.raw) == expected
    assert sorted_everywhere(json.loads(made.raw))


def test_every_record_is_restored_from_its_raw_record_alone() -> None:
    for sent in ORDERS:
        check_restores(order(sent), "order")
    for sent in TICKETS:
        check_restores(ticket(sent), "ticket")
    for sent in EVENTS:
        check_restores(event(sent, "NZ"), "event")
    with pytest.raises(ValueError, match="no raw party"):
        SOURCE.restore("party", b"{}")


@given(data=st.data())
def test_no_mutation_raises_anything_but_a_rejection(data: st.DataObject) -> None:
    read, kind, examples = data.draw(
        st.sampled_from([(order, "order", ORDERS), (ticket, "ticket", TICKETS), (event, "event", EVENTS)])
    )
    sent = data.draw(mutated(data.draw(st.sampled_from(examples))))
    try:
        made = read(sent)
    except RecordRejected:
        return
    check_restores(made, kind)
