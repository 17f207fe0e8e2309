"""Parties: who we invoice, who invoices us, and who we are. Bank details go in and never come out in full."""

import json
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from housecount.core.errors import HousecountError
from housecount.core.withholding import Ground
from housecount.invoices import here, lists, logos, policy, queries, recurring, services
from housecount.invoices.errors import NotFound
from housecount.invoices.models import Agreement, Party, Recurring
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.tenancy.models import Membership
from housecount.web.context import OFFICE
from housecount.web.documents import PARTY_KIND_NAMES, numbers_of, percent
from housecount.web.templatetags.housecount import plain_day
from housecount.web.views.invoices import rows_of

_SHOWN = 20
_CONTACTS = 6
_TEXTS = (
    "name", "legal_name", "kind", "email", "abn", "nzbn", "vat_number", "gst_registered_from", "gst_registered_to",
    "country", "timezone", "abn_exception", "abn_exception_on", "schedular_exemption", "schedular_on", "user",
)  # fmt: skip
_COUNTRIES = (("AU", "Australia"), ("NZ", "New Zealand"), ("GB", "United Kingdom"))
GROUND_NAMES = {
    "under_18": "Under 18, and at most $350 a week",
    "hobby": "A hobby: written statement on file",
    "private": "Private or domestic: written statement on file",
    "input_taxed": "The supply is wholly input taxed",
    "exempt_income": "Exempt income",
    "no_enterprise": "Not carrying on an enterprise",
    "agent_abn": "Quoted the ABN of an agent",
}


SCHEDULAR_NAMES = {
    "certificate": "Certificate of exemption",
    "special_rate_zero": "Special rate of 0%",
    "not_an_entertainer": "Not an entertainer",
}


def find(party_id: UUID) -> Party:
    """The party, if it is one of theirs. Raises Http404."""
    try:
        return here.party(party_id)
    except NotFound as error:
        raise Http404(error.message) from None


@require_safe
@require_role(*OFFICE)
def parties(request: MemberRequest) -> HttpResponse:
    """Every party by name."""
    text = request.GET.get("q", "")[:100].replace("\x00", "").strip()
    archived = request.GET.get("archived") == "yes"
    found = queries.parties(request.organisation.pk, text=text, archived=archived)
    return render(
        request,
        "web/invoices/parties.html",
        {
            "parties": [(each, numbers_of(each)) for each in found],
            "text": text,
            "archived": archived,
            "has_identity": Party.objects.filter(
                organisation_id=request.organisation.pk, is_self=True
            ).exists(),
        },
    )


@require_safe
@require_role(*OFFICE)
def party(request: MemberRequest, party_id: UUID) -> HttpResponse:
    """One party: what is known of it, its agreements, its latest documents."""
    found = find(party_id)
    today = here.today(request.organisation)
    page = lists.list_documents(request.organisation.pk, party=found.pk, today=today, limit=_SHOWN)
    return render(
        request,
        "web/invoices/party.html",
        {
            "party": found,
            "numbers": numbers_of(found),
            "facts": queries.party_json(found),
            "signs_in": "somebody: an admin sees who" if found.membership_id else "nobody",
            "kind_name": PARTY_KIND_NAMES.get(found.kind, found.kind),
            "registered": registered_words(found, today),
            "agreements": [
                (each, each.starts_on <= today and (each.ends_on is None or today <= each.ends_on))
                for each in Agreement.objects.filter(
                    organisation_id=request.organisation.pk, party=found
                ).order_by("-starts_on")
            ],
            "answers": policy.answers(found),
            "logo": logos.logo_of(request.organisation.pk) if found.is_self else None,
            "rows": rows_of(page.documents, today),
            "more": page.after is not None,
            "sums": lists.list_sums(request.organisation.pk, party=found.pk, today=today),
            "recurring": Recurring.objects.filter(
                organisation_id=request.organisation.pk, party=found, active=True
            ).order_by("next_on"),
            "today": today.isoformat(),
        },
    )


def registered_words(found: Party, today: date) -> str:
    """Whether the party is registered for GST on `today`, for people."""
    since, until = found.gst_registered_from, found.gst_registered_to
    if since is None:
        return "Not registered"
    if today < since:
        return f"From {plain_day(since)}"
    if until is not None and until < today:
        return f"Until {plain_day(until)}: not any more"
    return f"Since {plain_day(since)}" + (f", until {plain_day(until)}" if until else "")


@sensitive_post_parameters("bank_account", "bank_bsb")
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def new(request: MemberRequest) -> HttpResponse:
    """A new party, or our own identity."""
    is_self = request.GET.get("self") == "1"
    if request.method != "POST":
        values: dict[str, Any] = {"country": request.organisation.country, "kind": "individual"}
        if is_self:
            values |= {"name": request.organisation.name, "kind": "company"}
        return _page(request, values, None, is_self=is_self)
    return _save(request, None, is_self=is_self)


@sensitive_post_parameters("bank_account", "bank_bsb")
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def edit(request: MemberRequest, party_id: UUID) -> HttpResponse:
    """A party in its form."""
    found = find(party_id)
    if request.method == "POST":
        return _save(request, found, is_self=found.is_self)
    values = queries.party_json(found)
    values["schedular_percent"] = percent(found.schedular_rate) if found.schedular_rate is not None else ""
    values["address"] = "\n".join(values["address"])
    return _page(request, values, found, is_self=found.is_self)


def _typed(post: QueryDict) -> dict[str, Any]:
    def text(name: str) -> str:
        return post.get(name, "").replace("\x00", "").strip()

    contacts = [
        {
            "name": text(f"contact-{n}-name"),
            "email": text(f"contact-{n}-email"),
            "copy": text(f"contact-{n}-copy") or "to",
        }
        for n in range(_CONTACTS)
    ]
    return {name: text(name) for name in _TEXTS} | {
        "address": text("address"),
        "super_fund": post.get("super_fund") == "yes",
        "schedular_percent": text("schedular_percent"),
        "contacts": [each for each in contacts if each["email"] or each["name"]],
    }


def _hundredths(percent: str) -> int | None:
    """A percentage as it is typed, in hundredths of a per cent; what cannot be read is out of its range."""
    whole, _, part = percent.rstrip("% ").partition(".")
    if not percent:
        return None
    digits = f"{whole}{part:0<2}"
    return int(digits) if digits.isascii() and digits.isdigit() and len(part) <= 2 and whole else -1


def _save(request: MemberRequest, found: Party | None, *, is_self: bool) -> HttpResponse:
    values = _typed(request.POST)
    data: dict[str, Any] = {key: value or None for key, value in values.items() if key != "schedular_percent"}
    data |= {
        "schedular_rate": _hundredths(values["schedular_percent"]),
        "name": values["name"],
        "address": [line.strip() for line in values["address"].splitlines() if line.strip()],
        "contacts": values["contacts"],
        "super_fund": values["super_fund"],
        "self": is_self,
    }
    if request.identity.role is not Role.ADMIN:
        data.pop("user")  # only an admin sees who belongs to the organisation
    account = request.POST.get("bank_account", "").strip()
    if account:
        data["bank"] = {
            "bsb": request.POST.get("bank_bsb", "").strip(),
            "account": account,
            "name": request.POST.get("bank_name", "").strip(),
        }
    elif request.POST.get("bank_forget") == "yes":
        data["bank"] = None
    try:
        with transaction.atomic():
            if found is None:
                saved = services.create_party(request.organisation.pk, data, request.user)
            else:
                saved = services.edit_party(found.pk, data, request.user)
    except HousecountError as error:
        return _page(request, values, found, is_self=is_self, problem=error.message, status=error.http_status)
    messages.success(request, f"{saved.name} is saved.")
    return redirect("party", saved.pk)


def _page(
    request: MemberRequest,
    values: dict[str, Any],
    found: Party | None,
    *,
    is_self: bool,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    contacts = list(values.get("contacts") or [])[:_CONTACTS]
    contacts += [{"name": "", "email": "", "copy": "to"}] * (
        min(_CONTACTS, len(contacts) + 2) - len(contacts)
    )
    members = Membership.objects.filter(organisation_id=request.organisation.pk, role="act").select_related(
        "user"
    )
    return render(
        request,
        "web/invoices/party_form.html",
        {
            "values": values,
            "party": found,
            "is_self": is_self,
            "problem": problem,
            "contacts": contacts,
            "bank": queries.masked_bank(found) if found else None,
            "kinds": PARTY_KIND_NAMES.items(),
            "countries": _COUNTRIES,
            "grounds": [
                (each.value, GROUND_NAMES.get(each.value, each.value.replace("_", " "))) for each in Ground
            ],
            "schedulars": SCHEDULAR_NAMES.items(),
            "members": members,
            "may_choose_user": request.identity.role is Role.ADMIN and not is_self,
        },
        status=status,
    )


@require_POST
@require_role(*OFFICE)
def archive(request: MemberRequest, party_id: UUID) -> HttpResponse:
    """Leave it out of the lists, or take it back into them."""
    found = find(party_id)
    archived = request.POST.get("archived") == "yes"
    services.archive_party(found.pk, archived=archived)
    messages.success(
        request, f"{found.name} is {'left out of the lists' if archived else 'in the lists again'}."
    )
    return redirect("party", found.pk)


@require_POST
@require_role(*OFFICE)
def agreement(request: MemberRequest, party_id: UUID) -> HttpResponse:
    """A written agreement that we make its tax invoices."""
    found = find(party_id)
    post = request.POST
    data = {
        "kind": "rcti",
        "party": str(found.pk),
        "from": post.get("from", ""),
        "to": post.get("to") or None,
        "supplies": post.get("supplies", ""),
        "reference": post.get("reference") or None,
    }
    try:
        with transaction.atomic():
            services.create_agreement(request.organisation.pk, data, request.user)
    except HousecountError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The agreement is on file.")
    return redirect("party", found.pk)


@require_POST
@require_role(*OFFICE)
def register(request: MemberRequest, party_id: UUID) -> HttpResponse:
    """Keep what the business register says of it, as somebody read it there."""
    found = find(party_id)
    post = request.POST
    text = post.get("answer", "").strip()
    try:
        data = {
            "checked_on": post.get("checked_on", ""),
            "name": post.get("name", "").replace("\x00", ""),
            "active": post.get("active") == "yes",
            "registered_from": post.get("registered_from") or None,
            "registered_to": post.get("registered_to") or None,
            "answer": json.loads(text[:50_000]) if text else None,
        }
        with transaction.atomic():
            services.record_answer(found.pk, data, request.user)
    except ValueError:
        messages.error(request, "The register's answer is not JSON: leave it out, or paste all of it.")
    except HousecountError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "What the register says is on file.")
    return redirect("party", found.pk)


@require_POST
@require_role(*OFFICE)
def collect(request: MemberRequest, party_id: UUID) -> HttpResponse:
    """Have what is approved for the party gathered into one document a week."""
    found = find(party_id)
    try:
        first_on = date.fromisoformat(request.POST.get("first_on", ""))
        with transaction.atomic():
            recurring.create(
                found, request.user, name=f"Weekly, {found.name}"[:200], rhythm="weekly", first_on=first_on
            )
    except ValueError:
        messages.error(request, "Enter the first day.")
    except HousecountError as error:
        messages.error(request, error.message)
    else:
        messages.success(
            request, "From then on, what is approved for them is put into one document each week."
        )
    return redirect("party", found.pk)
