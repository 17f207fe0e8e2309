"""A document as it is typed into the form: kept as typed, so that nothing is lost when something cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import QueryDict

from housecount.core.errors import HousecountError
from housecount.core.money import NotMoney, to_major, to_minor
from housecount.invoices import queries, services
from housecount.invoices.models import Agreement, Document, Kind, Line
from housecount.tenancy.models import User
from housecount.web.documents import percent

FIELDS: Final = (
    "kind",
    "direction",
    "party",
    "show",
    "issue_date",
    "due_date",
    "terms_kind",
    "terms_days",
    "currency",
    "price_mode",
    "reference",
    "notes",
    "agreement",
    "deposit_kind",
    "credits",
    "value_set_on",
    "embedded_agreement",
    "ask_kind",
    "ask_how",
    "ask_size",
    "ask_terms_kind",
    "ask_terms_days",
)
LINE_FIELDS: Final = ("description", "quantity", "unit_price", "discount", "tax", "account_code", "ote")
NEW_LINE: Final[Mapping[str, str]] = {
    "description": "",
    "quantity": "1",
    "unit_price": "",
    "discount": "",
    "tax": "taxable",
    "account_code": "",
    "ote": "",
}
MOST_LINES: Final = 200
_LONGEST: Final = 4_000


@dataclass
class Typed:
    """What stands in the form; everything is text."""

    values: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, str]] = field(default_factory=list)
    deposits: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> str:
        if name in FIELDS:
            return self.values.get(name, "")
        raise AttributeError(name)


def blank(**values: str) -> Typed:
    """An empty form with one line."""
    return Typed(values=values, lines=[dict(NEW_LINE)])


def from_post(post: QueryDict) -> Typed:
    """The form as it was sent, with a line added or removed where that was asked for (`do`)."""

    def text(name: str) -> str:
        return post.get(name, "").replace("\x00", "")[:_LONGEST].strip()

    count = text("lines")
    number = min(int(count), MOST_LINES) if count.isascii() and count.isdigit() and len(count) < 6 else 0
    typed = Typed(
        values={name: text(name) for name in FIELDS},
        lines=[{name: text(f"line-{place}-{name}") for name in LINE_FIELDS} for place in range(number)],
        deposits=[each[:40] for each in post.getlist("deposits")[:50]],
    )
    do = post.get("do", "")
    if do == "add" and len(typed.lines) < MOST_LINES:
        typed.lines.append(dict(NEW_LINE))
    elif do.startswith("remove-") and do[7:].isdigit() and int(do[7:]) < len(typed.lines):
        del typed.lines[int(do[7:])]
    if not typed.lines:
        typed.lines.append(dict(NEW_LINE))
    return typed


def from_document(document: Document) -> Typed:
    """The form of a draft."""
    terms = document.terms or {}
    values = {
        "kind": document.kind,
        "direction": document.direction,
        "party": str(document.party_id),
        "show": str(document.show_id or ""),
        "issue_date": document.issue_date.isoformat(),
        "due_date": document.due_date.isoformat() if document.due_date and not terms else "",
        "terms_kind": terms.get("kind", ""),
        "terms_days": str(terms.get("days", "")),
        "currency": document.currency,
        "price_mode": document.price_mode,
        "reference": document.reference,
        "notes": document.notes,
        "agreement": str(document.agreement_id or ""),
        "deposit_kind": document.deposit_kind,
        "credits": (document.credits.number or "") if document.credits else "",
        "value_set_on": document.value_set_on.isoformat() if document.value_set_on else "",
        "embedded_agreement": "yes" if document.embedded_agreement else "",
        **_typed_deposit(document),
    }
    return Typed(
        values=values,
        lines=[_typed_line(line, document.currency) for line in document.lines.order_by("position")],
        deposits=[str(each) for each in document.deductions.values_list("deposit_id", flat=True)],
    )


def _typed_deposit(document: Document) -> dict[str, str]:
    asked = document.deposit_terms or {}
    terms = asked.get("terms") or {}
    size = ""
    if asked:
        amount_of = asked.get("amount")
        size = str(to_major(amount_of, document.currency)) if amount_of else percent(asked["percentage"])
    return {
        "ask_kind": asked.get("kind", ""),
        "ask_how": "amount" if asked.get("amount") else "percent",
        "ask_size": size,
        "ask_terms_kind": terms.get("kind", ""),
        "ask_terms_days": str(terms.get("days", "")),
    }


def _typed_line(line: Line, currency: str) -> dict[str, str]:
    return {
        "description": line.description,
        "quantity": f"{line.quantity.normalize():f}",
        "unit_price": str(to_major(line.unit_price, currency)),
        "discount": str(to_major(line.discount, currency)) if line.discount else "",
        "tax": line.tax,
        "account_code": line.account_code,
        "ote": "yes" if line.ote else "",
    }


def data_of(typed: Typed, organisation_id: UUID) -> dict[str, Any] | None:
    """What `services.create_documents` is given; None with `typed.problems` when something cannot be read."""
    values = typed.values
    data: dict[str, Any] = {
        name: values.get(name) or None
        for name in (
            "kind", "direction", "party", "show", "currency", "price_mode", "reference", "notes", "issue_date",
            "agreement", "deposit_kind", "value_set_on",
        )
    }  # fmt: skip
    data["embedded_agreement"] = True if values.get("embedded_agreement") == "yes" else None
    if not data["party"]:
        typed.problems.append("Choose whom the document is for.")
    if values.get("terms_kind"):
        data["terms"] = _terms(typed, "terms")
    elif values.get("due_date"):
        data["due_date"] = values["due_date"]
    if values.get("credits"):
        corrected = Document.objects.filter(organisation_id=organisation_id, number=values["credits"]).first()
        if corrected is None:
            typed.problems.append(f"There is no issued document “{values['credits']}” to correct.")
        else:
            data["credits"] = str(corrected.pk)
    if typed.deposits:
        data["deposits"] = typed.deposits
    if values.get("ask_kind"):
        data["deposit"] = _deposit(typed, values.get("currency") or "AUD")
    if data["kind"] == Kind.RCTI and data["party"] and not (data["agreement"] or data["embedded_agreement"]):
        data["agreement"] = _current_agreement(organisation_id, data["party"], data["issue_date"])
    currency = values.get("currency") or "AUD"
    data["lines"] = [
        _line_data(line, currency, number, typed.problems)
        for number, line in enumerate(typed.lines, start=1)
        if any(line[name] for name in ("description", "unit_price", "discount", "account_code"))
    ]
    if not data["lines"] and not typed.problems:
        typed.problems.append("Give at least one line: what it is for, and its price.")
    return None if typed.problems else {key: value for key, value in data.items() if value is not None}


def _terms(typed: Typed, name: str) -> dict[str, Any] | None:
    days = typed.values.get(f"{name}_days") or "0"
    if days.isascii() and days.isdigit() and len(days) < 5:
        return {"kind": typed.values[f"{name}_kind"], "days": int(days)}
    typed.problems.append("The days until it is due are a whole number.")
    return None


def _deposit(typed: Typed, currency: str) -> dict[str, Any]:
    """The deposit that is asked for, as it is given."""
    values = typed.values
    found: dict[str, Any] = {"kind": values["ask_kind"]}
    by_amount = values.get("ask_how") == "amount"
    try:
        # A percentage has two decimals, as dollars have.
        size = amount(values.get("ask_size", "").rstrip("% "), currency if by_amount else "AUD")
    except NotMoney as error:
        typed.problems.append(f"The deposit: {error.message}")
        size = 0
    found["amount" if by_amount else "percentage"] = size
    if values.get("ask_terms_kind"):
        found["terms"] = _terms(typed, "ask_terms")
    return found


def _current_agreement(organisation_id: UUID, party: str, on: str | None) -> str | None:
    """The newest agreement with a supplier that holds on a day."""
    try:
        day, party_id = date.fromisoformat(on or ""), UUID(party)
    except ValueError:
        return None
    found = (
        Agreement.objects.filter(
            Q(ends_on=None) | Q(ends_on__gte=day),
            organisation_id=organisation_id,
            party_id=party_id,
            starts_on__lte=day,
            embedded=False,
        )
        .order_by("-starts_on", "-created_at")
        .first()
    )
    return None if found is None else str(found.pk)


def _line_data(line: dict[str, str], currency: str, number: int, problems: list[str]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "description": line["description"],
        "quantity": line["quantity"] or "1",
        "tax": line["tax"] or "taxable",
        "account_code": line["account_code"] or None,
        "unit_price": 0,
    }
    if line.get("ote") == "yes":
        data["ote"] = True
    if not line["description"]:
        problems.append(f"Line {number}: say what it is for.")
    for name, called in (("unit_price", "price"), ("discount", "discount")):
        if not line[name]:
            if name == "unit_price":
                problems.append(f"Line {number}: a price is missing.")
            continue
        try:
            data[name] = amount(line[name], currency)
        except NotMoney as error:
            problems.append(f"Line {number}, {called}: {error.message}")
    return data


def amount(text: str, currency: str) -> int:
    """Minor units of an amount as people type it: "1,234.50", "A$50". Raises `NotMoney`."""
    plain = (
        text.replace(",", "")
        .replace("\N{MINUS SIGN}", "-")
        .replace(" ", "")
        .replace("A$", "")
        .replace("$", "")
    )
    return to_minor(plain.replace("£", ""), currency)


class _Tried(Exception):
    """Carries what a trial came to out of its transaction, which is undone by it."""

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__()
        self.facts = facts


def tried(
    organisation_id: UUID, data: dict[str, Any], by: User | None, typed: Typed
) -> dict[str, Any] | None:
    """The document that would come of `data`, as JSON, without keeping it; None with `typed.problems`."""
    try:
        with transaction.atomic():
            [document] = services.create_documents(organisation_id, data, by)
            raise _Tried(queries.document_json(document))
    except _Tried as done:
        return done.facts
    except HousecountError as error:
        typed.problems.append(error.message)
        return None
