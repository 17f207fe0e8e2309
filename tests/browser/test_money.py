"""The books of one night, as the bookkeeper keeps them: from the deposit to the last cent, and what the act is paid.

The night was four weeks ago. Its days are real ones, so that what is due, late and paid is so by itself; only for the
reminders time is moved on, by telling the worker's jobs another moment.
"""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

NIGHT = "Last Month's Laughs"
VENUE, ACT = "The Velvet Room", "Dana Quick"
MELBOURNE = ZoneInfo("Australia/Melbourne")
#: A reminder goes on weekdays from nine to six where the recipient is, two days after the last mail at the earliest.
_MORNING, _APART_DAYS = 10, 3
_WORKER_MS = 45_000


@dataclass
class Books:
    """The bookkeeper at their browser, and the night that they keep the books of."""

    bo: Visitor
    page: Page
    show: str
    night: date

    def days(self, after: int) -> str:
        """The day so many days after the night, as a form takes it."""
        return (self.night + timedelta(days=after)).isoformat()


@pytest.fixture
def books(visit: Visit, house: House) -> Books:
    bo = visit("bookkeeper")
    show, starts_at = house.rows("SELECT id::text, starts_at FROM box_office_show WHERE title = %s", [NIGHT])[
        0
    ]
    return Books(bo, bo.page, show, starts_at.astimezone(MELBOURNE).date())


def test_from_the_deposit_to_the_last_cent(books: Books, visit: Visit, house: House) -> None:
    page = books.page

    # Three weeks before the night: a deposit, due a week before it. The venue pays in time.
    write(books, "deposit_invoice", VENUE, "Deposit for the night", "200", on=-21, due=(7, "before_show"))
    page.locator("#deposit_kind").select_option("part_payment")
    save(page)
    issue(page)
    deposit = number(page)
    assert (figure(page, "Total"), figure(page, "Open")) == ("A$220.00", "A$220.00")
    assert figure(page, "Due") == plain(books.night - timedelta(days=7))
    expect(tag(page, "Overdue")).to_be_visible()  # as of today
    pay(page, on=books.days(-10))
    expect(tag(page, "Paid")).to_be_visible()

    # The night is played: its page counts who came, and leads back to its documents.
    books.bo.go(f"/shows/{books.show}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(NIGHT)
    expect(page.locator("#figures")).to_contain_text("12")
    books.bo.go("/")
    expect(page.locator(".listed", has=page.get_by_role("heading", name="Past"))).to_contain_text(NIGHT)
    books.bo.go(f"/invoices/?show={books.show}")
    expect(page.get_by_role("link", name=re.compile(deposit))).to_be_visible()

    # The day after it: the final invoice takes off the deposit that came.
    write(books, "invoice", VENUE, "The night", "600", on=1, due=(29, "after_show"))
    page.get_by_role("button", name="Work out the totals").last.click()
    page.get_by_label(re.compile(deposit)).check()
    save(page)
    issue(page)
    final, address = number(page), page.url
    assert (figure(page, "Total"), figure(page, "Open")) == ("A$660.00", "A$440.00")
    expect(page.locator("main")).to_contain_text(deposit)
    page.get_by_role("button", name="Send with the PDF").click()
    sent = page.locator("section", has=page.get_by_role("heading", name="Sent", exact=True))
    expect(sent).to_contain_text("bar@velvet.example")
    # By the worker, while the page is open.
    expect(sent).to_contain_text("Taken by the mail server", timeout=_WORKER_MS)

    # The venue pays a part of it, and forgets about the rest.
    pay(page, "140.00", on=books.days(7))
    expect(tag(page, re.compile("part", re.IGNORECASE))).to_be_visible()
    assert figure(page, "Open") == "A$300.00"

    # Days later it is due. One reminder goes, once, and says what is open and what came.
    expect(page.get_by_role("heading", name="Reminders")).to_be_visible()
    due = books.night + timedelta(days=29)
    late = morning(max(due, datetime.now(MELBOURNE).date() + timedelta(days=_APART_DAYS)))
    reminders = mails(house, late, about=final)
    assert [(each["to"], each["subject"]) for each in reminders] == [
        (["bar@velvet.example"], f"Reminder: Invoice {final}")
    ]
    body = reminders[0]["body"]
    assert "A$300.00" in body
    assert "We have received A$360.00 so far, thank you." in body
    assert reminders[0]["attached"] == [f"{final}.pdf"]
    assert mails(house, late, about=final) == []
    page.goto(address)
    expect(sent.get_by_role("row", name=re.compile("Reminder"))).to_contain_text("Taken by the mail server")

    # Its link needs no sign-in: the venue sees what is open, and says when it will come.
    link = re.search(rf"{re.escape(house.url)}(/d/\S+)", body)
    assert link, body
    bar = visit()
    bar.go(link[1])
    expect(bar.page.locator("main")).to_contain_text("A$300.00")

    # The rest comes. A week later, when the next reminder would have been due, nobody is reminded.
    pay(page)
    expect(tag(page, "Paid")).to_be_visible()
    assert figure(page, "Open") == "A$0.00"
    expect(page.get_by_role("heading", name="Reminders")).to_have_count(0)
    assert mails(house, late + timedelta(days=7), about=final) == []
    answer = books.bo.context.request.get(f"{address}pdf/")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body()[:5] == b"%PDF-"


def test_the_act_is_paid_by_a_document_that_the_promoter_writes(
    books: Books, visit: Visit, house: House
) -> None:
    page = books.page

    # Without a written agreement no tax invoice can be written for somebody else.
    write(books, "rcti", ACT, "Headline set", "500", on=1, due=(14, "after_show"))
    save(page)
    draft = page.url
    expect(page.get_by_text("It cannot be issued as it stands")).to_be_visible()
    expect(page.locator(".doubt .reasons")).to_contain_text(re.compile("agreement", re.IGNORECASE))

    # It was there, on paper: it is entered.
    books.bo.go(f"/parties/{house.ids['parties']['act']}/")
    page.get_by_text("Enter a written agreement").click()
    page.get_by_label("Supplies it names").fill("performances")
    form = page.locator("form", has=page.get_by_label("Supplies it names"))
    form.get_by_label("From", exact=True).fill(books.days(-60))
    form.get_by_role("button").click()
    expect(page.get_by_text("In force").first).to_be_visible()

    # Now it is issued, and the act finds it among their own, beside the night.
    page.goto(draft)
    issue(page)
    issued, rcti = page.url, number(page)
    assert figure(page, "Total") == "A$550.00"
    expect(page.locator(".lead")).to_contain_text(NIGHT)
    dana = visit("act")
    dana.page.goto(issued)
    expect(dana.page.get_by_role("heading", level=1)).to_contain_text(rcti)
    expect(dana.page.locator("main")).to_contain_text("A$550.00")

    # It was the wrong amount: what is issued never changes, and is credited.
    page.get_by_role("heading", name="Correct or end it").click()
    page.get_by_role("button", name="Credit all of it").click()
    expect(tag(page, "Credited")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("corrects this document"))).to_contain_text("A$550.00")
    assert (figure(page, "Total"), figure(page, "Open")) == ("A$550.00", "A$0.00")


def write(
    books: Books, kind: str, party: str, what: str, price: str, *, on: int, due: tuple[int, str]
) -> None:
    """Begins a document of one line about the night, dated `on` days after it."""
    books.bo.go(f"/invoices/new/?kind={kind}&show={books.show}")
    page = books.page
    page.locator("#party").select_option(label=party)
    page.locator("#issue_date").fill(books.days(on))
    page.locator("#terms_days").fill(str(due[0]))
    page.locator("#terms_kind").select_option(due[1])
    page.get_by_label("Description").first.fill(what)
    page.get_by_label("Price", exact=True).first.fill(price)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", name="This is a draft")).to_be_visible()


def issue(page: Page) -> None:
    """Approves the draft on the page, and issues it."""
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="Approved, not issued")).to_be_visible()
    page.get_by_role("button", name="Issue", exact=True).click()
    expect(page.get_by_role("heading", name="Approved, not issued")).to_have_count(0)


def pay(page: Page, amount: str = "", on: str = "") -> None:
    """Records a payment of what is open, or of `amount`; today, or `on` another day."""
    before = page.get_by_role("row", name=re.compile("^.*Payment, ")).count()
    for name, value in (("amount", amount), ("paid_on", on)):
        if value:
            page.locator(f"#{name}").fill(value)
    page.get_by_role("button", name="Record the payment").click()
    expect(page.get_by_role("row", name=re.compile("Payment, "))).to_have_count(before + 1)


def mails(house: House, moment: datetime, *, about: str) -> list[dict[str, Any]]:
    """What the worker mails at that moment about one document."""
    said = house.program("tests.browser.later", moment.isoformat())
    return [each for each in json.loads(said) if about in each["subject"]]


def morning(day: date) -> datetime:
    """Ten o'clock in Melbourne on the first weekday from `day` on."""
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, _MORNING, tzinfo=MELBOURNE)


def number(page: Page) -> str:
    """The number of the document on the page."""
    found = re.search(r"[A-Z]+-\d+", page.locator("h1").inner_text())
    assert found
    return found[0]


def tag(page: Page, words: str | re.Pattern[str]) -> Locator:
    return page.locator("h1 .tag", has_text=re.compile(f"^{words}") if isinstance(words, str) else words)


def figure(page: Page, name: str) -> str:
    return (
        page.locator(".stats div", has=page.locator(f"dt:text-is('{name}')")).locator("dd").first.inner_text()
    )


def plain(day: date) -> str:
    """As pages show a day: "Fri 27 Nov 2026"."""
    return f"{day:%a} {day.day} {day:%b %Y}"
