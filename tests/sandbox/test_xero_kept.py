"""The sandbox's Xero beyond its API: the page a link leads to, and books that are there again at the next start."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from housecount_sandbox import Sandbox, World
from housecount_sandbox.happenings import do
from housecount_sandbox.xero.keeping import Keeper

SEASON = "blank 7"


def written(world: World) -> str:
    """A document that a person made, and its id."""
    contact = do(world, {"do": "xero_contact", "fields": {"Name": "Example Hall & Sons"}})["contact"]
    line = {"Description": "Hire <b>of</b> it", "Quantity": 1, "UnitAmount": 250, "AccountCode": "200"}
    fields = {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact},
        "LineItems": [line],
        "Status": "AUTHORISED",
    }
    fields |= {"Date": "2026-11-27", "DueDate": "2026-12-11"}
    return str(do(world, {"do": "xero_write", "fields": fields})["document"])


def test_a_link_leads_to_the_document() -> None:
    world = World.blank(seed=7)
    document = written(world)
    with Sandbox(world) as sandbox:
        address = f"{sandbox.xero_url}/AccountsReceivable/View.aspx?InvoiceID="
        with urllib.request.urlopen(address + document, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/html")
            text = answer.read().decode()
        assert "Example Hall &amp; Sons" in text
        assert "Hire &lt;b&gt;of&lt;/b&gt; it" in text
        assert "Total 275.00 AUD" in text
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(f"{address}nothing", timeout=10)
        assert refused.value.code == 404
        refused.value.close()


def test_books_are_kept_for_the_next_start_of_the_same_season(tmp_path: Path) -> None:
    path = tmp_path / "books"
    world = World.blank(seed=7)
    keeper = Keeper(world.xero, path, SEASON)
    assert not keeper.load()
    document = written(world)
    keeper.save()
    assert path.stat().st_mode & 0o077 == 0, "it holds tokens"
    before = path.read_bytes()
    keeper.save()
    assert path.read_bytes() == before

    again = World.blank(seed=7)
    assert Keeper(again.xero, path, SEASON).load()
    tenant = again.xero.tenants[0]
    assert tenant.documents[document].contact in tenant.contacts.values()
    assert next(each for each in again.xero.apps if each.tenant is tenant).kind == "custom"
    do(again, {"do": "xero_pay", "document": document})
    assert tenant.documents[document].left == 0
    assert again.xero.new_id() not in {document, *tenant.contacts}

    # A file of an earlier version, which knew nothing of some fields: they are as they would begin.
    del world.xero.tenants[0].advances, world.xero.tenants[0].accounts[0].currency
    old = Keeper(world.xero, tmp_path / "old", SEASON)
    old.save()
    grown = World.blank(seed=7)
    assert Keeper(grown.xero, tmp_path / "old", SEASON).load()
    assert (grown.xero.tenants[0].advances, grown.xero.tenants[0].accounts[0].currency) == ({}, None)
    do(grown, {"do": "xero_pay", "document": document})
    assert grown.xero.tenants[0].documents[document].left == 0

    with pytest.raises(ValueError, match="another season"):
        Keeper(World.blank(seed=7).xero, path, "another").load()
    path.write_bytes(b"broken")
    with pytest.raises(ValueError, match="cannot be read"):
        Keeper(World.blank(seed=7).xero, path, SEASON).load()
