"""Connecting the books in Xero: either way in, the way back, the choice, what is mapped to what, and the end."""

import asyncio
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods

from housecount.core.errors import HousecountError
from housecount.core.rates import tax_rate
from housecount.installation import environment
from housecount.invoices import here as books
from housecount.invoices.errors import NotFound
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role, acting_as
from housecount.web import xero as shown
from housecount.web.context import OFFICE
from housecount.web.middleware import CONTENT_SECURITY_POLICY
from housecount.web.views.xero import connection_of, engine_of
from housecount.xero import consenting, examples, mapping, services
from housecount.xero.candidates import candidates
from housecount.xero.connecting import books as books_of
from housecount.xero.models import Connection, State
from housecount.xero.tokens import SCOPES

_CHOICE = "housecount-xero-choice"
_LONGEST = 200


def _letting_out(response: HttpResponse) -> HttpResponse:
    """The page whose form leads to Xero's sign-in says so to the browser, which else would not go there."""
    parts = urlsplit(environment.load().xero_login_url)
    away = f"form-action 'self' {parts.scheme}://{parts.netloc}"
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace("form-action 'self'", away)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.ADMIN)
def connect(request: MemberRequest) -> HttpResponse:
    """Both ways to connect, step by step; a POST goes one of them."""
    problem = ""
    way = request.POST.get("way", "")
    if request.method == "POST":
        if way == "consent":
            try:
                with acting_as(engine_of(request)):
                    address = services.begin_consent(request.organisation.pk, by=request.user.pk)
            except HousecountError as error:
                problem = error.message
            else:
                return _letting_out(redirect(address))
        elif way == "custom":
            made, problem = _try(services.connect_custom(request.organisation.pk))
            if made is not None:
                return _connected(request, made)
        else:
            problem = "Choose one of the two ways."
    return _letting_out(
        render(
            request,
            "web/xero/connect.html",
            {
                "problem": problem,
                "way": way,
                "row": connection_of(request.organisation.pk),
                "configured": environment.load().xero_client_id,
                "redirect": consenting.redirect_address(),
                "scopes": SCOPES,
                "countries": mapping.COUNTRIES,
            },
            status=422 if problem else 200,
        )
    )


def _connected(request: MemberRequest, row: Connection) -> HttpResponse:
    request.session.pop(_CHOICE, None)
    messages.success(
        request,
        f"{row.tenant_name} is connected. Look over what is mapped to what; then write what is there already, or wait: "
        "what is issued from now on is written by itself."
        if row.automatic
        else f"{row.tenant_name} is connected.",
    )
    return redirect("xero_mapping")


@sensitive_variables()
def _try(work: Any) -> tuple[Any, str]:
    """What `work` comes to, or what is wrong, in words for a person."""
    try:
        return asyncio.run(work), ""
    except HousecountError as error:
        return None, error.message


@never_cache
@require_GET
@require_role(Role.ADMIN)
def callback(request: MemberRequest) -> HttpResponse:
    """Where Xero sends the browser back to. The state in the address proves that we sent it there: it is used up
    whatever comes of it, within half an hour, by who began it."""
    here = request.organisation.pk
    state, code = request.GET.get("state", "")[:_LONGEST], request.GET.get("code", "")[:4_000]
    error = request.GET.get("error", "")
    if error:
        with acting_as(engine_of(request)):
            return _failed(request, services.refused_consent(here, state, error, by=request.user.pk))
    if not (state and code) or "\0" in state + code:
        return _failed(request, "Xero sends people here with an answer, and there is none in this address.")
    made, problem = _try(services.come_back(here, state, code, by=request.user.pk))
    if made is None:
        return _failed(request, problem)
    if isinstance(made, services.Choice):
        # The code must not be sent again, so that the choice is a page of its own.
        request.session[_CHOICE] = made.state
        return redirect("xero_choose")
    return _connected(request, made)


def _failed(request: MemberRequest, problem: str) -> HttpResponse:
    messages.error(request, problem)
    return redirect("xero_connect")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.ADMIN)
def choose(request: MemberRequest) -> HttpResponse:
    """Which of several organisations in Xero is the one; what does not fit is refused, and another can be chosen."""
    here, state = request.organisation.pk, str(request.session.get(_CHOICE, ""))
    try:
        with acting_as(engine_of(request)):
            found = services.choice(here, state, request.user.pk, timezone.now())
    except HousecountError as error:
        return _failed(request, error.message)
    problem = ""
    chosen = request.POST.get("tenant", "")
    if request.method == "POST":
        made, problem = _try(services.choose(here, state, chosen, by=request.user.pk))
        if made is not None:
            return _connected(request, made)
    return render(
        request,
        "web/xero/choose.html",
        {"tenants": found.tenants, "chosen": chosen, "problem": problem},
        status=422 if problem else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.ADMIN)
def disconnect(request: MemberRequest) -> HttpResponse:
    """Asks whether Xero is to be disconnected, and says what that means; a POST does it."""
    row = connection_of(request.organisation.pk)
    if row is None or row.state == State.DISCONNECTED:
        messages.info(request, "Xero is not connected.")
        return redirect("xero")
    if request.method == "POST":
        made, problem = _try(services.disconnect(request.organisation.pk))
        if made is None:
            messages.error(request, problem)
        else:
            messages.success(request, f"{row.tenant_name} is disconnected. What was written stays there.")
            if made.trouble:
                messages.warning(request, made.trouble)
        return redirect("xero")
    return render(request, "web/xero/disconnect.html", {"row": row})


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def mapped(request: MemberRequest) -> HttpResponse:
    """Which accounts and tax rates in Xero stand for ours, and what an example would become; an admin changes it."""
    here = request.organisation
    row = connection_of(here.pk)
    if row is None:
        return redirect("xero")
    admin = request.identity.role is Role.ADMIN
    problem, changes = "", {}
    if request.method == "POST":
        if not admin:
            return render(request, "tenancy/forbidden.html", {"roles": (Role.ADMIN,)}, status=403)
        if request.POST.get("do") == "read":
            _, problem = _try(services.read_again(here.pk))
            if not problem:
                messages.success(request, "Accounts, tax rates and lock dates are read anew.")
                return redirect("xero_mapping")
        else:
            changes = _changes(request, row)
            if request.POST.get("do") != "try":
                try:
                    with acting_as(engine_of(request)):
                        services.set_mapping(here.pk, changes)
                except HousecountError as error:
                    problem = error.message
                else:
                    messages.success(request, "Saved. What is written from now on goes there.")
                    return redirect("xero_mapping")
    found = examples.with_changes(books_of(row), changes)
    rate = tax_rate(row.country, books.today(here))
    lines = examples.example_lines(found, rate)
    return render(
        request,
        "web/xero/mapping.html",
        {
            "row": row,
            "works": row.state == State.CONNECTED,
            "accounts": [_field(found, each) for each in mapping.ACCOUNTS],
            "taxes": [
                (shown.side_name(side), [_field(found, f"{side}.{name}") for name in shown.TREATMENTS])
                for side in ("receivable", "payable")
            ],
            "examples": [
                (shown.side_name(side), [shown.example_of(each) for each in lines if each.direction == side])
                for side in ("receivable", "payable")
            ],
            "trying": bool(changes) and not problem,
            "problem": problem,
        },
        status=422 if problem else 200,
    )


def _field(found: mapping.Books, purpose: str) -> dict[str, Any]:
    name, help_ = shown.PURPOSES.get(purpose, (purpose, ""))
    if "." in purpose:
        name = shown.TREATMENTS[purpose.partition(".")[2]]
    return {
        "purpose": purpose,
        "name": name,
        "help": help_,
        "code": found.mapping.get(purpose, ""),
        "choices": examples.choices(found, purpose),
    }


def _changes(request: MemberRequest, row: Connection) -> dict[str, str]:
    """What the form changes; what is left empty stays as it is."""
    given = {purpose: request.POST.get(purpose, "").replace("\0", "")[:60] for purpose in mapping.purposes()}
    return {purpose: code for purpose, code in given.items() if code and code != row.mapping.get(purpose, "")}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def contact(request: MemberRequest, party_id: UUID) -> HttpResponse:
    """Who a party is in Xero: the contacts that could be it, and another one. Whoever keeps the books says."""
    here = request.organisation.pk
    try:
        party = books.party(party_id)
    except NotFound as error:
        raise Http404(error.message) from None
    search = request.GET.get("q", "").replace("\0", "").strip()[:100]
    problem = ""
    if request.method == "POST":
        said = request.POST.get("contact", "").replace("\0", "")[:100]
        if not said:
            problem = "Choose a contact, or a new one."
        else:
            made, problem = _try(services.say_contact(here, party.pk, None if said == "new" else said))
            if made is not None:
                messages.success(
                    request, f"Xero knows {party.name} now. Write again, and what waited for it goes on."
                )
                return redirect("xero")
    found, trouble = _try(candidates(here, party.pk, search))
    return render(
        request,
        "web/xero/contact.html",
        {
            "party": party,
            "found": found or [],
            "q": search,
            "problem": problem or trouble,
            "asked": found is not None,
            "back": reverse("xero"),
        },
        status=422 if problem else 200,
    )
