"""Xero's sign-in and its limits, as a client meets them."""

from __future__ import annotations

import threading
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.sandbox.conftest import Running
from tests.sandbox.xero_client import CALLBACK, XeroDesk


@pytest.fixture
def desk(empty: Running) -> XeroDesk:
    return XeroDesk(empty.sandbox, empty.clock)


def bearer(token: str, tenant: str | None = None) -> dict[str, str]:
    more = {"xero_tenant_id": tenant} if tenant else {}
    return {"Authorization": f"Bearer {token}", "Accept": "application/json", **more}


# Consent


def test_a_code_becomes_tokens_and_a_connection(desk: XeroDesk) -> None:
    back = desk.consent()
    assert back["state"] == "st4te"
    assert desk.exchange(back["code"], verifier="w" * 60).json == {"error": "invalid_grant"}
    tokens = desk.exchange(back["code"]).json
    assert (tokens["expires_in"], tokens["token_type"]) == (1800, "Bearer")
    assert desk.exchange(back["code"]).json == {"error": "invalid_grant"}
    (connection,) = desk.raw("GET", "/connections", **bearer(tokens["access_token"])).json
    assert (connection["tenantId"], connection["tenantName"]) == (desk.tenant.id, desk.tenant.name)
    path = "/api.xro/2.0/Organisation"
    assert desk.raw("GET", path, **bearer(tokens["access_token"])).status == 403
    assert desk.raw("GET", path, **bearer(tokens["access_token"], desk.tenant.id)).status == 200
    assert desk.raw("GET", path, **bearer(tokens["access_token"], desk.xero.tenants[1].id)).status == 403


def test_a_browser_sees_a_page_and_says_yes_or_no(desk: XeroDesk) -> None:
    scope = "offline_access accounting.invoices"
    query = {
        "response_type": "code", "client_id": desk.web.client_id, "redirect_uri": CALLBACK, "scope": scope,
        "state": 'st"4te',
    }  # fmt: skip
    path = "/identity/connect/authorize?"
    seen = desk.raw("GET", path + urlencode(query), Accept="text/html,*/*")
    text = seen.body.decode()
    assert (seen.status, desk.xero.codes, desk.xero.connections) == (200, {}, [])
    assert [each.name in text for each in desk.xero.tenants] == [True] * 3
    assert text.count(" checked") == 1
    assert 'value="st&quot;4te"' in text
    for answer, more, expected in (
        ("no", {}, {"error": "access_denied", "state": 'st"4te'}),
        ("yes", {desk.xero.tenants[1].id: "yes"}, None),
    ):
        back = desk.raw("GET", path + urlencode({**query, **more, "answer": answer}), Accept="text/html")
        assert back.status == 302
        told = dict(parse_qsl(urlsplit(back.headers["Location"]).query))
        assert told == expected or (expected is None and told["code"])
    assert [each.tenant for each in desk.xero.connections] == [desk.xero.tenants[1]]
    # Who may not ask at all gets no page to say yes on.
    bad = desk.raw("GET", path + urlencode({**query, "scope": "accounting.transactions"}), Accept="text/html")
    assert "invalid_scope" in bad.headers["Location"]


def test_the_person_refuses_or_ticks_others(desk: XeroDesk) -> None:
    desk.xero.refuses_consent = True
    assert desk.consent()["error"] == "access_denied"
    desk.xero.refuses_consent = False
    desk.exchange(desk.consent()["code"])
    desk.xero.ticked = [desk.xero.tenants[1]]
    token = desk.exchange(desk.consent()["code"]).json["access_token"]
    both = desk.raw("GET", "/connections", **bearer(token)).json
    assert [each["tenantId"] for each in both] == [desk.xero.tenants[1].id, desk.tenant.id]
    event = both[0]["authEventId"]
    (new,) = desk.raw("GET", f"/connections?authEventId={event}", **bearer(token)).json
    assert new["tenantId"] == desk.xero.tenants[1].id


@pytest.mark.parametrize(
    "scope",
    ["accounting.transactions", "accounting.invoices accounting.invoices.read", "accounting.reports", ""],
)
def test_one_bad_scope_fails_the_whole_consent(desk: XeroDesk, scope: str) -> None:
    assert desk.consent(scope=scope)["error"] == "invalid_scope"


def test_strangers_get_no_consent_page_and_no_token(desk: XeroDesk) -> None:
    target = f"/identity/connect/authorize?response_type=code&client_id={desk.web.client_id}&scope=openid"
    assert desk.raw("GET", f"{target}&redirect_uri=https://elsewhere.example/").status == 400
    unfit = desk.form("token", desk.web, grant_type="client_credentials")
    assert unfit.json == {"error": "unauthorized_client"}
    assert desk.form("token", desk.custom, grant_type="password").json["error"] == "unsupported_grant_type"
    for name in (desk.custom.client_id, "nobody"):
        form = f"grant_type=client_credentials&client_id={name}&client_secret=y".encode()
        reply = desk.raw("POST", "/connect/token", form)
        assert (reply.status, reply.json) == (400, {"error": "invalid_client"})


def test_an_application_without_a_secret_must_prove_its_code(desk: XeroDesk) -> None:
    back = desk.consent(desk.pkce)
    assert desk.exchange(back["code"], desk.pkce, verifier="short").status == 400
    assert desk.exchange(back["code"], desk.pkce).status == 200
    target = f"client_id={desk.pkce.client_id}&redirect_uri={CALLBACK}&scope=openid&response_type=code"
    reply = desk.raw("GET", f"/identity/connect/authorize?{target}")
    assert "error=invalid_request" in reply.headers["Location"]


# Tokens


def test_refresh_tokens_rotate_and_the_one_before_has_a_grace(desk: XeroDesk) -> None:
    first = desk.exchange(desk.consent()["code"]).json["refresh_token"]
    second = desk.refresh(first).json["refresh_token"]
    assert second != first
    # The reply was lost: the one before still works, and its second follower is as good.
    third = desk.refresh(first).json["refresh_token"]
    assert desk.refresh(third).status == 200
    # A follower was used, so its reply had come.
    assert desk.refresh(first).json == {"error": "invalid_grant"}
    fourth = desk.refresh(second).json["refresh_token"]
    desk.clock.advance(minutes=31)
    assert desk.refresh(second).json == {"error": "invalid_grant"}
    assert desk.refresh(fourth).status == 200


def test_tokens_grow_old_and_end_with_the_connection(desk: XeroDesk) -> None:
    tokens = desk.exchange(desk.consent()["code"]).json
    desk.clock.advance(minutes=31)
    old = desk.raw("GET", "/connections", **bearer(tokens["access_token"]))
    assert (old.status, "invalid_token" in old.headers["WWW-Authenticate"]) == (401, True)
    fresh = desk.refresh(tokens["refresh_token"]).json
    (connection,) = desk.raw("GET", "/connections", **bearer(fresh["access_token"])).json
    assert desk.raw("DELETE", "/connections/nothing", **bearer(fresh["access_token"])).status == 404
    gone = desk.raw("DELETE", f"/connections/{connection['id']}", **bearer(fresh["access_token"]))
    assert gone.status == 204
    assert desk.refresh(fresh["refresh_token"]).json == {"error": "invalid_grant"}
    again = desk.exchange(desk.consent()["code"]).json
    assert desk.form("revocation", desk.web, token=again["refresh_token"]).status == 200
    assert desk.refresh(again["refresh_token"]).json == {"error": "invalid_grant"}
    unused = desk.exchange(desk.consent()["code"]).json["refresh_token"]
    desk.clock.advance(days=61)
    assert desk.refresh(unused).json == {"error": "invalid_grant"}


def test_a_call_needs_its_scope(desk: XeroDesk) -> None:
    token = desk.exchange(desk.consent(scope="accounting.invoices.read")["code"]).json
    assert "refresh_token" not in token
    who = bearer(token["access_token"], desk.tenant.id)
    assert desk.raw("GET", "/api.xro/2.0/Invoices", **who).status == 200
    refused = desk.raw("PUT", "/api.xro/2.0/Invoices", b"{}", **who)
    assert (refused.status, "insufficient_scope" in refused.headers["WWW-Authenticate"]) == (401, True)
    desk.limits.xero_scope_status, desk.limits.xero_scope_word = 403, "insufficent_scope"
    refused = desk.raw("GET", "/api.xro/2.0/Payments", **who)
    assert (refused.status, "insufficent_scope" in refused.headers["WWW-Authenticate"]) == (403, True)


def test_a_custom_connection_needs_no_organisation_named(desk: XeroDesk) -> None:
    reply = desk.form("token", desk.custom, grant_type="client_credentials", scope="accounting.invoices")
    assert "refresh_token" not in reply.json
    assert desk.raw("GET", "/api.xro/2.0/Invoices", **bearer(reply.json["access_token"])).status == 200
    refused = desk.form("token", desk.custom, grant_type="client_credentials", scope="offline_access")
    assert refused.json == {"error": "invalid_scope"}
    xml = desk.call("GET", "Organisation", Accept="*/*")
    assert (xml.status, xml.headers["Content-Type"]) == (200, "text/xml")
    assert b"<BaseCurrency>AUD</BaseCurrency>" in xml.body


# Limits


def test_a_minute_is_a_fixed_window_and_says_how_long(desk: XeroDesk) -> None:
    desk.limits.xero_per_minute = 3
    left = [desk.call("GET", "Accounts").headers["X-MinLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    full = desk.call("GET", "Accounts")
    assert (full.status, full.headers["X-Rate-Limit-Problem"]) == (429, "minute")
    wait = int(full.headers["Retry-After"])
    assert 0 < wait <= 60
    # Another organisation has a window of its own.
    assert XeroDesk(desk.sandbox, desk.clock, "NZ").call("GET", "Accounts").status == 200
    desk.clock.advance(seconds=wait - 1)
    assert desk.call("GET", "Accounts").status == 429
    desk.clock.advance(seconds=1)
    assert desk.call("GET", "Accounts").status == 200


def test_a_day_is_used_up(desk: XeroDesk) -> None:
    desk.limits.xero_per_day = 2
    assert [desk.call("GET", "Accounts").status for _ in range(3)] == [200, 200, 429]
    full = desk.call("GET", "Accounts")
    assert full.headers["X-Rate-Limit-Problem"] == "day"
    assert full.headers["X-DayLimit-Remaining"] == "0"
    desk.limits.xero_empty_429 = True
    assert desk.call("GET", "Accounts").body == b""
    desk.clock.advance(seconds=int(full.headers["Retry-After"]))
    desk.renew()
    assert desk.call("GET", "Accounts").status == 200


def test_five_at_once_and_no_more(desk: XeroDesk) -> None:
    assert desk.token
    desk.faults.add("latency", platform="xero", seconds=0.4)
    found: list[tuple[int, str | None]] = []

    def ask() -> None:
        reply = desk.call("GET", "Accounts")
        found.append((reply.status, reply.headers.get("X-Rate-Limit-Problem")))

    threads = [threading.Thread(target=ask) for _ in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=str) == [(200, None)] * 5 + [(429, "concurrent")] * 2
    desk.faults.clear()
    assert desk.call("GET", "Accounts").status == 200


# Idempotency


def test_a_key_gives_the_first_answer_again_for_six_minutes(desk: XeroDesk) -> None:
    assert desk.contact
    body = {"Invoices": [desk.invoice(kind="ACCPAY", InvoiceNumber="B-1")]}
    first = desk.call("PUT", "Invoices", body, Idempotency_Key="k1")
    left = int(first.headers["X-MinLimit-Remaining"])
    again = desk.call("PUT", "Invoices", body, Idempotency_Key="k1")
    assert again.body == first.body
    assert int(again.headers["X-MinLimit-Remaining"]) == left - 1
    other = {"Invoices": [desk.invoice(("2", "5.00"), kind="ACCPAY")]}
    assert desk.call("PUT", "Invoices", other, Idempotency_Key="k1").status == 400
    desk.limits.xero_key_mismatch_status = 409
    assert desk.call("PUT", "Invoices", other, Idempotency_Key="k1").status == 409
    desk.clock.advance(minutes=5, seconds=59)
    assert desk.call("PUT", "Invoices", body, Idempotency_Key="k1").body == first.body
    desk.clock.advance(seconds=1)
    late = desk.call("PUT", "Invoices", body, Idempotency_Key="k1")
    assert late.json["Invoices"][0]["InvoiceID"] != first.json["Invoices"][0]["InvoiceID"]
    assert len(desk.tenant.documents) == 2


def test_a_key_replays_errors_and_belongs_to_the_application(desk: XeroDesk) -> None:
    assert desk.contact
    bad = {"Invoices": [desk.invoice(LineAmountTypes="Sideways")]}
    first = desk.call("PUT", "Invoices", bad, Idempotency_Key="k2")
    assert first.status == 400
    assert desk.call("PUT", "Invoices", bad, Idempotency_Key="k2").body == first.body
    good = {"Invoices": [desk.invoice()]}
    desk.faults.add("server_error", platform="xero", count=1)
    assert desk.call("PUT", "Invoices", good, Idempotency_Key="k3").status == 500
    assert desk.call("PUT", "Invoices", good, Idempotency_Key="k3").status == 500
    assert desk.tenant.documents == {}
    # The organisation is no part of it: the other one gets the first one's answer.
    desk.xero.ticked = desk.xero.tenants[:2]
    scope = "accounting.contacts accounting.settings"
    token = desk.exchange(desk.consent(scope=scope)["code"]).json["access_token"]
    contact = b'{"Contacts":[{"Name":"Twice"}]}'
    answers = [
        desk.raw("PUT", "/api.xro/2.0/Contacts", contact, Idempotency_Key="k4", **bearer(token, tenant.id))
        for tenant in desk.xero.ticked
    ]
    assert answers[0].body == answers[1].body
    assert desk.xero.tenants[1].contacts == {}


def test_a_done_thing_whose_reply_was_lost(desk: XeroDesk) -> None:
    assert desk.contact
    body = {"Invoices": [desk.invoice(kind="ACCPAY", InvoiceNumber="B-2")]}
    desk.faults.add("lost_reply", platform="xero", count=1)
    with pytest.raises(ConnectionError):
        desk.call("PUT", "Invoices", body, Idempotency_Key="k5")
    assert len(desk.tenant.documents) == 1
    found = desk.call("PUT", "Invoices", body, Idempotency_Key="k5")
    assert found.json["Invoices"][0]["InvoiceID"] in desk.tenant.documents
    assert len(desk.tenant.documents) == 1
    # A 500 after the deed is replayed as a 500.
    desk.faults.add("lost_reply", platform="xero", mode="error", status=503, count=1)
    answers = [desk.call("PUT", "Invoices", body, Idempotency_Key="k6") for _ in range(2)]
    assert [(reply.status, reply.headers["Content-Type"]) for reply in answers] == [(503, "text/html")] * 2
    assert len(desk.tenant.documents) == 2
    desk.faults.add("lost_reply", platform="xero", mode="late", seconds=0.1, count=1)
    assert desk.call("PUT", "Invoices", body, Idempotency_Key="k7").status == 200
