"""Tax invoices that recipients asked for: who may, by when they are due, what answers them, and who is told."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from django.core.cache import cache
from django.test import Client
from hypothesis import given
from hypothesis import strategies as some

from housecount.cli.main import cli
from housecount.core import gates
from housecount.core.errors import HousecountError
from housecount.core.rates import NoRate
from housecount.invoices import asked, copies, here, mail, services
from housecount.invoices.models import Delivery, Document
from housecount.sync import alerts
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation
from tests.api.test_invoices_api import Api
from tests.invoices.office import Office
from tests.web.stage import Look

pytestmark = pytest.mark.usefixtures("plain_paper")
ON = date(2026, 11, 20)


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def ask(
    office: Office, document: Document, on: date = ON, now: datetime | None = None, words: str = ""
) -> None:
    with acting_as(office.identity):
        asked.ask(here.document(document.pk), on, now or datetime(2026, 11, 28, tzinfo=UTC), None, words)


def waiting(office: Office, today: date) -> list[tuple[str | None, date, bool, bool]]:
    with acting_as(office.identity):
        found = asked.open_requests(Organisation.objects.get(pk=office.organisation_id), today)
    return [(each.document.number, each.by, each.urgent, each.late) for each in found]


def refused(office: Office, document: Document, on: date = ON) -> str:
    with pytest.raises(HousecountError) as caught:
        ask(office, document, on)
    assert waiting(office, date(2026, 12, 1)) == []
    return str(caught.value.code)


@given(some.dates(date(2000, 7, 1), date(2200, 1, 1)))
def test_it_is_due_on_the_28th_day(day: date) -> None:
    assert gates.tax_invoice_by(day) - day == timedelta(days=28)


def test_of_a_day_without_a_rule_nothing_is_said() -> None:
    with pytest.raises(NoRate):
        gates.tax_invoice_by(date(2000, 6, 30))


def test_a_request_is_due_until_it_is_answered(office: Office) -> None:
    # Sydney, where the house is, has a new day eleven hours before the world's clock.
    issued, draft = office.issued(office.party()), office.draft(office.party())
    ask(office, issued, words="with our ABN")
    ask(office, draft, date(2026, 11, 22))
    ask(office, draft, date(2026, 11, 24))
    assert waiting(office, date(2026, 12, 10)) == [
        (issued.number, date(2026, 12, 18), False, False), (None, date(2026, 12, 20), False, False),
    ]  # fmt: skip
    assert waiting(office, date(2026, 12, 11))[0][2:] == (True, False)
    assert waiting(office, date(2026, 12, 18))[0][2:] == (True, False)
    assert waiting(office, date(2026, 12, 19))[0][2:] == (True, True)
    with acting_as(office.identity):
        found = here.document(issued.pk)
        mail.send(found, datetime(2026, 11, 19, 12, 59, tzinfo=UTC), None)
        Delivery.objects.filter(organisation_id=office.organisation_id).update(
            sent_at=datetime(2026, 11, 19, 12, 59, tzinfo=UTC)
        )
    assert len(waiting(office, date(2026, 12, 10))) == 2, "what went out before they asked is no answer"
    with acting_as(office.identity):
        copies.give_copy(found, date(2026, 11, 28), date(2026, 11, 28), None)
    assert waiting(office, date(2026, 12, 10)) == [(None, date(2026, 12, 20), False, False)]
    office.issue(draft)
    assert [each[1] for each in waiting(office, date(2026, 12, 10))] == [date(2026, 12, 20)], (
        "issued, not given"
    )
    with acting_as(office.identity):
        mail.make_link(here.document(draft.pk), datetime(2026, 11, 29, tzinfo=UTC), None)
    assert waiting(office, date(2026, 12, 10)) == []
    with acting_as(office.identity), pytest.raises(HousecountError) as caught:
        copies.give_copy(found, date(2026, 11, 28), date(2026, 11, 28), None)
    assert caught.value.code == "no_copy_needed"


def test_a_draft_with_a_request_is_thrown_away_with_it(office: Office) -> None:
    draft, void = office.draft(office.party()), office.issued(office.party())
    ask(office, draft)
    ask(office, void)
    with acting_as(office.identity):
        services.delete(draft.pk)
        services.void(void.pk)
    assert waiting(office, date(2026, 12, 10)) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"direction": "payable"}, "no_tax_invoice"),
        ({"lines": [{"description": "Set", "unit_price": 50000, "tax": "gst_free"}]}, "no_tax_invoice"),
        ({"kind": "credit_note"}, "no_tax_invoice"),
        ({"lines": [{"description": "Set", "unit_price": 7500, "tax": "taxable"}]}, "too_small_to_ask"),
    ],
)
def test_who_cannot_ask_is_told_why(office: Office, changes: dict[str, Any], code: str) -> None:
    assert refused(office, office.draft(office.party(), **changes)) == code


def test_82_50_is_the_limit_in_australia_and_there_is_none_in_new_zealand(office: Office) -> None:
    line = {"description": "Set", "unit_price": 8251, "tax": "taxable"}
    ask(office, office.draft(office.party(), price_mode="inclusive", lines=[line]))
    assert len(waiting(office, ON)) == 1
    abroad = Office()
    abroad.ourselves(country="NZ", abn=None, vat_number="49091850")
    ask(abroad, abroad.draft(abroad.party(), lines=[{**line, "unit_price": 100}], currency="NZD"))
    assert len(waiting(abroad, ON)) == 1
    british = Office()
    british.ourselves(country="GB", abn=None, vat_number="GB980780684")
    assert refused(british, british.draft(british.party(), currency="GBP")) == "no_tax_invoice"


def test_a_day_to_come_is_none(office: Office) -> None:
    draft = office.draft(office.party())
    assert refused(office, draft, date(2026, 11, 29)) == "not_that_day"
    ask(office, draft, date(2026, 11, 28))


def test_people_are_told_when_its_time_runs_out(office: Office) -> None:
    document = office.issued(office.party())
    ask(office, document)
    with acting_as(office.identity):
        organisation = Organisation.objects.get(pk=office.organisation_id)
    told = []
    for moment in (datetime(2026, 12, 10, 12, 59, tzinfo=UTC), datetime(2026, 12, 10, 13, tzinfo=UTC),
                   datetime(2026, 12, 18, 13, tzinfo=UTC)):  # fmt: skip
        alerts.look(organisation, moment)
        with acting_as(office.identity):
            told.append(sorted(each.text for each in alerts.open_alerts(office.organisation_id)))
    assert told[0] == []
    begins = "Mirth Machine asked for the tax invoice INV-00001 on Fri 20 Nov 2026"
    assert told[1] == [f"{begins}: the last day for it is Fri 18 Dec 2026."]
    assert told[2] == [
        f"{begins}, and should have had it by Fri 18 Dec 2026, 28 days after (TI-10).",
        f"{begins}: the last day for it was Fri 18 Dec 2026.",
    ]


def test_the_api_the_page_and_the_command_do_the_same(database: str) -> None:
    api = Api()
    document = api.issued()
    path, today = f"/documents/{document['id']}", datetime.now(UTC).date()
    on = (today - timedelta(days=40)).isoformat()
    assert api.get("/tax-invoice-requests") == {"requests": []}
    assert api.post(f"{path}/tax-invoice-asked", {"on": on, "words": "Please"})["id"] == document["id"]
    assert api.post(f"{path}/tax-invoice-asked", {"on": "2999-01-01"}, 409)["code"] == "not_that_day"
    by = (today - timedelta(days=12)).isoformat()
    told = {"document": document["id"], "number": document["number"], "party_name": "Mirth Machine", "asked_on": on,
            "by": by, "late": True, "words": "Please"}  # fmt: skip
    assert api.get("/tax-invoice-requests") == {"requests": [told]}
    assert api.get(f"{path}/history")["events"][0]["what"] == "tax_invoice_asked"
    for address in (f"/invoices/{document['id']}/", "/invoices/"):
        page = Look(api.client.get(address).content.decode())
        page.check()
        assert "asked for" in page.text
    listed = CliRunner().invoke(
        cli, ["invoice", "requests", "--organisation", api.house.organisation.slug, "--json"]
    )
    assert (listed.exit_code, json.loads(listed.stdout)["requests"]) == (1, [told])
    other = api.issued()
    noted = CliRunner().invoke(cli, ["invoice", "asked", other["id"], "--on", on])
    assert noted.output.strip() == f"Noted. Mirth Machine is to have it by {by}."
    third = api.document()
    page = api.client.post(f"/invoices/{third['id']}/asked/", {"on": on, "words": "By post"}, follow=True)
    assert "By post" in page.content.decode()
    assert {each["document"] for each in api.get("/tax-invoice-requests")["requests"]} >= {
        other["id"],
        third["id"],
    }


def test_a_recipient_asks_by_their_link_once(office: Office) -> None:
    with acting_as(Identity.nobody()):
        cache.clear()
    document = office.issued(office.party())
    with acting_as(office.identity):
        token = mail.make_link(document, datetime.now(UTC) - timedelta(hours=1), None)
    client = Client()
    assert "I need the tax invoice otherwise" in client.get(f"/d/{token}").content.decode()
    for _ in range(2):
        answered = client.post(f"/d/{token}/ask", {"words": "With our ABN\x00"}, follow=True)
        page = Look(answered.content.decode())
        page.check()
        assert "You asked for the tax invoice on" in page.text
        assert "I need the tax invoice otherwise" not in page.text
    with acting_as(office.identity):
        [kept] = asked.Asked.objects.filter(organisation_id=office.organisation_id)
    assert (kept.words, kept.by) == ("With our ABN", None)
    small = office.issued(office.party(), lines=[{"description": "Set", "unit_price": 100}])
    with acting_as(office.identity):
        token = mail.make_link(small, datetime.now(UTC), None)
    assert "I need the tax invoice otherwise" not in client.get(f"/d/{token}").content.decode()
    client.post(f"/d/{token}/ask", {"words": "all the same"})
    with acting_as(office.identity):
        assert asked.Asked.objects.filter(organisation_id=office.organisation_id).count() == 1
