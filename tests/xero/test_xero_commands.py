"""`housecount xero`, as a person types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from housecount.cli.main import cli
from housecount.installation import environment
from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import Organisation
from tests.xero.desk import Desk, open_desk

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


@pytest.fixture
def slug(desk: Desk) -> str:
    with acting_as(desk.office.identity):
        return Organisation.objects.get(pk=desk.office.organisation_id).slug


def run(slug: str, command: str, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["xero", command, "--organisation", slug, *arguments])
    assert "Traceback" not in result.output
    return result


def told(result: Result, code: int = 0) -> Any:
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def drifted(document: Document, field: str, ours: str, xero: str) -> dict[str, str]:
    return {
        "document": str(document.pk),
        "number": document.number or "",
        "field": field,
        "ours": ours,
        "xero": xero,
    }


def test_connect_map_push_and_status(desk: Desk, slug: str) -> None:
    none = told(run(slug, "status", "--json"), 1)
    assert (none["connected"], none["state"]) == (False, "none")
    assert told(run(slug, "push", "--json"), 1)["error"]["code"] == "xero_not_connected"
    made = told(run(slug, "connect", "--custom", "--bank-account", "091", "--json"))
    assert (made["organisation"], made["state"]) == (desk.tenant.name, "connected")
    secrets = (desk.app.secret or "", "eyJ")
    assert not any(secret in run(slug, "status").output for secret in secrets)
    mapped = told(run(slug, "map", "--account", "sales=260", "--tax", "payable.gst_free=NONE", "--json"))
    codes = {each["purpose"]: (each["code"], each["rate"]) for each in mapped["mapping"]}
    assert (codes["sales"], codes["payable.gst_free"], codes["bank"]) == (
        ("260", None),
        ("NONE", "0"),
        ("091", None),
    )
    assert told(run(slug, "map", "--account", "sales=1", "--json"), 1)["error"]["code"] == "xero_does_not_fit"
    assert run(slug, "map", "--account", "sales").exit_code == 2
    assert run(slug, "connect", "--custom", "--code", "x", "--state", "y").exit_code == 2
    office = desk.office
    invoice = office.issued(office.party())
    office.pay(invoice, 10000)
    desk.person("lock", period="2026-11-27")
    stopped = told(run(slug, "push", "--json"), 1)
    assert (stopped["done"], stopped["left"], stopped["open"][0]["number"]) == (0, 2, invoice.number)
    assert f"{invoice.number} document (blocked): The books in Xero are locked" in run(slug, "push").output
    desk.person("lock")
    done = told(run(slug, "push", "--json"))
    assert (done["done"], done["left"], done["open"]) == (2, 0, [])
    there = desk.documents()[0]
    assert (there["LineItems"][0]["AccountCode"], str(there["AmountPaid"])) == ("260", "100.00")
    (paid,) = desk.books()["Payments"]
    assert paid["Account"]["Code"] == "091"
    assert told(run(slug, "status", "--json"))["counts"] == {"done": 2}
    assert told(run(slug, "drift", "--json")) == {"drift": []}
    assert told(run(slug, "automatic", "off", "--json")) == {"automatic": False}
    assert "Nothing is written by itself" in run(slug, "status").output
    assert told(run(slug, "automatic", "on", "--json")) == {"automatic": True}
    office.pay(invoice, -2500)
    assert "Issue a credit note for what was given back" in run(slug, "push").output
    waits = told(run(slug, "by-hand", str(invoice.pk), "--json"))
    assert waits == {"document": str(invoice.pk), "settled": 1}
    assert told(run(slug, "by-hand", str(invoice.pk), "--json"), 1)["settled"] == 0
    office.pay(invoice, 2500)
    assert run(slug, "push").exit_code == 0
    desk.person("pay", document=invoice.number, amount=50)
    note = office.credit(invoice, [{"line": 1, "quantity": "0.1"}])
    assert run(slug, "push").exit_code == 0
    desk.person("edit", document=note.number, fields={"Date": "2026-11-26"})
    assert told(run(slug, "drift", "--json"), 1)["drift"] == [
        drifted(note, "date", "2026-11-27", "2026-11-26"),
    ]
    assert f"{note.number}  date   2026-11-27" in run(slug, "drift").output
    second = office.issued(office.party(abn="47555222000", email="two@mirth.example", name="Second"))
    assert run(slug, "push").exit_code == 0
    desk.person("void", document=second.number)
    assert drifted(second, "status", "issued", "voided") in told(run(slug, "drift", "--json"), 1)["drift"]
    assert "is disconnected" in run(slug, "disconnect").output
    assert told(run(slug, "status", "--json"), 1)["state"] == "disconnected"


def test_the_address_to_open_and_the_way_back(desk: Desk, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = desk.world.xero.apps[0]
    monkeypatch.setenv("XERO_CLIENT_ID", app.client_id)
    monkeypatch.setenv("XERO_CLIENT_SECRET", app.secret or "")
    environment.load.cache_clear()
    parts = urlsplit(told(run(slug, "connect", "--json"))["open"])
    asked = parse_qs(parts.query)
    assert asked["code_challenge_method"] == ["S256"]
    assert "accounting.transactions" not in asked["scope"][0]
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    back = parse_qs(urlsplit(connection.getresponse().headers["Location"]).query)
    connection.close()
    way_back = ("--code", back["code"][0], "--state", back["state"][0], "--json")
    assert told(run(slug, "connect", *way_back))["tenant"] == desk.tenant.id
    assert told(run(slug, "connect", *way_back), 1)["error"]["code"] == "xero_not_connected"


def test_who_a_party_is_can_be_said(desk: Desk, slug: str) -> None:
    party = desk.office.party(abn="", email="")
    desk.office.issued(party)
    run(slug, "connect", "--custom")
    known = desk.person("contact", fields={"Name": party.name})["contact"]
    assert "only the name says" in run(slug, "push").output
    assert run(slug, "contact", "--party", str(party.pk)).exit_code == 2
    wrong = told(run(slug, "contact", "--party", str(party.pk), "--contact", "nobody", "--json"), 1)
    assert wrong["error"]["code"] == "xero_blocked"
    said = told(run(slug, "contact", "--party", str(party.pk), "--contact", known, "--json"))
    assert said == {"party": str(party.pk), "contact": known}
    assert run(slug, "push").exit_code == 0
    assert desk.documents()[0]["Contact"]["ContactID"] == known
