"""What must hold before a document may be issued. Each refusal has a stable code and a sentence with its rule.

Sources: A New Tax System (GST) Act 1999 (AU) s 29-70 and Div 99; LI 2023/20 (recipient-created tax invoices);
GST Act 1985 (NZ) s 19F; HMRC Notice 700/62 (self-billing). Withholding is in `housecount.core.withholding`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from housecount.core import identifiers, rates
from housecount.core.documents import NOTES, DepositKind, Direction, Kind
from housecount.core.identifiers import NotAnIdentifier
from housecount.core.money import format_money
from housecount.core.tax import Treatment


class Refusal(NamedTuple):
    """Why a document cannot be issued. `code` is stable; `message` is for people."""

    code: str
    message: str


class PartyFacts(NamedTuple):
    """What the gates know of a supplier or buyer. The registration interval holds on both of its days."""

    name: str
    country: str
    abn: str = ""
    nzbn: str = ""
    vat_number: str = ""
    address: Sequence[str] = ()
    registered_from: date | None = None
    registered_to: date | None = None


class AgreementFacts(NamedTuple):
    """A written agreement that the buyer makes the supplier's tax invoices; `ends_on` is included. `vat_number` is the
    supplier's when it was made, "" where that is not known."""

    starts_on: date
    ends_on: date | None
    supplies: str
    with_supplier: bool = True
    """Whether it is with the supplier of the document."""
    objected_on: date | None = None
    """The day on which the supplier objected to it."""
    vat_number: str = ""


class RegisterFacts(NamedTuple):
    """What the business register said of a supplier, as a person read it there."""

    checked_on: date
    active: bool
    registered_from: date | None
    registered_to: date | None = None


class DocumentFacts(NamedTuple):
    """What the gates know of a document. Money in minor units, `total` with tax. `supplied_on` is the show's day."""

    kind: Kind
    direction: Direction
    currency: str
    issue_date: date
    treatments: Sequence[Treatment]
    tax: int
    total: int
    supplier: PartyFacts
    buyer: PartyFacts
    supplied_on: date | None = None
    deposit_kind: DepositKind | None = None
    agreement: AgreementFacts | None = None
    supplier_invoice: str | None = None
    """How the supplier's own invoice for the same show is called, when there is one."""
    value_set_on: date | None = None
    """The day on which what is paid was settled, where that is later than the show (a share of the door)."""
    register: RegisterFacts | None = None
    register_days: int | None = None
    """How old the register's answer may be for an RCTI; None where none is asked for."""
    adviser_missing: bool = False
    """Whether RCTIs wait for an adviser's word, and there is none."""

    @property
    def taxed(self) -> bool:
        return self.tax != 0 or Treatment.TAXABLE in self.treatments


_TAX: Final = {"AU": "GST", "NZ": "GST", "GB": "VAT"}


def registered(party: PartyFacts, day: date) -> bool:
    """Whether the party was registered for GST or VAT on `day`."""
    return _within(party.registered_from, party.registered_to, day)


def refusals(facts: DocumentFacts) -> list[Refusal]:
    """Everything that keeps the document from being issued; empty when nothing does."""
    found = [*_content(facts)]
    if facts.kind is Kind.RCTI:
        found += _rcti(facts)
    elif facts.kind is Kind.PAYMENT_STATEMENT:
        found += _payment_statement(facts)
    elif facts.deposit_kind is DepositKind.SECURITY or (
        facts.kind is Kind.DEPOSIT_INVOICE and facts.deposit_kind is None
    ):
        found += _deposit(facts)
    elif facts.taxed:
        found += _registration(facts, facts.supplier, "supplier")
        found += _own_number(facts.supplier, "supplier")
        found += _buyer_named(facts)
        found += _register(facts)
    return found


def _content(facts: DocumentFacts) -> Iterator[Refusal]:
    if not facts.treatments:
        yield Refusal("no_lines", "There is no line on it: say what is supplied and at what price (TI-3).")
    if facts.total < 0 and facts.kind not in NOTES:
        yield Refusal("below_zero", "It comes to less than nothing: make a credit note instead.")


def _registration(facts: DocumentFacts, party: PartyFacts, who: str) -> Iterator[Refusal]:
    """Registered on the day of issue, and on the day of the show: which of them the law asks for is not settled."""
    tax = _TAX.get(facts.supplier.country, "tax")
    if not registered(party, facts.issue_date):
        hint = (
            f"Without it there is no {tax} on the document: mark its lines out of scope."
            if who == "supplier" and facts.kind is not Kind.RCTI
            else "Make a payment statement instead."
            if who == "supplier"
            else f"Without it no {tax} invoice can be made for a supplier."
        )
        yield Refusal(
            f"{who}_not_registered",
            f"{party.name} is not registered for {tax} on {facts.issue_date.isoformat()}. {hint}",
        )
    elif facts.supplied_on is not None and not registered(party, facts.supplied_on):
        yield Refusal(
            f"{who}_not_registered_at_show",
            f"{party.name} is registered for {tax} on the day of issue but not on {facts.supplied_on.isoformat()}, "
            "the day of the show. Which of them counts is for an accountant to say (P-4).",
        )


def _own_number(party: PartyFacts, who: str) -> Iterator[Refusal]:
    """The number that a tax invoice must bear (TI-1)."""
    if party.country == "AU" and not passes(identifiers.abn, party.abn):
        yield Refusal(
            f"{who}_abn_missing", f"{party.name} has no valid ABN on file, which must be shown (TI-1)."
        )
    elif party.country == "NZ" and not (party.vat_number or party.nzbn):
        yield Refusal(f"{who}_gst_number_missing", f"{party.name} has no GST number on file (NZ-3).")
    elif party.country == "GB" and not party.vat_number:
        yield Refusal(
            f"{who}_vat_number_missing", f"{party.name} has no VAT number on file, which must be shown."
        )


def _buyer_named(facts: DocumentFacts) -> Iterator[Refusal]:
    if facts.supplier.country not in {"AU", "NZ"} or facts.kind in NOTES:
        return
    limit = rates.on(rates.BUYER_NAMED_FROM, facts.issue_date)
    if facts.total >= limit and not named(facts.buyer):
        yield Refusal(
            "buyer_not_named",
            f"From {format_money(limit, facts.currency)} with tax, the buyer must be named: give {facts.buyer.name} "
            "an address or an ABN (TI-2).",
        )


def named(party: PartyFacts) -> bool:
    """Whether a party can be told from all others: by a name with a number or an address."""
    return bool(party.name.strip() and (party.abn or party.nzbn or party.vat_number or party.address))


def _rcti(facts: DocumentFacts) -> Iterator[Refusal]:
    country = facts.supplier.country
    if facts.direction is not Direction.PAYABLE:
        yield Refusal("rcti_not_payable", "An RCTI is what we owe a supplier: its direction is payable.")
    yield from _registration(facts, facts.buyer, "buyer")
    yield from _registration(facts, facts.supplier, "supplier")
    yield from _own_number(facts.supplier, "supplier")
    yield from _own_number(facts.buyer, "buyer")
    if country == "NZ":
        for party, who in ((facts.supplier, "supplier"), (facts.buyer, "buyer")):
            if party.nzbn and not party.vat_number:
                yield Refusal(f"{who}_gst_number_missing", f"{party.name} has no GST number on file (NZ-4).")
    if country == "GB" and not facts.supplier.address:
        yield Refusal("supplier_address_missing", f"{facts.supplier.name} has no address on file (UK-5).")
    yield from _agreement(facts)
    yield from _register(facts)
    yield from _copy_in_time(facts)
    if facts.adviser_missing:
        yield Refusal(
            "adviser_not_asked",
            "RCTIs are kept back until an adviser has confirmed them: enter the day under the settings of RCTIs (R-9).",
        )
    if facts.supplier_invoice is not None:
        yield Refusal(
            "supplier_invoice_on_file",
            f"{facts.supplier.name} has sent an invoice of their own for this show ({facts.supplier_invoice}): "
            "there cannot be two for one supply (R-8).",
        )


def _agreement(facts: DocumentFacts) -> Iterator[Refusal]:
    agreement, name, day = facts.agreement, facts.supplier.name, facts.issue_date
    if agreement is None:
        yield Refusal(
            "agreement_missing",
            f"No written agreement with {name} is on file for {day.isoformat()} that we make their tax invoices (R-4).",
        )
        return
    if not agreement.with_supplier:
        yield Refusal("agreement_of_another", f"The agreement is not with {name} (R-4).")
    if day < agreement.starts_on or (agreement.ends_on is not None and agreement.ends_on < day):
        until = f" to {agreement.ends_on.isoformat()}" if agreement.ends_on else ""
        yield Refusal(
            "agreement_not_current",
            f"The agreement with {name} holds from {agreement.starts_on.isoformat()}{until}, "
            f"not on {day.isoformat()} (R-4).",
        )
    if agreement.objected_on is not None:
        yield Refusal(
            "agreement_objected",
            f"{name} objected to the agreement on {agreement.objected_on.isoformat()} (R-5).",
        )
    if facts.supplier.country == "GB" and agreement.vat_number not in {"", facts.supplier.vat_number}:
        yield Refusal(
            "agreement_of_old_number",
            f"{name} has another VAT number than when the agreement was made: make a new one before you bill for them "
            "(UK-4).",
        )
    if not agreement.supplies.strip():
        yield Refusal(
            "agreement_without_supplies", f"The agreement with {name} does not name the supplies (R-4)."
        )


def _payment_statement(facts: DocumentFacts) -> Iterator[Refusal]:
    tax = _TAX.get(facts.supplier.country, "tax")
    if facts.direction is not Direction.PAYABLE:
        yield Refusal(
            "statement_not_payable",
            "A payment statement is what we owe a supplier: its direction is payable.",
        )
    if registered(facts.supplier, facts.issue_date):
        yield Refusal(
            "supplier_registered",
            f"{facts.supplier.name} is registered for {tax} on {facts.issue_date.isoformat()}: make an RCTI, "
            "or record the invoice that they send (R-2).",
        )
    if facts.taxed:
        yield Refusal(
            "tax_on_payment_statement",
            f"A payment statement is for a supplier who is not registered, and bears no {tax}: "
            "mark its lines out of scope (R-2).",
        )


def _deposit(facts: DocumentFacts) -> Iterator[Refusal]:
    if facts.deposit_kind is None:
        yield Refusal(
            "deposit_kind_missing",
            "Say what the deposit is: part_payment, or security that is forfeited if the buyer does not perform. "
            "They are taxed at different times (section 8).",
        )
    elif facts.taxed:
        yield Refusal(
            "tax_on_security",
            "A deposit held as security carries no tax until it is forfeited or applied: mark its lines "
            "out of scope (DP-1).",
        )


def _register(facts: DocumentFacts) -> Iterator[Refusal]:
    """What the register said of the supplier, as far as it was asked."""
    if facts.direction is not Direction.PAYABLE:
        return
    name, day, answer, days = facts.supplier.name, facts.issue_date, facts.register, facts.register_days
    if facts.kind is Kind.RCTI and days is not None:
        if answer is None:
            yield Refusal(
                "register_not_asked",
                f"Nobody has looked {name} up in the business register: do so, and enter what it says (R-3).",
            )
        elif answer.checked_on + timedelta(days=days) < day:
            yield Refusal(
                "register_answer_old",
                f"What the business register says of {name} was last looked up on {answer.checked_on.isoformat()}, "
                f"more than {days} days ago: look again (R-3).",
            )
    if answer is None:
        return
    if not answer.active:
        yield Refusal(
            "supplier_abn_not_active",
            f"On {answer.checked_on.isoformat()} the business register had {name} as cancelled: no tax can be on the "
            "document (A-4).",
        )
    elif not _within(answer.registered_from, answer.registered_to, day):
        yield Refusal(
            "supplier_not_in_register",
            f"On {answer.checked_on.isoformat()} the business register did not have {name} as registered for "
            f"{_TAX.get(facts.supplier.country, 'tax')} on {day.isoformat()} (R-3).",
        )


def _copy_in_time(facts: DocumentFacts) -> Iterator[Refusal]:
    """An RCTI that is issued when its copy should have been there already."""
    last = rcti_copy_by(copy_counted_from(facts.issue_date, facts.supplied_on, facts.value_set_on))
    if last < facts.issue_date:
        yield Refusal(
            "rcti_too_late",
            f"{facts.supplier.name} should have had a copy by {last.isoformat()}, 28 days after the sale. Where the "
            "value was set later, as of a share of the door, enter the day on which it was (R-6).",
        )


def copy_counted_from(issue_date: date, supplied_on: date | None, value_set_on: date | None) -> date:
    """The day from which the days for an RCTI's copy are counted: when the value was set, else the sale. What is issued
    before the show has its value then."""
    return value_set_on or (issue_date if supplied_on is None else min(supplied_on, issue_date))


def _within(since: date | None, until: date | None, day: date) -> bool:
    return since is not None and since <= day and (until is None or day <= until)


def passes(check: Callable[[str], str], number: str) -> bool:
    """Whether a number satisfies its checksum."""
    try:
        check(number)
    except NotAnIdentifier:
        return False
    return True


def objection_until(issue_date: date) -> date:
    """The last day on which a supplier may object to an agreement that is embedded in an RCTI (R-5)."""
    return issue_date + timedelta(days=rates.on(rates.RCTI_OBJECTION_WITHIN, issue_date))


def rcti_copy_by(value_set_on: date) -> date:
    """The last day on which the supplier may get a copy: 28 days after the sale or after its value was set (R-6)."""
    return value_set_on + timedelta(days=rates.on(rates.RCTI_COPY_WITHIN, value_set_on))


#: Where a buyer can ask for a tax invoice (in New Zealand: taxable supply information), to be given in 28 days.
TAX_INVOICE_COUNTRIES: Final = frozenset({"AU", "NZ"})


def tax_invoice_above(country: str, asked_on: date) -> int:
    """The total, in minor units of that country's currency, up to which nobody can ask for a tax invoice (TI-9)."""
    return rates.on(rates.TAX_INVOICE_ABOVE, asked_on) if country == "AU" else 0


def tax_invoice_by(asked_on: date) -> date:
    """The last day on which a buyer may get the tax invoice they asked for (TI-10, NZ-3)."""
    return asked_on + timedelta(days=rates.on(rates.TAX_INVOICE_WITHIN, asked_on))
