"""What was asked of Xero and what it said is kept without anything about anybody, for a while, and is shown."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from housecount.xero import queries, redacting, tasks
from housecount.xero.history import KEPT
from housecount.xero.models import History
from tests.invoices.office import Office
from tests.web.stage import look
from tests.world import make_house
from tests.xero.desk import Desk, open_desk

#: Nobody's; each must be nowhere in what is kept.
_SECRETS = (
    "062-000 12345678",
    "+61 400 123 456",
    "Bea Kind",
    "bea@kind.example",
    "eyJhbGciOi.secret",
    "9 Sly St",
)
_leaves = st.sampled_from(_SECRETS) | st.decimals(0, 10**6, places=2) | st.booleans() | st.none()
_names = st.sampled_from(
    ["BankAccountDetails", "EmailAddress", "FirstName", "Phones", "Description", "access_token", "Addresses"]
) | st.text("abcXYZ", min_size=1, max_size=8)
_inside = st.sampled_from(["Invoices", "Contact", "LineItems", "Elements", "Account", "Contacts", "anything"])
_bodies = st.recursive(
    st.dictionaries(_names, _leaves, max_size=4),
    lambda inner: st.dictionaries(_inside, inner | st.lists(inner | _leaves, max_size=3), max_size=3),
    max_leaves=20,
)


@given(_bodies)
def test_what_is_not_named_is_left_out(data: dict[str, Any]) -> None:
    kept = redacting.body(json.dumps(data, default=str).encode())
    assert not [secret for secret in _SECRETS if secret in kept]


def test_figures_stay_as_they_were_written_and_words_lose_addresses() -> None:
    said = (
        "Bea bea@kind.example of 062-000 12345678 owes 1234567.80 on INV-00001 since 2026-11-27: " + "k" * 41
    )
    sent = (
        '{"Invoices":[{"Total":1250.1000,"Quantity":1,"ValidationErrors":[{"Message":"%s"}],"IsOurs":true}]}'
    )
    [kept] = json.loads(redacting.body((sent % said).encode()), parse_float=Decimal)["Invoices"]
    assert (str(kept["Total"]), kept["Quantity"]) == ("1250.1000", 1)
    [words] = kept["ValidationErrors"]
    assert words["Message"] == "Bea … of … owes 1234567.80 on INV-00001 since 2026-11-27: …"
    # What is no JSON, or a file, is only counted; what is long is cut; a name in the address is not kept.
    assert redacting.body(b"<html>Bea Kind</html>") == "[no JSON, 21 bytes]"
    assert redacting.body(b"%PDF Bea", "application/pdf") == "[application/pdf, 8 bytes]"
    long = json.dumps({"Invoices": [{"Total": place} for place in range(5_000)]}).encode()
    assert json.loads(redacting.body(long))["Invoices"][-1] == "… 4,980 more"
    wide = json.dumps({"Invoices": [{"LineItems": [{"AccountCode": "9" * 250}] * 20}] * 20}).encode()
    assert len(redacting.body(wide)) == redacting.LONGEST + 1
    assert redacting.body(b"[" * 5_000).startswith("[no JSON")
    assert (
        redacting.query({"InvoiceNumbers": "INV-1", "searchTerm": "Bea"})
        == "?InvoiceNumbers=INV-1&searchTerm=…"
    )
    assert redacting.readable('?unitdp=4{"a":[1.50]}') == '?unitdp=4\n{\n  "a": [\n    1.50\n  ]\n}'


def rows(desk: Desk, document: Document) -> list[dict[str, Any]]:
    with acting_as(desk.office.identity):
        return queries.history(desk.office.organisation_id, document.pk)


@pytest.mark.slow
def test_a_push_leaves_what_was_sent_and_received_and_nothing_of_anybody(
    database: str, plain_paper: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house = make_house()
    with open_desk(Office(house.organisation.pk)) as desk:
        office = desk.office
        party = office.party(name="Bea Kind", email="bea@kind.example")
        desk.person(
            "contact",
            fields={
                "Name": "B Kind", "TaxNumber": party.abn, "EmailAddress": "bea@kind.example",
                "BankAccountDetails": "062-000 12345678", "FirstName": "Bea",
                "Phones": [{"PhoneType": "MOBILE", "PhoneNumber": "400123456"}],
                "Addresses": [{"AddressType": "STREET", "AddressLine1": "9 Sly St"}],
            },
        )  # fmt: skip
        line = {"description": "Set of Bea Kind", "quantity": "1", "unit_price": 50000, "tax": "taxable"}
        invoice = office.issued(party, lines=[line], reference="Ask Bea")
        desk.connect()
        # The look for what is there already comes first.
        desk.faults.add("html", platform="xero", path="Invoices$", count=1, after=1)
        desk.faults.add("server_error", platform="xero", path="Invoices$", status=400, count=1, after=2)
        for _ in range(3):
            desk.push()
        office.pay(invoice, 20_000)
        assert desk.push().left == 0
        told = rows(desk, invoice)
        kept = json.dumps([(each["sent"], each["received"], each["outcome"]) for each in told])
        private = (
            "Bea", "kind.example", "12345678", "400123456", "Sly", "Set of", "eyJ", desk.app.secret or "x",
            desk.app.client_id, party.abn,
        )  # fmt: skip
        assert not [each for each in private if each in kept]
        by_step = {each["step"]: each for each in told}
        made = by_step["PUT /Invoices"]
        assert made["sent"].startswith("?summarizeErrors=false&unitdp=4{")
        assert '"UnitAmount":500.00' in made["sent"]
        assert f'"InvoiceNumber":"{invoice.number}"' in made["received"]
        assert '"Total":550.00' in made["received"]
        assert by_step["GET /Invoices"]["sent"].startswith(f"?InvoiceNumbers={invoice.number}&")
        assert by_step["PUT /Payments"]["sent"].count('"Reference":"HC-') == 1
        [attached] = [each for each in told if "Attachments" in each["step"]]
        assert attached["step"].endswith(f"/Attachments/{invoice.number}.pdf")
        assert attached["sent"].startswith("[application/pdf, ")
        failed = [each for each in told if each["outcome"] != "200"]
        assert [each["received"][:8] for each in failed][:1] == ["[no JSON"]
        assert "Bea Kind" not in caplog.text
        assert '"UnitAmount"' not in caplog.text
        # On the page, folded; and over the API's own reading of the same rows.
        page = look(house.bookkeeper, f"/xero/history/?q={invoice.number}")
        assert "What was sent and received" in page.text
        assert '"UnitAmount": 500.00' in page.text
        assert "Bea Kind" not in page.text
        # After a while only that it was asked stays; what is younger is left alone.
        now = datetime.now(UTC)
        here = {"organisation_id": office.organisation_id}
        with acting_as(office.identity):
            one = History.objects.filter(**here, step="PUT /Invoices").first()
            assert one is not None
            History.objects.filter(pk=one.pk).update(at=now - KEPT - timedelta(minutes=1))
            others = History.objects.filter(**here).exclude(sent="", received="").count()
        asyncio.run(tasks.prune_history(timestamp=int(now.timestamp())))
        with acting_as(office.identity):
            after = History.objects.get(pk=one.pk)
            assert (after.sent, after.received, after.outcome) == ("", "", one.outcome)
            assert History.objects.filter(**here).exclude(sent="", received="").count() == others - 1
