"""Xero's stand-in, served, and a plain client for it."""

from __future__ import annotations

import base64
import hashlib
import json
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from housecount_sandbox import HandClock, Sandbox
from housecount_sandbox.xero.model import App, Tenant
from tests.sandbox.client import Reply

VERIFIER = "v" * 60
CALLBACK = "http://localhost:8000/xero/callback"
SCOPES = "offline_access accounting.invoices accounting.payments accounting.contacts accounting.settings.read"


class Encoder(json.JSONEncoder):
    """Decimals as number tokens, through an int or a float that says the same."""

    def default(self, o: Any) -> Any:
        return float(o) if isinstance(o, Decimal) else super().default(o)


class XeroDesk:
    """Speaks to the stand-in: `call` with the custom connection's token, `form` and `raw` without."""

    def __init__(self, sandbox: Sandbox, clock: HandClock, country: str = "AU") -> None:
        self.sandbox, self.clock = sandbox, clock
        self.world, self.faults, self.limits = sandbox.world, sandbox.faults, sandbox.world.limits
        self.xero = sandbox.world.xero
        self.tenant: Tenant = next(each for each in self.xero.tenants if each.country == country)
        self.web, self.pkce = self.xero.apps[:2]
        self.custom: App = next(each for each in self.xero.apps if each.tenant is self.tenant)
        self._token: str | None = None
        self._contact: str | None = None

    @property
    def token(self) -> str:
        if self._token is None:
            reply = self.form("token", self.custom, grant_type="client_credentials")
            self._token = str(reply.json["access_token"])
        return self._token

    def renew(self) -> None:
        self._token = None

    def raw(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Reply:
        parts = urlsplit(self.sandbox.xero_url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            connection.request(
                method, target, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def form(self, place: str, app: App, **fields: str) -> Reply:
        """A form post to `/connect/<place>` with the application's own name and secret."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if app.secret is None:
            fields["client_id"] = app.client_id
        else:
            pair = base64.b64encode(f"{app.client_id}:{app.secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        return self.raw("POST", f"/connect/{place}", urlencode(fields).encode(), **headers)

    def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None, **headers: str
    ) -> Reply:
        """One API call; `body` is sent as JSON."""
        target = f"/api.xro/2.0/{path}" + (f"?{urlencode(query)}" if query else "")
        sent = body if isinstance(body, bytes | None) else json.dumps(body, cls=Encoder).encode()
        usual = {"Accept": "application/json", "Authorization": f"Bearer {self.token}"}
        return self.raw(method, target, sent, **{**usual, **headers})

    def consent(self, app: App | None = None, scope: str = SCOPES) -> dict[str, str]:
        """Through the consent page: what comes back in the address."""
        digest = hashlib.sha256(VERIFIER.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": (app or self.web).client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "state": "st4te",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        reply = self.raw("GET", f"/identity/connect/authorize?{urlencode(query)}")
        assert reply.status == 302, reply.body
        assert reply.headers["Location"].startswith(CALLBACK)
        return dict(parse_qsl(urlsplit(reply.headers["Location"]).query))

    def exchange(self, code: str, app: App | None = None, verifier: str = VERIFIER) -> Reply:
        return self.form(
            "token",
            app or self.web,
            grant_type="authorization_code",
            code=code,
            redirect_uri=CALLBACK,
            code_verifier=verifier,
        )

    def refresh(self, token: str) -> Reply:
        return self.form("token", self.web, grant_type="refresh_token", refresh_token=token)

    @property
    def contact(self) -> str:
        """A contact to write documents for."""
        if self._contact is None:
            self._contact = str(
                self.made("Contacts", {"Name": "Sample Act", "ContactNumber": "hc-1"})["ContactID"]
            )
        return self._contact

    def made(self, path: str, element: dict[str, Any], method: str = "PUT") -> dict[str, Any]:
        """Write one element and give back what became of it."""
        plural = path.split("/", maxsplit=1)[0]
        reply = self.call(method, path, {plural: [element]}, {"unitdp": "4"})
        assert reply.status == 200, reply.body
        row: dict[str, Any] = reply.json[plural][0]
        return row

    def invoice(self, *lines: tuple[str, str], kind: str = "ACCREC", **fields: Any) -> dict[str, Any]:
        """What to send for a document with lines of (quantity, unit amount)."""
        code, tax = ("200", "OUTPUT") if kind.startswith("ACCREC") else ("310", "INPUT")
        if self.tenant.country != "AU":
            tax += "2"
        return {
            "Type": kind,
            "Contact": {"ContactID": self.contact},
            "Date": "2026-11-20",
            "DueDate": "2026-12-04",
            "LineItems": [
                {
                    "Description": "Set",
                    "Quantity": Decimal(quantity),
                    "UnitAmount": Decimal(unit),
                    "AccountCode": code,
                    "TaxType": tax,
                }
                for quantity, unit in lines or (("1", "100.00"),)
            ],
            **fields,
        }

    def errors(self, plural: str, element: dict[str, Any], method: str = "PUT") -> str:
        """What Xero says about one bad element, asked for element by element."""
        reply = self.call(method, plural, {plural: [element]}, {"summarizeErrors": "false"})
        assert reply.status == 200, reply.body
        (row,) = reply.json[plural]
        assert (row["HasErrors"], row["StatusAttributeString"]) == (True, "ERROR")
        return "; ".join(each["Message"] for each in row["ValidationErrors"])
