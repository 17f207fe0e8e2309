"""Xero's answers: who asks, for which organisation, with which scope, how often, and what for."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from housecount_sandbox.exchange import Answer, Question, Refusal
from housecount_sandbox.xero import identity, looking, places
from housecount_sandbox.xero.answers import Invalid, not_found, refuse, validation_failed
from housecount_sandbox.xero.places import Call
from housecount_sandbox.xero.ration import Ration
from housecount_sandbox.xero.repeats import Repeats
from housecount_sandbox.xero.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from housecount_sandbox.world import World
    from housecount_sandbox.xero.model import Access, App, Tenant

ROOT = "/api.xro/2.0/"
_SETTINGS, _CONTACTS = "accounting.settings", "accounting.contacts"
_INVOICES, _PAYMENTS, _FILES = "accounting.invoices", "accounting.payments", "accounting.attachments"
_ID = r"([^/]+)"
_FILE = rf"(Invoices|CreditNotes)/{_ID}/Attachments"
_ROUTES: list[tuple[str, str, str, Callable[..., Answer]]] = [
    ("GET", "Organisation", _SETTINGS, places.organisation),
    ("GET", "Accounts", _SETTINGS, places.accounts),
    ("GET", "TaxRates", _SETTINGS, places.tax_rates),
    ("GET", "TrackingCategories", _SETTINGS, places.tracking),
    ("GET", "Contacts", _CONTACTS, places.contacts_list),
    ("PUT POST", "Contacts", _CONTACTS, places.contacts_write),
    ("GET", f"Contacts/{_ID}", _CONTACTS, places.contact),
    ("POST", f"Contacts/{_ID}", _CONTACTS, places.contact_update),
    ("GET", "(Invoices|CreditNotes)", _INVOICES, places.documents_list),
    ("PUT POST", "(Invoices|CreditNotes)", _INVOICES, places.documents_write),
    ("GET", f"(Invoices|CreditNotes)/{_ID}", _INVOICES, places.document),
    ("POST", f"(Invoices|CreditNotes)/{_ID}", _INVOICES, places.document_update),
    ("PUT", f"CreditNotes/{_ID}/Allocations", _INVOICES, places.allocate),
    ("DELETE", f"CreditNotes/{_ID}/Allocations/{_ID}", _INVOICES, places.take_back),
    ("GET", f"(Invoices|CreditNotes)/{_ID}/History", _INVOICES, places.history),
    ("PUT", f"(Invoices|CreditNotes)/{_ID}/History", _INVOICES, places.history_add),
    ("GET", f"Invoices/{_ID}/OnlineInvoice", _INVOICES, places.online),
    ("POST", f"Invoices/{_ID}/Email", _INVOICES, places.email),
    ("GET", _FILE, _FILES, places.attachments),
    ("GET", rf"{_FILE}/{_ID}", _FILES, places.attachment),
    ("PUT POST", rf"{_FILE}/{_ID}", _FILES, places.attach),
    ("GET", "Payments", _PAYMENTS, places.payments_list),
    ("PUT", "Payments", _PAYMENTS, places.payments_write),
    ("GET", f"Payments/{_ID}", _PAYMENTS, places.payment),
    ("POST", f"Payments/{_ID}", _PAYMENTS, places.payment_delete),
]
_PATTERNS = [(methods.split(), re.compile(pattern), scope, do) for methods, pattern, scope, do in _ROUTES]


class XeroApi:
    """Answers for the API, the sign-in and the consent page, which the real Xero keeps on three hosts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.xero = world.xero
        self.ration = Ration(world.stage, world.limits)
        self.repeats = Repeats(world.limits)

    @contextmanager
    def presence(self, question: Question) -> Iterator[Answer | None]:
        """While a call is being answered: its refusal when there are too many; else None."""
        who = self._who(question)
        if who is None:
            yield None
            return
        with self.ration.call(*who) as refusal:
            if refusal is not None:
                refusal.headers |= self.ration.headers(*who)
            yield refusal

    def respond(self, question: Question) -> Answer:
        """Xero's answer. Never raises for anything a client can send."""
        with self.world.stage.lock:
            try:
                answer = self._respond(question)
            except Refusal as refusal:
                answer = refusal.answer
            if (who := self._who(question)) is not None:
                answer.headers |= self.ration.headers(*who)
            return answer

    def remember(self, question: Question, answer: Answer) -> None:
        """Keep an answer that a fault put in the place of the real one: errors are replayed too."""
        with self.world.stage.lock:
            if (who := self._who(question)) is not None:
                self.repeats.keep(who[0], question, answer, self.xero.now())

    def _who(self, question: Question) -> tuple[App, Tenant] | None:
        """For whom a call counts; None before anybody is known."""
        if not question.path.startswith(ROOT):
            return None
        try:
            access = identity.access_of(self.xero, question)
            return access.app, self._tenant(access, question)
        except Refusal:
            return None

    def _respond(self, question: Question) -> Answer:
        path, method = question.path, question.method
        if path == "/identity/connect/authorize" and method == "GET":
            return identity.authorize(self.xero, question)
        if path == "/connect/token" and method == "POST":
            return identity.token(self.xero, question)
        if path == "/connect/revocation" and method == "POST":
            return identity.revoke(self.xero, question)
        if path in looking.PLACES and method == "GET":
            return looking.look(self.xero, question)
        access = identity.access_of(self.xero, question)
        if path == "/connections" and method == "GET":
            return identity.connections(self.xero, access, question)
        if path.startswith("/connections/") and method == "DELETE":
            return identity.end_connection(self.xero, access, path.removeprefix("/connections/"))
        if not path.startswith(ROOT):
            raise not_found()
        return self._place(access, question, path.removeprefix(ROOT))

    def _place(self, access: Access, question: Question, path: str) -> Answer:
        tenant = self._tenant(access, question)
        for methods, pattern, scope, do in _PATTERNS:
            if question.method not in methods or (match := pattern.fullmatch(path)) is None:
                continue
            reading = question.method == "GET" and f"{scope}.read" in access.scopes
            if scope not in access.scopes and not reading:
                raise refuse(
                    self.world.limits.xero_scope_status,
                    "Unauthorized",
                    "AuthorizationUnsuccessful",
                    WWW_Authenticate=f'Bearer error="{self.world.limits.xero_scope_word}"',
                )
            if (again := self.repeats.known(access.app, question, self.xero.now())) is not None:
                return again
            answer = self._done(Call(self.world, access.app, tenant, question), do, match.groups())
            self.repeats.keep(access.app, question, answer, self.xero.now())
            return answer
        raise not_found()

    def _done(self, call: Call, do: Callable[..., Answer], arguments: tuple[str, ...]) -> Answer:
        try:
            return do(call, *arguments)
        except Invalid as invalid:
            return validation_failed([invalid.element])
        except Refusal as refusal:
            return refusal.answer

    def _tenant(self, access: Access, question: Question) -> Tenant:
        wanted = question.headers.get("xero-tenant-id")
        if access.app.tenant is not None and wanted in (None, access.app.tenant.id):
            return access.app.tenant
        for each in self.xero.tenants:
            if each.id == wanted and self.xero.connected(access.app, each):
                return each
        raise refuse(403, "Forbidden", "AuthenticationUnsuccessful")

    def document(self) -> dict[str, Any]:
        """The books of every organisation, for who checks what a client wrote: see `/_sandbox/xero`."""
        with self.world.stage.lock:
            return {"tenants": [places.books(tenant, self.xero.now()) for tenant in self.xero.tenants]}

    def encoded(self) -> bytes:
        """The same as JSON text with exact numbers."""
        return encode(self.document())
