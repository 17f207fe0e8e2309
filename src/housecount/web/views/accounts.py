"""The accounts at the platforms, and how reading them goes."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from housecount.box_office.queries import set_aside
from housecount.platforms.registry import SOURCES
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web import upkeep
from housecount.web.accounts import account_rows
from housecount.web.context import OFFICE
from housecount.web.words import ago

_MOST_ASIDE = 50


@never_cache  # an admin's page holds secret addresses
@require_safe
@require_role(*OFFICE)
def accounts(request: MemberRequest) -> HttpResponse:
    """Every account with its state, its last reads, its webhooks, and what was set aside; open alerts first."""
    now = timezone.now()
    here = request.organisation.pk
    aside = set_aside(here, _MOST_ASIDE)
    rows = account_rows(request.identity, now)
    return render(
        request,
        "web/accounts.html",
        {
            "accounts": rows,
            "alerts": upkeep.alert_rows(here, now),
            "gaps": upkeep.gap_rows(here, {UUID(row.id): row.name for row in rows}, now),
            "aside": [(record, ago(record.first_seen, now)) for record in aside],
            "platforms": list(SOURCES.values()),
        },
    )
