"""Eventbrite's records as neutral ones: every status, fee mode, refund form and oddity that is known."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.counting import Category, Figures, Validity, count_order, count_ticket, total
from housecount.platforms.base.errors import RecordRejected
from housecount.platforms.base.records import Event, Order
from housecount.platforms.eventbrite import mapping, wire
from housecount.platforms.eventbrite.source import Eventbrite
from housecount.platforms.reading import read_one
from tests.platforms import eventbrite_examples as eb
from tests.platforms.mutations import mutated

SOURCE = Eventbrite()


def read(sent: eb.Json, types: Any = eb.TYPES) -> Order:
    def made(data: bytes) -> Order:
        order = wire.order.decode(data)
        mapping.enrich(order, types)
        return mapping.order_record(order)

    return read_one(json.dumps(sent).encode(), made)


def read_event(sent: eb.Json, more: Any = None) -> Event | None:
    return read_one(
        json.dumps(sent).encode(), lambda data: mapping.event_record(wire.event.decode(data), more)
    )


def the_event(sent: eb.Json, more: Any = None) -> Event:
    made = read_event(sent, more)
    assert made is not None
    return made


def figures(order: Order) -> Figures:
    tickets = [ticket.facts for ticket in order.tickets or ()]
    return total(
        [count_order(order.facts, tickets), *(count_ticket(ticket, order.facts) for ticket in tickets)]
    )


# --- Money ------------------------------------------------------------------------------------------------
def test_fees_passed_on_are_not_gross() -> None:
    order = read(eb.order(eb.attendee(1), eb.attendee(2)))
    assert figures(order) == Figures(orders=1, sold=2, gross=5000, passed_on_fees=762)
    assert order.notices == ()


def test_fees_absorbed_are_gross_and_taken_off_net() -> None:
    # Sold at 35.00: base 33.15, fee 1.85.
    order = read(eb.order(eb.attendee(1, eb.costs(3315, 185), eb.ABSORBING), cost=eb.costs(3315, 185)))
    counted = figures(order)
    assert counted == Figures(orders=1, sold=1, gross=3500, absorbed_fees=185)
    assert counted.net == 3315


def test_tax_is_inside_gross() -> None:
    # The recorded Canadian order: 40.00 + 3.98 + 1.16 + 5.86 = 51.00.
    cost = eb.costs(4000, 398, 116, 586)
    assert cost["gross"]["value"] == 5100
    order = read(eb.order(eb.attendee(1, cost), cost=cost))
    assert figures(order) == Figures(orders=1, sold=1, gross=4586, tax=586, passed_on_fees=514)


def test_a_currency_without_minor_units_stays_whole() -> None:
    yen = {name: eb.money(value, "JPY") for name, value in (("base_price", 3000), ("gross", 3000))}
    order = read(eb.order(eb.attendee(1, yen), cost=yen), {})
    assert (order.currency, figures(order).gross) == ("JPY", 3000)


def test_the_discount_is_the_orders_own() -> None:
    cost = eb.costs(2000, 0, discount_amount=eb.money(500), discount_type="coded")
    order = read(eb.order(eb.attendee(1, eb.costs(2000)), cost=cost))
    assert figures(order) == Figures(orders=1, sold=1, gross=2000, discounts=500)


def test_the_discount_is_derived_where_only_prices_are_told() -> None:
    cost = eb.costs(2000, display_price=eb.money(2000), price_before_discount=eb.money(2600))
    assert read(eb.order(eb.attendee(1, eb.costs(2000)), cost=cost)).facts.discounts == 600


def test_a_promo_code_and_components_of_fees_change_nothing() -> None:
    cost = eb.costs(
        2500, 254, 127, fee_components=[], tax_components=[], has_gts_tax=False, display_tax={"name": "GST"}
    )
    order = read(eb.order(eb.attendee(1), cost=cost, promo_code="HALFTIME"))
    assert figures(order) == Figures(orders=1, sold=1, gross=2500, passed_on_fees=381)


def test_a_comp_is_a_valid_admission_for_which_nothing_was_paid() -> None:
    order = read(eb.order(eb.attendee(1, eb.costs(0), guestlist_id="77"), cost=eb.costs(0)))
    assert figures(order) == Figures(orders=1, comps=1)


def test_missing_costs_are_nothing_and_the_currency_is_the_events() -> None:
    order = read(eb.order(eb.attendee(1, costs=None), costs=None))
    assert (order.currency, figures(order)) == ("AUD", Figures(orders=1, comps=1))
    nulls = dict.fromkeys(("base_price", "eventbrite_fee", "payment_fee", "tax", "gross"))
    assert figures(read(eb.order(eb.attendee(1, nulls), costs=nulls))) == Figures(orders=1, comps=1)


def test_a_base_price_that_is_missing_is_the_rest_of_gross() -> None:
    cost = {key: value for key, value in eb.costs(2500, 254, 127).items() if key != "base_price"}
    assert figures(read(eb.order(eb.attendee(1, cost)))).gross == 2500


def test_parts_that_do_not_add_up_are_noticed_and_kept() -> None:
    order = read(eb.order(eb.attendee(1, eb.costs(2500, 254, 127) | {"gross": eb.money(9999)})))
    assert order.notices == ("What a ticket cost is not the sum of its parts.",)
    assert figures(order).gross == 2500


# --- Refunds, cancellations -------------------------------------------------------------------------------
def test_a_refunded_ticket_leaves_sold_and_gross_although_its_costs_stay() -> None:
    gone = eb.attendee(
        2, status="Not Attending", cancelled=True, refunded=True, changed="2026-03-09T00:00:00Z"
    )
    order = read(eb.order(eb.attendee(1), gone))
    assert figures(order) == Figures(
        orders=1, sold=1, cancelled=1, gross=2500, refunds=2500, passed_on_fees=762
    )
    assert order.changed_at == datetime(2026, 3, 9, tzinfo=UTC)


def test_a_ticket_that_was_refunded_and_still_admits_is_a_comp() -> None:
    kept = eb.attendee(1, status="Attending", refunded=True)
    assert figures(read(eb.order(kept))) == Figures(orders=1, comps=1, refunds=2500, passed_on_fees=381)


def test_refunded_wins_over_cancelled() -> None:
    order = read(eb.order(eb.attendee(1, cancelled=True, refunded=True), eb.attendee(2, cancelled=True)))
    assert [ticket.facts.validity for ticket in order.tickets or ()] == [
        Validity.REFUNDED,
        Validity.CANCELLED,
    ]


def test_a_ticket_cancelled_without_a_refund_keeps_its_money() -> None:
    order = read(eb.order(eb.attendee(1, status="Not Attending", cancelled=True)))
    assert figures(order) == Figures(orders=1, cancelled=1, gross=2500, passed_on_fees=381)


def test_a_deleted_attendee_is_cancelled_and_not_attending_alone_is_not() -> None:
    order = read(eb.order(eb.attendee(1, status="Deleted"), eb.attendee(2, status="Not Attending")))
    assert [ticket.facts.validity for ticket in order.tickets or ()] == [Validity.CANCELLED, Validity.VALID]


def test_a_checked_in_ticket_is_valid_and_no_new_version() -> None:
    before, after = eb.attendee(1), eb.attendee(1, status="Attending", checked_in=True)
    assert read(eb.order(before)).raw == read(eb.order(after)).raw
    assert figures(read(eb.order(eb.attendee(1, status="Checked In", checked_in=True)))).sold == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("refunded", Figures(orders=1, cancelled=1, refunds=2500, passed_on_fees=381)),
        ("cancelled", Figures(orders=1, cancelled=1, gross=2500, passed_on_fees=381)),
        ("canceled", Figures(orders=1, cancelled=1, gross=2500, passed_on_fees=381)),
        ("deleted", Figures(orders=1, cancelled=1, gross=2500, passed_on_fees=381)),
        ("Placed", Figures(orders=1, sold=1, gross=2500, passed_on_fees=381)),
        ("started", Figures()),
        ("pending", Figures()),
        ("abandoned", Figures()),
        ("unpaid", Figures()),
        ("😀", Figures()),
        (None, Figures()),
    ],
)
def test_every_status_of_an_order(status: str | None, expected: Figures) -> None:
    order = read(eb.order(eb.attendee(1), status=status))
    assert figures(order) == expected
    expected_or_documented = {"placed", "started", "pending", "abandoned"}
    assert bool(order.notices) == ((status or "").casefold() not in expected_or_documented)


# --- Categories -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ticket_class", [eb.DONATION, eb.ADD_ON])
def test_donations_and_add_ons_are_extras(ticket_class: str) -> None:
    extra = eb.attendee(2, eb.costs(1500), ticket_class)
    order = read(eb.order(eb.attendee(1), extra))
    assert figures(order) == Figures(orders=1, sold=1, gross=2500, passed_on_fees=381, extras=1500)


def test_an_order_of_add_ons_alone_is_no_order_of_the_show() -> None:
    order = read(eb.order(eb.attendee(1, eb.costs(1500), eb.ADD_ON)))
    assert figures(order) == Figures(extras=1500)


@pytest.mark.parametrize("ticket_class", ["777", None])
def test_an_unknown_class_is_an_admission_and_noticed(ticket_class: str | None) -> None:
    order = read(eb.order(eb.attendee(1, ticket_class_id=ticket_class)))
    assert figures(order).sold == 1
    assert order.notices == ("A ticket's class is unknown to us: it is counted as an admission.",)


# --- Oddities ---------------------------------------------------------------------------------------------
def test_ids_with_a_dash_are_kept_and_a_line_sent_twice_counts_once() -> None:
    first, second = eb.attendee(1, id="690500907"), eb.attendee(1, id="690500907-1")
    order = read(eb.order(first, second, second))
    assert [ticket.external_id for ticket in order.tickets or ()] == ["690500907", "690500907-1"]


def test_numbers_as_ids_are_taken_as_text() -> None:
    order = read(eb.order(eb.attendee(1, id=17), id=4, event_id=int(eb.EVENT_ID)))
    assert (order.external_id, order.event_id, order.tickets and order.tickets[0].external_id) == (
        "4",
        eb.EVENT_ID,
        "17",
    )


def test_a_large_order_is_one_order() -> None:
    many = [eb.attendee(1, id=f"{number}") for number in range(10_000)]
    assert figures(read(eb.order(*many))) == Figures(
        orders=1, sold=10_000, gross=25_000_000, passed_on_fees=3_810_000
    )


def test_an_attendee_that_stands_for_several_is_noticed() -> None:
    assert "several tickets" in read(eb.order(eb.attendee(1, quantity=3))).notices[0]


def test_the_buyer_is_known_by_the_address_alone_and_not_kept() -> None:
    order = read(eb.order(eb.attendee(1)))
    assert order.buyer_key == "alex@example.com"
    assert read(eb.order(eb.attendee(1), email=None)).buyer_key == ""
    for private in (
        b"Alex",
        b"example.com",
        b"0400000000",
        b"Invented",
        b"peanuts",
        b"11100000001001",
        b"0001001",
    ):
        assert private not in order.raw
    assert "alex" not in repr(order).casefold()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"attendees": None}, "without its attendees"),
        ({"id": ""}, "no usable id"),
        ({"id": "a/../b"}, "no usable id"),
        ({"event_id": None}, "unknown shape"),
        ({"created": None, "changed": None, "attendees": []}, "no usable time"),
        ({"created": "yesterday"}, "unknown shape"),
        ({"created": "0001-01-01T00:00:00+14:00"}, "no usable time"),
        ({"costs": {"gross": eb.money(1), "discount_amount": eb.money(-5)}}, "below zero"),
        ({"attendees": [eb.attendee(1, eb.costs(10**15))]}, "too large"),
        ({"attendees": [eb.attendee(1, eb.costs(10**30))]}, "too large"),
        ({"attendees": [eb.attendee(1, eb.costs(-100))]}, "below zero"),
        ({"attendees": [eb.attendee(1, {"gross": eb.money(100, "USD")})]}, "another currency"),
        ({"attendees": [eb.attendee(1, {"gross": {"currency": "AUD", "value": 25.5}})]}, "unknown shape"),
        ({"attendees": [eb.attendee(1, id="no id")]}, "no usable id of a ticket"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(changes: eb.Json, reason: str) -> None:
    with pytest.raises(RecordRejected, match=reason):
        read(eb.order(**changes))


def test_a_record_without_any_currency_is_not_guessed() -> None:
    with pytest.raises(RecordRejected, match="currency is unknown"):
        read(eb.order(eb.attendee(1, costs=None), costs=None), {})


# --- Events -----------------------------------------------------------------------------------------------
def test_an_event_is_one_listing_in_its_own_zone() -> None:
    made = the_event(eb.event())
    (listing,) = made.listings
    assert (listing.event_id, listing.session_id, listing.title) == (eb.EVENT_ID, "", "Friday Night Laughs")
    assert listing.starts_at == datetime(2026, 11, 27, 8, 30, tzinfo=UTC)
    assert listing.ends_at == datetime(2026, 11, 27, 10, 30, tzinfo=UTC)
    assert (listing.timezone, listing.currency, listing.capacity) == ("Australia/Melbourne", "AUD", 120)
    assert (listing.venue_name, listing.venue_city, listing.venue_country) == (
        "The Velvet Room",
        "Melbourne",
        "AU",
    )
    assert (listing.state, listing.cancelled, listing.deleted) == ("live", False, False)
    assert made.changed_at == datetime(2026, 2, 5, tzinfo=UTC)


@pytest.mark.parametrize("status", ["draft", "live", "started", "ended", "completed", "new-word"])
def test_every_state_is_kept(status: str) -> None:
    listing = the_event(eb.event(status=status)).listings[0]
    assert (listing.state, listing.cancelled, listing.deleted) == (status, False, False)


def test_cancelled_and_deleted_events_say_so() -> None:
    assert the_event(eb.event(status="canceled")).listings[0].cancelled
    assert the_event(eb.event(status="deleted")).listings[0].deleted


def test_the_parent_of_a_series_sells_nothing_and_its_children_do() -> None:
    assert read_event(eb.event(is_series=True, is_series_parent=True)) is None
    assert read_event(eb.event(is_series=True, series_id="1")) is not None


def test_ticket_classes_of_every_category() -> None:
    types = {made.external_id: made for made in the_event(eb.event(ticket_classes=eb.CLASSES)).ticket_types}
    assert {key: made.category for key, made in types.items()} == {
        eb.ADMISSION: Category.ADMISSION,
        eb.ABSORBING: Category.ADMISSION,
        eb.DONATION: Category.DONATION,
        eb.ADD_ON: Category.ADD_ON,
    }
    assert [types[key].absorbs_fees for key in (eb.ADMISSION, eb.ABSORBING)] == [False, True]
    assert (types[eb.ADMISSION].price, types[eb.ADMISSION].quantity) == (2500, 120)
    assert (types[eb.DONATION].price, types[eb.DONATION].quantity) == (None, None)


def test_a_free_class_costs_nothing_and_an_unknown_category_is_an_admission() -> None:
    classes = [eb.ticket_class(free=True, cost=None, category="backstage")]
    (made,) = the_event(eb.event(ticket_classes=classes)).ticket_types
    assert (made.price, made.category) == (0, Category.ADMISSION)


def test_a_class_that_cannot_be_read_does_not_cost_the_event() -> None:
    classes = [
        {"name": "no id"},
        eb.ticket_class(id="no id"),
        eb.ticket_class(quantity_total="x"),
        *eb.CLASSES[:1],
    ]
    assert [made.external_id for made in the_event(eb.event(ticket_classes=classes)).ticket_types] == [
        eb.ADMISSION
    ]


def test_types_the_event_leaves_out_are_kept_and_make_no_new_version_when_they_are_named() -> None:
    whole = the_event(eb.event(ticket_classes=eb.CLASSES))
    known = {made.external_id: made for made in whole.ticket_types}
    assert the_event(eb.event(), known) == whole


def test_what_sells_without_any_news_is_no_new_version_of_the_event() -> None:
    before = the_event(eb.event(ticket_classes=[eb.ticket_class(quantity_sold=1)]))
    assert before == the_event(eb.event(ticket_classes=[eb.ticket_class(quantity_sold=90)]))


def test_an_event_online_without_name_venue_end_or_capacity() -> None:
    sparse = eb.event(
        venue=None, venue_id=None, capacity=None, name={"text": None}, end=None, ticket_classes=[]
    )
    (listing,) = the_event(sparse).listings
    assert (listing.title, listing.venue_name, listing.capacity, listing.ends_at) == (
        "Untitled event",
        "",
        None,
        None,
    )


def test_names_of_every_script_stay_and_control_characters_do_not() -> None:
    title = "😀 צחוק بالليل 👩‍🎤 日本"
    sent = eb.event(
        name={"text": f" {title}\r\n\u0000\u0007x "},
        start={"timezone": "Mars/Base", "utc": "2026-10-03T16:00:00Z"},
    )
    (listing,) = the_event(sent).listings
    assert listing.title == f"{title}    x"
    assert listing.timezone == "UTC"


def test_an_absurd_capacity_is_unknown() -> None:
    assert the_event(eb.event(capacity=10**12)).listings[0].capacity is None
    assert the_event(eb.event(capacity=-3)).listings[0].capacity is None


@pytest.mark.parametrize(
    "changes", [{"start": {"utc": None}}, {"currency": "dollars"}, {"id": None}, {"start": None}]
)
def test_an_event_that_cannot_be_read_says_why(changes: eb.Json) -> None:
    with pytest.raises(RecordRejected):
        read_event(eb.event(**changes))


# --- Raw records ------------------------------------------------------------------------------------------
ORDERS = [
    eb.order(eb.attendee(1), eb.attendee(2, refunded=True, cancelled=True)),
    eb.order(eb.attendee(1, eb.costs(3315, 185), eb.ABSORBING), eb.attendee(2, eb.costs(900), eb.DONATION)),
    eb.order(eb.attendee(1, costs=None), costs=None, status="strange"),
    eb.order(
        eb.attendee(1, ticket_class_id="777"), promo_code="X", cost=eb.costs(1, discount_amount=eb.money(3))
    ),
]


def sorted_everywhere(value: object) -> bool:
    if isinstance(value, dict):
        return list(value) == sorted(value) and all(map(sorted_everywhere, value.values()))
    return all(map(sorted_everywhere, value)) if isinstance(value, list) else True


@pytest.mark.parametrize("sent", ORDERS)
def test_an_order_is_restored_from_its_raw_record_alone(sent: eb.Json) -> None:
    made = read(sent)
    restored = SOURCE.restore("order", made.raw)
    assert restored == msgspec.structs.replace(made, buyer_key="")
    assert sorted_everywhere(json.loads(made.raw))


def test_an_event_is_restored_from_its_raw_record_alone() -> None:
    made = the_event(eb.event(ticket_classes=eb.CLASSES))
    assert SOURCE.restore("event", made.raw) == made
    assert sorted_everywhere(json.loads(made.raw))


def test_a_changed_way_of_fees_is_a_new_version_of_the_order() -> None:
    sent = eb.order(eb.attendee(1))
    toggled = {**eb.TYPES, eb.ADMISSION: msgspec.structs.replace(eb.TYPES[eb.ADMISSION], absorbs_fees=True)}
    assert read(sent).raw != read(sent, toggled).raw


def test_fields_of_ours_sent_by_the_platform_are_not_believed() -> None:
    sent = eb.order(eb.attendee(1, _category="donation", _absorbs_fees=True), _currency="USD")
    assert figures(read(sent)) == Figures(orders=1, sold=1, gross=2500, passed_on_fees=381)


@given(data=st.data())
def test_no_mutation_of_an_order_raises_anything_but_a_rejection(data: st.DataObject) -> None:
    sent = data.draw(mutated(data.draw(st.sampled_from(ORDERS))))
    try:
        made = read(sent, data.draw(st.sampled_from([eb.TYPES, {}])))
    except RecordRejected:
        return
    assert SOURCE.restore("order", made.raw) == msgspec.structs.replace(made, buyer_key="")
    assert all(abs(figure) < 10**15 for figure in figures(made))


@given(data=st.data())
def test_no_mutation_of_an_event_raises_anything_but_a_rejection(data: st.DataObject) -> None:
    sent = data.draw(mutated(eb.event(ticket_classes=eb.CLASSES)))
    try:
        made = read_event(sent)
    except RecordRejected:
        return
    assert made is None or SOURCE.restore("event", made.raw) == made
