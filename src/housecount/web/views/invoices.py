"""The list of documents, and those that come again."""

from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from housecount.invoices import here, lists, queries
from housecount.invoices.asked import open_requests
from housecount.invoices.copies import copies_due
from housecount.invoices.errors import Invalid
from housecount.invoices.models import Batch, Direction, Document, Kind, Party, Recurring
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web.context import OFFICE
from housecount.web.documents import KINDS, STATUS_NAMES, Tag, status_tags
from housecount.web.views import act_invoices
from housecount.web.xero import xero_tags

PER_PAGE = 50
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


def rows_of(documents: list[Document], today: date) -> list[Row]:
    """Rows of a list, in a handful of queries."""
    return [
        Row(document, facts, [*status_tags(facts), *xero_tags(facts)], _day(facts["due_date"]))
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
        party=uuid_of(query.get("party", "")),
        show=uuid_of(query.get("show", "")),
        direction=direction if direction in set(Direction) else None,
        kind=kind if kind in set(Kind) else None,
        text=query.get("q", "")[:100].replace("\x00", "").strip(),
        **fields,
    )


def uuid_of(text: str) -> UUID | None:
    """The id that `text` is, or None."""
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
            "copies": copies_due(organisation_id, today),
            "asked": open_requests(request.organisation, today),
            "issuable": wanted.status in {"draft", "approved"} or wanted.show is not None,
            "running": Batch.objects.filter(organisation_id=organisation_id, finished_at=None).first(),
        },
    )


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
