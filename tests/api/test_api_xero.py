"""Xero over HTTP: what is told of it, who may map and end it, and asking for a push that is made once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from housecount.tenancy.identity import acting_as
from housecount.xero.models import Copy, Intent
from tests.api.caller import Caller, token_of
from tests.invoices.office import Office
from tests.world import House, make_house
from tests.xero.desk import Desk, open_desk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


@pytest.fixture(scope="module")
def desk(house: House) -> Iterator[Desk]:
    """An office with one document in Xero that differs there, and one that waits for a person."""
    with pytest.MonkeyPatch.context() as patch, open_desk(Office(house.organisation.pk)) as desk:
        patch.setattr("housecount.invoices.pdf.render", lambda printed, **_: repr(printed.number).encode())
        yield desk


def test_the_connection_its_queue_drift_and_history_are_told(house: House, desk: Desk) -> None:
    admin, keeper = Caller(token_of(house.admin)), Caller(token_of(house.bookkeeper))
    told = keeper.get("/xero")
    assert (told["connected"], told["state"], told["organisation"], told["budget"]) == (
        False,
        "none",
        None,
        None,
    )
    assert keeper.get("/xero/queue") == {"queue": [], "next": None}
    assert keeper.get("/xero/drift") == {"drift": [], "next": None}
    assert keeper.get("/xero/mapping", 409)["code"] == "xero_not_connected"
    assert keeper.post("/xero/push", {}, 409)["code"] == "xero_not_connected"
    assert Caller(token_of(house.act)).get("/xero", 403)["code"] == "not_for_role"
    assert Caller(token_of(house.admin, ["sales:read"])).get("/xero", 403)["code"] == "scope_missing"

    row = desk.connect()
    desk.person("contact", fields={"Name": "Example Hall"})
    hall = desk.office.party(name="Example Hall", abn="", email="hall@example.org", gst_registered_from=None)
    waits, written = desk.office.issued(hall), desk.office.issued(desk.office.party())
    mark = {"stage": "planned", "reason": None, "id": None, "url": None}
    assert keeper.get(f"/documents/{waits.pk}")["xero"] == mark
    assert desk.push().done == 1
    with acting_as(house.system):
        intent = Intent.objects.get(target=written.pk)
        Copy.objects.update_or_create(
            organisation_id=row.organisation_id,
            tenant_id=row.tenant_id,
            document=written,
            defaults={
                "read_at": timezone.now(),
                "drifted_at": timezone.now(),
                "drift": [{"field": "total", "ours": "550.00", "xero": "500.00"}],
            },
        )
    told = keeper.get("/xero")
    assert (told["state"], told["organisation"], told["currency"]) == ("connected", desk.tenant.name, "AUD")
    assert (told["counts"], told["drift"], told["writing"]) == ({"blocked": 1, "done": 1}, 1, False)
    assert 0 < told["budget"]["used"] <= told["budget"]["allowed"]
    [left] = keeper.get("/xero/queue")["queue"]
    assert (left["document"], left["stage"], left["what"]) == (str(waits.pk), "blocked", "document")
    assert "only the name" in left["reason"]
    [side] = keeper.get("/xero/drift")["drift"]
    assert (side["number"], side["field"], side["ours"], side["xero"]) == (
        written.number,
        "total",
        "550.00",
        "500.00",
    )
    assert side["url"].endswith(f"InvoiceID={intent.xero_id}")
    marks = {each["number"]: each["xero"] for each in keeper.get("/documents")["documents"]}
    assert (marks[written.number]["stage"], marks[written.number]["id"]) == ("drift", intent.xero_id)
    assert marks[waits.number]["stage"] == "blocked"
    first = keeper.get(f"/xero/history?document={written.pk}&limit=2")
    assert len(first["history"]) == 2
    rest = keeper.get(f"/xero/history?document={written.pk}&cursor={first['next']}")
    steps = [each["step"] for each in (*first["history"], *rest["history"])]
    assert "PUT /Invoices" in steps
    assert len(steps) == len({each["id"] for each in (*first["history"], *rest["history"])})
    assert {each["document"] for each in rest["history"]} == {str(written.pk)}
    assert keeper.get("/xero/history?cursor=nonsense", 422)["code"] == "bad_cursor"

    mapping = {each["purpose"]: each["code"] for each in keeper.get("/xero/mapping")["mapping"]}
    assert (mapping["sales"], mapping["receivable.taxable"]) == ("200", "OUTPUT")
    change = {"mapping": {"sales": "260"}}
    assert keeper.send("PUT", "/xero/mapping", change, 403)["code"] == "not_for_role"
    assert keeper.post("/xero/disconnect", {}, 403)["code"] == "not_for_role"
    assert (
        admin.send("PUT", "/xero/mapping", {"mapping": {"sales": "none"}}, 422)["code"] == "xero_does_not_fit"
    )
    assert admin.send("PUT", "/xero/mapping", {"mapping": ["sales"]}, 422)["code"] == "invalid"
    changed = {
        each["purpose"]: each["code"] for each in admin.send("PUT", "/xero/mapping", change)["mapping"]
    }
    assert (changed["sales"], changed["costs"]) == ("260", mapping["costs"])


def test_a_push_is_asked_for_once_and_the_end_keeps_what_was_written(house: House, desk: Desk) -> None:
    admin, keeper = Caller(token_of(house.admin)), Caller(token_of(house.bookkeeper))
    desk.connect()
    document = desk.office.issued(desk.office.party(name="Second Act", email="second@example.org", abn=""))
    asked: dict[str, Any] = keeper.post(
        "/xero/push", {"document": str(document.pk)}, 202, Idempotency_Key="push-1"
    )
    again = keeper.post("/xero/push", {"document": str(document.pk)}, 202, Idempotency_Key="push-1")
    assert asked == again == {"left": 1}
    assert keeper.post("/xero/push", {"document": str(document.party_id)}, 404)["code"] == "not_found"
    assert keeper.post("/xero/push", {"all": True}, 422)["code"] == "invalid"
    assert keeper.post("/xero/pull", {}, 202) == {"asked": True}
    with acting_as(house.system):
        jobs = ProcrastinateJob.objects.filter(
            task_name__startswith="housecount.xero.tasks.", args__organisation_id=str(house.organisation.pk)
        )
        assert sorted(each.task_name.rsplit(".", 1)[-1] for each in jobs) == ["pull", "push"]
        assert Intent.objects.get(target=document.pk).asked_at is not None
    [first, *_] = [each for each in keeper.get("/xero/queue")["queue"] if each["number"] == document.number]
    assert first["urgency"] == "asked"
    ended = admin.post("/xero/disconnect", {})
    assert (ended["connected"], ended["state"]) == (False, "disconnected")
    assert keeper.post("/xero/pull", {}, 409)["code"] == "xero_not_connected"
    assert keeper.get("/xero/history")["history"] is not None
