"""Who is on the bill of a show: acts that sign in, and see their shows. The caller owns the transaction and the
identity, which decides who may change a bill.

Who belongs to the organisation is behind a wall that only an admin looks over; that an act does, and what it is called,
is not: it is looked up for the organisation, and nothing else is handed on.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from housecount.box_office.errors import NotFound
from housecount.box_office.models import Appearance, Show
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import Membership

#: More acts than any bill has.
MOST: Final = 200


class Act(NamedTuple):
    """An act that signs in. `id` is that of its membership; `name` its e-mail address where it has given no other."""

    id: UUID
    name: str


def acts(organisation_id: UUID) -> list[Act]:
    """Every act that signs in, by name."""
    with acting_as(Identity.system(organisation_id)):
        found = Membership.objects.filter(organisation_id=organisation_id, role=Role.ACT).select_related(
            "user"
        )
        named = [Act(each.pk, each.user.name or each.user.email) for each in found]
    return sorted(named, key=lambda act: (act.name.lower(), act.id))


def on_the_bill(show: Show, among: Sequence[Act] | None = None) -> list[Act]:
    """The acts on the bill of a show, by name. `among`: what `acts` found, where it was asked for already."""
    here = set(
        Appearance.objects.filter(organisation_id=show.organisation_id, show=show).values_list(
            "membership_id", flat=True
        )
    )
    return (
        [act for act in (acts(show.organisation_id) if among is None else among) if act.id in here]
        if here
        else []
    )


def find_act(organisation_id: UUID, membership_id: UUID) -> Act:
    """The act. Raises `NotFound`."""
    for act in acts(organisation_id):
        if act.id == membership_id:
            return act
    raise NotFound("There is no such act. An act is invited under Settings, People, with the role “act”.")


def put_on(organisation_id: UUID, shows: Collection[Show], act: Act) -> None:
    """Puts the act on the bill of all these shows, where it is not on it yet."""
    Appearance.objects.bulk_create(
        [Appearance(organisation_id=organisation_id, show=show, membership_id=act.id) for show in shows],
        ignore_conflicts=True,
    )


def take_off(show: Show, act: Act) -> bool:
    """Takes the act off the bill of a show; whether it was on it."""
    here = {"organisation_id": show.organisation_id, "show": show, "membership_id": act.id}
    gone, _ = Appearance.objects.filter(**here).delete()
    return bool(gone)


def set_bill(show: Show, membership_ids: Collection[UUID]) -> None:
    """Puts exactly these acts on the bill. Raises `NotFound` when one of them is none."""
    known = {act.id: act for act in acts(show.organisation_id)}
    wanted = {key: known.get(key) or find_act(show.organisation_id, key) for key in membership_ids}
    for act in on_the_bill(show, list(known.values())):
        if act.id not in wanted:
            take_off(show, act)
    for act in wanted.values():
        put_on(show.organisation_id, [show], act)
