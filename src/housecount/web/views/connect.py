"""Connecting accounts at ticketing platforms, giving them new keys, and disconnecting them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from housecount.box_office.models import Account, AccountState
from housecount.core.errors import HousecountError
from housecount.platforms import registry
from housecount.platforms.base.source import TicketSource
from housecount.sync import accounts, doors
from housecount.sync.clients import hasty_client
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.web.views.sync import names_of

_LONGEST_KEY = 1_000


@require_safe
@require_role(Role.ADMIN)
def choose(request: MemberRequest) -> HttpResponse:
    """The platforms there are, to connect an account at one of them."""
    connected = [each.platform for each in names_of(request.organisation.pk).values()]
    rows = [(source, connected.count(source.key)) for source in registry.SOURCES.values()]
    return render(request, "web/settings/connect_choose.html", {"platforms": rows})


def _source(platform: str) -> TicketSource:
    try:
        return registry.source(platform)
    except registry.UnknownPlatform as error:
        raise Http404(error.message) from None


@never_cache
@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.ADMIN)
def connect(request: MemberRequest, platform: str) -> HttpResponse:
    """Where the platform's key is found, step by step; a POST checks it with the platform and connects the account."""
    source = _source(platform)
    known = {region.code for region in source.regions}
    regions = [code for code in request.POST.getlist("region") if code in known]
    name = " ".join(request.POST.get("name", "").replace("\0", "").split())[:200]
    problem = ""
    if request.method == "POST":
        made, problem = _try(
            _key(request, source),
            lambda secret: accounts.connect(
                request.organisation.pk,
                source.key,
                secret,
                name=name,
                regions=regions,
                by=request.user.pk,
                client_of=hasty_client,
            ),
        )
        if made is not None:
            messages.success(
                request,
                f"“{made.name}” is connected. Its first read begins by itself and takes a few minutes.",
            )
            _tell_of_the_door(request, made, source)
            return redirect(f"{reverse('sync')}#account-{made.pk}")
    return render(
        request,
        "web/settings/connect.html",
        {"source": source, "secret": _setting(source), "name": name, "regions": regions, "problem": problem},
        status=422 if problem else 200,
    )


@never_cache
@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.ADMIN)
def reconnect(request: MemberRequest, account_id: UUID) -> HttpResponse:
    """A new key for an account: checked, then kept in place of the one before, and the account is read again."""
    account = _account(request, account_id)
    source = _source(account.platform)
    problem = ""
    if request.method == "POST":
        made, problem = _try(
            _key(request, source),
            lambda secret: accounts.reconnect(account, secret, by=request.user.pk, client_of=hasty_client),
        )
        if made is not None:
            messages.success(request, f"“{made.name}” has a new key and is read again.")
            _tell_of_the_door(request, made, source)
            return redirect(f"{reverse('sync')}#account-{made.pk}")
    return render(
        request,
        "web/settings/reconnect.html",
        {"account": account, "source": source, "secret": _setting(source), "problem": problem},
        status=422 if problem else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.ADMIN)
def disconnect(request: MemberRequest, account_id: UUID) -> HttpResponse:
    """Asks whether an account is to be disconnected; a POST does it."""
    account = _account(request, account_id)
    if account.state == AccountState.DISCONNECTED:
        messages.info(request, f"“{account.name}” is disconnected already.")
        return redirect("sync")
    if request.method == "POST":
        accounts.disconnect(account, by=request.user.pk)
        messages.success(
            request,
            f"“{account.name}” is disconnected and its key is forgotten. What was read stays in the count, with its "
            "age.",
        )
        return redirect("sync")
    return render(request, "web/settings/disconnect.html", {"account": account})


def _account(request: MemberRequest, account_id: UUID) -> Account:
    return get_object_or_404(Account, organisation_id=request.organisation.pk, pk=account_id)


def _setting(source: TicketSource) -> str:
    """What the platform calls its key."""
    return next((each.label for each in source.settings if each.secret), "API key")


def _key(request: MemberRequest, source: TicketSource) -> Secret | str:
    """The key that was typed, or why there is none."""
    text = request.POST.get("api_key", "").strip()
    if not text:
        return f"Paste the {_setting(source)} of {source.label}."
    if len(text) > _LONGEST_KEY:
        return f"This is too long to be the {_setting(source)} of {source.label}. Copy it again, and nothing around it."
    return Secret(text)


@sensitive_variables()
def _try(
    key: Secret | str, work: Callable[[Secret], Coroutine[Any, Any, Account]]
) -> tuple[Account | None, str]:
    """The account that `work` makes with the key, or what is wrong, in words for a person."""
    if isinstance(key, str):
        return None, key
    try:
        return asyncio.run(work(key)), ""
    except HousecountError as error:
        return None, error.message


def _tell_of_the_door(request: MemberRequest, account: Account, source: TicketSource) -> None:
    with acting_as(Identity.system(account.organisation_id)):
        door = doors.state_of(account)
    if door.trouble:
        messages.warning(
            request, f"Its webhook is not registered yet: {door.trouble} It is tried again within the hour."
        )
    elif unreachable := doors.unreachable_port(source):
        messages.warning(request, unreachable)
    elif not door.registered and source.webhooks is not None:
        messages.info(
            request,
            "No public address is set for this installation, so no webhook was registered: sales are seen within "
            "minutes, and not within seconds. Nothing is missed.",
        )
