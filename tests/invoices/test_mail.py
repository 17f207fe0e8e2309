"""Mails: to whom, with what, and what becomes of them when the mail server does not take them."""

import logging
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client

from housecount.installation import environment
from housecount.invoices import mail, services, tasks
from housecount.invoices.models import Delivery, Document, Event, Link, Purpose
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office

NOW = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_outbox() -> None:
    outbox.outbox = []


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves(email="office@laughs.example")
    return office


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the world reaches us."""
    monkeypatch.setenv("HOUSECOUNT_PUBLIC_URL", "https://count.example.org")
    environment.load.cache_clear()
    yield "https://count.example.org"
    monkeypatch.undo()
    environment.load.cache_clear()


def sent(office: Office, document: Document, **more: Any) -> Delivery:
    with acting_as(office.identity):
        return mail.send(document, NOW, **more)


def posted(office: Office, delivery: Delivery, now: datetime = NOW) -> Delivery:
    mail.post(office.organisation_id, delivery.pk, now)
    return again(office, delivery)


def post_all(office: Office, now: datetime) -> int:
    """How many of the office's own mails were taken; other tests leave theirs in the same database."""
    waiting = mail.waiting(office.organisation_id, now)
    return sum(mail.post(office.organisation_id, delivery_id, now) for delivery_id in waiting)


def again(office: Office, delivery: Delivery) -> Delivery:
    with acting_as(office.identity):
        return Delivery.objects.get(organisation_id=office.organisation_id, pk=delivery.pk)


def fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def send(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("django.core.mail.EmailMessage.send", send)


def test_a_mail_has_its_people_its_words_and_the_stored_pdf(office: Office) -> None:
    party = office.party(
        contacts=[
            {"email": "pay@mirth.example", "copy": "to"},
            {"email": "boss@mirth.example", "copy": "cc"},
            {"email": "quiet@mirth.example", "copy": "bcc"},
        ]
    )
    document = office.issued(party, reference="Gala")
    delivery = posted(office, sent(office, document, words="See you on Friday."))
    [message] = outbox.outbox
    assert (message.to, message.cc, message.bcc) == (
        ["pay@mirth.example"], ["boss@mirth.example"], ["quiet@mirth.example"],
    )  # fmt: skip
    assert message.subject == "Invoice INV-00001 from Laughing Stock"
    assert message.reply_to == ["office@laughs.example"]
    assert "See you on Friday." in message.body
    assert "It is due on Friday 11 December 2026." in message.body
    [(name, content, kind)] = message.attachments
    assert (name, kind) == ("INV-00001.pdf", "application/pdf")
    with acting_as(office.identity):
        assert content == bytes(document.files.get().content)
        assert [each.what for each in Event.objects.filter(document=document).order_by("id")] == [
            "issued",
            "sent",
        ]
    assert delivery.sent_at == NOW
    assert delivery.next_try_at is None
    assert message.message()["Message-ID"] == delivery.message_id


def test_the_link_in_it_opens(office: Office, public: str) -> None:
    posted(office, sent(office, office.issued(office.party())))
    [line] = [line for line in outbox.outbox[0].body.splitlines() if "/d/" in line]
    assert line.startswith(f"{public}/d/")
    assert Client().get(line.removeprefix(public)).status_code == 200


def test_without_an_address_or_before_issue_there_is_no_mail(office: Office) -> None:
    with pytest.raises(mail.NotSendable, match="no address"):
        sent(office, office.issued(office.party(email="")))
    with pytest.raises(mail.NotSendable, match="issue it first"):
        sent(office, office.draft(office.party()))


def test_a_name_with_a_line_break_makes_no_header(office: Office) -> None:
    document = office.issued(office.party())
    with acting_as(office.identity):
        document.party.__class__.objects.filter(organisation_id=office.organisation_id, is_self=True).update(
            name="Laughs\r\nBcc: everybody@example.com"
        )
    posted(office, sent(office, document))
    [message] = outbox.outbox
    assert message.message()["Bcc"] is None
    assert "\n" not in message.subject


@pytest.mark.parametrize(
    ("error", "words", "tried_again"),
    [
        (ConnectionRefusedError("pay@mirth.example"), "could not be reached", True),
        (smtplib.SMTPServerDisconnected("pay@mirth.example"), "broke off", True),
        (smtplib.SMTPResponseException(451, b"pay@mirth.example"), "code 451", True),
        (smtplib.SMTPResponseException(552, b"pay@mirth.example"), "code 552", False),
        (smtplib.SMTPRecipientsRefused({"pay@mirth.example": (550, b"no")}), "refused every address", False),
        (smtplib.SMTPAuthenticationError(535, b"pay@mirth.example"), "name and password", True),
    ],
)
def test_a_failure_is_kept_in_words_and_without_the_address(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    words: str,
    tried_again: bool,
) -> None:
    delivery = sent(office, office.issued(office.party(email="pay@mirth.example")))
    fail(monkeypatch, error)
    with caplog.at_level(logging.DEBUG):
        delivery = posted(office, delivery)
    assert words in delivery.trouble
    assert "mirth.example" not in delivery.trouble + caplog.text
    assert delivery.sent_at is None
    assert (delivery.next_try_at is not None) == tried_again


def test_it_is_tried_again_with_growing_pauses_and_then_given_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = sent(office, office.issued(office.party()))
    now, pauses = NOW, []
    with monkeypatch.context() as patch:
        fail(patch, ConnectionRefusedError())
        while delivery.next_try_at is not None:
            assert post_all(office, now) == 0
            delivery = again(office, delivery)
            if delivery.next_try_at is not None:
                pauses.append(delivery.next_try_at - now)
                assert mail.post(office.organisation_id, delivery.pk, now) is False
                now = delivery.next_try_at
    assert pauses == list(mail.PAUSES)
    assert delivery.attempts == len(mail.PAUSES) + 1
    with acting_as(office.identity):
        mail.try_again(delivery, now)
    assert post_all(office, now) == 1
    assert len(outbox.outbox) == 1
    assert post_all(office, now + timedelta(days=30)) == 0


@pytest.mark.usefixtures("public")
def test_the_link_of_a_mail_that_did_not_go_is_withdrawn(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = sent(office, office.issued(office.party()))
    fail(monkeypatch, ConnectionRefusedError())
    posted(office, delivery)
    with acting_as(office.identity):
        assert Link.objects.get(organisation_id=office.organisation_id).revoked_at == NOW


def test_a_worker_that_dies_while_it_sends_leaves_the_mail_to_be_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = sent(office, office.issued(office.party()))
    with monkeypatch.context() as patch:
        fail(patch, KeyboardInterrupt())  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            mail.post(office.organisation_id, delivery.pk, NOW)
    assert "worker stopped" in again(office, delivery).trouble
    assert post_all(office, NOW) == 0
    assert post_all(office, NOW + mail.PAUSES[0]) == 1


def test_a_mail_is_posted_once_however_many_try(office: Office) -> None:
    delivery = sent(office, office.issued(office.party()))
    for _ in range(3):
        mail.post(office.organisation_id, delivery.pk, NOW)
    assert len(outbox.outbox) == 1


def test_what_is_rolled_back_is_not_sent(office: Office) -> None:
    document = office.issued(office.party())
    with pytest.raises(KeyError), acting_as(office.identity):  # noqa: PT012 - the mail goes down with it
        mail.send(document, NOW)
        raise KeyError
    assert post_all(office, NOW) == 0


def test_a_remittance_advice_says_what_was_paid(office: Office) -> None:
    act = office.party()
    document = office.issued(act, kind="rcti", direction="payable", agreement=office.agreement(act))
    office.pay(document, 20000)
    posted(
        office,
        sent(office, document, words="A$200.00 on Tuesday 1 December 2026.", purpose=Purpose.REMITTANCE),
    )
    [message] = outbox.outbox
    assert "We have paid A$200.00 on Tuesday 1 December 2026." in message.body
    assert "Still open: A$350.00" in message.body


def test_what_was_made_void_meanwhile_is_not_sent(office: Office) -> None:
    document = office.issued(office.party())
    delivery = sent(office, document)
    with acting_as(office.identity):
        services.void(document.pk, "a mistake")
    assert "no longer needed" in posted(office, delivery).trouble
    assert outbox.outbox == []


def test_the_job_posts_the_mails_of_every_organisation(office: Office) -> None:
    other = Office()
    other.ourselves()
    deliveries = [(each, sent(each, each.issued(each.party()))) for each in (office, other)]
    assert tasks.post_all(NOW) >= 2
    assert all(again(each, delivery).sent_at == NOW for each, delivery in deliveries)
