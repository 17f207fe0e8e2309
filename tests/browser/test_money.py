"""From a deposit to the last cent, and a document that the payer writes: the bookkeeper's story of a show."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def write(visitor: Visitor, kind: str, party: str, what: str, price: str, **chosen: str) -> None:
    """A new draft of one line; ends on its page."""
    visitor.go(f"/invoices/new/?kind={kind}")
    page = visitor.page
    page.locator("#party").select_option(label=party)
    for name, value in chosen.items():
        page.locator(f"#{name}").select_option(value)
    page.get_by_label("Description").first.fill(what)
    page.get_by_label("Price", exact=True).first.fill(price)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", name="This is a draft")).to_be_visible()


def issue(page: Page) -> None:
    """Approves the draft on the page, and issues it."""
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="Approved, not issued")).to_be_visible()
    even_so = page.get_by_label("It is another one")
    if even_so.count():
        even_so.check()
    page.get_by_role("button", name="Issue", exact=True).click()
    expect(page.get_by_role("heading", name="Approved, not issued")).to_have_count(0)


def pay(page: Page, amount: str = "") -> None:
    """Records a payment of what is open, or of `amount`."""
    if amount:
        page.locator("#amount").fill(amount)
    page.get_by_role("button", name="Record the payment").click()


def figure(page: Page, name: str) -> str:
    return (
        page.locator(".stats div", has=page.locator(f"dt:text-is('{name}')")).locator("dd").first.inner_text()
    )


def test_a_deposit_the_final_invoice_less_it_and_its_payment_in_parts(visit: Visit, house: House) -> None:
    bo = visit("bookkeeper")
    page = bo.page
    write(
        bo, "deposit_invoice", "The Velvet Room", "Deposit for the night", "200", deposit_kind="part_payment"
    )
    save(page)
    issue(page)
    assert figure(page, "Total") == "A$220.00"
    pay(page)
    expect(page.locator("h1 .tag", has_text="Paid")).to_be_visible()
    deposit = page.locator("h1").inner_text()
    number = re.search(r"[A-Z]+-\d+", deposit)
    assert number, deposit

    write(bo, "invoice", "The Velvet Room", "The night", "600")
    page.get_by_role("button", name="Work out the totals").last.click()
    page.get_by_label(re.compile(re.escape(number[0]))).check()
    save(page)
    issue(page)
    assert (figure(page, "Total"), figure(page, "Open")) == ("A$660.00", "A$440.00")
    expect(page.locator("main")).to_contain_text(number[0])

    pay(page, "140.00")
    expect(page.locator("h1 .tag", has_text=re.compile("part", re.IGNORECASE))).to_be_visible()
    assert figure(page, "Open") == "A$300.00"
    expect(page.get_by_role("heading", name="Reminders")).to_be_visible()
    page.get_by_role("button", name="Switch reminders off").click()
    expect(page.get_by_text("Nobody is reminded:")).to_be_visible()
    page.get_by_role("button", name="Switch reminders on").click()
    page.get_by_role("button", name="Send with the PDF").click()
    sent = page.locator("section", has=page.get_by_role("heading", name="Sent", exact=True))
    expect(sent).to_contain_text("bar@velvet.example")
    pay(page)
    expect(page.locator("h1 .tag", has_text=re.compile("^Paid"))).to_be_visible()
    assert figure(page, "Open") == "A$0.00"
    answer = bo.context.request.get(f"{page.url}pdf/")
    assert answer.body()[:5] == b"%PDF-"
    assert answer.headers["content-type"] == "application/pdf"


def test_an_rcti_is_refused_without_an_agreement_issued_with_one_and_credited(
    visit: Visit, house: House
) -> None:
    bo = visit("bookkeeper")
    page = bo.page
    write(bo, "rcti", "Dana Quick", "Headline set", "500")
    save(page)
    draft = page.url
    expect(page.get_by_text("It cannot be issued as it stands")).to_be_visible()
    expect(page.locator(".doubt .reasons")).to_contain_text(re.compile("agreement", re.IGNORECASE))

    bo.go(f"/parties/{house.ids['parties']['act']}/")
    page.get_by_text("Enter a written agreement").click()
    page.get_by_label("Supplies it names").fill("performances")
    form = page.locator("form", has=page.get_by_label("Supplies it names"))
    form.get_by_label("From", exact=True).fill("2026-01-01")
    form.get_by_role("button").click()
    expect(page.get_by_text("In force").first).to_be_visible()

    page.goto(draft)
    issue(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"RCTI|RCT-|\d"))
    assert figure(page, "Total") == "A$550.00"
    issued = page.url

    dana = visit("act")
    dana.page.goto(issued)
    expect(dana.page.get_by_role("heading", level=1)).to_be_visible()
    expect(dana.page.locator("main")).to_contain_text("A$550.00")

    page.get_by_role("heading", name="Correct or end it").click()
    page.get_by_role("button", name="Credit all of it").click()
    page.goto(issued)
    expect(page.locator("main")).to_contain_text(re.compile("credit note|adjustment", re.IGNORECASE))
    assert figure(page, "Open") == "A$0.00"
