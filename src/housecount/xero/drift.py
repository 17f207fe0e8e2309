"""Where Xero's documents are no longer what we issued: both sides, and nothing is taken over or put back."""

from typing import NamedTuple
from uuid import UUID

from housecount.core.money import to_major
from housecount.sync.database import DatabaseThread
from housecount.tenancy.identity import Identity
from housecount.xero.errors import Busy, NotConnected
from housecount.xero.models import Came, Connection, Copy, XeroPayment
from housecount.xero.pulling import pull


class Drift(NamedTuple):
    """One field of one document, as we have it and as Xero has it."""

    document: UUID
    number: str
    field: str
    ours: str
    xero: str


async def drift(organisation_id: UUID) -> tuple[list[Drift], str]:
    """Every difference there is now, document by document: what changed in Xero is read first. And why it could not
    be read to the end, "" when it was: then what is told is as it was before. Raises `NotConnected` without any
    connection."""
    try:
        stopped = (await pull(organisation_id)).stopped
    except Busy as error:
        stopped = error.message
    except NotConnected as error:
        stopped = error.message
        async with DatabaseThread(Identity.system(organisation_id)) as database:
            if not await database.run(Connection.objects.filter(organisation_id=organisation_id).exists):
                raise
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        return await database.run(stored_drift, organisation_id), stopped


def stored_drift(organisation_id: UUID) -> list[Drift]:
    """Every difference as it was when Xero was last read. Wrap in `acting_as` somebody of the organisation."""
    row = Connection.objects.filter(organisation_id=organisation_id).first()
    if row is None:
        return []
    here = {"organisation_id": organisation_id, "tenant_id": row.tenant_id}
    copies = Copy.objects.select_related("document").filter(**here).exclude(drift=[])
    found = [
        Drift(each.document_id, each.document.number or "", one["field"], one["ours"], one["xero"])
        for each in copies
        for one in each.drift
    ]
    waiting = XeroPayment.objects.select_related("document").filter(**here, state=Came.WAITING)
    found += [
        Drift(each.document_id, each.document.number or "", "payment", each.reason, _payment(each))
        for each in waiting
    ]
    return sorted(found, key=lambda each: each.number)


def _payment(each: XeroPayment) -> str:
    if each.status == "DELETED":
        return f"{to_major(each.amount, each.document.currency)} of {each.paid_on} was deleted"
    if each.currency != each.document.currency or not each.amount:
        return f"a payment of {each.paid_on}"
    return f"{to_major(each.amount, each.document.currency)} paid on {each.paid_on}"
