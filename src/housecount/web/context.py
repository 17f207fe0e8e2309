"""What the frame around every page needs."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from housecount.box_office.queries import count_waiting
from housecount.tenancy import second_factor
from housecount.tenancy.identity import PEOPLE, Identity, Role, current_identity
from housecount.tenancy.models import Organisation

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
"""Who sees the whole organisation's figures."""
SELLERS = (Role.ADMIN, Role.PROMOTER)
"""Who decides what belongs together."""
#: The names of the routes that belong to each part of the main navigation.
AREAS = {
    "shows": {"shows", "show", "show_lines", "show_run"},
    "analytics": {"analytics", "analytics_compare"},
    "invoices": {
        "invoices", "document", "document_new", "document_edit", "batch", "recurring", "invoice_raise", "reports",
        "batch_run", "rcti", "bank_file", "xero", "xero_connect", "xero_choose", "xero_disconnect", "xero_mapping",
        "xero_contact", "xero_history",
    },
    "parties": {"parties", "party", "party_new", "party_edit"},
    "sync": {
        "sync", "accounts", "to_match", "hooks", "hook", "hooks_replayed", "sync_runs", "sync_gaps", "sync_aside",
    },
    "settings": {
        "settings", "people", "people_invite", "tokens", "notifications", "audit", "connect", "connect_platform",
        "new_key", "disconnect",
    },
}  # fmt: skip


def frame(request: HttpRequest) -> dict[str, Any]:
    """The organisation, what this person may open, and how many listings wait (asked only when shown)."""
    identity: Identity | None = getattr(request, "identity", None)
    member = identity is not None and identity.role in PEOPLE
    office = member and identity is not None and identity.role in OFFICE
    return {
        "frame_member": member,
        "frame_office": office,
        "frame_seller": member and identity is not None and identity.role in SELLERS,
        "frame_admin": member and identity is not None and identity.role is Role.ADMIN,
        "frame_areas": AREAS,
        "frame_cursor": getattr(request, "live_cursor", None),
        "frame_waiting": SimpleLazyObject(lambda: _waiting(identity)),
        "frame_factor_by": _factor_by(request) if member else None,
    }


def _factor_by(request: HttpRequest) -> date | None:
    """The day, where the organisation is, on which it will need the second factor that this person does not have."""
    organisation: Organisation | None = getattr(request, "organisation", None)
    if organisation is None or organisation.second_factor_from is None or request.user.pk is None:
        return None
    if current_identity() is None or connection.needs_rollback:
        return None
    since = second_factor.wanted_by(organisation, request.user.pk)
    return since.astimezone(ZoneInfo(organisation.timezone)).date() if since else None


def _waiting(identity: Identity | None) -> int:
    # A page about an error may be drawn in a transaction that is already lost.
    if identity is None or identity.organisation_id is None or current_identity() is None:
        return 0
    if connection.needs_rollback:
        return 0
    return count_waiting(identity.organisation_id)
