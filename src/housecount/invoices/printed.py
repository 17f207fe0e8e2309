"""Everything that stands on a document's paper, taken together once: what the PDF, the e-invoice and the exports
are made of. Money in minor units of the document's currency, dates without a time.

An issued document speaks through the snapshots of its parties; a draft shows the parties as they are now.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from housecount.core import documents, gates
from housecount.core.documents import DepositKind, Direction, Kind
from housecount.core.tax import NO_AMOUNT, Amounts, PriceMode, RoundingRule, Treatment
from housecount.invoices.models import Document, Line, Party, Step
from housecount.invoices.queries import due_date
from housecount.tenancy import crypto


class PrintedParty(msgspec.Struct, frozen=True, kw_only=True):
    """A party as it is printed. `registered`: for GST or VAT, on the day of issue."""

    name: str
    legal_name: str = ""
    address: tuple[str, ...] = ()
    country: str = ""
    email: str = ""
    abn: str = ""
    nzbn: str = ""
    vat_number: str = ""
    registered: bool = False


class PrintedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line; `quantity` is a decimal without needless zeros."""

    description: str
    quantity: str
    unit_price: int
    discount: int
    treatment: Treatment
    net: int
    tax: int
    gross: int


class ClassTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What the lines of one tax treatment come to."""

    treatment: Treatment
    net: int
    tax: int
    gross: int


class Prepaid(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit that was received and is taken off; `number` is that of its own document."""

    number: str
    amount: int


class BankAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Where the supplier is paid. Its repr tells nothing."""

    bsb: str = ""
    account: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return "BankAccount(…)"


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """A document's paper. `supplier` is who supplied in law, also where the buyer wrote the document."""

    id: str
    kind: Kind
    direction: Direction
    number: str | None
    currency: str
    issue_date: date
    due_date: date | None
    supply_date: date | None
    show: str
    reference: str
    notes: str
    deposit_kind: DepositKind | None
    price_mode: PriceMode
    rounding_rule: RoundingRule
    tax_rate: int
    supplier: PrintedParty
    buyer: PrintedParty
    lines: tuple[PrintedLine, ...]
    net_total: int
    tax_total: int
    total: int
    withheld: int
    prepaid: tuple[Prepaid, ...]
    credits_number: str
    credits_date: date | None
    credits_kind: Kind | None
    bank: BankAccount | None
    embedded_until: date | None = None
    """Until when the supplier may object to the agreement that stands in the document; None where none does."""

    @property
    def is_credit(self) -> bool:
        """Whether it lowers what is owed. A credit note's amounts are positive, an adjustment's then negative."""
        return documents.gives_credit(self.kind, self.total)

    @property
    def nature(self) -> documents.Nature:
        """What its heading and the words on it depend on."""
        return documents.Nature(
            kind=self.kind,
            country=self.supplier.country,
            registered=self.supplier.registered,
            taxable=any(line.treatment is Treatment.TAXABLE for line in self.lines),
            deposit_kind=self.deposit_kind,
            of_rcti=self.credits_kind is Kind.RCTI,
        )

    @property
    def by_buyer(self) -> bool:
        """Whether the buyer wrote the supplier's invoice, or corrects such a one."""
        return Kind.RCTI in {self.kind, self.credits_kind}

    @property
    def tax_name(self) -> str:
        """GST, or VAT for a British supplier."""
        return "VAT" if self.supplier.country == "GB" else "GST"

    @property
    def due(self) -> int:
        """What is to be paid to the supplier: the total less deposits received and tax withheld."""
        return self.total - self.withheld - sum(each.amount for each in self.prepaid)

    @property
    def classes(self) -> tuple[ClassTotal, ...]:
        """The totals of each tax treatment among the lines, in the order of `Treatment`."""
        sums: dict[Treatment, Amounts] = {}
        for line in self.lines:
            before = sums.get(line.treatment, NO_AMOUNT)
            sums[line.treatment] = before.plus(Amounts(line.net, line.tax, line.gross))
        return tuple(
            ClassTotal(treatment=each, net=sums[each].net, tax=sums[each].tax, gross=sums[each].gross)
            for each in Treatment
            if each in sums
        )


class Known(NamedTuple):
    """What whoever issues a document has read already: our own party, and the lines in their order."""

    own: Party | None
    lines: Sequence[Line]
    has_deductions: bool = True


def printed_of(document: Document, known: Known | None = None) -> Printed:
    """What is printed for `document`. Runs in the caller's identity; up to seven queries."""
    known = known or Known(
        _own(document),
        list(document.lines.filter(organisation_id=document.organisation_id).order_by("position")),
    )
    party = document.party
    credited = document.credits
    # A note is as registered as what it corrects: it gives back the tax that was charged then.
    day = document.issue_date if credited is None else credited.issue_date
    supplier, buyer = _parties(document, party, known.own, day)
    show = document.show
    shown_on = show.starts_at.astimezone(ZoneInfo(show.venue.timezone)).date() if show is not None else None
    return Printed(
        id=str(document.pk),
        kind=Kind(document.kind),
        direction=Direction(document.direction),
        number=document.number,
        currency=document.currency,
        issue_date=document.issue_date,
        due_date=due_date(document),
        supply_date=shown_on,
        show="" if show is None else f"{show.title}, {show.venue.name}",
        reference=document.reference,
        notes=document.notes,
        deposit_kind=DepositKind(document.deposit_kind) if document.deposit_kind else None,
        price_mode=PriceMode(document.price_mode),
        rounding_rule=RoundingRule(document.rounding_rule),
        tax_rate=document.tax_rate,
        supplier=supplier,
        buyer=buyer,
        lines=tuple(
            PrintedLine(
                description=line.description,
                quantity=f"{line.quantity.normalize():f}",
                unit_price=line.unit_price,
                discount=line.discount,
                treatment=Treatment(line.tax),
                net=line.net_amount,
                tax=line.tax_amount,
                gross=line.gross_amount,
            )
            for line in known.lines
        ),
        net_total=document.net_total,
        tax_total=document.tax_total,
        total=document.total,
        withheld=document.withheld,
        prepaid=tuple(
            Prepaid(number=each.deposit.number or "", amount=each.amount)
            for each in document.deductions.filter(organisation_id=document.organisation_id, amount__gt=0)
            .select_related("deposit")
            .order_by("deposit__number")
        )
        if known.has_deductions
        else (),
        credits_number=(credited.number or "") if credited is not None else "",
        credits_date=credited.issue_date if credited is not None else None,
        credits_kind=Kind(credited.kind) if credited is not None else None,
        bank=_bank(document, party, known.own),
        embedded_until=gates.objection_until(document.issue_date) if document.embedded_agreement else None,
    )


def _parties(
    document: Document, party: Party, own: Party | None, day: date
) -> tuple[PrintedParty, PrintedParty]:
    """Supplier and buyer, registered or not on `day`."""
    if document.step == Step.ISSUED and document.sender and document.recipient:
        return _of_snapshot(document.sender, day), _of_snapshot(document.recipient, day)
    ourselves = _of_party(own, day) if own else PrintedParty(name=document.organisation.name)
    them = _of_party(party, day)
    return (ourselves, them) if document.direction == Direction.RECEIVABLE else (them, ourselves)


def _own(document: Document) -> Party | None:
    return Party.objects.filter(organisation_id=document.organisation_id, is_self=True).first()


def _of_party(party: Party, day: date) -> PrintedParty:
    return PrintedParty(
        name=party.name,
        legal_name=party.legal_name,
        address=_address(party.address),
        country=party.country,
        email=party.email,
        abn=party.abn,
        nzbn=party.nzbn,
        vat_number=party.vat_number,
        registered=_within(party.gst_registered_from, party.gst_registered_to, day),
    )


def _of_snapshot(snapshot: Mapping[str, Any], day: date) -> PrintedParty:
    since, until = (
        date.fromisoformat(value) if (value := snapshot.get(name)) else None
        for name in ("gst_registered_from", "gst_registered_to")
    )
    return PrintedParty(
        **{
            name: str(snapshot.get(name) or "")
            for name in ("name", "legal_name", "country", "email", "abn", "nzbn", "vat_number")
        },
        address=_address(snapshot.get("address") or ()),
        registered=_within(since, until, day),
    )


def _address(lines: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(line) for line in lines if line)


def _within(since: date | None, until: date | None, day: date) -> bool:
    return since is not None and since <= day and (until is None or day <= until)


def _bank(document: Document, party: Party, own: Party | None) -> BankAccount | None:
    """The supplier's account; none where nothing is to be paid to it."""
    if document.kind in documents.NOTES:
        return None
    payee = own if document.direction == Direction.RECEIVABLE else party
    if payee is None or not payee.bank_details:
        return None
    return bank_account(payee)


def bank_account(party: Party) -> BankAccount:
    """A party's account, decrypted. Raises KeyMissing where no key fits."""
    return msgspec.json.decode(crypto.decrypt(party.bank_details).reveal(), type=BankAccount)
