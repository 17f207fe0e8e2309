"""The accounts at the platforms, and how reading them goes."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from housecount.box_office.queries import set_aside
from housecount.platforms.registry import SOURCES
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.accounts import account_rows
from housecount.web.context import OFFICE
from housecount.web.words import ago

_MOST_ASIDE = 50


@require_safe
@require_role(*OFFICE)
def accounts(request: MemberRequest) -> HttpResponse:
    """Every account with its state, its last reads, and what was set aside."""
    now = timezone.now()
    aside = set_aside(request.organisation.pk, _MOST_ASIDE)
    return render(
        request,
        "web/accounts.html",
        {
            "accounts": account_rows(request.organisation.pk, now),
            "aside": [(record, ago(record.first_seen, now)) for record in aside],
            "platforms": list(SOURCES.values()),
        },
    )
