"""Xero as a whole: its organisations, the applications registered with it, and who let whom in."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from housecount_sandbox.xero import charts
from housecount_sandbox.xero.model import Access, App, Code, Connection, Document, Refresh, Tenant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from housecount_sandbox.stage import Stage

    # tenant, category, CREATE or UPDATE, resource id, type and status of a credit note
    Listener = Callable[[Tenant, str, str, str, dict[str, Any] | None], None]

# What an application made after March 2026 may ask for; the broad scope before them is not among them.
SCOPES = frozenset(
    {
        "openid",
        "profile",
        "email",
        "offline_access",
        "accounting.invoices",
        "accounting.invoices.read",
        "accounting.payments",
        "accounting.payments.read",
        "accounting.banktransactions",
        "accounting.banktransactions.read",
        "accounting.contacts",
        "accounting.contacts.read",
        "accounting.settings",
        "accounting.settings.read",
        "accounting.attachments",
        "accounting.attachments.read",
    }
)
_PERSONAL = frozenset({"openid", "profile", "email", "offline_access"})
_RETURN = "/xero/callback"
_COUNTRIES = {
    "AU": ("Laughing Stock Comedy Pty Ltd", "AUD", "AUSEASTERNSTANDARDTIME"),
    "NZ": ("Laughing Stock New Zealand Limited", "NZD", "NEWZEALANDSTANDARDTIME"),
    "GB": ("Laughing Stock UK Ltd", "GBP", "GMTSTANDARDTIME"),
}


class Xero:
    """Change it only while holding the stage's lock."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        # Of its own, so that what Xero draws changes nothing in the seasons of the platforms.
        self._random = Random(f"xero {stage.seed}")
        self.tenants = [self._open(country) for country in _COUNTRIES]
        self.apps = [
            self._register("Housecount", "web"),
            self._register("Housecount without a secret", "pkce"),
        ]
        self.apps += [
            self._register(f"Housecount for {tenant.name}", "custom", tenant) for tenant in self.tenants
        ]
        self.connections: list[Connection] = []
        self.codes: dict[str, Code] = {}
        self.accesses: dict[str, Access] = {}
        self.refreshes: dict[str, Refresh] = {}
        # What the person at the consent page does: refuses, or ticks these organisations.
        self.refuses_consent = False
        self.ticked = self.tenants[:1]
        self.listeners: list[Listener] = []
        self._last = stage.clock()

    def new_id(self) -> str:
        """A random UUID's text, the same for the same seed."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def secret(self, length: int = 48) -> str:
        return "".join(
            self._random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=length)
        )

    def now(self) -> datetime:
        return self.stage.now()

    def stamp(self) -> datetime:
        """A time of change, in whole milliseconds, later than every other."""
        now = self.now()
        self._last = max(
            now.replace(microsecond=now.microsecond // 1000 * 1000), self._last + timedelta(milliseconds=1)
        )
        return self._last

    def tell(
        self, tenant: Tenant, category: str, kind: str, identity: str, data: dict[str, Any] | None
    ) -> None:
        for listener in list(self.listeners):
            listener(tenant, category, kind, identity, data)

    def changed(self, tenant: Tenant, document: Document, kind: str = "UPDATE") -> None:
        """A document is another now: give it a new time and say so to who listens."""
        document.updated = self.stamp()
        if document.is_credit:
            data = {"Type": document.type, "Status": document.status}
            self.tell(tenant, "CREDITNOTE", kind, document.id, data)
        else:
            self.tell(tenant, "INVOICE", kind, document.id, None)

    def connected(self, app: App, tenant: Tenant) -> bool:
        return app.tenant is tenant or any(
            each.app is app and each.tenant is tenant for each in self.connections
        )

    def connect(self, app: App, tenant: Tenant, event: str) -> Connection:
        """Let `app` in; a connection that is there already belongs to the newer consent."""
        for each in self.connections:
            if each.app is app and each.tenant is tenant:
                each.event = event
                return each
        connection = Connection(self.new_id(), app, tenant, event, self.stamp())
        self.connections.append(connection)
        return connection

    def disconnect(self, app: App, tenants: list[Tenant] | None = None) -> None:
        """Put `app` out of `tenants` (None: all); when none is left, its tokens end too."""
        self.connections = [
            each
            for each in self.connections
            if each.app is not app or (tenants is not None and each.tenant not in tenants)
        ]
        if not any(each.app is app for each in self.connections):
            self.accesses = {text: each for text, each in self.accesses.items() if each.app is not app}
            self.refreshes = {text: each for text, each in self.refreshes.items() if each.app is not app}

    def serve_site(self, url: str) -> None:
        """The applications are those of the site at `url`: browsers come back to it after a consent, and it has shown
        that it checks the signatures of webhooks."""
        for app in self.apps:
            if app.kind != "custom" and (back := f"{url}{_RETURN}") not in app.redirect_uris:
                app.redirect_uris.append(back)
            app.webhook_url, app.webhook_on = f"{url}/hooks/xero", True

    def credentials(self) -> list[dict[str, Any]]:
        """What whoever registered the applications would type in."""
        return [
            {
                "name": app.name,
                "kind": app.kind,
                "client_id": app.client_id,
                "client_secret": app.secret,
                "webhook_key": app.webhook_key,
                "redirect_uris": app.redirect_uris,
                "scopes": sorted(app.scopes),
                "tenant": app.tenant.id if app.tenant is not None else None,
            }
            for app in self.apps
        ]

    def _open(self, country: str) -> Tenant:
        name, currency, timezone = _COUNTRIES[country]
        chart = charts.accounts(country, self.new_id)
        tenant = Tenant(self.new_id(), name, country, currency, timezone, chart, charts.tax_rates(country))
        tenant.legal_name, tenant.organisation_id = name, self.new_id()
        for account in chart:
            account.currency = currency if account.type == "BANK" else None
        return tenant

    def _register(self, name: str, kind: str, tenant: Tenant | None = None) -> App:
        secret = None if kind == "pkce" else self.secret()
        scopes = SCOPES - _PERSONAL if kind == "custom" else SCOPES
        ports = [] if kind == "custom" else [f"http://localhost:{port}{_RETURN}" for port in (8000, 8100)]
        return App(
            name,
            self.secret(32).upper(),
            secret,
            kind,
            scopes,
            redirect_uris=ports,
            tenant=tenant,
            webhook_key=self.secret(88),
        )
