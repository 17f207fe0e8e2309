"""Documents that look like one another: paid twice is worse than asked twice."""

from datetime import timedelta
from typing import Any

from django.db.models import Q

from housecount.core.errors import HousecountError
from housecount.invoices.issuing import refusals
from housecount.invoices.models import Document, Kind, Step

WITHIN = timedelta(days=60)


def duplicates_of(document: Document) -> list[Document]:
    """Issued or approved documents of the same party, direction, currency and total whose show or reference is the
    same, within 60 days; the newest first. What comes again is like itself by intention: documents of one recurring
    document, and the one that it was made from, are no duplicates of each other."""
    same = Q()
    if document.show_id is not None:
        same |= Q(show_id=document.show_id)
    if document.reference:
        same |= Q(reference__iexact=document.reference)
    if not same:
        return []
    return list(
        Document.objects.filter(
            same,
            organisation_id=document.organisation_id,
            party_id=document.party_id,
            direction=document.direction,
            currency=document.currency,
            total=document.total,
            issue_date__range=(document.issue_date - WITHIN, document.issue_date + WITHIN),
            ending=None,
        )
        .exclude(pk=document.pk)
        .exclude(kind__in=(Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE))
        .exclude(step="draft")
        .exclude(_of_one_source(document))
        .order_by("-issue_date", "-created_at")[:5]
    )


def check_json(document: Document) -> dict[str, Any]:
    """What stands against issuing a document as it is, and what it looks like; nothing of one that is issued."""
    before = document.step != Step.ISSUED
    try:
        against = [(each.code, each.message) for each in (refusals(document) if before else [])]
    except HousecountError as error:
        against = [(error.code, error.message)]
    return {
        "refusals": [{"code": code, "message": message} for code, message in against],
        "duplicates": [
            {
                "id": str(each.pk),
                "number": each.number,
                "kind": each.kind,
                "issue_date": each.issue_date.isoformat(),
                "total": each.total,
                "currency": each.currency,
            }
            for each in (duplicates_of(document) if before else [])
        ],
    }


def _of_one_source(document: Document) -> Q:
    """What repeats this document, what this one repeats, and what repeats the same as this one."""
    one = Q(recurring__made_from=document.pk)
    if document.recurring is not None:
        one |= Q(recurring=document.recurring) | Q(pk=document.recurring.made_from_id)
    return one
