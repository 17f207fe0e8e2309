"""Credit notes: what was issued is corrected by taking it back, in whole or by lines."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from housecount.core import documents as core
from housecount.core.tax import Amounts, Priced, PriceMode, Treatment, credited, line_price, total
from housecount.core.withholding import given_back
from housecount.invoices import here, inputs
from housecount.invoices.deposits import deducted
from housecount.invoices.drafts import state
from housecount.invoices.errors import Invalid, NotPossible
from housecount.invoices.inputs import CreditLine
from housecount.invoices.issuing import Desk, finish, remember, seal, settle_by_note
from housecount.invoices.models import Direction, Document, Event, Kind, Line, Step
from housecount.invoices.queries import Situation, situation
from housecount.tenancy.models import User


def credit(
    document_id: UUID | str,
    lines: Sequence[Mapping[str, object]] | None = None,
    by: User | None = None,
    now: datetime | None = None,
    idempotency_key: str | None = None,
) -> Document:
    """A credit note on an issued document, issued at once: for all that is left of it, or for `lines`
    (`[{"line": 1, "quantity": "1"}]`, counted from 1, without a quantity all that is left of the line).

    Its amounts are positive; however a document is credited in parts, they add up to it to the cent. It is settled
    against the document it names: what is then too much there is the party's credit. The same `idempotency_key` on
    the same document answers with the note of the first time. Raises `NotPossible`, `Invalid`, `NotFound`.
    """
    when = now or datetime.now(UTC)
    with transaction.atomic():
        document = here.document(document_id, lock=True)
        before = _credited_already(document, idempotency_key)
        if before is not None:
            return before
        known = _may_credit(document)
        parts = _parts(document, lines)
        amounts = total([amount for _, _, amount in parts])
        if amounts.gross < 0:
            raise NotPossible(
                "raises", "Taking back these lines alone would raise what is owed. Credit the others too."
            )
        if known.credit_notes + amounts.gross > document.total:
            raise NotPossible(
                "more_than_document", f"That is more than is left of {document.number} to credit."
            )
        note = _note(document, amounts, by, when)
        # What is no longer owed is no longer withheld from either.
        note.withheld = given_back(document.withheld, document.total, known.credit_notes, amounts.gross)
        note.save()
        Line.objects.bulk_create(_line(note, place, *part) for place, part in enumerate(parts, 1))
        seal(note, by, when)
        settle_by_note(document, note, note.claim)
        desk = Desk([note])
        finish(note, by, desk)
        desk.clear()
        remember(document, "credited", by, note=str(note.pk), amount=note.total, key=idempotency_key)
    return note


def _credited_already(document: Document, key: str | None) -> Document | None:
    if key is None:
        return None
    found = Event.objects.filter(
        organisation_id=document.organisation_id, document=document, what="credited", details__key=key
    ).first()
    return None if found is None else here.document(found.details["note"])


def _may_credit(document: Document) -> Situation:
    if document.step != Step.ISSUED:
        raise NotPossible(
            "not_issued", f"Only what is issued can be credited: {state(document)}. Change it instead."
        )
    if document.kind in core.NOTES:
        raise NotPossible("is_a_note", "A note cannot be credited: issue a new invoice for what it took off.")
    known = situation(document)
    if known.ending is not None:
        raise NotPossible("ended", f"{document.number} counts no more: there is nothing to credit.")
    if document.kind == Kind.DEPOSIT_INVOICE and deducted(document):
        raise NotPossible(
            "deposit_deducted", "This deposit was deducted on a final document. Credit or void that one."
        )
    return known


def _parts(
    document: Document, wanted: Sequence[Mapping[str, object]] | None
) -> list[tuple[Line, Decimal, Amounts]]:
    """The lines to take back, each with how much of it and what that comes to."""
    lines = list(document.lines.filter(organisation_id=document.organisation_id).order_by("position"))
    before = _before(document)
    left = {line.pk: abs(line.quantity) - before[line.pk] for line in lines}
    if wanted is None:
        chosen = [(line, left[line.pk]) for line in lines if left[line.pk] > 0]
    else:
        chosen = _chosen(lines, left, inputs.read_all(list(wanted), CreditLine) if wanted else [])
    if not chosen:
        raise NotPossible("nothing_left", f"There is nothing left of {document.number} to credit.")
    return [
        (
            line,
            quantity,
            credited(
                Amounts(line.net_amount, line.tax_amount, line.gross_amount),
                line.quantity,
                before[line.pk],
                quantity,
            ),
        )
        for line, quantity in chosen
    ]


def _chosen(
    lines: Sequence[Line], left: Mapping[UUID, Decimal], wanted: Sequence[CreditLine]
) -> list[tuple[Line, Decimal]]:
    chosen: dict[UUID, tuple[Line, Decimal]] = {}
    for each in wanted:
        if not 1 <= each.line <= len(lines):
            raise Invalid(f"line: there is no line {each.line}; there are {len(lines)}.")
        line = lines[each.line - 1]
        if line.pk in chosen:
            raise Invalid(f"line {each.line} is named twice.")
        quantity = left[line.pk] if each.quantity is None else abs(inputs.quantity(each.quantity))
        if not 0 < quantity <= left[line.pk]:
            raise NotPossible(
                "more_than_line",
                f"Of line {each.line} there is a quantity of {left[line.pk].normalize():f} left to credit.",
            )
        chosen[line.pk] = (line, quantity)
    return list(chosen.values())


def _before(document: Document) -> Mapping[UUID, Decimal]:
    """How much of each line was taken back already, by line id."""
    found: dict[UUID, Decimal] = defaultdict(Decimal)
    rows = Line.objects.filter(
        organisation_id=document.organisation_id,
        credits_line__document=document,
        document__step=Step.ISSUED,
        document__ending=None,
    ).values_list("credits_line_id", "quantity")
    for key, quantity in rows:
        if key is not None:
            found[key] += abs(quantity)
    return found


def _note(document: Document, amounts: Amounts, by: User | None, when: datetime) -> Document:
    """The note's own row. The parties are as they were on what it corrects."""
    return Document(
        organisation=document.organisation,
        kind=Kind.CREDIT_NOTE,
        direction=document.direction,
        step=Step.DRAFT,
        series=core.series_of(Kind.CREDIT_NOTE, Direction(document.direction)),
        party=document.party,
        show=document.show,
        agreement=document.agreement,
        credits=document,
        sender=document.sender,
        recipient=document.recipient,
        issue_date=here.today(document.organisation, when),
        currency=document.currency,
        price_mode=document.price_mode,
        rounding_rule=document.rounding_rule,
        tax_rate=document.tax_rate,
        reference=document.reference,
        net_total=amounts.net,
        tax_total=amounts.tax,
        total=amounts.gross,
        created_by=by,
    )


def _line(note: Document, place: int, line: Line, quantity: Decimal, amounts: Amounts) -> Line:
    signed = quantity if line.quantity > 0 else -quantity
    return Line(
        organisation_id=note.organisation_id,
        document=note,
        position=place,
        description=line.description,
        quantity=signed,
        unit_price=line.unit_price,
        discount=_discount(note, line, signed, amounts),
        tax=line.tax,
        account_code=line.account_code,
        ote=line.ote,
        net_amount=amounts.net,
        tax_amount=amounts.tax,
        gross_amount=amounts.gross,
        credits_line=line,
    )


def _discount(note: Document, line: Line, quantity: Decimal, amounts: Amounts) -> int:
    """The part of the line's discount that this part of the line had."""
    if not line.discount:
        return 0
    price = line_price(Priced(quantity, line.unit_price, Treatment(line.tax)))
    taken = amounts.gross if note.price_mode == PriceMode.INCLUSIVE else amounts.net
    return max(0, abs(price) - abs(taken))
