"""Whose rows a service may touch: the organisation that the transaction acts for."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from housecount.invoices.errors import NotFound
from housecount.invoices.models import Agreement, Document, Party
from housecount.tenancy.identity import UnscopedQuery, current_identity
from housecount.tenancy.models import Organisation

_PARTIES: Final = {"command": "housecount party list", "address": "/api/v1/parties"}
_DOCUMENTS: Final = {"command": "housecount invoice list", "address": "/api/v1/documents"}
_WITH: Final = ("organisation", "party", "show__venue")


def organisation_id() -> UUID:
    """The organisation of the current identity. Raises `UnscopedQuery` outside one."""
    identity = current_identity()
    if identity is None or identity.organisation_id is None:
        raise UnscopedQuery(
            "A document was asked for without saying in which organisation. Please report this."
        )
    return identity.organisation_id


def as_id(value: UUID | str, what: str) -> UUID:
    """`value` as an id. Raises `NotFound` for text that is none."""
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        raise NotFound(f"“{str(value)[:60]}” is not the id of {what}.") from None


def party(party_id: UUID | str) -> Party:
    """A party of the organisation. Raises `NotFound`."""
    found = Party.objects.filter(organisation_id=organisation_id(), pk=as_id(party_id, "a party")).first()
    if found is None:
        raise NotFound(f"There is no party {party_id}.", **_PARTIES)
    return found


def agreement(agreement_id: UUID | str) -> Agreement:
    """An agreement of the organisation. Raises `NotFound`."""
    key = as_id(agreement_id, "an agreement")
    found = Agreement.objects.filter(organisation_id=organisation_id(), pk=key).first()
    if found is None:
        raise NotFound(f"There is no agreement {agreement_id}.", address="/api/v1/agreements")
    return found


def no_document(document_id: UUID | str) -> NotFound:
    """That there is no such document, and where those that there are are listed."""
    return NotFound(f"There is no document {document_id}.", **_DOCUMENTS)


def document(document_id: UUID | str, *, lock: bool = False) -> Document:
    """A document of the organisation; with `lock`, nobody else changes it or settles it until the transaction ends.
    Raises `NotFound`."""
    rows = Document.objects.filter(organisation_id=organisation_id(), pk=as_id(document_id, "a document"))
    if lock:
        assert transaction.get_connection().in_atomic_block
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.select_related(*_WITH).first()
    if found is None:
        raise no_document(document_id)
    return found


def locked(document_ids: Iterable[UUID]) -> dict[UUID, Document]:
    """Those of several documents of the organisation that are there, locked as by `document`: in one order for
    everybody, so that two who want the same ones do not wait for each other."""
    assert transaction.get_connection().in_atomic_block
    rows = Document.objects.filter(organisation_id=organisation_id(), pk__in=list(document_ids))
    rows = rows.select_for_update(of=("self",), no_key=True).select_related(*_WITH).order_by("pk")
    return {each.pk: each for each in rows}


def own_identity() -> Party | None:
    """The organisation's own party, if it was given."""
    return Party.objects.filter(organisation_id=organisation_id(), is_self=True).first()


def today(organisation: Organisation, now: datetime | None = None) -> date:
    """The day it is where the organisation is."""
    return (now or datetime.now(UTC)).astimezone(ZoneInfo(organisation.timezone)).date()


def show_day(found: Document) -> date | None:
    """The day of the document's show, where it takes place."""
    if found.show is None:
        return None
    return found.show.starts_at.astimezone(ZoneInfo(found.show.venue.timezone)).date()
