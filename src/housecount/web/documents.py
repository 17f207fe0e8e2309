"""Documents and parties as people read them on pages."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from housecount.core.identifiers import show_abn
from housecount.invoices.mail import KIND_NAMES, kind_name, long_day
from housecount.invoices.models import Document, Event, Party
from housecount.web import words

STATUS_NAMES = {
    "draft": "Draft",
    "approved": "Approved",
    "issued": "Issued",
    "void": "Void",
    "written_off": "Written off",
    "credited": "Credited",
}
PAYMENT_NAMES = {"unpaid": "Unpaid", "part_paid": "Part paid", "paid": "Paid", "overpaid": "Overpaid"}
TREATMENT_NAMES = {
    "taxable": "Taxable",
    "gst_free": "GST-free",
    "input_taxed": "Input taxed",
    "out_of_scope": "No GST",
}
PARTY_KIND_NAMES = {
    "individual": "Individual",
    "company": "Company",
    "partnership": "Partnership",
    "trust": "Trust",
}
#: What a person may make by hand, with what is said of it.
KINDS = tuple((kind.value, name) for kind, name in KIND_NAMES.items())


class Tag(NamedTuple):
    """A word in a frame; `colour` is "", good, warn or bad."""

    name: str
    colour: str = ""


class Happening(NamedTuple):
    """One line of a document's history."""

    what: str
    details: str
    event: Event


def document_title(document: Document) -> str:
    """ "Invoice INV-00001", "Invoice (draft)"."""
    return f"{kind_name(document)} {document.number or '(not issued)'}"


def status_tags(facts: Mapping[str, Any]) -> list[Tag]:
    """How far a document is, and its money, by the document's JSON."""
    status = facts["status"]
    if status != "issued":
        colour = {"approved": "warn", "void": "bad", "written_off": "bad"}.get(status, "")
        return [Tag(STATUS_NAMES.get(status, status), colour)]
    if facts["overdue"]:
        overdue = [Tag("Part paid", "warn")] if facts["payment_status"] == "part_paid" else []
        return [*overdue, Tag("Overdue", "bad")]
    colour = {"paid": "good", "part_paid": "warn", "overpaid": "warn"}.get(facts["payment_status"], "")
    return [Tag(PAYMENT_NAMES[facts["payment_status"]], colour)]


_HAPPENED = {
    "created": "Made",
    "edited": "Changed",
    "approved": "Approved",
    "issued": "Issued",
    "sent": "Mailed",
    "reminded": "Reminder mailed",
    "remittance_sent": "Told of the payment by mail",
    "bounced": "The mail came back",
    "seen": "Opened by its link",
    "downloaded": "PDF downloaded by its link",
    "disputed": "Disputed",
    "dispute_settled": "Dispute settled",
    "promised": "Payment promised",
    "link_made": "Link made",
    "link_withdrawn": "Link withdrawn",
    "reminders_off": "Reminders switched off",
    "reminders_on": "Reminders switched on",
    "paid": "Payment recorded",
    "refunded": "Refund recorded",
    "credit_used": "Credit used",
    "objected": "Objected to the agreement in it",
    "copy_given": "Copy given by hand",
    "tax_invoice_asked": "Tax invoice asked for",
    "credited": "Credited",
    "void": "Made void",
    "voided": "Made void",
    "written_off": "Written off",
}


def happening(event: Event) -> Happening:
    """An event in words."""
    details = event.details
    text = str(details.get("reason") or details.get("words") or "")
    if "on" in details:
        text = ": ".join([long_day(date.fromisoformat(details["on"])), *([text] if text else [])])
    return Happening(_HAPPENED.get(event.what, event.what.replace("_", " ").capitalize()), text, event)


def numbers_of(party: Party) -> list[tuple[str, str]]:
    """A party's business numbers, as they are printed."""
    found = []
    if party.abn:
        found.append(("ABN", show_abn(party.abn)))
    if party.nzbn:
        found.append(("NZBN", party.nzbn))
    if party.vat_number:
        found.append(("GST number" if party.country == "NZ" else "VAT number", party.vat_number))
    return found


def money(minor: int, currency: str) -> str:
    """An amount for people."""
    return words.money(minor, currency)


def percent(hundredths: int) -> str:
    """A rate as it is typed: 2050 is "20.5"."""
    whole, part = divmod(hundredths, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".")
