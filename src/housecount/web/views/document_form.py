"""Making and changing drafts by hand. Works without JavaScript: every button sends the whole form."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from housecount.box_office.models import Show
from housecount.core.errors import HousecountError
from housecount.invoices import here, mail, queries, services
from housecount.invoices.models import Agreement, Document, Kind, Party, Step
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web import document_form
from housecount.web.context import OFFICE
from housecount.web.document_form import Typed
from housecount.web.documents import KINDS, TREATMENT_NAMES
from housecount.web.views.document import find

_SHOWS_SHOWN = 300
_TERMS = (
    ("", "on the day given here"),
    ("days", "days after it is issued"),
    ("end_of_month", "days after the end of that month"),
    ("before_show", "days before the show"),
    ("after_show", "days after the show"),
)
#: What each kind is for, above its form.
HINTS = {
    Kind.INVOICE: "Somebody owes us for something we supplied; or, payable, a supplier's own invoice to us.",
    Kind.RCTI: "We write the tax invoice for an act that is registered for GST. It needs a written agreement.",
    Kind.DEPOSIT_INVOICE: "Part of the price in advance. What kind of deposit it is decides when GST is due.",
    Kind.CREDIT_NOTE: "Takes something back from an issued document. “Credit” on that document's page is quicker.",
    Kind.ADJUSTMENT_NOTE: "Changes what an issued document comes to, up or down.",
    Kind.PAYMENT_STATEMENT: "What we pay an act that is not registered for GST.",
}


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def new(request: MemberRequest) -> HttpResponse:
    """A new document by hand."""
    if request.method == "POST":
        return _answer(request, document_form.from_post(request.POST), None)
    kind = request.GET.get("kind", "")
    typed = document_form.blank(
        kind=kind if kind in set(Kind) else Kind.INVOICE,
        party=request.GET.get("party", "")[:40],
        show=request.GET.get("show", "")[:40],
        currency=request.organisation.currency,
        price_mode="exclusive",
        issue_date=here.today(request.organisation).isoformat(),
        terms_kind="days",
        terms_days="14",
    )
    return _page(request, typed, None)


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def edit(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """A draft in its form."""
    document = find(document_id)
    if document.step != Step.DRAFT:
        messages.info(request, "Only a draft can be changed.")
        return redirect("document", document.pk)
    if request.method == "POST":
        return _answer(request, document_form.from_post(request.POST), document)
    return _page(request, document_form.from_document(document), document)


def _answer(request: MemberRequest, typed: Typed, document: Document | None) -> HttpResponse:
    organisation_id = request.organisation.pk
    do = request.POST.get("do", "save")
    if do == "add" or do.startswith("remove-"):
        return _page(request, typed, document)
    data = document_form.data_of(typed, organisation_id)
    if data is None:
        return _page(request, typed, document, status=422)
    if do == "totals":
        facts = document_form.tried(organisation_id, data, request.user, typed)
        return _page(request, typed, document, facts=facts, status=200 if facts else 422)
    try:
        with transaction.atomic():
            if document is None:
                [saved] = services.create_documents(organisation_id, data, request.user)
            else:
                saved = services.edit(document.pk, _emptied(data), request.user)
    except HousecountError as error:
        typed.problems.append(error.message)
        return _page(request, typed, document, status=error.http_status)
    messages.success(request, "The draft is saved.")
    return redirect("document", saved.pk)


def _emptied(data: dict[str, Any]) -> dict[str, Any]:
    """With null for what the form can hold and was left empty: what is left out of a change would stay."""
    names = (
        "show",
        "due_date",
        "terms",
        "reference",
        "notes",
        "agreement",
        "deposit_kind",
        "credits",
        "deposits",
        "deposit",
        "value_set_on",
        "embedded_agreement",
    )
    return dict.fromkeys(names) | data


def _page(
    request: MemberRequest,
    typed: Typed,
    document: Document | None,
    *,
    facts: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    organisation_id = request.organisation.pk
    since = timezone.now() - timedelta(days=400)
    shows = (
        Show.objects.filter(organisation_id=organisation_id, merged_into=None, starts_at__gt=since)
        .select_related("venue")
        .order_by("-starts_at")[:_SHOWS_SHOWN]
    )
    kind = typed.kind
    return render(
        request,
        "web/invoices/form.html",
        {
            "typed": typed,
            "document": document,
            "facts": facts,
            "kinds": KINDS,
            "hint": HINTS.get(Kind(kind), "") if kind in set(Kind) else "",
            "kind_name": dict(KINDS).get(kind, "document"),
            "parties": [party for party in queries.parties(organisation_id) if not party.is_self],
            "has_identity": Party.objects.filter(organisation_id=organisation_id, is_self=True).exists(),
            "shows": shows,
            "agreements": Agreement.objects.filter(
                organisation_id=organisation_id, embedded=False
            ).select_related("party")
            if kind == Kind.RCTI
            else [],
            "deposits": _deposits(organisation_id)
            if kind in {Kind.INVOICE, Kind.RCTI, Kind.PAYMENT_STATEMENT}
            else [],
            "terms": _TERMS,
            "treatments": TREATMENT_NAMES.items(),
            "may_ask": kind in {Kind.INVOICE, Kind.RCTI, Kind.PAYMENT_STATEMENT},
            "is_note": kind in {Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE},
            "long_day": mail.long_day,
        },
        status=status,
    )


def _deposits(organisation_id: UUID) -> list[Document]:
    return list(
        Document.objects.filter(
            organisation_id=organisation_id, kind=Kind.DEPOSIT_INVOICE, step=Step.ISSUED, ending=None
        )
        .select_related("party")
        .order_by("-issue_date")[:100]
    )
