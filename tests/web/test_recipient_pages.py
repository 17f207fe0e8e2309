"""A recipient's link: what it shows, what can be said by it, and that nothing else gets in."""

import base64
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from housecount.invoices import links, mail
from housecount.invoices.models import Document, Event, Link
from housecount.tenancy.identity import Identity, acting_as
from tests.invoices.office import Office
from tests.web.stage import Look


@pytest.fixture(autouse=True)
def _no_attempts_yet(database: str) -> None:
    with acting_as(Identity.nobody()):
        cache.clear()


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves(bank={"bsb": "062000", "account": "11223344", "name": "Laughing Stock"})
    return office


def made(office: Office, document: Document) -> str:
    with acting_as(office.identity):
        return mail.make_link(document, timezone.now(), None)


def happened(office: Office, document: Document) -> list[str]:
    with acting_as(office.identity):
        return list(
            Event.objects.filter(organisation_id=office.organisation_id, document=document)
            .order_by("id")
            .values_list("what", flat=True)
        )


def seen(token: str, status: int = 200) -> Look:
    response = Client().get(f"/d/{token}")
    assert response.status_code == status
    assert "no-store" in response["Cache-Control"]
    assert "noindex" in response["X-Robots-Tag"]
    page = Look(response.content.decode())
    page.check()
    return page


def test_it_shows_the_document_and_how_to_pay_and_every_opening_is_kept(office: Office) -> None:
    venue = office.party(name="The Attic Bar")
    issued = office.issued(venue, due_date="2035-01-01")
    token = made(office, issued)
    page = seen(token)
    for word in ("INV-00001", "Laughing Stock", "A$550.00", "11223344", "062000", "1 Jan 2035"):
        assert word in page.text, word
    response = Client().get(f"/d/{token}/pdf")
    assert response.content[:5] == b"%PDF-"
    assert "no-store" in response["Cache-Control"]
    seen(token)
    assert happened(office, issued) == ["issued", "link_made", "seen", "downloaded", "seen"]


def test_what_we_owe_shows_no_account(office: Office) -> None:
    act = office.party(bank={"bsb": "083001", "account": "99887766", "name": "Mirth"})
    issued = office.issued(act, kind="rcti", direction="payable", agreement=office.agreement(act))
    page = seen(made(office, issued))
    assert "99887766" not in page.text
    assert "11223344" not in page.text
    assert "I intend to pay on" not in page.text
    assert "Something is wrong with it" in page.text


def test_a_dispute_and_a_promise(office: Office) -> None:
    issued = office.issued(office.party(), due_date="2035-01-01")
    token = made(office, issued)
    soon = (timezone.now() + timedelta(days=5)).date().isoformat()
    for address, fields, words in (
        ("promise", {"on": "never"}, "Choose the day"),
        ("promise", {"on": "2020-01-01"}, "That day is over"),
        ("promise", {"on": "2199-01-01"}, "more than a year away"),
        ("promise", {"on": soon}, "nobody will remind you before that day"),
        ("dispute", {"reason": " "}, "Say what is wrong"),
        ("dispute", {"reason": "x" * 2001}, "at most 2,000 characters"),
        ("dispute", {"reason": "Two tables, not four"}, "nobody will remind you meanwhile"),
    ):
        client = Client()
        response = client.post(f"/d/{token}/{address}", fields)
        assert response.status_code == 302
        assert words in client.get(response["Location"]).content.decode()
    assert [what for what in happened(office, issued) if what in {"promised", "disputed"}] == [
        "promised",
        "disputed",
    ]
    assert "We are looking into it" in seen(token).text


@pytest.mark.parametrize("address", ["", "/pdf"])
def test_forged_unknown_and_withdrawn_links_answer_alike(office: Office, address: str) -> None:
    issued = office.issued(office.party())
    token = made(office, issued)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[20] ^= 1
    forged = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    payload = office.organisation_id.bytes + bytes(24)
    unknown = base64.urlsafe_b64encode(payload + links._sign(payload)).decode().rstrip("=")
    with pytest.raises(links.LinkUnusable):
        links.organisation_of(forged)  # told without asking the database
    answers = set()
    for each in (forged, unknown, "x", "", token[:-1], f"{token}=", "%00"):
        if each:
            response = Client().get(f"/d/{each}{address}")
            assert response.status_code == 404, each
            answers.add(response.content)
    with acting_as(office.identity):
        link = Link.objects.get(organisation_id=office.organisation_id, document=issued)
        assert links.revoke(issued, link.pk, timezone.now(), None)
        assert not links.revoke(issued, link.pk, timezone.now(), None)
    response = Client().get(f"/d/{token}{address}")
    assert response.status_code == 404
    assert answers == {response.content}
    for what in ("dispute", "promise"):
        assert Client().post(f"/d/{token}/{what}", {"reason": "x", "on": "2035-01-01"}).status_code == 404
    assert "disputed" not in happened(office, issued)


def test_only_a_hash_of_the_token_is_kept(office: Office) -> None:
    token = made(office, office.issued(office.party()))
    with acting_as(office.identity):
        link = Link.objects.get(organisation_id=office.organisation_id)
    assert token.encode() not in bytes(link.token_hash)
    assert len(bytes(link.token_hash)) == 32


def test_there_is_no_link_to_a_draft(office: Office) -> None:
    draft = office.draft(office.party())
    with acting_as(office.identity), pytest.raises(links.NotSayable):
        links.make(draft)


def test_who_tries_too_often_is_slowed_down(office: Office) -> None:
    for _ in range(60):
        assert Client().get("/d/guess", REMOTE_ADDR="10.9.8.7").status_code == 404
    assert Client().get("/d/guess", REMOTE_ADDR="10.9.8.7").status_code == 429
    assert Client().get("/d/guess", REMOTE_ADDR="10.9.8.8").status_code == 404


def test_a_document_that_is_void_takes_no_promises(office: Office) -> None:
    from housecount.invoices import services

    issued = office.issued(office.party())
    token = made(office, issued)
    with acting_as(office.identity):
        services.void(issued.pk, "a mistake")
    page = seen(token)
    assert "Void" in page.text
    assert "I intend to pay" not in page.text
    assert "11223344" not in page.text
    for address, fields in (("promise", {"on": "2035-01-01"}), ("dispute", {"reason": "x"})):
        client = Client()
        response = client.post(f"/d/{token}/{address}", fields)
        assert "Nothing is open" in client.get(response["Location"]).content.decode()
    assert not {"promised", "disputed"} & set(happened(office, issued))
