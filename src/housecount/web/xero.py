"""Xero as people read it on pages: states, what waits and why, what differs, in words."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from housecount.invoices import mail
from housecount.invoices.models import Direction, Document, Party
from housecount.web import words
from housecount.web.documents import Tag, document_title
from housecount.xero.examples import ExampleLine
from housecount.xero.marks import address
from housecount.xero.models import Came, Connection, Copy, Intent, PartyContact, Stage, What, XeroPayment
from housecount.xero.planning import open_intents
from housecount.xero.urgency import waiting
from housecount.xero.watching import Budget

#: A mark or a stage, as a word in a frame.
TAGS: Mapping[str, Tag] = {
    "planned": Tag("Waits for Xero"),
    "drafted": Tag("Draft in Xero"),
    "approved": Tag("Nearly in Xero"),
    "done": Tag("In Xero"),
    "blocked": Tag("Not in Xero", "bad"),
    "rejected": Tag("Xero refused it", "bad"),
    "conflict": Tag("Number taken in Xero", "bad"),
    "differs": Tag("Xero counts otherwise", "bad"),
    "unknown": Tag("Xero did not answer", "warn"),
    "drift": Tag("Differs in Xero", "warn"),
}
#: The same in a list of what is left, where Xero need not be named.
STAGES: Mapping[str, Tag] = {
    "planned": Tag("Waits"),
    "drafted": Tag("Draft in Xero"),
    "approved": Tag("Nearly done"),
    "blocked": Tag("Needs somebody", "bad"),
    "rejected": Tag("Refused by Xero", "bad"),
    "conflict": Tag("Number taken", "bad"),
    "differs": Tag("Figures differ", "bad"),
    "unknown": Tag("No answer yet", "warn"),
}
PURPOSES: Mapping[str, tuple[str, str]] = {
    "sales": ("Income", "What you invoice others for."),
    "costs": ("Costs", "What acts and suppliers invoice you for."),
    "bank": ("Payments", "The account that payments move through."),
    "withheld": ("Tax withheld", "What you keep back from a supplier and owe the tax office."),
    "deposits": ("Deposits held", "Deposits that are held as security."),
    "bad_debts": (
        "Written off",
        "What will never be paid. Left empty, write-offs are entered in Xero by hand.",
    ),
}
TREATMENTS: Mapping[str, str] = {
    "taxable": "Taxable",
    "gst_free": "GST-free",
    "input_taxed": "Input taxed",
    "out_of_scope": "Out of scope",
}
FIELDS: Mapping[str, str] = {
    "due_date": "Due",
    "subtotal": "Total before tax",
    "balance": "Still to pay",
    "lines": "Lines",
}
_WHATS: Mapping[str, str] = {
    What.PAYMENT: "Payment on",
    What.ALLOCATION: "Credit on",
    What.VOID: "Void of",
    "write_off": "Write-off of",
}
#: Money that stopped here can be entered there by hand; a document is found there by its number.
_STUCK = (Stage.BLOCKED, Stage.REJECTED, Stage.CONFLICT, Stage.DIFFERS)
#: What a command would be told in a reason; a page has a form in its place.
_COMMANDS = re.compile(
    r"(?: Say which it is)?: housecount xero "
    r"(?:(?P<map>map) --\w+ \S+|contact --party \S+ --contact ID, or --new for another one\.)"
)
#: Nor does anybody want to read an id.
_IDS = re.compile(r" \([0-9a-f]{8}-[0-9a-f-]{27}\)")


class Reason(NamedTuple):
    """Why something waits. `party` is to be said who it is in Xero; `mapping` is what is to be mended."""

    text: str
    party: bool = False
    mapping: bool = False


class Left(NamedTuple):
    """One thing that is left to write."""

    what: str
    document: Document
    tag: Tag
    reason: Reason
    since: str
    again: str
    by_hand: bool


class Side(NamedTuple):
    """One field as it is here and in Xero."""

    name: str
    ours: str
    xero: str


class Difference(NamedTuple):
    """A document that is no longer in Xero what was issued."""

    document: Document
    title: str
    sides: list[Side]
    url: str | None
    since: str


class Waiting(NamedTuple):
    """A payment in Xero that waits for somebody."""

    document: Document
    amount: str
    paid_on: Any
    reason: str


def xero_tags(facts: Mapping[str, Any]) -> list[Tag]:
    """How a document is in Xero, by its JSON; empty where that is no question."""
    mark = facts["xero"]
    return [] if mark is None else [TAGS.get(mark["stage"], Tag(str(mark["stage"]), "warn"))]


def mark_words(mark: Mapping[str, Any]) -> Reason:
    """Why a document is not (as it was issued) in Xero."""
    return reason_of(mark["reason"] or "")


def reason_of(text: str) -> Reason:
    """A reason without what only a command line is told."""
    text = _IDS.sub("", text)
    found = _COMMANDS.search(text)
    if found is None:
        return Reason(text)
    plain = (text[: found.start()].rstrip(". ") + "." + text[found.end() :]).strip()
    return Reason(plain, party=found["map"] is None, mapping=found["map"] is not None)


def left(row: Connection, now: datetime, first: int, size: int) -> list[Left]:
    """What is left to write, most urgent first: `size` of it from the `first` on, and one more if there is more."""
    keys = [each.pk for each in waiting(row, None)[first : first + size + 1]]
    found = open_intents(row).select_related("document__party").in_bulk(keys)
    return [_left(found[key], now) for key in keys if key in found]


def _left(intent: Intent, now: datetime) -> Left:
    document = intent.document
    what = f"{_WHATS[intent.what]} {document.number}" if intent.what in _WHATS else document_title(document)
    tag = STAGES.get(intent.stage, Tag(str(intent.stage)))
    waits = intent.retry_at is not None and intent.retry_at > now
    again = words.ahead(intent.retry_at, now) if intent.retry_at is not None and waits else ""
    stuck = intent.what != What.DOCUMENT and intent.stage in _STUCK
    return Left(
        what, document, tag, reason_of(intent.reason), words.ago(intent.created_at, now), again, stuck
    )


def unknown_parties(row: Connection) -> list[Party]:
    """The parties of which somebody has to say who they are in Xero, by name."""
    known = PartyContact.objects.filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id)
    stuck = open_intents(row).filter(
        what=What.DOCUMENT, stage=Stage.BLOCKED, reason__contains="housecount xero contact"
    )
    return list(
        Party.objects.filter(
            organisation_id=row.organisation_id, pk__in=stuck.order_by().values("document__party")
        )
        .exclude(pk__in=known.values("party"))
        .order_by("name", "id")[:50]
    )


def differences(row: Connection, now: datetime, most: int) -> list[Difference]:
    """Where Xero's documents are no longer what was issued, the latest found first."""
    copies = list(
        Copy.objects.filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id)
        .exclude(drift=[])
        .select_related("document__party")
        .order_by("-drifted_at", "document_id")[:most]
    )
    ids = dict(
        Intent.objects.filter(
            organisation_id=row.organisation_id,
            tenant_id=row.tenant_id,
            what=What.DOCUMENT,
            target__in=[each.document_id for each in copies],
        ).values_list("target", "xero_id")
    )
    return [
        Difference(
            each.document,
            document_title(each.document),
            _sides(each.drift),
            address(each.document, ids.get(each.document_id, "")),
            words.ago(each.drifted_at, now) if each.drifted_at else "",
        )
        for each in copies
    ]


def _sides(drift: Iterable[Mapping[str, str]]) -> list[Side]:
    return [
        Side(
            FIELDS.get(each["field"], each["field"].replace("_", " ").capitalize()),
            _value(each["ours"]),
            _value(each["xero"]),
        )
        for each in drift
    ]


def _value(text: str) -> str:
    """A day as people read it; everything else as it is."""
    try:
        return mail.long_day(date.fromisoformat(text))
    except ValueError:
        return text


def unmapped(preview: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is mapped to nothing, though documents may need it, in words."""
    open_ = [each["purpose"] for each in preview if not each["code"] and each["purpose"] != "bad_debts"]
    return [
        PURPOSES[each][0].lower()
        if each in PURPOSES
        else f"{TREATMENTS[each.partition('.')[2]].lower()} lines of {side_name(each.partition('.')[0]).lower()}"
        for each in open_
    ]


def waiting_payments(row: Connection, most: int) -> list[Waiting]:
    """Payments in Xero that could not be taken over by themselves, the oldest first."""
    found = (
        XeroPayment.objects.filter(
            organisation_id=row.organisation_id, tenant_id=row.tenant_id, state=Came.WAITING
        )
        .select_related("document__party")
        .order_by("paid_on", "payment_id")[:most]
    )
    return [
        Waiting(each.document, words.money(each.amount, each.currency), each.paid_on, each.reason)
        for each in found
    ]


def budget_words(budget: Budget, now: datetime) -> list[tuple[str, str]]:
    """The limits as pairs of a name and words."""
    rows = [
        (
            "This minute",
            f"{budget.used:,} of {budget.allowed:,} calls used, {max(0, budget.allowed - budget.used):,} left",
        )
    ]
    if budget.day_left is not None and budget.day_at is not None:
        rows.append(
            ("This day", f"{budget.day_left:,} calls left, as Xero said {words.ago(budget.day_at, now)}")
        )
    if budget.parked_until is not None:
        rows.append(("Goes on", words.ahead(budget.parked_until, now)))
    return rows


class Example(NamedTuple):
    """A line of an example and what it would become; `trouble` in its place where it would not."""

    name: str
    becomes: str
    code: str
    trouble: str


def example_of(line: ExampleLine) -> Example:
    """A line of an example in words."""
    name = TREATMENTS[line.treatment]
    if line.account is None or line.tax is None:
        return Example(name, "", "", reason_of(line.trouble).text)
    rate = f"{line.tax.effective_rate.normalize():f} %"
    becomes = f"{line.account.code} {line.account.name}, {line.tax.name}"
    return Example(name, becomes, f"{line.tax.tax_type}, {rate}", "")


def side_name(direction: str) -> str:
    """Which documents a direction is."""
    return "Invoices you send" if direction == Direction.RECEIVABLE else "Bills and RCTIs"
