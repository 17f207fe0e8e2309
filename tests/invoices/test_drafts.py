"""Drafts: made from JSON with what was left out filled in, changed, approved, thrown away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from housecount.box_office.models import Show
from housecount.core.errors import HousecountError
from housecount.invoices import here, queries, services
from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Json, Office, document_data

LINE = {"description": "Set", "unit_price": 10000}


@pytest.fixture
def office(database: str) -> Office:
    return Office()


def count(office: Office) -> int:
    with acting_as(office.identity):
        return Document.objects.filter(organisation_id=office.organisation_id).count()


def edited(office: Office, document: Document, **changes: Any) -> Json:
    with acting_as(office.identity):
        return queries.document_json(services.edit(document.pk, changes))


def test_a_draft_reads_as_agreed(office: Office) -> None:
    party = office.party()
    data = document_data(
        party, reference="Run 7", lines=[{**document_data(party)["lines"][0], "account_code": "200"}]
    )
    found = office.json(office.draft(party, reference="Run 7", lines=data["lines"]))
    assert {name: found[name] for name in data if name != "lines"} == {
        name: data[name] for name in data if name != "lines"
    }
    assert (found["status"], found["payment_status"], found["overdue"], found["number"]) == (
        "draft", "unpaid", False, None,
    )  # fmt: skip
    assert (found["net_total"], found["tax_total"], found["total"]) == (50000, 5000, 55000)
    assert (found["paid"], found["credited"], found["balance"], found["sha256"], found["xero"]) == (
        0, 0, 55000, None, None,
    )  # fmt: skip
    assert found["rounding_rule"] == "per_line"
    assert found["lines"] == [
        {"description": "Headline set", "quantity": "1", "unit_price": 50000, "discount": 0, "tax": "taxable",
         "account_code": "200", "ote": False, "net_amount": 50000, "tax_amount": 5000, "gross_amount": 55000}
    ]  # fmt: skip


def test_what_is_left_out_has_its_default(office: Office) -> None:
    party = office.party()
    with acting_as(office.identity):
        today = here.today(party.organisation)
        [made] = services.create_documents(
            office.organisation_id, {"kind": "invoice", "party": str(party.pk), "lines": [LINE]}
        )
    found = office.json(made)
    assert (found["direction"], found["currency"], found["price_mode"]) == ("receivable", "AUD", "exclusive")
    assert found["issue_date"] == today.isoformat()
    assert found["due_date"] == (today + timedelta(14)).isoformat()
    assert (found["lines"][0]["quantity"], found["lines"][0]["tax"]) == ("1", "taxable")


@pytest.mark.parametrize(
    ("kind", "more", "direction", "tax"),
    [
        ("rcti", {}, "payable", "taxable"),
        ("payment_statement", {}, "payable", "out_of_scope"),
        ("deposit_invoice", {"deposit_kind": "security"}, "receivable", "out_of_scope"),
        ("deposit_invoice", {"deposit_kind": "part_payment"}, "receivable", "taxable"),
        ("credit_note", {}, "receivable", "taxable"),
    ],
)
def test_direction_and_tax_follow_from_the_kind(
    office: Office, kind: str, more: Json, direction: str, tax: str
) -> None:
    data = document_data(office.party(), kind=kind, direction=None, lines=[LINE], **more)
    with acting_as(office.identity):
        [made] = services.create_documents(office.organisation_id, data)
    found = office.json(made)
    assert (found["direction"], found["lines"][0]["tax"]) == (direction, tax)


def test_lines_are_rounded_one_by_one_or_once(office: Office) -> None:
    party = office.party()
    lines = [{"description": "Set", "unit_price": 3333}] * 3
    assert office.draft(party, lines=lines).tax_total == 999
    assert office.draft(party, lines=lines, rounding_rule="total").tax_total == 1000
    assert office.draft(party, lines=[{**lines[0], "quantity": "3"}]).tax_total == 1000
    inclusive = office.draft(
        party, lines=[{"description": "Set", "unit_price": 6000}], price_mode="inclusive"
    )
    assert (inclusive.net_total, inclusive.tax_total, inclusive.total) == (5455, 545, 6000)


def test_tax_is_that_of_the_suppliers_country(office: Office) -> None:
    kiwi = office.party(country="NZ", abn=None)
    lines = [{"description": "Set", "unit_price": 2300}]
    bill = office.draft(kiwi, direction="payable", price_mode="inclusive", lines=lines)
    assert (bill.tax_total, bill.total) == (300, 2300)
    assert office.draft(kiwi, price_mode="inclusive", lines=lines).tax_total == 209
    brit = office.party(country="GB", abn=None)
    assert office.draft(brit, direction="payable", price_mode="inclusive", lines=lines).tax_total == 383


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": "blue"}, "colour"),
        ({"status": "issued"}, "status"),
        ({"kind": "receipt"}, "kind"),
        ({"lines": []}, "1 to 1000 lines"),
        ({"lines": [{"description": "Set"}]}, "unit_price"),
        ({"lines": [{**LINE, "colour": 1}]}, "colour"),
        ({"lines": [{**LINE, "unit_price": 100.0}]}, "whole number"),
        ({"lines": [{**LINE, "unit_price": "100"}]}, "whole number"),
        ({"lines": [{**LINE, "unit_price": True}]}, "whole number"),
        ({"lines": [{**LINE, "unit_price": 10**20}]}, "too large"),
        ({"lines": [{**LINE, "quantity": "many"}]}, "not a quantity"),
        ({"lines": [{**LINE, "quantity": "1.00001"}]}, "at most 4 decimals"),
        ({"lines": [{**LINE, "quantity": 1.5}]}, "quantity"),
        ({"lines": [{**LINE, "description": " "}]}, "description"),
        ({"lines": [{**LINE, "tax": "none"}]}, "tax"),
        ({"lines": [{**LINE, "discount": 10001}]}, "discount"),
        ({"lines": [{**LINE, "unit_price": -1}]}, "less than nothing"),
        ({"lines": [LINE, {**LINE, "quantity": "-2"}]}, "less than nothing"),
        ({"party": "00000000-0000-4000-8000-000000000000"}, "no party"),
        ({"party": "me"}, "not the id of a party"),
        ({"show": "00000000-0000-4000-8000-000000000000"}, "no show"),
        ({"show": "tonight"}, "not the id of a show"),
        ({"agreement": "00000000-0000-4000-8000-000000000000"}, "no agreement"),
        ({"currency": "dollars"}, "currency"),
        ({"issue_date": "2026-02-30"}, "issue_date"),
        ({"issue_date": "1912-02-03"}, "cannot be meant"),
        ({"due_date": "2026-11-26"}, "before issue_date"),
        ({"terms": {"kind": "days", "days": 7}}, "not both"),
        ({"due_date": None, "terms": {"kind": "after_show", "days": 7}}, "need a show"),
        ({"kind": "rcti", "direction": "receivable"}, "payable"),
        ({"deposit_kind": "security"}, "deposit_invoice alone"),
        ({"credits": "00000000-0000-4000-8000-000000000000"}, "only a credit note"),
        ({"deposits": ["00000000-0000-4000-8000-000000000000"]}, "no document"),
        ({"party": None}, "party"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(office: Office, changes: Json, words: str) -> None:
    party = office.party()
    with pytest.raises(HousecountError) as refused:
        office.draft(party, **changes)
    assert words in refused.value.message
    assert count(office) == 0


def test_a_document_does_not_name_ourselves(office: Office) -> None:
    own = office.ourselves()
    with pytest.raises(HousecountError, match="names the other side"):
        office.draft(own)


@pytest.mark.parametrize("kind", ["credit_note", "adjustment_note"])
def test_notes_alone_may_come_to_less_than_nothing(office: Office, kind: str) -> None:
    made = office.draft(office.party(), kind=kind, lines=[{**LINE, "unit_price": -8715}])
    assert (made.net_total, made.tax_total, made.total) == (-8715, -872, -9587)


def test_a_list_is_made_whole_or_not_at_all(office: Office) -> None:
    party = office.party()
    good, bad = document_data(party), document_data(party, currency="dollars")
    with acting_as(office.identity), pytest.raises(HousecountError):
        services.create_documents(office.organisation_id, [good, bad])
    bad = document_data(party, show="00000000-0000-4000-8000-000000000000")
    with acting_as(office.identity), pytest.raises(HousecountError, match="Document 2: There is no show"):
        services.create_documents(office.organisation_id, [good, bad])
    assert count(office) == 0
    with acting_as(office.identity):
        assert len(services.create_documents(office.organisation_id, [good, good])) == 2


def test_a_party_of_another_organisation_is_not_there(office: Office) -> None:
    with pytest.raises(HousecountError) as refused:
        office.draft(Office().party())
    assert refused.value.code == "not_found"


# --- Changing -----------------------------------------------------------------------------------------
def test_an_edit_changes_what_it_names_and_no_more(office: Office) -> None:
    document = office.draft(office.party(), reference="Run 7", notes="Thanks")
    before = office.json(document)
    after = edited(office, document, reference="Run 8", lines=[LINE, {**LINE, "tax": "gst_free"}])
    assert (after["reference"], after["net_total"], after["tax_total"]) == ("Run 8", 20000, 1000)
    same = {"reference", "lines", "net_total", "tax_total", "total", "balance"}
    assert {name: value for name, value in after.items() if name not in same} == {
        name: value for name, value in before.items() if name not in same
    }
    assert edited(office, document, reference=None)["reference"] == ""


def test_an_edit_with_what_cannot_be_changes_nothing(office: Office) -> None:
    document = office.draft(office.party())
    before = office.json(document)
    with pytest.raises(HousecountError, match="colour"):
        edited(office, document, reference="X", colour="blue")
    with pytest.raises(HousecountError, match="less than nothing"):
        edited(office, document, reference="X", lines=[{**LINE, "unit_price": -1}])
    assert office.json(document) == before


def test_a_due_date_takes_the_place_of_terms_and_terms_that_of_a_due_date(office: Office) -> None:
    document = office.draft(office.party(), due_date=None)
    assert office.json(document)["terms"] == {"kind": "days", "days": 14}
    assert edited(office, document, due_date="2026-12-24")["terms"] is None
    after = edited(office, document, terms={"kind": "end_of_month", "days": 7})
    assert (after["due_date"], after["terms"]) == ("2026-12-07", {"kind": "end_of_month", "days": 7})


def test_a_drafts_due_date_moves_with_its_show_until_it_is_issued(office: Office) -> None:
    office.ourselves()
    show = office.show()
    document = office.draft(office.party(), due_date=None, show=show, terms={"kind": "after_show", "days": 7})
    assert office.json(document)["due_date"] == "2026-12-04"
    with acting_as(office.identity):
        Show.objects.filter(pk=show).update(starts_at=datetime(2026, 12, 10, 8, tzinfo=UTC))
    assert office.json(document)["due_date"] == "2026-12-17"
    issued = office.issue(document)
    with acting_as(office.identity):
        Show.objects.filter(pk=show).update(starts_at=datetime(2026, 12, 20, 8, tzinfo=UTC))
    assert office.json(issued)["due_date"] == "2026-12-17"


# --- Steps --------------------------------------------------------------------------------------------
def test_a_draft_is_thrown_away_with_its_lines(office: Office) -> None:
    document = office.draft(office.party())
    with acting_as(office.identity):
        services.delete(document.pk)
    assert count(office) == 0


def test_approved_is_neither_changed_nor_deleted_until_it_is_reopened(office: Office) -> None:
    document = office.draft(office.party())
    with acting_as(office.identity):
        services.approve(document.pk)
    assert office.json(document)["status"] == "approved"
    for act in (services.delete, services.approve, lambda key: services.edit(key, {"reference": "X"})):
        with acting_as(office.identity), pytest.raises(HousecountError) as refused:
            act(document.pk)
        assert refused.value.code == "already_approved"
    with acting_as(office.identity):
        services.reopen(document.pk)
        with pytest.raises(HousecountError, match="it is a draft"):
            services.reopen(document.pk)
    assert edited(office, document, reference="X")["reference"] == "X"


def test_issued_is_neither_changed_nor_deleted_nor_approved_nor_reopened(office: Office) -> None:
    office.ourselves()
    document = office.issued(office.party())
    before = office.json(document)
    for act in (
        services.delete,
        services.approve,
        services.reopen,
        services.issue_one,
        lambda key: services.edit(key, {"reference": "X"}),
    ):
        with acting_as(office.identity), pytest.raises(HousecountError, match="it is issued, as INV-00001"):
            act(document.pk)
    assert office.json(document) == before


def test_who_approved_and_issued_is_kept() -> None:
    from tests.world import make_house

    house = make_house()
    office = Office(house.organisation.pk)
    office.ourselves()
    approved = office.draft(office.party())
    direct = office.draft(office.party(name="Other"))
    with acting_as(house.bookkeeper.identity):
        services.approve(approved.pk, house.bookkeeper.user)
    with acting_as(house.promoter.identity):
        for each in (approved, direct):
            services.issue_one(each.pk, house.promoter.user)
    with acting_as(house.system):
        first, second = (Document.objects.get(pk=each.pk) for each in (approved, direct))
    assert (first.approved_by_id, first.issued_by_id) == (house.bookkeeper.user.pk, house.promoter.user.pk)
    assert (second.approved_by_id, second.issued_by_id) == (house.promoter.user.pk, house.promoter.user.pk)
    assert second.approved_at == second.issued_at
