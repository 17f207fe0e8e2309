"""Documents before they are issued: made, changed, approved, thrown away."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from housecount.box_office import matching
from housecount.box_office.errors import NotFound as NoShow
from housecount.box_office.models import Show
from housecount.core import documents as core
from housecount.core import rates
from housecount.core.money import check_currency
from housecount.core.tax import (
    Amounts,
    Priced,
    PriceMode,
    RoundingRule,
    Treatment,
    line_amounts,
    total,
)
from housecount.invoices import here, inputs
from housecount.invoices.errors import Invalid, NotFound, NotPossible
from housecount.invoices.inputs import DepositInput, DocumentInput, LineInput
from housecount.invoices.models import Deduction, Direction, Document, Kind, Line, Party, Recurring, Step
from housecount.invoices.once import once
from housecount.tenancy.models import Organisation, User


def create_documents(
    organisation_id: UUID,
    data: Mapping[str, object] | Sequence[Mapping[str, object]],
    by: User | None = None,
    idempotency_key: str | None = None,
    *,
    recurring: Recurring | None = None,
) -> list[Document]:
    """Drafts from the JSON of one document or of a list (see `inputs.DocumentInput`): all of them, or none.
    `recurring` is what makes them.

    The same `idempotency_key` with the same data answers with the documents of the first time. Raises `Invalid`,
    `NotFound`, `NoRate`, `NotALine`, `NotTerms`, `NotPossible`.
    """
    return once(
        organisation_id,
        idempotency_key,
        "create",
        data,
        lambda: _create(organisation_id, data, by, recurring),
    )


def _create(
    organisation_id: UUID,
    data: Mapping[str, object] | Sequence[Mapping[str, object]],
    by: User | None,
    recurring: Recurring | None,
) -> list[Document]:
    organisation = Organisation.objects.get(pk=organisation_id)
    given = inputs.read_all(data, DocumentInput)
    several = len(given) > 1
    made = []
    with transaction.atomic():
        for place, each in enumerate(given, 1):
            try:
                document = Document(
                    organisation=organisation, created_by=by, step=Step.DRAFT, recurring=recurring
                )
                made.append(_fill(document, each))
            except (Invalid, NotFound) as error:
                if not several:
                    raise
                raise type(error)(f"Document {place}: {error.message}") from None
    return made


def edit(document_id: UUID | str, data: Mapping[str, object], by: User | None = None) -> Document:  # noqa: ARG001
    """The draft with the fields of `data` changed; `lines`, when given, are all its lines. A new due date takes the
    place of terms, and terms that of a due date. Raises as `create_documents`, and `NotPossible` when it is no draft.
    """
    with transaction.atomic():
        document = here.document(document_id, lock=True)
        _only_a_draft(document, "changed")
        before = as_given(document)
        if data.get("terms") is not None and data.get("due_date") is None:
            before.pop("due_date", None)
        elif data.get("due_date") is not None:
            before.pop("terms", None)
        return _fill(document, inputs.read(inputs.changed(before, data), DocumentInput))


def delete(document_id: UUID | str, by: User | None = None) -> None:  # noqa: ARG001
    """Throw a draft away. Raises `NotPossible` for anything else: it stays, with its number."""
    with transaction.atomic():
        document = here.document(document_id, lock=True)
        _only_a_draft(document, "deleted")
        if Deduction.objects.filter(organisation_id=document.organisation_id, deposit=document).exists():
            raise NotPossible(
                "named_by_another", "Another draft deducts this deposit. Take it out there first."
            )
        Line.objects.filter(organisation_id=document.organisation_id, document=document).delete()
        document.delete()


def approve(document_id: UUID | str, by: User | None = None, now: datetime | None = None) -> Document:
    """A draft that may be issued as it is. Raises `NotPossible`."""
    with transaction.atomic():
        document = here.document(document_id, lock=True)
        _only_a_draft(document, "approved")
        document.step = Step.APPROVED
        document.approved_by, document.approved_at = by, now or datetime.now(UTC)
        document.save(update_fields=["step", "approved_by", "approved_at"])
    return document


def reopen(document_id: UUID | str, by: User | None = None) -> Document:  # noqa: ARG001
    """An approved document as a draft again, so that it can be changed. Raises `NotPossible`."""
    with transaction.atomic():
        document = here.document(document_id, lock=True)
        if document.step != Step.APPROVED:
            raise NotPossible(
                "not_approved", f"Only what is approved and not issued can be reopened: {state(document)}."
            )
        document.step = Step.DRAFT
        document.approved_by, document.approved_at = None, None
        document.save(update_fields=["step", "approved_by", "approved_at"])
    return document


def state(document: Document) -> str:
    """How far a document is, for a sentence."""
    if document.step == Step.ISSUED:
        return f"it is issued, as {document.number}"
    return "it is approved" if document.step == Step.APPROVED else "it is a draft"


def _only_a_draft(document: Document, what: str) -> None:
    if document.step == Step.ISSUED:
        raise NotPossible(
            "already_issued",
            f"Only a draft can be {what}: {state(document)}, and stays as it is. Correct it by a credit note.",
        )
    if document.step == Step.APPROVED:
        raise NotPossible(
            "already_approved", f"Only a draft can be {what}: {state(document)}. Reopen it first."
        )


def as_given(document: Document) -> dict[str, Any]:
    """The JSON that would make this draft again."""
    lines = document.lines.filter(organisation_id=document.organisation_id).order_by("position")
    deductions = document.deductions.filter(organisation_id=document.organisation_id).order_by("pk")
    given: dict[str, Any] = {
        "kind": document.kind,
        "party": str(document.party_id),
        "direction": document.direction,
        "currency": document.currency,
        "issue_date": document.issue_date.isoformat(),
        "due_date": document.due_date.isoformat() if document.due_date and document.terms is None else None,
        "terms": document.terms,
        "price_mode": document.price_mode,
        "rounding_rule": document.rounding_rule,
        "show": str(document.show_id) if document.show_id else None,
        "reference": document.reference,
        "notes": document.notes,
        "agreement": str(document.agreement_id) if document.agreement_id else None,
        "credits": str(document.credits_id) if document.credits_id else None,
        "deposit_kind": document.deposit_kind or None,
        "deposit": document.deposit_terms,
        "value_set_on": document.value_set_on and document.value_set_on.isoformat(),
        "embedded_agreement": document.embedded_agreement,
        "deposits": [str(each.deposit_id) for each in deductions],
        "lines": [line_as_given(line) for line in lines],
    }
    return given


def line_as_given(line: Line) -> dict[str, Any]:
    """The JSON that would make this line again."""
    return {
        "description": line.description,
        "quantity": f"{line.quantity.normalize():f}",
        "unit_price": line.unit_price,
        "discount": line.discount,
        "tax": line.tax,
        "account_code": line.account_code,
        "ote": line.ote,
    }


# --- Filling ------------------------------------------------------------------------------------------
def _fill(document: Document, given: DocumentInput) -> Document:
    organisation = document.organisation
    kind = given.kind
    document.kind = kind
    document.direction = _direction(kind, given.direction)
    document.series = core.series_of(kind, Direction(document.direction))
    document.party = _their_party(given.party)
    document.show = _show(document, given.show)
    document.agreement = here.agreement(given.agreement) if given.agreement else None
    document.credits = _corrected(document, given.credits)
    document.currency = check_currency(given.currency or organisation.currency)
    document.issue_date = _a_day(given.issue_date or here.today(organisation), "issue_date")
    _set_due(document, given)
    document.price_mode = given.price_mode or PriceMode.EXCLUSIVE
    document.rounding_rule = given.rounding_rule or RoundingRule.PER_LINE
    document.deposit_kind = given.deposit_kind or ""
    if document.deposit_kind and kind is not Kind.DEPOSIT_INVOICE:
        raise Invalid("deposit_kind is for a deposit_invoice alone.")
    _set_rcti(document, given)
    document.deposit_terms = _deposit_terms(document, given.deposit)
    document.reference = inputs.text(given.reference, "reference", 200)
    document.notes = inputs.text(given.notes, "notes", 5_000)
    lines = _lines(document, given.lines)
    document.save()
    _replace_lines(document, lines)
    _replace_deductions(document, given.deposits or [])
    return document


def _direction(kind: Kind, given: Direction | None) -> Direction:
    direction = given or core.default_direction(kind)
    if kind in core.MADE_FOR_SUPPLIER and direction != Direction.PAYABLE:
        raise Invalid(f"direction: a document of kind {kind} is what we owe a supplier, so it is payable.")
    return direction


def _their_party(given: str) -> Party:
    party = here.party(given)
    if party.is_self:
        raise Invalid("party: a document names the other side; our own identity is on it by itself.")
    return party


def _show(document: Document, given: str | None) -> Show | None:
    if not given:
        return None
    try:
        found = matching.find_show(document.organisation_id, here.as_id(given, "a show"))
    except NoShow:
        raise NotFound(f"There is no show {given}: see housecount sales.") from None
    return found


def _corrected(document: Document, given: str | None) -> Document | None:
    if not given:
        return None
    if document.kind not in core.NOTES:
        raise Invalid("credits: only a credit note or an adjustment note corrects another document.")
    found = here.document(given)
    if found.step != Step.ISSUED or found.kind in core.NOTES:
        raise Invalid("credits: what is corrected is an issued document, and no note.")
    if (found.party_id, found.direction) != (document.party_id, document.direction):
        raise Invalid("credits: the document that is corrected has another party or direction.")
    return found


def _a_day(day: date, what: str) -> date:
    if not date(1990, 1, 1) <= day <= date(2200, 1, 1):
        raise Invalid(f"{what}: {day.isoformat()} cannot be meant.")
    return day


def _set_due(document: Document, given: DocumentInput) -> None:
    if given.terms is not None and given.due_date is not None:
        raise Invalid("Give due_date or terms, not both.")
    if given.due_date is not None:
        document.terms = None
        document.due_date = _a_day(given.due_date, "due_date")
        if document.due_date < document.issue_date:
            raise Invalid("due_date is before issue_date.")
        return
    if given.terms is None and document.kind in core.NOTES:
        document.terms, document.due_date = None, None
        return
    terms = (
        core.Terms("days", core.DAYS_TO_PAY)
        if given.terms is None
        else core.Terms(given.terms.kind, given.terms.days)
    )
    document.terms = terms._asdict()
    document.due_date = core.due_on(terms, document.issue_date, here.show_day(document))


def _set_rcti(document: Document, given: DocumentInput) -> None:
    document.value_set_on = given.value_set_on and _a_day(given.value_set_on, "value_set_on")
    document.embedded_agreement = bool(given.embedded_agreement)
    if document.kind != Kind.RCTI and (document.value_set_on or document.embedded_agreement):
        raise Invalid("value_set_on and embedded_agreement are for an rcti alone.")
    if document.embedded_agreement and document.agreement is not None:
        raise Invalid("Give agreement or embedded_agreement, not both.")
    if document.value_set_on is not None and document.value_set_on > document.issue_date:
        raise Invalid("value_set_on is after issue_date.")


def _deposit_terms(document: Document, given: DepositInput | None) -> dict[str, Any] | None:
    """The terms of a deposit as they are kept. Raises `Invalid`, `NotTerms`."""
    if given is None:
        return None
    if document.kind in {*core.NOTES, Kind.DEPOSIT_INVOICE}:
        raise Invalid("deposit: it is asked for in advance of a final document.")
    if (given.amount is None) == (given.percentage is None):
        raise Invalid("deposit: give amount or percentage.")
    if given.amount is not None and inputs.money(given.amount, "deposit.amount") <= 0:
        raise Invalid("deposit.amount is above zero.")
    if given.percentage is not None and not 0 < given.percentage <= 10_000:
        raise Invalid("deposit.percentage is in hundredths of a per cent, from 1 to 10000.")
    terms = core.Terms(given.terms.kind, given.terms.days) if given.terms else None
    if terms is not None:
        core.due_on(terms, document.issue_date, here.show_day(document))
    kept: dict[str, Any] = {"kind": given.kind, "terms": terms and terms._asdict()}
    size = {"amount": given.amount} if given.amount is not None else {"percentage": given.percentage}
    return kept | size


def _lines(document: Document, given: Sequence[LineInput]) -> list[Line]:
    if not 0 < len(given) <= inputs.MOST_LINES:
        raise Invalid(f"A document has 1 to {inputs.MOST_LINES} lines.")
    priced = [_priced(document, each, place) for place, each in enumerate(given, 1)]
    document.tax_rate = _tax_rate(document, priced)
    amounts = line_amounts(
        priced, PriceMode(document.price_mode), document.tax_rate, RoundingRule(document.rounding_rule)
    )
    totals = total(amounts)
    if totals.gross < 0 and document.kind not in core.NOTES:
        raise Invalid("The document comes to less than nothing: make a credit note instead.")
    inputs.money(totals.gross, "total")
    document.net_total, document.tax_total, document.total = totals
    return [
        _line(document, place, *each)
        for place, each in enumerate(zip(given, priced, amounts, strict=True), 1)
    ]


def _priced(document: Document, given: LineInput, place: int) -> Priced:
    untaxed = document.kind == Kind.PAYMENT_STATEMENT or document.deposit_kind == core.DepositKind.SECURITY
    default = Treatment.OUT_OF_SCOPE if untaxed else Treatment.TAXABLE
    return Priced(
        inputs.quantity(given.quantity),
        inputs.money(given.unit_price, f"lines[{place - 1}].unit_price"),
        given.tax or default,
        inputs.money(given.discount or 0, f"lines[{place - 1}].discount"),
    )


def _tax_rate(document: Document, priced: Sequence[Priced]) -> int:
    """The rate where the supplier is, on the day of issue; nothing where nothing is taxable and no rate is known."""
    country = document.organisation.country
    supplier = here.own_identity() if document.direction == Direction.RECEIVABLE else document.party
    if supplier is not None:
        country = supplier.country
    if country in rates.TAX or any(each.treatment is Treatment.TAXABLE for each in priced):
        return rates.tax_rate(country, document.issue_date)
    return 0


def _line(document: Document, place: int, given: LineInput, priced: Priced, amounts: Amounts) -> Line:
    return Line(
        organisation_id=document.organisation_id,
        document=document,
        position=place,
        description=inputs.text(given.description, "description", 2_000, needed=True),
        quantity=priced.quantity,
        unit_price=priced.unit_price,
        discount=priced.discount,
        tax=priced.treatment,
        account_code=inputs.text(given.account_code, "account_code", 40),
        ote=bool(given.ote),
        net_amount=amounts.net,
        tax_amount=amounts.tax,
        gross_amount=amounts.gross,
    )


def _replace_lines(document: Document, lines: Sequence[Line]) -> None:
    Line.objects.filter(organisation_id=document.organisation_id, document=document).delete()
    Line.objects.bulk_create(lines)


def _replace_deductions(document: Document, given: Sequence[str]) -> None:
    """Deposits are of the same party, direction and currency; what of them was received is seen at issue."""
    rows = Deduction.objects.filter(organisation_id=document.organisation_id, document=document)
    rows.delete()
    if given and document.kind in {*core.NOTES, Kind.DEPOSIT_INVOICE}:
        raise Invalid("deposits: they are deducted on a final document.")
    for each in dict.fromkeys(given):
        deposit = here.document(each)
        if deposit.kind != Kind.DEPOSIT_INVOICE:
            raise Invalid(f"deposits: {each} is not a deposit invoice.")
        if (deposit.party_id, deposit.direction, deposit.currency) != (
            document.party_id, document.direction, document.currency,
        ):  # fmt: skip
            raise Invalid("deposits: a deposit has another party, direction or currency than the document.")
        Deduction.objects.create(organisation_id=document.organisation_id, document=document, deposit=deposit)
