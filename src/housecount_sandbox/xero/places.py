"""What each address of the API does."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from housecount_sandbox.exchange import Answer, Question
from housecount_sandbox.xero import contacts as people
from housecount_sandbox.xero import documents as papers
from housecount_sandbox.xero import payments as money
from housecount_sandbox.xero import reading, render
from housecount_sandbox.xero.answers import (
    Invalid,
    bad_request,
    elements,
    envelope,
    not_found,
    validation_failed,
    written,
)
from housecount_sandbox.xero.documents import CREDITS, INVOICES, Writing
from housecount_sandbox.xero.model import Attachment, Document

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from housecount_sandbox.world import World
    from housecount_sandbox.xero.model import App, Contact, Payment, Tenant

_MOST_FILES = 10
_LARGEST_FILE = 10 * 1024 * 1024


@dataclass(slots=True)
class Call:
    """One call: who, for which organisation, and the question."""

    world: World
    app: App
    tenant: Tenant
    question: Question

    @property
    def now(self) -> datetime:
        return self.world.xero.now()

    @property
    def four_decimals(self) -> bool:
        return self.question.query.get("unitdp") == "4"

    def answer(self, plural: str, rows: list[Any], **more: Any) -> Answer:
        return written(self.question, envelope(plural, rows, self.now, **more))

    def writing(self) -> Writing:
        cents = self.question.conditions.cents_out
        return Writing(self.world.xero, self.world.limits, self.tenant, self.app, self.four_decimals, cents)

    def document(self, place: str, identity: str) -> Document:
        found = papers.find(self.tenant, identity, INVOICES if place == "Invoices" else CREDITS)
        if found is None:
            raise not_found()
        return found


def organisation(call: Call) -> Answer:
    return call.answer("Organisations", [render.organisation(call.tenant, call.now)])


def accounts(call: Call) -> Answer:
    return call.answer("Accounts", [render.account(each, call.now) for each in call.tenant.accounts])


def tax_rates(call: Call) -> Answer:
    return call.answer("TaxRates", [render.tax_rate(each) for each in call.tenant.tax_rates])


def tracking(call: Call) -> Answer:
    return call.answer("TrackingCategories", call.tenant.tracking)


# Contacts


def contacts_list(call: Call) -> Answer:
    rows = reading.wanted_contacts(call.question, call.tenant.contacts.values())
    shown, more = reading.page(call.question, rows)
    return call.answer("Contacts", [people.draw(each, whole=bool(more)) for each in shown], **more)


def contact(call: Call, identity: str) -> Answer:
    return call.answer("Contacts", [people.draw(_contact(call, identity), whole=True)])


def contacts_write(call: Call) -> Answer:
    create = call.question.method == "PUT"
    return _write(
        call,
        "Contacts",
        lambda sent: people.write(call.world.xero, call.tenant, sent, create=create),
        lambda each: people.draw(each, whole=True),
    )


def contact_update(call: Call, identity: str) -> Answer:
    known = _contact(call, identity)
    return _write(
        call,
        "Contacts",
        lambda sent: people.write(call.world.xero, call.tenant, sent, create=False, known=known),
        lambda each: people.draw(each, whole=True),
    )


def _contact(call: Call, identity: str) -> Contact:
    found = people.find(call.tenant, identity)
    if found is None:
        raise not_found()
    return found


# Invoices, bills and credit notes


def documents_list(call: Call, place: str) -> Answer:
    types = INVOICES if place == "Invoices" else CREDITS
    rows = (each for each in call.tenant.documents.values() if each.type in types)
    name = place.removesuffix("s")
    found = reading.wanted_documents(call.question, call.world.limits, rows, name, call.app.client_id)
    shown, more = reading.page(call.question, found)
    lines = bool(more) and call.question.query.get("summaryOnly", "").lower() != "true"
    drawn = [render.document(each, lines=lines, four_decimals=call.four_decimals) for each in shown]
    return call.answer(place, drawn, **more)


def document(call: Call, place: str, identity: str) -> Answer:
    found = call.document(place, identity)
    return call.answer(place, [render.document(found, four_decimals=call.four_decimals)])


def documents_write(call: Call, place: str) -> Answer:
    return _write_documents(call, place, None)


def document_update(call: Call, place: str, identity: str) -> Answer:
    return _write_documents(call, place, call.document(place, identity))


def _write_documents(call: Call, place: str, known: Document | None) -> Answer:
    types = INVOICES if place == "Invoices" else CREDITS
    create = call.question.method == "PUT"
    return _write(
        call,
        place,
        lambda sent: papers.write(call.writing(), sent, types, create=create, known=known),
        lambda each: render.document(each, four_decimals=call.four_decimals),
    )


def allocate(call: Call, identity: str) -> Answer:
    credit = call.document("CreditNotes", identity)
    return _write(
        call,
        "Allocations",
        lambda sent: money.allocate(call.world.xero, call.tenant, credit, sent),
        render.allocation,
    )


def take_back(call: Call, identity: str, allocation_id: str) -> Answer:
    credit = call.document("CreditNotes", identity)
    for each in credit.allocations:
        if each.id == allocation_id:
            money.take_back(call.world.xero, call.tenant, each)
            return call.answer("Allocations", [{"AllocationID": allocation_id, "IsDeleted": True}])
    raise not_found()


def history(call: Call, place: str, identity: str) -> Answer:
    rows = [{"Details": text} for text in call.document(place, identity).history]
    return call.answer("HistoryRecords", rows)


def history_add(call: Call, place: str, identity: str) -> Answer:
    found = call.document(place, identity)
    rows = elements(call.question, "HistoryRecords")
    found.history += [str(row.get("Details") or "") for row in rows]
    return call.answer("HistoryRecords", rows)


def online(call: Call, identity: str) -> Answer:
    found = call.document("Invoices", identity)
    if found.type != "ACCREC" or found.status in ("DRAFT", "SUBMITTED", "DELETED"):
        raise bad_request("There is no online invoice for this document")
    return call.answer("OnlineInvoices", [{"OnlineInvoiceUrl": f"https://in.xero.com/{found.id}"}])


def email(call: Call, identity: str) -> Answer:
    found = call.document("Invoices", identity)
    if found.type != "ACCREC" or found.status not in ("SUBMITTED", "AUTHORISED", "PAID"):
        raise bad_request("This document cannot be sent")
    found.sent = True
    call.world.xero.changed(call.tenant, found)
    return Answer(204, b"")


# Files


def attachments(call: Call, place: str, identity: str) -> Answer:
    found = call.document(place, identity)
    return call.answer("Attachments", [render.attachment(each, found) for each in found.attachments.values()])


def attachment(call: Call, place: str, identity: str, name: str) -> Answer:
    found = call.document(place, identity).attachments.get(name)
    if found is None:
        raise not_found()
    return Answer(200, found.body, content_type=found.content_type)


def attach(call: Call, place: str, identity: str, name: str) -> Answer:
    """Raw bytes; a file of the same name is replaced."""
    found = call.document(place, identity)
    body = call.question.body
    if not body or len(body) > _LARGEST_FILE:
        raise bad_request("An attachment has between 1 byte and 10 MB")
    if name not in found.attachments and len(found.attachments) >= _MOST_FILES:
        raise bad_request("A document takes at most 10 attachments")
    kind = call.question.headers.get("content-type", "application/octet-stream").partition(";")[0]
    online = call.question.query.get("IncludeOnline", "").lower() == "true" and found.type == "ACCREC"
    made = Attachment(call.world.xero.new_id(), name, kind, body, online)
    found.attachments[name] = made
    call.world.xero.changed(call.tenant, found)
    return call.answer("Attachments", [render.attachment(made, found)])


# Payments


def payments_list(call: Call) -> Answer:
    rows = reading.changed(call.question, call.tenant.payments.values())
    fields = {
        "Status": lambda row: row.status,
        "PaymentType": lambda row: row.type,
        "Reference": lambda row: row.reference,
        "Invoice.InvoiceID": lambda row: row.document.id,
    }
    rows = reading.ordered(call.question, reading.where(call.question, rows, fields))
    shown, more = reading.page(call.question, rows)
    return call.answer("Payments", [render.payment(each) for each in shown], **more)


def payment(call: Call, identity: str) -> Answer:
    return call.answer("Payments", [render.payment(_payment(call, identity))])


def payments_write(call: Call) -> Answer:
    return _write(
        call, "Payments", lambda sent: money.pay(call.world.xero, call.tenant, sent), render.payment
    )


def payment_delete(call: Call, identity: str) -> Answer:
    found = _payment(call, identity)

    def delete(sent: dict[str, Any]) -> Payment:
        if sent.get("Status") != "DELETED" or found.status == "DELETED":
            raise Invalid(sent, "A payment can only be deleted, and only once.")
        money.delete_payment(call.world.xero, call.tenant, found)
        return found

    return _write(call, "Payments", delete, render.payment)


def _payment(call: Call, identity: str) -> Payment:
    found = call.tenant.payments.get(identity)
    if found is None:
        raise not_found()
    return found


def _write(
    call: Call,
    plural: str,
    write: Callable[[dict[str, Any]], Any],
    draw: Callable[[Any], dict[str, Any]],
) -> Answer:
    """Every element for itself: with summarizeErrors=false errors stand in a 200 among the others; otherwise
    one error makes a 400 of it all."""
    default = "true" if call.world.limits.xero_summarizes_errors else "false"
    summarize = call.question.query.get("summarizeErrors", default).lower() != "false"
    drawn, failed = [], []
    for sent in elements(call.question, plural):
        try:
            drawn.append({**draw(write(sent)), "StatusAttributeString": "OK"})
        except Invalid as invalid:
            failed.append(invalid.element)
            drawn.append({**invalid.element, "HasErrors": True, "StatusAttributeString": "ERROR"})
    if failed and summarize:
        return validation_failed(failed)
    return call.answer(plural, drawn)


# For who checks


def books(tenant: Tenant, now: datetime) -> dict[str, Any]:
    """Everything an organisation holds, with the digest of every file."""
    drawn = []
    for each in tenant.documents.values():
        files = {one.name: hashlib.sha256(one.body).hexdigest() for one in each.attachments.values()}
        drawn.append({**render.document(each, four_decimals=True), "Files": files, "MadeBy": each.made_by})
    return {
        **render.organisation(tenant, now),
        "TenantID": tenant.id,
        "Accounts": [render.account(each, now) for each in tenant.accounts],
        "Contacts": [people.draw(each, whole=True) for each in tenant.contacts.values()],
        "Documents": drawn,
        "Payments": [render.payment(each) for each in tenant.payments.values()],
    }
