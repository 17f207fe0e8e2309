"""What an act is told beyond the shows it may see by itself."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from housecount.invoices import here, queries
from housecount.invoices.models import Allocation, Document, Step
from housecount.sync.queries import count_shows
from housecount.tenancy.access import MemberRequest
from housecount.tenancy.identity import Identity, acting_as
from housecount.web.documents import Tag, status_tags
from housecount.web.words import Age, show_age


class OwnRow(NamedTuple):
    """A document as its party sees it. `paid_on` is the day of the last payment."""

    document: Document
    facts: dict[str, Any]
    tags: list[Tag]
    due: date | None
    paid_on: date | None


def as_of_for_act(organisation_id: UUID, show_ids: Collection[UUID], now: datetime) -> dict[UUID, Age]:
    """How old the figures of `show_ids` are, which the act must have been shown already.

    The accounts and their troubles are the promoter's business and behind the wall; that a figure has an age,
    and whether it is late, is not. So it is looked up for the organisation, and nothing else is handed on.
    """
    if not show_ids:
        return {}
    with acting_as(Identity.system(organisation_id)):
        counts = count_shows(organisation_id, now, list(show_ids))
    ages = {}
    for count in counts:
        age = show_age(count, now)
        words = "May be out of date" if age.state == "stale" else age.words
        ages[count.show.id] = age._replace(words=words)
    return ages


def own_rows(organisation_id: UUID, documents: Sequence[Document], today: date) -> list[OwnRow]:
    """The documents, which the act may see, with how far they are paid and when."""
    paid: dict[UUID, date] = {}
    for document_id, day in (
        Allocation.objects.filter(
            organisation_id=organisation_id, document__in=documents, payment__isnull=False
        )
        .order_by("payment__paid_on")
        .values_list("document_id", "payment__paid_on")
    ):
        paid[document_id] = day
    return [
        OwnRow(
            document,
            facts,
            status_tags(facts),
            date.fromisoformat(facts["due_date"]) if facts["due_date"] else None,
            paid.get(document.pk),
        )
        for document, facts in zip(documents, queries.documents_json(documents, today=today), strict=True)
    ]


def papers_of(request: MemberRequest, show_ids: Collection[UUID]) -> dict[UUID, list[OwnRow]]:
    """What was issued to or by the act for these shows, by show, the newest first. The wall shows it no others."""
    documents = list(
        Document.objects.filter(
            organisation_id=request.organisation.pk, show_id__in=list(show_ids), step=Step.ISSUED
        )
        .select_related("show", "party")
        .order_by("-issue_date", "-number")
    )
    papers: dict[UUID, list[OwnRow]] = defaultdict(list)
    for row in own_rows(request.organisation.pk, documents, here.today(request.organisation)):
        if row.document.show_id is not None:
            papers[row.document.show_id].append(row)
    return dict(papers)
