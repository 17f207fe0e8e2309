"""Xero's sign-in: the consent page, tokens with rotation and grace, revocation, connections."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode

from housecount_sandbox.exchange import Answer, Question, Refusal, json_answer
from housecount_sandbox.xero import consent
from housecount_sandbox.xero.answers import not_found, refuse
from housecount_sandbox.xero.model import Access, App, Code, Refresh
from housecount_sandbox.xero.values import encode, iso_text

if TYPE_CHECKING:
    from housecount_sandbox.xero.books import Xero

ACCESS_LIFE = timedelta(minutes=30)
REFRESH_LIFE = timedelta(days=60)
GRACE = timedelta(minutes=30)
CODE_LIFE = timedelta(minutes=5)


def authorize(xero: Xero, question: Question) -> Answer:
    """The consent page: whoever looks at it in a browser says yes or no; for a program, what was set says it at once.
    Then the browser goes back to the application."""
    query = question.query
    app = next((each for each in xero.apps if each.client_id == query.get("client_id")), None)
    uri = query.get("redirect_uri", "")
    if app is None or app.kind == "custom" or app.revoked or uri not in app.redirect_uris:
        return Answer(
            400, b"<html><body><h1>Sorry</h1>unauthorized_client</body></html>", content_type="text/html"
        )
    state = {"state": query["state"]} if "state" in query else {}
    if query.get("response_type") != "code":
        return _back(uri, {"error": "unsupported_response_type", **state})
    scopes = frozenset(query.get("scope", "").split())
    if not _may_ask(app, scopes):
        return _back(uri, {"error": "invalid_scope", **state})
    challenge = query.get("code_challenge")
    if (app.kind == "pkce" and challenge is None) or (
        challenge is not None and query.get("code_challenge_method") != "S256"
    ):
        return _back(uri, {"error": "invalid_request", **state})
    if "text/html" in question.headers.get("accept", "") and "answer" not in query:
        return consent.page(xero, app, query)
    if xero.refuses_consent or query.get("answer") == "no":
        return _back(uri, {"error": "access_denied", **state})
    event = xero.new_id()
    ticked = xero.ticked if "answer" not in query else [each for each in xero.tenants if each.id in query]
    for tenant in ticked:
        xero.connect(app, tenant, event)
    code = Code(xero.secret(), app, scopes, uri, challenge, xero.now(), event)
    xero.codes[code.text] = code
    return _back(uri, {"code": code.text, "scope": " ".join(sorted(scopes)), **state})


def token(xero: Xero, question: Question) -> Answer:
    """`POST /connect/token`: a code, a refresh token, or an application's own name for tokens."""
    form = dict(parse_qsl(question.body.decode("utf-8", "replace"), keep_blank_values=True))
    app = _client(xero, question, form)
    match form.get("grant_type"):
        case "authorization_code" if app.kind != "custom":
            return _exchange(xero, app, form)
        case "refresh_token" if app.kind != "custom":
            return _refresh(xero, app, form)
        case "client_credentials" if app.kind == "custom":
            asked = frozenset(form.get("scope", "").split())
            if asked and not _may_ask(app, asked):
                raise _oauth("invalid_scope")
            return _tokens(xero, app, asked or app.scopes, xero.new_id(), None)
        case "authorization_code" | "refresh_token" | "client_credentials":
            raise _oauth("unauthorized_client")
    raise _oauth("unsupported_grant_type")


def revoke(xero: Xero, question: Question) -> Answer:
    """`POST /connect/revocation`: the refresh token and all its connections end. Unknown tokens are fine too."""
    form = dict(parse_qsl(question.body.decode("utf-8", "replace"), keep_blank_values=True))
    app = _client(xero, question, form)
    found = xero.refreshes.get(form.get("token", ""))
    if found is not None and found.app is app:
        xero.disconnect(app)
    return Answer(200, b"")


def connections(xero: Xero, access: Access, question: Question) -> Answer:
    """Who let the application in, newest consent first."""
    wanted = question.query.get("authEventId")
    rows = [each for each in xero.connections if each.app is access.app and wanted in (None, each.event)]
    return json_answer(
        [
            {
                "id": each.id,
                "authEventId": each.event,
                "tenantId": each.tenant.id,
                "tenantType": "ORGANISATION",
                "tenantName": each.tenant.name,
                "createdDateUtc": iso_text(each.created),
                "updatedDateUtc": iso_text(each.created),
            }
            for each in reversed(rows)
        ]
    )


def end_connection(xero: Xero, access: Access, identity: str) -> Answer:
    """`DELETE /connections/{id}`."""
    for each in xero.connections:
        if each.id == identity and each.app is access.app:
            xero.disconnect(access.app, [each.tenant])
            return Answer(204, b"")
    raise not_found()


def access_of(xero: Xero, question: Question) -> Access:
    """The token of a call; 401 when there is none that is good."""
    kind, _, text = question.headers.get("authorization", "").partition(" ")
    access = xero.accesses.get(text) if kind.lower() == "bearer" else None
    if access is None or access.app.revoked:
        raise refuse(401, "Unauthorized", "AuthenticationUnsuccessful", WWW_Authenticate="Bearer")
    if access.expires <= xero.now():
        raise refuse(
            401,
            "Unauthorized",
            "TokenExpired: token expired",
            WWW_Authenticate='Bearer error="invalid_token"',
        )
    return access


def _may_ask(app: App, scopes: frozenset[str]) -> bool:
    """One scope that is not enabled fails them all, and so does a write scope beside its own read scope."""
    return bool(scopes) and scopes <= app.scopes and not any(f"{scope}.read" in scopes for scope in scopes)


def _back(uri: str, query: dict[str, str]) -> Answer:
    return Answer(302, b"", {"Location": f"{uri}?{urlencode(query)}"})


def _oauth(error: str, status: int = 400) -> Refusal:
    return Refusal(json_answer({"error": error}, status))


def _client(xero: Xero, question: Question, form: dict[str, str]) -> App:
    kind, _, given = question.headers.get("authorization", "").partition(" ")
    identity, secret = form.get("client_id", ""), form.get("client_secret", "")
    if kind.lower() == "basic":
        try:
            name, _, word = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            raise _oauth("invalid_client") from None
        identity, secret = unquote(name), unquote(word)
    app = next((each for each in xero.apps if each.client_id == identity), None)
    if app is None or app.revoked or not compare_digest((app.secret or "").encode(), secret.encode()):
        raise _oauth("invalid_client")
    return app


def _exchange(xero: Xero, app: App, form: dict[str, str]) -> Answer:
    code = xero.codes.get(form.get("code", ""))
    if code is None or code.app is not app or code.used or xero.now() - code.made > CODE_LIFE:
        raise _oauth("invalid_grant")
    if code.redirect_uri != form.get("redirect_uri"):
        raise _oauth("invalid_grant")
    if code.challenge is not None:
        verifier = form.get("code_verifier", "")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if not 43 <= len(verifier) <= 128 or digest != code.challenge:
            raise _oauth("invalid_grant")
    code.used = True
    return _tokens(xero, app, code.scopes, code.event, None)


def _refresh(xero: Xero, app: App, form: dict[str, str]) -> Answer:
    token = xero.refreshes.get(form.get("refresh_token", ""))
    now = xero.now()
    if token is None or token.app is not app or token.replaced or now - token.made > REFRESH_LIFE:
        raise _oauth("invalid_grant")
    if token.used is not None and now - token.used > GRACE:
        raise _oauth("invalid_grant")
    token.used = token.used or now
    if token.parent is not None:
        # Whoever holds the follower had the reply: the token before it ends.
        token.parent.replaced = True
    return _tokens(xero, app, token.scopes, token.event, token)


def _tokens(xero: Xero, app: App, scopes: frozenset[str], event: str, parent: Refresh | None) -> Answer:
    now = xero.now()
    claims = {
        "exp": int((now + ACCESS_LIFE).timestamp()),
        "authentication_event_id": event,
        "scope": sorted(scopes),
    }
    middle = base64.urlsafe_b64encode(encode(claims)).decode().rstrip("=")
    access = Access(f"eyJhbGciOiJub25lIn0.{middle}.{xero.secret(43)}", app, scopes, now + ACCESS_LIFE, event)
    xero.accesses[access.text] = access
    data = {
        "access_token": access.text,
        "expires_in": int(ACCESS_LIFE.total_seconds()),
        "token_type": "Bearer",
        "scope": " ".join(sorted(scopes)),
    }
    if "offline_access" in scopes:
        refresh = Refresh(xero.secret(43), app, scopes, now, event, parent)
        xero.refreshes[refresh.text] = refresh
        data["refresh_token"] = refresh.text
    return json_answer(data)
