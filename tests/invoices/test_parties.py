"""Parties and agreements: what is taken, what is refused with which words, what is never shown."""

from typing import Any

import pytest

from housecount.core.errors import HousecountError
from housecount.invoices import queries, services
from housecount.invoices.models import Contact, Party
from housecount.tenancy import crypto
from housecount.tenancy.identity import acting_as
from tests.invoices.office import ACT_ABN, Json, Office, party_data
from tests.world import make_house


@pytest.fixture
def office(database: str) -> Office:
    return Office()


def shown(office: Office, party: Party) -> Json:
    with acting_as(office.identity):
        return queries.party_json(Party.objects.get(organisation_id=office.organisation_id, pk=party.pk))


def test_a_party_reads_as_it_was_given(office: Office) -> None:
    data = party_data(gst_registered_to="2027-06-30", nzbn="9429033591476", vat_number="GB 980 7806 84")
    found = shown(office, office.add(data))
    assert {name: found[name] for name in data} == {**data, "vat_number": "980780684"}
    assert found["self"] is False


def test_a_party_of_a_name_alone_has_the_rest_by_default(office: Office) -> None:
    found = shown(office, office.add({"name": "  Dot  "}))
    assert (found["name"], found["kind"], found["country"], found["abn"]) == ("Dot", "individual", "AU", "")
    assert (found["address"], found["email"], found["gst_registered_from"]) == ([], "", None)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"abn": "51824753557"}, "not_an_identifier", "not an ABN"),
        ({"nzbn": "9429033591477"}, "not_an_identifier", "not an NZBN"),
        ({"vat_number": "GB980780685"}, "not_an_identifier", "not a UK VAT number"),
        ({"country": "NZ", "vat_number": "49091851"}, "not_an_identifier", "GST number"),
        ({"email": "nobody"}, "invalid", "e-mail"),
        ({"kind": "king"}, "invalid", "kind"),
        ({"name": " "}, "invalid", "name is missing"),
        ({"name": "x" * 201}, "invalid", "longer than 200"),
        ({"colour": "blue"}, "invalid", "colour"),
        ({"country": "Australia"}, "invalid", "two letters"),
        ({"gst_registered_from": "yesterday"}, "invalid", "gst_registered_from"),
        ({"gst_registered_to": "2019-01-01"}, "invalid", "gst_registered_to"),
        ({"gst_registered_from": None, "gst_registered_to": "2019-01-01"}, "invalid", "gst_registered_to"),
        ({"address": "1 Laugh Lane"}, "invalid", "address"),
        ({"timezone": "Moon/Far"}, "invalid", "time zone"),
        ({"bank": {"bsb": "12", "account": "12345678"}}, "invalid", "six digits"),
        ({"abn_exception": "because"}, "invalid", "abn_exception"),
        ({"user": "nobody@example.com"}, "invalid", "not a member"),
        ({"contacts": [{"email": "nobody"}]}, "invalid", "e-mail"),
    ],
)
def test_what_cannot_be_is_refused(office: Office, changes: Json, code: str, words: str) -> None:
    with pytest.raises(HousecountError) as refused:
        office.party(**changes)
    assert refused.value.code == code
    assert words in refused.value.message
    with acting_as(office.identity):
        assert not queries.parties(office.organisation_id).exists()


def test_there_is_one_identity_of_our_own(office: Office) -> None:
    office.ourselves()
    with pytest.raises(HousecountError) as refused:
        office.ourselves(name="Again", abn="")
    assert refused.value.code == "identity_there"


def test_a_list_is_put_on_file_whole_or_not_at_all(office: Office) -> None:
    with acting_as(office.identity), pytest.raises(HousecountError):
        services.create_parties(office.organisation_id, [{"name": "One"}, {"name": "Two", "abn": "1"}])
    with acting_as(office.identity):
        assert not queries.parties(office.organisation_id).exists()
        made = services.create_parties(office.organisation_id, [{"name": "Two"}, {"name": "One"}])
        assert [each.name for each in queries.parties(office.organisation_id)] == ["One", "Two"]
    assert len({each.pk for each in made}) == 2


def test_bank_details_are_encrypted_and_masked(office: Office) -> None:
    party = office.party(bank={"bsb": "063-000", "account": "12345678", "name": "Mirth"})
    found = shown(office, party)["bank"]
    assert found == {"bsb": "•••000", "account": "•••678", "name": "Mirth"}
    kept = bytes(party.bank_details)
    assert b"12345678" not in kept
    assert '"account":"12345678"' in crypto.decrypt(kept).reveal()


def test_an_edit_changes_what_it_names(office: Office) -> None:
    bank = {"bsb": "063000", "account": "12345678"}
    party = office.party(bank=bank, contacts=[{"email": "a@mirth.example", "copy": "cc"}])
    with acting_as(office.identity):
        services.edit_party(party.pk, {"name": "Mirth & Co", "abn": None})
    found = shown(office, party)
    assert (found["name"], found["abn"], found["email"]) == ("Mirth & Co", "", "accounts@mirth.example")
    assert found["bank"]["account"] == "•••678"
    assert found["contacts"] == [{"name": "", "email": "a@mirth.example", "copy": "cc"}]
    with acting_as(office.identity):
        services.edit_party(party.pk, {"bank": None, "contacts": []})
        assert not Contact.objects.filter(organisation_id=office.organisation_id).exists()
    assert shown(office, party)["bank"] is None


def test_a_member_may_sign_in_as_a_party_and_a_promoter_does_not_undo_it() -> None:
    house = make_house()
    office = Office(house.organisation.pk)
    party = office.party(user=house.act.user.email)
    assert shown(office, party)["user"] == house.act.user.email
    with acting_as(house.promoter.identity):
        services.edit_party(party.pk, {"name": "Renamed"})
    assert shown(office, party)["user"] == house.act.user.email
    with acting_as(house.act.identity):
        assert [each.name for each in queries.parties(office.organisation_id)] == ["Renamed"]


def test_an_archived_party_is_left_out(office: Office) -> None:
    party = office.party()
    with acting_as(office.identity):
        services.archive_party(party.pk)
        assert not queries.parties(office.organisation_id).exists()
        assert queries.parties(office.organisation_id, archived=True).count() == 1
        services.archive_party(party.pk, archived=False)
        assert queries.parties(office.organisation_id, text="51 824 753 556").get().abn == ACT_ABN
        assert not queries.parties(office.organisation_id, text="nobody").exists()


def test_an_agreement_is_kept(office: Office) -> None:
    party = office.party()
    data = {"kind": "rcti", "party": str(party.pk), "from": "2026-01-01", "to": "2026-12-31", "supplies": "sets",
            "reference": "A-1"}  # fmt: skip
    with acting_as(office.identity):
        found = queries.agreement_json(services.create_agreement(office.organisation_id, data))
    assert {name: found[name] for name in data} == data


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to": "2025-12-31"}, "ends before it begins"),
        ({"supplies": " "}, "supplies"),
        ({"kind": "handshake"}, "kind"),
        ({"party": "00000000-0000-4000-8000-000000000000"}, "no party"),
        ({"party": "nobody"}, "not the id of a party"),
        ({"from": None}, "from"),
    ],
)
def test_an_agreement_that_cannot_be_is_refused(office: Office, changes: dict[str, Any], words: str) -> None:
    party = office.party()
    data = {"kind": "rcti", "party": str(party.pk), "from": "2026-01-01", "supplies": "sets", **changes}
    with acting_as(office.identity), pytest.raises(HousecountError, match=words):
        services.create_agreement(office.organisation_id, data)


def test_an_agreement_is_not_with_ourselves(office: Office) -> None:
    own = office.ourselves()
    with pytest.raises(HousecountError, match="not with ourselves"):
        office.agreement(own)
