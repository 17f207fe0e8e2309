"""What Xero says of our documents, kept, and compared with what was issued: both sides, nothing taken over.

A copy is compared when it is read, and again from what is kept while something differs or is still to be written:
so a difference goes away by itself when both sides agree again, and history costs nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Exists, OuterRef, Q

from housecount.core.money import to_major
from housecount.core.tax import PriceMode
from housecount.invoices.models import Allocation, Deduction, Document, EndingKind, Line
from housecount.invoices.queries import Situation, situations
from housecount.xero import wire
from housecount.xero.models import Connection, Copy, Intent, PartyContact, Stage, What
from housecount.xero.paper import figures_of, place_of, type_of

_ENDED = ("VOIDED", "DELETED")
_IN_FORCE = ("AUTHORISED", "PAID")
_LINE_FIELDS = ("description", "amount", "tax", "quantity", "unit price", "account", "tax type")
#: So many of them are ours to say; the others are as we wrote them, which is how they were first read.
_OF_THE_DOCUMENT = 3
_LONGEST = 3900
_CENTS = 2

Pair = tuple[str, str, str]


def fields_of(found: wire.Document) -> dict[str, Any]:
    """What is kept of Xero's document: text by the names of the fields that are compared, and the lines."""
    return {
        "type": found.type,
        "number": found.number,
        "status": found.status,
        "date": str(wire.day(found.date)),
        "due_date": str(wire.day(found.due_date)),
        "currency": found.currency_code,
        "subtotal": _money(found.sub_total),
        "tax": _money(found.total_tax),
        "total": _money(found.total - found.rounding_amount),
        "balance": _money(found.remaining_credit if found.credit_note_id else found.amount_due),
        "contact": found.contact.contact_id if found.contact else "",
        "contact_name": found.contact.name if found.contact else "",
        "lines": [
            [
                " ".join((each.description or "").split()),
                _plain(each.line_amount),
                _plain(each.tax_amount),
                _plain(each.quantity),
                _plain(each.unit_amount),
                each.account_code or "",
                each.tax_type or "",
            ]
            for each in found.line_items
        ],
    }


def keep(row: Connection, found: Mapping[UUID, wire.Document], now: datetime) -> int:
    """Keep what was read, by document, unless something newer is kept; how many documents are known to differ by it.

    What says the same as before is not written. Wrap in `acting_as` the organisation's system.
    """
    if not found:
        return 0
    kept = _kept(row, found)
    fresh: dict[UUID, tuple[dict[str, Any], datetime | None]] = {}
    for document_id, each in found.items():
        before, updated = kept.get(document_id), wire.moment(each.updated)
        if before is not None and before.updated_at and updated and updated < before.updated_at:
            continue
        fresh[document_id] = (fields_of(each), updated)
    return _compare(row, fresh, kept, now)


def compare_again(row: Connection, now: datetime) -> int:
    """Compare what differed, or could not be compared yet, from what is kept; how many documents differ now."""
    rows = Copy.objects.filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id)
    kept = {each.document_id: each for each in rows.filter(Q(pending=True) | ~Q(drift=[]))}
    return _compare(row, {key: (each.fields, each.updated_at) for key, each in kept.items()}, kept, now)


def without_copy(row: Connection, limit: int) -> dict[str, UUID]:
    """Documents that are in Xero and of which nothing was read yet, by their ids there."""
    copies = Copy.objects.filter(
        organisation_id=row.organisation_id, tenant_id=row.tenant_id, document_id=OuterRef("document_id")
    )
    rows = (
        Intent.objects.filter(
            organisation_id=row.organisation_id, tenant_id=row.tenant_id, what=What.DOCUMENT
        )
        .filter(~Q(xero_id=""), ~Exists(copies))
        .order_by("created_at")
    )
    return dict(rows.values_list("xero_id", "document_id")[:limit])


def _kept(row: Connection, documents: Iterable[UUID]) -> dict[UUID, Copy]:
    rows = Copy.objects.filter(
        organisation_id=row.organisation_id, tenant_id=row.tenant_id, document_id__in=list(documents)
    )
    return {each.document_id: each for each in rows}


def _compare(
    row: Connection,
    fresh: Mapping[UUID, tuple[dict[str, Any], datetime | None]],
    kept: Mapping[UUID, Copy],
    now: datetime,
) -> int:
    ours = _ours(row, list(fresh))
    differing = 0
    for document_id, (fields, updated) in fresh.items():
        if document_id not in ours.documents:
            continue
        pending = document_id in ours.pending
        before = kept.get(document_id)
        written = before.written if before is not None and before.written else []
        if not written and document_id not in ours.unwritten:
            written = fields["lines"]
        pairs = ours.differences(document_id, fields, written)
        drift = [{"field": name, "ours": mine, "xero": theirs} for name, mine, theirs in pairs]
        differing += bool(drift)
        if before is None:
            Copy.objects.create(
                organisation_id=row.organisation_id,
                tenant_id=row.tenant_id,
                document_id=document_id,
                fields=fields,
                written=written,
                updated_at=updated,
                read_at=now,
                pending=pending,
                drift=drift,
                drifted_at=now if drift else None,
            )
        elif (before.fields, before.updated_at, before.pending, before.drift, before.written) != (
            fields, updated, pending, drift, written,
        ):  # fmt: skip
            before.fields, before.written, before.updated_at, before.read_at = fields, written, updated, now
            before.drifted_at = (before.drifted_at or now) if drift else None
            before.pending, before.drift = pending, drift
            before.save()
    return differing


class _Ours(msgspec.Struct, kw_only=True):
    """Our side of some documents, read in a handful of queries."""

    documents: dict[UUID, Document]
    lines: dict[UUID, list[Line]]
    deductions: dict[UUID, list[Deduction]]
    known: dict[UUID, Situation]
    pending: set[UUID]
    unwritten: set[UUID]
    contacts: dict[UUID, str]

    def differences(
        self, document_id: UUID, theirs: Mapping[str, Any], written: Sequence[Sequence[str]]
    ) -> list[Pair]:
        """Where Xero's document is not ours: field, ours, Xero's."""
        document, known = self.documents[document_id], self.known[document_id]
        if document_id in self.unwritten:
            # It is on its way, and the push compares it.
            return []
        void, ended = known.ending == EndingKind.VOID, theirs["status"] in _ENDED
        if void or ended:
            if void == ended or (void and document_id in self.pending):
                return []
            return [("status", "void" if void else "issued", theirs["status"].lower())]
        pairs = self._pairs(document, theirs)
        if theirs["status"] not in _IN_FORCE:
            pairs.append(("status", "issued", theirs["status"].lower()))
        if document_id not in self.pending:
            balance = _money(to_major(known.balance, document.currency))
            pairs.append(("balance", balance, theirs["balance"]))
        contact = self.contacts.get(document.party_id, "")
        if contact and contact != theirs["contact"]:
            pairs.append(("contact", f"{document.party.name} ({contact})", _contact(theirs)))
        pairs += self._lines(document, theirs["lines"], written)
        return [(name, mine, said) for name, mine, said in pairs if mine != said]

    def _pairs(self, document: Document, theirs: Mapping[str, Any]) -> list[Pair]:
        figures = figures_of(document, self.deductions[document.pk])
        mine: dict[str, object] = {
            "type": type_of(document),
            "number": document.number,
            "date": document.issue_date,
            "currency": document.currency,
            "subtotal": _money(figures.subtotal),
            "tax": _money(figures.tax),
            "total": _money(figures.total),
        }
        if place_of(document) == "Invoices":
            mine["due_date"] = document.due_date or document.issue_date
        return [(name, str(value), str(theirs[name])) for name, value in mine.items()]

    def _lines(
        self, document: Document, theirs: Sequence[Sequence[str]], written: Sequence[Sequence[str]]
    ) -> list[Pair]:
        lines = self.lines[document.pk]
        expected = max(len(written), len(lines))
        if len(theirs) != expected:
            return [("lines", str(expected), str(len(theirs)))]
        sign = -1 if document.gives_credit and document.total < 0 else 1
        pairs: list[Pair] = []
        for place, said in enumerate(theirs):
            mine = list(written[place]) if place < len(written) else list(said)
            if place < len(lines):
                mine[:_OF_THE_DOCUMENT] = _of_document(document, lines[place], sign)
            pairs += [
                (f"line {place + 1} {name}", ours, other)
                for name, ours, other in zip(_LINE_FIELDS, mine, said, strict=True)
            ]
        return pairs


def _of_document(document: Document, line: Line, sign: int) -> list[str]:
    inclusive = document.price_mode == PriceMode.INCLUSIVE
    worth = line.gross_amount if inclusive else line.net_amount
    return [
        " ".join(line.description[:_LONGEST].split()),
        _plain(to_major(sign * worth, document.currency)),
        _plain(to_major(sign * line.tax_amount, document.currency)),
    ]


def _ours(row: Connection, ids: Sequence[UUID]) -> _Ours:
    here = {"organisation_id": row.organisation_id}
    documents = {
        each.pk: each
        for each in Document.objects.select_related("organisation", "party").filter(**here, pk__in=ids)
    }
    lines: dict[UUID, list[Line]] = defaultdict(list)
    for line in Line.objects.filter(**here, document_id__in=ids).order_by("document_id", "position"):
        lines[line.document_id].append(line)
    deductions: dict[UUID, list[Deduction]] = defaultdict(list)
    for each in Deduction.objects.select_related("deposit").filter(**here, document_id__in=ids):
        deductions[each.document_id].append(each)
    intents = Intent.objects.filter(**here, tenant_id=row.tenant_id)
    open_ones = set(
        intents.filter(document_id__in=ids).exclude(stage=Stage.DONE).values_list("document_id", flat=True)
    )
    unwritten = set(
        intents.filter(what=What.DOCUMENT, target__in=ids)
        .exclude(stage=Stage.DONE)
        .values_list("target", flat=True)
    )
    contacts = PartyContact.objects.filter(
        **here, tenant_id=row.tenant_id, party_id__in={each.party_id for each in documents.values()}
    )
    return _Ours(
        documents=documents,
        lines=lines,
        deductions=deductions,
        known=situations(documents.values()) if documents else {},
        pending=open_ones | _unplanned(row, ids),
        unwritten=unwritten,
        contacts=dict(contacts.values_list("party_id", "contact_id")),
    )


def _unplanned(row: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Documents with money or credit on them that is still to be written, or of which Xero has no more than a part,
    whichever side of it they are."""
    written = Intent.objects.filter(
        organisation_id=row.organisation_id,
        tenant_id=row.tenant_id,
        target=OuterRef("pk"),
        stage=Stage.DONE,
        reason="",
    )
    rows = Allocation.objects.filter(
        Q(document_id__in=ids) | Q(credit_note_id__in=ids),
        ~Exists(written),
        organisation_id=row.organisation_id,
    )
    found: set[UUID] = set()
    for document_id, note_id in rows.values_list("document_id", "credit_note_id"):
        found |= {document_id, note_id} if note_id else {document_id}
    return found


def _contact(theirs: Mapping[str, Any]) -> str:
    return f"{theirs['contact_name']} ({theirs['contact']})"


def _plain(value: Decimal) -> str:
    """Without zeros that say nothing: Xero may write as many as it likes."""
    return f"{value.normalize() + 0:f}"


def _money(value: Decimal) -> str:
    """With two decimals, whether Xero wrote 60, 60.0 or 60.00; with all of them where there are more."""
    plain = _plain(value)
    return plain if len(plain.partition(".")[2]) > _CENTS else f"{value:.{_CENTS}f}"
