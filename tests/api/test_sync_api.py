"""Accounts, reads, gaps and webhooks over HTTP; the organisation, its members and its audit log."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account
from housecount.intake.models import Hook
from housecount.sync import agenda
from housecount.sync.models import Agenda, Gap, ReadRun
from housecount.sync.queries import account_documents
from housecount.tenancy.identity import Identity, Role, acting_as
from tests.api.caller import Caller, token_of
from tests.web.stage import Stage


class Engine:
    """A house whose account was read, with webhooks in its log."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.stage.put_on(sold=1)
        self.house, self.account = self.stage.house, self.stage.accounts["eventbrite"]
        self.caller = Caller(token_of(self.house.admin))
        now, organisation_id = self.stage.now, self.stage.organisation_id
        with acting_as(self.house.system):
            for minutes in range(3):
                at = now - timedelta(minutes=minutes)
                ReadRun.objects.create(
                    organisation_id=organisation_id, account_id=self.account.account_id, full=minutes == 0,
                    started_at=at, finished_at=at, complete=minutes != 1, requests=2, orders_read=3, orders_changed=1,
                    tickets_changed=1, error_code="rate_limited" if minutes == 1 else "", error="Too much.",
                )  # fmt: skip
                Gap.objects.create(
                    organisation_id=organisation_id, account_id=self.account.account_id, event_id="e", kind="order",
                    external_id=f"o{minutes}", changed_at=at, covered_until=at, found_at=at,
                )  # fmt: skip
        with acting_as(Identity(Role.INTAKE)), connection.cursor() as cursor:
            for number in range(3):
                cursor.execute(
                    "INSERT INTO webhook_log (organisation_id, account_id, platform, headers, body, webhook_id, action,"
                    " verdict, touches, status, attempts, outcome, explanation) VALUES (%s, %s, 'eventbrite',"
                    " '{\"x\": \"1\"}', 'hello', 'w', 'order.placed', 'understood', %s, %s, 1, '', '')",
                    [
                        organisation_id,
                        self.account.account_id,
                        f'[{{"kind": "order", "object_id": "{number}", "event_id": ""}}]',
                        "dead" if number == 0 else "done",
                    ],
                )

    def all(self, path: str, name: str) -> list[Any]:
        found, cursor = [], ""
        while True:
            page = self.caller.get(f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")
            found += page[name]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"


@pytest.fixture(scope="module")
def engine(database: str) -> Engine:
    return Engine()


def test_accounts(engine: Engine) -> None:
    with acting_as(engine.house.system):
        expected = account_documents(engine.stage.organisation_id)
    assert [each["account"] for each in engine.caller.get("/accounts")["accounts"]] == [
        each["account"] for each in expected
    ]
    one = engine.caller.get(f"/accounts/{engine.account.account_id}")
    assert (set(one), one["state"], one["platform"]) == (set(expected[0]), "active", "eventbrite")
    theirs = Stage().accounts["eventbrite"].account_id
    for path in (uuid4(), theirs):
        engine.caller.get(f"/accounts/{path}", 404)
        engine.caller.post(f"/accounts/{path}/read", status=404)


def test_a_read_is_asked_for(engine: Engine) -> None:
    key = AccountKey(engine.stage.organisation_id, engine.account.account_id)
    path = f"/accounts/{key.account_id}/read"
    with acting_as(engine.house.system):
        agenda.end(key)
    assert engine.caller.post(path, None, 202) == {"account": str(key.account_id), "full": False}
    with acting_as(engine.house.system):
        assert Agenda.objects.get(account_id=key.account_id).why == agenda.ASKED
        assert Agenda.objects.get(account_id=key.account_id).sweep_at is None
    assert engine.caller.post(path, {"full": True}, 202)["full"] is True
    with acting_as(engine.house.system):
        assert Agenda.objects.get(account_id=key.account_id).sweep_at is not None
    for wrong in ({"full": 1}, {"fast": True}, []):
        engine.caller.post(path, wrong, 422)
    other = engine.stage.accounts["humanitix"]
    with acting_as(engine.house.system):
        Account.objects.filter(pk=other.account_id).update(state="stopped", state_reason="The key is wrong.")
    refused = engine.caller.post(f"/accounts/{other.account_id}/read", None, 409)
    assert (refused["code"], refused["detail"]) == ("account_stopped", "The key is wrong.")


def test_reads_and_gaps(engine: Engine) -> None:
    runs = engine.all("/runs", "runs")
    assert [(each["full"], each["complete"], each["error_code"]) for each in runs] == [
        (True, True, None), (False, False, "rate_limited"), (False, True, None),
    ]  # fmt: skip
    gaps = engine.all(f"/gaps?account={engine.account.account_id}", "gaps")
    assert [each["external_id"] for each in gaps] == ["o0", "o1", "o2"]
    for path, name in (("/runs", "runs"), ("/gaps", "gaps")):
        assert engine.caller.get(f"{path}?account={uuid4()}")[name] == []


def test_the_webhook_log(engine: Engine) -> None:
    hooks = engine.all("/hooks", "hooks")
    assert [each["touches"][0]["object_id"] for each in hooks] == ["2", "1", "0"]
    assert [each["id"] for each in engine.all("/hooks?object=1", "hooks")] == [hooks[1]["id"]]
    [dead] = engine.all("/hooks?status=dead", "hooks")
    path = f"/hooks/{dead['id']}"
    assert (engine.caller.get(path)["body"], engine.caller.get(path)["headers"]) == ("hello", {"x": "1"})
    again = engine.caller.post(f"{path}/replay")
    assert (again["status"], again["outcome"], again["attempts"]) == ("waiting", "replayed", 0)
    with acting_as(engine.house.system):
        assert Hook.objects.get(pk=dead["id"]).status == "waiting"
    assert engine.all("/hooks?status=dead", "hooks") == []
    assert engine.caller.get("/hooks?status=lost", 422)["code"] == "invalid"
    stranger = Caller(token_of(Stage().house.admin))
    stranger.get(path, 404)
    stranger.post(f"{path}/replay", status=404)
    assert stranger.get("/hooks")["hooks"] == []
    for number in ("0", "99999999999", "99999999999999999999999"):
        engine.caller.get(f"/hooks/{number}", 404)


def test_the_organisation_and_its_people(engine: Engine) -> None:
    house = engine.house
    told = engine.caller.get("/organisation")
    assert (told["slug"], told["currency"]) == (house.organisation.slug, "AUD")
    members = engine.caller.get("/members")["members"]
    assert {(each["email"], each["role"]) for each in members} == {
        (getattr(house, role).user.email, role) for role in ("admin", "promoter", "bookkeeper", "act")
    }
    [token] = engine.caller.get("/tokens")["tokens"]
    assert (token["state"], token["prefix"]) == ("active", engine.caller.token[:11])
    assert engine.caller.token not in str(engine.caller.get("/tokens"))


def test_the_audit_log_names_the_token(engine: Engine) -> None:
    [show] = engine.caller.get("/shows")["shows"]
    engine.caller.send("PATCH", f"/shows/{show['id']}", {"capacity": 42})
    [change, *_] = engine.caller.get(f"/audit?table=box_office_show&row={show['id']}")["changes"]
    me = engine.caller.get("/me")
    assert (change["action"], change["user"], change["token"]) == ("UPDATE", me["user"], me["token"])
    assert (change["before"]["capacity"], change["after"]["capacity"]) == (None, 42)
    first = engine.caller.get("/audit?limit=1")
    second = engine.caller.get(f"/audit?limit=1&cursor={first['next']}")
    assert second["changes"][0]["id"] < first["changes"][0]["id"]
