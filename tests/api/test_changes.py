"""`/api/v1/changes`, and whose a stream of events is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from housecount.api.changes import SCOPES
from housecount.box_office.models import Account
from housecount.intake.edge import events, feed
from housecount.live import services
from housecount.live.triggers import CHANNEL
from housecount.tenancy.identity import acting_as
from tests.api.caller import token_of
from tests.web.stage import Stage
from tests.world import Person, make_house


@pytest.fixture(scope="module")
def stage(database: str) -> Stage:
    return Stage()


def changes(
    client: Client, cursor: int | None = None, limit: int | None = None, **headers: str
) -> dict[str, Any]:
    asked = {name: value for name, value in (("cursor", cursor), ("limit", limit)) if value is not None}
    response = client.get("/api/v1/changes", asked, headers=headers)
    assert response.status_code == 200, response.content
    document: dict[str, Any] = response.json()
    assert set(document) == {"changes", "cursor", "more"}
    return document


def refused(client: Client, address: str, status: int, **headers: str) -> dict[str, Any]:
    response = client.get(address, headers=headers)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    return document


def token(person: Person, scope: str) -> str:
    return f"Bearer {token_of(person, [scope])}"


def test_whoever_keeps_the_cursor_is_told_of_every_change_in_turn(stage: Stage) -> None:
    client = stage.house.bookkeeper.signed_in()
    start = changes(client)
    assert (start["changes"], start["more"]) == ([], False)
    listing = stage.put_on(sold=2)
    found = changes(client, start["cursor"])
    assert not found["more"]
    told = {(each["kind"], each["id"], each["removed"]) for each in found["changes"]}
    assert {("show", str(listing.show_id), False), ("listing", str(listing.pk), False)} <= told
    orders = [each for each in found["changes"] if each["kind"] == "order"]
    assert all(each["id"].startswith(f"{listing.account_id}/order-") for each in orders)
    assert len(orders) == 2
    whole, cursor = [], start["cursor"]
    while True:
        page = changes(client, cursor, 3)
        whole += page["changes"]
        assert page["cursor"] == cursor + len(page["changes"])
        cursor = page["cursor"]
        if not page["more"]:
            break
        assert len(page["changes"]) == 3
    assert whole == found["changes"]
    assert cursor == found["cursor"]
    assert changes(client, cursor) == {"changes": [], "cursor": cursor, "more": False}


def test_what_cannot_be_followed_is_refused(stage: Stage) -> None:
    admin = stage.house.admin.signed_in()
    assert refused(Client(), "/api/v1/changes", 401)["code"] == "sign_in_needed"
    assert refused(stage.house.act.signed_in(), "/api/v1/changes", 403)["code"] == "not_for_role"
    for wrong in ("cursor=-1", "cursor=x", "limit=0", "limit=1001", "cursor=9223372036854775808"):
        assert refused(admin, f"/api/v1/changes?{wrong}", 422)["code"] == "invalid"
    ahead = refused(admin, "/api/v1/changes?cursor=9223372036854775807", 410)
    assert (ahead["code"], ahead["next_step"]) == ("cursor_too_old", "never")
    old = Stage()
    with acting_as(old.house.system):
        services.forget(datetime.now(UTC) + timedelta(minutes=1))
    client = old.house.admin.signed_in()
    assert refused(client, "/api/v1/changes?cursor=0", 410)["code"] == "cursor_too_old"
    assert changes(client, changes(client)["cursor"])["changes"] == []


def test_a_token_is_told_of_what_its_scopes_let_it_read(stage: Stage) -> None:
    person = stage.house.admin
    start = changes(person.signed_in())["cursor"]
    stage.put_on(sold=1)
    with acting_as(stage.house.system):
        Account.objects.filter(organisation_id=stage.organisation_id).update(name="another name")
    everything = {scope: token(person, scope) for scope in {*SCOPES.values(), "settings:read"}}
    seen = {}
    for scope, authorization in everything.items():
        if scope == "settings:read":
            continue
        found = changes(Client(), start, authorization=authorization)
        seen[scope] = {each["kind"] for each in found["changes"]}
        assert found["cursor"] == changes(person.signed_in())["cursor"], "what it is not told of is behind it"
    assert seen == {
        "sales:read": {"show", "listing", "order"}, "sync:read": {"account"}, "invoices:read": set()
    }  # fmt: skip
    nothing = refused(Client(), "/api/v1/changes", 403, authorization=everything["settings:read"])
    assert nothing["code"] == "scope_missing"
    who = Client().get("/live/who", headers={"authorization": everything["sync:read"]}).json()
    assert who["kinds"] == ["account"]
    assert refused(Client(), "/live/who", 401, authorization="Bearer nonsense")["code"] == "token_refused"


def test_the_edge_is_told_whose_a_stream_is(stage: Stage) -> None:
    house = stage.house
    for person in (house.admin, house.promoter, house.bookkeeper):
        response = person.signed_in().get("/live/who")
        assert response["Cache-Control"].count("no-store") == 1
        assert response.json() == {
            "organisation": str(stage.organisation_id),
            "person": str(person.user.pk),
            "role": person.identity.role.value,
            "kinds": sorted(SCOPES),
            "ids": True,
        }
    act = house.act.signed_in().get("/live/who").json()
    assert (act["kinds"], act["ids"]) == (["document", "show"], False)
    assert refused(Client(), "/live/who", 401)["code"] == "sign_in_needed"
    other = make_house()
    client = other.promoter.signed_in()
    with acting_as(other.system):
        other.promoter.membership.delete()
    assert refused(client, "/live/who", 403)["code"] == "not_for_role"


def test_the_edge_and_the_pages_mean_the_same_names() -> None:
    """The edge runs without Django, and cannot import them."""
    assert (CHANNEL, reverse("live_who")) == (feed.CHANNEL, events.WHO)
    assert {reverse("events"), reverse("api-v1:events")} == events.PATHS


def test_the_pages_alone_have_no_stream(stage: Stage) -> None:
    for address in ("/events", "/api/v1/events"):
        answer = refused(stage.house.admin.signed_in(), address, 404)
        assert "edge" in answer["detail"]


def test_a_page_says_where_it_stands_before_it_looks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed while a page is made comes after its cursor, also when the page shows it already."""
    from housecount.web.views import shows

    client = stage.house.admin.signed_in()
    before = changes(client)["cursor"]
    original = shows.timezone.now
    sold = []

    def sell_meanwhile() -> datetime:
        if not sold:
            with acting_as(stage.house.system):
                sold.append(
                    Account.objects.filter(organisation_id=stage.organisation_id).update(name="meanwhile")
                )
        return original()

    monkeypatch.setattr(
        "housecount.web.views.shows.timezone", type("Zone", (), {"now": staticmethod(sell_meanwhile)})
    )
    page = client.get("/").content.decode()
    assert sold
    assert f'<body data-cursor="{before}">' in page
    assert changes(client)["cursor"] > before
    assert "data-cursor" not in stage.house.act.signed_in().get("/").content.decode()
    assert "live.js" not in Client().get("/account/login/").content.decode()
