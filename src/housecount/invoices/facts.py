"""What the gates and the withholding need to know of a document, gathered."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import QuerySet, Sum

from housecount.core import documents as core
from housecount.core import withholding
from housecount.core.documents import DepositKind, Direction, Kind
from housecount.core.gates import AgreementFacts, DocumentFacts, PartyFacts, RegisterFacts
from housecount.core.tax import Treatment
from housecount.core.withholding import Payee, Payout
from housecount.invoices import agreements, here
from housecount.invoices.deposits import Deducted
from housecount.invoices.models import Document, Line, Party, PartyKind, Step
from housecount.invoices.policy import latest_answer, policy
from housecount.invoices.queries import situation


def supplier_and_buyer(document: Document, own: Party) -> tuple[Party, Party]:
    """Roles stay as in law: of what we owe, the party is the supplier, whoever wrote the document."""
    return (own, document.party) if document.direction == Direction.RECEIVABLE else (document.party, own)


def of(document: Document, own: Party, lines: Sequence[Line]) -> DocumentFacts:
    """Everything that the gates look at."""
    supplier, buyer = supplier_and_buyer(document, own)
    rules = policy(document.organisation_id) if document.kind == Kind.RCTI else None
    return DocumentFacts(
        kind=Kind(document.kind),
        direction=Direction(document.direction),
        currency=document.currency,
        issue_date=document.issue_date,
        treatments=[Treatment(line.tax) for line in lines],
        tax=document.tax_total,
        total=document.total,
        supplier=party_facts(supplier),
        buyer=party_facts(buyer),
        supplied_on=here.show_day(document),
        deposit_kind=DepositKind(document.deposit_kind) if document.deposit_kind else None,
        agreement=_agreement(document),
        supplier_invoice=_suppliers_own_invoice(document),
        value_set_on=document.value_set_on,
        register=_register(document),
        register_days=rules.register_days if rules else None,
        adviser_missing=bool(rules and rules.rcti_waits and rules.rcti_confirmed_on is None),
    )


def _agreement(document: Document) -> AgreementFacts | None:
    if document.kind == Kind.RCTI and document.embedded_agreement:
        day = document.issue_date
        return AgreementFacts(
            day, day, agreements.supplies_of(document), objected_on=agreements.objected_on(document.party)
        )
    found = agreements.in_force(document)
    if found is None:
        return None
    return AgreementFacts(
        found.starts_on,
        found.ends_on,
        found.supplies,
        found.party_id == document.party_id,
        found.objected_on,
        found.vat_number,
    )


def _register(document: Document) -> RegisterFacts | None:
    if document.direction != Direction.PAYABLE:
        return None
    found = latest_answer(document.party)
    if found is None:
        return None
    return RegisterFacts(found.checked_on, found.active, found.registered_from, found.registered_to)


def party_facts(party: Party) -> PartyFacts:
    """What the gates know of a party."""
    return PartyFacts(
        name=party.name,
        country=party.country,
        abn=party.abn,
        nzbn=party.nzbn,
        vat_number=party.vat_number,
        address=tuple(party.address),
        registered_from=party.gst_registered_from,
        registered_to=party.gst_registered_to,
    )


def payee(supplier: Party, buyer: Party | None) -> Payee | None:
    """Whoever is paid from New Zealand, in New Zealand; None for all others."""
    if buyer is None or (supplier.country, buyer.country) != ("NZ", "NZ"):
        return None
    evident = supplier.schedular_on is not None
    return Payee(
        company=supplier.kind == PartyKind.COMPANY,
        rate=supplier.schedular_rate,
        exemption=supplier.schedular_exemption if evident else "",
    )


def _owed_to(document: Document) -> QuerySet[Document]:
    """The other documents by which we owe the party, but for notes and what has ended."""
    return (
        Document.objects.filter(
            organisation_id=document.organisation_id,
            party_id=document.party_id,
            direction=Direction.PAYABLE,
            ending=None,
        )
        .exclude(pk=document.pk)
        .exclude(kind__in=core.NOTES)
    )


def _suppliers_own_invoice(document: Document) -> str | None:
    if document.kind != Kind.RCTI or document.show_id is None:
        return None
    found = _owed_to(document).filter(show_id=document.show_id, kind=Kind.INVOICE).first()
    return None if found is None else found.reference or found.number or "a draft"


def withheld(document: Document, own: Party, deducted: Deducted) -> int:
    """What is kept back for the tax office; of a note, what falls away with it. Payments for one show are tested
    together, so that nothing comes of splitting them. What deposits took off was withheld from when they were paid."""
    party = document.party
    if document.direction != Direction.PAYABLE:
        return 0
    if document.gives_credit:
        if document.credits is None or not document.credits.withheld:
            return 0
        before = situation(document.credits).credit_notes
        corrected = document.credits
        return withholding.given_back(corrected.withheld, corrected.total, before, abs(document.total))
    decided = _owed_to(document).exclude(step=Step.DRAFT).exclude(deducted_by__document=document)
    same = (
        decided.filter(show_id=document.show_id)
        if document.show_id
        else decided.filter(show=None, reference=document.reference).exclude(reference="")
    )
    monday = document.issue_date - timedelta(days=document.issue_date.weekday())
    week = decided.filter(issue_date__range=(monday, monday + timedelta(days=6)))
    net_before = deducted.amount - deducted.tax
    return withholding.withheld(
        Payout(
            country=party.country,
            abn=party.abn,
            on=document.issue_date,
            net=document.net_total - net_before,
            total=document.total - deducted.amount,
            net_besides=net_before + (same.aggregate(found=Sum("net_total"))["found"] or 0),
            week=(week.aggregate(found=Sum("total"))["found"] or 0) + document.total,
            exception=party.abn_exception,
            evidence_on=party.abn_exception_on,
            payee=payee(party, own),
        ),
        drop_cents=policy(document.organisation_id).drop_cents,
    )
