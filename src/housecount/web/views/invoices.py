"""The list of documents, and issuing many of them at once."""

from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from housecount.core.errors import HousecountError
from housecount.invoices import here, lists, queries, services
from housecount.invoices.errors import Invalid
from housecount.invoices.models import Direction, Document, Kind, Party, Recurring, Step
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web.context import OFFICE
from housecount.web.documents import KINDS, STATUS_NAMES, Tag, document_title, status_tags
from housecount.web.duplicates import duplicates_of
from housecount.web.views import act_invoices

PER_PAGE = 50
MOST_AT_ONCE = 200
#: What the select offers, and the filter's fields that it stands for.
STATES: dict[str, tuple[str, dict[str, Any]]] = {
    "": ("All", {}),
    "draft": ("Drafts", {"status": "draft"}),
    "approved": ("Approved", {"status": "approved"}),
    "open": ("Issued, not paid", {"status": "issued", "payment_status": "unpaid"}),
    "part_paid": ("Part paid", {"status": "issued", "payment_status": "part_paid"}),
    "overdue": ("Overdue", {"overdue": True}),
    "paid": ("Paid", {"status": "issued", "payment_status": "paid"}),
    "overpaid": ("Overpaid", {"status": "issued", "payment_status": "overpaid"}),
    "credited": (STATUS_NAMES["credited"], {"status": "credited"}),
    "void": (STATUS_NAMES["void"], {"status": "void"}),
    "written_off": (STATUS_NAMES["written_off"], {"status": "written_off"}),
}


class Row(NamedTuple):
    """A document in the list. `due` is the day it is due, where it has one."""

    document: Document
    facts: dict[str, Any]
    tags: list[Tag]
    due: date | None


class Result(NamedTuple):
    """What became of one document of a batch; `trouble` in words, or "". `warning`: it looks like another."""

    document: Document
    title: str
    trouble: str = ""
    warning: str = ""


def rows_of(documents: list[Document], today: date) -> list[Row]:
    """Rows of a list, in a handful of queries."""
    return [
        Row(document, facts, status_tags(facts), _day(facts["due_date"]))
        for document, facts in zip(documents, queries.documents_json(documents, today=today), strict=True)
    ]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def filter_of(query: QueryDict) -> lists.Filter:
    """The filter in an address; what cannot be read is left out of it."""
    state = query.get("state", "")
    fields = dict(STATES[state][1]) if state in STATES else {}
    direction, kind = query.get("direction", ""), query.get("kind", "")
    return lists.Filter(
        party=_uuid(query.get("party", "")),
        show=_uuid(query.get("show", "")),
        direction=direction if direction in Direction.values else None,
        kind=kind if kind in Kind.values else None,
        text=query.get("q", "")[:100].replace("\x00", "").strip(),
        **fields,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


@require_safe
@require_role()
def invoices(request: MemberRequest) -> HttpResponse:
    """The organisation's documents, the newest first, with sums that follow the filter; for an act, its own."""
    if request.identity.role is Role.ACT:
        return act_invoices.own(request)
    organisation_id, today = request.organisation.pk, here.today(request.organisation)
    wanted = filter_of(request.GET)
    try:
        page = lists.list_documents(
            organisation_id, wanted, today=today, after=request.GET.get("after") or None, limit=PER_PAGE
        )
    except Invalid:
        return redirect("invoices")
    query = request.GET.copy()
    query.pop("after", None)
    kept = query.urlencode()
    if page.after:
        query["after"] = page.after
    return render(
        request,
        "web/invoices/list.html",
        {
            "rows": rows_of(page.documents, today),
            "sums": lists.list_sums(organisation_id, wanted, today=today),
            "older": f"?{query.urlencode()}" if page.after else "",
            "first": "" if not request.GET.get("after") else f"?{kept}",
            "kept": kept,
            "states": [(value, name) for value, (name, _) in STATES.items()],
            "state": request.GET.get("state", ""),
            "kinds": KINDS,
            "wanted": wanted,
            "parties": queries.parties(organisation_id, archived=True),
            "filtered": wanted != lists.Filter(),
            "has_identity": Party.objects.filter(organisation_id=organisation_id, is_self=True).exists(),
        },
    )


def _chosen(request: MemberRequest) -> list[Document]:
    ids = [found for text in request.POST.getlist("document")[:MOST_AT_ONCE] if (found := _uuid(text))]
    return list(
        Document.objects.filter(organisation_id=request.organisation.pk, pk__in=ids)
        .exclude(step=Step.ISSUED)
        .select_related("party", "organisation", "show__venue", "agreement", "credits")
        .order_by("issue_date", "created_at", "pk")
    )


@require_POST
@require_role(*OFFICE)
def batch(request: MemberRequest) -> HttpResponse:
    """Approve and issue what was chosen: first a look at what would happen, then the doing of it.

    Each document is issued for itself: one that is refused keeps back none of the others.
    """
    chosen = _chosen(request)
    if not chosen:
        messages.info(request, "Choose one or more drafts or approved documents first.")
        return redirect("invoices")
    if request.POST.get("do") != "issue":
        return render(
            request,
            "web/invoices/batch.html",
            {"results": [_expected(each) for each in chosen], "done": False},
        )
    even_so = set(request.POST.getlist("even_so"))
    results = [_issue(request, each, even_so=str(each.pk) in even_so) for each in chosen]
    done = sum(not each.trouble for each in results)
    return render(
        request,
        "web/invoices/batch.html",
        {"results": results, "done": True, "issued": done, "of": len(results)},
    )


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


@require_GET
@require_role(*OFFICE)
def recurring(request: MemberRequest) -> HttpResponse:
    """The documents that come again by themselves."""
    return render(
        request,
        "web/invoices/recurring.html",
        {
            "recurring": Recurring.objects.filter(organisation_id=request.organisation.pk)
            .select_related("party")
            .order_by("-active", "next_on", "name")
        },
    )


@require_POST
@require_role(*OFFICE)
def recurring_switch(request: MemberRequest, recurring_id: UUID) -> HttpResponse:
    """Stop one of them, or let it go on."""
    on = request.POST.get("on") == "yes"
    changed = Recurring.objects.filter(organisation_id=request.organisation.pk, pk=recurring_id)
    if not changed.update(active=on, trouble=""):
        return render(request, "404.html", status=404)
    messages.success(request, "It goes on." if on else "It has stopped. Drafts that were made stay.")
    return redirect(reverse("recurring"))
