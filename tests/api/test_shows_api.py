"""Shows over HTTP: lists in pages, the figures of the count, the ledger behind them, and what a person decides."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from housecount.box_office.models import Suggestion
from housecount.tenancy.identity import acting_as
from tests.api.caller import Caller, token_of
from tests.web.stage import Stage


class Office:
    """A house with shows, and a program of its promoter."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.friday = self.stage.put_on(sold=2)
        self.other = self.stage.put_on(platform="humanitix", sold=1)
        self.attic = self.stage.put_on("Another", days=20, sold=4, venue="Attic")
        self.late = self.stage.put_on("Late", days=30)
        self.caller = Caller(token_of(self.stage.house.promoter))

    def all(self, path: str, name: str) -> list[Any]:
        """Every page of a list, one at a time."""
        found, cursor = [], ""
        while True:
            page = self.caller.get(f"{path}{'&' if '?' in path else '?'}limit=1{cursor}")
            assert len(page[name]) <= 1
            found += page[name]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"


@pytest.fixture(scope="module")
def office(database: str) -> Office:
    return Office()


@pytest.fixture
def fresh(database: str) -> Office:
    return Office()


def without_ages(document: Any) -> Any:
    for listing in document["listings"]:
        listing.pop("stale_reason", None)
    return document


def test_the_list_holds_what_the_count_holds(office: Office) -> None:
    count = [without_ages(each) for each in office.caller.get("/sales")["shows"]]
    assert [without_ages(each) for each in office.all("/shows", "shows")] == count
    assert [without_ages(each) for each in office.all("/shows?order=latest", "shows")] == count[::-1]
    assert [each["totals"]["sold"] for each in count] == [3, 4, 0]


def test_filters(office: Office) -> None:
    def titles(query: str) -> list[str]:
        return [each["title"] for each in office.caller.get(f"/shows?{query}")["shows"]]

    assert titles("q=attic") == ["Another"]
    assert titles("q=attic+friday") == []
    soon = quote((office.stage.now + timedelta(days=15)).isoformat())
    assert titles(f"since={soon}") == ["Another", "Late"]
    assert titles(f"until={soon}") == ["Friday Night Laughs"]
    [attic] = [each for each in office.all("/venues", "venues") if each["name"] == "Attic"]
    assert titles(f"venue={attic['id']}") == ["Another"]
    assert titles(f"venue={uuid4()}") == []
    for wrong in ("since=2026-01-01T10:00:00", "since=yesterday", "venue=x", "order=best", "q=" + "x" * 101):
        assert office.caller.get(f"/shows?{wrong}", 422)["code"] == "invalid", wrong


def test_one_show(office: Office) -> None:
    show = office.caller.get(f"/shows/{office.friday.show_id}")
    assert (show["totals"]["sold"], show["place"]["name"], show["set_capacity"]) == (
        3,
        "The Velvet Room",
        None,
    )
    assert {each["platform"] for each in show["listings"]} == {"eventbrite", "humanitix"}
    [kind] = next(each for each in show["listings"] if each["platform"] == "eventbrite")["ticket_types"]
    assert (kind["name"], kind["price"], kind["sold"]) == ("General admission", 3000, 2)
    document = office.stage.document(office.friday.show_id)["shows"][0]
    assert show["totals"] == document["totals"]
    assert office.caller.get(f"/shows/{uuid4()}", 404)["code"] == "not_found"
    theirs = Stage().put_on("Theirs")
    for path in ("", "/days", "/lines", "/orders"):
        assert office.caller.get(f"/shows/{theirs.show_id}{path}", 404)["code"] == "not_found"


def test_the_lines_and_orders_behind_it(office: Office) -> None:
    path = f"/shows/{office.friday.show_id}"
    lines = office.all(f"{path}/lines", "lines")
    page = office.caller.get(f"{path}/lines?limit=1")
    assert (page["count"], len(lines)) == (len(lines), len({each["sequence"] for each in lines}))
    assert page["sum"] == office.caller.get(path)["totals"]
    for figure, value in page["sum"].items():
        assert sum(each[figure] for each in lines) == value, figure
    comps = office.caller.get(f"{path}/lines?figure=comps")
    assert (comps["lines"], comps["count"]) == ([], 0)
    [one] = {each["order"] for each in office.caller.get(f"{path}/lines?listing={office.other.pk}")["lines"]}
    assert office.caller.get(f"{path}/lines?order={one}")["sum"]["sold"] == 1
    assert office.caller.get(f"{path}/lines?figure=luck", 422)["code"] == "invalid"
    orders = office.all(f"{path}/orders", "orders")
    assert sorted(each["id"] for each in orders) == sorted({each["order"] for each in lines})
    assert {(each["sold"], each["gross"], each["completed"]) for each in orders} == {(1, 3000, True)}
    assert not {key for key in orders[0] if "buyer" in key or "hash" in key}
    days = office.caller.get(f"{path}/days")
    assert sum(each["sold"] for each in days["days"]) == 3
    assert days["timezone"] == "Australia/Melbourne"


def test_the_capacity_is_a_persons_to_set(fresh: Office) -> None:
    path = f"/shows/{fresh.attic.show_id}"
    assert fresh.caller.get(path)["capacity"] == 180
    assert fresh.caller.send("PATCH", path, {"capacity": 99})["capacity"] == 99
    assert fresh.caller.send("PATCH", path, {"capacity": None})["set_capacity"] is None
    for wrong in ({}, {"capacity": 0}, {"capacity": 10**7}, {"capacity": "9"}, {"capacity": True}, {"capacity": 1.5},
                  {"capacity": 9, "x": 1}, [9]):  # fmt: skip
        assert fresh.caller.send("PATCH", path, wrong, 422)["code"] == "invalid", wrong


def test_what_belongs_together(fresh: Office) -> None:
    caller, listing, show = fresh.caller, fresh.other, fresh.friday.show_id
    apart = caller.post(f"/listings/{listing.pk}/unlink")
    assert apart["show"] != str(show)
    assert caller.get(f"/shows/{show}")["totals"]["sold"] == 2
    assert caller.post(f"/listings/{listing.pk}/unlink")["show"] == apart["show"]
    assert caller.post(f"/listings/{listing.pk}/link", {"show": str(show)})["show"] == str(show)
    assert caller.get(f"/shows/{apart['show']}")["id"] == str(show)
    merged = caller.post(f"/shows/{fresh.attic.show_id}/merge", {"into": str(show)})
    assert (merged["id"], merged["totals"]["sold"]) == (str(show), 7)
    for path, data, status in (
        (f"/listings/{uuid4()}/link", {"show": str(show)}, 404),
        (f"/listings/{listing.pk}/link", {"show": str(uuid4())}, 404),
        (f"/listings/{listing.pk}/link", {"show": "x"}, 422),
        (f"/listings/{listing.pk}/link", {}, 422),
        (f"/listings/{listing.pk}/unlink", {"x": 1}, 422),
        (f"/shows/{show}/merge", {"into": str(uuid4())}, 404),
        (f"/shows/{show}/merge", None, 422),
    ):
        caller.post(path, data, status)
    dollars = fresh.stage.put_on("Abroad", currency="NZD")
    refused = caller.post(f"/listings/{dollars.pk}/link", {"show": str(show)}, 409)
    assert "NZD" in refused["detail"]


def test_what_waits_for_a_person(fresh: Office) -> None:
    assert fresh.caller.get("/suggestions")["waiting"] == []
    with acting_as(fresh.stage.house.system):
        made = Suggestion.objects.create(
            organisation_id=fresh.stage.organisation_id,
            listing=fresh.attic,
            show_id=fresh.late.show_id,
            score=70,
        )
    [waiting] = fresh.caller.get("/suggestions")["waiting"]
    assert (waiting["listing"], waiting["suggestions"][0]["id"]) == (str(fresh.attic.pk), str(made.pk))
    assert fresh.caller.post(f"/suggestions/{made.pk}/decline")["show"] == str(fresh.attic.show_id)
    assert fresh.caller.get("/suggestions")["waiting"] == []
    fresh.caller.post(f"/suggestions/{uuid4()}/decline", status=404)


def test_the_run_is_a_persons_to_say(fresh: Office) -> None:
    attic, late = (f"/shows/{each.show_id}" for each in (fresh.attic, fresh.late))
    now = fresh.stage.now
    own = {"name": "Another", "by_hand": False, "filter": "another"}
    assert fresh.caller.get(attic)["run"] == own
    for path in (attic, late):
        made = fresh.caller.send("PATCH", path, {"run": " Autumn  Laughs"})["run"]
        assert made == {"name": "Autumn Laughs", "by_hand": True, "filter": "=Autumn Laughs"}
    of_run = fresh.all(f"/shows?run={quote(made['filter'])}", "shows")
    assert [each["title"] for each in of_run] == ["Another", "Late"]
    assert fresh.all("/shows?run=another", "shows") == []
    asked = f"since={now.date()}&until={now.date() + timedelta(days=60)}&run={quote(made['filter'])}"
    together = fresh.caller.get(f"/analytics?by=run&{asked}")
    assert [(each["label"], each["shows"], each["sold"]) for each in together["slices"]] == [
        ("Autumn Laughs", 2, 4)
    ]
    alone = fresh.caller.send("PATCH", attic, {"run": "", "capacity": 7})
    assert (alone["run"], alone["set_capacity"]) == ({"name": "", "by_hand": True, "filter": ""}, 7)
    assert fresh.caller.send("PATCH", attic, {"run": None})["run"] == own
    for wrong in ({"run": 1}, {"run": "x" * 201}, {"run": ["x"]}):
        fresh.caller.send("PATCH", attic, wrong, status=422)


def test_the_bill_is_set_whole(fresh: Office) -> None:
    house, path = fresh.stage.house, f"/shows/{fresh.friday.show_id}"
    [act] = fresh.caller.get("/acts")["acts"]
    assert act["id"] == str(house.act.membership.pk)
    own = Caller(token_of(house.act))
    assert own.get("/own/shows")["shows"] == []
    assert fresh.caller.send("PUT", f"{path}/bill", {"acts": [act["id"], act["id"]]})["bill"] == [act]
    assert [each["id"] for each in own.get("/own/shows")["shows"]] == [str(fresh.friday.show_id)]
    # One that is none: nothing is changed.
    fresh.caller.send("PUT", f"{path}/bill", {"acts": [str(uuid4())]}, status=404)
    assert fresh.caller.get(path)["bill"] == [act]
    for wrong in ({}, {"acts": "x"}, {"acts": ["x"]}, {"acts": [act["id"]] * 201}):
        fresh.caller.send("PUT", f"{path}/bill", wrong, status=422)
    assert fresh.caller.send("PUT", f"{path}/bill", {"acts": []})["bill"] == []
    assert own.get("/own/shows")["shows"] == []
