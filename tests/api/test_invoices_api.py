"""Documents over HTTP: the JSON of the commands, for those who may see it, and refusals in words."""

from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from django.test import Client

from housecount.cli.main import cli
from tests.invoices.office import ACT_ABN, OUR_ABN, document_data, party_data
from tests.world import House, make_house


class Api:
    """A house's API as its bookkeeper uses it."""

    def __init__(self) -> None:
        self.house: House = make_house()
        self.client = self.house.bookkeeper.signed_in()
        own = party_data(name="Laughs", abn=OUR_ABN) | {"self": True}
        self.own = self.post("/parties", own, 201)
        self.party = self.post("/parties", party_data(), 201)

    def ask(self, method: str, path: str, data: object = None, status: int = 200, **headers: str) -> Any:
        response = getattr(self.client, method)(
            f"/api/v1{path}", data, content_type="application/json", headers=headers
        )
        assert response.status_code == status, response.content.decode()
        return response.json() if response.content else None

    def get(self, path: str, status: int = 200) -> Any:
        response = self.client.get(f"/api/v1{path}")
        assert response.status_code == status, response.content.decode()
        return response.json()

    def post(self, path: str, data: object = None, status: int = 200, **headers: str) -> Any:
        return self.ask("post", path, {} if data is None else data, status, **headers)

    def document(self, **changes: Any) -> Any:
        return self.post("/documents", document_data(self.party["id"], **changes), 201)

    def issued(self, **changes: Any) -> Any:
        return self.post(f"/documents/{self.document(**changes)['id']}/issue")


@pytest.fixture
def api(database: str) -> Api:
    return Api()


def test_the_life_of_a_document(api: Api) -> None:
    draft = api.document(reference="R1")
    assert (draft["status"], draft["total"], draft["number"]) == ("draft", 55000, None)
    path = f"/documents/{draft['id']}"
    assert api.ask("patch", path, {"reference": "R2"})["reference"] == "R2"
    assert api.post(f"{path}/approve")["status"] == "approved"
    assert api.post(f"{path}/reopen")["status"] == "draft"
    issued = api.post(f"{path}/issue")
    assert (issued["status"], issued["number"]) == ("issued", "INV-00001")
    assert len(issued["sha256"]) == 64
    assert api.get(path) == issued
    pdf = api.client.get(f"/api/v1{path}/pdf")
    assert pdf.content[:5] == b"%PDF-"
    assert pdf["ETag"] == f'"{issued["sha256"]}"'
    key = {"Idempotency-Key": uuid4().hex}
    for _ in range(2):
        paid = api.post(f"{path}/pay", {"amount": 5000, "date": "2026-12-01", "reference": "x"}, **key)
    assert (paid["paid"], paid["payment_status"]) == (5000, "part_paid")
    assert api.post(f"{path}/pay", {"amount": 5, "date": "2999-12-01"}, 409)["code"] == "paid_ahead"
    for _ in range(2):
        note = api.post(f"{path}/credit", {}, **{"Idempotency-Key": "c"})
    assert (note["kind"], note["credits"], note["number"]) == ("credit_note", draft["id"], "CN-00001")
    assert api.get(path)["status"] == "credited"
    assert api.ask("delete", path, status=409)["code"] == "already_issued"


def test_tax_withheld_and_earnings_for_super_are_told_by_payee(api: Api) -> None:
    party = api.post(
        "/parties", party_data(name="Nameless", abn=None, gst_registered_from=None, kind="individual"), 201
    )
    line = {"description": "Spot", "unit_price": 50000, "tax": "out_of_scope", "ote": True}
    statement = {"kind": "payment_statement", "direction": "payable", "party": party["id"], "lines": [line]}
    api.post(f"/documents/{api.document(**statement)['id']}/issue")
    asked = "since=2026-11-27&until=2026-11-27"
    [kept] = api.get(f"/reports/withheld?{asked}")["payees"]
    assert (kept["name"], kept["withheld"], kept["total"], kept["documents"]) == ("Nameless", 23500, 50000, 1)
    [earned] = api.get(f"/reports/super?{asked}")["payees"]
    assert (earned["party"], earned["earnings"], earned["lines"]) == (party["id"], 50000, 1)
    for report in ("withheld", "super"):
        assert api.get(f"/reports/{report}?since=2026-11-28&until=2026-11-28")["payees"] == []
        assert api.get(f"/reports/{report}?since=2026-11-28&until=2026-11-27", 422)["code"]


def test_what_stands_against_a_draft_and_what_it_looks_like_is_told_before_it_is_issued(api: Api) -> None:
    first = api.issued(reference="Run 7")
    draft = api.document(reference="run 7")
    told = api.get(f"/documents/{draft['id']}/check")
    assert told["refusals"] == []
    assert [(each["number"], each["total"]) for each in told["duplicates"]] == [
        (first["number"], first["total"])
    ]
    deposit = api.document(kind="deposit_invoice")
    told = api.get(f"/documents/{deposit['id']}/check")
    assert [each["code"] for each in told["refusals"]] == ["deposit_kind_missing"]
    assert told["duplicates"] == []
    assert api.get(f"/documents/{first['id']}/check") == {"refusals": [], "duplicates": []}
    seen = CliRunner().invoke(cli, ["invoice", "check", deposit["id"]])
    assert (seen.exit_code, seen.output.startswith("Say what the deposit is")) == (1, True)
    seen = CliRunner().invoke(cli, ["invoice", "check", draft["id"]])
    assert (seen.exit_code, seen.output[:27]) == (0, f"It looks like {first['number']} of ")


def test_whoever_is_paid_is_told_of_it(api: Api) -> None:
    bill = api.issued(direction="payable")
    path, paid = f"/documents/{bill['id']}", {"amount": 100, "date": "2026-11-27"}
    api.post(f"{path}/pay", paid | {"tell": "yes"}, 422)
    api.post(f"{path}/pay", paid | {"tell": True})
    owed = api.issued()
    assert api.post(f"/documents/{owed['id']}/pay", paid | {"tell": True}, 422)["code"] == "not_sendable"
    assert api.get(f"/documents/{owed['id']}")["paid"] == 0, "all of it, or nothing"
    CliRunner().invoke(
        cli, ["invoice", "pay", bill["id"], "--amount", "200", "--date", "2026-11-27", "--tell"]
    )
    sent = CliRunner().invoke(cli, ["invoice", "send", bill["id"], "--words", "Here it is."])
    assert sent.output == "It goes to accounts@mirth.example.\n"
    deliveries = api.get(f"{path}/history")["deliveries"]
    assert [each["purpose"] for each in deliveries] == ["document", "remittance", "remittance"]
    assert api.get(path)["paid"] == 300


def test_drafts_are_made_in_lists_and_thrown_away(api: Api) -> None:
    made = api.post("/documents", [document_data(api.party["id"])] * 2, 201)
    assert len(made) == 2
    assert api.ask("delete", f"/documents/{made[0]['id']}", status=204) is None
    gone = api.get(f"/documents/{made[0]['id']}", 404)
    assert gone["code"] == "not_found"
    assert (
        gone["detail"]
        == f"There is no document {made[0]['id']}. GET /api/v1/documents lists those there are."
    )
    assert api.post("/documents", [document_data(api.party["id"]), {}], 422)["code"] == "invalid"
    assert len(api.get("/documents")["documents"]) == 1


def test_pages_and_filters(api: Api) -> None:
    for n in range(5):
        api.document(reference=f"ref-{n}")
    api.issued(reference="issued one", due_date="2026-11-27")
    seen, cursor = [], ""
    for _ in range(3):
        page = api.get(f"/documents?limit=2{f'&cursor={cursor}' if cursor else ''}")
        seen += [each["reference"] for each in page["documents"]]
        cursor = page["next"]
    assert sorted(seen) == ["issued one", *(f"ref-{n}" for n in range(5))]
    assert cursor is None
    assert [each["reference"] for each in api.get("/documents?status=issued")["documents"]] == ["issued one"]
    assert len(api.get(f"/documents?party={api.party['id']}&q=REF-3")["documents"]) == 1
    assert api.get(f"/documents?party={uuid4()}")["documents"] == []
    assert api.get("/documents?status=lost", 422)["code"] == "invalid"
    assert api.get("/documents?cursor=nonsense", 422)["code"] == "bad_cursor"


def test_refusals_tell_every_rule(api: Api) -> None:
    draft = api.document(kind="rcti", direction="payable")
    refused = api.post(f"/documents/{draft['id']}/issue", status=422)
    assert refused["errors"]
    assert any("agreement" in each["message"] for each in refused["errors"])
    assert refused["code"] == refused["errors"][0]["code"]
    assert api.get(f"/documents/{draft['id']}")["number"] is None
    agreement = {"kind": "rcti", "party": api.party["id"], "from": "2026-01-01", "supplies": "sets"}
    made = api.post("/agreements", agreement, 201)
    assert [each["id"] for each in api.get("/agreements")["agreements"]] == [made["id"]]
    api.ask("patch", f"/documents/{draft['id']}", {"agreement": made["id"]})
    assert api.post(f"/documents/{draft['id']}/issue")["number"] == "RCTI-00001"


def test_several_are_issued_each_for_itself(api: Api) -> None:
    ids = [api.document()["id"], str(uuid4()), api.document(kind="rcti", direction="payable")["id"]]
    results = api.post("/documents/issue", {"documents": ids})["results"]
    assert [each["id"] for each in results] == ids
    assert [bool(each["document"]) for each in results] == [True, False, False]
    assert results[1]["error"]["code"] == "not_found"
    assert api.post("/documents/issue", {"documents": "x"}, 422)["code"] == "invalid"


def test_void_and_write_off(api: Api) -> None:
    first, second = api.issued(), api.issued()
    assert api.post(f"/documents/{first['id']}/void", {"reason": "twice"})["status"] == "void"
    assert api.post(f"/documents/{second['id']}/write-off", {"reason": "gone"})["status"] == "written_off"
    assert api.post(f"/documents/{first['id']}/void", {"why": "x"}, 422)["code"] == "invalid"


@pytest.mark.parametrize(
    "data",
    [{"amount": 5.5, "date": "2026-12-01"}, {"amount": True, "date": "2026-12-01"}, {"amount": 5}, {"amount": "5"},
     {"amount": 5, "date": 7}, {"amount": 0, "date": "2026-12-01"}, {"amount": 5, "date": "2026-12-01", "x": 1}],
)  # fmt: skip
def test_payments_that_cannot_be(api: Api, data: dict[str, object]) -> None:
    issued = api.issued()
    assert api.post(f"/documents/{issued['id']}/pay", data, 422)["code"] == "invalid"
    assert api.get(f"/documents/{issued['id']}")["paid"] == 0


@pytest.mark.parametrize("body", ["", "{", "[1]", '"x"', "5", "null"])
def test_bodies_that_are_no_document(api: Api, body: str) -> None:
    response = api.client.post("/api/v1/documents", body, content_type="application/json")
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"


def test_floats_and_unknown_fields_are_refused(api: Api) -> None:
    data = document_data(api.party["id"])
    data["lines"][0]["unit_price"] = 500.5
    assert api.post("/documents", data, 422)["code"] == "invalid"
    assert "colour" in api.post("/documents", document_data(api.party["id"], colour="red"), 422)["detail"]


def test_parties(api: Api) -> None:
    bank = {"bsb": "062000", "account": "12345678", "name": "M"}
    changed = api.ask("patch", f"/parties/{api.party['id']}", {"bank": bank, "email": "new@mirth.example"})
    assert changed["bank"]["account"] == "•••678"
    assert "12345678" not in str(api.get("/parties"))
    assert api.get(f"/parties/{api.party['id']}")["email"] == "new@mirth.example"
    assert api.post("/parties", party_data(abn="51824753557"), 422)["code"] == "not_an_identifier"
    assert len(api.post("/parties", [party_data(name="A"), party_data(name="B")], 201)) == 2
    assert [each["name"] for each in api.get("/parties?q=mirth")["parties"]].count("Mirth Machine") >= 1


def test_roles(api: Api) -> None:
    issued, path = api.issued(), "/api/v1/documents"
    act = api.house.act.signed_in()
    assert act.get(path).json() == {"documents": [], "next": None}
    assert act.get(f"{path}/{issued['id']}").status_code == 404
    assert act.get(f"{path}/{issued['id']}/pdf").status_code == 404
    for method, address in (
        ("post", path),
        ("patch", f"{path}/{issued['id']}"),
        ("delete", f"{path}/{issued['id']}"),
        ("post", f"{path}/{issued['id']}/pay"),
        ("get", "/api/v1/parties"),
        ("post", "/api/v1/parties"),
        ("get", "/api/v1/agreements"),
    ):
        response = getattr(act, method)(address, {}, content_type="application/json")
        assert (response.status_code, response.json()["code"]) == (403, "not_for_role"), address
    assert Client().get(path).json()["code"] == "sign_in_needed"
    for role in ("admin", "promoter"):
        assert getattr(api.house, role).signed_in().get(f"{path}/{issued['id']}").status_code == 200


def test_an_act_reads_what_is_its_own(api: Api) -> None:
    api.client = api.house.admin.signed_in()  # who alone sees the organisation's people
    party = api.post("/parties", party_data(name="Own", user=api.house.act.user.email), 201)
    bill = api.issued(party=party["id"], kind="invoice", direction="payable", reference="A-1")
    act = api.house.act.signed_in()
    [found] = act.get("/api/v1/documents").json()["documents"]
    assert found["id"] == bill["id"]
    assert act.get(f"/api/v1/documents/{bill['id']}/pdf").status_code == 200


def test_another_house_finds_nothing(api: Api) -> None:
    issued, draft = api.issued(), api.document()
    carol = make_house().admin.signed_in()
    for method, path in (
        ("get", f"/documents/{issued['id']}"),
        ("get", f"/documents/{issued['id']}/pdf"),
        ("post", f"/documents/{issued['id']}/void"),
        ("post", f"/documents/{issued['id']}/credit"),
        ("post", f"/documents/{draft['id']}/issue"),
        ("patch", f"/documents/{draft['id']}"),
        ("delete", f"/documents/{draft['id']}"),
        ("patch", f"/parties/{api.party['id']}"),
        ("get", f"/parties/{api.party['id']}"),
    ):
        assert (
            getattr(carol, method)(f"/api/v1{path}", {}, content_type="application/json").status_code == 404
        ), path
    paying = {"amount": 5, "date": "2026-12-01"}
    response = carol.post(f"/api/v1/documents/{issued['id']}/pay", paying, content_type="application/json")
    assert response.status_code == 404
    data = document_data(api.party["id"])
    assert carol.post("/api/v1/documents", data, content_type="application/json").status_code == 404
    assert api.get(f"/documents/{draft['id']}")["status"] == "draft"


def test_a_change_needs_the_token_of_the_site(api: Api) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = api.client.cookies
    data = document_data(api.party["id"])
    response = client.post("/api/v1/documents", data, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (403, "csrf_token_needed")
    assert client.get("/api/v1/documents").status_code == 200
    client.cookies["csrftoken"] = "a" * 32
    response = client.post(
        "/api/v1/documents", data, content_type="application/json", headers={"X-CSRFToken": "a" * 32}
    )
    assert response.status_code == 201


def test_a_refusal_keeps_nothing(api: Api) -> None:
    good = document_data(api.party["id"])
    bad = document_data(api.party["id"], lines=[])
    api.post("/documents", [good, bad], 422)
    assert api.get("/documents")["documents"] == []


def test_it_describes_itself(api: Api) -> None:
    """Field by field: what a document, a line, a party and an agreement have is what is said of them."""
    document = Client().get("/api/v1/openapi.json").json()
    assert ACT_ABN not in str(document)
    agreement = {"kind": "rcti", "party": api.party["id"], "from": "2026-01-01", "supplies": "sets"}
    made = api.document()
    for name, told in (
        ("DocumentOut", made),
        ("LineOut", made["lines"][0]),
        ("PartyOut", api.party),
        ("AgreementOut", api.post("/agreements", agreement, 201)),
    ):
        assert set(document["components"]["schemas"][name]["properties"]) == set(told), name
