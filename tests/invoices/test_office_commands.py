"""Commands beside making and issuing: agreements, the register, the logo, copies, rules, deposits, withheld tax."""

from pathlib import Path
from typing import Any

import pytest

from tests.invoices.test_invoice_commands import Desk, document, run
from tests.invoices.test_logos import png


@pytest.fixture
def desk(database: str, tmp_path: Path, plain_paper: None) -> Desk:
    desk = Desk(tmp_path)
    desk.ourselves()
    return desk


def ok(desk: Desk, *arguments: str, code: int = 0) -> Any:
    result = run(*arguments, "--organisation", desk.slug, "--json")
    assert result.exit_code == code, result.output
    return document(result)


def test_agreements_copies_and_rules(desk: Desk) -> None:
    act = desk.act()
    made = desk.made("agreement", {"kind": "rcti", "party": act, "from": "2026-01-01", "supplies": "sets"})
    draft = desk.draft(act, kind="rcti", direction="payable", issue_date="2026-01-10", due_date=None)
    number = desk.invoice("issue", draft)["number"]
    [copy] = ok(desk, "rcti", "copies", code=1)["copies"]
    assert (copy["number"], copy["copy_by"], copy["late"]) == (number, "2026-02-07", True)
    assert (
        "Every supplier has their copy."
        in run("rcti", "copies", "--organisation", Desk(desk.directory).slug).output
    )
    ended = ok(desk, "agreement", "end", made["id"], "--on", "2026-06-30")
    [listed] = ok(desk, "agreement", "list")["agreements"]
    assert (ended["to"], listed["to"]) == ("2026-06-30", "2026-06-30")
    assert ok(desk, "rcti", "rules")["rcti_waits"] is False
    assert ok(desk, "rcti", "rules", "--set", '{"rcti_waits": true}')["rcti_waits"] is True
    assert desk.error("rcti", "rules", "--organisation", desk.slug, "--set", '{"other": 1}') == "invalid"


def test_the_register_and_the_logo(desk: Desk) -> None:
    act = desk.act()
    said = {"checked_on": "2026-01-01", "name": "MIRTH", "active": True, "registered_from": "2020-07-01"}
    kept = ok(desk, "party", "register", act, "--file", desk.file(said))
    assert (kept["name"], kept["active"], kept["answer"]) == ("MIRTH", True, None)
    picture = desk.directory / "logo.png"
    picture.write_bytes(png())
    assert ok(desk, "party", "logo", "--file", str(picture))["logo"]["kind"] == "png"
    assert ok(desk, "party", "logo", "--remove")["logo"] is None
    picture.write_text("<svg/>")
    assert desk.error("party", "logo", "--organisation", desk.slug, "--file", str(picture)) == "invalid"
    assert run("party", "logo", "--organisation", desk.slug).exit_code == 2


def test_deposits_keys_and_what_was_withheld(desk: Desk) -> None:
    venue = desk.act()
    asked = {"kind": "security", "percentage": 1_000}
    final = desk.draft(venue, deposit=asked)
    deposit = desk.invoice("deposit", final)
    assert (deposit["kind"], deposit["total"]) == ("deposit_invoice", 5_500)
    assert desk.error("invoice", "deposit", final) == "deposit_there"
    first = desk.invoice("issue", final, "--idempotency-key", "k")
    assert desk.invoice("issue", final, "--idempotency-key", "k")["number"] == first["number"]
    assert desk.error("invoice", "issue", final) == "already_issued"
    both = run("invoice", "issue", final, final, "--idempotency-key", "k")
    assert both.exit_code == 2
    data = desk.file({"kind": "invoice", "party": venue, "lines": [{"description": "x", "unit_price": 1}]})
    again = [ok(desk, "invoice", "create", "--file", data, "--idempotency-key", "c")["id"] for _ in range(2)]
    assert again[0] == again[1]
    act = desk.act(name="Nobody", abn=None, gst_registered_from=None)
    lines = [{"description": "Spot", "unit_price": 50_000, "tax": "out_of_scope", "ote": True}]
    paid = desk.draft(act, kind="payment_statement", direction="payable", lines=lines)
    assert desk.invoice("issue", paid)["balance"] == 26_500
    period = ("--from", "2026-11-01", "--to", "2026-11-30")
    [row] = ok(desk, "report", "withheld", *period)
    assert (row["name"], row["withheld"]) == ("Nobody", 23_500)
    [row] = ok(desk, "report", "super", *period)
    assert (row["name"], row["earnings"]) == ("Nobody", 50_000)
    table = run("report", "withheld", "--organisation", desk.slug, *period).output
    assert "235.00" in table
