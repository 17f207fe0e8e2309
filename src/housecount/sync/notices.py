"""Who is mailed about which cause of alerts. Admins and promoters are, bookkeepers only about what is theirs to do,
unless they say otherwise.

The caller sets the identity.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from housecount.sync.letters import headline
from housecount.sync.models import Notice
from housecount.sync.troubles import OF_THE_BOOKS, Cause
from housecount.tenancy.identity import Role
from housecount.tenancy.models import Membership

#: Whether a role is told by mail of what is not of the books, as long as its holder has not chosen. Acts never are.
USUAL: Mapping[str, bool] = {
    Role.ADMIN.value: True,
    Role.PROMOTER.value: True,
    Role.BOOKKEEPER.value: False,
}


def _usual(role: str, cause: Cause) -> bool:
    return USUAL[role] or cause in OF_THE_BOOKS


class Choice(NamedTuple):
    """A cause in words, and whether the member is mailed about it."""

    cause: str
    words: str
    mail: bool


def receivers(organisation_id: UUID) -> dict[str, tuple[str, ...]]:
    """For each cause the addresses of those who are mailed about it, in order; () for none."""
    chosen = {
        (membership_id, cause): mail
        for membership_id, cause, mail in Notice.objects.filter(organisation_id=organisation_id).values_list(
            "membership_id", "cause", "mail"
        )
    }
    members = list(
        Membership.objects.filter(
            organisation_id=organisation_id, role__in=list(USUAL), user__is_active=True
        ).values_list("pk", "role", "user__email")
    )
    return {
        cause.value: tuple(
            sorted(email for pk, role, email in members if chosen.get((pk, cause.value), _usual(role, cause)))
        )
        for cause in Cause
    }


def choices(membership: Membership) -> list[Choice]:
    """Every cause with what the member has chosen, or is given; nothing for an act."""
    if membership.role not in USUAL:
        return []
    here = Notice.objects.filter(organisation_id=membership.organisation_id, membership=membership)
    chosen = dict(here.values_list("cause", "mail"))
    return [
        Choice(cause.value, headline(cause), chosen.get(cause.value, _usual(membership.role, cause)))
        for cause in Cause
    ]


def choose(membership: Membership, wanted: Collection[str]) -> None:
    """Mails the member about the causes in `wanted`, by name, and no others; an unknown name is nothing."""
    before = {each.cause: each.mail for each in choices(membership)}
    for cause, mail in before.items():
        if (cause in wanted) != mail:
            Notice.objects.update_or_create(
                organisation_id=membership.organisation_id,
                membership=membership,
                cause=cause,
                defaults={"mail": cause in wanted},
            )
