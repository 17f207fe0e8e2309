"""Lists of documents: filtered, a page at a time, the newest first; and what a whole list comes to.

Found by `Listed`, a row of each document with all that a filter asks for, which triggers keep: a page follows an index
and costs what it holds, and sums need one look at one narrow table. What a document then says of itself is derived
from its payments, as everywhere.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum, Value
from django.db.models.functions import Upper

from housecount.core.documents import PaymentStatus
from housecount.invoices.errors import Invalid
from housecount.invoices.models import Direction, Document, Kind, Listed, Party
from housecount.invoices.sums import kept_sums
from housecount.tenancy.identity import Role, current_identity

STATUSES: Final = ("draft", "approved", "issued", "void", "written_off", "credited")
MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents of an organisation. `text` is looked for in numbers, references and parties' names."""

    status: str | None = None
    payment_status: str | None = None
    party: UUID | None = None
    show: UUID | None = None
    direction: str | None = None
    kind: str | None = None
    overdue: bool = False
    text: str = ""
    issued_from: date | None = None
    issued_to: date | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents, and where the next page begins; None when there is none."""

    documents: list[Document]
    after: str | None


@dataclass(frozen=True, slots=True)
class ListSum:
    """What the documents of one direction and currency come to, in minor units. Notes count with what they give
    taken off; what has ended, and drafts, have no balance."""

    direction: str
    currency: str
    count: int
    total: int
    balance: int


def list_documents(
    organisation_id: UUID,
    wanted: Filter | None = None,
    *,
    today: date,
    after: str | None = None,
    limit: int = 50,
    **fields: Any,
) -> Page:
    """One page, the newest first by issue date. The filter may be given as its fields. Raises `Invalid`."""
    rows = _listed(organisation_id, replace(wanted or Filter(), **fields), today)
    if after is not None:
        day, moment, key = _position(after)
        rows = rows.filter(
            Q(issue_date__lt=day)
            | Q(issue_date=day, created_at__lt=moment)
            | Q(issue_date=day, created_at=moment, document_id__lt=key),
            issue_date__lte=day,
        )
    limit = max(1, min(limit, MOST))
    newest = rows.order_by("-issue_date", "-created_at", "-document_id")
    keys = list(newest.values_list("document_id", flat=True)[: limit + 1])
    more = len(keys) > limit
    loaded = (
        Document.objects.filter(organisation_id=organisation_id)
        .select_related("party", "organisation", "show__venue")
        .in_bulk(keys[:limit])
    )
    found = [loaded[key] for key in keys[:limit] if key in loaded]
    return Page(found, _cursor(found[-1]) if more and found else None)


def list_sums(
    organisation_id: UUID, wanted: Filter | None = None, *, today: date, **fields: Any
) -> list[ListSum]:
    """What all the documents of the filter come to, by direction and currency.

    Of a filter by party, direction, kind or a state before issue, from the sums that are kept; of others from the
    documents as they are listed.
    """
    asked = replace(wanted or Filter(), **fields)
    plain = replace(asked, party=None, direction=None, kind=None, status=None) == Filter()
    identity = current_identity()
    # An act sees its own documents, and none of the organisation's sums.
    if plain and asked.status in {None, "draft", "approved"} and identity and identity.role is not Role.ACT:
        _one_of(asked.direction, set(Direction), "direction")
        _one_of(asked.kind, set(Kind), "kind")
        found: Any = kept_sums(
            organisation_id,
            party=asked.party,
            direction=Direction(asked.direction) if asked.direction else None,
            kind=Kind(asked.kind) if asked.kind else None,
            state=asked.status,
        )
    else:
        found = (
            _listed(organisation_id, asked, today)
            .order_by("direction", "currency")
            .values_list("direction", "currency")
            .annotate(Count("document_id"), Sum("total"), Sum("balance"))
        )
    return [
        ListSum(direction, currency, int(count), int(total), int(balance))
        for direction, currency, count, total, balance in found
    ]


def matching(organisation_id: UUID, wanted: Filter, today: date) -> QuerySet[Document]:
    """The documents of a filter, in no order. Raises `Invalid` for a word that is no status or direction."""
    listed = _listed(organisation_id, wanted, today).values("document_id")
    return Document.objects.filter(organisation_id=organisation_id, pk__in=listed)


def _listed(organisation_id: UUID, wanted: Filter, today: date) -> QuerySet[Listed]:
    rows = Listed.objects.filter(organisation_id=organisation_id)
    plain: Mapping[str, Any] = {
        "party_id": wanted.party,
        "show_id": wanted.show,
        "direction": _one_of(wanted.direction, set(Direction), "direction"),
        "kind": _one_of(wanted.kind, set(Kind), "kind"),
        "payment": _one_of(wanted.payment_status, list(PaymentStatus), "payment_status"),
        "issue_date__gte": wanted.issued_from,
        "issue_date__lte": wanted.issued_to,
    }
    rows = rows.filter(**{name: value for name, value in plain.items() if value is not None})
    if wanted.text:
        named = Party.objects.filter(organisation_id=organisation_id, name__icontains=wanted.text)
        capitals = Upper(Value(wanted.text))
        rows = rows.filter(
            Q(number__contains=capitals)
            | Q(reference__contains=capitals)
            | Q(party_id__in=list(named.values_list("pk", flat=True)[:MOST]))
        )
    if wanted.status is not None:
        status = _one_of(wanted.status, STATUSES, "status")
        rows = rows.filter(state="issued" if status == "credited" else status)
        if status in {"issued", "credited"}:
            rows = rows.filter(credited=status == "credited")
    if wanted.overdue:
        # Of notes, what is left is theirs to get.
        rows = rows.filter(state="issued", due_date__lt=today, total__gt=0, balance__gt=0)
    return rows


def _one_of(value: str | None, known: Any, what: str) -> str | None:
    if value is not None and value not in known:
        raise Invalid(f"{what} is one of {', '.join(known)}.")
    return value


def _cursor(document: Document) -> str:
    text = f"{document.issue_date.isoformat()} {document.created_at.isoformat()} {document.pk}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position(after: str) -> tuple[date, datetime, UUID]:
    try:
        text = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode()
        day, moment, key = text.split(" ")
        return date.fromisoformat(day), datetime.fromisoformat(moment), UUID(key)
    except (ValueError, binascii.Error):
        raise Invalid("This page of the list is not there. Start from the first.") from None
