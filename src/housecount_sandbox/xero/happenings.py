"""What people do in Xero itself, and what they do to an application: the verbs of `/_sandbox/happenings`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from housecount_sandbox.xero import contacts as people
from housecount_sandbox.xero import documents as papers
from housecount_sandbox.xero import payments as money
from housecount_sandbox.xero.answers import Invalid
from housecount_sandbox.xero.documents import CREDITS, INVOICES, Writing
from housecount_sandbox.xero.model import Account, Advance, Allocation, Document, Line
from housecount_sandbox.xero.values import number, parse_day

if TYPE_CHECKING:
    from collections.abc import Callable

    from housecount_sandbox.world import World
    from housecount_sandbox.xero.model import App, Contact, Tenant


def _tenant(world: World, what: dict[str, Any]) -> Tenant:
    """The organisation with that id or country; by default the first."""
    wanted = what.get("tenant", world.xero.tenants[0].id)
    for each in world.xero.tenants:
        if wanted in (each.id, each.country):
            return each
    raise LookupError(f"tenant {wanted}")


def _app(world: World, what: dict[str, Any]) -> App:
    """By client id or kind; by default the first."""
    wanted = what.get("app", world.xero.apps[0].client_id)
    for each in world.xero.apps:
        if wanted in (each.client_id, each.kind):
            return each
    raise LookupError(f"app {wanted}")


def _document(tenant: Tenant, what: dict[str, Any]) -> Document:
    """By id or number, bills too."""
    wanted = str(what["document"])
    for each in tenant.documents.values():
        if wanted in (each.id, each.number):
            return each
    raise LookupError(f"document {wanted}")


def _contact(tenant: Tenant, identity: Any) -> Contact:
    found = people.find(tenant, str(identity))
    if found is None:
        raise LookupError(f"contact {identity}")
    return found


def _exact(value: Any) -> Any:
    """What the control API read, with fractions as the Decimals that were written."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: _exact(each) for name, each in value.items()}
    return [_exact(each) for each in value] if isinstance(value, list) else value


def _said(invalid: Invalid) -> ValueError:
    return ValueError("; ".join(invalid.args[0]))


def _write(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person makes a document: `fields` as the API takes them, `Type` included."""
    tenant = _tenant(world, what)
    fields = _exact(what["fields"])
    types = CREDITS if str(fields.get("Type")).endswith("CREDIT") else INVOICES
    writing = Writing(world.xero, world.limits, tenant, None, four_decimals=True)
    try:
        made = papers.write(writing, fields, types, create=True)
    except Invalid as invalid:
        raise _said(invalid) from None
    return {"document": made.id, "number": made.number}


def _write_many(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person imports `count` approved invoices of one line each, quickly: nothing is told of them one by one."""
    tenant = _tenant(world, what)
    xero, account = world.xero, tenant.account("200")
    contact = people.write(xero, tenant, {"Name": str(what.get("contact", "Imported"))}, create=True)
    first = len(tenant.documents)
    for place in range(int(what["count"])):
        net = Decimal(10_000 + place % 997) / 100
        tax = (net / 10).quantize(Decimal("0.01"))
        line = Line(xero.new_id(), f"Imported {place}", Decimal(1), net, net, tax, account, "OUTPUT")
        made = Document(
            xero.new_id(), "ACCREC", contact, xero.now().date(), tenant.currency, "Exclusive", xero.stamp(),
            number=f"MANY-{first + place:06}", due=xero.now().date(), status="AUTHORISED", lines=[line],
        )  # fmt: skip
        tenant.documents[made.id] = made
    return {"contact": contact.id}


def _edit(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person changes a document: a new `fields`, lines included, whatever the API would allow."""
    tenant = _tenant(world, what)
    document = _document(tenant, what)
    writing = Writing(world.xero, world.limits, tenant, None, four_decimals=True)
    types = CREDITS if document.is_credit else INVOICES
    try:
        papers.write(writing, _exact(what["fields"]), types, create=False, known=document)
    except Invalid as invalid:
        raise _said(invalid) from None
    return {"document": document.id}


def _void(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person voids a document, or deletes a draft."""
    document = _document(_tenant(world, what), what)
    status = "DELETED" if document.status in ("DRAFT", "SUBMITTED") else "VOIDED"
    return _edit(world, {**what, "fields": {"Status": status}})


def _pay(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person records a payment: all that is left, on the first bank account, today, unless told."""
    tenant = _tenant(world, what)
    document = _document(tenant, what)
    name = "CreditNote" if document.is_credit else "Invoice"
    sent = {
        name: {f"{name}ID": document.id},
        "Account": {"Code": str(what.get("account", "090"))},
        "Date": str(what.get("date", world.xero.now().date().isoformat())),
        "Amount": number(_exact(what["amount"])) if "amount" in what else document.left,
        "Reference": str(what.get("reference", "")),
    }
    try:
        return {"payment": money.pay(world.xero, tenant, sent).id}
    except Invalid as invalid:
        raise _said(invalid) from None


def _unpay(world: World, what: dict[str, Any]) -> dict[str, Any]:
    tenant = _tenant(world, what)
    payment = tenant.payments[str(what["payment"])]
    money.delete_payment(world.xero, tenant, payment)
    return {"payment": payment.id}


def _advance(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """Money beyond or before any document, as a bank line becomes it: an `amount` of the contact of a `document`, as an
    overpayment or, with `kind`, a prepayment."""
    tenant = _tenant(world, what)
    like = _document(tenant, what)
    made = Advance(
        world.xero.new_id(),
        str(what.get("kind", "Overpayment")),
        like.is_sale,
        like.contact,
        parse_day(what.get("date")) or world.xero.now().date(),
        Decimal(str(_exact(what["amount"]))),
        like.currency,
        world.xero.stamp(),
    )
    tenant.advances[made.id] = made
    return {"advance": made.id}


def _apply(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person sets an `amount` of an `advance`, or of a `credit` note, against a `document`."""
    tenant = _tenant(world, what)
    invoice = _document(tenant, what)
    amount = Decimal(str(_exact(what["amount"])))
    if "credit" in what:
        sent = {
            "Amount": amount,
            "Date": world.xero.now().date().isoformat(),
            "Invoice": {"InvoiceID": invoice.id},
        }
        try:
            made = money.allocate(world.xero, tenant, _document(tenant, {"document": what["credit"]}), sent)
        except Invalid as invalid:
            raise _said(invalid) from None
        return {"allocation": made.id}
    advance = tenant.advances[str(what["advance"])]
    if amount > min(advance.left, invoice.left) or invoice.status != "AUTHORISED":
        raise ValueError("The amount exceeds what is left of it, or what is due.")
    made = Allocation(world.xero.new_id(), advance, invoice, amount, world.xero.now().date())
    advance.allocations.append(made)
    invoice.allocations.append(made)
    advance.updated = world.xero.stamp()
    money.weigh(world.xero, tenant, invoice)
    return {"allocation": made.id}


def _take_off(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person undoes an `allocation`."""
    tenant = _tenant(world, what)
    for document in tenant.documents.values():
        for each in document.allocations:
            if each.id == what["allocation"]:
                money.take_back(world.xero, tenant, each)
                return {"allocation": each.id}
    raise LookupError(f"allocation {what['allocation']}")


def _add_contact(world: World, what: dict[str, Any]) -> dict[str, Any]:
    try:
        made = people.write(world.xero, _tenant(world, what), dict(what["fields"]), create=True)
    except Invalid as invalid:
        raise _said(invalid) from None
    return {"contact": made.id}


def _archive(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person archives a contact, or with `archived` false takes it back."""
    contact = _contact(_tenant(world, what), what["contact"])
    contact.status = "ARCHIVED" if what.get("archived", True) else "ACTIVE"
    people.touched(world.xero, _tenant(world, what), contact)
    return {"contact": contact.id}


def _merge(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person merges `contact` into `into`, which takes over its documents."""
    tenant = _tenant(world, what)
    old, new = _contact(tenant, what["contact"]), _contact(tenant, what["into"])
    old.status, old.merged_to = "ARCHIVED", new.id
    for document in tenant.documents.values():
        if document.contact is old:
            document.contact = new
    for contact in (old, new):
        people.touched(world.xero, tenant, contact)
    return {"contact": new.id}


def _lock(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """The books are closed up to `period` and `year_end`; null opens them."""
    tenant = _tenant(world, what)
    tenant.period_lock = parse_day(what.get("period"))
    tenant.year_lock = parse_day(what.get("year_end"))
    return {"tenant": tenant.id}


def _set_account(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person archives an account, or another status."""
    account = _tenant(world, what).account(str(what["account"]))
    if account is None:
        raise LookupError(f"account {what['account']}")
    account.status = str(what.get("status", "ARCHIVED"))
    account.updated = world.xero.stamp()
    return {"account": account.code}


def _add_bank(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person opens a bank account, `code`, kept in a `currency`."""
    tenant, code = _tenant(world, what), str(what["code"])
    made = Account(
        world.xero.new_id(), code, str(what.get("name", "Bank")), "BANK", "ASSET", "NONE", payments=True
    )
    made.currency, made.updated = str(what["currency"]), world.xero.stamp()
    tenant.accounts.append(made)
    return {"account": code}


def _set_tax(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A tax rate gets another percentage (`rate`) or `status`."""
    found = _tenant(world, what).tax_rate(str(what["tax_type"]))
    if found is None:
        raise LookupError(f"tax type {what['tax_type']}")
    found.rate = number(_exact(what["rate"])) or found.rate if "rate" in what else found.rate
    found.status = str(what.get("status", found.status))
    return {"tax_type": found.tax_type}


def _currency(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person adds a currency, by its ISO `code`."""
    tenant = _tenant(world, what)
    tenant.currencies.add(str(what["code"]))
    return {"currencies": [tenant.currency, *sorted(tenant.currencies)]}


def _reconcile(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person matches a `payment` with a line of the bank's, or with `reconciled` false undoes that."""
    payment = _tenant(world, what).payments[str(what["payment"])]
    payment.reconciled = bool(what.get("reconciled", True))
    return {"payment": payment.id}


def _consent(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """What the person at the consent page will do: refuse, or tick these `tenants`."""
    world.xero.refuses_consent = bool(what.get("refuses", False))
    if "tenants" in what:
        world.xero.ticked = [_tenant(world, {"tenant": each}) for each in what["tenants"]]
    return {"tenants": [each.id for each in world.xero.ticked]}


def _disconnect(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """A person puts the application out, of one `tenant` or of all."""
    app = _app(world, what)
    world.xero.disconnect(app, [_tenant(world, what)] if "tenant" in what else None)
    return {"app": app.client_id}


def _set_app(world: World, what: dict[str, Any]) -> dict[str, Any]:
    """Another webhook address, redirect addresses or scopes; `revoked` ends its secret."""
    app = _app(world, what)
    app.webhook_url = what.get("webhook_url", app.webhook_url)
    app.redirect_uris = [str(each) for each in what.get("redirect_uris", app.redirect_uris)]
    app.scopes = frozenset(what.get("scopes", app.scopes))
    app.revoked = bool(what.get("revoked", app.revoked))
    return {"app": app.client_id}


VERBS: dict[str, Callable[[World, dict[str, Any]], dict[str, Any]]] = {
    "xero_write": _write,
    "xero_write_many": _write_many,
    "xero_edit": _edit,
    "xero_void": _void,
    "xero_pay": _pay,
    "xero_unpay": _unpay,
    "xero_advance": _advance,
    "xero_apply": _apply,
    "xero_take_off": _take_off,
    "xero_bank": _add_bank,
    "xero_contact": _add_contact,
    "xero_archive": _archive,
    "xero_merge": _merge,
    "xero_lock": _lock,
    "xero_account": _set_account,
    "xero_tax_rate": _set_tax,
    "xero_currency": _currency,
    "xero_reconcile": _reconcile,
    "xero_consent": _consent,
    "xero_disconnect": _disconnect,
    "xero_app": _set_app,
}
