"""Reading organisations and people. Each runs as whoever acts, and sees what they may see."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from housecount.tenancy.errors import UnknownOrganisation
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import AuditEntry, Invitation, Membership, Organisation, User


def all_organisations() -> list[Organisation]:
    """Every organisation of this installation, by name: for commands and workers, in their own transaction."""
    with acting_as(Identity.system()):
        return list(Organisation.objects.order_by("name", "pk"))


def organisation_by_slug(slug: str) -> Organisation:
    """The organisation called `slug`: for commands, in their own transaction. Raises UnknownOrganisation."""
    with acting_as(Identity.system()):
        found = Organisation.objects.filter(slug=slug).first()
    if found is None:
        raise UnknownOrganisation(slug)
    return found


def memberships_of(user: User | AnonymousUser) -> list[Membership]:
    """The user's memberships with their organisations, by the organisation's name; none for a stranger."""
    if not user.is_authenticated or not user.is_active:
        return []
    return list(
        Membership.objects.filter(user_id=user.pk)
        .select_related("organisation")
        .order_by("organisation__name", "organisation_id")
    )


def members(organisation_id: UUID) -> Sequence[Membership]:
    """The organisation's memberships with their users, by e-mail; only an admin sees others than themselves."""
    return list(
        Membership.objects.filter(organisation_id=organisation_id)
        .select_related("user")
        .order_by("user__email")
    )


def open_invitations(organisation_id: UUID) -> Sequence[Invitation]:
    """Invitations not accepted yet, expired ones included, newest first; an admin's to see."""
    return list(
        Invitation.objects.filter(organisation_id=organisation_id, accepted_at=None).order_by("-created_at")
    )


def audit_trail(
    organisation_id: UUID, table: str | None = None, row_id: object = None
) -> QuerySet[AuditEntry]:
    """The organisation's audit entries, newest first, optionally of one table or row; an admin's to see."""
    entries = AuditEntry.objects.filter(organisation_id=organisation_id).order_by("-id")
    if table is not None:
        entries = entries.filter(table=table)
    if row_id is not None:
        entries = entries.filter(row_id=str(row_id))
    return entries
