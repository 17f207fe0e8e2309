"""What a show's page tells beyond its figures: the way money falls, prices, today's orders, danger, files, undo."""

import csv
import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client
from msgspec.structs import replace

from housecount.box_office import matching
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Appearance, Listing, Suggestion
from housecount.box_office.prices import PriceChange, price_changes
from housecount.core.counting import OrderFacts, Validity
from housecount.platforms.base.errors import RecordRejected
from housecount.platforms.base.records import Event, Page
from housecount.sync import store
from housecount.sync.queries import count_shows
from housecount.tenancy.identity import acting_as
from housecount.web import show_page, waterfall
from tests.factories import make_event, make_order, make_ticket, make_type
from tests.invoices.office import Office
from tests.web.stage import Look, Stage, look


@pytest.fixture
def falling(stage: Stage) -> Listing:
    """A show at two platforms whose money falls by every step; its first listing."""
    listing = stage.put_on(sold=3, days=5, capacity=40)
    other = stage.put_on(platform="humanitix", days=5, capacity=40)
    stage.sell(
        listing,
        stage.order(listing, gross=4550, absorbed_fees=250, tax=400),
        stage.order(listing, validity=Validity.REFUNDED, gross=3000),
    )
    facts = OrderFacts(completed=True, gross=5000, discounts=500, refunds=700, rebates=100)
    key = f"{other.event_id}-o"
    ticket = make_ticket(f"{key}-1", key, event_id=other.event_id, gross=0, paid=True)
    stage.sell(other, make_order(key, [ticket], event_id=other.event_id, facts=facts))
    return listing


def test_money_falls_from_list_value_to_net_and_every_step_opens(stage: Stage, falling: Listing) -> None:
    with acting_as(stage.house.system):
        [count] = count_shows(stage.organisation_id, stage.now, [falling.show_id])
    steps = waterfall.waterfall(count)
    assert [step.figure for step in steps] == [
        "list_value", "discounts", "refunds", "gross", "absorbed_fees", "rebates", "net",
    ]  # fmt: skip
    listed, discounts, refunds, gross, fees, rebates, net = (step.total for step in steps)
    assert listed - discounts - refunds == gross == 3 * 3000 + 4550 + 5000
    assert gross - fees + rebates == net
    assert all(sum(value for _, value in step.values) == step.total for step in steps)
    # Each bar hangs where the one before it ended.
    ends = [(step.x, step.x + step.width) for step in steps]
    assert ends[0] == (0, 1000)
    assert abs(ends[1][1] - 1000) <= 2
    assert abs(ends[1][0] - ends[2][1]) <= 2
    assert abs(ends[2][0] - ends[3][1]) <= 2
    path = f"/shows/{falling.show_id}/"
    page = look(stage.house.promoter, path)
    for step in steps:
        assert f"{path}lines/?figure={step.figure}" in page.links
    lines = look(stage.house.promoter, f"{path}lines/?figure=list_value").text
    assert "that come to A$227.50 list value." in lines


def test_where_nothing_was_taken_off_gross_comes_first(stage: Stage) -> None:
    listing = stage.put_on(sold=2)
    text = look(stage.house.admin, f"/shows/{listing.show_id}/").text
    assert "From gross to net" in text
    assert "List value" not in text


class Archive:
    """A platform whose raw records hold the event whole."""

    def restore(self, kind: str, raw: bytes) -> Event:
        assert kind == "event"
        if b"unreadable" in raw or b'"event"' not in raw:
            raise RecordRejected("It cannot be read.")
        return msgspec.convert(json.loads(raw)["event"], Event)


def version(event: Event, note: str = "") -> Event:
    plain = msgspec.to_builtins(replace(event, raw=b""))
    return replace(event, raw=json.dumps({"event": plain, "note": note}).encode())


def test_a_change_of_price_is_found_in_the_versions_that_were_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = stage.put_on(sold=1, days=30)
    account = AccountKey(stage.organisation_id, listing.account_id)
    general, free = (
        make_type(listing.event_id, "general"),
        replace(make_type(listing.event_id, "free"), price=None),
    )
    seen = stage.now
    for days, price, note in ((1, 3000, ""), (2, 3000, "unreadable"), (3, 3500, ""), (4, 2500, "")):
        event = make_event(
            listing.event_id, types=[replace(general, price=price), replace(free, name=f"Free {days}")]
        )
        with acting_as(stage.house.system):
            store.store_catalogue(account, Page(events=(version(event, note),)), seen + timedelta(days=days))
    events = {(listing.account_id, listing.event_id): Archive()}
    with acting_as(stage.house.system):
        found = price_changes(stage.organisation_id, events)
    assert found == [
        PriceChange(listing.event_id, general.name, "AUD", 3000, 3500, seen + timedelta(days=3)),
        PriceChange(listing.event_id, general.name, "AUD", 3500, 2500, seen + timedelta(days=4)),
    ]
    with acting_as(stage.house.promoter.identity):
        assert price_changes(stage.organisation_id, events) == []  # raw records are nobody's to see
    monkeypatch.setattr(show_page, "SOURCES", {"eventbrite": Archive()})
    text = look(stage.house.bookkeeper, f"/shows/{listing.show_id}/").text
    assert f"{general.name} at Eventbrite: A$30.00 to A$35.00" in text
    assert f"{general.name} at Eventbrite: A$35.00 to A$25.00" in text
    assert "First sale" in text


def test_the_chart_has_what_the_table_has(stage: Stage, falling: Listing) -> None:
    html = stage.house.admin.signed_in().get(f"/shows/{falling.show_id}/").content.decode()
    found = re.search(r'<script id="curve-data" type="application/json">(.*?)</script>', html)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    assert [series["values"][-1] for series in data["series"]] == [4, 1]
    assert len(data["x"]) == len(data["series"][0]["values"])
    assert all(b - a == 86_400 for a, b in zip(data["x"], data["x"][1:], strict=False))
    assert {"sale", "refund"} <= {mark["kind"] for mark in data["marks"]}


def test_todays_orders_by_the_clock_of_the_venue(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 27, 9, 0, tzinfo=ZoneInfo("Australia/Melbourne"))
    listing = stage.put_on(days=20)
    before, early, late = (
        replace(stage.order(listing, gross=gross), placed_at=now.replace(day=day, hour=hour))
        for gross, day, hour in ((1100, 26, 23), (2200, 27, 0), (0, 27, 8))
    )
    gone = replace(
        stage.order(listing, validity=Validity.REFUNDED, gross=4400), placed_at=now.replace(hour=7)
    )
    stage.sell(listing, before, early, late, gone)
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    text = look(stage.house.bookkeeper, f"/shows/{listing.show_id}/").text
    today = text.partition("Today’s orders")[2].partition("From ")[0]
    assert today.startswith(" 3 1 sold, gross A$22.00 since midnight at the venue.")
    assert [today.index(word) for word in ("8:00 am", "7:00 am", "12:00 am")] == sorted(
        today.index(word) for word in ("8:00 am", "7:00 am", "12:00 am")
    )
    assert "1 comp" in today
    assert "A$44.00 refunded" in today
    assert "A$11.00" not in today


def test_danger_of_selling_a_seat_twice_is_said(stage: Stage) -> None:
    listing = stage.put_on(days=3, sold=12, capacity=40)
    path = f"/shows/{listing.show_id}/"
    assert "may still sell" not in look(stage.house.admin, path).text
    other = stage.put_on(days=3, sold=10, capacity=40, platform="humanitix")
    assert other.show_id == listing.show_id
    page = look(stage.house.admin, path)
    assert "18 seats are free, and the platforms may still sell 58: Eventbrite 28, Humanitix 30." in page.text
    assert "Nothing stops them" in page.text
    stage.sell(other, *(stage.order(other) for _ in range(10)))
    text = look(stage.house.admin, path).text
    assert "8 seats are free, and the platforms may still sell 48: Eventbrite 28, Humanitix 20." in text
    assert "Lower what they may sell to 8 together" in text
    stage.house.admin.signed_in().post(f"{path}capacity/", {"capacity": "30"})
    text = look(stage.house.admin, path).text
    assert "Oversold by 2: 32 admissions for 30 seats." in text
    assert "Stop the sale at the platforms now" in text


def test_the_lines_of_a_show_as_a_file(stage: Stage, falling: Listing) -> None:
    client = stage.house.bookkeeper.signed_in()
    path = f"/shows/{falling.show_id}/lines"
    rows = read_csv(client.get(f"{path}.csv"))
    [document] = stage.document(falling.show_id)["shows"]
    for name in ("Sold", "Comps", "Cancelled", "Orders"):
        assert sum(int(row[name]) for row in rows) == document["totals"][name.lower()]
    for name in ("Gross", "Refunds", "Discounts", "Absorbed fees", "Net"):
        key = name.lower().replace(" ", "_")
        assert sum(round(float(row[name]) * 100) for row in rows) == document["totals"][key]
    some = read_csv(client.get(f"{path}.csv?figure=refunds&platform=humanitix"))
    assert {row["Platform"] for row in some} == {"Humanitix"}
    assert len(some) < len(rows)
    book = client.get(f"{path}.xlsx")
    assert book.content[:2] == b"PK"
    assert "lines.xlsx" in book["Content-Disposition"]
    assert stage.house.act.signed_in().get(f"{path}.csv").status_code == 403


def read_csv(answer: HttpResponse) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(answer.content.decode("utf-8-sig").splitlines()))


def test_a_file_that_would_be_too_large_is_refused_with_a_reason(
    stage: Stage, falling: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housecount.web.views.show_exports.MOST_LINES", 2)
    monkeypatch.setattr("housecount.web.views.show_exports.MOST_SHOWS", 0)
    client = stage.house.admin.signed_in()
    for path, words in (
        (f"/shows/{falling.show_id}/lines.csv", "More than 2 lines do not go into one file"),
        ("/shows/export.xlsx", "More than 0 shows do not go into one file"),
    ):
        assert words in client.get(path, follow=True).content.decode()


def undo(client: Client, page: HttpResponse) -> HttpResponse:
    """Presses the button that the page's message offers."""
    html = page.content.decode()
    form = re.search(r'<form method="post" action="([^"]+)" class="undo">(.*?)</form>', html, re.DOTALL)
    assert form is not None, "no undo is offered"
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form[2]):
        fields.setdefault(name, []).append(value)
    answer = client.post(form[1], fields, follow=True)
    assert answer.status_code == 200
    Look(answer.content.decode()).check()
    return answer


def shows(stage: Stage) -> list[tuple[str, int]]:
    return sorted((show["id"], show["totals"]["sold"]) for show in stage.document()["shows"])


def test_every_decision_can_be_taken_back_at_once(stage: Stage) -> None:
    first = stage.put_on("Nadia Quill: Final Hour", sold=2)
    second = stage.put_on("Nadia Quill: Final Hour", platform="humanitix", sold=3, venue="", city="")
    stage.bill(second.show_id, stage.house.act)
    client = stage.house.promoter.signed_in()
    apart = shows(stage)
    with acting_as(stage.house.system):
        [suggestion] = Suggestion.objects.filter(organisation_id=stage.organisation_id)

    undo(client, client.post(f"/suggestions/{suggestion.pk}/decline/", {"back": "to-match"}, follow=True))
    assert "Same show" in look(stage.house.promoter, "/to-match/").text

    linked = client.post(f"/listings/{second.pk}/link/", {"show": str(first.show_id)}, follow=True)
    assert len(shows(stage)) == 1
    together = shows(stage)
    answer = undo(client, linked)
    assert shows(stage) == apart
    assert "is a show of its own again" in answer.content.decode()
    assert bill(stage) == {second.show_id}

    merged = client.post(f"/shows/{second.show_id}/merge/", {"show": str(first.show_id)}, follow=True)
    assert shows(stage) == together
    assert bill(stage) == {first.show_id}
    undo(client, merged)
    assert shows(stage) == apart
    assert bill(stage) == {second.show_id}
    late = client.post(f"/shows/{second.show_id}/revive/", {"listing": [str(second.pk)], "act": []})
    assert late.status_code == 409

    client.post(f"/shows/{second.show_id}/merge/", {"show": str(first.show_id)}, follow=True)
    undo(client, client.post(f"/listings/{second.pk}/unlink/", follow=True))
    assert shows(stage) == together


def bill(stage: Stage) -> set[UUID]:
    with acting_as(stage.house.system):
        found = Appearance.objects.filter(organisation_id=stage.organisation_id)
        return set(found.values_list("show_id", flat=True))


def test_reviving_takes_nothing_that_was_not_named(stage: Stage) -> None:
    first = stage.put_on("One", sold=2)
    second = stage.put_on("Two", sold=3, days=11, venue="Attic")
    with acting_as(stage.house.system):
        matching.merge(stage.show(second.show_id), stage.show(first.show_id))
    client = stage.house.promoter.signed_in()
    for data in ({"listing": []}, {"listing": [str(first.pk), str(second.pk)]}, {"listing": ["x"]}):
        answer = client.post(f"/shows/{second.show_id}/revive/", data)
        assert answer.status_code in {404, 409}, data
    assert len(shows(stage)) == 1


def test_an_act_finds_its_documents_and_payments_with_its_shows(stage: Stage) -> None:
    house = stage.house
    office = Office(stage.organisation_id)
    office.ourselves()
    act = office.party(name="Mirth Machine", user=house.act.user.email)
    other = office.party(name="Somebody else")
    mine = stage.put_on("On the bill", sold=7)
    stage.bill(mine.show_id, house.act)
    agreement = office.agreement(act)
    paper = office.issued(act, kind="rcti", direction="payable", agreement=agreement, show=str(mine.show_id))
    office.issued(other, reference="not for the act", show=str(mine.show_id))
    for path in ("/", f"/shows/{mine.show_id}/"):
        text = look(house.act, path).text
        assert f"{paper.number} A$550.00 Unpaid" in text
        assert "Somebody else" not in text
        assert text.count("A$550.00") == (3 if path == "/" else 1)  # with what is open, and of how much
    assert f"/invoices/raise/?show={mine.show_id}" in look(house.act, f"/shows/{mine.show_id}/").links
    text = look(house.act, "/you/").text
    assert "Mirth Machine" in text
    assert "ABN 51 824 753 556" in text
    assert "not on file: you cannot be paid by transfer" in text
    assert "Somebody else" not in text
    look(house.promoter, "/you/", 403)
