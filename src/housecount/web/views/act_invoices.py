"""An act's own side: what was issued to it or for it, when it is paid, and invoices it raises itself."""

from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from housecount.box_office.models import Show
from housecount.core.errors import HousecountError
from housecount.invoices import here, lists, services
from housecount.invoices.errors import Invalid
from housecount.invoices.models import Document, Kind, Party, Step
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.web import document_form
from housecount.web.acts import own_rows
from housecount.web.document_form import Typed

PER_PAGE = 50
#: Raised and not looked at yet: more than this is a mistake.
MOST_WAITING = 20


class Waiting(NamedTuple):
    """A document that the act raised and the office has not issued."""

    kind: str
    step: str
    reference: str
    total: int
    currency: str
    issue_date: date


def own(request: MemberRequest) -> HttpResponse:
    """What was issued to or for the act, the newest first, and what it has raised."""
    organisation_id, today = request.organisation.pk, here.today(request.organisation)
    try:
        page = lists.list_documents(
            organisation_id, today=today, after=request.GET.get("after") or None, limit=PER_PAGE
        )
    except Invalid:
        return redirect("invoices")
    rows = own_rows(organisation_id, page.documents, today)
    return render(
        request,
        "web/invoices/act_list.html",
        {
            "rows": rows,
            "sums": lists.list_sums(organisation_id, today=today),
            "older": f"?after={page.after}" if page.after else "",
            "waiting": _waiting(request),
            "parties": _own_parties(request),
        },
    )


def _own_parties(request: MemberRequest) -> list[Party]:
    return list(
        Party.objects.filter(
            organisation_id=request.organisation.pk, membership__user_id=request.user.pk, archived_at=None
        ).order_by("name")
    )


def _for_act(request: MemberRequest) -> Identity:
    """The organisation's own hand, with the act's name in the audit log: an act writes no documents by itself."""
    return Identity(Role.SYSTEM, request.organisation.pk, request.user.pk)


def _waiting(request: MemberRequest) -> list[Waiting]:
    mine = [party.pk for party in _own_parties(request)]
    with acting_as(_for_act(request)):
        found = Document.objects.filter(
            organisation_id=request.organisation.pk, party_id__in=mine, created_by_id=request.user.pk
        ).exclude(step=Step.ISSUED)
        return [
            Waiting(each.kind, each.step, each.reference, each.total, each.currency, each.issue_date)
            for each in found.order_by("-created_at")[: MOST_WAITING + 1]
        ]


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.ACT)
def raise_invoice(request: MemberRequest) -> HttpResponse:
    """An invoice to the promoter: kept as a draft that we owe, for the office to approve."""
    parties = _own_parties(request)
    if not parties:
        return render(request, "web/invoices/act_raise.html", {"parties": []})
    party = next((each for each in parties if str(each.pk) == request.POST.get("party")), parties[0])
    registered = _registered(party, here.today(request.organisation))
    if request.method != "POST":
        return _page(request, _template(request, party), party, parties, registered)
    typed = document_form.from_post(request.POST)
    do = request.POST.get("do", "save")
    if do == "add" or do.startswith("remove-"):
        return _page(request, typed, party, parties, registered)
    data = _data(request, typed, party, registered)
    if data is None:
        return _page(request, typed, party, parties, registered, status=422)
    if len(_waiting(request)) >= MOST_WAITING:
        typed.problems.append("So many of your invoices wait already. Ask the office to look at them first.")
        return _page(request, typed, party, parties, registered, status=409)
    try:
        with acting_as(_for_act(request)):
            if do == "totals":
                facts = document_form.tried(request.organisation.pk, data, request.user, typed)
            else:
                facts = None
                services.create_documents(request.organisation.pk, data, request.user)
    except HousecountError as error:
        typed.problems.append(error.message)
        return _page(request, typed, party, parties, registered, status=error.http_status)
    if do == "totals":
        return _page(request, typed, party, parties, registered, facts=facts, status=200 if facts else 422)
    messages.success(
        request, f"Your invoice is with {request.organisation.name}. It shows here when it is approved."
    )
    return redirect("invoices")


def _registered(party: Party, today: date) -> bool:
    since, until = party.gst_registered_from, party.gst_registered_to
    return since is not None and since <= today and (until is None or today <= until)


def _template(request: MemberRequest, party: Party) -> Typed:
    """The form as it begins: with the lines of an earlier document, or the last one, when there is one."""
    earlier = Document.objects.filter(
        organisation_id=request.organisation.pk, party=party, step=Step.ISSUED, direction="payable"
    ).exclude(kind__in=(Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE))
    try:
        chosen = earlier.filter(pk=UUID(request.GET.get("from", ""))).first()
    except ValueError:
        chosen = earlier.order_by("-issue_date", "-created_at").first()
    typed = document_form.blank()
    if chosen is not None:
        before = document_form.from_document(chosen)
        typed.lines = before.lines
        typed.values["price_mode"] = before.price_mode
    typed.values["party"] = str(party.pk)
    typed.values["show"] = request.GET.get("show", "")[:40]
    return typed


def _data(request: MemberRequest, typed: Typed, party: Party, registered: bool) -> dict[str, Any] | None:
    shows = {str(show.pk) for show in _shows(request)}
    show = typed.values.get("show", "")
    typed.values = {
        "kind": Kind.INVOICE.value,
        "direction": "payable",
        "party": str(party.pk),
        "show": show if show in shows else "",
        "currency": request.organisation.currency,
        "price_mode": typed.values.get("price_mode") or "exclusive",
        "reference": typed.values.get("reference", ""),
        "notes": typed.values.get("notes", ""),
    }
    typed.deposits = []
    for line in typed.lines:
        line["account_code"] = line["discount"] = ""
        if not registered:
            line["tax"] = "out_of_scope"
    return document_form.data_of(typed, request.organisation.pk)


def _shows(request: MemberRequest) -> list[Show]:
    """The shows on whose bill the act is: the wall lets it see no others."""
    return list(
        Show.objects.filter(organisation_id=request.organisation.pk, merged_into=None)
        .select_related("venue")
        .order_by("-starts_at")[:100]
    )


def _page(
    request: MemberRequest,
    typed: Typed,
    party: Party,
    parties: list[Party],
    registered: bool,
    *,
    facts: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    return render(
        request,
        "web/invoices/act_raise.html",
        {
            "typed": typed,
            "party": party,
            "parties": parties,
            "registered": registered,
            "shows": _shows(request),
            "facts": facts,
            "now": timezone.now(),
        },
        status=status,
    )
