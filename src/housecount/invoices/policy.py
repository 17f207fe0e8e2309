"""An organisation's own rules on RCTIs and withholding, and what the business register said of its suppliers.

Nothing is looked up from here: a person reads the register, and enters what it says with the day on which they did.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from housecount.invoices import here, inputs
from housecount.invoices.errors import Invalid
from housecount.invoices.inputs import PolicyInput, RegisterInput
from housecount.invoices.models import Party, Policy, RegisterAnswer
from housecount.tenancy.models import User


def policy(organisation_id: UUID) -> Policy:
    """The organisation's rules; the defaults, not yet kept, where it has none."""
    found = Policy.objects.filter(organisation_id=organisation_id).first()
    return found or Policy(organisation_id=organisation_id)


def set_policy(organisation_id: UUID, data: Mapping[str, object]) -> Policy:
    """The rules with the fields of `data` (`inputs.PolicyInput`) changed. Raises `Invalid`."""
    found = policy(organisation_id)
    given = inputs.read(inputs.changed(policy_json(found), data), PolicyInput)
    if given.register_days is not None and not 0 <= given.register_days <= 3_660:
        raise Invalid("register_days lies between 0 and 3660.")
    found.rcti_confirmed_on = given.rcti_confirmed_on
    found.rcti_confirmed_by = inputs.text(
        given.rcti_confirmed_by, "rcti_confirmed_by", 200, needed=given.rcti_confirmed_on is not None
    )
    found.rcti_waits = given.rcti_waits
    found.register_days = given.register_days
    found.drop_cents = given.drop_cents
    found.save()
    return found


def policy_json(found: Policy) -> dict[str, Any]:
    """The rules as they are given."""
    return {
        "rcti_confirmed_on": found.rcti_confirmed_on.isoformat() if found.rcti_confirmed_on else None,
        "rcti_confirmed_by": found.rcti_confirmed_by,
        "rcti_waits": found.rcti_waits,
        "register_days": found.register_days,
        "drop_cents": found.drop_cents,
    }


def record_answer(
    party_id: UUID | str, data: Mapping[str, object], by: User | None = None, today: date | None = None
) -> RegisterAnswer:
    """Keep what the business register said of a party (`inputs.RegisterInput`). Raises `Invalid`, `NotFound`."""
    party = here.party(party_id)
    given = inputs.read(data, RegisterInput)
    if given.checked_on > (today or here.today(party.organisation)):
        raise Invalid("checked_on: that day is still to come.")
    since, until = given.registered_from, given.registered_to
    if until is not None and (since is None or until < since):
        raise Invalid("registered_to needs a registered_from that is not after it.")
    return RegisterAnswer.objects.create(
        organisation_id=party.organisation_id,
        party=party,
        checked_on=given.checked_on,
        name=inputs.text(given.name, "name", 200, needed=True),
        active=given.active,
        registered_from=since,
        registered_to=until,
        answer=given.answer,
        created_by=by,
    )


def latest_answer(party: Party) -> RegisterAnswer | None:
    """What was read last."""
    rows = RegisterAnswer.objects.filter(organisation_id=party.organisation_id, party=party)
    return rows.order_by("-checked_on", "-created_at").first()


def answers(party: Party) -> list[RegisterAnswer]:
    """Everything that was read of a party, the newest first."""
    rows = RegisterAnswer.objects.filter(organisation_id=party.organisation_id, party=party)
    return list(rows.order_by("-checked_on", "-created_at").select_related("created_by"))


def answer_json(found: RegisterAnswer) -> dict[str, Any]:
    """An answer as it is given, with its id."""
    return {
        "id": str(found.pk),
        "party": str(found.party_id),
        "checked_on": found.checked_on.isoformat(),
        "name": found.name,
        "active": found.active,
        "registered_from": found.registered_from.isoformat() if found.registered_from else None,
        "registered_to": found.registered_to.isoformat() if found.registered_to else None,
        "answer": found.answer,
    }
