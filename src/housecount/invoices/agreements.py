"""Agreements with suppliers that we make their tax invoices: on paper, or embedded in the RCTI itself."""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Q

from housecount.core import gates
from housecount.core.documents import Kind
from housecount.invoices import here, inputs
from housecount.invoices.errors import Invalid, NotPossible
from housecount.invoices.inputs import AgreementInput
from housecount.invoices.models import Agreement, Document, Event, Party, Step
from housecount.tenancy.models import User

_LONGEST = 2_000
#: An agreement that ends within so many days is worth a word.
ENDS_SOON = timedelta(days=30)


def create_agreement(
    organisation_id: UUID,
    data: Mapping[str, object],
    by: User | None = None,  # noqa: ARG001 - the audit log has it from the transaction
) -> Agreement:
    """A written agreement from its JSON (see `inputs.AgreementInput`). Raises `Invalid`, `NotFound`."""
    given = inputs.read(data, AgreementInput)
    if given.until is not None and given.until < given.since:
        raise Invalid("The agreement ends before it begins.")
    party = here.party(given.party)
    if party.is_self:
        raise Invalid("An agreement is with a supplier, not with ourselves.")
    return Agreement.objects.create(
        organisation_id=organisation_id,
        party=party,
        kind=given.kind,
        starts_on=given.since,
        ends_on=given.until,
        supplies=inputs.text(given.supplies, "supplies", _LONGEST, needed=True),
        reference=inputs.text(given.reference, "reference", 200),
        vat_number=party.vat_number,
    )


def end_agreement(agreement_id: UUID | str, last_day: date) -> Agreement:
    """The agreement, in force until `last_day` and not after. Raises `NotFound`, `Invalid`."""
    found = here.agreement(agreement_id)
    if found.embedded:
        raise Invalid("An agreement within an RCTI holds for that one alone.")
    if last_day < found.starts_on - timedelta(days=1):
        raise Invalid("The agreement would end before it begins.")
    found.ends_on = last_day
    found.save(update_fields=["ends_on"])
    return found


def in_force(document: Document) -> Agreement | None:
    """The agreement that the document names; for an RCTI that names none, the newest on file that holds that day."""
    if document.agreement is not None or document.kind != Kind.RCTI:
        return document.agreement
    day = document.issue_date
    return (
        Agreement.objects.filter(
            Q(ends_on=None) | Q(ends_on__gte=day),
            organisation_id=document.organisation_id,
            party_id=document.party_id,
            kind="rcti",
            starts_on__lte=day,
            embedded=False,
        )
        .order_by("-starts_on", "-created_at")
        .first()
    )


# --- Embedded in an RCTI ------------------------------------------------------------------------------
def embed(document: Document) -> Agreement | None:
    """The agreement that an RCTI bears itself, put on file as it is issued; None where it bears none."""
    if document.kind != Kind.RCTI or not document.embedded_agreement:
        return None
    return Agreement.objects.create(
        organisation_id=document.organisation_id,
        party_id=document.party_id,
        kind="rcti",
        starts_on=document.issue_date,
        ends_on=document.issue_date,
        supplies=supplies_of(document),
        embedded=True,
    )


def supplies_of(document: Document) -> str:
    """What the lines of an RCTI name as supplied."""
    lines = document.lines.filter(organisation_id=document.organisation_id).order_by("position")
    return "; ".join(lines.values_list("description", flat=True))[:_LONGEST]


def objected_on(supplier: Party) -> date | None:
    """When a supplier objected last to an agreement within an RCTI: there is no other one after that."""
    return (
        Agreement.objects.filter(
            organisation_id=supplier.organisation_id,
            party=supplier,
            embedded=True,
            objected_on__isnull=False,
        )
        .order_by("-objected_on")
        .values_list("objected_on", flat=True)
        .first()
    )


def may_object_until(document: Document) -> date | None:
    """The last day on which the supplier may object to the agreement within an issued RCTI; None where there is none,
    or they have objected."""
    if document.step != Step.ISSUED or not document.embedded_agreement or document.agreement is None:
        return None
    return None if document.agreement.objected_on else gates.objection_until(document.issue_date)


def object_to(document: Document, words: str, today: date) -> None:
    """The supplier objects to the agreement within an RCTI, which is then to be cancelled. Raises `NotPossible`."""
    until = may_object_until(document)
    if until is None or document.agreement is None:
        raise NotPossible("no_objection", "There is nothing to object to.")
    if today > until:
        raise NotPossible(
            "objection_late",
            f"The time to object was over on {until.isoformat()}. Say what is wrong instead.",
        )
    agreement = document.agreement
    agreement.objected_on = today
    agreement.objection = inputs.text(words, "Your words", _LONGEST)
    agreement.save(update_fields=["objected_on", "objection"])
    Event.objects.create(
        organisation_id=document.organisation_id,
        document=document,
        what="objected",
        details={"words": agreement.objection},
    )
