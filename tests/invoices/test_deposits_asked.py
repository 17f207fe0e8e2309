"""Deposits by terms: so much or a share, when they are due, and that the final document takes them off."""

from datetime import UTC, datetime
from typing import Any

import pytest

from housecount.box_office.models import Show
from housecount.invoices import services
from housecount.invoices.errors import Invalid, NotPossible
from housecount.invoices.models import Document, Party
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office

pytestmark = pytest.mark.usefixtures("plain_paper")
HIRE = [
    {"description": "Hire", "unit_price": 100_000},
    {"description": "Charity tickets", "unit_price": 20_001, "tax": "gst_free"},
]
BEFORE = {"kind": "before_show", "days": 14}


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def asked(office: Office, party: Party, deposit: dict[str, Any], **more: Any) -> Document:
    return office.draft(party, **{"lines": HIRE, "deposit": deposit, "due_date": None} | more)


def ask(office: Office, document: Document) -> Document:
    with acting_as(office.identity):
        return services.ask_for_deposit(document.pk)


def test_a_share_is_asked_for_and_moves_with_its_show(office: Office) -> None:
    venue, show = office.party(), office.show(datetime(2027, 2, 12, 8, tzinfo=UTC))
    final = asked(
        office, venue, {"kind": "part_payment", "percentage": 2_500, "terms": BEFORE}, show=show, terms=BEFORE
    )
    deposit = ask(office, final)
    told = office.json(deposit)
    assert [(line["tax"], line["gross_amount"]) for line in told["lines"]] == [
        ("gst_free", 5_000),
        ("taxable", 27_500),
    ]
    assert (told["total"], told["tax_total"], told["deposit_kind"]) == (32_500, 2_500, "part_payment")
    assert told["due_date"] == office.json(final)["due_date"] == "2027-01-29"
    with acting_as(office.identity):
        Show.objects.filter(organisation_id=office.organisation_id, pk=show).update(
            starts_at=datetime(2027, 2, 19, 8, tzinfo=UTC)
        )
    assert office.json(deposit)["due_date"] == office.json(final)["due_date"] == "2027-02-05"
    deposit = office.issue(deposit)
    with acting_as(office.identity):
        Show.objects.filter(organisation_id=office.organisation_id, pk=show).update(
            starts_at=datetime(2027, 3, 19, 8, tzinfo=UTC)
        )
    assert office.json(deposit)["due_date"] == "2027-02-05", "what is issued stays"
    assert office.json(final)["due_date"] == "2027-03-05"
    with pytest.raises(NotPossible, match="already"):
        ask(office, final)
    office.pay(deposit, 32_500)
    assert office.json(office.issue(final))["balance"] == 130_001 - 32_500


def test_security_bears_no_tax_and_an_amount_is_at_most_the_whole(office: Office) -> None:
    venue = office.party()
    deposit = ask(office, asked(office, venue, {"kind": "security", "amount": 55_000}))
    told = office.json(deposit)
    assert (told["total"], told["tax_total"], told["lines"][0]["tax"]) == (55_000, 0, "out_of_scope")
    assert office.issue(deposit).number == "DEP-00001"
    more = ask(office, asked(office, venue, {"kind": "part_payment", "amount": 999_999}))
    assert more.total == 130_001


@pytest.mark.parametrize(
    ("deposit", "words"),
    [
        ({"kind": "security"}, "amount or percentage"),
        ({"kind": "security", "amount": 1, "percentage": 1}, "amount or percentage"),
        ({"kind": "security", "amount": 0}, "above zero"),
        ({"kind": "security", "percentage": 10_001}, "hundredths"),
        ({"kind": "other", "amount": 1}, "deposit"),
    ],
)
def test_what_cannot_be_asked_for(office: Office, deposit: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        asked(office, office.party(), deposit)


def test_there_must_be_terms_and_a_draft(office: Office) -> None:
    venue = office.party()
    with pytest.raises(NotPossible, match="no terms"):
        ask(office, office.draft(venue))
    with pytest.raises(NotPossible, match="is a draft"):
        ask(office, office.issue(asked(office, venue, {"kind": "security", "amount": 1})))
    kept = asked(office, venue, {"kind": "security", "amount": 100})
    with acting_as(office.identity):
        services.edit(kept.pk, {"reference": "x"})
        assert services.edit(kept.pk, {"reference": "y"}).deposit_terms == {
            "kind": "security", "amount": 100, "terms": None,
        }  # fmt: skip
