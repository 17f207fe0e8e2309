"""Letting Housecount in: what fits, what is kept, and tokens that nobody loses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from housecount.installation import environment
from housecount.tenancy import crypto
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import acting_as
from housecount.xero import services, tokens
from housecount.xero.errors import DoesNotFit, NotConnected, SignInFailed
from housecount.xero.models import Connection
from tests.xero.desk import Desk, open_desk

CALLBACK = "http://localhost:8000/xero/callback"

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


@pytest.fixture
def web(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The same with the application that asks for consent."""
    app = desk.world.xero.apps[0]
    desk.app = app
    monkeypatch.setenv("XERO_CLIENT_ID", app.client_id)
    monkeypatch.setenv("XERO_CLIENT_SECRET", app.secret or "")
    environment.load.cache_clear()
    return desk


def opened(desk: Desk) -> dict[str, str]:
    """Through the consent page, as a browser: what it brings back."""
    with acting_as(desk.office.identity):
        address = services.begin_consent(desk.office.organisation_id)
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    location = connection.getresponse().headers["Location"]
    connection.close()
    assert location.startswith(CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def finish(desk: Desk, back: dict[str, str], **options: Any) -> Connection:
    work = services.finish_consent(desk.office.organisation_id, back["state"], back["code"], **options)
    return asyncio.run(work)


def ask(desk: Desk, **options: Any) -> Secret:
    with acting_as(desk.office.identity):
        return tokens.access_token(desk.office.organisation_id, **options)


def test_a_custom_connection_reads_maps_and_keeps_no_plain_secret(desk: Desk) -> None:
    desk.person("lock", period="2026-06-30", year_end="2025-06-30")
    row = desk.connect(bank="091")
    status = desk.status()
    assert (status["state"], status["organisation"], status["country"]) == (
        "connected",
        desk.tenant.name,
        "AU",
    )
    assert status["locked_until"].isoformat() == "2026-06-30"
    mapped = {each["purpose"]: each["code"] for each in status["mapping"]}
    assert {name: mapped[name] for name in ("sales", "costs", "bank", "withheld")} == {
        "sales": "200",
        "costs": "310",
        "bank": "091",
        "withheld": "825",
    }
    assert (mapped["receivable.taxable"], mapped["payable.gst_free"]) == ("OUTPUT", "EXEMPTEXPENSES")
    for column in (row.client_secret, row.access_token):
        assert (desk.app.secret or "").encode() not in bytes(column)
        assert b"eyJ" not in bytes(column)
    with acting_as(desk.office.identity):
        services.set_mapping(desk.office.organisation_id, {"sales": "260"})
        for wrong in ({"sales": "999"}, {"bank": "200"}, {"payable.taxable": "GST"}, {"tea": "200"}):
            with pytest.raises(DoesNotFit):
                services.set_mapping(desk.office.organisation_id, wrong)
    # Connected again, what a person has mapped stays.
    desk.connect()
    mapped = {each["purpose"]: each["code"] for each in desk.status()["mapping"]}
    assert (mapped["sales"], mapped["bank"]) == ("260", "091")


@pytest.mark.parametrize(
    ("country", "said"), [("NZ", "is in New Zealand, and"), ("US", "taxes Housecount does not know (US)")]
)
def test_an_organisation_that_does_not_fit_is_refused_in_words(desk: Desk, country: str, said: str) -> None:
    with desk.world.stage.lock:
        theirs = desk.world.xero.tenants[1]
        desk.app.tenant = theirs
    if country == "US":
        theirs.country = "GB"  # rendered as it is, then changed on the wire
        desk.faults.add(
            "unknown_value", platform="xero", path="Organisation", field="CountryCode", value="US"
        )
    with pytest.raises(DoesNotFit) as caught:
        desk.connect()
    assert said in caught.value.message
    assert desk.status()["connected"] is False


def test_other_currencies_accounts_and_secrets_are_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.tenant.currency = "USD"
    with pytest.raises(DoesNotFit, match="keeps its books in USD"):
        desk.connect()
    desk.tenant.currency = "AUD"
    with pytest.raises(DoesNotFit, match="no account 200 that payments"):
        desk.connect(bank="200")
    for account in desk.tenant.accounts:
        account.status = "ARCHIVED" if account.kind == "REVENUE" else account.status
    with pytest.raises(DoesNotFit, match="no active account for sales"):
        desk.connect()
    monkeypatch.setenv("XERO_CLIENT_SECRET", "wrong")
    environment.load.cache_clear()
    with pytest.raises(SignInFailed, match="invalid_client"):
        desk.connect()
    monkeypatch.delenv("XERO_CLIENT_ID")
    environment.load.cache_clear()
    with pytest.raises(NotConnected, match="XERO_CLIENT_ID"):
        desk.connect()


def test_a_consent_is_used_once_and_only_by_who_began_it(web: Desk) -> None:
    web.person("consent", tenants=["AU", "NZ"])
    with pytest.raises(DoesNotFit, match="Several organisations"):
        finish(web, opened(web))
    back = opened(web)
    with pytest.raises(NotConnected):
        finish(web, {**back, "state": "guessed"})
    row = finish(web, back, tenant_id=web.tenant.id)
    assert (row.tenant_id, row.tenant_name, row.custom) == (web.tenant.id, web.tenant.name, False)
    with pytest.raises(NotConnected, match="used up"):
        finish(web, back)
    late = opened(web)
    with pytest.raises(NotConnected):
        finish(web, late, now=datetime.now(UTC) + timedelta(minutes=31))
    web.person("consent", refuses=True)
    assert opened(web)["error"] == "access_denied"


def test_what_an_earlier_consent_let_us_into_is_not_asked_about_again(web: Desk) -> None:
    web.person("consent", tenants=["NZ"])
    with pytest.raises(DoesNotFit, match="is in New Zealand"):
        finish(web, opened(web))
    web.person("consent", tenants=["AU"])
    assert finish(web, opened(web)).tenant_id == web.tenant.id
    # Where the token does not say which consent it is of, all of them are there to choose from.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "consent_of", lambda _: "")
        with pytest.raises(DoesNotFit, match="Several organisations"):
            finish(web, opened(web))
    for odd in ("", "opaque", "a.b.c", "a.e30.c", "a.W10.c"):
        assert tokens.consent_of(Secret(odd)) == ""


def test_a_refresh_is_made_once_by_eight_and_a_lost_reply_loses_nothing(web: Desk) -> None:
    finish(web, opened(web), tenant_id=web.tenant.id)
    held = ask(web)
    assert ask(web) == held
    before = web.sandbox.requests("xero")["/connect/token"]
    found: list[Secret] = []

    def renew() -> None:
        from django.db import connections

        found.append(ask(web, refused=held))
        connections.close_all()

    threads = [threading.Thread(target=renew) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert {each.reveal() for each in found} == {ask(web).reveal()} != {held.reveal()}
    assert web.sandbox.requests("xero")["/connect/token"] == before + 1
    # Done at Xero, and the reply lost twice: the token we hold still works.
    kept = crypto.decrypt(web.row().refresh_token)
    web.faults.add("lost_reply", platform="xero", path="/connect/token", count=2)
    with pytest.raises(Exception, match="did not answer"):
        ask(web, refused=found[0])
    assert crypto.decrypt(web.row().refresh_token) == kept
    assert web.row().state == "connected"
    assert ask(web, refused=found[0]) != found[0]
    assert crypto.decrypt(web.row().refresh_token) != kept


def test_disconnecting_ends_the_consent_there_too(web: Desk) -> None:
    finish(web, opened(web), tenant_id=web.tenant.id)
    assert len(web.world.xero.connections) == 1
    row = asyncio.run(services.disconnect(web.office.organisation_id))
    assert (row.state, bytes(row.access_token), bytes(row.refresh_token)) == ("disconnected", b"", b"")
    assert web.world.xero.connections == []
    with pytest.raises(NotConnected):
        web.push()


def test_a_token_that_is_refused_is_renewed_once_and_a_withdrawn_consent_is_said(web: Desk) -> None:
    finish(web, opened(web), tenant_id=web.tenant.id)
    with web.world.stage.lock:
        web.world.xero.accesses.clear()
    assert web.push().stopped == ""
    web.person("disconnect")
    stopped = web.push()
    assert "Connect again" in stopped.stopped
    assert web.status()["state"] == "needs_reconnect"
