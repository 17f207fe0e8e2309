"""A show's page: its figures, and the lines behind each of them."""

import re
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from housecount.box_office import matching
from housecount.box_office.models import Listing
from housecount.box_office.queries import daily_counts
from housecount.core.counting import OrderFacts, Validity
from housecount.core.money import format_money
from housecount.platforms.base.errors import Transient
from housecount.tenancy.identity import acting_as
from housecount.web.show_lines import FIGURE_WORDS
from tests.factories import make_order, make_ticket, make_type
from tests.web.stage import Stage, look
from tests.world import make_house

COUNTED = ("orders", "sold", "comps", "cancelled")


@pytest.fixture
def both(stage: Stage) -> Listing:
    """One show at two platforms with sales, a comp, a refund, fees, tax and a rebate; its first listing."""
    listing = stage.put_on(sold=3)
    other = stage.put_on(platform="humanitix")
    assert other.show_id == listing.show_id
    stage.sell(
        listing,
        stage.order(listing, gross=4550, absorbed_fees=250, tax=400),
        stage.order(listing, gross=0),
        stage.order(listing, validity=Validity.REFUNDED, gross=3000),
        stage.order(listing, validity=Validity.CANCELLED, gross=2000),
    )
    facts = OrderFacts(
        completed=True, gross=5000, discounts=500, refunds=700, passed_on_fees=210, rebates=100, extras=900
    )
    tickets = [
        make_ticket(
            f"{other.event_id}-{number}", f"{other.event_id}-o", event_id=other.event_id, gross=0, paid=True
        )
        for number in range(2)
    ]
    stage.sell(other, make_order(f"{other.event_id}-o", tickets, event_id=other.event_id, facts=facts))
    return listing


def shown(name: str, value: int) -> str:
    return f"{value:,}" if name in COUNTED else format_money(value, "AUD")


def test_every_figure_is_that_of_the_sales_document(stage: Stage, both: Listing) -> None:
    [document] = stage.document(both.show_id)["shows"]
    totals = document["totals"]
    assert all(totals[name] for name in FIGURE_WORDS), "each figure must be tried"
    text = look(stage.house.bookkeeper, f"/shows/{both.show_id}/").text
    for name, said in (
        ("sold", "Sold"), ("comps", "Comps"), ("cancelled", "Cancelled"), ("orders", "Orders"), ("gross", "Gross"),
        ("net", "Net"),
    ):  # fmt: skip
        assert f"{said} {shown(name, totals[name])}" in text
    for name, said in (
        ("gross", "did not get back"), ("absorbed_fees", "out of your share"), ("rebates", "back by the platform"),
        ("net", "before tax is remitted"), ("passed_on_fees", "never in gross"), ("tax", "platforms report it"),
        ("extras", "kept apart"),
    ):  # fmt: skip
        assert f"{said} {shown(name, totals[name])}" in text, name
    by_platform = {listing["platform"]: listing for listing in document["listings"]}
    assert (
        f"did not get back {shown('gross', totals['gross'])} {shown('gross', by_platform['eventbrite']['gross'])}"
        f" {shown('gross', by_platform['humanitix']['gross'])}"
    ) in text
    assert totals["net"] == totals["gross"] - totals["absorbed_fees"] + totals["rebates"]


@pytest.mark.parametrize("figure", FIGURE_WORDS)
def test_any_figure_opens_to_the_lines_that_make_it_up(stage: Stage, both: Listing, figure: str) -> None:
    [document] = stage.document(both.show_id)["shows"]
    path = f"/shows/{both.show_id}/"
    links = look(stage.house.promoter, path).links
    assert f"{path}lines/?figure={figure}" in links
    text = look(stage.house.promoter, f"{path}lines/?figure={figure}").text
    assert f"that come to {shown(figure, document['totals'][figure])} {FIGURE_WORDS[figure]}." in text
    for listing in document["listings"]:
        for narrowed in (f"listing={listing['id']}", f"platform={listing['platform']}"):
            text = look(stage.house.promoter, f"{path}lines/?figure={figure}&{narrowed}").text
            assert f"that come to {shown(figure, listing[figure])} " in text


def test_the_lines_of_one_order(stage: Stage, both: Listing) -> None:
    path = f"/shows/{both.show_id}/lines/"
    page = look(stage.house.admin, path)
    [order_id] = {link.partition("order=")[2] for link in page.links if "order=" in link and "-o" in link}
    text = look(stage.house.admin, f"{path}?order={order_id}").text
    assert "4 lines: 2 sold, 0 comps, gross A$50.00, net A$51.00." in text
    assert "order-" not in text.replace(order_id, "")


def test_many_lines_come_in_pages_and_none_is_lost(stage: Stage) -> None:
    listing = stage.put_on(sold=120)
    seen: set[str] = set()
    for page in (1, 2, 3):
        found = look(stage.house.admin, f"/shows/{listing.show_id}/lines/?figure=sold&page={page}")
        assert f"Page {page} of 2" in found.text or page == 3
        assert "120 lines that come to 120 sold." in found.text
        orders = {link.partition("order=")[2] for link in found.links if "order=" in link}
        assert not orders & seen
        seen |= orders
    assert len(seen) == 120


def test_the_curve_ends_at_what_is_sold_and_has_a_table(stage: Stage, both: Listing) -> None:
    [document] = stage.document(both.show_id)["shows"]
    text = look(stage.house.admin, f"/shows/{both.show_id}/").text
    table = text.partition("The same as a table")[2].partition("Today’s orders")[0]
    assert table.split()[-1] == str(document["totals"]["sold"])
    sold = {listing["platform"]: listing["sold"] for listing in document["listings"]}
    assert re.search(rf"Eventbrite {sold['eventbrite']} Humanitix {sold['humanitix']}", text)


def test_the_day_of_a_sale_is_that_of_the_venue(stage: Stage) -> None:
    listing = stage.put_on(sold=1)  # at eight in the morning of 1 March, in UTC
    with acting_as(stage.house.system):
        [here] = daily_counts(stage.organisation_id, [listing.pk], "Australia/Melbourne")
        [there] = daily_counts(stage.organisation_id, [listing.pk], "Pacific/Pago_Pago")
    assert (here.day, there.day) == (date(2026, 3, 1), date(2026, 2, 28))


def test_ticket_types_with_what_each_sold(stage: Stage) -> None:
    types = [make_type("x", "general"), make_type("x", "vip")]
    listing = stage.put_on(types=None)
    stage.sell(listing, stage.order(listing), stage.order(listing), stage.order(listing, gross=0))
    assert types[0].name == "General admission"
    text = look(stage.house.admin, f"/shows/{listing.show_id}/").text
    assert "General admission A$30.00 180 2 1" in text


def test_a_listing_says_whose_it_is_and_as_of_when(stage: Stage, both: Listing) -> None:
    stage.fail(both, Transient("Eventbrite is down."))
    text = look(stage.house.admin, f"/shows/{both.show_id}/").text
    assert "Eventbrite: Friday Night Laughs eventbrite account" in text
    assert f"Event id {both.event_id}" in text
    assert "Stale: Eventbrite is down." in text
    assert "last full sweep just now" in text
    assert "Read just now" in text  # the other one


def test_a_listing_that_is_gone_is_kept_and_left_out(stage: Stage, both: Listing) -> None:
    with acting_as(stage.house.system):
        Listing.objects.filter(organisation_id=stage.organisation_id, pk=both.pk).update(
            gone_at=stage.now - timedelta(hours=3)
        )
    [document] = stage.document(both.show_id)["shows"]
    text = look(stage.house.admin, f"/shows/{both.show_id}/").text
    assert f"Sold {document['totals']['sold']} Comps" in text
    assert document["totals"]["sold"] == 2
    assert "Gone at the platform since 3 h" in text
    assert "2 of 180 seats" in text
    assert "left out of the show's totals" in text
    sums = look(stage.house.admin, f"/shows/{both.show_id}/lines/?figure=sold").text
    assert "that come to 2 sold." in sums


def test_what_is_not_there_or_not_ours_is_not_found(stage: Stage, both: Listing) -> None:
    other = make_house()
    for path in (f"/shows/{both.show_id}/", f"/shows/{both.show_id}/lines/"):
        page = look(other.admin, path, 404)
        assert "Nothing here" in page.text
        assert "Friday Night Laughs" not in page.text
        look(stage.house.admin, path.replace(str(both.show_id), str(uuid4())), 404)


def test_a_merged_show_leads_to_the_one_it_became(stage: Stage, both: Listing) -> None:
    other = stage.put_on("Something else entirely", days=11, venue="Attic")
    with acting_as(stage.house.system):
        matching.merge(stage.show(other.show_id), stage.show(both.show_id))
    for path in ("", "lines/"):
        response = stage.house.admin.signed_in().get(f"/shows/{other.show_id}/{path}")
        assert (response.status_code, response["Location"]) == (302, f"/shows/{both.show_id}/{path}")


def test_an_act_sees_what_sold_and_neither_money_nor_orders(stage: Stage, both: Listing) -> None:
    stage.bill(both.show_id, stage.house.act)
    page = look(stage.house.act, f"/shows/{both.show_id}/")
    assert "Friday Night Laughs" in page.text
    assert "Sold 6 Comps 1 Capacity 180" in page.text
    for hidden in ("A$", "order", "Gross", "Unlink", "account"):
        assert hidden not in page.text
    look(stage.house.act, f"/shows/{both.show_id}/lines/", 403)


def test_an_act_does_not_find_a_show_it_is_not_on(stage: Stage, both: Listing) -> None:
    page = look(stage.house.act, f"/shows/{both.show_id}/", 404)
    assert "Friday Night Laughs" not in page.text


def test_the_page_needs_no_more_queries_for_more_orders_and_listings(stage: Stage) -> None:
    def queries() -> int:
        client = stage.house.admin.signed_in()
        client.get(f"/shows/{listing.show_id}/")
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/shows/{listing.show_id}/").status_code == 200
        return sum(" FROM " in query["sql"] for query in captured.captured_queries)

    listing = stage.put_on(sold=1)
    few = queries()
    stage.put_on(sold=30, platform="humanitix")
    for number in range(4):
        other = stage.put_on(f"Other {number}", venue=f"Room {number}", sold=2)
        with acting_as(stage.house.system):
            matching.link(stage.listing(other.event_id), stage.show(listing.show_id))
    assert queries() == few
    assert few <= 30
