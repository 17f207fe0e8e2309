"""Parties by hand, and what an act sees and does as one."""

from housecount.invoices.models import Party
from housecount.tenancy.identity import acting_as
from tests.invoices.office import ACT_ABN, OUR_ABN
from tests.web.books import Books, checked
from tests.web.stage import look
from tests.world import Person, make_house, make_person


def test_a_party_by_hand_with_its_account_never_shown_again(books: Books) -> None:
    fields = {
        "name": "Zed Zany",
        "kind": "individual",
        "country": "AU",
        "abn": "51 824 753 556",
        "gst_registered_from": "2021-01-01",
        "address": "1 Low Road\nCarlton",
        "email": "zed@zany.example",
        "contact-0-email": "manager@zany.example",
        "contact-0-copy": "cc",
        "bank_bsb": "062-000",
        "bank_account": "98765432",
        "bank_name": "Z Zany",
    }
    page = books.post("/parties/new/", **fields)
    assert "51 824 753 556" in page.text
    assert "account •••432" in page.text
    assert "98765432" not in page.text
    with acting_as(books.house.system):
        party = Party.objects.get(organisation_id=books.house.organisation.pk, name="Zed Zany")
    page = look(books.house.bookkeeper, f"/parties/{party.pk}/edit/")
    assert "98765432" not in str(page.controls)
    page = books.post(f"/parties/{party.pk}/edit/", **fields | {"bank_account": "", "name": "Zed Z"})
    assert "account •••432" in page.text
    page = books.post(f"/parties/{party.pk}/edit/", **fields | {"bank_account": "", "bank_forget": "yes"})
    assert "not on file" in page.text
    page = books.post("/parties/new/", 422, **fields | {"abn": "51 824 753 557", "bank_account": "98765432"})
    assert "is not an ABN" in page.text
    assert "98765432" not in str(page.controls)
    assert {control.get("name"): control.get("value") for control in page.controls}["name"] == "Zed Zany"


def test_who_signs_in_as_a_party_is_an_admins_to_say(books: Books) -> None:
    fields = {"name": "Mirth", "kind": "company", "country": "AU", "abn": ACT_ABN}
    page = books.post(f"/parties/{books.act.pk}/edit/", **fields)
    assert "somebody: an admin sees who" in page.text
    admin = books.house.admin.signed_in()
    assert books.house.act.user.email in checked(admin.get(f"/parties/{books.act.pk}/")).text
    assert "nobody" in books.post(f"/parties/{books.act.pk}/edit/", client=admin, **fields, user="").text


def test_our_own_identity_by_hand(database: str) -> None:
    house = make_house()
    client = house.admin.signed_in()
    response = client.post(
        "/parties/new/?self=1", {"name": "Laughs", "kind": "company", "country": "AU", "abn": OUR_ABN}
    )
    assert response.status_code == 302
    assert "You" in look(house.admin, response["Location"]).text
    second = client.post("/parties/new/?self=1", {"name": "Laughs", "kind": "company", "country": "AU"})
    assert second.status_code == 409


def test_an_act_sees_its_own_documents_and_raises_one(books: Books) -> None:
    books.office.issued(books.venue, reference="not for the act")
    agreement = books.office.agreement(books.act)
    rcti = books.office.issued(
        books.act, kind="rcti", direction="payable", agreement=agreement, reference="Friday"
    )
    other = make_person(books.house.organisation, books.house.act.identity.role)
    page = look(books.house.act, "/invoices/")
    assert "RCTI-00001" in page.text
    assert "not for the act" not in page.text
    assert "By Fri 11 Dec 2026" in page.text
    assert "A$550.00" in look(books.house.act, f"/invoices/{rcti.pk}/").text
    assert books.house.act.signed_in().get(f"/invoices/{rcti.pk}/pdf/").content[:5] == b"%PDF-"
    assert other.signed_in().get(f"/invoices/{rcti.pk}/").status_code == 404
    assert other.signed_in().get(f"/invoices/{rcti.pk}/pdf/").status_code == 404
    assert "RCTI-00001" not in look(other, "/invoices/").text
    books.office.pay(rcti, 55000)
    assert "Paid on Tue 1 Dec 2026" in look(books.house.act, "/invoices/").text

    page = look(books.house.act, "/invoices/raise/")
    assert "Headline set" in page.text
    fields = {"lines": "1", "line-0-description": "MC", "line-0-quantity": "1", "line-0-unit_price": "300"}
    fields |= {"line-0-tax": "taxable", "reference": "MM-77", "do": "save", "party": str(books.venue.pk)}
    page = books.post("/invoices/raise/", client=books.house.act.signed_in(), **fields)
    assert "Waits to be approved" in page.text
    raised = books.newest()
    assert (raised.party_id, raised.direction, raised.kind, raised.step) == (
        books.act.pk, "payable", "invoice", "draft",
    )  # fmt: skip
    assert (raised.total, raised.created_by_id) == (33000, books.house.act.user.pk)
    assert books.house.act.signed_in().get(f"/invoices/{raised.pk}/").status_code == 404
    assert "MM-77" in look(books.house.bookkeeper, "/invoices/?state=draft").text
    assert "MM-77" not in look(other, "/invoices/").text
    books.post(f"/invoices/{raised.pk}/issue/")
    assert "BILL-00001" in look(books.house.act, "/invoices/").text


def test_an_act_without_a_party_is_told_what_to_do(books: Books) -> None:
    stranger: Person = make_person(books.house.organisation, books.house.act.identity.role)
    assert "has not said which act you are" in look(stranger, "/invoices/raise/").text
    assert stranger.signed_in().get("/invoices/new/").status_code == 403
    assert stranger.signed_in().get("/parties/").status_code == 403


def test_an_act_that_is_not_registered_charges_no_gst(books: Books) -> None:
    person = make_person(books.house.organisation, books.house.act.identity.role)
    books.office.party(name="Small", abn=ACT_ABN, gst_registered_from=None, user=person.user.email)
    fields = {"lines": "1", "line-0-description": "Spot", "line-0-quantity": "1", "line-0-unit_price": "100"}
    books.post(
        "/invoices/raise/", client=person.signed_in(), **fields | {"line-0-tax": "taxable", "do": "save"}
    )
    raised = books.newest()
    assert (raised.net_total, raised.tax_total) == (10000, 0)


def test_a_member_who_signs_in_as_a_party_can_leave(books: Books) -> None:
    admin = books.house.admin.signed_in()
    assert admin.post(f"/people/{books.house.act.membership.pk}/remove/").status_code == 302
    with acting_as(books.house.system):
        assert Party.objects.get(pk=books.act.pk).membership_id is None
