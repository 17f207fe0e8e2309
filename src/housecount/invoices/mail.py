"""Documents by mail: written down first, handed to the mail server by a job, tried again when that fails.

Nothing of a mail goes into the log: not its address, not its subject, not what the mail server answered.
"""

import logging
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import formataddr, parseaddr
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from procrastinate.contrib.django import app

from housecount.core.errors import HousecountError, NextStep
from housecount.core.money import format_money
from housecount.installation import environment
from housecount.invoices import files, links, queries
from housecount.invoices.models import (
    Contact,
    Delivery,
    Direction,
    Document,
    Ending,
    Kind,
    Link,
    Party,
    Purpose,
    Step,
)
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import User

logger = logging.getLogger(__name__)

#: How long after each failed try the next one is; after the last, the mail is given up.
PAUSES = (
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
#: The longest a person's own words in a mail may be.
LONGEST_WORDS = 4000
_BEING_SENT = "It was being handed to the mail server when the worker stopped."

KIND_NAMES = {
    Kind.INVOICE: "Invoice",
    Kind.RCTI: "Recipient-created tax invoice",
    Kind.DEPOSIT_INVOICE: "Deposit invoice",
    Kind.CREDIT_NOTE: "Credit note",
    Kind.ADJUSTMENT_NOTE: "Adjustment note",
    Kind.PAYMENT_STATEMENT: "Payment statement",
}


class NotSendable(HousecountError):
    """A document that cannot be mailed as it stands."""

    code = "not_sendable"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


@dataclass(frozen=True, slots=True)
class _Posting:
    """A mail that is ready to be handed over; `link` is new with it."""

    delivery_id: UUID
    message: EmailMessage
    link_id: UUID | None


def recipients_of(party: Party) -> list[dict[str, str]]:
    """Who gets a party's documents: its contacts, and its own address where no contact is a `to`."""
    contacts = Contact.objects.filter(organisation_id=party.organisation_id, party_id=party.pk).order_by(
        "email"
    )
    found = [{"email": contact.email, "copy": contact.copy} for contact in contacts]
    if party.email and not any(each["copy"] == "to" for each in found):
        found.insert(0, {"email": party.email, "copy": "to"})
    return found


def send(
    document: Document,
    now: datetime,
    by: User | None = None,
    *,
    words: str = "",
    purpose: Purpose = Purpose.DOCUMENT,
) -> Delivery:
    """Have an issued document mailed to its party's contacts, as soon as the transaction is kept.

    `words` stand above the standard text. Raises `NotSendable`.
    """
    if document.step != Step.ISSUED:
        raise NotSendable("Only an issued document is sent: issue it first.")
    recipients = recipients_of(document.party)
    if not any(each["copy"] == "to" for each in recipients):
        raise NotSendable(
            f"There is no address to send to: give {document.party.name} an e-mail address or a contact."
        )
    words = words.replace("\x00", "").strip()
    if len(words) > LONGEST_WORDS:
        raise NotSendable(f"Use at most {LONGEST_WORDS:,} characters.")
    delivery = Delivery(
        organisation_id=document.organisation_id,
        document=document,
        kind="mail",
        purpose=purpose,
        recipients=recipients,
        subject=_subject(document, purpose),
        words=words,
        next_try_at=now,
        created_by=by,
    )
    delivery.message_id = f"<{delivery.pk}@{_mail_host()}>"
    delivery.save(force_insert=True)
    app.configure_task("housecount.invoices.tasks.post_mail", queueing_lock=f"mail-{delivery.pk}").defer(
        organisation_id=str(document.organisation_id), delivery_id=str(delivery.pk)
    )
    return delivery


def advise(document: Document, amount: int, day: date, now: datetime, by: User | None = None) -> Delivery:
    """Remittance advice: whoever we owe is told by mail what we paid (`amount` in minor units) and on which day. Raises
    `NotSendable`."""
    if document.direction != Direction.PAYABLE or amount <= 0:
        raise NotSendable("Only who is paid by us is told of a payment.")
    words = f"{format_money(amount, document.currency)} on {long_day(day)}."
    return send(document, now, by, words=words, purpose=Purpose.REMITTANCE)


def make_link(document: Document, now: datetime, by: User | None) -> str:
    """A link for a person to hand over by themselves; its token. Kept as a delivery. Raises `NotSayable`."""
    link, token = links.make(document, by)
    Delivery.objects.create(
        organisation_id=document.organisation_id,
        document=document,
        kind="link",
        link=link,
        sent_at=now,
        created_by=by,
    )
    links.note(document, "link_made", by=by)
    return token


def bounced(delivery: Delivery, now: datetime, by: User | None) -> None:
    """A person says that a mail came back."""
    if delivery.bounced_at is None and delivery.sent_at is not None and delivery.kind == "mail":
        delivery.bounced_at = now
        delivery.save(update_fields=["bounced_at"])
        links.note(delivery.document, "bounced", by=by)


def try_again(delivery: Delivery, now: datetime) -> None:
    """Take up a mail that was given up, or try one that waits at once."""
    if delivery.sent_at is None and delivery.kind == "mail":
        delivery.attempts, delivery.next_try_at = 0, now
        delivery.save(update_fields=["attempts", "next_try_at"])


def waiting(organisation_id: UUID, now: datetime) -> list[UUID]:
    """The mails of an organisation whose time has come; in a transaction of its own."""
    with acting_as(Identity.system(organisation_id)):
        return list(
            Delivery.objects.filter(organisation_id=organisation_id, next_try_at__lte=now)
            .order_by("next_try_at")
            .values_list("pk", flat=True)[:500]
        )


def post(organisation_id: UUID, delivery_id: UUID, now: datetime) -> bool:
    """Hand one mail over, if its time has come; whether it was taken. In transactions of its own.

    The mail server is asked outside of them. A worker that dies in between leaves the mail to be tried again: it
    may then come twice, under the same Message-ID, which is better than not at all.
    """
    with acting_as(Identity.system(organisation_id)):
        posting = _claim(organisation_id, delivery_id, now)
    if posting is None:
        return False
    trouble, final = "", False
    try:
        posting.message.send()
    except smtplib.SMTPRecipientsRefused as error:
        final = all(code >= 500 for code, _ in error.recipients.values())
        trouble = "The mail server refused every address. Check the party's contacts."
    except smtplib.SMTPAuthenticationError:
        trouble = "The mail server does not accept our name and password. Check HOUSECOUNT_EMAIL_URL."
    except smtplib.SMTPResponseException as error:
        final = error.smtp_code >= 500
        trouble = f"The mail server refused the mail (code {error.smtp_code})."
    except (OSError, smtplib.SMTPException) as error:
        trouble = f"The mail server could not be reached or broke off ({type(error).__name__})."
    with acting_as(Identity.system(organisation_id)):
        _keep(organisation_id, posting, now, trouble, final=final)
    if trouble:
        logger.warning("mail %s was not taken by the mail server", delivery_id)
    return not trouble


def _claim(organisation_id: UUID, delivery_id: UUID, now: datetime) -> _Posting | None:
    from housecount.invoices import reminders  # it sends by this module

    delivery = (
        Delivery.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("document__party", "document__show__venue", "organisation")
        .filter(organisation_id=organisation_id, pk=delivery_id, sent_at=None, next_try_at__lte=now)
        .first()
    )
    if delivery is None:
        return None
    document = delivery.document
    ended = Ending.objects.filter(organisation_id=organisation_id, document=document).exists()
    if ended or (delivery.purpose == Purpose.REMINDER and not reminders.may_go(document, now)):
        delivery.next_try_at, delivery.trouble = None, "It was no longer needed when its turn came."
        delivery.save(update_fields=["next_try_at", "trouble"])
        return None
    link, address = None, ""
    if environment.load().public_url:
        link, token = links.make(document)
        address = f"{environment.load().public_url}{reverse('recipient', args=[token])}"
    message = _message(delivery, address, now)
    delivery.attempts += 1
    delivery.next_try_at = now + PAUSES[delivery.attempts - 1] if delivery.attempts <= len(PAUSES) else None
    delivery.trouble, delivery.link = _BEING_SENT, link
    delivery.save(update_fields=["attempts", "next_try_at", "trouble", "link"])
    return _Posting(delivery.pk, message, link.pk if link else None)


def _keep(organisation_id: UUID, posting: _Posting, now: datetime, trouble: str, *, final: bool) -> None:
    delivery = Delivery.objects.select_related("document").get(
        organisation_id=organisation_id, pk=posting.delivery_id
    )
    delivery.trouble = trouble
    if not trouble:
        delivery.sent_at, delivery.next_try_at = now, None
        what = {Purpose.REMINDER: "reminded", Purpose.REMITTANCE: "remittance_sent"}
        links.note(delivery.document, what.get(Purpose(delivery.purpose), "sent"))
    else:
        if final:
            delivery.next_try_at = None
        if posting.link_id is not None:
            Link.objects.filter(organisation_id=organisation_id, pk=posting.link_id).update(revoked_at=now)
    delivery.save(update_fields=["trouble", "sent_at", "next_try_at"])


def _message(delivery: Delivery, address: str, now: datetime) -> EmailMessage:
    document = delivery.document
    zone = ZoneInfo(document.party.timezone or delivery.organisation.timezone)
    facts = queries.document_json(document, today=now.astimezone(zone).date())
    own = Party.objects.filter(organisation_id=document.organisation_id, is_self=True).first()
    sender = own.name if own else delivery.organisation.name
    words = {
        "document": document,
        "kind": kind_name(document).lower()
        if document.kind != Kind.RCTI
        else "recipient-created tax invoice",
        "party": document.party,
        "sender": sender,
        "words": delivery.words,
        "link": address,
        "total": format_money(document.total, document.currency),
        "balance": format_money(facts["balance"], document.currency),
        "paid": format_money(facts["paid"], document.currency),
        "part_paid": facts["paid"] != 0,
        "credit": document.kind in {Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE},
        "payable": document.direction == Direction.PAYABLE,
        "overdue": facts["overdue"],
        "due": long_day(document.due_date) if document.due_date else "",
    }
    message = EmailMessage(
        subject=delivery.subject,
        body=render_to_string(f"invoices/mail/{delivery.purpose}.txt", words),
        from_email=formataddr((_one_line(sender), parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        to=_with_copy(delivery.recipients, "to"),
        cc=_with_copy(delivery.recipients, "cc"),
        bcc=_with_copy(delivery.recipients, "bcc"),
        reply_to=[own.email] if own and own.email else None,
        headers={"Message-ID": delivery.message_id},
    )
    stored = files.stored(document)
    if stored is not None:
        message.attach(f"{document.number}.pdf".replace("/", "-"), bytes(stored.content), "application/pdf")
    return message


def _with_copy(recipients: Sequence[dict[str, Any]], copy: str) -> list[str]:
    return [str(each["email"]) for each in recipients if each["copy"] == copy]


def _subject(document: Document, purpose: Purpose) -> str:
    name = f"{kind_name(document)} {document.number}"
    match purpose:
        case Purpose.REMINDER:
            text = f"Reminder: {name}"
        case Purpose.REMITTANCE:
            text = f"Payment of {name}"
        case _:
            own = Party.objects.filter(organisation_id=document.organisation_id, is_self=True).first()
            text = f"{name} from {own.name}" if own else name
    return _one_line(text)[:300]


def kind_name(document: Document) -> str:
    """What a document is, for people."""
    return KIND_NAMES[Kind(document.kind)]


def long_day(day: Any) -> str:
    """ "Friday 27 November 2026"."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def _one_line(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())


def _mail_host() -> str:
    return (
        parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
        or urlsplit(environment.load().public_url or "//localhost").hostname
        or "localhost"
    )
