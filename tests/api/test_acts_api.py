"""An act's own side over the API; ranking, taking back, and the office's small things."""

import base64
from typing import Any

import pytest
from django.core import mail as outbox

from housecount.box_office.models import Appearance, Suggestion
from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from tests.api.caller import Caller, token_of
from tests.invoices.office import OUR_ABN, document_data, party_data
from tests.web.stage import Stage
from tests.world import make_house

_PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63e8"
    "92b10600021500e2c3d7d0d70000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def stage(database: str) -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def office(stage: Stage) -> Caller:
    caller = Caller(token_of(stage.house.admin))
    caller.post("/parties", party_data(name="Own", abn=OUR_ABN) | {"self": True}, 201)
    return caller


def test_an_act_reads_its_own_shows_and_raises_an_invoice(stage: Stage, office: Caller) -> None:
    mine, other = stage.put_on("My Hour", days=3, sold=2), stage.put_on("Not Mine", days=4, sold=1)
    act = Caller(token_of(stage.house.act))
    assert act.get("/own/shows")["shows"] == []
    with acting_as(stage.house.system):
        Appearance.objects.create(
            organisation_id=stage.organisation_id, show_id=mine.show_id, membership=stage.house.act.membership
        )
    [show] = act.get("/own/shows")["shows"]
    assert (show["title"], show["totals"]["sold"]) == ("My Hour", 2)
    assert set(show) == {
        "id", "title", "starts_at", "venue", "seats", "currency", "cancelled", "totals", "as_of", "stale", "documents",
    }  # fmt: skip
    lines = [{"description": "Set", "unit_price": 20000, "tax": "taxable"}]
    assert "party" in act.post("/own/invoices", {"lines": lines}, 422)["detail"], (
        "the office knows no party of theirs"
    )
    party = office.post("/parties", party_data(user=stage.house.act.user.email), 201)["id"]
    theirs = {"lines": lines, "show": str(other.show_id)}
    assert "bill" in act.post("/own/invoices", theirs, 422)["detail"]
    made = act.post("/own/invoices", {"lines": lines, "show": show["id"], "reference": "A1"}, 201)
    assert (made["reference"], made["kind"]) == ("A1", "invoice")
    [draft] = [each for each in office.get("/documents")["documents"] if each["reference"] == "A1"]
    assert (draft["direction"], draft["party"], draft["status"]) == ("payable", party, "draft")
    assert act.post("/own/invoices", {"lines": lines, "direction": "receivable"}, 422)
    assert office.post("/own/invoices", {"lines": lines}, 403)["code"] == "not_for_role"


def test_shows_are_ranked_page_by_page(office: Caller, stage: Stage) -> None:
    for title, sold in (("Rank", 1), ("Rank", 3), ("Rank", 2)):
        stage.put_on(title, days=20 + sold, sold=sold)
    stage.put_on("Unranked", days=40, sold=4)
    asked = "/shows?order=sold&limit=2&run=rank"
    first = office.get(asked)
    second = office.get(f"{asked}&cursor={first['next']}")
    assert [each["totals"]["sold"] for each in first["shows"] + second["shows"]] == [3, 2, 1]
    assert second["next"] is None
    assert office.get(f"/shows?order=gross&cursor={first['next']}", 422)["code"] == "bad_cursor"


def test_what_was_done_to_shows_is_taken_back(office: Caller, stage: Stage) -> None:
    source, target = stage.put_on("Twice", days=50, sold=1), stage.put_on("Twice over", days=51, sold=1)
    with acting_as(stage.house.system):
        suggestion = Suggestion.objects.create(
            organisation_id=stage.organisation_id, listing=source, show_id=target.show_id, score=50
        )
    for step, declined in (("decline", True), ("restore", False)):
        office.post(f"/suggestions/{suggestion.pk}/{step}")
        with acting_as(stage.house.system):
            assert Suggestion.objects.get(pk=suggestion.pk).declined is declined
    office.post(f"/shows/{source.show_id}/merge", {"into": str(target.show_id)})
    again = office.post(f"/shows/{source.show_id}/revive", {"listings": [str(source.pk)]})
    assert again == {"show": str(source.show_id), "apart_from": str(target.show_id)}
    assert [each["id"] for each in office.get(f"/shows/{source.show_id}")["listings"]] == [str(source.pk)]
    office.post(f"/shows/{source.show_id}/revive", {"listings": []}, 409)
    office.post(f"/shows/{source.show_id}/revive", {"listings": "all"}, 422)


def test_the_post_of_a_document(office: Caller, stage: Stage) -> None:
    party = office.post("/parties", party_data(email="act@example.com"), 201)["id"]
    draft = office.post("/documents", document_data(party), 201)["id"]
    office.post(f"/documents/{draft}/send", None, 422)
    office.post(f"/documents/{draft}/issue")
    office.post(f"/documents/{draft}/send", {"words": "Here it is"})
    office.post(f"/documents/{draft}/remind", {"on": False})
    office.post(f"/documents/{draft}/settle", {"words": "talked about"})
    history = office.get(f"/documents/{draft}/history")
    assert [each["recipients"] for each in history["deliveries"]] == [["act@example.com"]]
    assert {"reminders_off", "dispute_settled"} <= {each["what"] for each in history["events"]}
    delivery = history["deliveries"][0]["id"]
    with acting_as(stage.house.system):
        Document.objects.get(pk=draft).deliveries.update(sent_at="2026-11-27T00:00Z", next_try_at=None)
    told = office.post(f"/documents/{draft}/deliveries/{delivery}", {"do": "bounced"})
    assert told["deliveries"][0]["bounced_at"]
    office.post(f"/documents/{draft}/deliveries/{delivery}", {"do": "burn"}, 422)
    again = office.post(
        "/recurring", {"document": draft, "rhythm": "weekly", "first_on": "2027-01-01", "name": "Weekly"}, 201
    )
    assert office.send("PATCH", f"/recurring/{again['id']}", {"active": False})["active"] is False
    assert [each["active"] for each in office.get("/recurring")["recurring"]] == [False]
    assert not outbox.outbox


def test_rules_notifications_logo_and_the_organisation(stage: Stage, office: Caller) -> None:
    assert office.send("PATCH", "/policy", {"register_days": 30})["register_days"] == 30
    assert office.get("/policy")["register_days"] == 30
    chosen = office.send("PATCH", "/notifications", {"mail": {"oversell": False}})
    assert {each["cause"]: each["mail"] for each in chosen["choices"]}["oversell"] is False
    office.send("PATCH", "/notifications", {"mail": {"weather": True}}, 422)
    picture = base64.b64encode(_PICTURE).decode()
    assert office.send("PUT", "/logo", {"picture": picture})["kind"] == "png"
    script = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>").decode()
    office.send("PUT", "/logo", {"picture": script}, 422)
    assert office.send("PUT", "/logo", {"picture": None})["kind"] is None
    changed = office.send("PATCH", "/organisation", {"timezone": "Australia/Perth"})
    assert changed["timezone"] == "Australia/Perth"
    party = office.post("/parties", party_data(email="act@example.com"), 201)["id"]
    office.post("/documents", document_data(party), 201)
    assert office.send("PATCH", "/organisation", {"currency": "NZD"}, 409)["code"] == "fixed"
    other = Caller(token_of(make_house().admin))
    assert other.send("PATCH", "/organisation", {"currency": "NZD"})["currency"] == "NZD"
    token_of(stage.house.admin, ["sales:read"])
    spare = office.get("/tokens")["tokens"][0]["id"]
    assert office.post(f"/tokens/{spare}/revoke")["state"] == "revoked"


def test_hooks_are_replayed_by_what_they_have_in_common_and_accounts_read(
    office: Caller, stage: Stage
) -> None:
    from tests.web.test_hooks_pages import arrive

    dead: list[Any] = arrive(stage, 2, status="dead")
    arrive(stage, 1, status="done")
    assert office.post("/hooks/replay", {}, 422)
    assert office.post("/hooks/replay", {"state": "dead"}, 422), "a misspelt field does not choose more"
    assert office.post(f"/hooks/{dead[0]}/dismiss")["outcome"] == "dismissed"
    assert office.post("/hooks/replay", {"status": "dead"}) == {"replayed": 1}
    assert len(office.post("/accounts/read", None, 202)["accounts"]) == len(stage.accounts)
    assert office.get("/alerts") == {"alerts": []}
    assert office.get("/set-aside") == {"records": []}
