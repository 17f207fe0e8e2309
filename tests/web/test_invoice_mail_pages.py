"""What became of a document's mails, and what goes on by itself."""

from html.parser import HTMLParser

import pytest
from django.core import mail as outbox

from housecount.invoices import mail
from housecount.tenancy.identity import acting_as
from tests.web.books import Books, checked
from tests.web.stage import look


class _Forms(HTMLParser):
    """The addresses that forms are sent to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.actions: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form" and (action := dict(attrs).get("action")):
            self.actions.append(action)


def test_mails_that_failed_are_shown_and_taken_up_again(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = books.office.issued(books.venue)
    books.post(f"/invoices/{issued.pk}/send/")

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", refuse)
        books.post_mails()
    response = books.client.get(f"/invoices/{issued.pk}/")
    assert "The mail server could not be reached" in checked(response).text
    [again] = [action for action in _Forms(response.content.decode()).actions if "/delivery/" in action]
    assert "tried again within a minute" in books.post(again, do="again").text
    books.post_mails()
    assert len(outbox.outbox) == 1
    assert "Came back" in books.post(again, do="bounced").text


def test_reminders_are_switched_and_a_dispute_settled(books: Books) -> None:
    from housecount.invoices import links

    issued = books.office.issued(books.venue, due_date="2035-01-01")
    page = books.post(f"/invoices/{issued.pk}/remind/", on="no")
    assert "reminders are switched off for it" in page.text
    books.post(f"/invoices/{issued.pk}/remind/", on="yes")
    with acting_as(books.house.system):
        links.dispute(books.document(issued), "Two tables, not four")
    page = look(books.house.bookkeeper, f"/invoices/{issued.pk}/")
    assert "disputes it" in page.text
    assert "Two tables, not four" in page.text
    page = books.post(f"/invoices/{issued.pk}/settle/", words="Agreed on four")
    assert "disputes it" not in page.text


def test_a_document_is_repeated(books: Books) -> None:
    issued = books.office.issued(books.venue, reference="Residency")
    page = books.post(f"/invoices/{issued.pk}/repeat/", name="", rhythm="monthly", first_on="2031-01-31")
    assert "Residency" in page.text
    page = books.post(f"/invoices/{issued.pk}/repeat/", name="x", rhythm="monthly", first_on="")
    assert "Enter the first day" in page.text
    page = books.post(f"/parties/{books.act.pk}/collect/", first_on="2031-01-03")
    assert "What is approved is put into one document" in page.text
    page = look(books.house.bookkeeper, "/invoices/recurring/")
    assert "Collects" in page.text
    response = books.client.get("/invoices/recurring/")
    for action in [each for each in _Forms(response.content.decode()).actions if "recurring/" in each]:
        assert "It has stopped" in books.post(action, on="no").text


def test_recipients_are_the_contacts_and_the_party_itself(books: Books) -> None:
    with acting_as(books.house.system):
        assert mail.recipients_of(books.venue) == [{"email": "bar@attic.example", "copy": "to"}]
