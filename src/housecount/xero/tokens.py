"""Signing in to Xero: tokens by client credentials or by consent, renewed under the connection's row lock.

A refresh gives a new refresh token, and the one before still works for half an hour. So the new one is committed
before the access token is used, and a lost reply leaves the old one in place: the next try simply uses it again.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode
from uuid import UUID

import httpx2
import msgspec

from housecount.installation import environment
from housecount.platforms.base.errors import Transient
from housecount.tenancy import crypto
from housecount.tenancy.crypto import Secret
from housecount.xero.errors import NotConnected, SignInFailed
from housecount.xero.models import Connection, State

#: What our work needs; an application made since March 2026 may ask for no broader scope.
SCOPES = (
    "accounting.invoices",
    "accounting.payments",
    "accounting.contacts",
    "accounting.attachments",
    "accounting.settings.read",
)
#: A token with less life than this is renewed before it is used.
SPARE = timedelta(minutes=5)
_SECONDS = 20.0


class _Reply(msgspec.Struct):
    access_token: str = ""
    expires_in: int = 1800
    refresh_token: str = ""
    scope: str = ""


class _Refusal(msgspec.Struct):
    error: str = ""


class _Claims(msgspec.Struct):
    authentication_event_id: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """The application that is registered with Xero. A PKCE application has no secret."""

    client_id: str
    secret: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What Xero gave: `refresh` is empty for a custom connection."""

    access: Secret
    refresh: Secret
    expires_at: datetime
    scopes: str


def configured_app() -> App:
    """The application of `XERO_CLIENT_ID` and `XERO_CLIENT_SECRET`. Raises `NotConnected` when they are not set."""
    found = environment.load()
    if not found.xero_client_id:
        raise NotConnected(
            "Housecount does not know its registration with Xero: set XERO_CLIENT_ID and XERO_CLIENT_SECRET, "
            "which Xero's developer portal shows."
        )
    return App(found.xero_client_id, Secret(found.xero_client_secret or ""))


def new_verifier() -> str:
    """A PKCE verifier: 86 random characters (RFC 7636 asks for 43 to 128)."""
    return secrets.token_urlsafe(64)


def address_to_open(app: App, redirect_uri: str, state: str, verifier: str) -> str:
    """Where a person consents."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(("offline_access", *SCOPES)),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{environment.load().xero_login_url}/identity/connect/authorize?{urlencode(query)}"


def by_client_credentials(app: App) -> Tokens:
    """Tokens of a custom connection. Raises `SignInFailed`, `Transient`.

    Some applications may not read the settings alone, so the broader scope is tried when Xero knows no narrower one.
    """
    form = {"grant_type": "client_credentials", "scope": " ".join(SCOPES)}
    try:
        return _ask(app, form)
    except SignInFailed as error:
        if "invalid_scope" not in error.message:
            raise
    form["scope"] = form["scope"].replace("settings.read", "settings")
    return _ask(app, form)


def by_code(app: App, code: str, verifier: str, redirect_uri: str) -> Tokens:
    """Tokens for the code that a consent gave. Raises `SignInFailed`, `Transient`."""
    return _ask(
        app,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        },
    )


def consent_of(access: Secret) -> str:
    """Which consent a token came from, as /connections names it; "" where the token does not say."""
    try:
        middle = access.reveal().split(".")[1]
        claims = msgspec.json.decode(
            base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)), type=_Claims
        )
    except (IndexError, ValueError, msgspec.MsgspecError):
        return ""
    return claims.authentication_event_id


def revoke(app: App, refresh: Secret) -> None:
    """End a consent at Xero. Raises `SignInFailed`, `Transient`."""
    _post("revocation", app, {"token": refresh.reveal()})


def keep(connection: Connection, tokens: Tokens, now: datetime) -> None:
    """Put tokens into the row (not saved)."""
    connection.access_token = crypto.encrypt(tokens.access)
    connection.access_expires_at = tokens.expires_at
    connection.refresh_token = crypto.encrypt(tokens.refresh) if tokens.refresh else b""
    connection.refreshed_at = now
    connection.scopes = tokens.scopes or connection.scopes


def access_token(
    organisation_id: UUID, *, refused: Secret | None = None, now: datetime | None = None
) -> Secret:
    """A token that works, renewed when it has little life left or when it is the one that was `refused`.

    Call it in a transaction of its own: the row stays locked while Xero is asked, so that eight processes make one
    refresh, and what was given is committed when it hands back. Raises `NotConnected`, `SignInFailed`, `Transient`.
    """
    moment = now or datetime.now(UTC)
    row = Connection.objects.select_for_update().filter(organisation_id=organisation_id).first()
    if row is None or row.state != State.CONNECTED:
        raise NotConnected((row.trouble if row else "") or "Xero is not connected: housecount xero connect.")
    held = crypto.decrypt(row.access_token) if row.access_token else Secret("")
    fresh = row.access_expires_at is not None and row.access_expires_at - moment > SPARE
    if held and fresh and held != refused:
        return held
    tokens = _renewed(row)
    keep(row, tokens, moment)
    row.save(update_fields=["access_token", "access_expires_at", "refresh_token", "refreshed_at", "scopes"])
    return tokens.access


def _renewed(row: Connection) -> Tokens:
    app = App(row.client_id, crypto.decrypt(row.client_secret) if row.client_secret else Secret(""))
    if row.custom:
        return by_client_credentials(app)
    form = {"grant_type": "refresh_token", "refresh_token": crypto.decrypt(row.refresh_token).reveal()}
    try:
        return _ask(app, form)
    except Transient:
        # The reply may be lost after Xero had given a new one: the one we hold is good for half an hour more.
        return _ask(app, form)


def _ask(app: App, form: Mapping[str, str]) -> Tokens:
    began = datetime.now(UTC)
    body = _post("token", app, form)
    try:
        reply = msgspec.json.decode(body, type=_Reply)
    except msgspec.DecodeError:
        raise Transient("Xero's sign-in sent a page where a token was due. It will be asked again.") from None
    if not reply.access_token:
        raise Transient("Xero's sign-in answered without a token. It will be asked again.")
    return Tokens(
        Secret(reply.access_token),
        Secret(reply.refresh_token),
        began + timedelta(seconds=max(0, min(reply.expires_in, 86_400))),
        reply.scope,
    )


def _post(place: str, app: App, form: Mapping[str, str]) -> bytes:
    """The body of a good answer. What fails may quote secrets, so no cause is kept."""
    fields, headers = dict(form), {"Accept": "application/json"}
    if app.secret:
        pair = f"{quote(app.client_id, safe='')}:{quote(app.secret.reveal(), safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        fields["client_id"] = app.client_id
    try:
        answer = httpx2.post(
            f"{environment.load().xero_identity_url}/connect/{place}",
            data=fields,
            headers=headers,
            timeout=_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        raise Transient("Xero's sign-in did not answer. It will be asked again.") from None
    if 200 <= answer.status_code < 300:
        return answer.content
    if answer.status_code in (400, 401, 403):
        raise SignInFailed(_why(answer.content))
    raise Transient(f"Xero's sign-in failed ({answer.status_code}). It will be asked again.")


def _why(body: bytes) -> str:
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
    except msgspec.DecodeError:
        error = ""
    return {
        "invalid_client": "Xero does not know this application or its secret (invalid_client). Check "
        "XERO_CLIENT_ID and XERO_CLIENT_SECRET, then connect again.",
        "invalid_grant": "Xero does not accept our consent any more (invalid_grant): it was withdrawn, or not used "
        "for 60 days. Connect again.",
        "invalid_scope": "This application may not ask for what Housecount needs (invalid_scope). Enable these scopes "
        f"in Xero's developer portal: {', '.join(SCOPES)}.",
        "unauthorized_client": "This application may not sign in this way (unauthorized_client). A custom connection "
        "is connected as such (--custom), and any other application by consent.",
    }.get(error, f"Xero refused the sign-in ({error[:60] or 'without a reason'}). Connect again.")
