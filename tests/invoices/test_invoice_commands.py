"""`housecount party`, `agreement` and `invoice`, as a person types them."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from housecount.cli.main import cli
from tests.invoices.office import ACT_ABN, OUR_ABN, Json, document_data, party_data
from tests.world import make_house

NOWHERE = "00000000-0000-4000-8000-000000000000"


def run(*arguments: str, typed: str = "") -> Result:
    result = CliRunner().invoke(cli, list(arguments), input=typed)
    assert "Traceback" not in result.output
    return result


def document(result: Result) -> Any:
    return json.loads(result.stdout)


class Desk:
    """An organisation and its files of JSON."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.slug = make_house().organisation.slug

    def file(self, data: object) -> str:
        path = self.directory / f"{uuid4().hex}.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        return str(path)

    def create(self, what: str, data: object) -> Result:
        return run(what, "create", "--organisation", self.slug, "--file", self.file(data), "--json")

    def made(self, what: str, data: object) -> Any:
        result = self.create(what, data)
        assert result.exit_code == 0, result.output
        return document(result)

    def ourselves(self) -> str:
        own = party_data(name="Laughing Stock", abn=OUR_ABN, self=True)
        return str(self.made("party", own)["id"])

    def act(self, **changes: Any) -> str:
        return str(self.made("party", party_data(**changes))["id"])

    def draft(self, party: str, **changes: Any) -> str:
        return str(self.made("invoice", document_data(party, **changes))["id"])

    def invoice(self, *arguments: str) -> Any:
        result = run("invoice", *arguments, "--json")
        assert result.exit_code == 0, result.output
        return document(result)

    def error(self, *arguments: str) -> str:
        result = run(*arguments, "--json")
        assert result.exit_code == 1, result.output
        found = document(result)
        assert set(found) == {"error"}
        assert set(found["error"]) == {"code", "message"}
        assert found["error"]["message"].endswith((".", ")"))
        return str(found["error"]["code"])


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def staffed(desk: Desk, plain_paper: None) -> Desk:
    desk.ourselves()
    return desk


# --- Parties ------------------------------------------------------------------------------------------
def test_a_party_is_made_and_its_id_printed(desk: Desk) -> None:
    result = run("party", "create", "--organisation", desk.slug, "--file", desk.file(party_data()))
    assert result.exit_code == 0
    key = result.stdout.strip()
    listed = document(run("party", "list", "--organisation", desk.slug, "--json"))
    assert listed["organisation"] == desk.slug
    assert [(each["id"], each["name"], each["abn"]) for each in listed["parties"]] == [
        (key, "Mirth Machine", ACT_ABN)
    ]
    assert "Mirth Machine" in run("party", "list", "--organisation", desk.slug).stdout


def test_a_list_of_parties_from_standard_input(desk: Desk) -> None:
    typed = json.dumps([party_data(name="One"), party_data(name="Two")])
    result = run("party", "create", "--organisation", desk.slug, "--file", "-", typed=typed)
    assert result.exit_code == 0
    assert len(result.stdout.split()) == 2
    assert "No party" in run("party", "list", "--organisation", Desk(desk.directory).slug).stdout


def test_a_party_document_has_what_was_agreed(desk: Desk) -> None:
    made = desk.made("party", party_data(self=True))
    agreed = {"id", "name", "legal_name", "kind", "email", "abn", "nzbn", "vat_number", "gst_registered_from",
              "gst_registered_to", "country", "address", "self"}  # fmt: skip
    assert agreed <= set(made)
    assert made["self"] is True


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (party_data(abn="51824753557"), "not_an_identifier"),
        (party_data(colour="blue"), "invalid"),
        ({}, "invalid"),
        (7, "invalid"),
        ([], "invalid"),
        ("{", "not_json"),
        ('{"name": "A", "name": "B"}', "not_json"),
        ('{"name": NaN}', "not_json"),
    ],
)
def test_a_party_that_cannot_be_ends_in_1_with_a_reason(desk: Desk, data: object, code: str) -> None:
    arguments = ("party", "create", "--organisation", desk.slug, "--file", desk.file(data))
    assert desk.error(*arguments) == code
    plain = run(*arguments)
    assert (plain.exit_code, plain.stdout) == (1, "")
    assert plain.stderr.startswith("Error: ")


# --- Agreements ---------------------------------------------------------------------------------------
def test_an_agreement_is_made_and_its_id_printed(desk: Desk) -> None:
    data = {"kind": "rcti", "party": desk.act(), "from": "2026-01-01", "to": "2026-12-31", "supplies": "sets",
            "reference": "A-1"}  # fmt: skip
    result = run("agreement", "create", "--organisation", desk.slug, "--file", desk.file(data))
    assert result.exit_code == 0
    assert len(result.stdout.strip()) == 36
    made = desk.made("agreement", data)
    assert {name: made[name] for name in data} == data
    unknown = desk.file({**data, "party": NOWHERE})
    assert desk.error("agreement", "create", "--organisation", desk.slug, "--file", unknown) == "not_found"


# --- Documents ----------------------------------------------------------------------------------------
AGREED = {
    "id", "kind", "direction", "status", "payment_status", "overdue", "number", "currency", "issue_date", "due_date",
    "rounding_rule", "lines", "net_total", "tax_total", "total", "paid", "credited", "balance", "sha256", "xero",
}  # fmt: skip


def test_from_draft_to_paid(desk: Desk, tmp_path: Path) -> None:
    desk.ourselves()
    act = desk.act()
    made = desk.made("invoice", document_data(act))
    assert set(made) >= AGREED
    key = str(made["id"])
    assert (made["status"], made["number"], made["sha256"], made["total"]) == ("draft", None, None, 55000)
    changed = desk.invoice("edit", key, "--file", desk.file({"reference": "Run 7"}))
    assert (changed["id"], changed["reference"], changed["total"]) == (key, "Run 7", 55000)
    assert desk.invoice("approve", key)["status"] == "approved"
    issued = desk.invoice("issue", key)
    assert (issued["status"], issued["number"], issued["payment_status"]) == ("issued", "INV-00001", "unpaid")
    paper = tmp_path / "paper.pdf"
    told = desk.invoice("pdf", key, "--output", str(paper))
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert hashlib.sha256(content).hexdigest() == issued["sha256"] == told["sha256"]
    part = desk.invoice("pay", key, "--amount", "20000", "--date", "2026-12-01", "--reference", "bank")
    assert (part["paid"], part["balance"], part["payment_status"]) == (20000, 35000, "part_paid")
    note = desk.invoice("credit", key, "--lines", '[{"line": 1, "quantity": "0.1"}]')
    assert (note["kind"], note["number"], note["total"], note["credits"]) == (
        "credit_note",
        "CN-00001",
        5500,
        key,
    )
    desk.invoice("pay", key, "--amount", "29500", "--date", "2026-12-02")
    shown = desk.invoice("show", key)
    assert (shown["paid"], shown["credited"], shown["balance"], shown["payment_status"]) == (
        49500,
        5500,
        0,
        "paid",
    )
    text = run("invoice", "show", key).stdout
    assert "INV-00001" in text
    assert "A$550.00" in text


def test_a_draft_approved_or_not_can_be_issued_and_reopened(staffed: Desk) -> None:
    key = staffed.draft(staffed.act())
    staffed.invoice("approve", key)
    assert (
        staffed.error("invoice", "edit", key, "--file", staffed.file({"reference": "X"}))
        == "already_approved"
    )
    assert staffed.invoice("reopen", key)["status"] == "draft"
    assert staffed.invoice("issue", key)["status"] == "issued"


def test_a_list_is_answered_by_a_list(desk: Desk) -> None:
    act = desk.act()
    made = desk.made("invoice", [document_data(act, reference="a"), document_data(act, reference="b")])
    assert [each["reference"] for each in made] == ["a", "b"]
    assert len(desk.made("invoice", [document_data(act)])) == 1
    bad = [document_data(act), document_data(NOWHERE)]
    assert desk.create("invoice", bad).exit_code == 1
    listed = desk.invoice("list", "--organisation", desk.slug)
    assert listed["organisation"] == desk.slug
    assert len(listed["documents"]) == 3


def test_a_draft_is_deleted_and_an_issued_one_is_not(staffed: Desk) -> None:
    act = staffed.act()
    draft, issued = staffed.draft(act), staffed.draft(act)
    staffed.invoice("issue", issued)
    staffed.invoice("delete", draft)
    assert staffed.error("invoice", "show", draft) == "not_found"
    assert staffed.error("invoice", "delete", issued) == "already_issued"
    assert (
        staffed.error("invoice", "edit", issued, "--file", staffed.file({"reference": "X"}))
        == "already_issued"
    )
    assert staffed.error("invoice", "issue", issued) == "already_issued"


def test_of_several_those_in_order_are_issued_and_the_others_told(staffed: Desk) -> None:
    act = staffed.act()
    good, bad, last = (
        staffed.draft(act),
        staffed.draft(act, kind="rcti", direction="payable"),
        staffed.draft(act),
    )
    result = run("invoice", "issue", good, bad, NOWHERE, last, "--json")
    assert result.exit_code == 1
    answers = document(result)
    assert [each.get("number") for each in answers] == ["INV-00001", None, None, "INV-00002"]
    assert [each.get("error", {}).get("code") for each in answers] == [
        None,
        "agreement_missing",
        "not_found",
        None,
    ]
    assert "agreement" in result.stderr
    both = run("invoice", "approve", *(staffed.draft(act) for _ in range(2)), "--json")
    assert both.exit_code == 0
    assert [each["status"] for each in document(both)] == ["approved", "approved"]


def test_a_refusal_says_which_rule(staffed: Desk) -> None:
    act = staffed.act(gst_registered_from=None)
    key = staffed.draft(act, kind="payment_statement", direction="payable")
    result = run("invoice", "issue", key)
    assert result.exit_code == 1
    assert "R-2" in result.stderr
    assert staffed.error("invoice", "issue", key) == "tax_on_payment_statement"


def test_void_and_write_off(staffed: Desk) -> None:
    act = staffed.act()
    first, second = staffed.draft(act), staffed.draft(act)
    run("invoice", "issue", first, second)
    assert staffed.invoice("void", first, "--reason", "Twice")["status"] == "void"
    assert staffed.invoice("write-off", second)["status"] == "written_off"
    assert staffed.error("invoice", "void", first) == "void"
    assert staffed.error("invoice", "credit", first) == "ended"


def test_lists_by_status_party_and_overdue(staffed: Desk) -> None:
    act, other = staffed.act(), staffed.act(name="Other")
    late = staffed.draft(act, issue_date="2020-08-01", due_date="2020-08-02")
    draft = staffed.draft(other)
    staffed.invoice("issue", late)

    def found(*options: str) -> set[str]:
        listed = staffed.invoice("list", "--organisation", staffed.slug, *options)
        return {each["id"] for each in listed["documents"]}

    assert found() == {late, draft}
    assert found("--status", "draft") == {draft}
    assert found("--party", act) == {late}
    assert found("--overdue") == {late}
    staffed.invoice("pay", late, "--amount", "55000", "--date", "2026-12-01")
    assert found("--overdue") == set()
    table = run("invoice", "list", "--organisation", staffed.slug).stdout
    assert "INV-00001" in table
    assert "Mirth Machine" in table


def test_a_payment_with_a_key_is_recorded_once(staffed: Desk) -> None:
    key = staffed.draft(staffed.act())
    staffed.invoice("issue", key)
    for _ in range(2):
        paid = staffed.invoice(
            "pay", key, "--amount", "100", "--date", "2026-12-01", "--idempotency-key", "k"
        )
    assert paid["paid"] == 100
    assert staffed.error("invoice", "pay", key, "--amount", "1", "--date", "2999-12-01") == "paid_ahead"
    ahead = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    told = run("invoice", "pay", key, "--amount", "1", "--date", ahead)
    assert f"{ahead} is still to come" in told.stderr


def test_a_refund_is_a_payment_below_zero(staffed: Desk) -> None:
    key = staffed.draft(staffed.act())
    staffed.invoice("issue", key)
    staffed.invoice("pay", key, "--amount", "60000", "--date", "2026-12-01")
    assert staffed.invoice("show", key)["payment_status"] == "overpaid"
    assert (
        staffed.invoice("pay", key, "--amount", "-5000", "--date", "2026-12-02")["payment_status"] == "paid"
    )


@pytest.mark.parametrize(
    ("lines", "code"),
    [("null", "not_json"), ("7", "not_json"), ("{}", "not_json"), ("[", "not_json"), ("[]", "nothing_left"),
     ("[7]", "invalid"), ('[{"line": 9, "quantity": "1"}]', "invalid")],
)  # fmt: skip
def test_lines_to_credit_that_are_none_credit_nothing(staffed: Desk, lines: str, code: str) -> None:
    key = staffed.draft(staffed.act())
    staffed.invoice("issue", key)
    assert staffed.error("invoice", "credit", key, "--lines", lines) == code
    assert staffed.invoice("show", key)["credited"] == 0


def test_the_paper_of_a_draft_can_be_seen(desk: Desk, tmp_path: Path) -> None:
    paper = tmp_path / "draft.pdf"
    desk.ourselves()
    told = desk.invoice("pdf", desk.draft(desk.act()), "--output", str(paper))
    assert paper.read_bytes().startswith(b"%PDF")
    assert told["sha256"] is None
    assert (
        desk.error("invoice", "pdf", desk.draft(desk.act()), "--output", str(tmp_path / "no" / "where"))
        == "not_json"
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"party": NOWHERE}, "not_found"),
        ({"show": NOWHERE}, "not_found"),
        ({"agreement": NOWHERE}, "not_found"),
        ({"colour": "blue"}, "invalid"),
        ({"lines": [{"description": "Set", "unit_price": -1}]}, "invalid"),
        ({"lines": [{"description": "Set", "unit_price": 0.1}]}, "not_json"),
    ],
)
def test_a_document_that_cannot_be_ends_in_1(desk: Desk, changes: Json, code: str) -> None:
    data = document_data(desk.act(), **changes)
    assert desk.error("invoice", "create", "--organisation", desk.slug, "--file", desk.file(data)) == code


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", NOWHERE), ("delete", NOWHERE), ("approve", NOWHERE), ("issue", NOWHERE), ("void", NOWHERE),
        ("credit", NOWHERE), ("pay", NOWHERE, "--amount", "1", "--date", "2026-12-01"), ("show", "INV-00001"),
        ("list", "--organisation", "nowhere"), ("create", "--organisation", "nowhere", "--file", "-"),
    ],
)  # fmt: skip
def test_what_is_not_there_ends_in_1(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert desk.error("invoice", *arguments) in {"not_found", "unknown_organisation"}


def test_what_is_not_there_says_where_to_look(desk: Desk) -> None:
    told = run("invoice", "show", NOWHERE).output
    assert told.rstrip().endswith(f"There is no document {NOWHERE}. See housecount invoice list.")
    data = document_data(NOWHERE)
    told = run("invoice", "create", "--organisation", desk.slug, "--file", desk.file(data)).output
    assert told.rstrip().endswith(f"There is no party {NOWHERE}. See housecount party list.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("invoice", "issue"), ("invoice", "show"),
        ("invoice", "pay", NOWHERE, "--amount", "1.50", "--date", "2026-12-01"),
        ("invoice", "pay", NOWHERE, "--amount", "1", "--date", "today"), ("invoice", "pay", NOWHERE, "--amount", "1"),
        ("invoice", "create", "--file", "-"), ("invoice", "list", "--organisation", "x", "--status", "lost"),
        ("party", "create", "--organisation", "x"), ("agreement", "create"), ("invoice", "pdf", NOWHERE),
    ],
)  # fmt: skip
def test_wrong_usage_ends_in_2(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert run(*arguments, "--json").exit_code == 2


def test_a_file_that_is_not_there_ends_in_1(desk: Desk) -> None:
    missing = str(desk.directory / "missing.json")
    assert desk.error("party", "create", "--organisation", desk.slug, "--file", missing) == "not_json"
