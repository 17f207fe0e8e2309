"""Issuing many documents: a look at what would happen, then at once, or by a job with progress where they are many."""

from typing import NamedTuple
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from housecount.core.errors import HousecountError
from housecount.invoices import batches, here, lists, services
from housecount.invoices.duplicates import duplicates_of
from housecount.invoices.errors import Invalid, NotFound
from housecount.invoices.models import Document, Step
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.context import OFFICE
from housecount.web.documents import document_title
from housecount.web.views.invoices import filter_of, uuid_of

#: So many are looked at one by one, and issued while the person waits; more than these by a job.
MOST_AT_ONCE = 200


class Result(NamedTuple):
    """What became of one document of a batch; `trouble` in words, or "". `warning`: it looks like another."""

    document: Document
    title: str
    trouble: str = ""
    warning: str = ""


def _chosen(request: MemberRequest) -> QuerySet[Document]:
    """What is to be issued: what was ticked, or all of a list by its filter."""
    organisation_id = request.organisation.pk
    rows = Document.objects.filter(organisation_id=organisation_id)
    if request.POST.get("all"):
        wanted = filter_of(QueryDict(request.POST["all"][:2_000]))
        rows = lists.matching(organisation_id, wanted, here.today(request.organisation))
    else:
        rows = rows.filter(
            pk__in=[key for text in request.POST.getlist("document") if (key := uuid_of(text))]
        )
    return (
        rows.exclude(step=Step.ISSUED)
        .select_related("party", "organisation", "show__venue", "agreement", "credits")
        .order_by("issue_date", "created_at", "pk")
    )


@require_POST
@require_role(*OFFICE)
def batch(request: MemberRequest) -> HttpResponse:
    """Approve and issue what was chosen: first a look at what would happen, then the doing of it.

    Each document is issued for itself: one that is refused keeps back none of the others.
    """
    found = _chosen(request)
    count = found.count()
    if not count:
        messages.info(request, "Choose one or more drafts or approved documents first.")
        return redirect("invoices")
    many = count > MOST_AT_ONCE
    if request.POST.get("do") != "issue":
        shown = {"count": count, "many": many, "all": request.POST.get("all", ""), "done": False}
        results = [] if many else [_expected(each) for each in found]
        return render(request, "web/invoices/batch.html", shown | {"results": results})
    even_so = set(request.POST.getlist("even_so"))
    if many:
        return _begin(request, [each.pk for each in found[: batches.MOST + 1]])
    results = [_issue(request, each, even_so=str(each.pk) in even_so) for each in found]
    return render(
        request,
        "web/invoices/batch.html",
        {
            "results": results,
            "done": True,
            "issued": sum(not each.trouble for each in results),
            "of": len(results),
        },
    )


def _begin(request: MemberRequest, ids: list[UUID]) -> HttpResponse:
    try:
        begun = batches.create_batch(request.organisation.pk, ids, request.user)
    except (Invalid, NotFound) as error:
        messages.error(request, error.message)
        return redirect("invoices")
    return redirect("batch_run", begun.pk)


def _warning(document: Document) -> str:
    alike = duplicates_of(document)
    return f"Looks like {document_title(alike[0])} of {alike[0].issue_date.isoformat()}." if alike else ""


def _expected(document: Document) -> Result:
    try:
        trouble = " ".join(each.message for each in services.refusals(document))
    except HousecountError as error:
        trouble = error.message
    return Result(document, document_title(document), trouble, _warning(document))


def _issue(request: MemberRequest, document: Document, *, even_so: bool) -> Result:
    warning = _warning(document)
    if warning and not even_so:
        return Result(document, document_title(document), f"Not issued. {warning}", warning)
    try:
        issued = services.issue_one(document.pk, request.user, timezone.now())
    except HousecountError as error:
        return Result(document, document_title(document), error.message, warning)
    return Result(issued, document_title(issued))


@require_safe
@require_role(*OFFICE)
def batch_run(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """How far a job is with a batch; asks again by itself until it is done."""
    try:
        found = batches.find_batch(batch_id)
    except NotFound as error:
        raise Http404(error.message) from None
    progress = batches.progress(found)
    return render(
        request,
        "web/invoices/batch_run.html",
        {
            "batch": found,
            "progress": progress,
            "items": batches.items(found, 100),
            "permille": progress.done * 1000 // max(progress.total, 1),
        },
    )
