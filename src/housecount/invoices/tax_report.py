"""GST (or VAT) of a period: what was charged, what was paid, on accrual or cash basis, with the documents behind it.

On accrual a document counts on the day of its issue, and a debt that is written off is taken back on that day. On
cash each payment counts on its day, for its share of the document. In both a deposit held as security is no supply;
a deposit that is a part payment counts by its own document, and is taken off the final one.

Sources: A New Tax System (GST) Act 1999 Div 21 (bad debts), Div 29 (attribution), Div 99 (deposits as security).
Money in minor units; days are the organisation's.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Case, DateField, F, Q, QuerySet, Sum, When

from housecount.core.documents import DepositKind, Direction, Kind
from housecount.core.shares import share
from housecount.core.tax import NO_AMOUNT, Amounts, Treatment
from housecount.core.withholding import grossed_up
from housecount.invoices.models import Allocation, Deduction, Document, Ending, EndingKind, Line, Step
from housecount.invoices.queries import situations


class Basis(StrEnum):
    """When a supply counts: by its document, or by its payment."""

    ACCRUAL = "accrual"
    CASH = "cash"


class TaxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What one document brings to the period in one treatment. `why`: issued, deposit, written_off, paid, credited."""

    on: date
    why: str
    document: UUID
    number: str
    kind: Kind
    party: str
    direction: Direction
    currency: str
    treatment: Treatment
    net: int
    tax: int
    gross: int


class TaxRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sum of the entries of one direction, currency and treatment."""

    direction: Direction
    currency: str
    treatment: Treatment
    net: int
    tax: int
    gross: int


class TaxFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A return's figures in one currency. In Australia `sales` is G1, `tax_on_sales` 1A, `tax_on_purchases` 1B; sales
    and purchases include tax, and leave out what is outside it."""

    currency: str
    sales: int
    tax_on_sales: int
    purchases: int
    tax_on_purchases: int
    to_pay: int


class TaxReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of `since` to `until`, both included."""

    basis: Basis
    since: date
    until: date
    figures: tuple[TaxFigures, ...]
    rows: tuple[TaxRow, ...]
    entries: tuple[TaxEntry, ...]


def tax_report(organisation_id: UUID, *, since: date, until: date, basis: Basis, zone: str) -> TaxReport:
    """The report; every row is the sum of its entries, and every figure of its rows."""
    made = (
        _accrued(organisation_id, since, until, zone)
        if basis is Basis.ACCRUAL
        else _received(organisation_id, since, until)
    )
    entries = tuple(sorted(made, key=lambda each: (each.on, each.number, each.why, each.treatment)))
    sums: dict[tuple[Direction, str, Treatment], Amounts] = defaultdict(lambda: NO_AMOUNT)
    for each in entries:
        key = (each.direction, each.currency, each.treatment)
        sums[key] = sums[key].plus(Amounts(each.net, each.tax, each.gross))
    rows = tuple(
        TaxRow(direction=direction, currency=currency, treatment=treatment, **amounts._asdict())
        for (direction, currency, treatment), amounts in sorted(sums.items())
    )
    return TaxReport(
        basis=basis, since=since, until=until, figures=_figures(rows), rows=rows, entries=entries
    )


def _figures(rows: Sequence[TaxRow]) -> tuple[TaxFigures, ...]:
    figures = []
    for currency in sorted({row.currency for row in rows}):
        within = [
            row for row in rows if row.currency == currency and row.treatment is not Treatment.OUT_OF_SCOPE
        ]
        sold = [row for row in within if row.direction is Direction.RECEIVABLE]
        bought = [row for row in within if row.direction is Direction.PAYABLE]
        charged, paid = sum(row.tax for row in sold), sum(row.tax for row in bought)
        figures.append(
            TaxFigures(
                currency=currency,
                sales=sum(row.gross for row in sold),
                tax_on_sales=charged,
                purchases=sum(row.gross for row in bought),
                tax_on_purchases=paid,
                to_pay=charged - paid,
            )
        )
    return tuple(figures)


# --- What both have in common -------------------------------------------------------------------------
def _counted(organisation_id: UUID) -> QuerySet[Document]:
    """Issued documents about supplies; one that is void never was one."""
    return (
        Document.objects.filter(organisation_id=organisation_id, step=Step.ISSUED)
        .exclude(ending__kind=EndingKind.VOID)
        .exclude(deposit_kind=DepositKind.SECURITY)
        .select_related("party")
    )


def _classes(organisation_id: UUID, found: Iterable[Document]) -> Mapping[UUID, dict[Treatment, Amounts]]:
    """What each document comes to by treatment. What a credit note takes off counts as positive, as printed."""
    keys = [each.pk for each in found]
    result: dict[UUID, dict[Treatment, Amounts]] = {key: {} for key in keys}
    rows = (
        Line.objects.filter(organisation_id=organisation_id, document_id__in=keys)
        .order_by("document_id", "tax")
        .values_list("document_id", "tax")
        .annotate(Sum("net_amount"), Sum("tax_amount"), Sum("gross_amount"))
    )
    for key, treatment, net, tax, gross in rows:
        result[key][Treatment(treatment)] = Amounts(net, tax, gross)
    return result


def _sign(document: Document) -> int:
    """A credit note's lines are taken off, with whichever sign they were written; an adjustment's have their own."""
    return -1 if document.kind == Kind.CREDIT_NOTE and document.total > 0 else 1


def _entries(
    document: Document, on: date, why: str, amounts: Mapping[Treatment, Amounts], sign: int
) -> Iterator[TaxEntry]:
    for treatment, each in amounts.items():
        if each != NO_AMOUNT:
            signed = each if sign > 0 else each.negated()
            yield TaxEntry(
                on=on,
                why=why,
                document=document.pk,
                number=document.number or "",
                kind=Kind(document.kind),
                party=document.party.name,
                direction=Direction(document.direction),
                currency=document.currency,
                treatment=treatment,
                **signed._asdict(),
            )


# --- Accrual ------------------------------------------------------------------------------------------
def _accrued(organisation_id: UUID, since: date, until: date, zone: str) -> Iterator[TaxEntry]:
    issued = list(_counted(organisation_id).filter(issue_date__range=(since, until)))
    classes = _classes(organisation_id, issued)
    for document in issued:
        yield from _entries(document, document.issue_date, "issued", classes[document.pk], _sign(document))
    yield from _deducted(organisation_id, issued)
    yield from _written_off(organisation_id, since, until, zone)


def _deducted(organisation_id: UUID, issued: Sequence[Document]) -> Iterator[TaxEntry]:
    """What deposits have already counted for: part payments, by their own documents."""
    by_id = {each.pk: each for each in issued}
    rows = [
        *Deduction.objects.filter(organisation_id=organisation_id, document_id__in=by_id, amount__gt=0)
        .exclude(deposit__deposit_kind=DepositKind.SECURITY)
        .select_related("deposit")
    ]
    classes = _classes(organisation_id, [row.deposit for row in rows])
    for row in rows:
        document = by_id[row.document_id]
        part = share(classes[row.deposit_id], row.deposit.total, 0, row.amount)
        yield from _entries(document, document.issue_date, "deposit", part, -1)


def _written_off(organisation_id: UUID, since: date, until: date, zone: str) -> Iterator[TaxEntry]:
    """What will not come, taken back on the day it was given up."""
    where = ZoneInfo(zone)
    ends = {
        document_id: at.astimezone(where).date()
        for document_id, at in Ending.objects.filter(
            organisation_id=organisation_id, kind=EndingKind.WRITTEN_OFF
        ).values_list("document_id", "at")
    }
    days = {key: day for key, day in ends.items() if since <= day <= until}
    given_up = list(_counted(organisation_id).filter(pk__in=days))
    classes, known = _classes(organisation_id, given_up), situations(given_up)
    for document in given_up:
        standing = known[document.pk].standing
        lost = grossed_up(standing.balance, document.total - standing.prepaid, document.withheld)
        part = share(classes[document.pk], document.total, document.total - lost, document.total)
        yield from _entries(document, days[document.pk], "written_off", part, -1)


# --- Cash ---------------------------------------------------------------------------------------------
class _Step(NamedTuple):
    """A document was settled by `amount` on a day. A silent step counts elsewhere, and takes its place here."""

    on: date
    why: str
    amount: int
    silent: bool = False


def _received(organisation_id: UUID, since: date, until: date) -> Iterator[TaxEntry]:
    moved = Allocation.objects.filter(organisation_id=organisation_id)
    keys: set[UUID] = set()
    for move in _moves(moved, since, until):
        keys.update(key for key in (move.document, move.note) if key is not None)
    applied = Deduction.objects.filter(organisation_id=organisation_id, amount__gt=0)
    secured = applied.filter(
        deposit__deposit_kind=DepositKind.SECURITY, document__issue_date__range=(since, until)
    )
    keys.update(secured.values_list("document_id", flat=True))
    found = list(_counted(organisation_id).filter(pk__in=keys))
    classes = _classes(organisation_id, found)
    of_found = moved.filter(Q(document_id__in=keys) | Q(credit_note_id__in=keys))
    steps = _steps(
        _moves(of_found, date.min, until),
        applied.filter(document_id__in=keys).select_related("deposit"),
        {each.pk: each for each in found},
    )
    for document in found:
        note = document.gives_credit
        sign = -1 if document.total > 0 and note else 1
        prepaid = sum(step.amount for step in steps[document.pk] if step.why == "deposit")
        done, deposits, paid = 0, 0, 0
        for step in steps[document.pk]:
            if step.why == "deposit":
                deposits += step.amount
            else:
                paid += step.amount
            # Each payment carries its part of what is withheld from it for the tax office.
            reached = deposits + grossed_up(paid, abs(document.total) - prepaid, document.withheld)
            # A negative adjustment note is settled from nothing down to its total, which is below nothing.
            after = reached if document.total >= 0 else -reached
            part = share(classes[document.pk], document.total, done, after)
            done = after
            if since <= step.on <= until and not step.silent:
                yield from _entries(document, step.on, step.why, part, sign)


class _Move(NamedTuple):
    """What settled a document, by a payment or by a note, and the day on which it counts."""

    on: date
    document: UUID
    note: UUID | None
    amount: int


def _moves(rows: QuerySet[Allocation], since: date, until: date) -> list[_Move]:
    day = Case(
        When(payment=None, then=F("credit_note__issue_date")),
        default=F("payment__paid_on"),
        output_field=DateField(),
    )
    found = (
        rows.annotate(on=day)
        .filter(on__range=(since, until))
        .order_by("on", "created_at", "pk")
        .values_list("on", "document_id", "credit_note_id", "amount")
    )
    return [_Move(*row) for row in found]


def _steps(
    moves: Iterable[_Move], applied: Iterable[Deduction], found: Mapping[UUID, Document]
) -> Mapping[UUID, list[_Step]]:
    """How each document was settled, in order, from its beginning."""
    steps: dict[UUID, list[_Step]] = {key: [] for key in found}
    for row in applied:
        if row.document_id in found:
            silent = row.deposit.deposit_kind != DepositKind.SECURITY
            day = found[row.document_id].issue_date
            steps[row.document_id].append(_Step(day, "deposit", row.amount, silent))
    for move in moves:
        if document := found.get(move.document):
            note = document.gives_credit
            why = "paid" if move.note is None else "credited"
            # What is paid back on a note is kept with a minus, and settles the note all the same.
            steps[move.document].append(_Step(move.on, why, -move.amount if note else move.amount))
        if move.note is not None and move.note in found:
            steps[move.note].append(_Step(move.on, "credited", move.amount))
    return steps
