"""The books in Xero, as those see them who keep them: from the consent to a payment that comes back."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from housecount_sandbox.happenings import do
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import DESKTOP, NARROW

pytestmark = pytest.mark.browser

_WORKER_MS = 60_000


def test_from_the_consent_to_the_payment_that_comes_back(visit: Visit, house: House) -> None:
    admin = visit("admin")
    page = admin.page
    admin.go("/settings/accounts/connect/")
    page.get_by_role("link", name="Connect to Xero").click()
    page.get_by_role("button", name="Go to Xero").click()
    # Xero's own page, where somebody who thinks better of it is told so, and nothing is connected.
    expect(page.get_by_role("heading", level=1)).to_have_text("Housecount wants to use your books")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You did not let Housecount in")).to_be_visible()
    page.get_by_role("button", name="Go to Xero").click()
    page.get_by_role("button", name="Allow access").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Accounts and tax")
    tenant = house.sandbox.world.xero.tenants[0]
    expect(page.get_by_text(f"{tenant.name} is connected.")).to_be_visible()

    # What was issued before is written by the worker, without anybody asking.
    admin.go("/xero/")
    expect(page.locator("#books")).to_contain_text("Connected")
    document = open_invoice(house)
    admin.go(f"/invoices/{document}/")
    expect(mark(page)).to_contain_text("In Xero", timeout=_WORKER_MS)
    with house.sandbox.world.stage.lock:
        [there] = [each for each in tenant.documents.values() if each.number == number_of(house, document)]
    assert there.status == "AUTHORISED"
    assert page.get_by_role("link", name="Look at it in Xero").get_attribute("href") == (
        f"{house.sandbox.xero_url}/AccountsReceivable/View.aspx?InvoiceID={there.id}"
    )

    # A payment that somebody enters in Xero: the page says so by itself.
    do(house.sandbox.world, {"do": "xero_pay", "document": there.id, "reference": "Bank feed 20917"})
    expect(page.locator(".head .tag", has_text=re.compile("^Paid$"))).to_be_visible(timeout=_WORKER_MS)
    admin.go(f"/invoices/{document}/")
    expect(page.locator("#money").locator("..")).to_contain_text("Bank feed 20917")

    # What somebody changes there is shown with both sides, and changes nothing here.
    fields = {"Reference": there.reference, "DueDate": "2031-01-11"}
    do(house.sandbox.world, {"do": "xero_edit", "document": there.id, "fields": fields})
    expect(mark(page)).to_contain_text("Differs in Xero", timeout=_WORKER_MS)
    page.get_by_role("link", name="See both sides").click()
    expect(page.locator(".differs")).to_contain_text("11 January 2031")

    keeper = visit("bookkeeper")
    keeper.go("/xero/history/")
    keeper.page.get_by_role("searchbox").fill(there.number)
    keeper.page.get_by_role("button", name="Find").click()
    expect(keeper.page.locator(".log")).to_contain_text("PUT /Invoices")
    summary = keeper.page.get_by_text("What was sent and received: PUT /Invoices", exact=True)
    bodies = keeper.page.locator(".bodies", has=summary)
    summary.click()
    expect(bodies.get_by_label("Received")).to_contain_text(f'"InvoiceNumber": "{there.number}"')

    # Fit for everybody's eyes, now that there is something on them.
    wrong = []
    for path in ("/xero/", "/xero/mapping/", "/xero/history/", "/xero/disconnect/", f"/invoices/{document}/"):
        for viewport, scheme in ((DESKTOP, "light"), (NARROW, "dark")):
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=scheme)
            admin.go(path)
            wrong += [*admin.look(), *admin.no_sideways(), *admin.accessible()]
    assert not wrong, "\n".join(wrong)

    # The rest of the house is visited without books again.
    page.set_viewport_size(DESKTOP)
    admin.go("/xero/disconnect/")
    page.get_by_role("button", name="Disconnect it").click()
    expect(page.locator("#books")).to_contain_text("Disconnected")
    assert not admin.heard()


def open_invoice(house: House) -> str:
    """An invoice of the house that we send and that nobody has paid."""
    rows = house.rows(
        "SELECT id::text FROM invoices_document document WHERE organisation_id = %s AND kind = 'invoice'"
        " AND direction = 'receivable' AND number IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM invoices_allocation WHERE document_id = document.id)"
        " AND NOT EXISTS (SELECT FROM invoices_ending WHERE document_id = document.id)"
        " ORDER BY issue_date DESC, number DESC",
        [house.ids["organisation"]],
    )
    return str(rows[0][0])


def number_of(house: House, document: str) -> str:
    return str(house.rows("SELECT number FROM invoices_document WHERE id = %s", [document])[0][0])


def mark(page: Page) -> Locator:
    """How the document is in Xero, on its page."""
    return page.locator(".mark")
