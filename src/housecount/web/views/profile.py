"""What the organisation has on file of an act, as the act itself may read it."""

from typing import NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from housecount.invoices import here, queries
from housecount.invoices.models import Party
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web.documents import PARTY_KIND_NAMES, numbers_of
from housecount.web.views.parties import registered_words


class OnFile(NamedTuple):
    """One party that the person signs in as. `bank` holds the end of the account number and nothing more."""

    party: Party
    kind: str
    numbers: list[tuple[str, str]]
    registered: str
    bank: dict[str, str] | None


@require_safe
@require_role(Role.ACT)
def profile(request: MemberRequest) -> HttpResponse:
    """Who the act is to the organisation: what stands on its documents, and where its money goes."""
    today = here.today(request.organisation)
    found = Party.objects.filter(
        organisation_id=request.organisation.pk, membership__user_id=request.user.pk, archived_at=None
    ).order_by("name")
    return render(
        request,
        "web/act_profile.html",
        {
            "parties": [
                OnFile(
                    each,
                    PARTY_KIND_NAMES[each.kind],
                    list(numbers_of(each)),
                    registered_words(each, today),
                    queries.masked_bank(each),
                )
                for each in found
            ]
        },
    )
