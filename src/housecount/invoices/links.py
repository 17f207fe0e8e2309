"""Addresses at which a recipient sees a document without signing in, and what they do there.

A token is the organisation's id and 24 random bytes, signed; of the whole only a hash is kept. One that is
forged, unknown, revoked, or whose document is void for good reads alike: there is nothing.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import date, datetime
from uuid import UUID

from django.utils.crypto import salted_hmac

from housecount.core.errors import HousecountError, NextStep
from housecount.invoices.models import Document, Event, Link, Step
from housecount.tenancy.models import User

_ID, _RANDOM, _SIGNATURE = 16, 24, 16
LONGEST_REASON = 2000
#: A promise further ahead than this is none.
LONGEST_PROMISE_DAYS = 366


class LinkUnusable(HousecountError):
    """One answer for a link that is forged, unknown or revoked."""

    code = "link_unusable"
    http_status = 404
    next_step = NextStep.ASK_A_PERSON

    def __init__(self) -> None:
        super().__init__(
            "There is nothing at this address: the link is incomplete or was withdrawn. Ask whoever sent it to "
            "you for a new one."
        )


class NotSayable(HousecountError):
    """Something a recipient entered that cannot be taken."""

    code = "not_sayable"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


def _sign(payload: bytes) -> bytes:
    return salted_hmac("housecount.invoices.links", payload, algorithm="sha256").digest()[:_SIGNATURE]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def make(document: Document, by: User | None = None) -> tuple[Link, str]:
    """A new link to an issued document, and its token, which nobody can be told again."""
    if document.step != Step.ISSUED:
        raise NotSayable("Only an issued document has a link: issue it first.")
    payload = document.organisation_id.bytes + secrets.token_bytes(_RANDOM)
    token = base64.urlsafe_b64encode(payload + _sign(payload)).decode().rstrip("=")
    link = Link.objects.create(
        organisation_id=document.organisation_id, document=document, token_hash=_hash(token), created_by=by
    )
    return link, token


def organisation_of(token: str) -> UUID:
    """The organisation a token was made in, without asking the database. Raises `LinkUnusable`."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise LinkUnusable from None
    payload, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
    if len(raw) != _ID + _RANDOM + _SIGNATURE or not hmac.compare_digest(_sign(payload), signature):
        raise LinkUnusable
    return UUID(bytes=payload[:_ID])


def open_link(organisation_id: UUID, token: str) -> Link:
    """The link of a token, with its document and party; as `system`. Raises `LinkUnusable`."""
    found = (
        Link.objects.select_related(
            "document__party", "document__show__venue", "document__agreement", "organisation"
        )
        .filter(organisation_id=organisation_id, token_hash=_hash(token), revoked_at=None)
        .first()
    )
    if found is None:
        raise LinkUnusable
    return found


def revoke(document: Document, link_id: UUID, now: datetime, by: User | None) -> bool:
    """Withdraw a link; whether it was open until now."""
    links = Link.objects.filter(
        organisation_id=document.organisation_id, document_id=document.pk, pk=link_id, revoked_at=None
    )
    if not links.update(revoked_at=now):
        return False
    note(document, "link_withdrawn", by=by)
    return True


def note(
    document: Document, what: str, details: dict[str, str] | None = None, by: User | None = None
) -> None:
    """Keep that something happened to a document."""
    Event.objects.create(
        organisation_id=document.organisation_id,
        document_id=document.pk,
        what=what,
        details=details or {},
        by=by,
    )


def dispute(document: Document, reason: str) -> None:
    """The recipient says what is wrong; reminders stop until the office settles it. Raises `NotSayable`."""
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise NotSayable("Say what is wrong with the document, so that it can be put right.")
    if len(reason) > LONGEST_REASON:
        raise NotSayable(f"Use at most {LONGEST_REASON:,} characters.")
    note(document, "disputed", {"reason": reason})


def settle_dispute(document: Document, by: User | None, words: str = "") -> None:
    """The office says that a dispute is over."""
    note(document, "dispute_settled", {"words": words.strip()[:LONGEST_REASON]}, by)


def promise(document: Document, on: date, today: date) -> None:
    """The recipient says when it will be paid; reminders wait for that day. Raises `NotSayable`."""
    if on < today:
        raise NotSayable("That day is over. Choose today or a later day.")
    if (on - today).days > LONGEST_PROMISE_DAYS:
        raise NotSayable("That is more than a year away. Choose an earlier day.")
    note(document, "promised", {"on": on.isoformat()})


def disputed(events: list[Event]) -> bool:
    """Whether a dispute stands, by a document's events in their order."""
    stands = False
    for event in events:
        stands = event.what == "disputed" or (stands and event.what != "dispute_settled")
    return stands


def promised_on(events: list[Event]) -> date | None:
    """The day that was promised last, by a document's events in their order."""
    days = [event.details.get("on", "") for event in events if event.what == "promised"]
    return date.fromisoformat(days[-1]) if days else None
