"""Where Xero's documents are no longer what we issued: both sides, and nothing is taken over or put back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from housecount.core.money import to_major
from housecount.invoices.models import Deduction, Document, EndingKind
from housecount.invoices.queries import situations
from housecount.sync.database import DatabaseThread
from housecount.tenancy.identity import Identity
from housecount.xero import connecting, wire
from housecount.xero.client import opened, renewing
from housecount.xero.models import Connection, Intent, Stage, What
from housecount.xero.paper import figures_of, place_of, type_of

#: So many ids fit into one address.
_AT_ONCE = 40
_ENDED = ("VOIDED", "DELETED")


class Drift(NamedTuple):
    """One field of one document, as we have it and as Xero has it."""

    document: UUID
    number: str
    field: str
    ours: str
    xero: str


class _Ours(NamedTuple):
    """A document that was written: where, and what Xero should say of it. `balance` None while payments are open."""

    document: Document
    xero_id: str
    place: str
    fields: Mapping[str, str]
    balance: str | None
    void: bool


async def drift(organisation_id: UUID) -> list[Drift]:
    """Every difference, document by document. Raises `NotConnected`, a `PlatformError`."""
    found: list[Drift] = []
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        row = await database.run(connecting.connected, organisation_id)
        ours = await database.run(_written, row)
        async with opened(
            organisation_id,
            renewing(database, organisation_id),
            tenant_id=None if row.custom else row.tenant_id,
            credential=row.tenant_id,
        ) as xero:
            for place in ("Invoices", "CreditNotes"):
                here = [each for each in ours if each.place == place]
                for begin in range(0, len(here), _AT_ONCE):
                    some = here[begin : begin + _AT_ONCE]
                    rows = await xero.documents(place, {"IDs": ",".join(each.xero_id for each in some)})
                    theirs = {each.id: each for each in rows}
                    for each in some:
                        found += _compare(each, theirs.get(each.xero_id))
    return found


def _compare(ours: _Ours, theirs: wire.Document | None) -> list[Drift]:
    if theirs is None:
        said = [("status", "issued", "not there")]
    elif ours.void or theirs.status in _ENDED:
        ended = theirs.status in _ENDED
        said = (
            []
            if ended == ours.void
            else [("status", "void" if ours.void else "issued", theirs.status.lower())]
        )
    else:
        said = [(name, mine, _theirs(theirs, name)) for name, mine in ours.fields.items()]
        if theirs.status not in ("AUTHORISED", "PAID"):
            said.append(("status", "issued", theirs.status.lower()))
        if ours.balance is not None:
            said.append(("balance", ours.balance, str(theirs.amount_due)))
    number = ours.document.number or ""
    return [Drift(ours.document.pk, number, name, mine, xero) for name, mine, xero in said if mine != xero]


def _theirs(found: wire.Document, name: str) -> str:
    values: dict[str, object] = {
        "type": found.type,
        "number": found.number,
        "date": wire.day(found.date),
        "due_date": wire.day(found.due_date),
        "currency": found.currency_code,
        "subtotal": found.sub_total,
        "tax": found.total_tax,
        "total": found.total - found.rounding_amount,
    }
    return str(values[name])


def _written(row: Connection) -> list[_Ours]:
    intents = Intent.objects.filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id)
    ids = dict(
        intents.filter(what=What.DOCUMENT, stage=Stage.DONE)
        .exclude(xero_id="")
        .values_list("target", "xero_id")
    )
    open_ones = set(intents.exclude(stage=Stage.DONE).values_list("document_id", flat=True))
    documents = list(
        Document.objects.filter(organisation_id=row.organisation_id, pk__in=ids).order_by(
            "issue_date", "number"
        )
    )
    deductions: dict[UUID, list[Deduction]] = defaultdict(list)
    for each in Deduction.objects.filter(organisation_id=row.organisation_id, document_id__in=ids):
        deductions[each.document_id].append(each)
    known = situations(documents) if documents else {}
    return [
        _ours(
            each,
            ids[each.pk],
            deductions[each.pk],
            None if each.pk in open_ones else known[each.pk].balance,
            void=known[each.pk].ending == EndingKind.VOID,
        )
        for each in documents
    ]


def _ours(
    document: Document, xero_id: str, deductions: Sequence[Deduction], balance: int | None, *, void: bool
) -> _Ours:
    figures, place = figures_of(document, deductions), place_of(document)
    due: date | None = document.due_date or document.issue_date
    fields: dict[str, object] = {
        "type": type_of(document),
        "number": document.number,
        "date": document.issue_date,
        "currency": document.currency,
        "subtotal": figures.subtotal,
        "tax": figures.tax,
        "total": figures.total,
    }
    if place == "Invoices":
        fields["due_date"] = due
    shown = str(to_major(balance, document.currency)) if balance is not None and place == "Invoices" else None
    return _Ours(document, xero_id, place, {name: str(value) for name, value in fields.items()}, shown, void)
